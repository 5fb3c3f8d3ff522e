//! Ends the proxy's sessions: takes back their unused deposits as soon as nothing more is paid in them, beside the replies.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use lazai_core::SessionId;
use lazai_settle::ledger::LedgerError;
use tokio::runtime::Handle;

use super::Inner;
use super::book::Book;
use crate::account::SendError;
use crate::consumer::{ConsumerError, Conversation, TakeBack};
use crate::http::quiet;
use crate::node::SignedRelease;

/// The time a node gets to redeem its voucher and release a session.
const HELP: Duration = Duration::from_secs(20);
/// The interval of take-backs: the shortest dispute window is ten minutes.
const LOOK: Duration = Duration::from_secs(60);

impl Inner {
    /// Runs a task that takes back unused deposits of ended sessions, as long as the proxy exists: at once when it is
    /// woken, and every minute. Does nothing outside a runtime; restarts a task that ended with its runtime.
    pub fn keep_taking_back(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (proxy, woken) = (Arc::downgrade(self), self.woken.clone());
        *task = Some(runtime.spawn(async move {
            let mut asks_again = true;
            while let Some(proxy) = proxy.upgrade() {
                proxy.look(asks_again).await;
                drop(proxy);
                asks_again = tokio::time::timeout(LOOK, woken.notified()).await.is_err();
            }
        }));
    }

    /// Takes back what it can, and unlocks the book for replies while it waits for the node or the ledger.
    async fn look(&self, asks_again: bool) {
        let over = {
            let mut book = self.book.lock().await;
            if let Err(error) = book.finish_spent(self.consumer.now_s(), |session| self.turns.uses(session)) {
                tracing::warn!(%error, "sessions that are over stay open in the book");
            }
            over(&book)
        };
        for (session, conversation) in over {
            if self.ends(session, conversation, asks_again).await {
                self.book.lock().await.taken_back(session);
            }
        }
    }

    /// Takes back what it can before another session is opened: the budget may cover only that one.
    pub async fn take_back(&self) {
        let over = over(&*self.book.lock().await);
        for (session, conversation) in over {
            if self.ends(session, conversation, false).await {
                self.book.lock().await.taken_back(session);
            }
        }
    }

    /// Takes the next step of a session's end. Returns true once the ledger shows this session closed. Runs one at a time:
    /// a second caller for the same session finds it closed.
    async fn ends(&self, session: SessionId, conversation: Option<Conversation>, asks_again: bool) -> bool {
        let _one = self.ending.lock().await;
        let stepped = self.step(session, conversation, asks_again).await;
        let shown = stepped.and_then(|()| Ok(self.consumer.end_of(session)?));
        match shown {
            Ok(Some(TakeBack::Done)) => return true,
            // The node has its time to redeem; the ledger is asked again after that.
            Ok(Some(TakeBack::FinalAt(at_s))) => {
                tracing::info!(%session, at_s, "the end of the session is not final yet");
            }
            Ok(None) => tracing::info!(%session, "the ledger does not show yet that the session's end was asked for"),
            Err(error) => tracing::info!(%session, error = %quiet::consumer(&error), "not taken back yet"),
        }
        false
    }

    /// Ends the session at once together with the node. If the node does not help, requests the end from the ledger, and
    /// ends the session when that is final. Until then the node is asked only if `asks_again`: a reply does not wait for it
    /// a second time.
    async fn step(
        &self,
        session: SessionId,
        conversation: Option<Conversation>,
        asks_again: bool,
    ) -> Result<(), ConsumerError> {
        let now_s = self.consumer.now_s();
        match self.consumer.end_of(session)? {
            Some(TakeBack::Done) => return Ok(()),
            Some(TakeBack::FinalAt(at_s)) if now_s <= at_s && !asks_again => return Ok(()),
            _ => {}
        }
        if let Some(conversation) = conversation
            && let Some(release) = self.released(&conversation).await
        {
            match self.consumer.close_together(&conversation, &release).await {
                Err(error) if is_bad_release(&error) => {
                    tracing::info!(%session, error = %quiet::consumer(&error), "a bad release");
                }
                closed => return closed,
            }
        }
        self.consumer.take_back(session).await?;
        Ok(())
    }

    /// The node's release of a session, before which it redeems its voucher. Times out: the ledger is used if the node is
    /// gone.
    async fn released(&self, conversation: &Conversation) -> Option<SignedRelease> {
        let asking = async {
            let request = self.consumer.talker().leave(conversation).await?;
            let node = self.nodes.node(conversation.offer.offer.node).await;
            Ok::<_, ConsumerError>(node.release(&request).await?)
        };
        match tokio::time::timeout(HELP, asking).await {
            Ok(Ok(release)) => Some(release),
            Ok(Err(error)) => {
                let error = quiet::consumer(&error);
                tracing::info!(session = %conversation.session, %error, "the node does not release the session");
                None
            }
            Err(_) => None,
        }
    }
}

/// Sessions that are over, with the conversation, which a request for release needs.
fn over(book: &Book) -> Vec<(SessionId, Option<Conversation>)> {
    book.over().into_iter().map(|session| (session, book.conversation(session))).collect()
}

/// Tells whether a release is not the node's, or of another session, or of another sum than the ledger has. The ledger then
/// ends the session without the node.
fn is_bad_release(error: &ConsumerError) -> bool {
    matches!(
        error,
        ConsumerError::Release { .. }
            | ConsumerError::ReleaseSignature(_)
            | ConsumerError::Send(SendError::Ledger(LedgerError::Market(_) | LedgerError::Reverted { .. }))
    )
}
