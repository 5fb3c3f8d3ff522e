//! Hugging Face's `config.json`: what each family calls its sizes, and the defaults that its files leave out.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::config::{KNOWN, LayerAttention, ModelConfig, architecture, default_scale, experts, layers};
use super::rope::Rope;
use crate::error::{ModelError, Result};
use crate::kernels::Activation;

const FILE: &str = "config.json";
/// Hugging Face's name for the text model of Gemma 3; `gemma3` is the one that sees pictures too.
const GEMMA3: &str = "gemma3_text";
/// Gemma 3's base of the rotary embedding, of layers that see everything and of those that do not.
const GEMMA3_BASES: (f64, f64) = (1_000_000.0, 10_000.0);
const SLIDING: &str = "sliding_attention";
const FULL: &str = "full_attention";

/// The family that a `config.json` names.
pub(super) fn hub_family(config: &Value) -> Result<&'static str> {
    let family = match config["model_type"].as_str().unwrap_or_default() {
        GEMMA3 => "gemma3",
        "gemma3" => {
            return Err(ModelError::Unsupported { what: "architecture", found: "gemma3".into(), known: KNOWN });
        }
        other => architecture(other)?,
    };
    experts(family, config["num_local_experts"].as_u64().or(config["num_experts"].as_u64()))?;
    Ok(family)
}

/// What a folder's norms leave out of their weights: files of Gemma 3 keep what is added to one.
pub(super) fn norm_offset(family: &str) -> f64 {
    if family == "gemma3" { 1.0 } else { 0.0 }
}

#[derive(Deserialize)]
struct Sizes {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    tie_word_embeddings: Option<bool>,
}

/// A file, and the family that it is of.
struct HubConfig {
    family: &'static str,
    value: Value,
    sizes: Sizes,
}

impl ModelConfig {
    /// Reads Hugging Face's `config.json`.
    pub(super) fn from_hub(bytes: &[u8]) -> Result<Self> {
        // The family first: another one's file has other fields.
        let value: Value = serde_json::from_slice(bytes).map_err(|e| ModelError::malformed(FILE, e))?;
        let family = hub_family(&value)?;
        let sizes = Sizes::deserialize(&value).map_err(|e| ModelError::malformed(FILE, e))?;
        HubConfig { family, value, sizes }.config()?.checked(FILE)
    }
}

impl HubConfig {
    fn config(&self) -> Result<ModelConfig> {
        let sizes = &self.sizes;
        self.refuse_what_is_not_computed()?;
        let gemma = self.family == "gemma3";
        let ropes = self.ropes()?;
        let width = sizes.hidden_size / sizes.num_attention_heads.max(1);
        let head_width = sizes.head_dim.unwrap_or(if gemma { 256 } else { width });
        let attention_scale = match self.family {
            "gemma3" => self.number("query_pre_attn_scalar")?.unwrap_or(256.0).powf(-0.5),
            "granite" => self.number("attention_multiplier")?.unwrap_or(1.0),
            _ => default_scale(head_width),
        };
        let granite = |key: &str| {
            let number = if self.family == "granite" { self.number(key)? } else { None };
            Ok::<_, ModelError>(number.unwrap_or(1.0))
        };
        let embedding_scale = if gemma { (sizes.hidden_size as f64).sqrt() } else { granite("embedding_multiplier")? };
        Ok(ModelConfig {
            architecture: self.family,
            layers: layers(sizes.num_hidden_layers, FILE)?,
            hidden: sizes.hidden_size,
            heads: sizes.num_attention_heads,
            kv_heads: sizes.num_key_value_heads.unwrap_or(sizes.num_attention_heads),
            head_width,
            intermediate: sizes.intermediate_size,
            vocab_size: sizes.vocab_size,
            context: sizes.max_position_embeddings.max(ropes.iter().filter_map(Rope::context).max().unwrap_or(0)),
            attention: self.attention()?,
            ropes,
            attention_scale,
            activation: self.activation()?,
            norm_epsilon: sizes.rms_norm_eps,
            tied: sizes.tie_word_embeddings.unwrap_or(matches!(self.family, "gemma3" | "smollm3")),
            head_norm: matches!(self.family, "qwen3" | "gemma3"),
            after_norms: gemma,
            embedding_scale,
            residual_scale: granite("residual_multiplier")?,
            logit_scale: 1.0 / granite("logits_scaling")?,
        })
    }

