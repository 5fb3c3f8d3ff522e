//! Notifications to followers of a ledger, in the shape of reth's ExEx notifications.
//!
//! Undo `old` first, then apply `new`. Keep a [`Cursor`] of the finished part, and continue from it after a restart.

use lazai_core::{Address, Digest, Signature};
use serde::{Deserialize, Serialize};

use crate::governance::Measure;
use crate::market::{Crossing, Event, Transaction};

/// An entry of the ledger's log, with its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 0.
    pub index: u64,
    /// The time of its application, in seconds since 1970.
    pub time_s: u64,
    /// The sender.
    pub sender: Address,
    /// The action.
    pub action: Action,
    /// The entry's origin.
    pub origin: Origin,
    /// The events of the action.
    pub events: Vec<Event>,
}

impl Entry {
    /// The transaction, if it is one.
    #[must_use]
    pub fn transaction(&self) -> Option<&Transaction> {
        match &self.action {
            Action::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }
}

/// The action of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "nearly all are transactions")]
pub enum Action {
    /// Money that entered or left a market on a chain.
    Crossed(Crossing),
    /// A measure that a chain's governance enacted.
    Enacted(Measure),
    /// A sender's transaction.
    Transaction(Transaction),
}

/// The origin of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Origin {
    /// Contracts on a chain.
    Chain {
        /// The block's number.
        block: u64,
        /// The block's hash.
        block_hash: Digest,
        /// The hash of the transaction.
        transaction: Digest,
        /// The place in the block of the log that it was read from.
        log_index: u64,
        /// The key that the transaction was sent under, if it names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Digest>,
    },
    /// An envelope, signed by the sender for this ledger.
    Signed {
        /// The key it was sent under.
        key: Digest,
        /// The sender's signature over key and transaction.
        signature: Signature,
    },
}

impl Origin {
    /// The key that it was sent under.
    #[must_use]
    pub fn key(&self) -> Option<Digest> {
        match self {
            Self::Chain { key, .. } => *key,
            Self::Signed { key, .. } => Some(*key),
        }
    }

    /// The hash of the chain's transaction; none on an embedded ledger.
    #[must_use]
    pub fn transaction_hash(&self) -> Option<Digest> {
        match self {
            Self::Chain { transaction, .. } => Some(*transaction),
            Self::Signed { .. } => None,
        }
    }
}

/// A place on a chain: everything up to and including it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The block's number; on an embedded ledger, how many entries there are.
    pub height: u64,
    /// The block's hash; on an embedded ledger, that of the last entry.
    pub hash: Digest,
}

/// Places up to which a follower is done, the last one last. It is the follower's to keep: with it a ledger that was
/// restarted, or another node, still finds where their histories part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Vec<Position>);

/// Places that a [`Cursor`] keeps: a reorganisation deeper than these begins from the start.
const MAX_POSITIONS: usize = 64;

impl Cursor {
    /// Nothing is done yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Up to here everything is done. Places at or above it are forgotten first: they were undone.
    pub fn finish(&mut self, position: Position) {
        self.0.retain(|p| p.height < position.height);
        self.0.push(position);
        let surplus = self.0.len().saturating_sub(MAX_POSITIONS);
        self.0.drain(..surplus);
    }

    /// Nothing above this height is done any more.
    pub fn undo_above(&mut self, height: u64) {
        self.0.retain(|p| p.height <= height);
    }

    /// The last place.
    #[must_use]
    pub fn last(&self) -> Option<Position> {
        self.0.last().copied()
    }

    /// The places, the last one first.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().rev().copied()
    }
}

/// Entries of consecutive blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The last of the blocks, with or without entries. For a part that no longer holds, the block before it: the ledger's
    /// position once it is undone.
    pub tip: Position,
}

/// A change of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// New blocks at the end.
    ChainCommitted {
        /// The part that holds now.
        new: Chain,
    },
    /// Blocks at the end were replaced.
    ChainReorged {
        /// The part that no longer holds.
        old: Chain,
        /// The part that replaces it.
        new: Chain,
    },
    /// Blocks at the end were taken back.
    ChainReverted {
        /// The part that no longer holds.
        old: Chain,
    },
}

impl Notice {
    /// The part that no longer holds, and the part that holds now: undo the first, then apply the second.
    #[must_use]
    pub fn parts(self) -> (Option<Chain>, Option<Chain>) {
        match self {
            Self::ChainCommitted { new } => (None, Some(new)),
            Self::ChainReorged { old, new } => (Some(old), Some(new)),
            Self::ChainReverted { old } => (Some(old), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_forgets_what_was_undone_and_what_is_long_ago() {
        let at = |height: u64, branch: u8| Position { height, hash: Digest::from_bytes([branch; 32]) };
        let mut cursor = Cursor::new();
        for height in 1..=100 {
            cursor.finish(at(height, 1));
        }
        assert_eq!(cursor.positions().count(), MAX_POSITIONS);
        cursor.undo_above(97);
        assert_eq!(cursor.last(), Some(at(97, 1)));
        cursor.finish(at(95, 2));
        assert_eq!(cursor.positions().take(2).collect::<Vec<_>>(), [at(95, 2), at(94, 1)]);
    }
}
