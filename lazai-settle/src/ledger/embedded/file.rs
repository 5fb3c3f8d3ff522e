//! The file of an embedded ledger: genesis and log.

use std::fs::File;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};

use lazai_core::Digest;
use lazai_core::digest::canonical_json;
use lazai_core::file::sync_folder;
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::super::storage::Backend;
use super::super::{LedgerError, Storage};
use crate::market::Genesis;
use crate::merkle;
use crate::notice::Entry;

const FILE: &str = "ledger.redb";
const PARTIAL: &str = "ledger.redb.partial";
/// Locked while a ledger is founded, so that two processes do not found two.
const FOUNDING: &str = "ledger.founding";
const GENESIS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("genesis");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// The database's cache of its file: the log is rarely read after it is replayed, so it need not stay in memory whole.
const CACHE_BYTES: usize = 4 << 20;

/// A receiver of entries: the number and bytes of each.
pub(super) type Taking<'t> = &'t mut dyn FnMut(u64, &[u8]) -> Result<(), LedgerError>;

/// Genesis and log, in a file or on a storage.
pub(super) struct Log {
    database: Database,
    path: PathBuf,
    /// True if other processes may append, too.
    pub is_shared: bool,
}

impl Log {
    /// Founds a ledger in a folder that has none.
    pub fn create(folder: &Path, genesis: &Genesis) -> Result<Self, LedgerError> {
        Self::found(folder, genesis)?.map_or_else(|| Err(failed(folder, "the folder has a ledger already")), Ok)
    }

