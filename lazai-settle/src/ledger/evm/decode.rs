//! What the contracts logged, taken over into the market: each log is one of the market's actions, or follows from one.
//!
//! Whatever follows must follow: the market works out by its own rules what an action does, and logs that say otherwise
//! are a divergence, not a surprise.

use std::collections::VecDeque;
use std::sync::Arc;

use alloy_primitives::{Address as EvmAddress, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEventInterface};
use lazai_core::digest::keccak256;
use lazai_core::seal::SealedKey;
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, ParamsVersion, ProposalId, SessionId, Signature, SubmissionId, TokenId,
    VersionNumber,
};

use super::abi::*;
use super::deploy::Contracts;
use super::encode::{class, measure_of};
use super::rpc::{ChainTransaction, Log};
use crate::governance::Measure;
use crate::market::{ContributorShare, Crossing, Event, Market, MarketError, Submission, SubmissionStatus, Transaction};
use crate::notice::Action;
use crate::quorum::{Attestation, Verdict};
use crate::session::{SessionPayment, session_id};

use DataAnchoringToken::DataAnchoringTokenEvents as T;
use DatasetRegistry::DatasetRegistryEvents as R;
use MarketGovernor::MarketGovernorEvents as G;
use MarketParameters::MarketParametersEvents as P;
use Settlement::SettlementEvents as S;
use ValidatorQuorum::ValidatorQuorumEvents as Q;

/// What the market is after a block.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub market: Arc<Market>,
    /// The governor's proposals that are one measure each, in order: number n is `ProposalId(n)`.
    pub proposals: Vec<ChainProposal>,
}

impl State {
    /// The market, to be changed: a copy of it where somebody still looks at it.
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
}

/// What must be logged next.
#[derive(Debug, PartialEq)]
enum Expected {
    Event(Event),
    /// Coins that the quorum pays into an account.
    Credit(Address, Amount),
}

/// Reads the logs of one transaction.
pub(super) struct Reading<'a> {
    pub contracts: &'a Contracts,
    pub state: &'a mut State,
    pub time_s: u64,
    pub transaction: &'a ChainTransaction,
    /// The code of a contract: public parts are kept as such.
    pub code: &'a dyn Fn(EvmAddress) -> Result<Bytes, crate::ledger::LedgerError>,
    expected: VecDeque<Expected>,
    drafts: Vec<Draft>,
    at: u64,
}

