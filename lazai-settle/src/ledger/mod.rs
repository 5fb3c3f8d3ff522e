//! Ledgers: the trait, the embedded implementation and, with the feature `evm`, one on a chain.

mod embedded;
#[cfg(feature = "evm")]
pub mod evm;
mod storage;

pub use embedded::EmbeddedLedger;
#[cfg(feature = "evm")]
pub use evm::EvmLedger;
pub use storage::Storage;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use lazai_core::digest::DomainHasher;
use lazai_core::quiet::without_addresses;
use lazai_core::{Address, Digest, Signature, Signer, SignerError};
use thiserror::Error;

use crate::market::{Market, MarketError, Transaction};
use crate::merkle::{Checkpoint, Inclusion};
use crate::notice::{Cursor, Entry, Notice};
use crate::session::Voucher;
use crate::till::SignedTransfers;
use crate::transfer::Transfers;

/// The chain's contracts did something else than the market's rules say: this ledger stops reading.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The chain's contracts did something else than the market's rules say: this ledger reads on no more.
    #[error("block {block}: {reason}")]
    Diverged {
        /// The block.
        block: u64,
        /// The difference.
        reason: String,
    },
    /// The chain does not have this market, or another one at its addresses.
    #[error("deployment: {reason}")]
    Deployment {
        /// The reason.
        reason: String,
    },
    /// The file holds something else than the ledger wrote.
    #[error("{path}: entry {index}: {reason}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// The entry.
        index: u64,
        /// The expectation.
        reason: String,
    },
    /// The market refused; nothing has changed.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The contracts refused; nothing has changed.
    #[error("refused by the contracts: {reason}")]
    Reverted {
        /// The contracts' reason.
        reason: String,
    },
    /// The chain's node did not answer, or gave another answer than the call needs.
    #[error("{method}: {reason}")]
    Rpc {
        /// The method of the JSON-RPC call.
        method: String,
        /// The reason.
        reason: String,
    },
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The storage failed. The handle refuses from then on; opening the folder again continues from the durable part.
    #[error("{path}: {reason}")]
    Storage {
        /// The folder.
        path: PathBuf,
        /// The storage's error.
        reason: String,
    },
    /// Not yet: try again later.
    #[error("{what} from {at_s} on, now is {now_s}")]
    TooEarly {
        /// The action.
        what: &'static str,
        /// The earliest time, in seconds since 1970.
        at_s: u64,
        /// The ledger's time.
        now_s: u64,
    },
    /// A transaction was sent, and does not have enough confirmations yet. The same call again goes on waiting.
    #[error("transaction {transaction} is not confirmed after {waited_s} s")]
    Unconfirmed {
        /// Its hash.
        transaction: Digest,
        /// The time waited.
        waited_s: u64,
    },
    /// The data of the chain's provider fails a check: the provider lies, or the chain hashes its blocks otherwise.
    #[error("block {block} of the chain: {reason}")]
    Untrue {
        /// Its number.
        block: u64,
        /// The failed check.
        reason: String,
    },
}

/// The future that a [`Ledger`] returns.
pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// The result of each transaction of [`EmbeddedLedger::submit_all`], in order.
pub type BatchFuture<'a> = Pin<Box<dyn Future<Output = Vec<Result<Entry, LedgerError>>> + Send + 'a>>;

/// A ledger that keeps a market.
pub trait Ledger: Send + Sync {
    /// Signs and applies a transaction durably: on a chain, with the configured number of confirmations. Each key of a
    /// sender is applied once: sending it again returns the first entry.
    fn send<'a>(&'a self, signer: &'a dyn Signer, key: Digest, transaction: Transaction) -> LedgerFuture<'a, Entry>;

    /// Redeems vouchers of a node's sessions, under any offer: on a chain in one transaction. Invalid vouchers are skipped,
    /// and have no entry in the result. One key stands for one list.
    fn redeem<'a>(
        &'a self,
        signer: &'a dyn Signer,
        key: Digest,
        vouchers: Vec<(Voucher, Signature)>,
    ) -> LedgerFuture<'a, Vec<Entry>> {
        Box::pin(async move {
            let mut entries = Vec::with_capacity(vouchers.len());
            for (voucher, signature) in vouchers {
                let (id, sum) = (voucher.session, voucher.cumulative.base_units());
                let own = DomainHasher::new("lazai.redeem.v1").part(key.as_bytes()).part(id.as_bytes());
                let own = own.part(&sum.to_le_bytes()).finish();
                match self.send(signer, own, Transaction::Redeem { voucher, signature }).await {
                    Ok(entry) => entries.push(entry),
                    Err(LedgerError::Market(refused)) => {
                        tracing::info!(session = %id, refused = %without_addresses(refused), "voucher passed over");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(entries)
        })
    }

    /// The confirmed state: on a chain, the newest block read with enough confirmations.
    fn market(&self) -> Arc<Market>;

    /// The state after the last entry. On a chain it may be taken back.
    fn head(&self) -> Arc<Market> {
        self.market()
    }

    /// Reads new entries. An embedded ledger knows everything already; a chain's ledger asks its node.
    fn refresh(&self) -> LedgerFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The ledger's time, seconds since 1970.
    fn now_s(&self) -> u64;

    /// The time since something new of the ledger was seen, or the delay of its newest block: beyond it, this ledger may be
    /// blind to the chain. Zero for an embedded ledger.
    fn unseen(&self) -> Duration {
        Duration::ZERO
    }

    /// The changes since a follower's cursor, up to the last entry.
    fn notices<'a>(&'a self, since: &'a Cursor) -> LedgerFuture<'a, Vec<Notice>>;

    /// The ledger's present checkpoint.
    fn checkpoint(&self) -> Checkpoint;

    /// The contract that holds the market's money, with which wallets open sessions; `None` without a chain.
    fn settlement_contract(&self) -> Option<Address> {
        None
    }

    /// What plain wallets pay by signed transfers; `None` without a chain.
    fn signed_transfers(&self) -> Option<&dyn SignedTransfers> {
        None
    }

    /// Signed transfers on its chain, to anybody; `None` without a chain.
    fn transfers(&self) -> Option<&dyn Transfers> {
        None
    }

    /// An entry with its path to the present checkpoint.
    fn entry(&self, index: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>>;
}

/// The source of a ledger's time.
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

    /// Moves it forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
