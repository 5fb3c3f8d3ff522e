//! Transaction lifecycle: prepare, sign, broadcast, resend, confirm.

use super::*;

/// An order: a transaction, or a movement of money, that a caller wants confirmed.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "orders are rare and short-lived")]
pub(super) enum Order {
    Transaction(Transaction),
    Redeem(Vec<(Voucher, Signature)>),
    Deposit { asset: Asset, amount: Amount },
    Withdraw { asset: Asset, amount: Amount },
    Approve { asset: Asset },
    Sale(Sale, SignedAuthorization),
    OpenFor(Box<SignedOpening>),
    Transfer { asset: Address, transfer: Box<SignedAuthorization>, is_key: bool },
}

/// The next step of an order.
#[allow(clippy::large_enum_variant, reason = "short-lived")]
pub(super) enum Step {
    Sign(Unsigned, Option<Sent>),
    /// It is under way.
    Wait,
    Done(Vec<Entry>),
    /// A step towards it is done, or the sent transaction can never be applied any more.
    Again,
}

impl EvmLedger {
    pub(super) async fn order(
        &self,
        signer: &dyn Signer,
        key: Digest,
        order: Order,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sender = signer.address();
        let _own = self.0.keys.take((sender, key)).await;
        loop {
            let mut last = {
                // Others of the account wait until this one has its nonce and is on disk, not until it is in the chain.
                let _turn = self.0.turns.take(sender).await;
                let (inner, wanted) = (Arc::clone(&self.0), order.clone());
                match blocking::unblock(move || inner.begin(sender, key, &wanted)).await? {
                    Step::Sign(unsigned, before) => Some(self.send(signer, key, unsigned, before).await?),
                    Step::Done(entries) => return Ok(entries),
                    Step::Wait | Step::Again => None,
                }
            };
            loop {
                let (inner, wanted, unsigned) = (Arc::clone(&self.0), order.clone(), last.take());
                match blocking::unblock(move || inner.wait(sender, key, &wanted, unsigned)).await? {
                    Step::Done(entries) => return Ok(entries),
                    // With the nonce that it has.
                    Step::Sign(unsigned, before) => last = Some(self.send(signer, key, unsigned, before).await?),
                    Step::Wait | Step::Again => break,
                }
            }
        }
    }

    /// Signs a transaction, and sends it to the node once it is on disk.
    async fn send(
        &self,
        signer: &dyn Signer,
        key: Digest,
        unsigned: Unsigned,
        before: Option<Sent>,
    ) -> Result<Unsigned, LedgerError> {
        let signature = sign_request(signer, unsigned.request()).await?;
        let inner = Arc::clone(&self.0);
        // A reorganisation may put another transaction with its nonce below what is the tip now.
        let since = inner.view().height.saturating_sub(inner.pace.depth);
        let sent = Sent::with(before, signer.address(), key, &unsigned, &signature, since);
        blocking::unblock(move || inner.outbox.put(sent.clone()).and_then(|()| inner.broadcast(&sent))).await?;
        Ok(unsigned)
    }
}

impl Sent {
    fn with(
        before: Option<Self>,
        sender: Address,
        key: Digest,
        unsigned: &Unsigned,
        signature: &Signature,
        since: u64,
    ) -> Self {
        let (nonce, max_fee) = (unsigned.nonce(), unsigned.max_fee());
        let mut sent = before.unwrap_or(Self { sender, key, nonce, since, max_fee, variants: Vec::new() });
        sent.max_fee = max_fee;
        sent.variants.push(unsigned.signed(signature));
        sent
    }
}

impl Inner {
    pub(super) fn view(&self) -> View {
        lock(&self.view).clone()
    }

    /// Reads new blocks, and calls `look`.
    pub(super) fn synced<T>(&self, look: impl FnOnce(&Reader) -> T) -> Result<T, LedgerError> {
        let mut reader = lock(&self.reader);
        reader.sync(&self.node)?;
        lock(&self.view).update(&reader, self.pace.depth);
        Ok(look(&reader))
    }

