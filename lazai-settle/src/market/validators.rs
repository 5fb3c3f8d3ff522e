//! Verdicts on submissions, validators' stakes, and the cost of false verdicts.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::{Address, Amount, Asset, Digest, SubmissionId, TypedData};

use super::state::Market;
use super::submission::{SubmissionState, SubmissionStatus};
use super::{Event, MarketError};
use crate::governance::Params;
use crate::quorum::{Challenge, Stake, ValidatorSet, Verdict, is_quorum, upholds};

impl Market {
    /// The validators with the weights that count now: without enough at stake, none.
    pub(super) fn effective_validators(&self) -> ValidatorSet {
        let enough = self.params().1.min_stake;
        let counts = |validator: &Address| self.stake_of(*validator).bonded >= enough;
        self.validators.iter().map(|(&v, &weight)| (v, if counts(&v) { weight } else { 0 })).collect()
    }

    /// Counts a batch of signed verdicts on one submission. Skips those that are counted already, and those of validators
    /// who have too little at stake by now: nobody can spoil a batch by bringing one of them first, or by taking stake
    /// back. Refuses a batch of which nothing is left for want of stake.
    ///
    /// Attestations stay open while a verdict is challenged; otherwise one bond would close them. Late ones only add: they
    /// do not change the voters on a challenge or their weights, and a rejection stays.
    pub(super) fn attest(&mut self, now_s: u64, verdicts: &[Verdict]) -> Result<Vec<Event>, MarketError> {
        let Some(id) = verdicts.first().map(|v| v.attestation.submission) else {
            return Err(MarketError::NoVerdicts);
        };
        let state = self.known(id)?;
        if now_s > state.deadline_s {
            return Err(MarketError::AttestationTooLate { now_s, deadline_s: state.deadline_s });
        }
        if state.status != SubmissionStatus::Pending && !state.stands() {
            return Err(MarketError::AttestationsClosed { submission: id });
        }
        let params = self.params_bound(state);
        let windows_s = params.challenge_window_s.saturating_add(params.challenge_vote_window_s);
        let (needed, held_until_s) = (params.min_stake, state.deadline_s.saturating_add(windows_s));
        let content = state.submission.content();
        let (mut next, mut stakes) = (state.verdicts.clone(), BTreeMap::new());
        let (mut events, mut short) = (Vec::new(), None);
        for verdict in verdicts {
            self.check_validator(state, verdict.validator)?;
            if next.contains_key(&verdict.validator) {
                continue;
            }
            self.check_verdict(id, content, verdict)?;
            let (validator, accepted) = (verdict.validator, verdict.attestation.accepted);
            let stake = self.stake_of(validator);
            if stake.bonded < needed {
                short = Some(MarketError::InsufficientStake { account: validator, available: stake.bonded, needed });
                continue;
            }
            stakes.insert(validator, Stake { held_until_s: stake.held_until_s.max(held_until_s), ..stake });
            next.insert(validator, accepted);
            events.push(Event::Attested { submission: id, validator, accepted });
        }
        if let Some(short) = short.filter(|_| events.is_empty()) {
            return Err(short);
        }
        self.stakes.extend(stakes);
        let state = self.submissions.get_mut(&id).ok_or(MarketError::UnknownSubmission { submission: id })?;
        state.verdicts = next;
        if state.status == SubmissionStatus::Pending {
            let (accepting, total) = state.weights();
            if is_quorum(accepting, total) {
                state.status = SubmissionStatus::Accepted;
                state.accepted_at_s = now_s;
                events.push(Event::SubmissionAccepted { submission: id, exex: state.submission.exex });
            } else if !is_quorum(total.saturating_sub(state.weight_of(false)), total) {
                // The remaining weight cannot reach two thirds any more.
                state.status = SubmissionStatus::Rejected;
                events.push(Event::SubmissionRejected { submission: id });
            }
        }
        Ok(events)
    }

    fn check_validator(&self, state: &SubmissionState, validator: Address) -> Result<u64, MarketError> {
        let weight = state.validators.get(&validator).copied();
        weight.ok_or(MarketError::NotAllowed { sender: validator, role: "a validator of this submission" })
    }

    fn check_verdict(&self, id: SubmissionId, content: Digest, verdict: &Verdict) -> Result<(), MarketError> {
        let attestation = &verdict.attestation;
        if attestation.submission != id {
            return Err(MarketError::UnknownSubmission { submission: attestation.submission });
        }
        let (expected, found) = (content, attestation.content);
        if expected != found {
            return Err(MarketError::AttestationMismatch { expected, found });
        }
        self.check_signed(verdict)
    }

