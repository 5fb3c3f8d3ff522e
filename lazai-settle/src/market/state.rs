//! The market's state.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::dat::VersionMetadata;
use lazai_core::digest::{CanonicalError, DomainHasher, canonical_digest};
use lazai_core::{
    Address, Amount, Asset, BasisPoints, ClassId, Digest, Domain, LedgerId, MoneyError, ParamsVersion, ProposalId,
    SessionId, Signature, SubmissionId, TokenId, TypedData, VersionNumber,
};
use serde::{Deserialize, Serialize};

use super::MarketError;
use super::funds::Fund;
use super::transaction::Submission;
use crate::governance::{Params, Proposal};
use crate::quorum::{Challenge, Stake, ValidatorSet, is_quorum, validator_set_digest};
use crate::session::Session;
use crate::shares::{RevenueAccount, Scaled};

/// The account of the governance pool. Nobody holds its key.
pub const POOL: Address = Address::from_bytes(*b"lazai.governancepool");

/// The initial state of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The EIP-712 domain: on a chain, that of the market's contracts; on an embedded ledger, one with a random salt.
    pub domain: Domain,
    /// Validators of the iDAO and their weights.
    pub validators: ValidatorSet,
    /// Voters and their weights.
    pub voters: BTreeMap<Address, u64>,
    /// Initial balances.
    pub balances: Vec<(Address, Asset, Amount)>,
    /// The first parameters.
    pub params: Params,
    /// Assets that prices can be in, beside the chain's own coin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// The account of the governance pool, if it is not [`POOL`]: on a chain, the timelock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Address>,
}

/// The id of the market behind a `MarketParameters` contract, as the contracts derive it.
#[must_use]
pub fn chain_ledger_id(chain_id: u64, parameters: Address) -> LedgerId {
    let hasher = DomainHasher::new("lazai.ledger.evm.v1").part(&chain_id.to_le_bytes());
    LedgerId::from_bytes(*hasher.part(parameters.as_bytes()).finish().as_bytes())
}

/// The domain of everything signed for the market behind a `MarketParameters` contract, as the contracts have it
/// (`Signed.sol`).
#[must_use]
pub fn chain_domain(chain_id: u64, parameters: Address) -> Domain {
    let (name, version) = ("LazAI Market".into(), "1".into());
    Domain { name, version, chain_id, verifying_contract: parameters, salt: None }
}

impl Genesis {
    /// Tells whether the market is on a chain: only there, the domain has no salt.
    #[must_use]
    pub fn is_on_chain(&self) -> bool {
        self.domain.salt.is_none()
    }

    /// The ledger's id: the digest of all of it; on a chain, of the chain's id and the address of the parameters'
    /// contract.
    ///
    /// # Errors
    /// Never for values built in Rust; [`CanonicalError`] is the type of canonical JSON.
    pub fn ledger_id(&self) -> Result<LedgerId, CanonicalError> {
        if self.is_on_chain() {
            return Ok(chain_ledger_id(self.domain.chain_id, self.domain.verifying_contract));
        }
        Ok(LedgerId::from_bytes(*canonical_digest("lazai.genesis.v1", self)?.as_bytes()))
    }
}

/// The state of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmissionStatus {
    /// Validators may attest until the deadline; after it, it has lapsed.
    Pending,
    /// Two thirds attested.
    Accepted,
    /// So many attested the contrary, or were overruled, that two thirds cannot be.
    Rejected,
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
    /// The submission.
    pub submission: Submission,
    /// The submitter.
    pub submitter: Address,
    /// The parameters whose windows bind it.
    pub params: ParamsVersion,
    /// Weights of the validators when it was submitted.
    pub validators: ValidatorSet,
    /// The attesting validators; true for an accepting verdict.
    pub verdicts: BTreeMap<Address, bool>,
    /// The validators whose accepting verdict was challenged with success.
    pub overruled: BTreeSet<Address>,
    /// The last doubt about each accepting verdict, by validator.
    pub challenges: BTreeMap<Address, Challenge>,
    /// Attestations count up to this time, seconds since 1970.
    pub deadline_s: u64,
    /// When it was accepted, seconds since 1970; 0 before.
    pub accepted_at_s: u64,
    /// The submission's state.
    pub status: SubmissionStatus,
}

