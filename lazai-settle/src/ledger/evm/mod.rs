//! The market on an EVM chain, behind the same trait as the embedded ledger.
//!
//! | module | holds |
//! |---|---|
//! | [`abi`] | the contracts' interfaces, out of the committed artifacts |
//! | `deploy` | where a market's contracts are, and how they come there |
//! | [`encode`] | what is asked of the market, as calls |
//! | `decode`, `reader` | the read model: a [`Market`] rebuilt from logs, block by block, with a way back |
//! | `send` | nonces, fees, lost transactions, keys |
//! | `rpc` | the chain's node |
//!
//! **What is read** is worked out a second time by the market's own rules: contracts that log something else are a
//! [`LedgerError::Diverged`]. [`Ledger::market`] is the state as deep in the chain as the ledger was told to wait for;
//! [`Ledger::head`] and [`Ledger::notices`] follow the last block, and take back what a reorganisation takes back.
//!
//! **What is sent** carries its key at the end of the call's data, where any reader of the chain finds it, and is on
//! disk before the node gets it: one key of a sender is applied once, whatever gets lost, and whoever is killed when.
//!
//! Money comes from wallets: stakes, bonds and settled revenue are paid with coins, a deposit as far as the balance in
//! the market falls short; what a token earned is paid out. Gas is the sender's.

pub mod abi;
mod decode;
mod deploy;
pub mod encode;
mod governor;
mod reader;
mod rpc;
mod send;

pub use deploy::{Contracts, Deployment, Founding};
pub use rpc::{HttpRpc, Rpc, RpcError};

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use lazai_core::sign::sign_request;
use lazai_core::{Address, Amount, Asset, Digest, Signature, Signer};

use self::abi::{Settlement, evm};
use self::decode::State;
use self::encode::Call;
use self::reader::{KEPT_BLOCKS, Reader, block_of};
use self::rpc::{Node, Receipt};
use self::send::{Outbox, Sent, Unsigned, broadcast, fees, keyed};
use super::{Ledger, LedgerError, LedgerFuture};
use crate::market::{Genesis, Market, MarketError, Transaction};
use crate::merkle::{self, Checkpoint, Inclusion};
use crate::notice::{Action, Cursor, Entry, Notice};
use crate::session::Voucher;

sol! {
    /// What of ERC-20 is needed here.
    interface IERC20 {
        function approve(address spender, uint256 amount) external returns (bool);
    }
}

/// How the chain is followed and waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Blocks that must be on top of one before it counts, at most 64: what a reorganisation may take back does not.
    pub depth: u64,
    /// Time between two looks at the chain.
    pub poll: Duration,
    /// Looks without the transaction in a block before it is sent again.
    pub resend_after: u32,
    /// Looks before a call gives up waiting. (The transaction goes on; asking again waits on.)
    pub patience: u32,
}

impl Default for Pace {
    /// Twelve blocks deep, as is usual on Ethereum; a look every two seconds; ten minutes of patience.
    fn default() -> Self {
        Self { depth: 12, poll: Duration::from_secs(2), resend_after: 15, patience: 300 }
    }
}

/// A ledger on an EVM chain.
///
/// Its futures need no particular runtime: the node is asked on threads of the `blocking` crate.
#[derive(Clone)]
pub struct EvmLedger(Arc<Inner>);

struct Inner {
    node: Node,
    deployment: Deployment,
    genesis: Genesis,
    pace: Pace,
    outbox: Outbox,
    reader: Mutex<Reader>,
    view: Mutex<View>,
    /// One transaction of an account is prepared at a time: nonces have an order.
    turns: Mutex<BTreeMap<Address, Arc<async_lock::Mutex<()>>>>,
}

/// What was read last, so that nobody waits for the node to see it.
#[derive(Clone)]
struct View {
    head: Arc<State>,
    confirmed: Arc<State>,
    confirmed_entries: usize,
    time_s: u64,
}

/// What somebody wants done.
#[derive(Clone)]
enum Order {
    Transaction(Transaction),
    Redeem(Vec<(Voucher, Signature)>),
    Deposit { asset: Asset, amount: Amount },
    Withdraw { asset: Asset, amount: Amount },
    Approve { asset: Asset },
}

