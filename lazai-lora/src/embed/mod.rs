//! Embeddings of texts: vectors whose angles tell how near texts are in meaning.
//!
//! [`Encoder`] is a sentence encoder of BERT's kind, such as `all-MiniLM-L6-v2`, out of a folder as `sentence-transformers`
//! writes it. [`by_base`] makes do with a base model that is there anyway.

mod base;
mod config;
mod forward;
mod weights;

pub use base::by_base;

use std::path::Path;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use rayon::prelude::*;

use crate::base::Tokenizer;
use crate::base::hub::{self, Folder, TOKENIZER, TOKENIZER_CONFIG};
use crate::device::Compute;
use crate::error::{ModelError, Result};
use config::{EncoderConfig, Pooling};
use weights::Weights;

/// Longest text that is read, in bytes. Models read a few hundred tokens of it.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The embedding of a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// As many values as the model has dimensions; its length is 1.
    pub vector: Vec<f32>,
    /// Tokens that were read, those that a model puts around a text included.
    pub tokens: usize,
    /// True if the text is longer than the model reads: `vector` is that of its beginning.
    pub truncated: bool,
}

impl Embedding {
    /// The cosine of the angle to another embedding of the same model: 1 for the same direction, near 0 for texts that have
    /// nothing to do with each other. `None` if dimensions differ.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> Option<f32> {
        let (a, b) = (&self.vector, &other.vector);
        (a.len() == b.len()).then(|| crate::kernels::dot(a, b))
    }
}

/// A sentence encoder of BERT's kind.
///
/// The bits of an embedding depend on the text, the model and [`Compute::machine`] alone: not on the texts beside it, nor on the
/// number of threads.
///
/// # Example
/// ```no_run
/// use lazai_lora::{Compute, Encoder};
///
/// let encoder = Encoder::open("all-MiniLM-L6-v2".as_ref(), &Compute::cpu())?;
/// let memories = encoder.encode(&["Her cat is called Miso.", "The rent is due on Friday."])?;
/// let question = &encoder.encode(&["What is the name of her pet?"])?[0];
/// let nearest = memories.iter().max_by(|a, b| a.cosine(question).partial_cmp(&b.cosine(question)).unwrap());
/// assert_eq!(nearest, memories.first());
/// # Ok::<(), lazai_lora::ModelError>(())
/// ```
pub struct Encoder {
    config: EncoderConfig,
    weights: Weights,
    tokenizer: Tokenizer,
    first: u32,
    last: u32,
    compute: Compute,
    digest: Digest,
}

impl Encoder {
    /// Reads a folder with `config.json`, safetensors, `tokenizer.json` and `tokenizer_config.json`, and what
    /// `sentence-transformers` writes beside them (`modules.json`, the pooling's folder). Without `modules.json`, the pooling is
    /// the mean.
    ///
    /// The encoder computes on the processor, with the threads of `compute`, whatever its device.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for another kind of model, activation, pooling or module; [`ModelError::Malformed`] for sizes
    /// that no encoder has or that the weights do not have; [`ModelError::File`].
    pub fn open(folder: &Path, compute: &Compute) -> Result<Self> {
        let config = EncoderConfig::read(folder)?;
        let (tokenizer, first, last) = tokenizer(folder)?;
        if tokenizer.vocab_size() > config.vocab_size {
            let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
            return Err(ModelError::malformed("tokenizer", format!("{tokens} tokens, the model knows {rows}")));
        }
        let mut files = Folder::open(folder, "bert")?;
        let weights = Weights::read(&mut files, &config)?;
        let pooling = match config.pooling {
            Pooling::Mean => "mean",
            Pooling::First => "cls",
        };
        // Files of a folder that a base model has too; then all that is read out of the others.
        let hasher = DomainHasher::new("lazai.encoder.folder.v1").part(files.digest(folder)?.as_bytes());
        let hasher = hasher.part(pooling.as_bytes()).part(&(config.max_tokens as u64).to_le_bytes());
        let hasher = [first, last].iter().fold(hasher, |hasher, token| hasher.part(&token.to_le_bytes()));
        Ok(Self { config, weights, tokenizer, first, last, compute: compute.clone(), digest: hasher.finish() })
    }

