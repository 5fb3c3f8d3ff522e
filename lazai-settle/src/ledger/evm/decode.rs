//! Decodes the contracts' logs into market actions: each log is an action, or follows from one.
//!
//! Consequences are checked: the market derives the results of an action from its own rules, and logs that differ are a
//! divergence.

mod disputes;
mod trade;
mod validation;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::{Address as EvmAddress, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEventInterface};
use lazai_core::digest::keccak256;
use lazai_core::pov::PublicPart;
use lazai_core::seal::SealedKey;
use lazai_core::{
    Address, Amount, Asset, BasisPoints, ClassId, Digest, ParamsVersion, ProposalId, SessionId, Signature,
    SubmissionId, TokenId, VersionNumber,
};

use super::abi::*;
use super::deploy::Contracts;
use super::encode::{class, measure_of};
use super::rpc::{ChainTransaction, Log};
use crate::governance::Measure;
use crate::lineage::Lineage;
use crate::market::{
    ContributorShare, Crossing, Event, Market, MarketError, Submission, SubmissionStatus, Transaction,
};
use crate::notice::Action;
use crate::quorum::{Attestation, Verdict};
use crate::session::{Session, SessionPayment, session_id};

use DataAnchoringToken::DataAnchoringTokenEvents as T;
use DatasetRegistry::DatasetRegistryEvents as R;
use Disputes::DisputesEvents as D;
use MarketGovernor::MarketGovernorEvents as G;
use MarketParameters::MarketParametersEvents as P;
use Settlement::SettlementEvents as S;
use ValidatorQuorum::ValidatorQuorumEvents as Q;

/// The market after a block.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub market: Arc<Market>,
    /// The governor's proposals that are one measure each, in order: number n is `ProposalId(n)`.
    pub proposals: Vec<ChainProposal>,
}

impl State {
    /// The market, to be changed: copied first if a reader still holds it.
    pub fn market_mut(&mut self) -> &mut Market {
        Arc::make_mut(&mut self.market)
    }
}

/// A proposal of the governor's.
#[derive(Debug, Clone)]
pub(super) struct ChainProposal {
    pub id: U256,
    pub target: EvmAddress,
    pub calldata: Bytes,
    pub description: B256,
    pub measure: Measure,
    pub vote_start_s: u64,
    /// From when on it can be executed, once it was queued.
    pub eta_s: Option<u64>,
}

/// An entry, as far as a transaction's logs say it.
#[derive(Debug)]
pub(super) struct Draft {
    pub sender: Address,
    pub action: Action,
    pub events: Vec<Event>,
    pub log_index: u64,
}

/// A log, told apart by its contract.
#[allow(clippy::large_enum_variant, reason = "short-lived")]
enum Seen {
    Parameters(P),
    Quorum(Q),
    Registry(R),
    Token(T),
    Settlement(S),
    Governor(G),
    Disputes(D),
}

/// A log that must come next.
#[derive(Debug, PartialEq)]
enum Expected {
    Event(Event),
    /// Coins that the quorum pays into an account.
    Credit(Address, Amount),
}

/// Tells the code of a contract.
pub(super) type CodeOf<'a> = &'a dyn Fn(EvmAddress) -> Result<Bytes, crate::ledger::LedgerError>;

/// Reads the logs of one transaction.
pub(super) struct Reading<'a> {
    pub contracts: &'a Contracts,
    pub state: &'a mut State,
    pub time_s: u64,
    pub transaction: &'a ChainTransaction,
    /// The code of a contract: public parts are kept as such.
    pub code: CodeOf<'a>,
    expected: VecDeque<Expected>,
    drafts: Vec<Draft>,
    at: u64,
}

/// Why logs could not be taken over.
pub(super) enum ReadError {
    Diverged(String),
    /// The provider's data contradicts its own digests.
    Untrue(String),
    Ledger(crate::ledger::LedgerError),
}

impl From<MarketError> for ReadError {
    fn from(error: MarketError) -> Self {
        Self::Diverged(format!("the market refuses: {error}"))
    }
}

impl From<lazai_core::MoneyError> for ReadError {
    fn from(error: lazai_core::MoneyError) -> Self {
        Self::Diverged(error.to_string())
    }
}

type Read<T> = Result<T, ReadError>;

fn diverged<T>(reason: impl Into<String>) -> Read<T> {
    Err(ReadError::Diverged(reason.into()))
}

impl<'a> Reading<'a> {
    pub fn new(
        contracts: &'a Contracts,
        state: &'a mut State,
        time_s: u64,
        transaction: &'a ChainTransaction,
        code: CodeOf<'a>,
    ) -> Self {
        Self { contracts, state, time_s, transaction, code, expected: VecDeque::new(), drafts: Vec::new(), at: 0 }
    }

