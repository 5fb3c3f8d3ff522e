//! What the market remembers.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::dat::VersionMetadata;
use lazai_core::digest::{CanonicalError, canonical_digest};
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, Domain, LedgerId, MoneyError, ParamsVersion, ProposalId, SessionId,
    SubmissionId, TokenId, VersionNumber,
};
use serde::{Deserialize, Serialize};

use super::MarketError;
use super::transaction::Submission;
use crate::governance::{Params, Proposal};
use crate::quorum::ValidatorSet;
use crate::session::Session;
use crate::shares::RevenueAccount;

/// The account of the governance pool. Nobody holds its key.
pub const POOL: Address = Address::from_bytes(*b"lazai.governancepool");

/// How a ledger begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The EIP-712 domain, drawn at random when the ledger is created.
    pub domain: Domain,
    /// Validators of the iDAO and their weights.
    pub validators: ValidatorSet,
    /// Voters and their weights.
    pub voters: BTreeMap<Address, u64>,
    /// Who has what at first.
    pub balances: Vec<(Address, Asset, Amount)>,
    /// The first parameters.
    pub params: Params,
}

impl Genesis {
    /// The ledger's id: the digest of all of it.
    ///
    /// # Errors
    /// Never for values built in Rust; [`CanonicalError`] is the type of canonical JSON.
    pub fn ledger_id(&self) -> Result<LedgerId, CanonicalError> {
        Ok(LedgerId::from_bytes(*canonical_digest("lazai.genesis.v1", self)?.as_bytes()))
    }
}

/// How far a submission is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmissionStatus {
    /// Validators may attest until the deadline; after it, it has lapsed.
    Pending,
    /// Two thirds attested.
    Accepted,
    /// Its model is minted.
    Minted {
        /// The class.
        class: ClassId,
        /// The version.
        version: VersionNumber,
    },
    /// The ExEx refused it.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A submission on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionState {
    /// What was submitted.
    pub submission: Submission,
    /// By whom.
    pub submitter: Address,
    /// Weights of the validators when it was submitted.
    pub validators: ValidatorSet,
    /// Who attested.
    pub attested: BTreeSet<Address>,
    /// Attestations count up to this time, seconds since 1970.
    pub deadline_s: u64,
    /// How far it is.
    pub status: SubmissionStatus,
}

impl SubmissionState {
    /// Weight of those who attested, and of all.
    #[must_use]
    pub fn weights(&self) -> (u64, u64) {
        let sum = |weights: &mut dyn Iterator<Item = &u64>| weights.copied().fold(0, u64::saturating_add);
        let attested = sum(&mut self.attested.iter().filter_map(|v| self.validators.get(v)));
        (attested, sum(&mut self.validators.values()))
    }

    /// Whether it can no longer be accepted.
    #[must_use]
    pub fn has_lapsed(&self, now_s: u64) -> bool {
        self.status == SubmissionStatus::Pending && now_s > self.deadline_s
    }
}

/// One adapter of a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What it says of itself.
    pub metadata: VersionMetadata,
    /// Digest of that.
    pub digest: Digest,
    /// Whether it takes no new sessions.
    pub withdrawn: bool,
}

/// A class of Data Anchoring Tokens: one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Who may mint access and withdraw versions.
    pub owner: Address,
    /// Its versions, from 1; never removed.
    pub versions: Vec<Version>,
    /// Shares of all tokens that count.
    pub total_shares: u64,
    /// Revenue, by asset.
    pub revenue: BTreeMap<Asset, RevenueAccount>,
    /// Operators: who may use the quota of whom.
    pub operators: BTreeSet<(Address, Address)>,
}

impl Class {
    /// A version, by its number.
    #[must_use]
    pub fn version(&self, number: VersionNumber) -> Option<&Version> {
        self.versions.get(usize::try_from(number.0).ok()?.checked_sub(1)?)
    }
}

/// A Data Anchoring Token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its class.
    pub class: ClassId,
    /// Who has it.
    pub owner: Address,
    /// Quota: sessions it pays for.
    pub value: u64,
    /// Its weight in the class's revenue.
    pub shares: u64,
    /// Quota can be used up to this time, seconds since 1970; 0 for ever.
    pub expire_at_s: u64,
    /// What one share had earned, by asset, when it joined or last claimed.
    pub debt: BTreeMap<Asset, Amount>,
}

