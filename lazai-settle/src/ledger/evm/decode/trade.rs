//! Tokens, sessions and money: logs of `DataAnchoringToken` and `Settlement`.

use super::*;

impl Reading<'_> {
    pub(super) fn token(&mut self, event: &T, after: &[(u64, Seen)]) -> Read<usize> {
        let next = after.first().map(|(_, seen)| seen);
        match event {
            T::ClassOwned(e) if !e.anchored => {
                let (class, owner) = (class(e.classId), from_evm(e.owner));
                let logged = Event::ClassCreated { class, owner, anchored: false };
                self.apply_logged(owner, Transaction::CreateClass, &logged)?;
            }
            T::VersionMinted(e) => self.minted(e)?,
            T::Minted(e) => {
                let (token, class, to) = (token_id(e.tokenId)?, class(e.classId), from_evm(e.to));
                let (value, shares, expire_at_s) = (small(e.value)?, small(e.shareRatio)?, e.expireAt);
                let logged = Event::Minted { token, class, to, value, shares, expire_at_s };
                if !self.was_expected(&logged) {
                    let owner = self.class_owner(class)?;
                    let mint = Transaction::MintToken { class, to, value, shares, expire_at_s };
                    let events = self.apply(owner, mint)?;
                    if !events.contains(&logged) {
                        return diverged(format!("the contracts logged {logged:?}, the market says {events:?}"));
                    }
                }
            }
            T::TransferToken(e) if !e.from.is_zero() => {
                let (token, from, to) = (token_id(e.tokenId)?, from_evm(e.from), from_evm(e.to));
                let logged = Event::TransferToken { token, from, to };
                self.apply_logged(from, Transaction::TransferToken { token, to }, &logged)?;
            }
            T::UsageRecorded(e) => {
                let (token, metric, amount) = (token_id(e.tokenId)?, digest(e.metricType), small(e.amount)?);
                // Quota used by a session's opening belongs to that opening.
                let opening = after.get(1).is_some_and(|(_, seen)| {
                    matches!(seen, Seen::Settlement(S::SessionOpened(o))
                        if o.opening.tokenId == e.tokenId && metric == keccak256(b"inference_sessions"))
                });
                if !opening {
                    let actor = from_evm(e.actor);
                    let logged = Event::UsageRecorded { token, metric, amount, actor };
                    self.apply_logged(actor, Transaction::RecordUsage { token, metric, amount }, &logged)?;
                }
            }
            T::ValueTransferred(e) => {
                let (from, to, value) = (token_id(e.fromTokenId)?, token_id(e.toTokenId)?, small(e.value)?);
                // The contract allowed the move, so the owner authorised it.
                let owner = self.state.market.token(from).map_or(Address::ZERO, |t| t.owner);
                let logged = Event::ValueTransferred { from, to, value };
                self.apply_logged(owner, Transaction::TransferValue { from, to, value }, &logged)?;
            }
            T::VersionRevenueSettled(e) => return self.settled(e, next),
            T::RevenuePassed(e) => {
                let (class, version, asset) = (class(e.classId), VersionNumber(e.version), Asset(from_evm(e.asset)));
                let logged = Event::RevenuePassed { class, version, asset };
                self.apply_logged(self.sender(), Transaction::PassRevenue { class, version, asset }, &logged)?;
            }
            T::Claimed(e) => {
                // On the way to another owner it becomes the seller's balance, by the market's own rules.
                if matches!(next, Some(Seen::Settlement(S::RevenueCredited(_)))) {
                    return Ok(1);
                }
                let (token, asset, amount) = (token_id(e.tokenId)?, Asset(from_evm(e.asset)), amount(e.amount)?);
                let owner = self.state.market.token(token).map_or(Address::ZERO, |t| t.owner);
                let logged = Event::Claimed { token, to: owner, asset, amount };
                self.apply_logged(owner, Transaction::Claim { token, asset }, &logged)?;
                self.cross(owner, Crossing::Withdraw { account: owner, asset, amount })?;
            }
            T::ApprovalForClass(e) => {
                let (owner, class, operator, approved) =
                    (from_evm(e.owner), class(e.classId), from_evm(e.operator), e.approved);
                let logged = Event::ApprovalForClass { owner, class, operator, approved };
                self.apply_logged(owner, Transaction::ApproveForClass { class, operator, approved }, &logged)?;
            }
            T::VersionWithdrawal(e) => {
                let (class, version) = (class(e.classId), VersionNumber(e.version));
                let owner = self.class_owner(class)?;
                let logged = Event::VersionWithdrawn { class, version };
                self.apply_logged(owner, Transaction::WithdrawVersion { class, version }, &logged)?;
            }
            // Of other standards, of metadata, or observed by the market itself when it matters.
            _ => {}
        }
        Ok(0)
    }

    fn minted(&mut self, e: &DataAnchoringToken::VersionMinted) -> Read<()> {
        let (id, version) = (class(e.classId), VersionNumber(e.version));
        let metadata = metadata_of(&e.metadata);
        let exex = metadata.exex;
        let logged =
            Event::VersionMinted { class: id, version, submission: metadata.submission, metadata: metadata.digest() };
        let record_signature = signature(&e.recordSignature);
        self.apply_logged(exex, Transaction::Mint { metadata, record_signature }, &logged)
    }

    /// Revenue given outside of sessions. (That of a redemption follows from its vouchers.)
    fn settled(&mut self, e: &DataAnchoringToken::VersionRevenueSettled, next: Option<&Seen>) -> Read<usize> {
        let (class, asset, amount) = (class(e.classId), Asset(from_evm(e.asset)), amount(e.amount)?);
        let version = (e.version != 0).then_some(VersionNumber(e.version));
        let giver = self.sender();
        self.bring(giver, asset, amount)?;
        self.apply_logged(
            giver,
            Transaction::SettleRevenue { class, version, asset, amount },
            &Event::RevenueSettled { class, version, asset, amount },
        )?;
        // If no share counts, the revenue goes to the class's owner: the market's rule too.
        Ok(usize::from(matches!(next, Some(Seen::Settlement(S::RevenueCredited(_))))))
    }

    fn class_owner(&self, class: ClassId) -> Read<Address> {
        let found = self.state.market.class(class).map(|c| c.owner);
        found.map_or_else(|| diverged(format!("class {class} is not known")), Ok)
    }

    pub(super) fn settlement(&mut self, event: &S) -> Read<usize> {
        match event {
            S::Deposited(e) => {
                let (account, asset, amount) = (from_evm(e.account), Asset(from_evm(e.asset)), amount(e.amount)?);
                let credit = Expected::Credit(account, amount);
                if asset == Asset::NATIVE && self.expected.front() == Some(&credit) {
                    self.expected.pop_front();
                } else {
                    self.bring(account, asset, amount)?;
                }
            }
            S::Withdrawn(e) => {
                let (account, asset, amount) = (from_evm(e.account), Asset(from_evm(e.asset)), amount(e.amount)?);
                self.cross(account, Crossing::Withdraw { account, asset, amount })?;
            }
            S::Transferred(e) => {
                let (from, to) = (from_evm(e.from), from_evm(e.to));
                let (asset, amount) = (Asset(from_evm(e.asset)), amount(e.amount)?);
                if from == self.state.market.pool() {
                    self.enact(Measure::Spend { to, asset, amount })?;
                } else {
                    self.apply(from, Transaction::Transfer { to, asset, amount })?;
                }
            }
            S::SessionOpened(e) => {
                let (payer, offer, o) = (from_evm(e.payer), offer_of(&e.offer), &e.opening);
                let payment = if o.tokenId.is_zero() {
                    SessionPayment::Deposit(amount(U256::from(o.deposit))?)
                } else {
                    SessionPayment::Quota(token_id(o.tokenId)?)
                };
                let logged = Event::SessionOpened {
                    session: SessionId::from_bytes(e.session.0),
                    payer,
                    params: ParamsVersion(e.params),
                    deadline_s: e.deadline,
                };
                let transaction = Transaction::OpenSession {
                    nonce: o.nonce,
                    consumer: from_evm(o.consumer),
                    offer,
                    offer_signature: signature(&e.offerSignature),
                    payment,
                };
                self.apply_logged(payer, transaction, &logged)?;
            }
            S::Redeemed(e) => self.redeemed(e)?,
            S::Paid(e) => {
                let (payer, node, class) = (from_evm(e.payer), from_evm(e.node), ClassId(e.class));
                let (version, asset) = (VersionNumber(e.version), Asset(from_evm(e.asset)));
                let (amount, params) = (Amount::from_base_units(e.amount), ParamsVersion(e.params));
                let Some(under) = self.state.market.params_of(params) else {
                    return diverged(format!("parameters {params}, which were never in force"));
                };
                let split = under.split.split(amount);
                let logged = Event::Paid { payer, node, class, version, asset, amount, split, params };
                self.apply_logged(payer, Transaction::Pay { node, class, version, asset, amount }, &logged)?;
            }
            S::SessionToppedUp(e) => {
                let (session, deposit) = (SessionId::from_bytes(e.session.0), amount(e.deposit)?);
                let known = self.session(session)?;
                let (payer, added) = (known.payer, deposit.checked_sub(known.deposit).map_err(MarketError::from)?);
                let logged = Event::SessionToppedUp { session, deposit };
                self.apply_logged(payer, Transaction::TopUp { session, amount: added }, &logged)?;
            }
            S::SessionClosing(e) => {
                let session = SessionId::from_bytes(e.session.0);
                let known = self.session(session)?;
                let over = known.is_sponsored() && self.time_s > known.deadline_s;
                let asker = if over { self.sender() } else { known.payer };
                let logged = Event::SessionClosing { session, final_at_s: e.finalAt };
                self.apply_logged(asker, Transaction::CloseSession { session }, &logged)?;
            }
            S::SessionEnded(e) => self.ended(e)?,
            S::OffersRevoked(e) => {
                let node = from_evm(e.node);
                let logged = Event::OffersRevoked { node, series: e.series };
                self.apply_logged(node, Transaction::RevokeOffers, &logged)?;
            }
            S::Sponsored(e) => {
                let (class, asset) = (class(e.class), Asset(from_evm(e.asset)));
                let (amount, per_unit) = (Amount::from_base_units(e.amount), Amount::from_base_units(e.perUnit));
                let owner = self.class_owner(class)?;
                let logged = Event::Sponsored { class, asset, amount, per_unit };
                self.apply_logged(owner, Transaction::Sponsor { class, asset, amount, per_unit }, &logged)?;
            }
            S::Unsponsored(e) => {
                let (class, asset, amount) =
                    (class(e.class), Asset(from_evm(e.asset)), Amount::from_base_units(e.amount));
                let owner = self.class_owner(class)?;
                let logged = Event::Unsponsored { class, asset, amount };
                self.apply_logged(owner, Transaction::Unsponsor { class, asset, amount }, &logged)?;
            }
            S::VoucherSkipped(_) => {}
            S::RevenueCredited(e) => return diverged(format!("{} was credited out of nothing", e.account)),
        }
        Ok(0)
    }

    fn session(&self, id: SessionId) -> Read<&Session> {
        self.state.market.session(id).map_or_else(|| diverged(format!("session {id} is not known")), Ok)
    }

    /// By its node; or by its payer with the node's release, which is in the call where the settlement was called
    /// directly; or by anyone once it was final.
    fn ended(&mut self, e: &Settlement::SessionEnded) -> Read<()> {
        let session = SessionId::from_bytes(e.session.0);
        let (known, sender) = (self.session(session)?, self.sender());
        let (payer, node) = (known.payer, known.offer.node);
        let logged = Event::SessionClosed { session, refunded: amount(e.refunded)? };
        let is_final = known.final_at_s.is_some_and(|at_s| self.time_s > at_s);
        let release = self.called::<Settlement::closeTogetherCall>(self.contracts.settlement);
        let release = release.map(|call| signature(&call.release));
        let alone = if is_final { sender } else { node };
        if sender == payer && (release.is_some() || alone != payer) {
            let release = release.unwrap_or(Signature::NOT_LOGGED);
            return self.apply_logged(payer, Transaction::CloseTogether { session, release }, &logged);
        }
        self.apply_logged(alone, Transaction::CloseSession { session }, &logged)
    }

    fn redeemed(&mut self, e: &Settlement::Redeemed) -> Read<()> {
        let signatures = self.signatures();
        for (id, &cumulative) in e.sessions.iter().zip(&e.cumulative) {
            let id = SessionId::from_bytes(id.0);
            let voucher = self.session(id)?.offer.voucher(id, Amount::from_base_units(cumulative));
            let signature = signatures.get(&(id, cumulative)).copied().unwrap_or(Signature::NOT_LOGGED);
            self.apply(from_evm(e.node), Transaction::Redeem { voucher, signature })?;
        }
        Ok(())
    }

    /// Signatures of the vouchers, which are in the call where the settlement was called directly.
    fn signatures(&self) -> BTreeMap<(SessionId, u128), Signature> {
        let Some(call) = self.called::<Settlement::redeemCall>(self.contracts.settlement) else {
            return BTreeMap::new();
        };
        let ledger = self.state.market.ledger();
        let under = |batch: &Settlement::Claims| {
            let offer = offer_of(&batch.offer);
            let one = |c: &Settlement::Claim| {
                let payer = from_evm(c.payer);
                let consumer = if c.consumer.is_zero() { payer } else { from_evm(c.consumer) };
                ((session_id(ledger, payer, c.nonce, consumer, &offer), c.cumulative), signature(&c.signature))
            };
            batch.claims.iter().map(one).collect::<Vec<_>>()
        };
        call.batches.iter().flat_map(under).collect()
    }
}

fn token_id(id: U256) -> Read<TokenId> {
    small(id).map(TokenId)
}

/// A number that the contracts keep in 64 bits.
fn small(value: U256) -> Read<u64> {
    u64::try_from(value).or_else(|_| diverged(format!("{value} exceeds 64 bits")))
}