impl SubmissionState {
    /// Weight of those who accepted it, overruled ones left out, and of all.
    #[must_use]
    pub fn weights(&self) -> (u64, u64) {
        (self.weight_of(true), self.validators.values().sum())
    }

    /// Tells whether its acceptance stands: it was accepted, maybe minted or refused by its ExEx since, and did not lose
    /// its quorum.
    pub(super) fn stands(&self) -> bool {
        let (accepting, total) = self.weights();
        self.status != SubmissionStatus::Pending && is_quorum(accepting, total)
    }

    /// Weight of those whose verdict is this, overruled ones left out.
    pub(super) fn weight_of(&self, accepted: bool) -> u64 {
        let counts = |validator: &Address, verdict: bool| verdict == accepted && !self.overruled.contains(validator);
        let verdicts = self.verdicts.iter().filter(|(validator, verdict)| counts(validator, **verdict));
        // Weights are bounded, so that their sum is.
        verdicts.filter_map(|(validator, _)| self.validators.get(validator)).sum()
    }

    /// Tells whether it can no longer be accepted.
    #[must_use]
    pub fn has_lapsed(&self, now_s: u64) -> bool {
        self.status == SubmissionStatus::Pending && now_s > self.deadline_s
    }
}

/// One adapter of a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's metadata.
    pub metadata: VersionMetadata,
    /// Digest of that.
    pub digest: Digest,
    /// True if it takes no new sessions.
    pub withdrawn: bool,
    /// The version that it comes after, as its contributors signed; none for the first. Two may come after one.
    pub after: Option<VersionNumber>,
    /// The part of its revenue that the version before it gets.
    pub keep: BasisPoints,
    /// Its shares, fixed when it was minted, and their revenue.
    pub pot: Pot,
}

/// Shares that count, and their revenue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pot {
    /// Shares of all tokens that count.
    pub total_shares: u64,
    /// Revenue, by asset.
    pub revenue: BTreeMap<Asset, RevenueAccount>,
}

/// Share tokens of a class that expire: they are processed before each settlement.
pub const MAX_EXPIRING: usize = 64;
/// Versions of a class are numbered in 24 bits.
pub const MAX_VERSIONS: usize = (1 << 24) - 1;
/// A token expires at the latest then, seconds since 1970: 40 bits.
pub const MAX_EXPIRY_S: u64 = (1 << 40) - 1;

/// A class of Data Anchoring Tokens: one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The account that may mint tokens without shares and withdraw versions.
    pub owner: Address,
    /// True if it comes from a submission: its shares come from submissions alone, and each belongs to a version.
    pub anchored: bool,
    /// Its versions, from 1; never removed.
    pub versions: Vec<Version>,
    /// Shares of no version, and their revenue: of a class that is not anchored.
    pub pot: Pot,
    /// Share tokens that will expire, at most [`MAX_EXPIRING`].
    pub expiring: BTreeSet<TokenId>,
    /// Operators, as pairs of token owner and operator.
    pub operators: BTreeSet<(Address, Address)>,
}

impl Class {
    /// The last version's number; `None` without versions.
    #[must_use]
    pub fn last_version(&self) -> Option<VersionNumber> {
        u32::try_from(self.versions.len()).ok().filter(|&count| count != 0).map(VersionNumber)
    }

    /// A version, by its number.
    #[must_use]
    pub fn version(&self, number: VersionNumber) -> Option<&Version> {
        self.versions.get(usize::try_from(number.0).ok()?.checked_sub(1)?)
    }

    /// Shares and revenue of a version; of none, those of a class that has no versions.
    #[must_use]
    pub fn pot(&self, version: Option<VersionNumber>) -> Option<&Pot> {
        match version {
            None => Some(&self.pot),
            Some(number) => self.version(number).map(|v| &v.pot),
        }
    }
}

