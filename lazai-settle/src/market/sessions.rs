//! Sessions: opened under an offer, topped up, redeemed by vouchers, closed with a refund.

use lazai_core::dat::Payment;
use lazai_core::digest::keccak256;
use lazai_core::{Address, Amount, Digest, SessionId, Signature};

use super::state::Market;
use super::{Event, MarketError};
use crate::governance::Params;
use crate::session::{MAX_DEPOSIT, Offer, Session, SessionPayment, SessionRelease, Voucher, session_id};

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
        let deposit = match payment {
            SessionPayment::Deposit(deposit) => {
                if accepted == Some(Payment::Quota) {
                    return Err(MarketError::PaymentNotAccepted { payment: "gas" });
                }
                if deposit > MAX_DEPOSIT {
                    return Err(MarketError::TooMany { what: "base units of a deposit" });
                }
                if deposit < offer.min_deposit {
                    let reason = "the offer wants more";
                    return Err(MarketError::DepositRefused { session: id, amount: deposit, reason });
                }
                let rest = self.balance_less(payer, offer.asset, deposit)?;
                self.balances.insert((payer, offer.asset), rest);
                deposit
            }
            SessionPayment::Quota(token) => {
                let worth = offer.quota_deposit;
                if accepted == Some(Payment::Gas) || worth == Amount::ZERO {
                    return Err(MarketError::PaymentNotAccepted { payment: "quota" });
                }
                let most = self.fund(offer.class, offer.asset).per_unit.min(MAX_DEPOSIT);
                if worth > most {
                    return Err(MarketError::QuotaTooDear { worth, most });
                }
                let fund = self.fund_less(offer.class, offer.asset, worth)?;
                let rest = self.value_less(now_s, payer, token, 1)?;
                if self.tokens.get(&token).map(|t| t.class) != Some(offer.class) {
                    return Err(MarketError::UnknownToken { token });
                }
                self.funds.insert((offer.class, offer.asset), fund);
                self.set_value(token, rest);
                events.push(Event::UsageRecorded { token, metric: keccak256(USAGE_LABEL), amount: 1, actor: payer });
                worth
            }
        };
        let session = Session {
            payer,
            nonce,
            consumer,
            offer: offer.clone(),
            payment,
            params: params_version,
            deposit,
            redeemed: Amount::ZERO,
            deadline_s,
            final_at_s: None,
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
        self.check_signed_by("offer", signature, offer, offer.node)?;
        self.check_offered(offer)?;
        let (series, current) = (offer.series, self.series_of(offer.node));
        if series != current {
            return Err(MarketError::OfferRevoked { series, current });
        }
        if now_s > offer.valid_until_s {
            return Err(MarketError::OfferExpired { valid_until_s: offer.valid_until_s, now_s });
        }
        self.check_bounds(offer, params)
    }

    /// Checks what a node offers against the market as it is now: the version, the length of a session, prices and their asset. Who
    /// signed the offer, its series and its time are left out.
    ///
    /// # Errors
    /// [`MarketError`] as for opening a session under it.
    pub fn check_terms(&self, offer: &Offer) -> Result<(), MarketError> {
        self.check_offered(offer)?;
        self.check_bounds(offer, self.params().1)
    }

    fn check_offered(&self, offer: &Offer) -> Result<(), MarketError> {
        let (class, version) = (offer.class, offer.version);
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        let found = found.version(version).ok_or(MarketError::UnknownVersion { class, version })?;
        if found.withdrawn {
            return Err(MarketError::VersionWithdrawn { class, version });
        }
        Ok(())
    }

    fn check_bounds(&self, offer: &Offer, params: &Params) -> Result<(), MarketError> {
        let max_s = params.max_session_s;
        if offer.session_s == 0 || offer.session_s > max_s {
            return Err(MarketError::OfferTooLong { session_s: offer.session_s, max_s });
        }
        let dearest = offer.prompt_price.max(offer.completion_price);
        if dearest > params.max_price {
            return Err(MarketError::PriceTooHigh { price: dearest, most: params.max_price });
        }
        self.check_asset(offer.asset)
    }

    fn open(&self, id: SessionId) -> Result<&Session, MarketError> {
        let session = self.sessions.get(&id).ok_or(MarketError::UnknownSession { session: id })?;
        if session.closed { Err(MarketError::SessionClosed { session: id }) } else { Ok(session) }
    }

    /// Checks a voucher against its session, without redeeming it: a node does so before it goes on serving.
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
        let (redeemed, offered, deposit) = (session.redeemed, voucher.cumulative, session.deposit);
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
        let (class, version, asset) = (session.offer.class, Some(session.offer.version), session.offer.asset);
        let params = session.params;
        let current = self.params();
        // A session names a version that was in force, and versions are never dropped.
        let split = self.params_of(params).unwrap_or(current.1).split.split(increment);
        let mut events = self.settle_revenue(now_s, class, version, asset, split.creator)?;
        self.credit(sender, asset, split.node)?;
        self.credit(self.pool, asset, split.pool)?;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.redeemed = voucher.cumulative;
        }
        events.push(Event::VoucherRedeemed { session: id, increment, split, params });
        events.push(Event::RevenueSettled { class, version, asset, amount: split.creator });
        Ok(events)
    }

    /// Adds to a deposit, until the session's deadline.
    pub(super) fn top_up(
        &mut self,
        now_s: u64,
        sender: Address,
        id: SessionId,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let session = self.open(id)?;
        let refused = |reason| MarketError::DepositRefused { session: id, amount, reason };
        if session.payer != sender {
            return Err(MarketError::NotAllowed { sender, role: "the session's payer" });
        }
        if session.final_at_s.is_some() || now_s > session.deadline_s {
            return Err(refused("it is over"));
        }
        if session.is_sponsored() {
            return Err(refused("it is paid by quota"));
        }
        let (asset, deposit) = (session.offer.asset, session.deposit.checked_add(amount)?);
        if deposit > MAX_DEPOSIT {
            return Err(refused("its deposit would have more than 96 bits"));
        }
        let rest = self.balance_less(sender, asset, amount)?;
        self.balances.insert((sender, asset), rest);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.deposit = deposit;
        }
        Ok(vec![Event::SessionToppedUp { session: id, deposit }])
    }

    /// Ends a session, or asks for its end: its node at once; its payer first asks, and anyone ends it when the dispute
    /// window is over.
    pub(super) fn close_session(
        &mut self,
        now_s: u64,
        sender: Address,
        id: SessionId,
    ) -> Result<Vec<Event>, MarketError> {
        let session = self.open(id)?;
        let (payer, params) = (session.payer, session.params);
        if sender == session.offer.node || session.final_at_s.is_some_and(|at_s| now_s > at_s) {
            return self.end(id);
        }
        // The rest of a session by quota belongs to the fund: once the session is over, anyone may request its end.
        let over = session.is_sponsored() && session.final_at_s.is_none() && now_s > session.deadline_s;
        if sender != payer && !over {
            return Err(MarketError::NotAllowed { sender, role: "the session's node or payer" });
        }
        if let Some(final_at_s) = session.final_at_s {
            return Err(MarketError::SessionRunning { session: id, final_at_s, now_s });
        }
        // A session names a version that was in force, and versions are never dropped.
        let window_s = self.params_of(params).unwrap_or(self.params().1).dispute_window_s;
        let final_at_s = now_s.saturating_add(window_s);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.final_at_s = Some(final_at_s);
        }
        Ok(vec![Event::SessionClosing { session: id, final_at_s }])
    }

    /// Ends a session by its payer, where its node wants no more than was redeemed.
    pub(super) fn close_together(
        &mut self,
        sender: Address,
        id: SessionId,
        release: &Signature,
    ) -> Result<Vec<Event>, MarketError> {
        let session = self.open(id)?;
        if sender != session.payer {
            return Err(MarketError::NotAllowed { sender, role: "the session's payer" });
        }
        let released = SessionRelease { session: id, redeemed: session.redeemed };
        self.check_signed_by("release", release, &released, session.offer.node)?;
        self.end(id)
    }

    fn end(&mut self, id: SessionId) -> Result<Vec<Event>, MarketError> {
        let session = self.open(id)?;
        let (payer, class, asset) = (session.payer, session.offer.class, session.offer.asset);
        let refunded = session.deposit.checked_sub(session.redeemed)?;
        if session.is_sponsored() {
            let mut fund = self.fund(class, asset);
            fund.amount = fund.amount.checked_add(refunded)?;
            self.funds.insert((class, asset), fund);
        } else {
            self.credit(payer, asset, refunded)?;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.closed = true;
        }
        Ok(vec![Event::SessionClosed { session: id, refunded }])
    }

    /// Revokes a node's offers so far: no session can be opened under them any more.
    pub(super) fn revoke_offers(&mut self, node: Address) -> Result<Vec<Event>, MarketError> {
        let too_many = MarketError::TooMany { what: "series of offers" };
        let series = self.series_of(node).checked_add(1).ok_or(too_many)?;
        self.series.insert(node, series);
        Ok(vec![Event::OffersRevoked { node, series }])
    }
}
