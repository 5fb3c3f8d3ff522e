//! Where a node keeps its sessions.

use std::sync::Arc;

use lazai::core::Address;
use lazai::provider::{Book, FolderBook};

use super::market::Market;
use crate::{FilePath, LazaiError};

/// A node's book, and a folder for what each of its processes keeps for itself.
#[derive(Debug, Clone)]
pub struct NodeBook {
    /// The folder: for the sessions, too, if there is no database.
    pub folder: FilePath,
    /// A database that replicas of the node share.
    pub database: Option<Database>,
    /// A program that makes the hardware quote of each day's sealing key: `lazai::provider::QuoteCommand`.
    pub quotes: Option<FilePath>,
}

/// A PostgreSQL database (feature `postgres`).
#[derive(Clone)]
pub struct Database {
    /// Its URL.
    pub url: String,
    /// Authorities that its certificate may be of, as PEM; public ones if there are none.
    pub authorities: Option<Vec<u8>>,
}

/// Without its URL, in which a password may stand.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl From<FilePath> for NodeBook {
    fn from(folder: FilePath) -> Self {
        Self { folder, database: None, quotes: None }
    }
}

impl NodeBook {
    /// The book of a node with this address.
    pub(super) fn open(&self, node: Address) -> Result<Arc<dyn Book>, LazaiError> {
        match &self.database {
            None => Ok(Arc::new(FolderBook::new(&self.folder))),
            Some(database) => database.open(node),
        }
    }
}

impl NodeBook {
    /// That nothing is left to redeem in the folder of a node that goes on in a database: nobody would look there any more.
    pub(super) fn check_left(&self, market: &Market) -> Result<(), LazaiError> {
        if self.database.is_none() {
            return Ok(());
        }
        let all = market.book_earnings(self.folder.clone())?;
        let left: Vec<_> = all.iter().filter(|earned| earned.at_risk != "0").map(|earned| &*earned.at_risk).collect();
        if left.is_empty() {
            return Ok(());
        }
        let reason = format!(
            "{}: vouchers of {} base units in this folder are not redeemed; start the node without the database and stop it in order, \
             then start it with the database",
            self.folder,
            left.join(" and ")
        );
        Err(LazaiError::new("config", reason))
    }
}

impl Database {
    #[cfg(feature = "postgres")]
    fn open(&self, node: Address) -> Result<Arc<dyn Book>, LazaiError> {
        let book = lazai::provider::PostgresBook::connect(&self.url, node, self.authorities.as_deref());
        let book = pollster::block_on(book).map_err(lazai::node::NodeError::from)?;
        Ok(Arc::new(book))
    }

    #[cfg(not(feature = "postgres"))]
    fn open(&self, _: Address) -> Result<Arc<dyn Book>, LazaiError> {
        Err(LazaiError::new("feature_missing", "a book in PostgreSQL: the feature `postgres`"))
    }
}