/// Why logs could not be taken over.
pub(super) enum ReadError {
    Diverged(String),
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
        code: &'a dyn Fn(EvmAddress) -> Result<Bytes, crate::ledger::LedgerError>,
    ) -> Self {
        Self { contracts, state, time_s, transaction, code, expected: VecDeque::new(), drafts: Vec::new(), at: 0 }
    }

    /// Takes all logs of the transaction over.
    pub fn all(mut self, logs: &[Log]) -> Read<Vec<Draft>> {
        let seen: Vec<(u64, Seen)> = logs.iter().map(|log| Ok((log.log_index.to(), self.tell(log)?))).collect::<Read<_>>()?;
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
        let seen = match ours(log.address) {
            a if a == c.parameters => P::decode_raw_log(topics, data).map(Seen::Parameters),
            a if a == c.quorum => Q::decode_raw_log(topics, data).map(Seen::Quorum),
            a if a == c.registry => R::decode_raw_log(topics, data).map(Seen::Registry),
            a if a == c.token => T::decode_raw_log(topics, data).map(Seen::Token),
            a if a == c.settlement => S::decode_raw_log(topics, data).map(Seen::Settlement),
            a if a == c.governor => G::decode_raw_log(topics, data).map(Seen::Governor),
            other => return diverged(format!("a log of {other}, which is not asked for")),
        };
        seen.or_else(|e| diverged(format!("log {}: {e}", log.log_index)))
    }

    fn sender(&self) -> Address {
        ours(self.transaction.from)
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

    /// Does a transaction by the market's rules; gives what it did.
    fn apply(&mut self, sender: Address, transaction: Transaction) -> Read<Vec<Event>> {
        let events = self.state.market_mut().apply_as(self.time_s, sender, &transaction)?;
        self.note(sender, Action::Transaction(transaction), events.clone());
        Ok(events)
    }

    fn enact(&mut self, measure: Measure) -> Read<Vec<Event>> {
        let events = self.state.market_mut().enact(self.time_s, &measure)?;
        self.note(self.state.market.pool(), Action::Enacted(measure), events.clone());
        Ok(events)
    }

    /// Does a transaction whose own event is the log that was just read, and expects what follows from it.
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

    /// What the contracts must log next, with the coins that come with it.
    fn expect(&mut self, event: Event) {
        let mut credits = Vec::new();
        match &event {
            Event::Slashed { amount, reporter, reward, .. } => {
                let rest = amount.checked_sub(*reward).unwrap_or_default();
                credits = vec![(*reporter, *reward), (self.state.market.pool(), rest)];
            }
            Event::Attested { .. }
            | Event::ChallengeDecided { .. }
            | Event::Minted { .. }
            | Event::SubmissionAccepted { .. }
            | Event::SubmissionRejected { .. } => {}
            // Logged otherwise, or before, or not at all.
            _ => return,
        }
        self.expected.push_back(Expected::Event(event));
        self.expected.extend(credits.into_iter().map(|(account, amount)| Expected::Credit(account, amount)));
    }

    fn expect_credit(&mut self, account: Address, amount: Amount) {
        self.expected.push_back(Expected::Credit(account, amount));
    }

    /// Whether this is what had to be logged next.
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
                let asset = Asset(ours(e.asset));
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

    fn quorum(&mut self, event: &Q, after: &[(u64, Seen)]) -> Read<usize> {
        match event {
            Q::MemberSet(e) => {
                self.enact(Measure::SetValidator { validator: ours(e.member), weight: e.weight })?;
            }
            Q::Staked(e) => {
                let (member, amount) = (ours(e.member), Amount::from_base_units(e.amount));
                self.bring(member, Asset::NATIVE, amount)?;
                self.apply(member, Transaction::Stake { amount })?;
            }
            Q::UnstakeRequested(e) => {
                let (account, amount) = (ours(e.member), Amount::from_base_units(e.amount));
                let logged = Event::UnstakeRequested { account, amount, available_at_s: e.availableAt };
                self.apply_logged(account, Transaction::Unstake { amount }, &logged)?;
            }
            Q::Unstaked(e) => {
                let (account, amount) = (ours(e.member), Amount::from_base_units(e.amount));
                self.apply_logged(account, Transaction::WithdrawStake, &Event::Unstaked { account, amount })?;
                self.expect_credit(account, amount);
            }
            Q::Attested(_) => return self.attested(event, after),
            Q::SubmissionAccepted(e) => {
                let (submission, exex) = (submission(e.submission), ours(e.exex));
                return self.must_be_expected(&Event::SubmissionAccepted { submission, exex });
            }
            Q::SubmissionRejected(e) => {
                let submission = submission(e.submission);
                // What its ExEx refused can still lose its acceptance on chain; here it is refused already.
                let refused = self.state.market.submission(submission).map(|s| &s.status);
                if !matches!(refused, Some(SubmissionStatus::Refused { .. })) {
                    return self.must_be_expected(&Event::SubmissionRejected { submission });
                }
            }
            Q::Challenged(e) => {
                let (submission, validator) = (submission(e.submission), ours(e.validator));
                let challenger = ours(e.challenger);
                let bond = self.bond(submission);
                self.bring(challenger, Asset::NATIVE, bond)?;
                let logged = Event::Challenged { submission, validator, challenger, deadline_s: e.deadline };
                self.apply_logged(challenger, Transaction::Challenge { submission, validator }, &logged)?;
            }
            Q::ChallengeVoted(e) => {
                let (submission, validator, upheld) = (submission(e.submission), ours(e.validator), e.upheld);
                let voter = ours(e.voter);
                let logged = Event::ChallengeVoted { submission, validator, voter, upheld };
                self.apply_logged(voter, Transaction::VoteOnChallenge { submission, validator, upheld }, &logged)?;
                self.put_bond_in_place(submission, validator);
            }
            Q::ChallengeDecided(e) => {
                let (submission, validator, upheld) = (submission(e.submission), ours(e.validator), e.upheld);
                let logged = Event::ChallengeDecided { submission, validator, upheld };
                if !self.was_expected(&logged) {
                    let events = self.enact(Measure::ResolveChallenge { submission, validator, upheld })?;
                    self.same(events, &logged)?;
                    self.put_bond_in_place(submission, validator);
                }
            }
            Q::ChallengeLapsed(e) => {
                let (submission, validator) = (submission(e.submission), ours(e.validator));
                let logged = Event::ChallengeLapsed { submission, validator };
                self.apply_logged(self.sender(), Transaction::LapseChallenge { submission, validator }, &logged)?;
                let (challenger, bond) = self.challenge(submission, validator);
                self.expect_credit(challenger, bond);
            }
            Q::Slashed(e) => {
                let (validator, reporter) = (ours(e.member), ours(e.reporter));
                let (amount, reward) = (Amount::from_base_units(e.amount), Amount::from_base_units(e.reward));
                let logged = Event::Slashed { validator, amount, reporter, reward };
                if !self.was_expected(&logged) {
                    self.equivocated(submission(e.submission), &logged)?;
                }
            }
        }
        Ok(0)
    }

    /// Verdicts on one submission that were brought together are one action.
    fn attested(&mut self, first: &Q, after: &[(u64, Seen)]) -> Read<usize> {
        let mut verdicts = Vec::new();
        let together = std::iter::once(first).chain(after.iter().map_while(|(_, seen)| match seen {
            Seen::Quorum(event) => Some(event),
            _ => None,
        }));
        let mut of = None;
        for event in together {
            let Q::Attested(e) = event else { break };
            if *of.get_or_insert(e.submission) != e.submission {
                break;
            }
            let id = submission(e.submission);
            let Some(state) = self.state.market.submission(id) else {
                return diverged(format!("a verdict on {id}, which was not submitted"));
            };
            let attestation = Attestation {
                submission: id,
                statement: state.submission.statement,
                public_part: lazai_core::pov::PublicPart::digest(state.submission.public_part.as_bytes()),
                ciphertext: state.submission.ciphertext,
                accepted: e.accepted,
            };
            let validator = ours(e.validator);
            verdicts.push(Verdict { validator, attestation, signature: signature(&e.signature) });
        }
        let used = verdicts.len() - 1;
        let events = self.apply(self.sender(), Transaction::Attest(verdicts))?;
        for event in events.into_iter().filter(|e| !matches!(e, Event::Attested { .. })) {
            self.expect(event);
        }
        Ok(used)
    }

    /// A validator was punished for two verdicts; they are in the call, where it was called directly.
    fn equivocated(&mut self, id: SubmissionId, logged: &Event) -> Read<()> {
        let Event::Slashed { validator, amount, reporter, reward } = *logged else {
            return diverged("a slash that is none");
        };
        let events = self.state.market_mut().observe_equivocation(id, validator, reporter)?;
        let shown = ValidatorQuorum::slashEquivocationCall::abi_decode(&self.transaction.input).ok();
        let (one, other) = match shown {
            Some(call) if submission(call.a.attestation.submission) == id => (verdict_of(&call.a), verdict_of(&call.b)),
            _ => {
                let attestation = Attestation {
                    submission: id,
                    statement: Digest::ZERO,
                    public_part: Digest::ZERO,
                    ciphertext: Digest::ZERO,
                    accepted: true,
                };
                let unknown = Verdict { validator, attestation, signature: Signature::from_bytes([0; 65]) };
                (unknown, unknown)
            }
        };
        self.note(reporter, Action::Transaction(Transaction::SlashEquivocation { one, other }), events.clone());
        self.same(events, logged)?;
        self.expect_credit(reporter, reward);
        self.expect_credit(self.state.market.pool(), amount.checked_sub(reward)?);
        Ok(())
    }

    fn bond(&self, id: SubmissionId) -> Amount {
        let market = &self.state.market;
        let params = market.submission(id).and_then(|state| market.params_of(state.params));
        params.map_or(Amount::ZERO, |p| p.challenge_bond)
    }

    fn challenge(&self, id: SubmissionId, validator: Address) -> (Address, Amount) {
        let challenge = self.state.market.submission(id).and_then(|s| s.challenges.get(&validator));
        challenge.map_or((Address::ZERO, Amount::ZERO), |c| (c.challenger, c.bond))
    }

    /// Where a challenge was decided, its bond is paid before anybody is slashed.
    fn put_bond_in_place(&mut self, id: SubmissionId, validator: Address) {
        let open = self.state.market.submission(id).and_then(|s| s.challenges.get(&validator)).is_some_and(|c| c.open);
        if open {
            return;
        }
        let (challenger, bond) = self.challenge(id, validator);
        let overruled = self.expected.iter().any(|e| matches!(e, Expected::Event(Event::Slashed { .. })));
        let account = if overruled { challenger } else { validator };
        let slash = self.expected.iter().position(|e| matches!(e, Expected::Event(Event::Slashed { .. })));
        self.expected.insert(slash.unwrap_or(self.expected.len()), Expected::Credit(account, bond));
    }

    fn registry(&mut self, event: &R) -> Read<usize> {
        match event {
            R::Submitted(e) => {
                let mut public = Vec::new();
                for part in &e.content {
                    let code = (self.code)(*part).map_err(ReadError::Ledger)?;
                    // The first byte is STOP.
                    public.extend_from_slice(code.get(1..).unwrap_or_default());
                }
                let logged = Event::Submitted {
                    submission: submission(e.submission),
                    submitter: ours(e.submitter),
                    exex: ours(e.exex),
                    deadline_s: e.deadline,
                };
                let submitted = submitted(&e.dataset, &public);
                self.apply_logged(ours(e.submitter), Transaction::Submit(submitted), &logged)?;
            }
            R::SubmissionRefused(e) => {
                let (submission, reason) = (submission(e.submission), e.reason.clone());
                let exex = self.state.market.submission(submission).map_or(Address::ZERO, |s| s.submission.exex);
                let logged = Event::SubmissionRefused { submission, reason: reason.clone() };
                self.apply_logged(exex, Transaction::Refuse { submission, reason }, &logged)?;
            }
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
                // What is no measure of the market's is not numbered here.
                let Some(measure) = measure_of(self.contracts, target, calldata) else { return Ok(0) };
                let seconds = |time: U256| u64::try_from(time).unwrap_or(u64::MAX);
                let proposer = ours(e.proposer);
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
                let (voter, in_favour) = (ours(e.voter), e.support == 1);
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
                // What it did was logged just before, and belongs to it.
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

impl Reading<'_> {
    fn token(&mut self, event: &T, after: &[(u64, Seen)]) -> Read<usize> {
        let next = after.first().map(|(_, seen)| seen);
        match event {
            T::ClassOwned(e) if !e.anchored => {
                let (class, owner) = (class(e.classId), ours(e.owner));
                let logged = Event::ClassCreated { class, owner, anchored: false };
                self.apply_logged(owner, Transaction::CreateClass, &logged)?;
            }
            T::VersionMinted(e) => self.minted(e)?,
            T::Minted(e) => {
                let (token, class, to) = (token_id(e.tokenId)?, class(e.classId), ours(e.to));
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
                let (token, from, to) = (token_id(e.tokenId)?, ours(e.from), ours(e.to));
                let logged = Event::TransferToken { token, from, to };
                self.apply_logged(from, Transaction::TransferToken { token, to }, &logged)?;
            }
            T::UsageRecorded(e) => {
                let (token, metric, amount) = (token_id(e.tokenId)?, digest(e.metricType), small(e.amount)?);
                // What a session took by its opening belongs to it.
                let opening = after.get(1).is_some_and(|(_, seen)| {
                    matches!(seen, Seen::Settlement(S::SessionOpened(o))
                        if o.opening.tokenId == e.tokenId && metric == keccak256(b"inference_sessions"))
                });
                if !opening {
                    let actor = ours(e.actor);
                    let logged = Event::UsageRecorded { token, metric, amount, actor };
                    self.apply_logged(actor, Transaction::RecordUsage { token, metric, amount }, &logged)?;
                }
            }
            T::ValueTransferred(e) => {
                let (from, to, value) = (token_id(e.fromTokenId)?, token_id(e.toTokenId)?, small(e.value)?);
                // Whoever moved it was allowed to: her owner's doing.
                let owner = self.state.market.token(from).map_or(Address::ZERO, |t| t.owner);
                let logged = Event::ValueTransferred { from, to, value };
                self.apply_logged(owner, Transaction::TransferValue { from, to, value }, &logged)?;
            }
            T::RevenueSettled(e) => return self.settled(e, next),
            T::Claimed(e) => {
                // On the way to another owner it becomes the seller's balance, by the market's own rules.
                if matches!(next, Some(Seen::Settlement(S::RevenueCredited(_)))) {
                    return Ok(1);
                }
                let (token, asset, amount) = (token_id(e.tokenId)?, Asset(ours(e.asset)), amount(e.amount)?);
                let owner = self.state.market.token(token).map_or(Address::ZERO, |t| t.owner);
                let logged = Event::Claimed { token, to: owner, asset, amount };
                self.apply_logged(owner, Transaction::Claim { token, asset }, &logged)?;
                self.cross(owner, Crossing::Withdraw { account: owner, asset, amount })?;
            }
            T::ApprovalForClass(e) => {
                let (owner, class, operator, approved) = (ours(e.owner), class(e.classId), ours(e.operator), e.approved);
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
        let into = self.state.market.class(id).map(|_| id);
        let record_signature = signature(&e.recordSignature);
        self.apply_logged(exex, Transaction::Mint { metadata, record_signature, class: into }, &logged)
    }

    /// Revenue of a class: a part of a redemption, which is logged next, or given by somebody.
    fn settled(&mut self, e: &DataAnchoringToken::RevenueSettled, next: Option<&Seen>) -> Read<usize> {
        if matches!(next, Some(Seen::Settlement(S::Redeemed(_)))) {
            return Ok(0);
        }
        let (class, asset, amount) = (class(e.classId), Asset(ours(e.asset)), amount(e.amount)?);
        let giver = self.sender();
        self.bring(giver, asset, amount)?;
        self.apply_logged(
            giver,
            Transaction::SettleRevenue { class, asset, amount },
            &Event::RevenueSettled { class, asset, amount },
        )?;
        // Where no share counts, the class's owner has it: the market's rule too.
        Ok(usize::from(matches!(next, Some(Seen::Settlement(S::RevenueCredited(_))))))
    }

    fn class_owner(&self, class: ClassId) -> Read<Address> {
        let found = self.state.market.class(class).map(|c| c.owner);
        found.map_or_else(|| diverged(format!("class {class} is not known")), Ok)
    }

    fn settlement(&mut self, event: &S) -> Read<usize> {
        match event {
            S::Deposited(e) => {
                let (account, asset, amount) = (ours(e.account), Asset(ours(e.asset)), amount(e.amount)?);
                let credit = Expected::Credit(account, amount);
                if asset == Asset::NATIVE && self.expected.front() == Some(&credit) {
                    self.expected.pop_front();
                } else {
                    self.bring(account, asset, amount)?;
                }
            }
            S::Withdrawn(e) => {
                let (account, asset, amount) = (ours(e.account), Asset(ours(e.asset)), amount(e.amount)?);
                self.cross(account, Crossing::Withdraw { account, asset, amount })?;
            }
            S::Transferred(e) => {
                let (from, to) = (ours(e.from), ours(e.to));
                let (asset, amount) = (Asset(ours(e.asset)), amount(e.amount)?);
                if from == self.state.market.pool() {
                    self.enact(Measure::Spend { to, asset, amount })?;
                } else {
                    self.apply(from, Transaction::Transfer { to, asset, amount })?;
                }
            }
            S::SessionOpened(e) => {
                let (payer, offer, o) = (ours(e.payer), offer_of(&e.offer), &e.opening);
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
                    consumer: ours(o.consumer),
                    offer,
                    offer_signature: signature(&e.offerSignature),
                    payment,
                };
                self.apply_logged(payer, transaction, &logged)?;
            }
            S::Redeemed(e) => self.redeemed(e)?,
            S::SessionEnded(e) => {
                let session = SessionId::from_bytes(e.session.0);
                let Some(known) = self.state.market.session(session) else {
                    return diverged(format!("session {session} is not known"));
                };
                // By its payer, or else by its node.
                let closer = if self.sender() == known.payer { known.payer } else { known.offer.node };
                let logged = Event::SessionClosed { session, refunded: amount(e.refunded)? };
                self.apply_logged(closer, Transaction::CloseSession { session }, &logged)?;
            }
            S::VoucherSkipped(_) => {}
            S::RevenueCredited(e) => return diverged(format!("{} was credited out of nothing", e.account)),
        }
        Ok(0)
    }

    fn redeemed(&mut self, e: &Settlement::Redeemed) -> Read<()> {
        let signatures = self.signatures();
        for (id, &cumulative) in e.sessions.iter().zip(&e.cumulative) {
            let id = SessionId::from_bytes(id.0);
            let Some(session) = self.state.market.session(id) else {
                return diverged(format!("session {id} is not known"));
            };
            let voucher = session.offer.voucher(id, Amount::from_base_units(cumulative));
            let of = |(session, sum, _): &&(SessionId, u128, Signature)| (*session, *sum) == (id, cumulative);
            let signature = signatures.iter().find(of).map_or(Signature::from_bytes([0; 65]), |(.., s)| *s);
            self.apply(ours(e.node), Transaction::Redeem { voucher, signature })?;
        }
        Ok(())
    }

    /// Signatures of the vouchers, which are in the call where the settlement was called directly.
    fn signatures(&self) -> Vec<(SessionId, u128, Signature)> {
        let Ok(call) = Settlement::redeemCall::abi_decode(&self.transaction.input) else { return Vec::new() };
        let (ledger, offer) = (self.state.market.ledger(), offer_of(&call.offer));
        let one = |c: &Settlement::Claim| {
            let payer = ours(c.payer);
            let consumer = if c.consumer.is_zero() { payer } else { ours(c.consumer) };
            (session_id(ledger, payer, c.nonce, consumer, &offer), c.cumulative, signature(&c.signature))
        };
        call.claims.iter().map(one).collect()
    }
}

fn token_id(id: U256) -> Read<TokenId> {
    small(id).map(TokenId)
}

/// A number that the contracts keep in 64 bits.
fn small(value: U256) -> Read<u64> {
    u64::try_from(value).or_else(|_| diverged(format!("{value} exceeds 64 bits")))
}

/// What was submitted. A sealed key that is none is read as zeros: its ExEx will refuse it.
fn submitted(d: &DatasetRegistry::Submission, public: &[u8]) -> Submission {
    let key: Option<(&[u8; 32], &[u8; 48])> = d.sealedKey.split_first_chunk::<32>().and_then(|(encapsulated, rest)| {
        Some((encapsulated, rest.try_into().ok()?))
    });
    let (encapsulated, ciphertext) = key.map_or((Digest::ZERO, [0; 48]), |(e, c)| (Digest::from_bytes(*e), *c));
    let share = |s: &DatasetRegistry::Share| ContributorShare {
        contributor: ours(s.contributor),
        tokens: s.tokens,
        root: digest(s.root),
        consent: signature(&s.signature),
    };
    Submission {
        nonce: d.nonce,
        statement: digest(d.statement),
        root: digest(d.root),
        proof: digest(d.proof),
        ciphertext: digest(d.ciphertext),
        sealed_key: SealedKey { encapsulated, ciphertext },
        exex: ours(d.exex),
        // What is no UTF-8 is no public part: validators will refuse it.
        public_part: String::from_utf8_lossy(public).into_owned(),
        shares: d.shares.iter().map(share).collect(),
    }
}