    /// Takes all logs of the transaction over.
    pub fn all(mut self, logs: &[Log]) -> Read<Vec<Draft>> {
        let seen: Vec<(u64, Seen)> =
            logs.iter().map(|log| Ok((log.log_index.to(), self.tell(log)?))).collect::<Read<_>>()?;
        let mut rest = &seen[..];
        while let Some((index, first)) = rest.first() {
            self.at = *index;
            let used = match first {
                Seen::Parameters(e) => self.parameters(e)?,
                Seen::Quorum(e) => self.quorum(e, &rest[1..])?,
                Seen::Registry(e) => self.registry(e)?,
                Seen::Token(e) => self.token(e, &rest[1..])?,
                Seen::Settlement(e) => self.settlement(e)?,
                Seen::Governor(e) => self.governor(e)?,
                Seen::Disputes(e) => self.disputes(e)?,
            };
            rest = &rest[1 + used..];
        }
        match self.expected.front() {
            None => Ok(self.drafts),
            Some(missing) => diverged(format!("the contracts did not log {missing:?}")),
        }
    }

    fn tell(&self, log: &Log) -> Read<Seen> {
        let c = self.contracts;
        let (topics, data) = (&log.topics, &log.data);
        let seen = match from_evm(log.address) {
            a if a == c.parameters => P::decode_raw_log(topics, data).map(Seen::Parameters),
            a if a == c.quorum => Q::decode_raw_log(topics, data).map(Seen::Quorum),
            a if a == c.registry => R::decode_raw_log(topics, data).map(Seen::Registry),
            a if a == c.token => T::decode_raw_log(topics, data).map(Seen::Token),
            a if a == c.settlement => S::decode_raw_log(topics, data).map(Seen::Settlement),
            a if a == c.governor => G::decode_raw_log(topics, data).map(Seen::Governor),
            a if Some(a) == c.disputes => D::decode_raw_log(topics, data).map(Seen::Disputes),
            other => return diverged(format!("a log of {other}, which is not asked for")),
        };
        seen.or_else(|e| diverged(format!("log {}: {e}", log.log_index)))
    }

    fn sender(&self) -> Address {
        from_evm(self.transaction.from)
    }

    fn called<C: SolCall>(&self, contract: Address) -> Option<C> {
        self.transaction.called(contract)
    }

    fn note(&mut self, sender: Address, action: Action, events: Vec<Event>) {
        self.drafts.push(Draft { sender, action, events, log_index: self.at });
    }

    fn cross(&mut self, sender: Address, crossing: Crossing) -> Read<()> {
        self.state.market_mut().cross(crossing)?;
        self.note(sender, Action::Crossed(crossing), Vec::new());
        Ok(())
    }

    fn bring(&mut self, account: Address, asset: Asset, amount: Amount) -> Read<()> {
        self.cross(account, Crossing::Deposit { account, asset, amount })
    }

    /// Applies a transaction by the market's rules; returns its events.
    fn apply(&mut self, sender: Address, transaction: Transaction) -> Read<Vec<Event>> {
        let events = self.state.market_mut().apply_as(self.time_s, sender, &transaction)?;
        self.note(sender, Action::Transaction(transaction), events.clone());
        Ok(events)
    }

    fn enact(&mut self, measure: Measure) -> Read<Vec<Event>> {
        let events = self.state.market_mut().enact(&measure)?;
        self.note(self.state.market.pool(), Action::Enacted(measure), events.clone());
        Ok(events)
    }

    /// Applies a transaction whose own event is the log just read, and expects the logs that follow from it.
    fn apply_logged(&mut self, sender: Address, transaction: Transaction, logged: &Event) -> Read<()> {
        let events = self.apply(sender, transaction)?;
        self.same(events, logged)
    }

    fn same(&mut self, events: Vec<Event>, logged: &Event) -> Read<()> {
        if !events.contains(logged) {
            return diverged(format!("the contracts logged {logged:?}, the market says {events:?}"));
        }
        for event in events.into_iter().filter(|e| e != logged) {
            self.expect(event);
        }
        Ok(())
    }

    /// Expects a log of the contracts, and the coins that come with it.
    fn expect(&mut self, event: Event) {
        let slashed = match event {
            Event::Slashed { amount, reporter, reward, .. } => Some((amount, reporter, reward)),
            Event::ChallengeDecided { .. }
            | Event::DisputeDecided { .. }
            | Event::Minted { .. }
            | Event::SubmissionAccepted { .. }
            | Event::SubmissionRejected { .. } => None,
            // Logged otherwise, or before, or not at all.
            _ => return,
        };
        self.expected.push_back(Expected::Event(event));
        if let Some((amount, reporter, reward)) = slashed {
            self.expect_slashed(amount, reporter, reward);
        }
    }

    /// A validator's loss goes to the party that showed the fault, and to the pool.
    fn expect_slashed(&mut self, amount: Amount, reporter: Address, reward: Amount) {
        self.expect_credit(reporter, reward);
        self.expect_credit(self.state.market.pool(), amount.checked_sub(reward).unwrap_or_default());
    }

