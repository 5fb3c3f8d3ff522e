//! Where a node keeps its sessions: a folder, or a database that its replicas share.

mod folder;
#[cfg(feature = "postgres")]
mod postgres;

use std::fmt::{Debug, Display};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lazai_core::{Amount, SessionId};
use thiserror::Error;

use super::page::Page;
use crate::node::NodeError;
pub use folder::FolderBook;
#[cfg(feature = "postgres")]
pub use postgres::PostgresBook;

/// Why a node's book could not be read or written.
#[derive(Debug, Error)]
#[error("{place}: {reason}")]
pub struct BookError {
    place: String,
    reason: String,
}

impl BookError {
    /// An error at a place: a file, a table, a session.
    pub fn new(place: impl Display, reason: impl Display) -> Self {
        Self { place: place.to_string(), reason: reason.to_string() }
    }
}

impl From<BookError> for NodeError {
    fn from(error: BookError) -> Self {
        Self::Book { reason: error.to_string() }
    }
}

/// The future that a [`Book`] returns.
pub type BookFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BookError>> + Send + 'a>>;

/// What one replica of a node does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Matter {
    /// Sends transactions as the node.
    Ledger,
    /// Makes a reply of a session, or ends it.
    Session(SessionId),
}

/// A matter that is claimed, until this is dropped.
pub struct Claim(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Claim {
    /// A claim that is given back by a function.
    pub fn new(give_back: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(give_back)))
    }

    /// A claim in a book of one process: there is nobody to give it back to.
    #[must_use]
    pub fn sole() -> Self {
        Self(None)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(give_back) = self.0.take() {
            give_back();
        }
    }
}

impl Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claim")
    }
}

/// What a page says of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSums {
    /// The session.
    pub session: SessionId,
    /// The amount owed for all replies.
    pub owed: Amount,
    /// Of that, what the consumer signed a voucher for.
    pub signed: Amount,
}

/// The session book of a node: a page for each session, and a secret. [`FolderBook`] is the default; replicas of a node, which are
/// several processes with one account, share a [`PostgresBook`], or a book of your own. [`conformance::book!`] holds an
/// implementation to these rules.
///
/// What a node did lies in its pages: what is written here is on disk before a reply leaves the node, so it must not be lost by a
/// crash. One page holds the keys that credits are signed with: whoever reads it can make credits of the node.
///
/// [`PostgresBook`]: crate::provider::PostgresBook
/// [`conformance::book!`]: crate::conformance
pub trait Book: Send + Sync + Debug {
    /// The sessions with a page.
    fn sessions(&self) -> BookFuture<'_, Vec<SessionId>>;

    /// What each session's page says of money, for sums. A database that looks into its pages answers without sending them.
    fn sums(&self) -> BookFuture<'_, Vec<PageSums>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for session in self.sessions().await? {
                let page = Page::read(session, self.page(session).await?.as_deref())?;
                all.push(PageSums { session, owed: page.owed, signed: page.paid() });
            }
            Ok(all)
        })
    }

    /// The page of a session; `None` if there is none.
    fn page(&self, session: SessionId) -> BookFuture<'_, Option<Vec<u8>>>;

    /// Replaces a page if it still is `before` (`None`: there is none), at once and whole. False if it is another by now. Once this
    /// returns true, the page is on disk.
    fn replace<'a>(&'a self, session: SessionId, before: Option<&'a [u8]>, after: &'a [u8]) -> BookFuture<'a, bool>;

    /// The node's secret, which makes its replies repeatable: 32 random bytes, made the first time, the same for all replicas.
    fn secret(&self) -> BookFuture<'_, [u8; 32]>;

    /// Claims a matter for this replica; `None` if another one holds it for all of `patience`. The claims of a replica that dies
    /// are free. A replica that lost its claim (its connection broke) must not do harm: the provider checks each page that it
    /// replaces, so a claim only saves work.
    ///
    /// A replica claims a session once at a time, the ledger more than once.
    fn claim(&self, matter: Matter, patience: Duration) -> BookFuture<'_, Option<Claim>>;
}

/// A book that several providers of one process have.
impl<B: Book + ?Sized> Book for Arc<B> {
    fn sessions(&self) -> BookFuture<'_, Vec<SessionId>> {
        (**self).sessions()
    }

    fn sums(&self) -> BookFuture<'_, Vec<PageSums>> {
        (**self).sums()
    }

    fn page(&self, session: SessionId) -> BookFuture<'_, Option<Vec<u8>>> {
        (**self).page(session)
    }

    fn replace<'a>(&'a self, session: SessionId, before: Option<&'a [u8]>, after: &'a [u8]) -> BookFuture<'a, bool> {
        (**self).replace(session, before, after)
    }

    fn secret(&self) -> BookFuture<'_, [u8; 32]> {
        (**self).secret()
    }

    fn claim(&self, matter: Matter, patience: Duration) -> BookFuture<'_, Option<Claim>> {
        (**self).claim(matter, patience)
    }
}