/// A Data Anchoring Token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its class.
    pub class: ClassId,
    /// The version whose revenue its shares have a part of; none in a class without versions, or without shares.
    pub version: Option<VersionNumber>,
    /// The owner.
    pub owner: Address,
    /// Quota: sessions it pays for.
    pub value: u64,
    /// Its weight in the revenue of its version, or of its class.
    pub shares: u64,
    /// Quota can be used up to this time, seconds since 1970; 0 for ever.
    pub expire_at_s: u64,
    /// The amount that its shares have had, by asset, scaled: see [`crate::shares`].
    pub debt: BTreeMap<Asset, Scaled>,
    /// The amount that one share had earned, by asset, when the token's expiry was observed: it earns no more.
    pub frozen: Option<BTreeMap<Asset, Scaled>>,
}

impl Token {
    /// Tells whether its quota can no longer be used.
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
    pub(super) pool: Address,
    pub(super) assets: Vec<Asset>,
    pub(super) validators: ValidatorSet,
    /// Digest of the set that it began with, and of each change since.
    pub(super) validator_history: Digest,
    pub(super) stakes: BTreeMap<Address, Stake>,
    pub(super) equivocated: BTreeSet<(SubmissionId, Address)>,
    pub(super) voters: BTreeMap<Address, u64>,
    pub(super) params: Vec<Params>,
    /// All that came in less all that went out: it bounds every balance.
    pub(super) supply: BTreeMap<Asset, Amount>,
    pub(super) balances: BTreeMap<(Address, Asset), Amount>,
    pub(super) submissions: BTreeMap<SubmissionId, SubmissionState>,
    pub(super) classes: BTreeMap<ClassId, Class>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) funds: BTreeMap<(ClassId, Asset), Fund>,
    /// The series that a node's offers must name, if it is not 0.
    pub(super) series: BTreeMap<Address, u64>,
    pub(super) proposals: BTreeMap<ProposalId, Proposal>,
    pub(super) keys: BTreeMap<Digest, Digest>,
    /// True if a chain checked every signature before, and decides by its own rules what it accepts.
    pub(super) follows_chain: bool,
}

impl Market {
    /// The state of a new ledger.
    ///
    /// # Errors
    /// [`MarketError::Money`] if genesis hands out more than 2^128 - 1 of an asset; the errors of a refused [`Measure`].
    ///
    /// [`Measure`]: crate::governance::Measure
    pub fn new(genesis: &Genesis) -> Result<Self, MarketError> {
        let ledger = genesis.ledger_id().map_err(|_| MarketError::MetadataMismatch { field: "genesis" })?;
        Self::with_ledger(ledger, genesis)
    }

    /// The state of a new ledger whose id does not follow from its genesis: a chain's.
    ///
    /// # Errors
    /// As [`Market::new`].
    pub fn with_ledger(ledger: LedgerId, genesis: &Genesis) -> Result<Self, MarketError> {
        genesis.params.check()?;
        let mut market = Self {
            ledger,
            domain: genesis.domain.clone(),
            pool: genesis.pool.unwrap_or(POOL),
            assets: vec![Asset::NATIVE],
            validators: genesis.validators.clone(),
            validator_history: validator_set_digest(&genesis.validators),
            stakes: BTreeMap::new(),
            equivocated: BTreeSet::new(),
            voters: genesis.voters.clone(),
            params: vec![genesis.params.clone()],
            supply: BTreeMap::new(),
            balances: BTreeMap::new(),
            submissions: BTreeMap::new(),
            classes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            funds: BTreeMap::new(),
            series: BTreeMap::new(),
            proposals: BTreeMap::new(),
            keys: BTreeMap::new(),
            follows_chain: false,
        };
        for &asset in &genesis.assets {
            market.accept_asset(asset)?;
        }
        for (&validator, &weight) in &genesis.validators {
            market.check_weight(validator, weight)?;
        }
        for &(account, asset, amount) in &genesis.balances {
            market.bring_in(account, asset, amount)?;
        }
        Ok(market)
    }

    /// The state of a market that is read off a chain: everything that the chain accepted is taken over. Signatures were
    /// checked there, also those of contract accounts (ERC-1271), which nobody can check elsewhere.
    ///
    /// # Errors
    /// As [`Market::new`].
    pub fn following_chain(ledger: LedgerId, genesis: &Genesis) -> Result<Self, MarketError> {
        Ok(Self { follows_chain: true, ..Self::with_ledger(ledger, genesis)? })
    }