    fn check_signed(&self, verdict: &Verdict) -> Result<(), MarketError> {
        self.check_signed_by("attestation", &verdict.signature, &verdict.attestation, verdict.validator)
    }

    /// Slashes a validator that signed two different verdicts on one submission. It needs no vote, and happens once. All of
    /// it goes to the pool: a reward would go to the fastest party, or back to the culprit.
    pub(super) fn slash_equivocation(
        &mut self,
        sender: Address,
        one: &Verdict,
        other: &Verdict,
    ) -> Result<Vec<Event>, MarketError> {
        let (id, validator) = (one.attestation.submission, one.validator);
        let state = self.known(id)?;
        self.check_validator(state, validator)?;
        let same = one.attestation.hash_struct() == other.attestation.hash_struct();
        let unrelated = other.attestation.submission != id || other.validator != validator;
        if same || unrelated || self.equivocated.contains(&(id, validator)) {
            return Err(MarketError::NotEquivocation { submission: id, validator });
        }
        self.check_signed(one)?;
        self.check_signed(other)?;
        let params = self.params_bound(state).clone();
        let events = self.slash(validator, sender, &params, Amount::ZERO)?;
        self.equivocated.insert((id, validator));
        Ok(events)
    }

    /// Takes over that a chain punished an equivocation: it saw both verdicts.
    #[cfg(feature = "evm")]
    pub(crate) fn observe_equivocation(
        &mut self,
        id: SubmissionId,
        validator: Address,
        reporter: Address,
    ) -> Result<Vec<Event>, MarketError> {
        let params = self.params_bound(self.known(id)?).clone();
        let events = self.slash(validator, reporter, &params, Amount::ZERO)?;
        self.equivocated.insert((id, validator));
        Ok(events)
    }

    /// Takes a part of everything that a validator has not got back yet, by the parameters of the submission. The reporter
    /// gets some, at most the amount risked, so that no lie pays more than it costs; the rest goes to the pool.
    fn slash(
        &mut self,
        validator: Address,
        reporter: Address,
        params: &Params,
        risked: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let stake = self.stake_of(validator);
        let amount = stake.bonded.checked_add(stake.unbonding)?.portion_floor(params.slash);
        let reward = amount.portion_floor(params.challenger).min(risked);
        let bonded = stake.bonded.checked_sub(amount).unwrap_or(Amount::ZERO);
        let from_unbonding = amount.checked_sub(stake.bonded.checked_sub(bonded)?)?;
        let unbonding = stake.unbonding.checked_sub(from_unbonding)?;
        let rest = amount.checked_sub(reward)?;
        self.credit(reporter, Asset::NATIVE, reward)?;
        self.credit(self.pool, Asset::NATIVE, rest)?;
        self.stakes.insert(validator, Stake { bonded, unbonding, ..stake });
        Ok(vec![Event::Slashed { validator, amount, reporter, reward }])
    }

    pub(super) fn stake(&mut self, sender: Address, amount: Amount) -> Result<Vec<Event>, MarketError> {
        check_some(sender, amount)?;
        let rest = self.balance_less(sender, Asset::NATIVE, amount)?;
        let stake = self.stake_of(sender);
        let bonded = stake.bonded.checked_add(amount)?;
        self.balances.insert((sender, Asset::NATIVE), rest);
        self.stakes.insert(sender, Stake { bonded, ..stake });
        Ok(vec![Event::Staked { account: sender, amount }])
    }

    pub(super) fn unstake(&mut self, now_s: u64, sender: Address, amount: Amount) -> Result<Vec<Event>, MarketError> {
        check_some(sender, amount)?;
        let stake = self.stake_of(sender);
        let short = MarketError::InsufficientStake { account: sender, available: stake.bonded, needed: amount };
        let bonded = stake.bonded.checked_sub(amount).map_err(|_| short)?;
        let unbonding = stake.unbonding.checked_add(amount)?;
        // A second request starts the window anew for all of it.
        let available_at_s = now_s.saturating_add(self.params().1.unbonding_window_s);
        self.stakes.insert(sender, Stake { bonded, unbonding, available_at_s, ..stake });
        Ok(vec![Event::UnstakeRequested { account: sender, amount, available_at_s }])
    }

