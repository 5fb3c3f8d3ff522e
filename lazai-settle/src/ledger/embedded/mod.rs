//! The embedded ledger: a folder with one redb file, crash-safe.
//!
//! It keeps genesis and the log of entries; opening the folder replays the state. Each entry is one durable write, finished
//! before anybody is told of it. Processes may share a folder: each takes the file's writer lock for an entry of its own, and
//! applies the entries of the others first.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lazai_core::{Digest, LedgerId, Signer};

use self::file::{Log, failed};
use super::{BatchFuture, Clock, Ledger, LedgerError, LedgerFuture, Storage};
use crate::market::{Genesis, Market, MarketError, SignedTransaction, Transaction};
use crate::merkle::{self, Checkpoint, Inclusion};
use crate::notice::{Action, Chain, Cursor, Entry, Notice, Origin, Position};

/// A ledger in a folder: no server, no chain, no account needed. Several processes may have it open on Linux, Apple's systems
/// and Windows, elsewhere one.
pub struct EmbeddedLedger {
    path: PathBuf,
    clock: Box<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    log: Log,
    state: State,
    failed: Option<String>,
}

/// The state after the entries that were applied.
struct State {
    market: Arc<Market>,
    leaves: Vec<Digest>,
    /// The position in the log of each key's transaction.
    heights: BTreeMap<Digest, u64>,
    last_s: u64,
}

impl EmbeddedLedger {
    /// Creates a ledger in a folder; an existing one is left alone.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] if the folder has a ledger already, or cannot be written.
    pub fn create(folder: &Path, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        Market::new(genesis)?;
        Self::replay(Log::create(folder, genesis)?, folder, clock)
    }

    /// A ledger on a storage of the caller's own: continues an existing ledger, and founds a new one on an empty storage. A
    /// power cut during founding may leave bytes that are neither; empty the storage then, since nothing was promised yet.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open_or_create`]; errors name the path `storage`.
    pub fn on_storage(disk: impl Storage, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let expected = Market::new(genesis)?.ledger();
        Self::replay(Log::on_storage(disk, genesis)?, Path::new("storage"), clock)?.expect(expected)
    }

    /// Opens the ledger of a folder, or creates it; a creation that was interrupted is done again.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open`] and [`EmbeddedLedger::create`]; [`LedgerError::Storage`] too if the folder has a
    /// ledger that began otherwise.
    pub fn open_or_create(folder: &Path, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let expected = Market::new(genesis)?.ledger();
        Self::replay(Log::open_or_create(folder, genesis)?, folder, clock)?.expect(expected)
    }

    /// Opens a ledger, and replays it.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] if there is none, or if it cannot be shared with another process that has it open;
    /// [`LedgerError::Damaged`] if an entry differs from the one applied.
    pub fn open(folder: &Path, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        Self::replay(Log::open(folder)?, folder, clock)
    }

    fn replay(log: Log, path: &Path, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let market = Arc::new(Market::new(&log.genesis()?)?);
        let mut state = State { market, leaves: Vec::new(), heights: BTreeMap::new(), last_s: 0 };
        log.each(.., &mut |index, bytes| state.apply_written(path, index, bytes))?;
        let inner = Inner { log, state, failed: None };
        Ok(Self { path: path.into(), clock: Box::new(clock), inner: Mutex::new(inner) })
    }

    fn expect(self, expected: LedgerId) -> Result<Self, LedgerError> {
        let found = self.lock().state.market.ledger();
        if found == expected {
            return Ok(self);
        }
        Err(failed(&self.path, format!("there is ledger {found}, expected {expected}")))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held left either the old or the new state: both are whole.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The state after everything that other processes wrote, too.
    fn caught_up(&self) -> Result<MutexGuard<'_, Inner>, LedgerError> {
        let mut inner = self.lock();
        let Inner { log, state, failed } = &mut *inner;
        if log.is_shared && failed.is_none() {
            log.each(state.next().., &mut |index, bytes| state.apply_written(&self.path, index, bytes))?;
        }
        Ok(inner)
    }

