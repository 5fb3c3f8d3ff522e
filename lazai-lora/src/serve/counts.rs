//! What an engine has done since it was started.

use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Tokens of replies.
    pub reply_tokens: u64,
    /// Tokens that were computed by a guess.
    pub guessed_tokens: u64,
    /// Guessed tokens that a reply chose.
    pub right_guesses: u64,
}

/// The same, counted on.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) steps: AtomicU64,
    pub(super) read_tokens: AtomicU64,
    pub(super) known_tokens: AtomicU64,
    pub(super) reply_tokens: AtomicU64,
    pub(super) guessed_tokens: AtomicU64,
    pub(super) right_guesses: AtomicU64,
}

/// Adds to a count; nobody's memory depends on it.
pub(super) fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(more as u64, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn read(&self) -> EngineCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        EngineCounts {
            steps: of(&self.steps),
            read_tokens: of(&self.read_tokens),
            known_tokens: of(&self.known_tokens),
            reply_tokens: of(&self.reply_tokens),
            guessed_tokens: of(&self.guessed_tokens),
            right_guesses: of(&self.right_guesses),
        }
    }
}