    pub(super) fn withdraw_stake(&mut self, now_s: u64, sender: Address) -> Result<Vec<Event>, MarketError> {
        let stake = self.stake_of(sender);
        let available_at_s = stake.leaves_after_s();
        if now_s <= available_at_s {
            return Err(MarketError::Unbonding { account: sender, available_at_s, now_s });
        }
        let amount = stake.unbonding;
        self.credit(sender, Asset::NATIVE, amount)?;
        self.stakes.insert(sender, Stake { unbonding: Amount::ZERO, ..stake });
        Ok(vec![Event::Unstaked { account: sender, amount }])
    }

    /// Challenges an accepting verdict, with a bond, while the window after acceptance lasts. One challenge at a time is
    /// open on a verdict. Another may follow a denied one, so that a liar's own challenge shuts nobody out. Nothing is held
    /// up for longer than that window and one vote, and each challenge costs a bond.
    pub(super) fn challenge(
        &mut self,
        now_s: u64,
        sender: Address,
        id: SubmissionId,
        validator: Address,
    ) -> Result<Vec<Event>, MarketError> {
        let refused = |reason| MarketError::ChallengeRefused { submission: id, validator, reason };
        let state = self.known(id)?;
        let params = self.params_bound(state).clone();
        let ends_s = state.accepted_at_s.saturating_add(params.challenge_window_s);
        if !state.stands() || now_s >= ends_s {
            return Err(refused("the window is over, or has not begun"));
        }
        let (_, total) = state.weights();
        let eligible = total.saturating_sub(self.check_validator(state, validator)?);
        if state.verdicts.get(&validator) != Some(&true) || state.overruled.contains(&validator) {
            return Err(refused("the verdict is not an accepting one"));
        }
        if state.challenges.get(&validator).is_some_and(|c| c.open) {
            return Err(refused("the verdict is being challenged"));
        }
        if !upholds(eligible, eligible, total) {
            return Err(refused("all others together have too little weight to uphold it"));
        }
        let rest = self.balance_less(sender, Asset::NATIVE, params.challenge_bond)?;
        let deadline_s = now_s.saturating_add(params.challenge_vote_window_s);
        let challenge = Challenge {
            challenger: sender,
            bond: params.challenge_bond,
            deadline_s,
            open: true,
            eligible,
            voted: BTreeSet::new(),
            upheld: 0,
            denied: 0,
        };
        self.balances.insert((sender, Asset::NATIVE), rest);
        if let Some(state) = self.submissions.get_mut(&id) {
            state.challenges.insert(validator, challenge);
        }
        Ok(vec![Event::Challenged { submission: id, validator, challenger: sender, deadline_s }])
    }

    /// The word of a validator of the submission, other than the accused, on a challenged verdict.
    pub(super) fn vote_on_challenge(
        &mut self,
        now_s: u64,
        sender: Address,
        id: SubmissionId,
        validator: Address,
        upheld: bool,
    ) -> Result<Vec<Event>, MarketError> {
        let (state, challenge) = self.open_challenge(id, validator)?;
        if now_s > challenge.deadline_s {
            let reason = "the window of the vote is over";
            return Err(MarketError::ChallengeRefused { submission: id, validator, reason });
        }
        let weight = self.check_validator(state, sender)?;
        if sender == validator || challenge.voted.contains(&sender) {
            return Err(MarketError::NotAllowed { sender, role: "another validator, who has not voted" });
        }
        let (_, total) = state.weights();
        let mut next = challenge.clone();
        next.voted.insert(sender);
        let side = if upheld { &mut next.upheld } else { &mut next.denied };
        *side = side.saturating_add(weight);
        let is_upheld = upholds(next.upheld, next.eligible, total);
        let can_be = upholds(next.eligible.saturating_sub(next.denied), next.eligible, total);
        if let Some(state) = self.submissions.get_mut(&id) {
            state.challenges.insert(validator, next);
        }
        let mut events = vec![Event::ChallengeVoted { submission: id, validator, voter: sender, upheld }];
        if is_upheld {
            events.extend(self.uphold(id, validator)?);
        } else if !can_be {
            events.extend(self.deny(id, validator)?);
        }
        Ok(events)
    }

    /// Ends a challenge whose vote is over: who did not vote has denied.
    pub(super) fn lapse_challenge(
        &mut self,
        now_s: u64,
        id: SubmissionId,
        validator: Address,
    ) -> Result<Vec<Event>, MarketError> {
        let (_, challenge) = self.open_challenge(id, validator)?;
        if now_s <= challenge.deadline_s {
            let reason = "the window of the vote is not over";
            return Err(MarketError::ChallengeRefused { submission: id, validator, reason });
        }
        self.deny(id, validator)
    }

