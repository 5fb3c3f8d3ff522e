//! A base model: weights, tokenizer and chat template, out of a GGUF file or of a folder as Hugging Face keeps models.

mod config;
mod export;
mod gguf;
mod gguf_config;
pub(crate) mod hub;
mod hub_config;
mod hub_write;
mod load;
mod rope;
mod segments;
mod sentencepiece;
mod splitter;
mod template;
mod tokenizer;
mod weight;

pub use crate::kernels::Activation;
pub(crate) use config::layers;
pub use config::{LayerAttention, ModelConfig};
pub(crate) use load::Source;
pub use rope::{Rope, RopeScaling};
pub use segments::{tokenize_dialogue, tokenize_opening};
pub use template::ChatTemplate;
pub use tokenizer::Tokenizer;
pub use weight::WeightFormat;
pub(crate) use weight::{Linear, Weight};

use std::io::Seek;
use std::path::Path;

use candle_core::{Device, Tensor};
use lazai_core::Digest;
use lazai_core::digest::sha256_reader;

use crate::device::Compute;
use crate::error::{ModelError, Result};

/// Linear modules that read the same input, computed as one: index into [`LINEAR_MODULES`] of the first, and how many.
const GROUPS: [(usize, usize); 4] = [(0, 3), (3, 1), (4, 2), (6, 1)];

/// The seven linear modules of a transformer layer, by their Hugging Face names.
pub(crate) const LINEAR_MODULES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// The same where they are fused, as Phi keeps them.
pub(crate) const FUSED_MODULES: [&str; 4] =
    ["self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"];
const FUSED_GROUPS: [(usize, usize); 4] = [(0, 1), (1, 1), (2, 1), (3, 1)];

pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Tensor,
    pub(crate) feed_forward_norm: Tensor,
    /// Norms of each query head and each key head.
    pub(crate) head_norms: Option<(Tensor, Tensor)>,
    /// Norms of what attention and the feed-forward layer give.
    pub(crate) after_norms: Option<(Tensor, Tensor)>,
    /// In the order of [`GROUPS`].
    pub(crate) linear: [Linear; 4],
}

impl LayerWeights {
    /// Its norms, by their Hugging Face names.
    fn norms(&self) -> Vec<(&'static str, &Tensor)> {
        let mut norms = vec![("input_layernorm", &self.attention_norm)];
        match &self.after_norms {
            None => norms.push(("post_attention_layernorm", &self.feed_forward_norm)),
            Some((attention, feed_forward)) => norms.extend([
                ("post_attention_layernorm", attention),
                ("pre_feedforward_layernorm", &self.feed_forward_norm),
                ("post_feedforward_layernorm", feed_forward),
            ]),
        }
        if let Some((query, key)) = &self.head_norms {
            norms.extend([("self_attn.q_norm", query), ("self_attn.k_norm", key)]);
        }
        norms
    }
}

pub(crate) struct Weights {
    pub(crate) embedding: Weight,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) output_norm: Tensor,
    /// `None` if it is the embedding.
    pub(crate) output: Option<Weight>,
}

/// A base model in memory.
pub struct BaseModel {
    pub(crate) config: ModelConfig,
    pub(crate) weights: Weights,
    pub(crate) device: Device,
    format: WeightFormat,
    compute: Compute,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    digest: Digest,
    name: String,
}

impl BaseModel {
    /// Reads a GGUF file, or a folder with `config.json`, safetensors, `tokenizer.json` and a chat template.
    ///
    /// # Errors
    /// [`ModelError`], for an unknown architecture or pre-tokenizer too.
    pub fn open(path: &Path, compute: &Compute, format: WeightFormat) -> Result<Self> {
        Self::read(path, compute, format, true)
    }

    /// A model of which everything is read but its matrices.
    pub(crate) fn open_without_matrices(path: &Path, compute: &Compute, format: WeightFormat) -> Result<Self> {
        Self::read(path, compute, format, false)
    }

    fn read(path: &Path, compute: &Compute, format: WeightFormat, matrices: bool) -> Result<Self> {
        let device = compute.device();
        let (config, weights, (tokenizer, template), digest, name);
        if path.is_dir() {
            config = hub::read_config(path)?;
            (tokenizer, template) = hub::read_tokenizer(path)?;
            let mut folder = hub::Folder::open(path, config.architecture)?;
            weights = load::weights(&mut folder, &config, format, device, matrices)?;
            digest = folder.digest(path)?;
            name = path.file_name().map_or("unnamed".into(), |n| n.to_string_lossy().into_owned());
        } else {
            let mut file = std::fs::File::open(path).map_err(ModelError::file(path))?;
            // The family first, then the gigabytes.
            let mut gguf = gguf::Gguf::open(file.try_clone().map_err(ModelError::file(path))?)?;
            file.rewind().map_err(ModelError::file(path))?;
            digest = sha256_reader(&file).map_err(ModelError::file(path))?;
            (tokenizer, template) = gguf.tokenizer()?;
            config = gguf.config()?;
            name = gguf.name();
            weights = load::weights(&mut gguf, &config, format, device, matrices)?;
        }
        if tokenizer.vocab_size() > config.vocab_size {
            let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
            return Err(ModelError::malformed("tokenizer", format!("{tokens} tokens, the model knows {rows}")));
        }
        let (device, compute) = (device.clone(), compute.clone());
        Ok(Self { config, weights, device, format, compute, tokenizer, template, digest, name })
    }

    /// [`BaseModel::open`] for a GGUF file, as 32-bit floats.
    ///
    /// # Errors
    /// As [`BaseModel::open`].
    pub fn from_gguf(path: &Path, compute: &Compute) -> Result<Self> {
        Self::open(path, compute, WeightFormat::F32)
    }

    /// The tokens that dialogues behind a system message go on from; none without one.
    pub(crate) fn opening(&self, system: Option<&str>) -> Result<Vec<u32>> {
        system.map_or(Ok(Vec::new()), |system| tokenize_opening(&self.tokenizer, &self.template, system))
    }

    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The compute device.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The name in the file.
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

    /// The format of its weights in memory.
    #[must_use]
    pub fn format(&self) -> WeightFormat {
        self.format
    }

    /// Bytes of memory that its weights take.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let weights = &self.weights;
        let layers = weights.layers.iter().flat_map(|layer| &layer.linear).map(Linear::bytes);
        layers.sum::<usize>() + weights.embedding.bytes() + weights.output.as_ref().map_or(0, Weight::bytes)
    }
}

/// The tokenizer and template of a GGUF file or folder, without the weights: all that a consumer needs to count tokens.
///
/// # Errors
/// [`ModelError`], first of all for an unknown architecture: data prepared with its tokenizer could never be learnt.
pub fn read_tokenizer(path: &Path) -> Result<(Tokenizer, ChatTemplate)> {
    if path.is_dir() {
        return hub::read_tokenizer(path);
    }
    let file = std::fs::File::open(path).map_err(ModelError::file(path))?;
    gguf::Gguf::open(file)?.tokenizer()
}

/// The tokens that the model of a GGUF file or folder reads at once, without the weights.
///
/// # Errors
/// [`ModelError`].
pub fn read_context(path: &Path) -> Result<usize> {
    if path.is_dir() {
        return Ok(hub::read_config(path)?.context);
    }
    let file = std::fs::File::open(path).map_err(ModelError::file(path))?;
    Ok(gguf::Gguf::open(file)?.config()?.context)
}

impl std::fmt::Debug for BaseModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BaseModel {{ name: {:?}, digest: {} }}", self.name, self.digest)
    }
}
