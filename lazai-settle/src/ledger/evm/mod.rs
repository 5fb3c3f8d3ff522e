//! The market on an EVM chain, behind the same trait as the embedded ledger.
//!
//! | module | holds |
//! |---|---|
//! | [`abi`] | the contracts' interfaces, from the committed artifacts |
//! | `deploy` | the addresses of a market's contracts, and their deployment |
//! | `disputes` | bonds and disputes about replies |
//! | [`encode`] | market transactions as calls |
//! | `beginning`, `decode`, `reader` | the read model: a [`Market`] rebuilt from logs, block by block, with a way back |
//! | `kept` | blocks that were read, on disk |
//! | `follow` | changes since a follower's cursor |
//! | `orders`, `send` | transactions from preparation to confirmation: nonces, fees, lost transactions, keys |
//! | `fate` | the outcome of a transaction, shown by the block that decided it |
//! | `rpc`, `endpoints` | the chain's node, or several that must agree |
//! | `tills` | payments at once from plain wallets |
//! | `transfers` | signed transfers to anybody |
//! | `witness` | checks of their answers against hashes |
//!
//! ```no_run
//! # use lazai_settle::ledger::evm::{Deployment, EvmLedger, HttpRpc, Pace};
//! # use lazai_settle::Ledger;
//! let deployment: Deployment = serde_json::from_slice(&std::fs::read("deployment.json")?)?;
//! let rpc = HttpRpc::new("http://127.0.0.1:8545");
//! let ledger = EvmLedger::open(rpc, &deployment, Some("chain".as_ref()), Pace::default())?;
//! println!("{:?} validators", ledger.market().validators().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Reads** are checked against hashes: a header must hash to its claimed hash, logs must hash to the receipts' root in it
//! ([`Trust`]). The market's own rules then work out each action a second time: contracts that log something else are a
//! [`LedgerError::Diverged`]. [`Ledger::market`] is the state with enough confirmations; [`Ledger::head`] and
//! [`Ledger::notices`] follow the last block, and undo what a reorganisation takes back.
//!
//! **Writes** carry their key at the end of the call's data, where any reader of the chain finds it, and are on disk before
//! the node gets them: one key of a sender is applied once, whatever gets lost, and whenever a process is killed.
//!
//! Money comes from wallets: stakes, bonds and settled revenue are paid with coins, and so is the part of a deposit that
//! the balance in the market does not cover; earnings of tokens are paid out to wallets. The sender pays the gas.

/// The contracts' interfaces in alloy's types: for this repository's tests and measurements. They change without notice.
#[doc(hidden)]
pub mod abi;
mod beginning;
mod decode;
mod deploy;
#[doc(hidden)]
pub mod disputes;
#[doc(hidden)]
pub mod encode;
mod endpoints;
mod fate;
mod follow;
mod governor;
mod kept;
mod orders;
mod reader;
mod rpc;
mod send;
mod tills;
mod transfers;
mod transport;
mod turns;
mod view;
mod witness;

pub use deploy::{Contracts, Deployment, Founding};
pub use endpoints::Endpoints;
pub use transport::{HttpRpc, Rpc, RpcError, Trust};

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use lazai_core::sign::sign_request;
use lazai_core::{Address, Amount, Asset, Digest, Signature, Signer};

use self::abi::{Settlement, to_evm};
use self::encode::Call;
use self::kept::{Kept, Subject};
use self::orders::{Order, last, mined};
use self::reader::{KEPT_BLOCKS, Reader, block_of};
use self::rpc::{Node, Receipt};
use self::send::{Outbox, Sent, Unsigned, broadcast, fees, keyed};
use self::turns::Turns;
use self::view::View;
use super::{Ledger, LedgerError, LedgerFuture};
use crate::market::{Genesis, Market, MarketError, Transaction};
use crate::merkle::{self, Checkpoint, Inclusion};
use crate::notice::{Action, Cursor, Entry, Notice};
use crate::session::Voucher;
use crate::till::{Sale, SignedAuthorization, SignedOpening, SignedTransfers};
use crate::transfer::Transfers;

sol! {
    /// The part of ERC-20 that is used here.
    interface IERC20 {
        function approve(address spender, uint256 amount) external returns (bool);
    }
}

/// Timing and trust in following a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Blocks that must be on top of one before it counts, at most 64: blocks that a reorganisation may take back do not
    /// count.
    pub depth: u64,
    /// Time between two looks at the chain.
    pub poll: Duration,
    /// Looks without the transaction in a block before it is sent again.
    pub resend_after: u32,
    /// Looks before a call gives up waiting. (The transaction goes on; the same call again goes on waiting.)
    pub patience: u32,
    /// The authority on the chain's content.
    pub trust: Trust,
    /// The highest tip added to the base fee, in wei per unit of gas. The provider names the usual tip: this bounds the
    /// cost of a false one.
    pub max_tip_wei: u128,
}

