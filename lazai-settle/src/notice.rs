//! What followers of a ledger are told, in the shape of reth's ExEx notifications.
//!
//! Undo `old` first, then apply `new`; report the height that is finished, and start above it after a restart.

use serde::{Deserialize, Serialize};

use crate::market::{Event, SignedTransaction};

/// One transaction on the ledger with what it did. The embedded ledger puts each into a block of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its height, from 0.
    pub index: u64,
    /// When it was applied, seconds since 1970.
    pub time_s: u64,
    /// The transaction.
    pub transaction: SignedTransaction,
    /// What it did.
    pub events: Vec<Event>,
}

/// A change of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// New entries at the end.
    ChainCommitted {
        /// The entries.
        new: Vec<Entry>,
    },
    /// Entries at the end were replaced.
    ChainReorged {
        /// What no longer holds.
        old: Vec<Entry>,
        /// What holds instead.
        new: Vec<Entry>,
    },
    /// Entries at the end were taken back.
    ChainReverted {
        /// What no longer holds.
        old: Vec<Entry>,
    },
}
