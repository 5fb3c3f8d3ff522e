//! Blocks that were read, on disk: the next process reads on from there.
//!
//! The file holds the logs of the market's contracts with their transactions, not the market: that is computed anew from them by
//! the market's own rules. Blocks that a reorganisation may undo are not kept. The file is a copy of the chain's data: one that
//! is damaged, of another market or of another branch is replaced.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{Address as EvmAddress, B256, Bytes};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::deploy::Deployment;
use super::rpc::{ChainTransaction, Header, Log};
use super::transport::Trust;
use crate::market::Genesis;

const FILE: &str = "blocks.redb";
/// The subject of the file, the market's beginning, and the last block read.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about.v1");
/// Blocks with logs, by number.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks.v1");

/// A block, with everything that its logs are read with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Logged {
    pub at: Place,
    pub logs: Vec<Log>,
    /// The transactions of these logs.
    pub transactions: Vec<ChainTransaction>,
    /// Contracts that hold public parts, which logs name.
    pub codes: BTreeMap<EvmAddress, Bytes>,
}

/// A block's place on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub number: u64,
    pub hash: B256,
    pub parent: B256,
    pub time_s: u64,
}

impl From<&Header> for Place {
    fn from(header: &Header) -> Self {
        let (number, time_s) = (header.number.to(), header.timestamp.to());
        Self { number, hash: header.hash, parent: header.parent_hash, time_s }
    }
}

/// The deployment that blocks are of, and the trust by which they are true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    deployment: Deployment,
    by_hashes: bool,
}

impl Subject {
    pub fn new(deployment: &Deployment, trust: Trust) -> Self {
        Self { deployment: deployment.clone(), by_hashes: trust == Trust::Hashes }
    }
}

/// The file.
pub(super) struct Kept(Database);

type Result<T> = std::result::Result<T, Trouble>;

/// Why blocks on disk cannot be used.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error("another process has the file")]
    Elsewhere,
    #[error("the file is of another market")]
    Other,
    #[error("{0}")]
    Damaged(String),
}

impl Trouble {
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self::Damaged(error.to_string())
    }

    pub fn told(&self) {
        tracing::warn!(trouble = %self, "blocks on disk");
    }
}

impl From<redb::DatabaseError> for Trouble {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::Elsewhere,
            other => Self::of(other),
        }
    }
}

/// Every other error of the database, and of the file system.
macro_rules! damaged {
    ($($error:ty),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self::of(error)
            }
        }
    )*};
}
damaged!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError, std::io::Error);

fn bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(Trouble::of)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(Trouble::of)
}

impl Kept {
    /// Opens the file in a folder, or begins one. `None` if another process has it, or the folder cannot be written: the chain is
    /// read without it then.
    pub fn open(folder: &Path, subject: &Subject) -> Option<Self> {
        let path = folder.join(FILE);
        let mut opened = Self::of(&path, subject);
        if let Err(error) = &opened
            && !matches!(error, Trouble::Elsewhere)
        {
            tracing::info!(%error, "blocks that were kept are read anew");
            opened = std::fs::remove_file(&path).map_err(Trouble::from).and_then(|()| Self::of(&path, subject));
        }
        opened.inspect_err(|error| tracing::warn!(%error, "blocks are not kept")).ok()
    }

    fn of(path: &Path, subject: &Subject) -> Result<Self> {
        let kept = Self(Database::create(path)?);
        let write = kept.0.begin_write()?;
        {
            let mut about = write.open_table(ABOUT)?;
            let own = bytes(subject)?;
            let found = about.get("subject")?.map(|found| found.value().to_vec());
            match found {
                Some(found) if found != own => return Err(Trouble::Other),
                Some(_) => {}
                None => drop(about.insert("subject", own.as_slice())?),
            }
            write.open_table(BLOCKS)?;
        }
        write.commit()?;
        Ok(kept)
    }

    /// Returns the market's beginning, and the last block read; `None` if nothing is kept.
    pub fn reach(&self) -> Result<Option<(Genesis, Place)>> {
        let about = self.0.begin_read()?.open_table(ABOUT)?;
        let (Some(genesis), Some(last)) = (about.get("genesis")?, about.get("last")?) else { return Ok(None) };
        Ok(Some((parsed(genesis.value())?, parsed(last.value())?)))
    }

    /// Passes on the blocks in order.
    pub fn each(&self, mut take: impl FnMut(Logged) -> Result<()>) -> Result<()> {
        for item in self.0.begin_read()?.open_table(BLOCKS)?.iter()? {
            take(parsed(item?.1.value())?)?;
        }
        Ok(())
    }

    /// Keeps blocks, all or none, up to the last block that was read.
    pub fn put(&self, genesis: &Genesis, blocks: &[Logged], last: Place) -> Result<()> {
        let write = self.0.begin_write()?;
        {
            let mut about = write.open_table(ABOUT)?;
            about.insert("genesis", bytes(genesis)?.as_slice())?;
            about.insert("last", bytes(&last)?.as_slice())?;
            let mut table = write.open_table(BLOCKS)?;
            for block in blocks {
                table.insert(block.at.number, bytes(block)?.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    /// The file with nothing in it, if that can be.
    pub fn cleared(kept: Option<Self>) -> Option<Self> {
        kept.filter(|kept| kept.clear().inspect_err(Trouble::told).is_ok())
    }

    /// Forgets everything: the chain has another past.
    fn clear(&self) -> Result<()> {
        let write = self.0.begin_write()?;
        {
            let mut about = write.open_table(ABOUT)?;
            about.remove("genesis")?;
            about.remove("last")?;
        }
        write.delete_table(BLOCKS)?;
        write.open_table(BLOCKS)?;
        Ok(write.commit()?)
    }
}
