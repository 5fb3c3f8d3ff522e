//! Admission: the checks before a token is generated.

use std::time::Duration;

use lazai_core::message::Message;
use lazai_core::sign::SignatureError;
use lazai_core::{Address, Amount, SessionId};
use lazai_settle::market::MarketError;
use lazai_settle::session::{Offer, Session};

use super::Provider;
use super::page::Page;
use crate::node::{ChatRequest, NodeError, RequestClaim};

/// The longest time without a new block before the ledger is asked.
const LOOK: Duration = Duration::from_secs(60);

impl Provider {
    /// Has the ledger read anew after a long time without new blocks, and refuses to serve blindly: a session's end may be
    /// requested, and be final, before this node hears of it.
    pub(super) async fn see(&self, session: SessionId) -> Result<(), NodeError> {
        let ledger = self.account.ledger();
        if ledger.unseen() < LOOK {
            return Ok(());
        }
        let market = ledger.market();
        let opened_under = market.session(session).and_then(|session| market.params_of(session.params));
        let window_s = opened_under.unwrap_or(market.params().1).dispute_window_s;
        let most = Duration::from_secs(window_s / 4);
        let asked = self.ask_ledger().await;
        // The answer itself counts nothing: only a new block does.
        if ledger.unseen() < most {
            return Ok(());
        }
        let refreshed = asked?;
        tracing::warn!(unseen = ?ledger.unseen(), ?refreshed, "no block was seen for too long: nothing is served");
        Err(NodeError::NotServed { session, reason: "the node sees no new blocks of its ledger" })
    }

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
        // An end that is requested now may be final before the node can redeem; so it counts before it is confirmed.
        let head = self.account.ledger().head();
        if session.final_at_s.is_some() || head.session(id).is_some_and(|latest| latest.final_at_s.is_some()) {
            return refused("its end was asked for");
        }
        if self.account.ledger().now_s() > session.deadline_s {
            return refused("its deadline has passed");
        }
        Ok(session.clone())
    }

    /// Checks that the session's consumer signed a request, before it waits or gets an earlier reply.
    pub(super) fn check_signed(&self, request: &ChatRequest) -> Result<(), NodeError> {
        let consumer = self.consumer_of(request.session)?;
        let claim = RequestClaim { session: request.session, turn: request.turn, request: request.digest() };
        let checked = request.signature.verify(&self.account.domain(), &claim, consumer);
        checked.map_err(|source: SignatureError| MarketError::Signature { what: "chat request", source }.into())
    }

    /// The consumer whose key signed a request of a session.
    #[cfg(feature = "node")]
    pub(crate) async fn signer_of(&self, request: &ChatRequest) -> Result<Address, NodeError> {
        self.learn_of(request.session).await?;
        self.check_signed(request)?;
        self.consumer_of(request.session)
    }

    /// Who may ask for turns of a session.
    pub(super) fn consumer_of(&self, session: SessionId) -> Result<Address, NodeError> {
        let market = self.account.ledger().market();
        Ok(market.session(session).ok_or(MarketError::UnknownSession { session })?.consumer)
    }

    /// All other checks before the prompt is built.
    pub(super) fn admit(&self, session: &Session, page: &Page, request: &ChatRequest) -> Result<(), NodeError> {
        page.is_next(&request.asked())?;
        request
            .settings
            .check()
            .map_err(|bad| NodeError::Setting { setting: bad.setting.into(), reason: bad.reason })?;
        // Who asks for fewer tokens needs less of the deposit.
        self.check_standing(session, page, session.offer.step_within(request.settings.max_tokens)?)?;
        if let Some(reason) = self.moderator.before(&request.messages) {
            return Err(NodeError::Moderated { reason });
        }
        Ok(())
    }

    /// Checks that a session has paid, can pay for a turn that costs at most `step`, and is not in a pause.
    pub(super) fn check_standing(&self, session: &Session, page: &Page, step: Amount) -> Result<(), NodeError> {
        if page.owed > page.paid() {
            return Err(NodeError::NotPaid { owed: page.owed, paid: page.paid() });
        }
        let left = session.deposit.checked_sub(page.owed)?;
        if left < step {
            return Err(NodeError::DepositExhausted { left, step });
        }
        if self.account.ledger().now_s() < page.moderated.until_s {
            let reason = "too many requests in a row were: this session is refused for a while".into();
            return Err(NodeError::Moderated { reason });
        }
        Ok(())
    }

    /// The prompt's tokens, which are within the offer's ceiling.
    pub(super) fn check_length(&self, offer: &Offer, prompt: &[Message]) -> Result<u64, NodeError> {
        let tokens = self.generator.prompt_tokens(prompt);
        let tokens = tokens.map_err(|e| NodeError::Generation { reason: e.to_string() })?;
        let ceiling = offer.prompt_ceiling;
        if tokens > ceiling.into() { Err(NodeError::PromptTooLong { tokens, ceiling }) } else { Ok(tokens) }
    }
}
