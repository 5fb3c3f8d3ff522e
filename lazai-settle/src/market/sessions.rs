//! Sessions: opened under an offer, redeemed by vouchers, closed with a refund.

use lazai_core::dat::Payment;
use lazai_core::digest::keccak256;
use lazai_core::{Address, Amount, Digest, SessionId, Signature};

use super::state::Market;
use super::{Event, MarketError};
use crate::governance::Params;
use crate::session::{MAX_DEPOSIT, Offer, Session, SessionPayment, Voucher, session_id};

/// Label of the usage that opening a session by quota records.
const USAGE_LABEL: &[u8] = b"inference_sessions";

impl Market {
    #[allow(clippy::too_many_arguments, reason = "the fields of one transaction")]
    pub(super) fn open_session(
        &mut self,
        now_s: u64,
        payer: Address,
        nonce: u64,
        consumer: Address,
        offer: &Offer,
        offer_signature: &Signature,
        payment: SessionPayment,
    ) -> Result<Vec<Event>, MarketError> {
        let id = session_id(self.ledger, payer, nonce, consumer, offer);
        if self.sessions.contains_key(&id) {
            return Err(MarketError::Exists { what: "session", id: Digest::from_bytes(*id.as_bytes()) });
        }
        let (params_version, params) = self.params();
        self.check_offer(now_s, offer, offer_signature, params)?;
        let accepted = self.classes.get(&offer.class).and_then(|c| c.version(offer.version));
        let accepted = accepted.map(|v| v.metadata.policy.payment);
        let deadline_s = now_s.saturating_add(offer.session_s);
        let mut events = vec![Event::SessionOpened { session: id, payer, params: params_version, deadline_s }];
        match payment {
            SessionPayment::Deposit(deposit) => {
                if accepted == Some(Payment::Quota) {
                    return Err(MarketError::PaymentNotAccepted { payment: "gas" });
                }
                if deposit > MAX_DEPOSIT {
                    return Err(MarketError::TooMany { what: "base units of a deposit" });
                }
                let rest = self.balance_less(payer, offer.asset, deposit)?;
                self.balances.insert((payer, offer.asset), rest);
            }
            SessionPayment::Quota(token) => {
                if accepted == Some(Payment::Gas) {
                    return Err(MarketError::PaymentNotAccepted { payment: "quota" });
                }
                let rest = self.value_less(now_s, payer, token, 1)?;
                if self.tokens.get(&token).map(|t| t.class) != Some(offer.class) {
                    return Err(MarketError::UnknownToken { token });
                }
                self.set_value(token, rest);
                events.push(Event::UsageRecorded { token, metric: keccak256(USAGE_LABEL), amount: 1, actor: payer });
            }
        }
        let session = Session {
            payer,
            nonce,
            consumer,
            offer: offer.clone(),
            payment,
            params: params_version,
            redeemed: Amount::ZERO,
            deadline_s,
            closed: false,
        };
        self.sessions.insert(id, session);
        Ok(events)
    }

    fn check_offer(
        &self,
        now_s: u64,
        offer: &Offer,
        signature: &Signature,
        params: &Params,
    ) -> Result<(), MarketError> {
        let max_s = params.max_session_s;
        self.check_signed_by("offer", signature, offer, offer.node)?;
        let (class, version) = (offer.class, offer.version);
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        let found = found.version(version).ok_or(MarketError::UnknownVersion { class, version })?;
        if found.withdrawn {
            return Err(MarketError::VersionWithdrawn { class, version });
        }
        if now_s > offer.valid_until_s {
            return Err(MarketError::OfferExpired { valid_until_s: offer.valid_until_s, now_s });
        }
        if offer.session_s == 0 || offer.session_s > max_s {
            return Err(MarketError::OfferTooLong { session_s: offer.session_s, max_s });
        }
        let dearest = offer.prompt_price.max(offer.completion_price);
        if dearest > params.max_price {
            return Err(MarketError::PriceTooHigh { price: dearest, most: params.max_price });
        }
        self.check_asset(offer.asset)?;
        Ok(())
    }