/// What is next for an order.
enum Step {
    Sign(Unsigned, Option<Sent>),
    Done(Vec<Entry>),
    /// Something on the way to it is done.
    Again,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is whole: state is replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EvmLedger {
    /// Opens a market on a chain and reads it up to the last block. What is under way is kept in `outbox`, a folder of
    /// this process's own; without one, a transaction that was sent just before the process died may be sent twice.
    ///
    /// # Errors
    /// [`LedgerError`]: the node cannot be reached, or does not have this market.
    pub fn open(
        rpc: impl Rpc + 'static,
        deployment: &Deployment,
        outbox: Option<&Path>,
        pace: Pace,
    ) -> Result<Self, LedgerError> {
        let node = Node(Arc::new(rpc));
        let pace = Pace { depth: pace.depth.min(KEPT_BLOCKS / 2), ..pace };
        let mut reader = Reader::open(&node, deployment)?;
        reader.sync(&node)?;
        let view = View::of(&reader, pace.depth);
        Ok(Self(Arc::new(Inner {
            genesis: reader.genesis.clone(),
            deployment: deployment.clone(),
            node,
            pace,
            outbox: Outbox::open(outbox)?,
            reader: Mutex::new(reader),
            view: Mutex::new(view),
            turns: Mutex::default(),
        })))
    }

    /// Deploys a market's contracts from an account. Not to be repeated: each call makes another market.
    ///
    /// # Errors
    /// [`LedgerError`]; the contracts that were deployed by then stay, without a use.
    pub async fn deploy(
        rpc: impl Rpc + 'static,
        deployer: &dyn Signer,
        founding: &Founding,
        pace: Pace,
    ) -> Result<Deployment, LedgerError> {
        let node = Node(Arc::new(rpc));
        let (asked, address) = (node.clone(), deployer.address());
        let (chain_id, nonce, first_block) = blocking::unblock(move || {
            Ok::<_, LedgerError>((
                asked.chain_id()?,
                asked.nonce(evm(address), "pending")?,
                asked.latest()?.number.to::<u64>(),
            ))
        })
        .await?;
        let (inits, contracts) = deploy::creations(founding, address, nonce);
        for (init, nonce) in inits.into_iter().zip(nonce..) {
            let asked = node.clone();
            let prepare = move || Unsigned::prepare(&asked, chain_id, address, None, 0, init, nonce);
            let unsigned = blocking::unblock(prepare).await?;
            let signature = sign_request(deployer, unsigned.request()).await?;
            let (raw, hash) = unsigned.signed(&signature);
            let asked = node.clone();
            blocking::unblock(move || mined(&asked, raw, hash, pace)).await?;
        }
        Ok(Deployment { chain_id, first_block, contracts })
    }

    /// Where the market is.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.0.deployment
    }

