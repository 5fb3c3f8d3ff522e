//! The sizes of a model, and the marks of its family.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{ModelError, Result};
use crate::kernels::Heads;

/// The scaling of positions beyond those of the first training.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// No scaling.
    None,
    /// Positions divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Each rotation slowed down by a factor of its own, as GGUF files of Llama 3.1 have it.
    Factors(Vec<f64>),
    /// Slow rotations stretched, fast ones left, as Llama 3.1 does.
    Llama3 {
        /// The factor by which slow rotations are stretched.
        factor: f64,
        /// Turns in the original context below which a rotation is slow.
        low: f64,
        /// Turns in the original context above which a rotation is fast.
        high: f64,
        /// Tokens of the original context.
        original: f64,
    },
}

/// The sizes of a Llama-family model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Family: `llama`, `mistral`, `qwen2` or `qwen3`.
    pub architecture: &'static str,
    /// Number of layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Key and value heads (grouped-query attention).
    pub kv_heads: usize,
    /// Width of one head.
    pub head_width: usize,
    /// Width of the feed-forward layer.
    pub intermediate: usize,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Longest context, in tokens.
    pub context: usize,
    /// Base of the rotary embedding.
    pub rope_base: f64,
    /// Its scaling.
    pub rope_scaling: RopeScaling,
    /// Epsilon of the RMS norms.
    pub norm_epsilon: f64,
    /// True if the output layer is the embedding.
    pub tied: bool,
    /// True if each query and key head is normalised (Qwen3).
    pub head_norm: bool,
}

/// Families, by their names in `config.json` and GGUF.
const ARCHITECTURES: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];
const KNOWN: &str = "llama, mistral, qwen2, qwen3";
/// No size of a model is larger.
const MAX_SIZE: usize = 1 << 24;

pub(super) fn architecture(name: &str) -> Result<&'static str> {
    let known = ARCHITECTURES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| ModelError::Unsupported { what: "architecture", found: name.into(), known: KNOWN })
}

/// Refuses models of experts, which some files call by the family's name alone.
pub(super) fn experts(family: &str, count: Option<u64>) -> Result<()> {
    match count {
        None | Some(0) => Ok(()),
        Some(count) => {
            let found = format!("{family} of {count} experts");
            Err(ModelError::Unsupported { what: "architecture", found, known: KNOWN })
        }
    }
}

/// The family that a `config.json` names.
pub(super) fn hub_family(config: &Value) -> Result<&'static str> {
    let family = architecture(config["model_type"].as_str().unwrap_or_default())?;
    experts(family, config["num_local_experts"].as_u64().or(config["num_experts"].as_u64()))?;
    Ok(family)
}

#[derive(Deserialize)]
struct HubConfig {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    hidden_act: Option<String>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    #[serde(default)]
    tie_word_embeddings: bool,
}

impl ModelConfig {
    /// Reads Hugging Face's `config.json`.
    pub(super) fn from_hub(bytes: &[u8]) -> Result<Self> {
        const FILE: &str = "config.json";
        // The family first: another one's file has other fields.
        let value: Value = serde_json::from_slice(bytes).map_err(|e| ModelError::malformed(FILE, e))?;
        let architecture = hub_family(&value)?;
        let hub: HubConfig = serde_json::from_value(value).map_err(|e| ModelError::malformed(FILE, e))?;
        debug_assert_eq!(hub.model_type, architecture);
        if let Some(found) = hub.hidden_act.filter(|act| act != "silu") {
            return Err(ModelError::Unsupported { what: "hidden_act", found, known: "silu" });
        }
        let rope = hub.rope_parameters.as_ref().filter(|v| !v.is_null());
        let rope_base = rope.and_then(|r| r["rope_theta"].as_f64()).or(hub.rope_theta).unwrap_or(10_000.0);
        let scaling = rope.or(hub.rope_scaling.as_ref().filter(|v| !v.is_null()));
        // Inside the window a sliding one is none; longer contexts are refused.
        let window = hub.sliding_window.filter(|_| hub.use_sliding_window != Some(false));
        let config = Self {
            architecture,
            layers: hub.num_hidden_layers,
            hidden: hub.hidden_size,
            heads: hub.num_attention_heads,
            kv_heads: hub.num_key_value_heads.unwrap_or(hub.num_attention_heads),
            head_width: hub.head_dim.unwrap_or(hub.hidden_size / hub.num_attention_heads.max(1)),
            intermediate: hub.intermediate_size,
            vocab_size: hub.vocab_size,
            context: hub.max_position_embeddings.min(window.unwrap_or(usize::MAX)),
            rope_base,
            rope_scaling: scaling.map_or(Ok(RopeScaling::None), rope_scaling)?,
            norm_epsilon: hub.rms_norm_eps,
            tied: hub.tie_word_embeddings,
            head_norm: architecture == "qwen3",
        };
        config.checked(FILE)
    }