    /// The first step of an order: it is in the chain already, or under way, or to be signed.
    fn begin(&self, sender: Address, key: Digest, order: &Order) -> Result<Step, LedgerError> {
        let found = self.found(sender, key, order)?;
        match self.outbox.get(sender, key) {
            Some(sent) => self.broadcast(&sent).map(|()| Step::Wait),
            None if found.is_some() => Ok(Step::Wait),
            None => self.fresh(sender, key, order),
        }
    }

    /// Sends a transaction to the node, with those of the account that have lower nonces: otherwise it waits for ever.
    fn broadcast(&self, sent: &Sent) -> Result<(), LedgerError> {
        let own = self.outbox.of(sent.sender);
        own.iter().filter(|other| other.nonce <= sent.nonce).try_for_each(|other| broadcast(&self.node, other))
    }

    /// The entries of an order that is in the chain, and whether they are deep enough.
    fn found(&self, sender: Address, key: Digest, order: &Order) -> Result<Option<(Vec<Entry>, bool)>, LedgerError> {
        let depth = self.pace.depth;
        self.synced(|reader| {
            let Some(entries) = reader.of_key(sender, key) else { return Ok(None) };
            if !entries.iter().any(|e| order.is(&e.action)) {
                return Err(MarketError::KeyReused.into());
            }
            let height = entries.first().map_or(0, block_of);
            Ok(Some((entries.to_vec(), height + depth <= reader.tip().height)))
        })?
    }

    /// Prepares an order that nothing is known of.
    fn fresh(&self, sender: Address, key: Digest, order: &Order) -> Result<Step, LedgerError> {
        let view = self.view();
        let call = keyed(self.call(&view, sender, key, order)?, key);
        let own = self.outbox.of(sender);
        let under_way = own.last().map_or(0, |sent| sent.nonce + 1);
        let nonce = self.node.nonce(to_evm(sender), "pending")?.max(under_way);
        let chain_id = self.deployment.chain_id;
        let prepared = Unsigned::prepare(&self.node, chain_id, sender, Some(call.to), call.value, call.data, nonce);
        let unsigned = prepared.map_err(|error| self.in_our_words(&view, sender, order, error))?;
        Ok(Step::Sign(unsigned, None))
    }

    fn call(&self, view: &View, sender: Address, key: Digest, order: &Order) -> Result<Call, LedgerError> {
        let (contracts, market) = (&self.deployment.contracts, &*view.head.market);
        let settlement = to_evm(contracts.settlement);
        let call = |value: u128, data: Vec<u8>| Call { to: settlement, value, data: data.into() };
        Ok(match order {
            Order::Transaction(transaction) => match governor::call(self, view, transaction, key)? {
                Some(call) => call,
                None => encode::transaction(contracts, market, sender, transaction)?,
            },
            Order::Redeem(vouchers) => encode::redeem(contracts, market, vouchers)?,
            Order::Deposit { asset, amount } => {
                let value = if *asset == Asset::NATIVE { amount.base_units() } else { 0 };
                let (asset, amount) = (to_evm(asset.0), U256::from(amount.base_units()));
                call(value, Settlement::depositCall { asset, amount }.abi_encode())
            }
            Order::Withdraw { asset, amount } => {
                let (asset, amount) = (to_evm(asset.0), U256::from(amount.base_units()));
                call(0, Settlement::withdrawCall { asset, to: to_evm(sender), amount }.abi_encode())
            }
            Order::Sale(sale, payment) => {
                let tills = contracts.tills.ok_or(LedgerError::Reverted { reason: "no tills".into() })?;
                tills::call(tills, *sale, payment)
            }
            Order::Transfer { asset, transfer, is_key } => transfers::call(*asset, transfer, *is_key),
            Order::OpenFor(opening) => tills::opening(contracts.settlement, opening)?,
            Order::Approve { asset } => {
                let approve = IERC20::approveCall { spender: settlement, amount: U256::MAX };
                Call { to: to_evm(asset.0), value: 0, data: approve.abi_encode().into() }
            }
        })
    }

