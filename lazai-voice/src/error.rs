//! Errors of reading, speaking and training.

use std::path::PathBuf;

use thiserror::Error;

/// A voice that cannot be read, spoken with or trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpeechError {
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
    /// More than a limit allows.
    #[error("{found} {what} exceed the limit of {max}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The number there is.
        found: usize,
        /// The limit.
        max: usize,
    },
}

/// The result of this crate's functions.
pub type Result<T, E = SpeechError> = std::result::Result<T, E>;

impl SpeechError {
    /// A file whose content does not match its name.
    pub(crate) fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string() }
    }

    /// A file that could not be read or written.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }

    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "io",
            Self::Malformed { .. } => "speech.malformed",
            Self::TooLarge { .. } => "speech.too_large",
        }
    }
}
