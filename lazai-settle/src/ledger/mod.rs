//! Where the market is kept: one trait, and its embedded implementation.

mod embedded;
mod storage;

pub use embedded::EmbeddedLedger;
pub use storage::Storage;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;

use crate::market::{Market, MarketError, SignedTransaction};
use crate::merkle::{Checkpoint, Inclusion};
use crate::notice::{Entry, Notice};

/// Why a ledger did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file holds something else than the ledger wrote.
    #[error("{path}: entry {index}: {reason}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// Which entry.
        index: u64,
        /// What was expected.
        reason: String,
    },
    /// The market refused; nothing has changed.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The storage failed. The handle refuses from then on; opening the folder again continues from what is
    /// durable.
    #[error("{path}: {reason}")]
    Storage {
        /// The folder.
        path: PathBuf,
        /// What the storage said.
        reason: String,
    },
}

/// The future that a [`Ledger`] returns.
pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// What became of each transaction of [`Ledger::submit_all`], in order.
pub type BatchFuture<'a> = Pin<Box<dyn Future<Output = Vec<Result<Entry, LedgerError>>> + Send + 'a>>;

/// A ledger that keeps a market.
pub trait Ledger: Send + Sync {
    /// Applies a transaction durably. The same transaction under the same key is applied once: asking again gives
    /// the first entry.
    fn submit(&self, transaction: SignedTransaction) -> LedgerFuture<'_, Entry>;

    /// Applies several transactions, in order. Each succeeds or fails by itself; those that are new become durable
    /// together, which costs one write instead of many.
    fn submit_all(&self, transactions: Vec<SignedTransaction>) -> BatchFuture<'_> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(transactions.len());
            for transaction in transactions {
                results.push(self.submit(transaction).await);
            }
            results
        })
    }

    /// The state after the last entry.
    fn market(&self) -> Arc<Market>;

    /// The ledger's time, seconds since 1970.
    fn now_s(&self) -> u64;

    /// What changed from a height on.
    fn notices(&self, from: u64) -> LedgerFuture<'_, Vec<Notice>>;

    /// The ledger as it stands.
    fn checkpoint(&self) -> Checkpoint;

    /// An entry with its path to the present checkpoint.
    fn entry(&self, index: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>>;
}

/// Where a ledger has its time from.
pub trait Clock: Send + Sync {
    /// Seconds since 1970 (UTC).
    fn now_s(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
    }
}

/// A clock that is set by hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows a time.
    #[must_use]
    pub fn at(now_s: u64) -> Self {
        Self(Arc::new(AtomicU64::new(now_s)))
    }

    /// Moves it on.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
