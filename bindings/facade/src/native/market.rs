//! A market: in a folder, or on a chain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use lazai::Account;
use lazai::consumer::Consumer;
use lazai::core::{Address, Amount, Asset, ProposalId};
use lazai::governor::Governor;
use lazai::settle::ledger::evm::{Deployment, EvmLedger, HttpRpc, Pace};
use lazai::settle::session::SessionPayment;
use lazai::settle::{EmbeddedLedger, Genesis, Ledger, Params, SystemClock};

use super::data::{keep_file, read_file};
use crate::chat::ModelOffer;
use crate::sign::Foreign;
use crate::{BaseUnits, Domain, FilePath, LazaiError, MarketPlace, RevenueParts, Signer, record};

record! {
    /// An account's initial balance of an asset.
    pub struct Funds {
        /// The account.
        pub account: String,
        /// Address of the asset; zero for coins.
        pub asset: String,
        /// The amount, in base units.
        pub amount: BaseUnits,
    }
}

record! {
    /// The initial state of a market in a folder. Each validator and voter named has one vote.
    pub struct Founding {
        /// Accounts of the iDAO's validators.
        pub validators: Vec<String>,
        /// Accounts of the DAO's voters.
        pub voters: Vec<String>,
        /// Initial balances.
        pub funds: Vec<Funds>,
    }
}

impl Founding {
    fn parse(self) -> Result<Genesis, LazaiError> {
        let weights = |accounts: Vec<String>| -> Result<BTreeMap<Address, u64>, LazaiError> {
            accounts.into_iter().map(|account| Ok((account.parse()?, 1))).collect()
        };
        let funds = self
            .funds
            .into_iter()
            .map(|funds| Ok((funds.account.parse()?, Asset(funds.asset.parse()?), funds.amount.parse()?)));
        let domain = lazai::core::Domain::random("LazAI Market", "1");
        Ok(Genesis {
            domain: domain.map_err(|e| LazaiError::new("signer.no_randomness", e))?,
            validators: weights(self.validators)?,
            voters: weights(self.voters)?,
            balances: funds.collect::<Result<_, LazaiError>>()?,
            params: Params::default(),
            assets: Vec::new(),
            pool: None,
        })
    }
}

record! {
    /// A measure that the DAO votes on.
    pub struct Proposal {
        /// Its number, from 1.
        pub number: u64,
        /// The proposer's account.
        pub proposer: String,
        /// The measure, as JSON.
        pub measure: String,
        /// The weight of the votes in favour.
        pub in_favour: u64,
        /// The weight of the votes against.
        pub against: u64,
        /// Votes count up to this time, seconds since 1970.
        pub voting_ends_s: u64,
        /// True if it is in force.
        pub executed: bool,
    }
}

impl Proposal {
    fn of(number: u64, proposal: &lazai::settle::governance::Proposal) -> Result<Self, LazaiError> {
        let weight = |yes: bool| {
            let voters = proposal.votes.iter().filter(|(_, vote)| **vote == yes).map(|(voter, _)| voter);
            voters.fold(0_u64, |sum, voter| sum.saturating_add(proposal.weights.get(voter).copied().unwrap_or(0)))
        };
        Ok(Self {
            number,
            proposer: proposal.proposer.to_string(),
            measure: serde_json::to_string(&proposal.measure)?,
            in_favour: weight(true),
            against: weight(false),
            voting_ends_s: proposal.voting_ends_s,
            executed: proposal.executed.is_some(),
        })
    }
}

/// A market on a ledger.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Market {
    ledger: Arc<dyn Ledger>,
    genesis: Genesis,
}

impl Market {
    pub(super) fn account(&self, signer: Arc<dyn Signer>) -> Result<Account, LazaiError> {
        Ok(Account::new(self.ledger.clone(), Arc::new(Foreign::new(signer)?)))
    }

    pub(super) fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// The ledger's genesis.
    pub(super) fn genesis(&self) -> &Genesis {
        &self.genesis
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// The market in a folder: an embedded ledger in `ledger/`, begun as `genesis.json` says. Several processes may have it
    /// open, but on Android.
    ///
    /// # Errors
    /// `file`, `json.malformed`, `ledger`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open_folder(folder: FilePath) -> Result<Arc<Self>, LazaiError> {
        let folder = Path::new(&folder);
        let path = folder.join("genesis.json");
        let genesis: Genesis = serde_json::from_slice(&read_file(&path.display().to_string())?)?;
        let ledger = EmbeddedLedger::open_or_create(&folder.join("ledger"), &genesis, SystemClock)?;
        Ok(Arc::new(Self { ledger: Arc::new(ledger), genesis }))
    }