    /// How the market began, as its contracts say: without voters, who hold a token.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// Adds coins or an ERC-20 to the sender's balance in the market. For an ERC-20, [`EvmLedger::approve`] comes first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn deposit(
        &self,
        signer: &dyn Signer,
        key: Digest,
        asset: Asset,
        amount: Amount,
    ) -> Result<Entry, LedgerError> {
        last(self.order(signer, key, Order::Deposit { asset, amount }).await?)
    }

    /// Pays a part of the sender's balance in the market out to her wallet.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn withdraw(
        &self,
        signer: &dyn Signer,
        key: Digest,
        asset: Asset,
        amount: Amount,
    ) -> Result<Entry, LedgerError> {
        last(self.order(signer, key, Order::Withdraw { asset, amount }).await?)
    }

    /// Lets the settlement take an ERC-20 from the sender's wallet, when she deposits it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn approve(&self, signer: &dyn Signer, key: Digest, asset: Asset) -> Result<(), LedgerError> {
        self.order(signer, key, Order::Approve { asset }).await.map(|_| ())
    }

    /// Redeems vouchers of sessions under one offer in one transaction. One that is not good is passed over: it has no
    /// entry among what is given.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn redeem_batch(
        &self,
        signer: &dyn Signer,
        key: Digest,
        vouchers: Vec<(Voucher, Signature)>,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.order(signer, key, Order::Redeem(vouchers)).await
    }

    /// Coins in an account's wallet, in base units.
    ///
    /// # Errors
    /// What the node says; [`MarketError::Money`] beyond 2^128 - 1.
    pub async fn wallet(&self, account: Address) -> Result<Amount, LedgerError> {
        let inner = Arc::clone(&self.0);
        let coins = blocking::unblock(move || inner.node.coins(evm(account))).await?;
        Ok(abi::amount(coins).map_err(MarketError::from)?)
    }

    /// What a transaction's gas was, in units; `None` if it is in no block.
    ///
    /// # Errors
    /// What the node says.
    pub async fn gas_used(&self, transaction: Digest) -> Result<Option<u64>, LedgerError> {
        let inner = Arc::clone(&self.0);
        let hash = B256::from(*transaction.as_bytes());
        let receipt = blocking::unblock(move || inner.node.receipt(hash)).await?;
        Ok(receipt.map(|r| r.gas_used.to()))
    }

    async fn order(&self, signer: &dyn Signer, key: Digest, order: Order) -> Result<Vec<Entry>, LedgerError> {
        let sender = signer.address();
        let turn = Arc::clone(lock(&self.0.turns).entry(sender).or_default());
        let _turn = turn.lock().await;
        loop {
            let (inner, wanted) = (Arc::clone(&self.0), order.clone());
            let step = blocking::unblock(move || inner.next(sender, key, &wanted, None)).await?;
            match self.carry_out(signer, key, &order, step).await? {
                Some(entries) => return Ok(entries),
                // Something on the way is done; now the order itself.
                None => continue,
            }
        }
    }

    /// Signs what is to be signed until the order is in the chain. `None` if that was something on the way to it.
    async fn carry_out(
        &self,
        signer: &dyn Signer,
        key: Digest,
        order: &Order,
        mut step: Step,
    ) -> Result<Option<Vec<Entry>>, LedgerError> {
        let sender = signer.address();
        loop {
            let (unsigned, before) = match step {
                Step::Done(entries) => return Ok(Some(entries)),
                Step::Again => return Ok(None),
                Step::Sign(unsigned, before) => (unsigned, before),
            };
            let signature = sign_request(signer, unsigned.request()).await?;
            let (inner, wanted) = (Arc::clone(&self.0), order.clone());
            let sent = Sent::with(before, sender, key, &unsigned, &signature);
            step = blocking::unblock(move || inner.next(sender, key, &wanted, Some((sent, unsigned)))).await?;
        }
    }
}

impl Sent {
    fn with(before: Option<Self>, sender: Address, key: Digest, unsigned: &Unsigned, signature: &Signature) -> Self {
        let (nonce, max_fee) = (unsigned.nonce(), unsigned.max_fee());
        let mut sent = before.unwrap_or(Self { sender, key, nonce, max_fee, variants: Vec::new() });
        sent.max_fee = max_fee;
        sent.variants.push(unsigned.signed(signature));
        sent
    }
}

impl View {
    fn of(reader: &Reader, depth: u64) -> Self {
        let (confirmed, confirmed_entries) = reader.at_depth(depth);
        Self {
            head: Arc::clone(reader.head()),
            confirmed: Arc::clone(confirmed),
            confirmed_entries,
            time_s: reader.time_s(),
        }
    }
}

impl Inner {
    fn view(&self) -> View {
        lock(&self.view).clone()
    }

    /// Reads what is new, and lets `look` see it.
    fn synced<T>(&self, look: impl FnOnce(&Reader) -> T) -> Result<T, LedgerError> {
        let mut reader = lock(&self.reader);
        reader.sync(&self.node)?;
        *lock(&self.view) = View::of(&reader, self.pace.depth);
        Ok(look(&reader))
    }

    /// The next step of an order: nothing if it is in the chain already, else what is to be signed.
    fn next(
        &self,
        sender: Address,
        key: Digest,
        order: &Order,
        signed: Option<(Sent, Unsigned)>,
    ) -> Result<Step, LedgerError> {
        let mut last = None;
        if let Some((sent, unsigned)) = signed {
            self.outbox.put(sent)?;
            last = Some(unsigned);
        } else if self.found(sender, key, order)?.is_none() && self.outbox.get(sender, key).is_none() {
            return self.fresh(sender, key, order);
        }
        if let Some(sent) = self.outbox.get(sender, key) {
            // Those with lower nonces go first, or this one waits for ever.
            for other in self.outbox.of(sender).iter().filter(|o| o.nonce <= sent.nonce) {
                broadcast(&self.node, other)?;
            }
        }
        self.wait(sender, key, order, last)
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
        let nonce = self.node.nonce(evm(sender), "pending")?.max(under_way);
        let chain_id = self.deployment.chain_id;
        let prepared =
            Unsigned::prepare(&self.node, chain_id, sender, Some(call.to), call.value, call.data, nonce);
        let unsigned = prepared.map_err(|error| self.in_our_words(&view, sender, order, error))?;
        Ok(Step::Sign(unsigned, None))
    }

