//! What can go wrong with models, adapters and training.

use std::path::PathBuf;

use thiserror::Error;

/// Why a model, an adapter or a run is unusable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoraError {
    /// The adapter is for other modules or shapes than the base model has.
    #[error("adapter does not fit the base: {module}: {reason}")]
    AdapterMismatch {
        /// Module path, as Hugging Face names it.
        module: String,
        /// What was expected.
        reason: String,
    },
    /// Somebody asked to stop; what was trained so far is in the checkpoint.
    #[error("cancelled after {steps} steps")]
    Cancelled {
        /// Steps that are done.
        steps: u32,
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
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that is not what its name says.
    #[error("{what}: {reason}")]
    Malformed {
        /// Which file or field.
        what: String,
        /// What was expected.
        reason: String,
    },
    /// Nothing to learn from.
    #[error("no token of the dataset is to be learnt")]
    NothingToLearn,
    /// A kind of model or tokenizer that this version does not know; guessing would be silently wrong.
    #[error("{what} {found:?} is not supported; known: {known}")]
    Unsupported {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: String,
        /// Values that are known.
        known: &'static str,
    },
}

/// What the compute backend said.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ComputeError(String);

impl From<candle_core::Error> for LoraError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(ComputeError(error.to_string()))
    }
}

impl LoraError {
    pub(crate) fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string() }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

pub(crate) type Result<T> = std::result::Result<T, LoraError>;
