//! How well a model predicts what the character says in records that it was not trained on.

use serde::{Deserialize, Serialize};

use crate::digest::DomainHasher;
use crate::id::Digest;
use crate::money::BasisPoints;

/// Most records that a training holds out: more make the measurement longer, and hardly better.
pub const MAX_HELD_OUT: usize = 128;

/// Losses on held-out records: means of the negative log-likelihood of the character's tokens, in millionths of a nat per token. Integers, so
/// that records hold them exactly, and a repeat on the same kind of machine gives the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Records that were measured; none of them was trained on.
    pub records: u32,
    /// The character's tokens in them.
    pub tokens: u64,
    /// The loss of the bare base.
    pub base_micronats: u64,
    /// The loss of the base behind the published card; `None` if the dataset goes on from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompted_micronats: Option<u64>,
    /// The loss of the base with the adapter, behind the card if there is one.
    pub tuned_micronats: u64,
}

impl Quality {
    /// The perplexity that a loss in millionths of a nat is: `exp` of it.
    #[must_use]
    pub fn perplexity(micronats: u64) -> f64 {
        (micronats as f64 / 1e6).exp()
    }

    /// A mean loss in nats as a record holds it; `None` for what is no loss.
    #[must_use]
    pub fn micronats(loss: f64) -> Option<u64> {
        let micronats = (loss * 1e6).round();
        // Above 2^53, a float has no place for every integer.
        (0.0..=9.0e15).contains(&micronats).then_some(micronats as u64)
    }

    /// The perplexities in words: of the bare base, behind the card, tuned.
    #[must_use]
    pub fn in_words(&self) -> String {
        let [base, tuned] = [self.base_micronats, self.tuned_micronats].map(Self::perplexity);
        let prompted = self.prompted_micronats.map(|loss| format!(", {:.1} behind its card", Self::perplexity(loss)));
        let (tokens, records) = (self.tokens, self.records);
        let prompted = prompted.unwrap_or_default();
        format!(
            "perplexity of {tokens} held-out tokens in {records} records: base {base:.1}{prompted}, tuned {tuned:.1}"
        )
    }
}

/// The indices, in order, of the records of a dataset that a training holds out: a share of them, rounded down, at most [`MAX_HELD_OUT`].
///
/// They are drawn by the dataset's root, so that whoever has the dataset finds the same, and the execution node cannot choose. The creator
/// salts the root, and could choose among many draws.
///
/// # Example
/// ```
/// use lazai_core::digest::sha256;
/// use lazai_core::record::held_out;
/// use lazai_core::BasisPoints;
///
/// let five_percent = BasisPoints::new(500)?;
/// assert_eq!(held_out(sha256(b"root"), 100, five_percent).len(), 5);
/// assert!(held_out(sha256(b"root"), 19, five_percent).is_empty());
/// # Ok::<(), lazai_core::MoneyError>(())
/// ```
#[must_use]
pub fn held_out(root: Digest, records: usize, share: BasisPoints) -> Vec<usize> {
    let wanted = (records as u128 * u128::from(share.get()) / 10_000) as usize;
    let wanted = wanted.min(MAX_HELD_OUT);
    if wanted == 0 {
        return Vec::new();
    }
    let drawn = |record: usize| {
        let number = (record as u64).to_le_bytes();
        (DomainHasher::new("lazai.heldout.v1").part(root.as_bytes()).part(&number).finish(), record)
    };
    let mut drawn: Vec<(Digest, usize)> = (0..records).map(drawn).collect();
    drawn.select_nth_unstable(wanted - 1);
    let mut chosen: Vec<usize> = drawn[..wanted].iter().map(|(_, record)| *record).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    #[test]
    fn a_share_is_drawn_by_the_root_alone() {
        let share = BasisPoints::new(500).unwrap();
        let (one, other) = (sha256(b"one"), sha256(b"other"));
        let drawn = held_out(one, 1_000, share);
        assert_eq!((drawn.len(), &drawn), (50, &held_out(one, 1_000, share)));
        assert!(drawn.is_sorted() && drawn.iter().all(|&record| record < 1_000));
        assert_ne!(drawn, held_out(other, 1_000, share));
        assert_eq!(held_out(one, 1_000_000, share).len(), MAX_HELD_OUT);
        assert_eq!(held_out(one, 3, BasisPoints::WHOLE), [0, 1, 2]);
        assert!(held_out(one, 1_000, BasisPoints::ZERO).is_empty() && held_out(one, 0, share).is_empty());
    }

    /// Another draw would make records of today unrepeatable.
    #[test]
    fn the_draw_is_pinned() {
        assert_eq!(held_out(sha256(b"root"), 100, BasisPoints::new(500).unwrap()), [27, 35, 36, 53, 84]);
    }

    #[test]
    fn a_loss_that_is_none_is_no_number() {
        assert_eq!(Quality::micronats(3.234_567_8), Some(3_234_568));
        for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(Quality::micronats(bad), None, "{bad}");
        }
        assert!((Quality::perplexity(3_234_568) - 25.395_4).abs() < 1e-3);
    }
}