    /// The bond goes to the pool, not to the accused: a validator that challenges itself, to win time, pays for it.
    fn deny(&mut self, id: SubmissionId, validator: Address) -> Result<Vec<Event>, MarketError> {
        let (_, challenge) = self.open_challenge(id, validator)?;
        self.credit(self.pool, Asset::NATIVE, challenge.bond)?;
        self.close_challenge(id, validator);
        Ok(vec![Event::ChallengeDecided { submission: id, validator, upheld: false }])
    }

    fn uphold(&mut self, id: SubmissionId, validator: Address) -> Result<Vec<Event>, MarketError> {
        let (state, challenge) = self.open_challenge(id, validator)?;
        let (challenger, bond) = (challenge.challenger, challenge.bond);
        let params = self.params_bound(state).clone();
        let mut events = vec![Event::ChallengeDecided { submission: id, validator, upheld: true }];
        self.credit(challenger, Asset::NATIVE, bond)?;
        self.close_challenge(id, validator);
        if let Some(state) = self.submissions.get_mut(&id) {
            state.overruled.insert(validator);
            let (accepting, total) = state.weights();
            if state.status == SubmissionStatus::Accepted && !is_quorum(accepting, total) {
                state.status = SubmissionStatus::Rejected;
                events.push(Event::SubmissionRejected { submission: id });
            }
        }
        events.extend(self.slash(validator, challenger, &params, bond)?);
        Ok(events)
    }

    /// The parameters that bind a submission: those it was submitted under.
    fn params_bound(&self, state: &SubmissionState) -> &Params {
        self.params_of(state.params).unwrap_or(self.params().1)
    }

    fn close_challenge(&mut self, id: SubmissionId, validator: Address) {
        let challenges = self.submissions.get_mut(&id).map(|state| &mut state.challenges);
        if let Some(challenge) = challenges.and_then(|c| c.get_mut(&validator)) {
            challenge.open = false;
        }
    }

    fn open_challenge(
        &self,
        id: SubmissionId,
        validator: Address,
    ) -> Result<(&SubmissionState, &Challenge), MarketError> {
        let state = self.known(id)?;
        let reason = "there is no open challenge";
        let refused = MarketError::ChallengeRefused { submission: id, validator, reason };
        let challenge = state.challenges.get(&validator).filter(|c| c.open).ok_or(refused)?;
        Ok((state, challenge))
    }

    fn known(&self, id: SubmissionId) -> Result<&SubmissionState, MarketError> {
        self.submissions.get(&id).ok_or(MarketError::UnknownSubmission { submission: id })
    }

    /// Tells whether a submission is accepted and can no longer be challenged.
    #[must_use]
    pub fn is_final(&self, now_s: u64, id: SubmissionId) -> bool {
        self.submissions.get(&id).is_some_and(|state| {
            let window_s = self.params_of(state.params).map_or(0, |p| p.challenge_window_s);
            let over = now_s >= state.accepted_at_s.saturating_add(window_s);
            state.status == SubmissionStatus::Accepted && over && state.challenges.values().all(|c| !c.open)
        })
    }

    /// The last second, since 1970, in which an accepted submission can be minted: then its submitter can name another
    /// ExEx in a new one, and never gets two versions of the same data.
    #[must_use]
    pub fn mintable_until_s(&self, id: SubmissionId) -> Option<u64> {
        let state = self.submissions.get(&id).filter(|state| state.accepted_at_s != 0)?;
        let params = self.params_bound(state);
        let windows = [params.challenge_window_s, params.challenge_vote_window_s, params.mint_window_s];
        Some(windows.iter().fold(state.accepted_at_s, |sum, window_s| sum.saturating_add(*window_s)))
    }

    pub(super) fn check_final(&self, now_s: u64, id: SubmissionId) -> Result<(), MarketError> {
        let state = self.known(id)?;
        if state.status == SubmissionStatus::Accepted && !self.is_final(now_s, id) {
            return Err(MarketError::NotFinal { submission: id });
        }
        match self.mintable_until_s(id) {
            Some(deadline_s) if state.status == SubmissionStatus::Accepted && now_s > deadline_s => {
                Err(MarketError::MintTooLate { submission: id, deadline_s, now_s })
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a stake of zero.
pub(super) fn check_some(account: Address, amount: Amount) -> Result<(), MarketError> {
    let needed = Amount::from_base_units(1);
    if amount >= needed { Ok(()) } else { Err(MarketError::InsufficientStake { account, available: amount, needed }) }
}