    /// Founds a market in a folder, or opens the one that was founded there with the same founding.
    ///
    /// # Errors
    /// `market` if that was another founding ([`open_folder`](Self::open_folder) opens it), `hex.…`, `money.not_decimal`, `file`,
    /// `json.malformed`, `ledger`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn found_folder(folder: FilePath, founding: Founding) -> Result<Arc<Self>, LazaiError> {
        let path = Path::new(&folder).join("genesis.json");
        let wanted = founding.parse()?;
        if !path.exists() {
            keep_file(&path.display().to_string(), &serde_json::to_vec_pretty(&wanted)?)?;
        }
        let market = Self::open_folder(folder)?;
        let state = |genesis: &Genesis| {
            let balances: BTreeSet<_> = genesis.balances.iter().copied().collect();
            (genesis.validators.clone(), genesis.voters.clone(), balances)
        };
        if state(&wanted) != state(&market.genesis) {
            let path = path.display();
            return Err(LazaiError::new(
                "market",
                format!("{path}: the market here has other validators, voters or funds"),
            ));
        }
        Ok(market)
    }

    /// The market on an EVM chain: the URL of a chain's node, the JSON with the contracts' addresses, a folder that keeps
    /// transactions until they are confirmed and the blocks that were read, and the number of confirmations (12).
    ///
    /// # Errors
    /// `json.malformed`, `ledger`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor(default(outbox = None, depth_blocks = 12)))]
    pub fn on_chain(
        url: String,
        deployment: String,
        outbox: Option<FilePath>,
        depth_blocks: u64,
    ) -> Result<Arc<Self>, LazaiError> {
        let deployment: Deployment = serde_json::from_str(&deployment)?;
        let pace = Pace { depth: depth_blocks, ..Pace::default() };
        let outbox = outbox.as_deref().map(Path::new);
        let ledger = EvmLedger::open(HttpRpc::new(&url), &deployment, outbox, pace)?;
        let genesis = ledger.genesis().clone();
        Ok(Arc::new(Self { ledger: Arc::new(ledger), genesis }))
    }

    /// Reads what is new on the ledger.
    ///
    /// # Errors
    /// `ledger…`.
    pub async fn refresh(&self) -> Result<(), LazaiError> {
        Ok(self.ledger.refresh().await?)
    }

    /// The market's addresses for wallets; none in a folder.
    pub fn place(&self) -> Option<MarketPlace> {
        let settlement = self.ledger.settlement_contract()?.to_string();
        Some(MarketPlace { ledger: self.ledger_id(), domain: self.domain(), settlement })
    }

    /// The ledger's id.
    pub fn ledger_id(&self) -> String {
        self.ledger.market().ledger().to_string()
    }

    /// The domain of everything that is signed for it.
    pub fn domain(&self) -> Domain {
        let market = self.ledger.market();
        let domain = market.domain();
        Domain {
            name: domain.name.clone(),
            version: domain.version.clone(),
            chain_id: domain.chain_id,
            verifying_contract: domain.verifying_contract.to_string(),
            salt: domain.salt.map(|salt| salt.to_string()),
        }
    }

    /// The balance of an account in an asset (zero address: coins), in base units.
    ///
    /// # Errors
    /// `hex.…`.
    pub fn balance(&self, account: String, asset: String) -> Result<BaseUnits, LazaiError> {
        Ok(self.ledger.market().balance(account.parse()?, Asset(asset.parse()?)).to_string())
    }

    /// The split of revenue that binds sessions opened now, for an amount.
    ///
    /// # Errors
    /// `money.not_decimal`.
    pub fn split(&self, amount: BaseUnits) -> Result<RevenueParts, LazaiError> {
        let parts = self.ledger.market().params().1.split.split(amount.parse::<Amount>()?);
        let (creator, node, pool) = (parts.creator.to_string(), parts.node.to_string(), parts.pool.to_string());
        Ok(RevenueParts { creator, node, pool })
    }

    /// Opens the payer's session number `nonce` with a deposit in base units; `consumer` is the address of the key that
    /// will talk. Returns the conversation, as [`Chat`](crate::Chat) takes it. The same call again returns the same.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
    pub async fn open_session(
        &self,
        payer: Arc<dyn Signer>,
        consumer: Arc<dyn Signer>,
        nonce: u64,
        model: ModelOffer,
        deposit: BaseUnits,
    ) -> Result<String, LazaiError> {
        let offer = model.signed()?;
        let consumer = Consumer::new(self.account(payer)?, Arc::new(Foreign::new(consumer)?));
        let conversation = consumer.open(nonce, &offer, SessionPayment::Deposit(deposit.parse()?)).await?;
        Ok(serde_json::to_string(&conversation)?)
    }

    /// All proposals, the oldest first.
    ///
    /// # Errors
    /// None in practice.
    pub fn proposals(&self) -> Result<Vec<Proposal>, LazaiError> {
        self.ledger.market().proposals().map(|(number, proposal)| Proposal::of(number.0, proposal)).collect()
    }

    /// Votes on a proposal. The same vote again changes nothing; another is refused, and so is one after the execution.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`.
    pub async fn vote(&self, voter: Arc<dyn Signer>, proposal: u64, in_favour: bool) -> Result<(), LazaiError> {
        Ok(Governor::new(self.account(voter)?).vote(ProposalId(proposal), in_favour).await?)
    }

    /// Executes a proposal that passed; its changes bind sessions opened after it. Executing again changes nothing.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`.
    pub async fn execute(&self, voter: Arc<dyn Signer>, proposal: u64) -> Result<(), LazaiError> {
        Governor::new(self.account(voter)?).execute(ProposalId(proposal)).await?;
        Ok(())
    }

    /// Proposes another split, in basis points; returns the proposal's number. `label` is the proposer's own name for it: the
    /// same label again gives the same proposal.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`.
    pub async fn propose_split(
        &self,
        voter: Arc<dyn Signer>,
        label: String,
        creator_bps: u16,
        node_bps: u16,
        pool_bps: u16,
    ) -> Result<Option<u64>, LazaiError> {
        let governor = Governor::new(self.account(voter)?);
        Ok(governor.propose_split(&label, creator_bps, node_bps, pool_bps).await?.map(|id| id.0))
    }
}

impl std::fmt::Debug for Market {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Market {{ ledger: {} }}", self.ledger_id())
    }
}
