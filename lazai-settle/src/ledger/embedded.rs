//! The embedded ledger: a folder with one redb file, crash-safe.
//!
//! It keeps genesis and the log of entries; opening the folder replays the state. Each entry is one durable write, finished
//! before anybody is told of it.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lazai_core::digest::canonical_json;
use lazai_core::file::sync_folder;
use lazai_core::{Digest, Signer};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::storage::Backend;
use super::{BatchFuture, Clock, Ledger, LedgerError, LedgerFuture, Storage};
use crate::market::{Genesis, Market, MarketError, SignedTransaction, Transaction};
use crate::merkle::{self, Checkpoint, Inclusion};
use crate::notice::{Action, Chain, Cursor, Entry, Notice, Origin, Position};

const FILE: &str = "ledger.redb";
const PARTIAL: &str = "ledger.redb.partial";
const GENESIS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("genesis");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// The database's cache of its file: the log is rarely read after it is replayed, so it need not stay in memory whole.
const CACHE_BYTES: usize = 4 << 20;

/// A ledger in a folder: no server, no chain, no account needed. One process at a time has it open.
pub struct EmbeddedLedger {
    path: PathBuf,
    clock: Box<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    database: Database,
    market: Arc<Market>,
    leaves: Vec<Digest>,
    /// The position in the log of each key's transaction.
    heights: BTreeMap<Digest, u64>,
    last_s: u64,
    failed: Option<String>,
}

impl EmbeddedLedger {
    /// Creates a ledger in a folder; an existing one is left alone.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] if the folder has a ledger already, or cannot be written.
    pub fn create(folder: &Path, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        Market::new(genesis)?;
        let storage = |e: &dyn std::fmt::Display| storage(folder, e);
        std::fs::create_dir_all(folder).map_err(|e| storage(&e))?;
        if is_founded(folder)? {
            return Err(storage(&"the folder has a ledger already"));
        }
        // Under another name until it is whole: a file that a power cut leaves is never taken for a ledger.
        let (partial, whole) = (folder.join(PARTIAL), folder.join(FILE));
        std::fs::remove_file(&partial).or_else(missing).map_err(|e| storage(&e))?;
        let database = builder().create(&partial).map_err(|e| storage(&e))?;
        found(&database, folder, genesis)?;
        drop(database);
        std::fs::rename(&partial, &whole).map_err(|e| storage(&e))?;
        sync_folder(folder).map_err(|e| storage(&e))?;
        Self::open(folder, clock)
    }

    /// A ledger on a storage of the caller's own: continues an existing ledger, and founds a new one on an empty storage. A
    /// power cut during founding may leave bytes that are neither; empty the storage then, since nothing was promised yet.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open_or_create`]; errors name the path `storage`.
    pub fn on_storage(disk: impl Storage, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let expected = Market::new(genesis)?.ledger();
        let path = Path::new("storage");
        let database = builder().create_with_backend(Backend(disk)).map_err(|e| storage(path, &e))?;
        if !has_genesis(&database, path)? {
            found(&database, path, genesis)?;
        }
        let ledger = Self::replay(database, path, clock)?;
        let found = ledger.market().ledger();
        if found == expected {
            Ok(ledger)
        } else {
            Err(storage(path, &format!("there is ledger {found}, expected {expected}")))
        }
    }

    /// Opens the ledger of a folder, or creates it; a creation that was interrupted is done again.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open`] and [`EmbeddedLedger::create`]; [`LedgerError::Storage`] too if the folder has a
    /// ledger that began otherwise.
    pub fn open_or_create(folder: &Path, genesis: &Genesis, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        if !is_founded(folder)? {
            return Self::create(folder, genesis, clock);
        }
        let ledger = Self::open(folder, clock)?;
        let expected = Market::new(genesis)?.ledger();
        let found = ledger.market().ledger();
        if found == expected {
            Ok(ledger)
        } else {
            Err(storage(folder, &format!("the folder has ledger {found}, expected {expected}")))
        }
    }

    /// Opens a ledger, and replays it.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] if there is none or another process has it open, [`LedgerError::Damaged`] if an entry
    /// differs from the one applied.
    pub fn open(folder: &Path, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let database = builder().open(folder.join(FILE)).map_err(|e| storage(folder, &e))?;
        Self::replay(database, folder, clock)
    }