    fn expect_credit(&mut self, account: Address, amount: Amount) {
        self.expected.push_back(Expected::Credit(account, amount));
    }

    /// Tells whether this log was expected next.
    fn was_expected(&mut self, event: &Event) -> bool {
        let met = matches!(self.expected.front(), Some(Expected::Event(next)) if next == event);
        if met {
            self.expected.pop_front();
        }
        met
    }

    fn must_be_expected(&mut self, event: &Event) -> Read<usize> {
        if self.was_expected(event) {
            return Ok(0);
        }
        diverged(format!("the contracts logged {event:?}, expected is {:?}", self.expected.front()))
    }
}

impl Reading<'_> {
    fn parameters(&mut self, event: &P) -> Read<usize> {
        match event {
            P::AssetAccepted(e) => {
                let asset = Asset(from_evm(e.asset));
                // The market began with the assets and parameters that the constructor was given.
                if !self.state.market.assets().contains(&asset) {
                    self.enact(Measure::AcceptAsset { asset })?;
                }
            }
            P::ParametersApplied(e) => {
                let Some(params) = params_of(&e.params) else { return diverged("parameters beyond their bounds") };
                let logged = Event::ParamsChanged { params: ParamsVersion(e.version), split: params.split };
                let measure = Measure::ApplyParameters(params);
                if e.version == 1 {
                    self.note(self.state.market.pool(), Action::Enacted(measure), vec![logged]);
                } else {
                    let events = self.enact(measure)?;
                    self.same(events, &logged)?;
                }
            }
            // Pausing is the contracts' own: it refuses new business, and moves nothing.
            P::GuardianChanged(_) | P::Paused(_) => {}
        }
        Ok(0)
    }

    fn governor(&mut self, event: &G) -> Read<usize> {
        match event {
            G::ProposalCreated(e) => {
                let single = e.targets.len() == 1 && e.values.iter().all(U256::is_zero);
                let (Some(&target), Some(calldata), true) = (e.targets.first(), e.calldatas.first(), single) else {
                    return Ok(0);
                };
                // Measures that the market does not know are not numbered here.
                let Some(measure) = measure_of(self.contracts, target, calldata) else { return Ok(0) };
                let seconds = |time: U256| u64::try_from(time).unwrap_or(u64::MAX);
                let proposer = from_evm(e.proposer);
                let events = self.state.market_mut().observe_proposal(proposer, &measure, seconds(e.voteEnd));
                self.state.proposals.push(ChainProposal {
                    id: e.proposalId,
                    target,
                    calldata: calldata.clone(),
                    description: alloy_primitives::keccak256(&e.description),
                    measure: measure.clone(),
                    vote_start_s: seconds(e.voteStart),
                    eta_s: None,
                });
                self.note(proposer, Action::Transaction(Transaction::Propose(measure)), events);
            }
            G::VoteCast(e) => {
                let Some(proposal) = self.numbered(e.proposalId) else { return Ok(0) };
                // Whole votes, of 10^18 units each; abstentions are not in favour.
                let weight = u64::try_from(e.weight / U256::from(10u64.pow(18))).unwrap_or(u64::MAX);
                let (voter, in_favour) = (from_evm(e.voter), e.support == 1);
                let events = self.state.market_mut().observe_vote(proposal, voter, in_favour, weight)?;
                self.note(voter, Action::Transaction(Transaction::Vote { proposal, in_favour }), events);
            }
            G::ProposalQueued(e) => {
                let eta_s = u64::try_from(e.etaSeconds).unwrap_or(u64::MAX);
                if let Some(found) = self.state.proposals.iter_mut().find(|p| p.id == e.proposalId) {
                    found.eta_s = Some(eta_s);
                }
            }
            G::ProposalExecuted(e) => {
                let Some(proposal) = self.numbered(e.proposalId) else { return Ok(0) };
                // Its effect was logged just before, and belongs to it.
                let measure = self.state.proposals.iter().find(|p| p.id == e.proposalId).map(|p| p.measure.clone());
                let did = matches!((self.drafts.last(), &measure),
                    (Some(Draft { action: Action::Enacted(m), .. }), Some(own)) if m == own);
                let mut events = if did { self.drafts.pop().map(|d| d.events).unwrap_or_default() } else { Vec::new() };
                events.extend(self.state.market_mut().observe_execution(proposal)?);
                let execute = Action::Transaction(Transaction::Execute { proposal });
                self.note(self.sender(), execute, events);
            }
            _ => {}
        }
        Ok(0)
    }

    fn numbered(&self, id: U256) -> Option<ProposalId> {
        let place = self.state.proposals.iter().position(|p| p.id == id)?;
        Some(ProposalId(place as u64 + 1))
    }
}
