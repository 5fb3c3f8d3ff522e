//! What the node remembers of its sessions: a page each, on disk before anybody is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::{Amount, Digest, SessionId};
use serde::{Deserialize, Serialize};

use super::Provider;
use crate::node::{ChatReply, ChatRequest, NodeError, SignedVoucher};
use crate::store::write_atomically;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is whole: pages are replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the node remembers of a session, on disk before anybody is told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub owed: Amount,
    pub paid: Option<SignedVoucher>,
    pub last: Option<LastReply>,
    /// The turn that is being served, and its request: on disk before the first token leaves, so that whoever comes
    /// back after a crash gets that reply and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<(u32, Digest)>,
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
}

impl Provider {
    fn page_path(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string()).with_extension("json")
    }

    pub(super) fn page(&self, session: SessionId) -> Result<Page, NodeError> {
        let path = self.page_path(session);
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Page::default()),
            Err(e) => Err(failed(&e)),
        }
    }

    fn keep(&self, session: SessionId, page: &Page) -> Result<(), NodeError> {
        let path = self.page_path(session);
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
        let bytes = serde_json::to_vec(page).map_err(|e| failed(&e))?;
        write_atomically(&path, &bytes).map_err(|e| failed(&e))
    }

    /// Changes what is kept of a session.
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

    /// The reply that was given before to the same request, if this is one.
    pub(super) fn repeated(&self, request: &ChatRequest) -> Result<Option<ChatReply>, NodeError> {
        let digest = request.digest();
        let last = self.page(request.session)?.last;
        Ok(last.filter(|l| l.turn == request.turn && l.request == digest).map(|l| l.reply))
    }

    /// What keeps others from making a reply of the same session.
    pub(super) fn claim(&self, session: SessionId) -> Arc<async_lock::Mutex<()>> {
        let mut claims = lock(&self.claims);
        // Nobody has or waits for the others.
        claims.retain(|id, claim| *id == session || Arc::strong_count(claim) > 1);
        Arc::clone(claims.entry(session).or_default())
    }
}
