//! The sizes of a model, and the marks of its family.

use super::rope::{Rope, RopeScaling};
use super::{FUSED_GROUPS, FUSED_MODULES, GROUPS, LINEAR_MODULES};
use crate::error::{ModelError, Result};
use crate::kernels::{Activation, Heads};

/// The attention of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerAttention {
    /// Tokens that a token sees, itself included (sliding window); `None` for all before it.
    pub window: Option<usize>,
    /// The rotary embedding, by its place in [`ModelConfig::ropes`]; `None` for a layer that knows no positions.
    pub rope: Option<usize>,
}

/// The sizes of a model, and what its family adds to a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Family: `llama`, `mistral`, `qwen2`, `qwen3`, `gemma3`, `smollm3`, `granite` or `phi3`.
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
    /// Rotary embeddings of its layers.
    pub ropes: Vec<Rope>,
    /// The attention of each layer.
    pub attention: Vec<LayerAttention>,
    /// The factor of attention's scores, `1 / sqrt(head width)` in most families.
    pub attention_scale: f64,
    /// The activation of the gates.
    pub activation: Activation,
    /// Epsilon of the RMS norms.
    pub norm_epsilon: f64,
    /// True if the output layer is the embedding.
    pub tied: bool,
    /// True if each query and key head is normalised (Qwen3, Gemma 3).
    pub head_norm: bool,
    /// True if what attention and the feed-forward layer give is normalised before it is added (Gemma 3).
    pub after_norms: bool,
    /// True if queries, keys and values are one module, and gates and ups another (Phi).
    pub fused: bool,
    /// The factor of embeddings (Gemma 3, Granite).
    pub embedding_scale: f64,
    /// The factor of what a layer adds to the residual stream (Granite).
    pub residual_scale: f64,
    /// The factor of the scores of tokens (Granite).
    pub logit_scale: f64,
}

/// Families, by their names in GGUF.
const ARCHITECTURES: [&str; 7] = ["llama", "mistral", "qwen2", "qwen3", "gemma3", "smollm3", "granite"];
pub(super) const KNOWN: &str = "llama, mistral, qwen2, qwen3, gemma3 (text), smollm3, granite, phi3 (folders)";
/// No size of a model is larger.
const MAX_SIZE: usize = 1 << 24;
/// No model has more layers.
const MAX_LAYERS: usize = 1 << 12;

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

/// The factor of attention's scores in most families. In 32 bits, as the kernels have it.
pub(super) fn default_scale(head_width: usize) -> f64 {
    (1.0 / (head_width as f32).sqrt()).into()
}

/// A number of layers that a model may have: there are lists as long.
pub(crate) fn layers(count: usize, what: &str) -> Result<usize> {
    let fits = (1..=MAX_LAYERS).contains(&count);
    let error = || ModelError::malformed(what, format!("layers of {count}, expected 1 to {MAX_LAYERS}"));
    if fits { Ok(count) } else { Err(error()) }
}

impl ModelConfig {
    /// Refuses sizes that no model has.
    pub(super) fn checked(self, what: &str) -> Result<Self> {
        let sizes = [
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
        let turns = |rope: &Rope| {
            let pairs = (self.head_width as f64 * rope.part) as usize / 2;
            let factors = match &rope.scaling {
                RopeScaling::Factors(factors) | RopeScaling::Long { short: factors, .. } => factors.len(),
                _ => pairs,
            };
            let fits = rope.part <= 1.0 && pairs > 0 && factors == pairs;
            let all = rope.rates(self.head_width).into_iter().chain([rope.magnitude()]);
            fits && rope.base.is_finite()
                && rope.base > 1.0
                && all.into_iter().all(|rate| rate.is_finite() && rate > 0.0)
        };
        if !(self.ropes.iter().all(turns) && self.norm_epsilon > 0.0) {
            return Err(ModelError::malformed(what, "base of the rotary embedding or epsilon of the norms"));
        }
        if let Some(layer) = self.attention.iter().find(|layer| layer.window == Some(0)) {
            return Err(ModelError::malformed(what, format!("sliding window of {:?} tokens", layer.window)));
        }
        let scales = [self.attention_scale, self.embedding_scale, self.residual_scale, self.logit_scale];
        if !scales.into_iter().all(|scale| scale.is_finite() && scale > 0.0) {
            return Err(ModelError::malformed(what, format!("multipliers {scales:?}, expected numbers above 0")));
        }
        Ok(self)
    }

    /// The linear modules of a layer, by their Hugging Face names.
    pub(crate) fn modules(&self) -> &'static [&'static str] {
        if self.fused { &FUSED_MODULES } else { &LINEAR_MODULES }
    }

    /// Modules that read the same input, computed as one: place of the first, and how many.
    pub(crate) fn groups(&self) -> [(usize, usize); 4] {
        if self.fused { FUSED_GROUPS } else { GROUPS }
    }

    /// Input and output widths of a linear module, by its place in [`Self::modules`].
    pub(crate) fn module_shape(&self, module: usize) -> (usize, usize) {
        let (queries, keys) = (self.heads * self.head_width, self.kv_heads * self.head_width);
        if self.fused {
            return match module {
                0 => (self.hidden, queries + 2 * keys),
                1 => (queries, self.hidden),
                2 => (self.hidden, 2 * self.intermediate),
                _ => (self.intermediate, self.hidden),
            };
        }
        match module {
            0 => (self.hidden, queries),
            1 | 2 => (self.hidden, keys),
            3 => (queries, self.hidden),
            6 => (self.intermediate, self.hidden),
            _ => (self.hidden, self.intermediate),
        }
    }

    /// The heads of a layer, and what they see.
    pub(crate) fn attention_heads(&self, layer: usize) -> Heads {
        let (query, key, width) = (self.heads, self.kv_heads, self.head_width);
        Heads { query, key, width, scale: self.attention_scale as f32, window: self.attention[layer].window }
    }
}