    /// A number that may be missing or null.
    fn number(&self, key: &str) -> Result<Option<f64>> {
        match &self.value[key] {
            Value::Null => Ok(None),
            value => {
                let number = value.as_f64().filter(|n| *n > 0.0).map(Some);
                number.ok_or_else(|| ModelError::malformed(FILE, format!("field {key:?} is {value}")))
            }
        }
    }

    fn whole(&self, key: &str) -> Result<Option<usize>> {
        Ok(self.number(key)?.map(|n| n as usize))
    }

    /// Refuses by name what would be computed otherwise.
    fn refuse_what_is_not_computed(&self) -> Result<()> {
        let refused = [
            ("attn_logit_softcapping", "null"),
            ("final_logit_softcapping", "null"),
            ("use_bidirectional_attention", "false"),
        ];
        for (what, known) in refused {
            let value = &self.value[what];
            if !(value.is_null() || *value == false) {
                return Err(ModelError::Unsupported { what, found: value.to_string(), known });
            }
        }
        match self.number("partial_rotary_factor")? {
            Some(part) if part != 1.0 => {
                Err(ModelError::Unsupported { what: "partial_rotary_factor", found: part.to_string(), known: "1" })
            }
            _ => Ok(()),
        }
    }

    fn activation(&self) -> Result<Activation> {
        // Older files of Gemma have both fields, of which the first counts.
        let (what, expected, activation) = match self.family {
            "gemma3" => ("hidden_activation", "gelu_pytorch_tanh", Activation::GeluTanh),
            _ => ("hidden_act", "silu", Activation::Silu),
        };
        match self.value[what].as_str() {
            Some(found) if found != expected => {
                Err(ModelError::Unsupported { what, found: found.into(), known: expected })
            }
            _ => Ok(activation),
        }
    }

    /// The rotary embedding; for Gemma 3 that of all layers that see everything, then that of those that do not.
    fn ropes(&self) -> Result<Vec<Rope>> {
        let (value, context) = (&self.value, self.sizes.max_position_embeddings);
        let parameters = &value["rope_parameters"];
        let scaling = if parameters.is_null() { &value["rope_scaling"] } else { parameters };
        let base = self.number("rope_theta")?;
        if self.family != "gemma3" {
            return Ok(vec![Rope::from_hub(scaling, base.unwrap_or(10_000.0), context)?]);
        }
        let (full, local) = GEMMA3_BASES;
        let (full, local) = (base.unwrap_or(full), self.number("rope_local_base_freq")?.unwrap_or(local));
        // Files before version 5 of `transformers` scale the layers that see everything, and no others.
        let (scaling, local_scaling) =
            if parameters.is_null() { (scaling, &Value::Null) } else { (&parameters[FULL], &parameters[SLIDING]) };
        Ok(vec![Rope::from_hub(scaling, full, context)?, Rope::from_hub(local_scaling, local, context)?])
    }

    /// The attention of each layer.
    fn attention(&self) -> Result<Vec<LayerAttention>> {
        let count = layers(self.sizes.num_hidden_layers, FILE)?;
        let positions = self.positions(count)?;
        let mut window = self.whole("sliding_window")?;
        if self.family == "mistral" && self.value.get("sliding_window").is_none() {
            // A file that leaves it out has that of the first Mistral; one without a window says null.
            window = Some(4096);
        }
        let slides = self.value["use_sliding_window"] == true;
        let named = self.layer_types(count)?;
        let (later, pattern) = (self.whole("max_window_layers")?.unwrap_or(28), self.pattern()?);
        let windowed = |layer: usize| match (self.family, &named) {
            ("mistral", _) => true,
            ("qwen2" | "qwen3" | "smollm3", _) if !slides => false,
            ("qwen2" | "qwen3" | "smollm3" | "gemma3", Some(types)) => types[layer],
            ("qwen2" | "qwen3", None) => layer >= later,
            ("smollm3", None) => !positions[layer],
            ("gemma3", None) => !(layer + 1).is_multiple_of(pattern),
            _ => false,
        };
        let attention = (0..count).map(|layer| {
            let local = windowed(layer);
            let rope = usize::from(local && self.family == "gemma3");
            LayerAttention { window: window.filter(|_| local), rope: positions[layer].then_some(rope) }
        });
        Ok(attention.collect())
    }

    /// The interval of Gemma 3's layers that see everything.
    fn pattern(&self) -> Result<usize> {
        let named = self.whole("sliding_window_pattern")?.or(self.whole("_sliding_window_pattern")?);
        Ok(named.unwrap_or(6).max(1))
    }