impl Default for Pace {
    /// Twelve blocks deep, as is usual on Ethereum; a look every two seconds; ten minutes of patience; a tip of 100 gwei at most.
    fn default() -> Self {
        Self {
            depth: 12,
            poll: Duration::from_secs(2),
            resend_after: 15,
            patience: 300,
            trust: Trust::Hashes,
            max_tip_wei: 100_000_000_000,
        }
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
    /// One transaction of an account is given its nonce at a time: nonces have an order.
    turns: Turns<Address>,
    known_tills: Mutex<tills::Known>,
    /// One order of a key is under way at a time.
    keys: Turns<(Address, Digest)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves whole state: it is replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EvmLedger {
    /// Opens a market on a chain and reads it up to the last block.
    ///
    /// A folder of this process's own keeps pending transactions, and the blocks that were read: the next process reads on from there.
    /// Without a folder, each process reads the chain from the market's first block, and a transaction sent just before the process died
    /// may be sent twice.
    ///
    /// # Errors
    /// [`LedgerError`]: the node cannot be reached, or does not have this market.
    pub fn open(
        rpc: impl Rpc + 'static,
        deployment: &Deployment,
        folder: Option<&Path>,
        pace: Pace,
    ) -> Result<Self, LedgerError> {
        let node = Node::new(rpc, pace);
        let pace = Pace { depth: pace.depth.min(KEPT_BLOCKS / 2), ..pace };
        let outbox = Outbox::open(folder)?;
        let kept = folder.and_then(|folder| Kept::open(folder, &Subject::new(deployment, pace.trust)));
        let mut reader = Reader::open(&node, deployment, kept)?;
        reader.sync(&node)?;
        let view = View::of(&reader, pace.depth);
        Ok(Self(Arc::new(Inner {
            genesis: reader.genesis.clone(),
            deployment: deployment.clone(),
            node,
            pace,
            outbox,
            reader: Mutex::new(reader),
            view: Mutex::new(view),
            turns: Turns::default(),
            keys: Turns::default(),
            known_tills: Mutex::default(),
        })))
    }

    /// As [`open`](Self::open), which waits for the node on its caller's thread; this one does not.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(
        rpc: impl Rpc + 'static,
        deployment: &Deployment,
        folder: Option<&Path>,
        pace: Pace,
    ) -> Result<Self, LedgerError> {
        let (deployment, folder) = (deployment.clone(), folder.map(Path::to_owned));
        blocking::unblock(move || Self::open(rpc, &deployment, folder.as_deref(), pace)).await
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
        founding.check().map_err(MarketError::Params)?;
        let node = Node::new(rpc, pace);
        let (asked, address) = (node.clone(), deployer.address());
        let (chain_id, nonce, first_block) = blocking::unblock(move || {
            Ok::<_, LedgerError>((
                asked.chain_id()?,
                asked.nonce(to_evm(address), "pending")?,
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

    /// The market's deployment on the chain.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.0.deployment
    }

    /// The market's genesis, as its contracts say: without voters, since those hold a token.
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

    /// Pays a part of the sender's balance in the market out to the sender's wallet.
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

    /// Allows the settlement contract to take an ERC-20 from the sender's wallet, for a deposit.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn approve(&self, signer: &dyn Signer, key: Digest, asset: Asset) -> Result<(), LedgerError> {
        self.order(signer, key, Order::Approve { asset }).await.map(|_| ())
    }

    /// Coins in an account's wallet, in base units.
    ///
    /// # Errors
    /// The node's error; [`MarketError::Money`] beyond 2^128 - 1.
    pub async fn wallet(&self, account: Address) -> Result<Amount, LedgerError> {
        let inner = Arc::clone(&self.0);
        let coins = blocking::unblock(move || inner.node.coins(to_evm(account))).await?;
        Ok(abi::amount(coins).map_err(MarketError::from)?)
    }

    /// The gas that a transaction used, in units; `None` if it is in no block.
    ///
    /// # Errors
    /// The node's error.
    pub async fn gas_used(&self, transaction: Digest) -> Result<Option<u64>, LedgerError> {
        let inner = Arc::clone(&self.0);
        let hash = B256::from(*transaction.as_bytes());
        let receipt = blocking::unblock(move || inner.node.receipt(hash)).await?;
        Ok(receipt.map(|r| r.gas_used.to()))
    }
}

impl Ledger for EvmLedger {
    fn send<'a>(&'a self, signer: &'a dyn Signer, key: Digest, transaction: Transaction) -> LedgerFuture<'a, Entry> {
        Box::pin(async move { last(self.order(signer, key, Order::Transaction(transaction)).await?) })
    }

    fn unseen(&self) -> Duration {
        let view = self.0.view();
        view.seen.elapsed().max(view.keeping.behind(view.time_s))
    }

    fn redeem<'a>(
        &'a self,
        signer: &'a dyn Signer,
        key: Digest,
        vouchers: Vec<(Voucher, Signature)>,
    ) -> LedgerFuture<'a, Vec<Entry>> {
        Box::pin(async move {
            if vouchers.is_empty() {
                return Ok(Vec::new());
            }
            self.order(signer, key, Order::Redeem(vouchers)).await
        })
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

    fn settlement_contract(&self) -> Option<Address> {
        Some(self.deployment().contracts.settlement)
    }

    fn signed_transfers(&self) -> Option<&dyn SignedTransfers> {
        self.deployment().contracts.tills.map(|_| self as &dyn SignedTransfers)
    }

    fn transfers(&self) -> Option<&dyn Transfers> {
        Some(self)
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
