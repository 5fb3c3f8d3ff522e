//! Errors per operation: reading models and adapters and computing with them, training, answering.

use std::path::PathBuf;

use lazai_core::tokenizer::TokenizerError;
use thiserror::Error;

/// A model or an adapter that cannot be read, made or computed with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The adapter is not the one that was expected.
    #[error("adapter has digest {found}, expected {expected}")]
    AdapterDigest {
        /// The expected digest.
        expected: lazai_core::Digest,
        /// Digest of its weights file.
        found: lazai_core::Digest,
    },
    /// The adapter is for other modules or shapes than the base model has.
    #[error("adapter of {adapter_base} does not fit {base}: {module}: {reason}")]
    AdapterMismatch {
        /// Module path, as Hugging Face names it.
        module: String,
        /// The base model that the adapter names.
        adapter_base: String,
        /// The base model at hand.
        base: String,
        /// The expectation.
        reason: String,
    },
    /// The compute backend refused.
    #[error("compute: {0}")]
    Compute(#[source] ComputeError),
    /// The context is longer than the model was made for.
    #[error("{tokens} tokens exceed the context of {max}")]
    ContextTooLong {
        /// Tokens of the context.
        tokens: usize,
        /// Tokens the model can take.
        max: usize,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A file whose content does not match its name.
    #[error("{what}: {reason}")]
    Malformed {
        /// The file or field.
        what: String,
        /// The expectation.
        reason: String,
    },
    /// No module of the model is targeted.
    #[error("no linear layer of the model matches {targets}")]
    NoTarget {
        /// The requested targets.
        targets: String,
    },
    /// The adapter was trained on another base model.
    #[error("adapter of base model {adapter}, the one at hand is {base}")]
    OtherBase {
        /// Name and digest of the adapter's.
        adapter: String,
        /// Name and digest of the one at hand.
        base: String,
    },
    /// A rank or scale that no adapter has.
    #[error("rank {rank} and alpha {alpha}, expected a rank of 1 to {max} and an alpha above 0")]
    Rank {
        /// The rank.
        rank: usize,
        /// Alpha.
        alpha: usize,
        /// Greatest rank.
        max: usize,
    },
    /// A token id that the model does not know.
    #[error("token id {token}, the model knows {vocab_size}")]
    TokenOutOfRange {
        /// The id.
        token: u32,
        /// Tokens of the vocabulary.
        vocab_size: usize,
    },
    /// A kind of model or tokenizer that this version does not know; guessing would be silently wrong.
    #[error("{what} {found:?} is not supported; known: {known}")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// Its value.
        found: String,
        /// Values that are known.
        known: &'static str,
    },
}

/// Training, or repeating one, failed or was cancelled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A trainer of another kind failed, or cannot do this.
    #[error("{backend}: {reason}")]
    Backend {
        /// The trainer, by name or device.
        backend: String,
        /// Its message. It goes to the node's log: no words of a conversation may stand in it.
        reason: String,
    },
    /// The caller cancelled; the training so far is in the checkpoint.
    #[error("cancelled after {steps} steps")]
    Cancelled {
        /// Steps that are done.
        steps: u32,
    },
    /// The base model, the adapter or a file of theirs.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A loss or gradient overflowed. The checkpoint is of the step before.
    #[error("{what} of step {step} is not finite")]
    NotFinite {
        /// Loss or gradient.
        what: &'static str,
        /// The step, from 1.
        step: u32,
    },
    /// Nothing to learn from.
    #[error("no token of the dataset is to be learnt")]
    NothingToLearn,
    /// The token ids are of another tokenizer than the base model's.
    #[error("dataset is of tokenizer {found}, the base model has {expected}")]
    OtherTokenizer {
        /// The base model's.
        expected: lazai_core::Digest,
        /// The dataset's.
        found: lazai_core::Digest,
    },
    /// An example that, behind its opening, is longer than the base model reads at once.
    #[error("example {example} and its opening have {tokens} tokens, the base model reads {context}")]
    OutsideContext {
        /// Number of the example, from 0.
        example: usize,
        /// Its tokens, with those before it.
        tokens: usize,
        /// The model's context.
        context: usize,
    },
    /// A repeated step came to something else than the record says.
    #[error("step {step} of the record has loss {recorded} millionths, the repeat {found}, or another state")]
    ReplayDiffers {
        /// The step, from 1.
        step: u32,
        /// Its loss in the record, in millionths of a nat.
        recorded: u64,
        /// The repeat's.
        found: u64,
    },
}

/// No reply was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A generator of another kind failed.
    #[error("{backend}: {reason}")]
    Backend {
        /// The generator, by name or URL.
        backend: String,
        /// Its message.
        reason: String,
    },
    /// Too many replies wait; later there is room.
    #[error("{waiting} replies wait already")]
    Busy {
        /// Replies that wait.
        waiting: usize,
    },
    /// The base model, the adapter or a file of theirs.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A setting that the generator cannot heed.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting, by its name in requests.
        setting: String,
        /// The reason.
        reason: String,
    },
    /// No adapter of this digest was loaded.
    #[error("no adapter {digest} is loaded")]
    UnknownAdapter {
        /// Digest of its weights file.
        digest: lazai_core::Digest,
    },
}

impl GenerateError {
    /// Refuses tokens that a model of so many does not know.
    ///
    /// # Errors
    /// [`GenerateError::Setting`], by the first of them.
    pub fn check_tokens<'t>(
        setting: &str,
        tokens: impl IntoIterator<Item = &'t u32>,
        vocab_size: usize,
    ) -> Result<(), Self> {
        match tokens.into_iter().find(|token| **token as usize >= vocab_size) {
            None => Ok(()),
            Some(token) => {
                let reason = format!("token {token}, the model knows {vocab_size}");
                Err(Self::Setting { setting: setting.into(), reason })
            }
        }
    }
}

/// An error of the compute backend.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ComputeError(String);

impl ComputeError {
    pub(crate) fn not_f32() -> Self {
        Self("a tensor on the processor that is not of 32-bit floats".into())
    }
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(ComputeError(error.to_string()))
    }
}

/// Computing fails in every operation.
macro_rules! from_compute {
    ($($error:ident),+) => {$(
        impl From<candle_core::Error> for $error {
            fn from(error: candle_core::Error) -> Self {
                ModelError::from(error).into()
            }
        }
    )+};
}
from_compute!(TrainError, GenerateError);

impl From<TokenizerError> for ModelError {
    fn from(error: TokenizerError) -> Self {
        match error {
            TokenizerError::Malformed { what, reason } => Self::Malformed { what, reason },
            TokenizerError::Unsupported { what, found, known } => Self::Unsupported { what, found, known },
            other => Self::malformed("tokenizer", other),
        }
    }
}

impl ModelError {
    pub(crate) fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string() }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

pub(crate) type Result<T, E = ModelError> = std::result::Result<T, E>;