    fn replay(database: Database, folder: &Path, clock: impl Clock + 'static) -> Result<Self, LedgerError> {
        let storage = |e: &dyn std::fmt::Display| storage(folder, e);
        let read = database.begin_read().map_err(|e| storage(&e))?;
        let genesis = read.open_table(GENESIS).map_err(|e| storage(&e))?;
        let genesis = genesis.get("genesis").map_err(|e| storage(&e))?.ok_or_else(|| storage(&"no genesis"))?;
        let genesis: Genesis = serde_json::from_slice(genesis.value()).map_err(|e| storage(&e))?;
        let mut market = Market::new(&genesis)?;
        let (mut leaves, mut heights, mut last_s) = (Vec::new(), BTreeMap::new(), 0);
        let log = read.open_table(LOG).map_err(|e| storage(&e))?;
        for item in log.iter().map_err(|e| storage(&e))? {
            let (index, bytes) = item.map_err(|e| storage(&e))?;
            let index = index.value();
            let damaged = |reason: String| LedgerError::Damaged { path: folder.into(), index, reason };
            let entry: Entry = serde_json::from_slice(bytes.value()).map_err(|e| damaged(e.to_string()))?;
            if entry.index != leaves.len() as u64 || index != entry.index {
                return Err(damaged(format!("expected entry {}", leaves.len())));
            }
            let signed = signed(&entry).ok_or_else(|| damaged("no signed transaction".into()))?;
            let events = market.apply(entry.time_s, &signed).map_err(|e| damaged(e.to_string()))?;
            if events != entry.events {
                return Err(damaged("its events are not what the transaction does".into()));
            }
            leaves.push(merkle::leaf_hash(bytes.value()));
            heights.insert(signed.key, index);
            last_s = entry.time_s;
        }
        drop((log, read));
        let inner = Inner { database, market: Arc::new(market), leaves, heights, last_s, failed: None };
        Ok(Self { path: folder.into(), clock: Box::new(clock), inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held left either the old or the new state: both are whole.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Applies transactions in order, and writes the new entries in one go.
    fn submit_now(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Entry, LedgerError>> {
        let mut inner = self.lock();
        if let Some(reason) = &inner.failed {
            return transactions.iter().map(|_| Err(storage(&self.path, reason))).collect();
        }
        let mut new: Vec<Entry> = Vec::new();
        let results: Vec<_> = transactions.into_iter().map(|t| self.apply_one(&mut inner, &mut new, t)).collect();
        if new.is_empty() {
            return results;
        }
        match self.append(&inner.database, &new) {
            Ok(leaves) => {
                inner.leaves.extend(leaves);
                let keyed = |entry: &Entry| entry.origin.key().map(|key| (key, entry.index));
                inner.heights.extend(new.iter().filter_map(keyed));
                inner.last_s = new.last().map_or(inner.last_s, |entry| entry.time_s);
                results
            }
            Err(error) => {
                // The state in memory is ahead of the disk: nobody may build on it.
                let reason = error.to_string();
                inner.failed = Some(reason.clone());
                results.into_iter().map(|result| result.and_then(|_| Err(storage(&self.path, &reason)))).collect()
            }
        }
    }

    /// Applies one to the state in memory; `new` holds the entries to be written.
    fn apply_one(
        &self,
        inner: &mut Inner,
        new: &mut Vec<Entry>,
        transaction: SignedTransaction,
    ) -> Result<Entry, LedgerError> {
        let time_s = self.clock.now_s().max(new.last().map_or(inner.last_s, |entry| entry.time_s));
        let events = match Arc::make_mut(&mut inner.market).apply(time_s, &transaction) {
            Ok(events) => events,
            Err(MarketError::AlreadyApplied) => {
                let before = new.iter().find(|entry| entry.origin.key() == Some(transaction.key));
                return before.map_or_else(|| self.find(inner, &transaction), |entry| Ok(entry.clone()));
            }
            Err(error) => return Err(error.into()),
        };
        let SignedTransaction { key, sender, transaction, signature } = transaction;
        let (action, origin) = (Action::Transaction(transaction), Origin::Signed { key, signature });
        let entry = Entry { index: (inner.leaves.len() + new.len()) as u64, time_s, sender, action, origin, events };
        new.push(entry.clone());
        Ok(entry)
    }

    fn append(&self, database: &Database, entries: &[Entry]) -> Result<Vec<Digest>, LedgerError> {
        let storage = |e: &dyn std::fmt::Display| storage(&self.path, e);
        let mut leaves = Vec::with_capacity(entries.len());
        let write = database.begin_write().map_err(|e| storage(&e))?;
        {
            let mut log = write.open_table(LOG).map_err(|e| storage(&e))?;
            for entry in entries {
                let bytes = canonical_json(entry).map_err(|e| storage(&e))?;
                log.insert(entry.index, bytes.as_slice()).map_err(|e| storage(&e))?;
                leaves.push(merkle::leaf_hash(&bytes));
            }
        }
        write.commit().map_err(|e| storage(&e))?;
        Ok(leaves)
    }

    /// The entry of a transaction that was applied before.
    fn find(&self, inner: &Inner, transaction: &SignedTransaction) -> Result<Entry, LedgerError> {
        let height = inner.heights.get(&transaction.key).copied();
        let found = height.map_or(Ok(Vec::new()), |index| self.read(inner, index..=index))?;
        found.into_iter().next().ok_or(LedgerError::Market(MarketError::AlreadyApplied))
    }

    fn read(&self, inner: &Inner, heights: impl RangeBounds<u64>) -> Result<Vec<Entry>, LedgerError> {
        let storage = |e: &dyn std::fmt::Display| storage(&self.path, e);
        let read = inner.database.begin_read().map_err(|e| storage(&e))?;
        let log = read.open_table(LOG).map_err(|e| storage(&e))?;
        let range = log.range(heights).map_err(|e| storage(&e))?;
        range
            .map(|item| {
                let (_, bytes) = item.map_err(|e| storage(&e))?;
                serde_json::from_slice(bytes.value()).map_err(|e| storage(&e))
            })
            .collect()
    }
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
        Arc::clone(&self.lock().market)
    }

    fn now_s(&self) -> u64 {
        self.clock.now_s().max(self.lock().last_s)
    }

    fn notices<'a>(&'a self, since: &'a Cursor) -> LedgerFuture<'a, Vec<Notice>> {
        Box::pin(async move {
            let inner = self.lock();
            let entries = self.read(&inner, since.last().map_or(0, |p| p.height)..)?;
            let hash = inner.leaves.last().copied().unwrap_or(Digest::ZERO);
            let tip = Position { height: inner.leaves.len() as u64, hash };
            // One machine orders its own log: it never takes anything back.
            Ok(if entries.is_empty() { vec![] } else { vec![Notice::ChainCommitted { new: Chain { entries, tip } }] })
        })
    }

    fn checkpoint(&self) -> Checkpoint {
        let inner = self.lock();
        Checkpoint { ledger: inner.market.ledger(), size: inner.leaves.len() as u64, root: merkle::root(&inner.leaves) }
    }

    fn entry(&self, index: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>> {
        Box::pin(async move {
            let inner = self.lock();
            let Some(inclusion) = merkle::prove(&inner.leaves, index) else { return Ok(None) };
            let entry = self.read(&inner, index..=index)?.into_iter().next();
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

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Tells whether a folder has a ledger with a genesis. A file that another process has open is an error, not a "no".
fn is_founded(folder: &Path) -> Result<bool, LedgerError> {
    let file = folder.join(FILE);
    if !file.try_exists().map_err(|e| storage(folder, &e))? {
        return Ok(false);
    }
    let database = builder().open(file).map_err(|e| storage(folder, &e))?;
    has_genesis(&database, folder)
}

fn has_genesis(database: &Database, path: &Path) -> Result<bool, LedgerError> {
    let read = database.begin_read().map_err(|e| storage(path, &e))?;
    match read.open_table(GENESIS) {
        Ok(table) => Ok(table.get("genesis").map_err(|e| storage(path, &e))?.is_some()),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(storage(path, &error)),
    }
}

/// Treats a missing file as removed.
fn missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Writes how a ledger begins; once.
fn found(database: &Database, path: &Path, genesis: &Genesis) -> Result<(), LedgerError> {
    let storage = |e: &dyn std::fmt::Display| storage(path, e);
    let bytes = canonical_json(genesis).map_err(|e| storage(&e))?;
    let write = database.begin_write().map_err(|e| storage(&e))?;
    {
        let mut table = write.open_table(GENESIS).map_err(|e| storage(&e))?;
        if table.get("genesis").map_err(|e| storage(&e))?.is_some() {
            return Err(storage(&"the folder has a ledger already"));
        }
        table.insert("genesis", bytes.as_slice()).map_err(|e| storage(&e))?;
        write.open_table(LOG).map_err(|e| storage(&e))?;
    }
    write.commit().map_err(|e| storage(&e))
}

fn storage(path: &Path, reason: &(impl std::fmt::Display + ?Sized)) -> LedgerError {
    LedgerError::Storage { path: path.into(), reason: reason.to_string() }
}