    /// Refuses sizes that no model has.
    pub(super) fn checked(self, what: &str) -> Result<Self> {
        let sizes = [
            ("layers", self.layers),
            ("hidden size", self.hidden),
            ("heads", self.heads),
            ("key heads", self.kv_heads),
            ("head width", self.head_width),
            ("intermediate size", self.intermediate),
            ("vocabulary", self.vocab_size),
            ("context", self.context),
        ];
        if let Some((name, size)) = sizes.into_iter().find(|(_, size)| !(1..MAX_SIZE).contains(size)) {
            return Err(ModelError::malformed(what, format!("{name} of {size}, expected 1 to {MAX_SIZE}")));
        }
        if !self.heads.is_multiple_of(self.kv_heads) || !self.head_width.is_multiple_of(2) {
            let (heads, keys, width) = (self.heads, self.kv_heads, self.head_width);
            let reason = format!("{heads} heads of width {width} with {keys} key heads");
            return Err(ModelError::malformed(what, reason));
        }
        if !(self.rope_base.is_finite() && self.rope_base > 1.0 && self.norm_epsilon > 0.0) {
            return Err(ModelError::malformed(what, "base of the rotary embedding or epsilon of the norms"));
        }
        Ok(self)
    }

    /// Rotations per token, in radians, of each pair of a head.
    pub(crate) fn rope_rates(&self) -> Vec<f64> {
        let half = self.head_width / 2;
        let rates = (0..half).map(|i| self.rope_base.powf(-(i as f64) / half as f64));
        match &self.rope_scaling {
            RopeScaling::None => rates.collect(),
            RopeScaling::Linear { factor } => rates.map(|rate| rate / factor).collect(),
            RopeScaling::Factors(factors) => rates.zip(factors).map(|(rate, factor)| rate / factor).collect(),
            RopeScaling::Llama3 { factor, low, high, original } => rates
                .map(|rate| {
                    let turns = original * rate / std::f64::consts::TAU;
                    let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - fast) * rate / factor + fast * rate
                })
                .collect(),
        }
    }

    /// Input and output widths of a linear module, by its place in [`LINEAR_MODULES`](super::LINEAR_MODULES).
    pub(crate) fn module_shape(&self, module: usize) -> (usize, usize) {
        let (queries, keys) = (self.heads * self.head_width, self.kv_heads * self.head_width);
        match module {
            0 => (self.hidden, queries),
            1 | 2 => (self.hidden, keys),
            3 => (queries, self.hidden),
            6 => (self.intermediate, self.hidden),
            _ => (self.hidden, self.intermediate),
        }
    }

    pub(crate) fn attention_heads(&self) -> Heads {
        Heads { query: self.heads, key: self.kv_heads, width: self.head_width }
    }
}

fn rope_scaling(value: &Value) -> Result<RopeScaling> {
    let kind = value["rope_type"].as_str().or(value["type"].as_str()).unwrap_or("default");
    let number = |key: &str| {
        let number = value[key].as_f64().filter(|n| *n > 0.0);
        number.ok_or_else(|| ModelError::malformed("config.json", format!("field {key:?} of the rotary embedding")))
    };
    match kind {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: number("factor")? }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            original: number("original_max_position_embeddings")?,
        }),
        _ => Err(ModelError::Unsupported { what: "rope_type", found: kind.into(), known: "default, linear, llama3" }),
    }
}
