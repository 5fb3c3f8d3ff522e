//! A base model: weights, tokenizer and chat template, out of one GGUF file.

mod bpe;
mod gguf;
mod segments;
mod template;
mod tokenizer;

pub use segments::tokenize_dialogue;
pub use template::ChatTemplate;
pub use tokenizer::Tokenizer;

use std::path::Path;

use candle_core::{Device, Tensor};
use lazai_core::Digest;
use lazai_core::digest::sha256_reader;

use crate::device::Compute;
use crate::error::{LoraError, Result};
use crate::frozen::FrozenLinear;

/// The sizes of a Llama-family model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
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
    /// Epsilon of the RMS norms.
    pub norm_epsilon: f64,
}

/// One of the seven linear layers of a transformer layer, by its Hugging Face name.
pub(crate) const LINEAR_MODULES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Tensor,
    pub(crate) feed_forward_norm: Tensor,
    /// In the order of [`LINEAR_MODULES`].
    pub(crate) linear: [FrozenLinear; 7],
}

pub(crate) struct Weights {
    pub(crate) embedding: Tensor,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) output_norm: Tensor,
    pub(crate) output: FrozenLinear,
}

/// A base model in memory, in 32-bit floats.
pub struct BaseModel {
    pub(crate) config: ModelConfig,
    pub(crate) weights: Weights,
    pub(crate) device: Device,
    compute: Compute,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    digest: Digest,
    name: String,
}

impl BaseModel {
    /// Reads a GGUF file of the Llama family.
    ///
    /// Query and key rows, which GGUF holds permuted for interleaved rotary embedding, are put back into the
    /// order of Hugging Face, so that PEFT adapters fit.
    ///
    /// # Errors
    /// [`LoraError`], for an unknown architecture or pre-tokenizer too.
    pub fn from_gguf(path: &Path, compute: &Compute) -> Result<Self> {
        let mut file = std::fs::File::open(path).map_err(LoraError::file(path))?;
        let digest = sha256_reader(&file).map_err(LoraError::file(path))?;
        let parts = gguf::read(&mut file, compute.device())?;
        Ok(Self {
            config: parts.config,
            weights: parts.weights,
            device: compute.device().clone(),
            compute: compute.clone(),
            tokenizer: parts.tokenizer,
            template: parts.template,
            digest,
            name: parts.name,
        })
    }

    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where it computes.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The name the file gives itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The chat template.
    #[must_use]
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// Input and output widths of a linear module.
    pub(crate) fn module_shape(&self, module: usize) -> Result<(usize, usize)> {
        let (output, input) = self.weights.layers[0].linear[module].0.dims2()?;
        Ok((input, output))
    }
}

/// The tokenizer and template of a GGUF file, without its weights: all that a consumer needs to count tokens.
///
/// # Errors
/// [`LoraError`].
pub fn read_tokenizer(path: &Path) -> Result<(Tokenizer, ChatTemplate)> {
    let mut file = std::fs::File::open(path).map_err(LoraError::file(path))?;
    gguf::read_tokenizer(&mut file)
}

impl std::fmt::Debug for BaseModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BaseModel {{ name: {:?}, digest: {} }}", self.name, self.digest)
    }
}