    /// Replaces a contract's refusal by the market's, which is more precise. The market's errors about money are left out:
    /// on chain, money comes from wallets.
    fn in_our_words(&self, view: &View, sender: Address, order: &Order, error: LedgerError) -> LedgerError {
        let (LedgerError::Reverted { .. }, Order::Transaction(transaction)) = (&error, order) else { return error };
        let mut market = Market::clone(&view.head.market).checking_signatures();
        match market.apply_as(view.time_s, sender, transaction) {
            Err(MarketError::InsufficientFunds { .. }) | Ok(_) => error,
            Err(refused) => refused.into(),
        }
    }

    /// Waits until the sent transaction has enough confirmations.
    fn wait(
        &self,
        sender: Address,
        key: Digest,
        order: &Order,
        mut last: Option<Unsigned>,
    ) -> Result<Step, LedgerError> {
        let mut without = 0;
        for _ in 0..self.pace.patience {
            let found = self.found(sender, key, order)?;
            if let Some((entries, true)) = &found {
                self.outbox.remove(sender, key);
                return Ok(Step::Done(entries.clone()));
            }
            let Some(sent) = self.outbox.get(sender, key) else {
                if found.is_none() {
                    // It was taken back before it was deep, and nobody has its bytes: from the start.
                    return Ok(Step::Again);
                }
                self.node.pause(self.pace.poll);
                continue;
            };
            match self.receipt(&sent)? {
                // Before that, a reorganisation may have it succeed.
                Some((hash, receipt)) if receipt.status.is_zero() && self.is_deep(&receipt)? => {
                    let block = receipt.block_number.to();
                    match self.node.has_failed(block, hash)? {
                        Some(true) => {
                            self.outbox.remove(sender, key);
                            let reason = "the state had changed by the time it ran".into();
                            let reverted = LedgerError::Reverted { reason };
                            return Err(self.in_our_words(&self.view(), sender, order, reverted));
                        }
                        Some(false) => {
                            let reason = format!("transaction {hash} is told to have failed, and did not");
                            return Err(LedgerError::Untrue { block, reason });
                        }
                        None => {}
                    }
                }
                Some((_, receipt)) if receipt.status.is_zero() => without = 0,
                // In a block, without entries: it moved nothing in the market.
                Some((_, receipt)) if self.is_deep(&receipt)? => {
                    if self.found(sender, key, order)?.is_some() {
                        continue;
                    }
                    self.outbox.remove(sender, key);
                    return self.without_entries(order);
                }
                Some(_) => without = 0,
                None => {
                    without += 1;
                    if self.node.nonce(to_evm(sender), "latest")? > sent.nonce {
                        // Only a transaction that is shown, and is none of ours, has another one signed for this order.
                        let used = self.node.used(to_evm(sender), sent.nonce, sent.since, self.pace.depth)?;
                        let other = used.filter(|used| sent.variants.iter().all(|(_, hash)| hash != used));
                        if other.is_some() && self.found(sender, key, order)?.is_none() {
                            tracing::info!(nonce = sent.nonce, "its nonce was used by another transaction");
                            self.outbox.remove(sender, key);
                            return Ok(Step::Again);
                        }
                    } else if without >= self.pace.resend_after {
                        without = 0;
                        let (base, _) = fees(&self.node)?;
                        if let (true, Some(unsigned)) = (sent.max_fee < base, last.take()) {
                            return Ok(Step::Sign(unsigned.dearer(&self.node, base), Some(sent)));
                        }
                        self.broadcast(&sent)?;
                    }
                }
            }
            self.node.pause(self.pace.poll);
        }
        let hash = self.outbox.get(sender, key).and_then(|sent| sent.variants.last().map(|(_, hash)| *hash));
        let waited_s = self.pace.poll.as_secs().saturating_mul(self.pace.patience.into());
        Err(LedgerError::Unconfirmed { transaction: abi::digest(hash.unwrap_or_default()), waited_s })
    }

