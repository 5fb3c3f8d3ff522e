//! Errors of reading, speaking and training.

use std::path::PathBuf;

use lazai_core::Digest;
use thiserror::Error;

/// A voice that cannot be read, spoken with or trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// Training was stopped; a checkpoint is written.
    #[error("training was stopped after {steps} steps")]
    Cancelled {
        /// Steps that were done.
        steps: u32,
    },
    /// Nothing to say.
    #[error("no phonemes, expected at least one between the marks")]
    Empty,
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
    /// The configuration is of another version of the method: it cannot be repeated, and a new run names the current one.
    #[error("version {found} of the method of training, expected {known}")]
    Method {
        /// The version in the configuration.
        found: u32,
        /// The version of this library.
        known: u32,
    },
    /// A loss or gradient that is not a number.
    #[error("step {step}: the loss is not finite")]
    NotFinite {
        /// The step.
        step: u32,
    },
    /// No recording can be learnt from.
    #[error("none of {recordings} recordings can be learnt from")]
    NothingToLearn {
        /// Recordings that were given.
        recordings: usize,
    },
    /// The adapter was trained on another base voice.
    #[error("adapter of base voice {adapter}, the one at hand is {base}")]
    OtherBase {
        /// The adapter's.
        adapter: Digest,
        /// The one at hand.
        base: Digest,
    },
    /// The file that a base voice is made of is not the pinned one.
    #[error("source of the base voice has sha256 {found}, expected {expected}")]
    OtherSource {
        /// Digest of the file.
        found: String,
        /// The pinned digest.
        expected: &'static str,
    },
    /// An id that the base does not know.
    #[error("phoneme {id}, expected one below {known}")]
    Phoneme {
        /// The id.
        id: u32,
        /// Phonemes that are known.
        known: usize,
    },
    /// A factor of pitch out of range.
    #[error("pitch {found}, expected 0.25 to 4")]
    Pitch {
        /// The factor.
        found: f32,
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
    /// A pace out of range.
    #[error("speed {found}, expected 0.5 to 2")]
    Speed {
        /// The pace.
        found: f32,
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
            Self::Cancelled { .. } => "speech.cancelled",
            Self::Empty => "speech.empty",
            Self::File { .. } => "io",
            Self::Malformed { .. } => "speech.malformed",
            Self::Method { .. } => "speech.method",
            Self::NotFinite { .. } => "speech.not_finite",
            Self::NothingToLearn { .. } => "speech.nothing_to_learn",
            Self::OtherBase { .. } => "speech.other_base",
            Self::OtherSource { .. } => "speech.other_source",
            Self::Phoneme { .. } => "speech.phoneme",
            Self::Pitch { .. } => "speech.pitch",
            Self::Rank { .. } => "speech.rank",
            Self::Speed { .. } => "speech.speed",
            Self::TooLarge { .. } => "speech.too_large",
        }
    }
}