    /// Applies transactions in order, and writes the new entries in one go.
    fn submit_now(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Entry, LedgerError>> {
        let mut inner = self.lock();
        let Inner { log, state, failed: broken } = &mut *inner;
        let all = |reason: &str| transactions.iter().map(|_| Err(failed(&self.path, reason))).collect();
        if let Some(reason) = broken {
            return all(reason);
        }
        let appending = log.begin().and_then(|appending| {
            appending.each_from(state.next(), &mut |index, bytes| state.apply_written(&self.path, index, bytes))?;
            Ok(appending)
        });
        let appending = match appending {
            Ok(appending) => appending,
            Err(error) => return all(&error.to_string()),
        };
        let mut new: Vec<Entry> = Vec::new();
        let results: Vec<_> = transactions.into_iter().map(|t| self.apply_one(log, state, &mut new, t)).collect();
        if new.is_empty() {
            return results;
        }
        match appending.append(&new) {
            Ok(leaves) => {
                state.leaves.extend(leaves);
                let keyed = |entry: &Entry| entry.origin.key().map(|key| (key, entry.index));
                state.heights.extend(new.iter().filter_map(keyed));
                state.last_s = new.last().map_or(state.last_s, |entry| entry.time_s);
                results
            }
            Err(error) => {
                // The state in memory is ahead of the disk: nobody may build on it.
                let reason = error.to_string();
                *broken = Some(reason.clone());
                results.into_iter().map(|result| result.and_then(|_| Err(failed(&self.path, &reason)))).collect()
            }
        }
    }

    /// Applies one to the state in memory; `new` holds the entries to be written.
    fn apply_one(
        &self,
        log: &Log,
        state: &mut State,
        new: &mut Vec<Entry>,
        transaction: SignedTransaction,
    ) -> Result<Entry, LedgerError> {
        let time_s = self.clock.now_s().max(new.last().map_or(state.last_s, |entry| entry.time_s));
        let events = match Arc::make_mut(&mut state.market).apply(time_s, &transaction) {
            Ok(events) => events,
            Err(MarketError::AlreadyApplied) => {
                let before = new.iter().find(|entry| entry.origin.key() == Some(transaction.key));
                return before.map_or_else(|| find(log, state, transaction.key), |entry| Ok(entry.clone()));
            }
            Err(error) => return Err(error.into()),
        };
        let SignedTransaction { key, sender, transaction, signature } = transaction;
        let (action, origin) = (Action::Transaction(transaction), Origin::Signed { key, signature });
        let entry = Entry { index: state.next() + new.len() as u64, time_s, sender, action, origin, events };
        new.push(entry.clone());
        Ok(entry)
    }
}

impl State {
    /// The index of the next entry.
    fn next(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Applies an entry of the log, and holds it to what it says of itself.
    fn apply_written(&mut self, path: &Path, index: u64, bytes: &[u8]) -> Result<(), LedgerError> {
        let damaged = |reason: String| LedgerError::Damaged { path: path.into(), index, reason };
        let entry: Entry = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        if entry.index != self.next() || index != entry.index {
            return Err(damaged(format!("expected entry {}", self.next())));
        }
        let signed = signed(&entry).ok_or_else(|| damaged("no signed transaction".into()))?;
        let applied = Arc::make_mut(&mut self.market).apply(entry.time_s, &signed);
        if applied.map_err(|e| damaged(e.to_string()))? != entry.events {
            return Err(damaged("its events are not what the transaction does".into()));
        }
        self.leaves.push(merkle::leaf_hash(bytes));
        self.heights.insert(signed.key, index);
        self.last_s = entry.time_s;
        Ok(())
    }
}

/// The entry of a transaction that was applied before.
fn find(log: &Log, state: &State, key: Digest) -> Result<Entry, LedgerError> {
    let height = state.heights.get(&key).copied();
    let found = height.map_or(Ok(Vec::new()), |index| log.read(index..=index))?;
    found.into_iter().next().ok_or(LedgerError::Market(MarketError::AlreadyApplied))
}

impl EmbeddedLedger {
    /// Applies a transaction durably. The same transaction under the same key is applied once: a second call returns the
    /// first entry.
    pub fn submit(&self, transaction: SignedTransaction) -> LedgerFuture<'_, Entry> {
        Box::pin(async move {
            let results = self.submit_now(vec![transaction]);
            results.into_iter().next().unwrap_or(Err(MarketError::AlreadyApplied.into()))
        })
    }

    /// Applies several transactions, in order. Each succeeds or fails by itself; those that are new become durable
    /// together, which costs one write instead of many.
    pub fn submit_all(&self, transactions: Vec<SignedTransaction>) -> BatchFuture<'_> {
        Box::pin(async move { self.submit_now(transactions) })
    }
}

impl Ledger for EmbeddedLedger {
    fn send<'a>(&'a self, signer: &'a dyn Signer, key: Digest, transaction: Transaction) -> LedgerFuture<'a, Entry> {
        Box::pin(async move {
            let domain = self.market().domain().clone();
            self.submit(SignedTransaction::sign(signer, &domain, key, transaction).await?).await
        })
    }

    fn market(&self) -> Arc<Market> {
        let inner = self.caught_up().unwrap_or_else(|error| {
            tracing::error!(%error, "the ledger cannot be read on");
            self.lock()
        });
        Arc::clone(&inner.state.market)
    }

    fn refresh(&self) -> LedgerFuture<'_, ()> {
        Box::pin(async move { self.caught_up().map(drop) })
    }

    fn now_s(&self) -> u64 {
        self.clock.now_s().max(self.lock().state.last_s)
    }

    fn notices<'a>(&'a self, since: &'a Cursor) -> LedgerFuture<'a, Vec<Notice>> {
        Box::pin(async move {
            let inner = self.caught_up()?;
            let entries = inner.log.read(since.last().map_or(0, |p| p.height)..inner.state.next())?;
            let hash = inner.state.leaves.last().copied().unwrap_or(Digest::ZERO);
            let tip = Position { height: inner.state.next(), hash };
            // One log has one order: nothing is ever taken back.
            Ok(if entries.is_empty() { vec![] } else { vec![Notice::ChainCommitted { new: Chain { entries, tip } }] })
        })
    }

    fn checkpoint(&self) -> Checkpoint {
        let inner = self.lock();
        let State { market, leaves, .. } = &inner.state;
        Checkpoint { ledger: market.ledger(), size: leaves.len() as u64, root: merkle::root(leaves) }
    }

    fn entry(&self, index: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>> {
        Box::pin(async move {
            let inner = self.lock();
            let Some(inclusion) = merkle::prove(&inner.state.leaves, index) else { return Ok(None) };
            let entry = inner.log.read(index..=index)?.into_iter().next();
            Ok(entry.map(|entry| (entry, inclusion)))
        })
    }
}

impl std::fmt::Debug for EmbeddedLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddedLedger {{ path: {} }}", self.path.display())
    }
}

/// The envelope that an entry was made of.
fn signed(entry: &Entry) -> Option<SignedTransaction> {
    match (&entry.action, &entry.origin) {
        (Action::Transaction(transaction), Origin::Signed { key, signature }) => Some(SignedTransaction {
            key: *key,
            sender: entry.sender,
            transaction: transaction.clone(),
            signature: *signature,
        }),
        _ => None,
    }
}
