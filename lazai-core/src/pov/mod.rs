//! POV, "point of view": the container in which a character's data travels.
//!
//! A dataset has a [`PublicPart`] (public, at most 32 KiB, kept on the ledger) and a private part (a safetensors file:
//! token ids, loss mask, log-mel frames, under a canonical [`Manifest`]). The manifest carries the fields of LazAI's POV
//! message: hash, tag, type, size and time of the data. Bytes: `docs/formats.md`.

#[cfg(feature = "import")]
mod croissant;
mod file;
mod manifest;
mod private;
mod public;
mod writer;

#[cfg(feature = "import")]
pub use croissant::PrivateAbout;
pub use file::{Clips, PovFile, Records, Salts};
pub use manifest::{Manifest, MelSpec, Speech};
pub use private::{Clip, Dataset, Record};
pub use public::{MAX_PUBLIC_BYTES, Profile, PromptCard, PublicPart};
pub use writer::Writer;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{Address, Digest};

/// Most tokens of one record: what a proof can count. Bases read less, and say so.
pub const MAX_RECORD_TOKENS: usize = 65_535;
/// Most records of a dataset in memory: 2^16. Larger ones are streamed.
pub const MAX_RECORDS: usize = 1 << 16;
/// Most contributors of a dataset.
pub const MAX_CONTRIBUTORS: usize = 64;
/// Largest private part that is read into memory: 256 MiB.
pub const MAX_PRIVATE_BYTES: usize = 256 << 20;
/// Most records of a file that is streamed: 2^24.
pub const MAX_FILE_RECORDS: u64 = 1 << 24;
/// Longest clip, in frames: half an hour.
pub const MAX_CLIP_FRAMES: usize = 180_000;
/// Largest header of a file: 16 MiB.
pub const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Someone whose records are in a dataset, and on which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contributor {
    /// The account that signs for the records, and that the revenue goes to.
    pub address: Address,
    /// A name to show.
    pub name: String,
    /// SPDX identifier of the contributor's licence.
    pub licence: String,
    /// The contributor's consent, in words.
    pub consent: String,
}

/// Why bytes are not a POV container, or data cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PovError {
    /// Two contributors of one address.
    #[error("contributor {address} is named twice")]
    DuplicateContributor {
        /// The address.
        address: Address,
    },
    /// A tensor that the format names is missing, or of another type or shape.
    #[error("tensor {tensor:?}: {reason}")]
    BadTensor {
        /// Name of the tensor.
        tensor: &'static str,
        /// The expectation.
        reason: String,
    },
    /// Not the container at all: cut short, padded, or not safetensors.
    #[error("not a POV file of {bytes} bytes: {reason}")]
    Malformed {
        /// The length in bytes.
        bytes: usize,
        /// The expectation.
        reason: String,
    },
    /// The file system failed.
    #[error("{reason}")]
    Io {
        /// The operating system's error.
        reason: String,
    },
    /// Nothing to learn from.
    #[error("{what} is empty")]
    Empty {
        /// The part.
        what: String,
    },
    /// A public part of more than [`MAX_PUBLIC_BYTES`].
    #[error("public part of {bytes} bytes exceeds {MAX_PUBLIC_BYTES} (32 KiB)")]
    PublicTooLarge {
        /// The size in bytes.
        bytes: usize,
    },
    /// A record of more than [`MAX_RECORD_TOKENS`] tokens.
    #[error("record {record} of {tokens} tokens exceeds {MAX_RECORD_TOKENS}")]
    RecordTooLong {
        /// The record, from 0.
        record: usize,
        /// Its length in tokens.
        tokens: usize,
    },
    /// A token id that the tokenizer does not have.
    #[error("record {record}, position {position}: token {token} lies outside the vocabulary of {vocab_size}")]
    TokenOutsideVocabulary {
        /// The record, from 0.
        record: usize,
        /// The position of the token, from 0.
        position: usize,
        /// The token id.
        token: u32,
        /// Size of the vocabulary.
        vocab_size: u32,
    },
    /// More of something than the format holds.
    #[error("{found} {what} exceed {max}")]
    TooMany {
        /// The kind of thing.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A record or clip that names a contributor the manifest does not list.
    #[error("{what} {index} names contributor {contributor} of {contributors}")]
    UnknownContributor {
        /// `record` or `clip`.
        what: &'static str,
        /// Its index, from 0.
        index: usize,
        /// The contributor's index.
        contributor: usize,
        /// The number of contributors.
        contributors: usize,
    },
    /// The data does not match the manifest's `data_hash`.
    #[error("data digest is {found}, the manifest says {expected}")]
    WrongDigest {
        /// The manifest's digest.
        expected: Digest,
        /// The data's digest.
        found: Digest,
    },
}

impl PovError {
    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateContributor { .. } => "pov.duplicate_contributor",
            Self::BadTensor { .. } => "pov.bad_tensor",
            Self::Malformed { .. } => "pov.malformed",
            Self::Io { .. } => "pov.io",
            Self::Empty { .. } => "pov.empty",
            Self::PublicTooLarge { .. } => "pov.public_too_large",
            Self::RecordTooLong { .. } => "pov.record_too_long",
            Self::TokenOutsideVocabulary { .. } => "pov.token_outside_vocabulary",
            Self::TooMany { .. } => "pov.too_many",
            Self::UnknownContributor { .. } => "pov.unknown_contributor",
            Self::WrongDigest { .. } => "pov.wrong_digest",
        }
    }
}

impl From<std::io::Error> for PovError {
    fn from(error: std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}