    /// Tells for each layer whether it knows positions.
    fn positions(&self, count: usize) -> Result<Vec<bool>> {
        if self.family != "smollm3" {
            return Ok(vec![true; count]);
        }
        let interval = self.whole("no_rope_layer_interval")?.unwrap_or(4).max(1);
        let Some(list) = self.value["no_rope_layers"].as_array() else {
            return Ok((1..=count).map(|layer| !layer.is_multiple_of(interval)).collect());
        };
        // The name notwithstanding, 1 is a layer with a rotary embedding.
        let list: Option<Vec<bool>> = list.iter().map(|n| n.as_u64().map(|n| n != 0)).collect();
        let list = list.filter(|list| list.len() == count);
        list.ok_or_else(|| ModelError::malformed(FILE, "field \"no_rope_layers\", expected a number for each layer"))
    }

    /// Tells for each layer whether it slides, if the file has a list.
    fn layer_types(&self, count: usize) -> Result<Option<Vec<bool>>> {
        let Some(list) = self.value["layer_types"].as_array() else { return Ok(None) };
        let of = |kind: &Value| match kind.as_str() {
            Some(SLIDING) => Ok(true),
            Some(FULL) => Ok(false),
            _ => {
                let known = "sliding_attention, full_attention";
                Err(ModelError::Unsupported { what: "layer_types", found: kind.to_string(), known })
            }
        };
        let list = list.iter().map(of).collect::<Result<Vec<_>>>()?;
        let error = || ModelError::malformed(FILE, format!("{} layer types of {count} layers", list.len()));
        if list.len() == count { Ok(Some(list)) } else { Err(error()) }
    }
}

/// The fields of a model's `config.json` that say what it computes.
pub(super) fn write(config: &ModelConfig, biased: bool) -> Result<Value> {
    let window = config.attention.iter().find_map(|layer| layer.window);
    let types = || -> Vec<_> {
        config.attention.iter().map(|layer| if layer.window.is_some() { SLIDING } else { FULL }).collect()
    };
    let sliding =
        || json!({ "sliding_window": window, "use_sliding_window": window.is_some(), "layer_types": types() });
    let bias = json!({ "attention_bias": biased, "mlp_bias": false });
    let (class, extra) = match config.architecture {
        "mistral" => ("MistralForCausalLM", vec![json!({ "sliding_window": window })]),
        "qwen2" => ("Qwen2ForCausalLM", vec![sliding()]),
        "qwen3" => ("Qwen3ForCausalLM", vec![sliding(), json!({ "attention_bias": biased })]),
        "gemma3" => ("Gemma3ForCausalLM", vec![gemma3(config, biased), json!({ "layer_types": types() })]),
        "smollm3" => {
            let positions: Vec<_> = config.attention.iter().map(|layer| u8::from(layer.rope.is_some())).collect();
            ("SmolLM3ForCausalLM", vec![sliding(), bias, json!({ "no_rope_layers": positions })])
        }
        "granite" => ("GraniteForCausalLM", vec![bias, granite(config)]),
        _ => ("LlamaForCausalLM", vec![bias]),
    };
    let mut all = json!({
        "architectures": [class],
        "model_type": if config.architecture == "gemma3" { GEMMA3 } else { config.architecture },
        "hidden_size": config.hidden,
        "intermediate_size": config.intermediate,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.ropes[0].base,
        "tie_word_embeddings": config.tied,
    });
    if config.activation == Activation::Silu {
        all["hidden_act"] = json!("silu");
    }
    if let Some(scaling) = config.ropes[0].scaling_to_hub()? {
        all["rope_scaling"] = scaling;
    }
    for fields in extra {
        if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
            all.extend(fields);
        }
    }
    Ok(all)
}

fn gemma3(config: &ModelConfig, biased: bool) -> Value {
    let mut fields = Map::new();
    fields.insert("hidden_activation".into(), json!("gelu_pytorch_tanh"));
    fields.insert("attention_bias".into(), json!(biased));
    fields.insert("query_pre_attn_scalar".into(), json!(config.attention_scale.powi(-2).round() as u64));
    fields.insert("sliding_window".into(), json!(config.attention.iter().find_map(|layer| layer.window)));
    fields.insert("rope_local_base_freq".into(), json!(config.ropes[1].base));
    Value::Object(fields)
}

fn granite(config: &ModelConfig) -> Value {
    json!({
        "attention_multiplier": config.attention_scale,
        "embedding_multiplier": config.embedding_scale,
        "residual_multiplier": config.residual_scale,
        "logits_scaling": 1.0 / config.logit_scale,
    })
}
