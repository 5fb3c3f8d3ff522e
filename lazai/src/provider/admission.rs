//! Who is served: what is checked before a token is generated.

use lazai_core::SessionId;
use lazai_core::sign::SignatureError;
use lazai_settle::market::MarketError;
use lazai_settle::session::Session;

use super::Provider;
use super::book::Page;
use crate::node::{ChatRequest, NodeError, RequestClaim};

impl Provider {
    /// A session that this node may serve now.
    pub(super) fn session(&self, id: SessionId) -> Result<Session, NodeError> {
        let market = self.account.ledger().market();
        let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
        let refused = |reason| Err(NodeError::NotServed { session: id, reason });
        if session.offer.node != self.address() {
            return refused("it is opened with another node");
        }
        if session.closed {
            return refused("it is closed");
        }
        // What is said now might not be redeemed in time any more.
        if session.final_at_s.is_some() {
            return refused("its end was asked for");
        }
        if self.account.ledger().now_s() > session.deadline_s {
            return refused("its deadline has passed");
        }
        Ok(session.clone())
    }

    /// Whether the session's consumer signed a request: before anybody waits, or hears what was said before.
    pub(super) fn check_signed(&self, request: &ChatRequest) -> Result<(), NodeError> {
        let market = self.account.ledger().market();
        let unknown = MarketError::UnknownSession { session: request.session };
        let consumer = market.session(request.session).ok_or(unknown)?.consumer;
        let claim = RequestClaim { session: request.session, turn: request.turn, request: request.digest() };
        let checked = request.signature.verify(&self.account.domain(), &claim, consumer);
        checked.map_err(|source: SignatureError| MarketError::Signature { what: "chat request", source }.into())
    }

    /// Everything else that is checked before a token is generated; gives the tokens of the conversation.
    pub(super) fn admit(&self, session: &Session, page: &Page, request: &ChatRequest) -> Result<u64, NodeError> {
        if page.released {
            return Err(NodeError::NotServed { session: request.session, reason: "the node released it" });
        }
        let next = page.turn() + 1;
        if request.turn != next {
            return Err(NodeError::TurnOutOfOrder { asked: request.turn, next });
        }
        if page.begun.is_some_and(|begun| begun.turn == next && !begun.is_by(request)) {
            let reason = "another request for this reply was begun";
            return Err(NodeError::NotServed { session: request.session, reason });
        }
        if page.owed > page.paid() {
            return Err(NodeError::NotPaid { owed: page.owed, paid: page.paid() });
        }
        let (left, step) = (session.deposit.checked_sub(page.owed)?, session.offer.step()?);
        if left < step {
            return Err(NodeError::DepositExhausted { left, step });
        }
        if self.account.ledger().now_s() < page.moderated.until_s {
            let reason = "too many requests in a row were: this session is refused for a while".into();
            return Err(NodeError::Moderated { reason });
        }
        if let Some(reason) = self.moderator.before(&request.messages) {
            return Err(NodeError::Moderated { reason });
        }
        let tokens = self.backend.prompt_tokens(&request.messages);
        let tokens = tokens.map_err(|e| NodeError::Generation { reason: e.to_string() })?;
        let ceiling = session.offer.prompt_ceiling;
        if tokens > ceiling.into() { Err(NodeError::PromptTooLong { tokens, ceiling }) } else { Ok(tokens) }
    }
}
