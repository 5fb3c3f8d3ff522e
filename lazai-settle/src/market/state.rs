//! The market's state.

use std::collections::BTreeMap;

use imbl::{OrdMap, OrdSet};

use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, Domain, LedgerId, MoneyError, ParamsVersion, ProposalId, SessionId,
    Signature, SubmissionId, TokenId, TypedData,
};

use super::MarketError;
use super::class::{Class, Token};
use super::funds::Fund;
use super::genesis::{Genesis, POOL};
use super::submission::SubmissionState;
use crate::dispute::{Bond, Dispute};
use crate::governance::{Params, Proposal};
use crate::quorum::{Stake, ValidatorSet, validator_set_digest};
use crate::session::Session;
use crate::shares::RevenueAccount;

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
    pub(super) stakes: OrdMap<Address, Stake>,
    pub(super) equivocated: OrdSet<(SubmissionId, Address)>,
    pub(super) voters: BTreeMap<Address, u64>,
    pub(super) params: Vec<Params>,
    /// All that came in less all that went out: it bounds every balance.
    pub(super) supply: OrdMap<Asset, Amount>,
    pub(super) balances: OrdMap<(Address, Asset), Amount>,
    pub(super) submissions: OrdMap<SubmissionId, SubmissionState>,
    pub(super) classes: OrdMap<ClassId, Class>,
    pub(super) tokens: OrdMap<TokenId, Token>,
    pub(super) sessions: OrdMap<SessionId, Session>,
    pub(super) bonds: OrdMap<Address, Bond>,
    /// By the hash of the receipt, or of the doubt.
    pub(super) disputes: OrdMap<Digest, Dispute>,
    pub(super) funds: OrdMap<(ClassId, Asset), Fund>,
    /// The series that a node's offers must name, if it is not 0.
    pub(super) series: OrdMap<Address, u64>,
    pub(super) proposals: OrdMap<ProposalId, Proposal>,
    pub(super) keys: OrdMap<Digest, Digest>,
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
            stakes: OrdMap::new(),
            equivocated: OrdSet::new(),
            voters: genesis.voters.clone(),
            params: vec![genesis.params.clone()],
            supply: OrdMap::new(),
            balances: OrdMap::new(),
            submissions: OrdMap::new(),
            classes: OrdMap::new(),
            tokens: OrdMap::new(),
            sessions: OrdMap::new(),
            bonds: OrdMap::new(),
            disputes: OrdMap::new(),
            funds: OrdMap::new(),
            series: OrdMap::new(),
            proposals: OrdMap::new(),
            keys: OrdMap::new(),
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

    /// The bond of a node.
    #[must_use]
    pub fn bond_of(&self, node: Address) -> Bond {
        self.bonds.get(&node).copied().unwrap_or_default()
    }

    /// A dispute, by the hash of its receipt, or of the doubt.
    #[must_use]
    pub fn dispute(&self, id: Digest) -> Option<&Dispute> {
        self.disputes.get(&id)
    }

    /// All disputes.
    pub fn disputes(&self) -> impl Iterator<Item = (Digest, &Dispute)> {
        self.disputes.iter().map(|(id, dispute)| (*id, dispute))
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

    /// All proposals, by number.
    pub fn proposals(&self) -> impl Iterator<Item = (ProposalId, &Proposal)> {
        self.proposals.iter().map(|(id, proposal)| (*id, proposal))
    }

    /// A proposal.
    #[must_use]
    pub fn proposal(&self, id: ProposalId) -> Option<&Proposal> {
        self.proposals.get(&id)
    }

    /// The total of an asset: balances, funds, deposits, unclaimed revenue, stakes, bonds, disputes. Only amounts that
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
        let of_nodes = self.bonds.values().flat_map(|bond| [bond.bonded, bond.leaving, bond.locked]);
        let at_risk = self.disputes.values().filter(|d| d.outcome.is_none()).map(|d| d.stake);
        let staked = at_stake.chain(bonds).chain(of_nodes).chain(at_risk).filter(|_| asset == Asset::NATIVE);
        let mut total = Amount::ZERO;
        for amount in held.chain(funds).chain(staked).map(Ok).chain(accrued).chain(deposited) {
            total = total.checked_add(amount?)?;
        }
        Ok(total)
    }
}