    /// Values of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.config.hidden
    }

    /// Digest of all that an embedding depends on: configuration, tokenizer, weights, pooling and the greatest number of tokens.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Tokens of a text that are read, the first and the last included, which the encoder adds.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.config.max_tokens
    }

    /// Embeds texts, one after another in their order. What is longer than [`Encoder::max_tokens`] is cut, as
    /// `sentence-transformers` does, and [`Embedding::truncated`] says so.
    ///
    /// Vectors have a length of 1, also those of models that leave this to others.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] for a text of more than [`MAX_TEXT_BYTES`], or if the weights give no finite vector.
    pub fn encode(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Vec<Embedding>> {
        self.compute.install(|| {
            // Each text by one thread, unless there are too few.
            let parallel = texts.len() < rayon::current_num_threads();
            texts.par_iter().map(|text| self.one(text.as_ref(), parallel)).collect()
        })
    }

    fn one(&self, text: &str, parallel: bool) -> Result<Embedding> {
        check_size(text)?;
        let mut tokens = self.tokenizer.encode(text)?;
        let room = self.config.max_tokens - 2;
        let truncated = tokens.len() > room;
        tokens.truncate(room);
        tokens.insert(0, self.first);
        tokens.push(self.last);
        let hidden = forward::hidden(&self.weights, &self.config, &tokens, parallel);
        let rows = match self.config.pooling {
            Pooling::Mean => &hidden[..],
            Pooling::First => &hidden[..self.config.hidden],
        };
        Ok(Embedding { vector: direction(rows, self.config.hidden)?, tokens: tokens.len(), truncated })
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encoder {{ dimensions: {}, digest: {} }}", self.dimensions(), self.digest)
    }
}

/// The tokenizer, and what stands before and behind each text.
fn tokenizer(folder: &Path) -> Result<(Tokenizer, u32, u32)> {
    let settings = hub::json(&folder.join(TOKENIZER_CONFIG))?;
    let named = |key: &str| {
        let missing = || ModelError::malformed(TOKENIZER_CONFIG, format!("field {key:?}"));
        hub::named_token(&settings, key).ok_or_else(missing)
    };
    let (first, last) = (named("cls_token")?, named("sep_token")?);
    let tokenizer = Tokenizer::from_json(&hub::read(&folder.join(TOKENIZER))?, last, Some(first))?;
    let frame = tokenizer.frame()?;
    match (tokenizer.bos(), tokenizer.eos(), &frame[..]) {
        (Some(first), last, found) if found == [first, last] => Ok((tokenizer, first, last)),
        _ => Err(ModelError::malformed(
            TOKENIZER,
            format!("tokens {frame:?} around a text, expected {first} and {last}"),
        )),
    }
}

fn check_size(text: &str) -> Result<()> {
    let error = || ModelError::malformed("text", format!("{} bytes, at most {MAX_TEXT_BYTES} are read", text.len()));
    if text.len() <= MAX_TEXT_BYTES { Ok(()) } else { Err(error()) }
}

/// The direction of the sum of some rows, which is that of their mean: a vector of length 1.
fn direction(rows: &[f32], width: usize) -> Result<Vec<f32>> {
    let mut total = vec![0.0_f32; width];
    for row in rows.chunks_exact(width) {
        total.iter_mut().zip(row).for_each(|(total, x)| *total += x);
    }
    let length = total.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return Err(ModelError::malformed("embedding", format!("length {length}, expected a finite one above 0")));
    }
    Ok(total.into_iter().map(|x| (f64::from(x) / length) as f32).collect())
}