    /// The same state as one that is no chain's, and checks signatures itself: to find out why something would be
    /// refused, or to compare the two.
    #[must_use]
    pub fn checking_signatures(self) -> Self {
        Self { follows_chain: false, ..self }
    }

    /// Checks who signed a value, unless a chain did.
    pub(super) fn check_signed_by<T: TypedData>(
        &self,
        what: &'static str,
        signature: &Signature,
        value: &T,
        signer: Address,
    ) -> Result<(), MarketError> {
        if self.follows_chain {
            return Ok(());
        }
        signature.verify(&self.domain, value, signer).map_err(|source| MarketError::Signature { what, source })
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

    /// The account of the governance pool.
    #[must_use]
    pub fn pool(&self) -> Address {
        self.pool
    }

    /// Assets that prices can be in.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The stake of an account.
    #[must_use]
    pub fn stake_of(&self, account: Address) -> Stake {
        self.stakes.get(&account).copied().unwrap_or_default()
    }

    /// The validators, and the weights that governance gave them.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The digest of all sets of validators so far: [`validator_set_digest`] of the one that the ledger began with (on a chain,
    /// of none: there, all come by changes), and [`validator_change_digest`] of each [`Event::ValidatorSet`] since.
    ///
    /// [`Event::ValidatorSet`]: super::Event::ValidatorSet
    /// [`validator_change_digest`]: crate::quorum::validator_change_digest
    #[must_use]
    pub fn validator_history(&self) -> Digest {
        self.validator_history
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

    /// The balance of an account.
    #[must_use]
    pub fn balance(&self, account: Address, asset: Asset) -> Amount {
        self.balances.get(&(account, asset)).copied().unwrap_or_default()
    }

    /// A submission.
    #[must_use]
    pub fn submission(&self, id: SubmissionId) -> Option<&SubmissionState> {
        self.submissions.get(&id)
    }

    /// All submissions.
    pub fn submissions(&self) -> impl Iterator<Item = (SubmissionId, &SubmissionState)> {
        self.submissions.iter().map(|(id, state)| (*id, state))
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

    /// The fund of a class for its quota.
    #[must_use]
    pub fn fund(&self, class: ClassId, asset: Asset) -> Fund {
        self.funds.get(&(class, asset)).copied().unwrap_or_default()
    }

    /// The series that a node's offers must name to be valid.
    #[must_use]
    pub fn series_of(&self, node: Address) -> u64 {
        self.series.get(&node).copied().unwrap_or(0)
    }

    /// The numbers of classes and tokens: both are numbered from 1.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.classes.len() as u64, self.tokens.len() as u64)
    }

    /// A proposal.
    #[must_use]
    pub fn proposal(&self, id: ProposalId) -> Option<&Proposal> {
        self.proposals.get(&id)
    }

    /// The total of an asset: balances, funds, deposits, unclaimed revenue, stakes, bonds. Only amounts that
    /// [cross](Market::cross) to or from a chain change it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if genesis handed out more than 2^128 - 1.
    pub fn total(&self, asset: Asset) -> Result<Amount, MoneyError> {
        let held = self.balances.iter().filter(|((_, a), _)| *a == asset).map(|(_, amount)| *amount);
        let funds = self.funds.iter().filter(|((_, a), _)| *a == asset).map(|(_, fund)| fund.amount);
        let open = self.sessions.values().filter(|s| !s.closed && s.offer.asset == asset);
        let deposited = open.map(|s| s.deposit.checked_sub(s.redeemed));
        let pots = self.classes.values().flat_map(|c| c.versions.iter().map(|v| &v.pot).chain([&c.pot]));
        let accrued = pots.filter_map(|pot| pot.revenue.get(&asset)).map(RevenueAccount::held);
        let at_stake = self.stakes.values().flat_map(|s| [s.bonded, s.unbonding]);
        let challenges = self.submissions.values().flat_map(|s| s.challenges.values());
        let bonds = challenges.filter(|c| c.open).map(|c| c.bond);
        let staked = at_stake.chain(bonds).filter(|_| asset == Asset::NATIVE);
        let mut total = Amount::ZERO;
        for amount in held.chain(funds).chain(staked).map(Ok).chain(accrued).chain(deposited) {
            total = total.checked_add(amount?)?;
        }
        Ok(total)
    }
}
