//! Errors of looking at a file.

use thiserror::Error;

use crate::character::CardError;
use crate::dialogue::DialogueError;
use crate::pov::PovError;
use crate::voice::{ManifestError, VoiceError};

/// A file that is of no known kind, or cannot be read as what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Looks like a character, but is none.
    #[error(transparent)]
    Card(#[from] CardError),
    /// Looks like dialogues, but they cannot be read.
    #[error(transparent)]
    Dialogue(#[from] DialogueError),
    /// Looks like a POV container, but is none.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// Looks like a recording, but is none.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// Looks like a list of recordings, but is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file cannot be read.
    #[error("{reason}")]
    Io {
        /// The operating system's error.
        reason: String,
    },
    /// Dialogues of which none can be used.
    #[error("no usable dialogue, for {dropped} things were dropped; most as {most}")]
    NoDialogue {
        /// The number of records and messages dropped.
        dropped: u64,
        /// The place and reason of most of them.
        most: String,
    },
    /// This build lacks a feature for such files.
    #[error("this build is without the feature {feature:?}, which such a file needs")]
    FeatureMissing {
        /// The feature.
        feature: &'static str,
    },
}

impl InspectError {
    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Card(error) => error.code(),
            Self::Dialogue(error) => error.code(),
            Self::Pov(error) => error.code(),
            Self::Voice(error) => error.code(),
            Self::Manifest(_) => "voice.manifest",
            Self::Io { .. } => "io",
            Self::NoDialogue { .. } => "dialogue.none",
            Self::FeatureMissing { .. } => "feature_missing",
        }
    }
}

impl From<std::io::Error> for InspectError {
    fn from(error: std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}