    /// The receipt of whichever variant is in a block.
    fn receipt(&self, sent: &Sent) -> Result<Option<(B256, Receipt)>, LedgerError> {
        for (_, hash) in sent.variants.iter().rev() {
            if let Some(receipt) = self.node.receipt(*hash)? {
                return Ok(Some((*hash, receipt)));
            }
        }
        Ok(None)
    }

    fn is_deep(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        let deep = receipt.block_number.to::<u64>() + self.pace.depth <= self.synced(|reader| reader.tip().height)?;
        let on_chain = self.node.header(receipt.block_number.to())?.is_some_and(|h| h.hash == receipt.block_hash);
        Ok(deep && on_chain)
    }

    fn without_entries(&self, order: &Order) -> Result<Step, LedgerError> {
        match order {
            Order::Approve { .. } | Order::Transfer { .. } => Ok(Step::Done(Vec::new())),
            Order::Redeem(_) => Ok(Step::Done(Vec::new())),
            // It was queued.
            Order::Transaction(Transaction::Execute { .. }) => Ok(Step::Again),
            Order::Transaction(Transaction::Redeem { voucher, signature }) => {
                let refused = self.view().head.market.check_voucher(voucher, signature).err();
                let reason = "the voucher was passed over".into();
                Err(refused.map_or(LedgerError::Reverted { reason }, Into::into))
            }
            // Verdicts that were counted before, say: there was nothing left to do.
            _ => Err(LedgerError::Reverted { reason: "nothing was left to do".into() }),
        }
    }
}

impl Order {
    /// Tells whether an entry may be the result of this order.
    fn is(&self, action: &Action) -> bool {
        let kind = |t: &Transaction| std::mem::discriminant(t);
        use Transaction::{OpenSession, TopUp, Transfer};
        match (self, action) {
            // The logs of these name every party, so they are compared whole.
            (
                Self::Transaction(wanted @ (OpenSession { .. } | TopUp { .. } | Transfer { .. })),
                Action::Transaction(done),
            ) => wanted == done,
            (Self::Transaction(wanted), Action::Transaction(done)) => kind(wanted) == kind(done),
            (Self::OpenFor(wanted), Action::Transaction(OpenSession { nonce, consumer, offer, .. })) => {
                (wanted.nonce, wanted.consumer, &wanted.offer) == (*nonce, *consumer, offer)
            }
            (Self::Sale(..), Action::Transaction(Transaction::Pay { .. })) => true,
            (Self::Redeem(_), Action::Transaction(Transaction::Redeem { .. })) => true,
            (Self::Deposit { .. } | Self::Withdraw { .. }, Action::Crossed(_)) => true,
            _ => false,
        }
    }
}

/// Gives a transaction to the node and waits until it is in a block.
pub(super) fn mined(node: &Node, raw: Bytes, hash: B256, pace: Pace) -> Result<(), LedgerError> {
    let sent =
        Sent { sender: Address::ZERO, key: Digest::ZERO, nonce: 0, since: 0, max_fee: 0, variants: vec![(raw, hash)] };
    broadcast(node, &sent)?;
    for _ in 0..pace.patience {
        match node.receipt(hash)? {
            Some(receipt) if receipt.status.is_zero() => {
                return Err(LedgerError::Reverted { reason: "a contract's creation".into() });
            }
            Some(_) => return Ok(()),
            None => node.pause(pace.poll),
        }
    }
    let waited_s = pace.poll.as_secs().saturating_mul(pace.patience.into());
    Err(LedgerError::Unconfirmed { transaction: abi::digest(hash), waited_s })
}

/// The entry that an order is for. Other effects of its transaction, such as bringing the money in, come before or after.
pub(super) fn last(entries: Vec<Entry>) -> Result<Entry, LedgerError> {
    let own = entries.iter().rposition(|e| matches!(e.action, Action::Transaction(_)));
    let place = own.or(entries.len().checked_sub(1));
    let entry = place.and_then(|place| entries.into_iter().nth(place));
    entry.ok_or_else(|| LedgerError::Reverted { reason: "nothing was left to do".into() })
}
