//! Why memories fail.

use std::path::PathBuf;

use lazai_core::seal::SealError;
use thiserror::Error;

/// Why something cannot be remembered, or recalled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// An entry within the log does not authenticate: its bytes were changed. Nothing was written.
    #[error("entry {entry} of the memory is damaged")]
    Damaged {
        /// Its number in the log, from 1.
        entry: u64,
    },
    /// A text without words.
    #[error("nothing to remember: the text is empty")]
    Empty,
    /// The file failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A line of an import is no entry.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line's number, from 1.
        line: u64,
        /// The reason.
        reason: String,
    },
    /// The model that finds by meaning failed.
    #[error("finding by meaning: {reason}")]
    Meaning {
        /// The reason.
        reason: String,
    },
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    NoRandomness,
    /// Bytes of another format.
    #[error("not a memory of format LZM1")]
    NotMemory,
    /// Sealed to another key.
    #[error("the memory is sealed to another key")]
    OtherKey,
    /// Encryption failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// More than is accepted.
    #[error("{what} has {bytes} bytes, at most {max} are accepted")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// No entry has this number.
    #[error("no entry {id}")]
    UnknownEntry {
        /// The number.
        id: String,
    },
}