impl Token {
    /// Whether its quota can no longer be used.
    #[must_use]
    pub fn has_expired(&self, now_s: u64) -> bool {
        self.expire_at_s != 0 && now_s > self.expire_at_s
    }
}

/// The state of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Market {
    pub(super) ledger: LedgerId,
    pub(super) domain: Domain,
    pub(super) validators: ValidatorSet,
    pub(super) voters: BTreeMap<Address, u64>,
    pub(super) params: Vec<Params>,
    pub(super) balances: BTreeMap<(Address, Asset), Amount>,
    pub(super) submissions: BTreeMap<SubmissionId, SubmissionState>,
    pub(super) classes: BTreeMap<ClassId, Class>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) proposals: BTreeMap<ProposalId, Proposal>,
    pub(super) keys: BTreeMap<Digest, Digest>,
}

impl Market {
    /// The state of a new ledger.
    ///
    /// # Errors
    /// [`MarketError::Money`] if genesis hands out more than 2^128 - 1 of an asset.
    pub fn new(genesis: &Genesis) -> Result<Self, MarketError> {
        let ledger = genesis.ledger_id().map_err(|_| MarketError::MetadataMismatch { field: "genesis" })?;
        let mut market = Self {
            ledger,
            domain: genesis.domain.clone(),
            validators: genesis.validators.clone(),
            voters: genesis.voters.clone(),
            params: vec![genesis.params.clone()],
            balances: BTreeMap::new(),
            submissions: BTreeMap::new(),
            classes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            proposals: BTreeMap::new(),
            keys: BTreeMap::new(),
        };
        for &(account, asset, amount) in &genesis.balances {
            market.credit(account, asset, amount)?;
            // Bounded here, sums of balances can overflow nowhere else.
            market.total(asset)?;
        }
        Ok(market)
    }

    /// The ledger's id.
    #[must_use]
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The domain of everything signed for this ledger.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The validators.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The parameters in force, and their version.
    #[must_use]
    pub fn params(&self) -> (ParamsVersion, &Params) {
        let last = self.params.last().expect("a market begins with parameters and never drops any");
        (ParamsVersion(u32::try_from(self.params.len()).unwrap_or(u32::MAX)), last)
    }

    /// An earlier version of the parameters.
    #[must_use]
    pub fn params_of(&self, version: ParamsVersion) -> Option<&Params> {
        self.params.get(usize::try_from(version.0).ok()?.checked_sub(1)?)
    }

    /// What an account has.
    #[must_use]
    pub fn balance(&self, account: Address, asset: Asset) -> Amount {
        self.balances.get(&(account, asset)).copied().unwrap_or_default()
    }

    /// A submission.
    #[must_use]
    pub fn submission(&self, id: SubmissionId) -> Option<&SubmissionState> {
        self.submissions.get(&id)
    }

    /// A class.
    #[must_use]
    pub fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(&id)
    }

    /// A token.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id)
    }

    /// The tokens of a class.
    pub fn tokens_of(&self, class: ClassId) -> impl Iterator<Item = (TokenId, &Token)> {
        self.tokens.iter().filter(move |(_, t)| t.class == class).map(|(&id, t)| (id, t))
    }

    /// A session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// A proposal.
    #[must_use]
    pub fn proposal(&self, id: ProposalId) -> Option<&Proposal> {
        self.proposals.get(&id)
    }

    /// Everything there is of an asset: balances, deposits, unclaimed revenue. Never changes.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if genesis handed out more than 2^128 - 1.
    pub fn total(&self, asset: Asset) -> Result<Amount, MoneyError> {
        let held = self.balances.iter().filter(|((_, a), _)| *a == asset).map(|(_, amount)| *amount);
        let open = self.sessions.values().filter(|s| !s.closed && s.offer.asset == asset);
        let deposited = open.map(|s| s.deposit().checked_sub(s.redeemed));
        let accrued = self.classes.values().filter_map(|c| c.revenue.get(&asset)).map(RevenueAccount::unclaimed);
        let mut total = Amount::ZERO;
        for amount in held.chain(accrued).map(Ok).chain(deposited) {
            total = total.checked_add(amount?)?;
        }
        Ok(total)
    }
}
