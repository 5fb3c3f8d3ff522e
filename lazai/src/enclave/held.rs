//! The quote under which replies were asked for, as a conversation and evidence keep it.

use serde::{Deserialize, Serialize};

use super::Quote;
use crate::seal::SignedSealTerms;

/// A key that requests were sealed to, the quote that the consumer checked for it, and the replies that were asked for so.
///
/// Key and quote are signed. That these replies' requests were sealed to it is the consumer's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldQuote {
    /// The node's signed key.
    pub seal: SignedSealTerms,
    /// The quote.
    pub quote: Quote,
    /// When the consumer checked it, in seconds since 1970, by its clock.
    pub checked_at_s: u64,
    /// The turns of the session that were asked for under it, in order.
    pub turns: Vec<u32>,
}

impl HeldQuote {
    /// Notes a turn among those of a conversation: one entry a key, with the quote that was checked first.
    pub(crate) fn note(all: &mut Vec<Self>, held: &Self, turn: u32) {
        match all.iter_mut().find(|kept| kept.seal == held.seal) {
            Some(kept) if kept.turns.last() != Some(&turn) => kept.turns.push(turn),
            Some(_) => {}
            None => all.push(Self { turns: vec![turn], ..held.clone() }),
        }
    }
}
