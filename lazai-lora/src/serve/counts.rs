//! What an engine has done since it was started.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an engine has done since it was started: for whoever watches it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineCounts {
    /// Passes through the model.
    pub steps: u64,
    /// Tokens of conversations that were computed before replies.
    pub read_tokens: u64,
    /// Tokens of conversations that were known from earlier turns, and not computed again.
    pub known_tokens: u64,
    /// Tokens of conversations whose keys and values were read from the disk; of these, replies begin behind as many as are known by then.
    pub disk_tokens: u64,
    /// Tokens of replies.
    pub reply_tokens: u64,
    /// Tokens that were computed by a guess.
    pub guessed_tokens: u64,
    /// Guessed tokens that a reply chose.
    pub right_guesses: u64,
}

/// The counts of an engine, which its thread adds to.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Arc<Mutex<EngineCounts>>);

impl Counts {
    /// The counts, as long as nobody else looks at them. They are whole numbers, whatever happened to who held them before.
    pub(super) fn lock(&self) -> MutexGuard<'_, EngineCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