    pub fn open_or_create(folder: &Path, genesis: &Genesis) -> Result<Self, LedgerError> {
        Self::found(folder, genesis)?.map_or_else(|| Self::open(folder), Ok)
    }

    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let database = builder(true).open(folder.join(FILE)).map_err(|e| failed(folder, e))?;
        Ok(Self { database, path: folder.into(), is_shared: IS_SHARED })
    }

    pub fn on_storage(disk: impl Storage, genesis: &Genesis) -> Result<Self, LedgerError> {
        let path = Path::new("storage");
        let database = builder(false).create_with_backend(Backend(disk)).map_err(|e| failed(path, e))?;
        let log = Self { database, path: path.into(), is_shared: false };
        if !log.has_genesis()? {
            log.begin_with(genesis)?;
        }
        Ok(log)
    }

    /// Founds a ledger; `None` if the folder has one.
    fn found(folder: &Path, genesis: &Genesis) -> Result<Option<Self>, LedgerError> {
        let failed = |e: &dyn std::fmt::Display| failed(folder, e);
        let (partial, whole) = (folder.join(PARTIAL), folder.join(FILE));
        std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        let founding = File::create(folder.join(FOUNDING)).map_err(|e| failed(&e))?;
        founding.lock().map_err(|e| failed(&e))?;
        if whole.try_exists().map_err(|e| failed(&e))? && Self::open(folder)?.has_genesis()? {
            return Ok(None);
        }
        // Under another name until it is whole: a file that a power cut leaves is never taken for a ledger.
        std::fs::remove_file(&partial).or_else(missing).map_err(|e| failed(&e))?;
        let database = builder(false).create(&partial).map_err(|e| failed(&e))?;
        let log = Self { database, path: folder.into(), is_shared: false };
        log.begin_with(genesis)?;
        drop(log);
        std::fs::rename(&partial, &whole).map_err(|e| failed(&e))?;
        sync_folder(folder).map_err(|e| failed(&e))?;
        Self::open(folder).map(Some)
    }

    /// Writes how the ledger begins; once.
    fn begin_with(&self, genesis: &Genesis) -> Result<(), LedgerError> {
        let failed = |e: &dyn std::fmt::Display| self.failed(e);
        let bytes = canonical_json(genesis).map_err(|e| failed(&e))?;
        let write = self.database.begin_write().map_err(|e| failed(&e))?;
        {
            let mut table = write.open_table(GENESIS).map_err(|e| failed(&e))?;
            if table.get("genesis").map_err(|e| failed(&e))?.is_some() {
                return Err(failed(&"there is a ledger already"));
            }
            table.insert("genesis", bytes.as_slice()).map_err(|e| failed(&e))?;
            write.open_table(LOG).map_err(|e| failed(&e))?;
        }
        write.commit().map_err(|e| failed(&e))
    }

    fn has_genesis(&self) -> Result<bool, LedgerError> {
        let read = self.database.begin_read().map_err(|e| self.failed(e))?;
        match read.open_table(GENESIS) {
            Ok(table) => Ok(table.get("genesis").map_err(|e| self.failed(e))?.is_some()),
            Err(TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub fn genesis(&self) -> Result<Genesis, LedgerError> {
        let failed = |e: &dyn std::fmt::Display| self.failed(e);
        let read = self.database.begin_read().map_err(|e| failed(&e))?;
        let table = read.open_table(GENESIS).map_err(|e| failed(&e))?;
        let genesis = table.get("genesis").map_err(|e| failed(&e))?.ok_or_else(|| failed(&"no genesis"))?;
        serde_json::from_slice(genesis.value()).map_err(|e| failed(&e))
    }

    /// Passes on the entries in a range, in order.
    pub fn each(&self, heights: impl RangeBounds<u64>, take: Taking<'_>) -> Result<(), LedgerError> {
        let read = self.database.begin_read().map_err(|e| self.failed(e))?;
        let log = read.open_table(LOG).map_err(|e| self.failed(e))?;
        self.each_in(&log, heights, take)
    }

    fn each_in(
        &self,
        log: &impl ReadableTable<u64, &'static [u8]>,
        heights: impl RangeBounds<u64>,
        take: Taking<'_>,
    ) -> Result<(), LedgerError> {
        for item in log.range(heights).map_err(|e| self.failed(e))? {
            let (height, bytes) = item.map_err(|e| self.failed(e))?;
            take(height.value(), bytes.value())?;
        }
        Ok(())
    }

    /// Entries in a range.
    pub fn read(&self, heights: impl RangeBounds<u64>) -> Result<Vec<Entry>, LedgerError> {
        let mut entries = Vec::new();
        self.each(heights, &mut |_, bytes| {
            entries.push(serde_json::from_slice(bytes).map_err(|e| self.failed(e))?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Takes the writer's lock: nobody else appends until the answer is dropped.
    pub fn begin(&self) -> Result<Appending<'_>, LedgerError> {
        Ok(Appending { log: self, write: self.database.begin_write().map_err(|e| self.failed(e))? })
    }

    fn failed(&self, reason: impl std::fmt::Display) -> LedgerError {
        failed(&self.path, reason)
    }
}

/// The log, for the only one who may append now. Dropped, it has changed nothing.
pub(super) struct Appending<'l> {
    log: &'l Log,
    write: redb::WriteTransaction,
}

impl Appending<'_> {
    /// Passes on the entries from a height on.
    pub fn each_from(&self, height: u64, take: Taking<'_>) -> Result<(), LedgerError> {
        let log = self.write.open_table(LOG).map_err(|e| self.log.failed(e))?;
        self.log.each_in(&log, height.., take)
    }

    /// Appends entries durably; returns their leaves.
    pub fn append(self, entries: &[Entry]) -> Result<Vec<Digest>, LedgerError> {
        let failed = |e: &dyn std::fmt::Display| self.log.failed(e);
        let mut leaves = Vec::with_capacity(entries.len());
        {
            let mut log = self.write.open_table(LOG).map_err(|e| failed(&e))?;
            for entry in entries {
                let bytes = canonical_json(entry).map_err(|e| failed(&e))?;
                log.insert(entry.index, bytes.as_slice()).map_err(|e| failed(&e))?;
                leaves.push(merkle::leaf_hash(&bytes));
            }
        }
        self.write.commit().map_err(|e| failed(&e))?;
        Ok(leaves)
    }
}

/// True on platforms whose files have locks on ranges, which sharing needs.
const IS_SHARED: bool = cfg!(any(target_os = "linux", target_vendor = "apple", windows));

fn builder(shared: bool) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    if shared && IS_SHARED {
        builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    }
    builder
}

/// Treats a missing file as removed.
fn missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

pub(super) fn failed(path: &Path, reason: impl std::fmt::Display) -> LedgerError {
    LedgerError::Storage { path: path.into(), reason: reason.to_string() }
}