    fn call(&self, view: &View, sender: Address, key: Digest, order: &Order) -> Result<Call, LedgerError> {
        let (contracts, market) = (&self.deployment.contracts, &*view.head.market);
        let settlement = evm(contracts.settlement);
        let call = |value: u128, data: Vec<u8>| Call { to: settlement, value, data: data.into() };
        Ok(match order {
            Order::Transaction(transaction) => match governor::call(self, view, transaction, key)? {
                Some(call) => call,
                None => encode::transaction(contracts, market, sender, transaction)?,
            },
            Order::Redeem(vouchers) => encode::redeem(contracts, market, vouchers)?,
            Order::Deposit { asset, amount } => {
                let value = if *asset == Asset::NATIVE { amount.base_units() } else { 0 };
                let (asset, amount) = (evm(asset.0), U256::from(amount.base_units()));
                call(value, Settlement::depositCall { asset, amount }.abi_encode())
            }
            Order::Withdraw { asset, amount } => {
                let (asset, amount) = (evm(asset.0), U256::from(amount.base_units()));
                call(0, Settlement::withdrawCall { asset, to: evm(sender), amount }.abi_encode())
            }
            Order::Approve { asset } => {
                let approve = IERC20::approveCall { spender: settlement, amount: U256::MAX };
                Call { to: evm(asset.0), value: 0, data: approve.abi_encode().into() }
            }
        })
    }

    /// What the contracts refuse, the market's rules refuse too, and say more precisely why. What they say of money is
    /// left out: on chain it comes from wallets.
    fn in_our_words(&self, view: &View, sender: Address, order: &Order, error: LedgerError) -> LedgerError {
        let (LedgerError::Reverted { .. }, Order::Transaction(transaction)) = (&error, order) else { return error };
        let mut market = Market::clone(&view.head.market).checking_signatures();
        match market.apply_as(view.time_s, sender, transaction) {
            Err(MarketError::InsufficientFunds { .. }) | Ok(_) => error,
            Err(refused) => refused.into(),
        }
    }