    fn open(&self, id: SessionId) -> Result<&Session, MarketError> {
        let session = self.sessions.get(&id).ok_or(MarketError::UnknownSession { session: id })?;
        if session.closed { Err(MarketError::SessionClosed { session: id }) } else { Ok(session) }
    }

    /// Checks a voucher against its session, without redeeming it: what a node does before it serves on.
    ///
    /// # Errors
    /// [`MarketError`] as for redeeming.
    pub fn check_voucher(&self, voucher: &Voucher, signature: &Signature) -> Result<(), MarketError> {
        let session = self.open(voucher.session)?;
        let checked = signature.verify(&self.domain, voucher, session.consumer);
        checked.map_err(|source| MarketError::Signature { what: "voucher", source })?;
        self.check_sum(voucher)
    }

    /// Checks all of a voucher but its signature.
    fn check_sum(&self, voucher: &Voucher) -> Result<(), MarketError> {
        let session = self.open(voucher.session)?;
        let offer = &session.offer;
        for (field, expected, found) in [
            ("node", offer.node.to_string(), voucher.node.to_string()),
            ("class", offer.class.to_string(), voucher.class.to_string()),
            ("version", offer.version.to_string(), voucher.version.to_string()),
        ] {
            if expected != found {
                return Err(MarketError::VoucherMismatch { field, expected, found });
            }
        }
        let (redeemed, offered, deposit) = (session.redeemed, voucher.cumulative, session.deposit());
        if offered <= redeemed {
            return Err(MarketError::VoucherNotIncreasing { redeemed, offered });
        }
        if offered > deposit {
            return Err(MarketError::DepositExceeded { session: voucher.session, cumulative: offered, deposit });
        }
        Ok(())
    }

    pub(super) fn redeem(
        &mut self,
        now_s: u64,
        sender: Address,
        voucher: &Voucher,
        signature: &Signature,
    ) -> Result<Vec<Event>, MarketError> {
        let id = voucher.session;
        let session = self.open(id)?;
        if session.offer.node != sender {
            return Err(MarketError::NotAllowed { sender, role: "the session's node" });
        }
        self.check_signed_by("voucher", signature, voucher, session.consumer)?;
        self.check_sum(voucher)?;
        let increment = voucher.cumulative.checked_sub(session.redeemed)?;
        let (class, asset, params) = (session.offer.class, session.offer.asset, session.params);
        let current = self.params();
        // A session names a version that was in force, and versions are never dropped.
        let split = self.params_of(params).unwrap_or(current.1).split.split(increment);
        let mut events = self.settle_revenue(now_s, class, asset, split.creator)?;
        self.credit(sender, asset, split.node)?;
        self.credit(self.pool, asset, split.pool)?;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.redeemed = voucher.cumulative;
        }
        events.push(Event::VoucherRedeemed { session: id, increment, split, params });
        events.push(Event::RevenueSettled { class, asset, amount: split.creator });
        Ok(events)
    }

    pub(super) fn close_session(
        &mut self,
        now_s: u64,
        sender: Address,
        id: SessionId,
    ) -> Result<Vec<Event>, MarketError> {
        let session = self.open(id)?;
        let (payer, node, asset, deadline_s) =
            (session.payer, session.offer.node, session.offer.asset, session.deadline_s);
        if sender != node && sender != payer {
            return Err(MarketError::NotAllowed { sender, role: "the session's node or payer" });
        }
        if sender != node && now_s <= deadline_s {
            return Err(MarketError::SessionRunning { session: id, deadline_s, now_s });
        }
        let refunded = session.deposit().checked_sub(session.redeemed)?;
        self.credit(payer, asset, refunded)?;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.closed = true;
        }
        Ok(vec![Event::SessionClosed { session: id, refunded }])
    }
}
