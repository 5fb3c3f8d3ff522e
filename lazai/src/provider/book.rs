//! The node's session book: one page per session, written to disk before a reply is sent.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::{Amount, Digest, SessionId};
use serde::{Deserialize, Serialize};

use super::Provider;
use crate::node::{ChatReply, ChatRequest, NodeError, SignedVoucher};
use crate::store::write_privately;

/// The right to make a session's reply; one holder at a time.
pub(super) type Claim = Arc<async_lock::Mutex<()>>;

/// Requests of one session that wait while one is served.
const MAX_WAITING: usize = 2;

/// Tells whether others beside its holder and the map wait for a claim.
pub(super) fn is_waited_for(claim: &Claim) -> bool {
    Arc::strong_count(claim) > 2
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves whole state: pages are replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Session state. Written to disk before a reply is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub owed: Amount,
    pub paid: Option<SignedVoucher>,
    pub last: Option<LastReply>,
    /// On disk before the first token leaves, so that a client that returns after a crash gets that reply and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    #[serde(default, skip_serializing_if = "Moderated::is_none")]
    pub moderated: Moderated,
    /// The node signed that the session may end: it is not served any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

/// The turn that is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    pub turn: u32,
    pub request: Digest,
    /// True if everybody who wanted it left once: the next time it is made to its end, so that no turn stays begun for
    /// ever.
    pub left: bool,
}

impl Begun {
    pub fn is_by(&self, request: &ChatRequest) -> bool {
        (self.turn, self.request) == (request.turn, request.digest())
    }
}

/// Requests that the moderator stopped lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moderated {
    /// The number of requests in a row.
    pub in_a_row: u32,
    /// The time before which no request is looked at, in the ledger's seconds.
    pub until_s: u64,
}

impl Moderated {
    /// The number of stopped requests in a row that are looked at (a reply may have been made for each, for nothing) before
    /// a pause.
    const MOST: u32 = 5;
    const PAUSE_S: u64 = 600;

    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// One more.
    pub fn count(&mut self, now_s: u64) {
        self.in_a_row += 1;
        if self.in_a_row >= Self::MOST {
            *self = Self { in_a_row: 0, until_s: now_s.saturating_add(Self::PAUSE_S) };
        }
    }
}

/// The state of one session in a node's book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last reply that was made, from 1; 0 before the first.
    pub turn: u32,
    /// The amount owed for all replies.
    pub owed: Amount,
    /// The last voucher that came in.
    pub paid: Option<SignedVoucher>,
}

impl Standing {
    /// The amount that the last voucher promises.
    #[must_use]
    pub fn promised(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastReply {
    pub turn: u32,
    pub request: Digest,
    pub reply: ChatReply,
}

impl Page {
    pub fn paid(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }

    pub fn turn(&self) -> u32 {
        self.last.as_ref().map_or(0, |l| l.turn)
    }

    pub fn standing(&self) -> Standing {
        Standing { turn: self.turn(), owed: self.owed, paid: self.paid }
    }
}

/// The sessions with a page in a folder.
pub(super) fn sessions_in(folder: &Path) -> Result<Vec<SessionId>, NodeError> {
    let failed = |e: std::io::Error| NodeError::Book { reason: format!("{}: {e}", folder.display()) };
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files.collect::<Result<Vec<_>, _>>().map_err(failed)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(failed(e)),
    };
    let id = |file: std::fs::DirEntry| {
        let path = file.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        name.filter(|_| path.extension().is_some_and(|e| e == "json"))
    };
    Ok(files.into_iter().filter_map(id).collect())
}

/// A session's page in a folder; an empty one if there is none.
pub(super) fn page_in(folder: &Path, session: SessionId) -> Result<Page, NodeError> {
    let path = page_path(folder, session);
    let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Page::default()),
        Err(e) => Err(failed(&e)),
    }
}

fn page_path(folder: &Path, session: SessionId) -> PathBuf {
    folder.join(session.to_string()).with_extension("json")
}

impl Provider {
    /// The sessions with a page.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the folder cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionId>, NodeError> {
        sessions_in(&self.folder)
    }

    /// The state of a session in the book; that of a session without replies if nothing is kept.
    ///
    /// # Errors
    /// [`NodeError::Book`] if its page cannot be read.
    pub fn standing(&self, session: SessionId) -> Result<Standing, NodeError> {
        Ok(self.page(session)?.standing())
    }

    pub(super) fn page(&self, session: SessionId) -> Result<Page, NodeError> {
        page_in(&self.folder, session)
    }

    fn keep(&self, session: SessionId, page: &Page) -> Result<(), NodeError> {
        let path = page_path(&self.folder, session);
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
        let bytes = serde_json::to_vec(page).map_err(|e| failed(&e))?;
        write_privately(&path, &bytes).map_err(|e| failed(&e))
    }

    /// Changes a session's page.
    pub(super) fn change(
        &self,
        session: SessionId,
        change: impl FnOnce(&mut Page) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let _pages = lock(&self.pages);
        let mut page = self.page(session)?;
        change(&mut page)?;
        self.keep(session, &page)
    }

    /// The earlier reply to the same request, if there is one.
    pub(super) fn repeated(&self, request: &ChatRequest) -> Result<Option<ChatReply>, NodeError> {
        let digest = request.digest();
        let last = self.page(request.session)?.last;
        Ok(last.filter(|l| l.turn == request.turn && l.request == digest).map(|l| l.reply))
    }

    /// The claim to make a reply of a session.
    ///
    /// # Errors
    /// [`NodeError::Busy`] if enough requests wait for that session: one consumer does not fill a whole server.
    pub(super) fn claim(&self, session: SessionId) -> Result<Claim, NodeError> {
        let mut claims = lock(&self.claims);
        // Nobody has or waits for the others.
        claims.retain(|id, claim| *id == session || Arc::strong_count(claim) > 1);
        let claim = claims.entry(session).or_default();
        if Arc::strong_count(claim) > 1 + 1 + MAX_WAITING {
            return Err(NodeError::Busy { reason: "enough requests of this session are waiting" });
        }
        Ok(Arc::clone(claim))
    }
}