    /// Waits until what was sent is as deep in the chain as is wanted.
    fn wait(&self, sender: Address, key: Digest, order: &Order, mut last: Option<Unsigned>) -> Result<Step, LedgerError> {
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
                    return self.fresh(sender, key, order);
                }
                self.node.0.pause(self.pace.poll);
                continue;
            };
            match self.receipt(&sent)? {
                Some(receipt) if receipt.status.is_zero() => {
                    self.outbox.remove(sender, key);
                    let reason = "the state had changed by the time it ran".into();
                    return Err(self.in_our_words(&self.view(), sender, order, LedgerError::Reverted { reason }));
                }
                // In a block, without entries: it moved nothing in the market.
                Some(receipt) if self.is_deep(&receipt)? => {
                    if self.found(sender, key, order)?.is_some() {
                        continue;
                    }
                    self.outbox.remove(sender, key);
                    return self.without_entries(order);
                }
                Some(_) => without = 0,
                None => {
                    without += 1;
                    if self.node.nonce(evm(sender), "latest")? > sent.nonce {
                        // Another transaction took its nonce: it can never be applied any more.
                        if self.receipt(&sent)?.is_none() && self.found(sender, key, order)?.is_none() {
                            tracing::info!(nonce = sent.nonce, "its nonce was used by another transaction");
                            self.outbox.remove(sender, key);
                            return self.fresh(sender, key, order);
                        }
                    } else if without >= self.pace.resend_after {
                        without = 0;
                        let (base, _) = fees(&self.node)?;
                        if let (true, Some(unsigned)) = (sent.max_fee < base, last.take()) {
                            return Ok(Step::Sign(unsigned.dearer(base), Some(sent)));
                        }
                        broadcast(&self.node, &sent)?;
                    }
                }
            }
            self.node.0.pause(self.pace.poll);
        }
        let hash = self.outbox.get(sender, key).and_then(|sent| sent.variants.last().map(|(_, hash)| *hash));
        let waited_s = self.pace.poll.as_secs().saturating_mul(self.pace.patience.into());
        Err(LedgerError::Unconfirmed { transaction: abi::digest(hash.unwrap_or_default()), waited_s })
    }

    /// The receipt of whichever variant is in a block.
    fn receipt(&self, sent: &Sent) -> Result<Option<Receipt>, LedgerError> {
        for (_, hash) in sent.variants.iter().rev() {
            if let Some(receipt) = self.node.receipt(*hash)? {
                return Ok(Some(receipt));
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
            Order::Approve { .. } => Ok(Step::Done(Vec::new())),
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
    /// Whether an entry may be what became of this.
    fn is(&self, action: &Action) -> bool {
        let kind = |t: &Transaction| std::mem::discriminant(t);
        match (self, action) {
            (Self::Transaction(wanted), Action::Transaction(done)) => kind(wanted) == kind(done),
            (Self::Redeem(_), Action::Transaction(Transaction::Redeem { .. })) => true,
            (Self::Deposit { .. } | Self::Withdraw { .. }, Action::Crossed(_)) => true,
            _ => false,
        }
    }
}

/// Gives a transaction to the node and waits until it is in a block.
fn mined(node: &Node, raw: Bytes, hash: B256, pace: Pace) -> Result<(), LedgerError> {
    let sent = Sent { sender: Address::ZERO, key: Digest::ZERO, nonce: 0, max_fee: 0, variants: vec![(raw, hash)] };
    broadcast(node, &sent)?;
    for _ in 0..pace.patience {
        match node.receipt(hash)? {
            Some(receipt) if receipt.status.is_zero() => {
                return Err(LedgerError::Reverted { reason: "a contract's creation".into() });
            }
            Some(_) => return Ok(()),
            None => node.0.pause(pace.poll),
        }
    }
    let waited_s = pace.poll.as_secs().saturating_mul(pace.patience.into());
    Err(LedgerError::Unconfirmed { transaction: abi::digest(hash), waited_s })
}

/// The entry that an order is for: what else its transaction did, such as bringing the money in, comes before or after.
fn last(entries: Vec<Entry>) -> Result<Entry, LedgerError> {
    let own = entries.iter().rposition(|e| matches!(e.action, Action::Transaction(_)));
    let place = own.or(entries.len().checked_sub(1));
    let entry = place.and_then(|place| entries.into_iter().nth(place));
    entry.ok_or_else(|| LedgerError::Reverted { reason: "nothing was left to do".into() })
}

impl Ledger for EvmLedger {
    fn send<'a>(&'a self, signer: &'a dyn Signer, key: Digest, transaction: Transaction) -> LedgerFuture<'a, Entry> {
        Box::pin(async move { last(self.order(signer, key, Order::Transaction(transaction)).await?) })
    }

    fn market(&self) -> Arc<Market> {
        Arc::clone(&self.0.view().confirmed.market)
    }

    fn head(&self) -> Arc<Market> {
        Arc::clone(&self.0.view().head.market)
    }

    fn now_s(&self) -> u64 {
        self.0.view().time_s
    }

    fn refresh(&self) -> LedgerFuture<'_, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(blocking::unblock(move || inner.synced(|_| ())))
    }

    fn notices<'a>(&'a self, since: &'a Cursor) -> LedgerFuture<'a, Vec<Notice>> {
        let (inner, since) = (Arc::clone(&self.0), since.clone());
        Box::pin(blocking::unblock(move || inner.synced(|reader| reader.notices(&inner.node, &since))?))
    }

    fn checkpoint(&self) -> Checkpoint {
        let size = self.0.view().confirmed_entries;
        let reader = lock(&self.0.reader);
        let leaves = reader.leaves().get(..size).unwrap_or(reader.leaves());
        Checkpoint { ledger: self.0.deployment.ledger(), size: leaves.len() as u64, root: merkle::root(leaves) }
    }

    fn entry(&self, index: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>> {
        Box::pin(async move {
            let size = self.0.view().confirmed_entries;
            let reader = lock(&self.0.reader);
            let leaves = reader.leaves().get(..size).unwrap_or(reader.leaves());
            let inclusion = merkle::prove(leaves, index);
            let entry = usize::try_from(index).ok().and_then(|i| reader.log().get(i).cloned());
            Ok(entry.zip(inclusion))
        })
    }
}

impl std::fmt::Debug for EvmLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvmLedger {{ chain: {}, ledger: {} }}", self.0.deployment.chain_id, self.0.deployment.ledger())
    }
}
