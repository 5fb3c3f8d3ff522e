//! Disputes about replies and trainings: opened by a consumer or a contributor, decided by two thirds of the validators' weight, paid for by
//! the loser.

use std::collections::BTreeMap;

use lazai_core::{Address, Amount, Asset, Digest, Signature, SubmissionId, TypedData};

use super::state::Market;
use super::submission::SubmissionStatus;
use super::{Event, MarketError};
use crate::dispute::{Bond, DISPUTE_VOTE_WINDOW_S, DISPUTE_WINDOW_S, Dispute, Outcome, Subject, TrainingDoubt};
use crate::quorum::is_quorum;
use crate::session::Receipt;

impl Market {
    /// Doubts a receipt, with a stake. The same amount of the node's bond is locked. A receipt is disputed once: otherwise who has it could lock
    /// a bond for ever.
    ///
    /// The receipt's hash names the dispute. It holds the session, whose id holds the ledger, the payer and the offer; and nobody but the node
    /// makes a receipt that is signed. So none fits twice, elsewhere, or by a name that a challenger chose.
    pub(super) fn open_dispute(
        &mut self,
        now_s: u64,
        sender: Address,
        receipt: &Receipt,
        signature: &Signature,
        stake: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let id = receipt.hash_struct();
        let refused = |reason| MarketError::DisputeRefused { dispute: id, reason };
        let unknown = MarketError::UnknownSession { session: receipt.session };
        let session = self.sessions.get(&receipt.session).ok_or(unknown)?;
        let (payer, consumer, node) = (session.payer, session.consumer, session.offer.node);
        if sender != payer && sender != consumer {
            return Err(MarketError::NotAllowed { sender, role: "the session's consumer or payer" });
        }
        if self.disputes.contains_key(&id) {
            return Err(refused("the receipt was disputed before"));
        }
        let end_s = session.final_at_s.unwrap_or(session.deadline_s);
        if now_s > end_s.saturating_add(DISPUTE_WINDOW_S) {
            return Err(refused("the window after the session's end is over"));
        }
        self.check_signed_by("receipt", signature, receipt, node)?;
        let parties = [node, payer, consumer];
        let deadline_s = self.begin(now_s, id, sender, stake, Subject::Reply(receipt.clone()), parties)?;
        let session = receipt.session;
        Ok(vec![Event::DisputeOpened { dispute: id, session, node, challenger: sender, stake, deadline_s }])
    }

    /// Doubts a training, with a stake; by those who had a part in the dataset. Each doubts a state once. The same amount of the ExEx's bond is
    /// locked.
    pub(super) fn dispute_training(
        &mut self,
        now_s: u64,
        sender: Address,
        submission: SubmissionId,
        state: u32,
        stake: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let doubt = TrainingDoubt { submission, state, challenger: sender };
        let id = doubt.hash_struct();
        let refused = |reason| MarketError::DisputeRefused { dispute: id, reason };
        let found = self.submissions.get(&submission).ok_or(MarketError::UnknownSubmission { submission })?;
        if !matches!(found.status, SubmissionStatus::Minted { .. }) {
            return Err(refused("the submission is not minted"));
        }
        let (submitter, exex) = (found.submitter, found.submission.exex);
        let contributed = found.submission.shares.iter().any(|share| share.contributor == sender);
        if sender != submitter && !contributed {
            return Err(MarketError::NotAllowed { sender, role: "the submitter or a contributor" });
        }
        if self.disputes.contains_key(&id) {
            return Err(refused("it was disputed before"));
        }
        let end_s = self.mintable_until_s(submission).unwrap_or(0);
        if now_s > end_s.saturating_add(DISPUTE_WINDOW_S) {
            return Err(refused("the window after the time for minting is over"));
        }
        let deadline_s = self.begin(now_s, id, sender, stake, Subject::Training(doubt), [exex, submitter, sender])?;
        Ok(vec![Event::TrainingDisputed {
            dispute: id,
            exex,
            challenger: sender,
            submission,
            state,
            stake,
            deadline_s,
        }])
    }

    /// Locks what is at risk, and keeps who may vote; the first of the parties is accused. Gives the time up to which votes count.
    fn begin(
        &mut self,
        now_s: u64,
        id: Digest,
        challenger: Address,
        stake: Amount,
        subject: Subject,
        parties: [Address; 3],
    ) -> Result<u64, MarketError> {
        let [node, ..] = parties;
        let (params_version, params) = self.params();
        let needed = params.challenge_bond.max(Amount::from_base_units(1));
        if stake < needed {
            return Err(MarketError::InsufficientStake { account: challenger, available: stake, needed });
        }
        let mut validators = self.effective_validators();
        validators.retain(|_, weight| *weight != 0);
        let parties: Vec<Address> = validators.keys().copied().filter(|v| parties.contains(v)).collect();
        let deadline_s = now_s.saturating_add(DISPUTE_VOTE_WINDOW_S);
        let bond = self.bond_of(node);
        let available = bond.free()?;
        let short = MarketError::InsufficientStake { account: node, available, needed: stake };
        let (bond, from_leaving) = bond.lock(stake).ok_or(short)?;
        let dispute = Dispute {
            subject,
            node,
            challenger,
            stake,
            from_leaving,
            params: params_version,
            validators,
            parties,
            votes: BTreeMap::new(),
            deadline_s,
            outcome: None,
        };
        let tally = dispute.tally();
        if !is_quorum(tally.silent, tally.total) {
            let reason = "all who may vote have too little weight to decide it";
            return Err(MarketError::DisputeRefused { dispute: id, reason });
        }
        let rest = self.balance_less(challenger, Asset::NATIVE, stake)?;
        self.balances.insert((challenger, Asset::NATIVE), rest);
        self.bonds.insert(node, bond);
        self.disputes.insert(id, dispute);
        Ok(deadline_s)
    }

    /// The word of a validator who repeated the reply, or the steps of training.
    pub(super) fn vote_on_dispute(
        &mut self,
        now_s: u64,
        sender: Address,
        id: Digest,
        same: bool,
    ) -> Result<Vec<Event>, MarketError> {
        let dispute = self.undecided(id)?;
        if now_s > dispute.deadline_s {
            let reason = "the window of the vote is over";
            return Err(MarketError::DisputeRefused { dispute: id, reason });
        }
        let votes = dispute.validators.contains_key(&sender) && !dispute.parties.contains(&sender);
        if !votes || dispute.votes.contains_key(&sender) {
            return Err(MarketError::NotAllowed { sender, role: "a validator who is no party, and has not voted" });
        }
        let mut next = dispute.clone();
        next.votes.insert(sender, same);
        let outcome = next.tally().outcome();
        let mut events = vec![Event::DisputeVoted { dispute: id, validator: sender, same }];
        match outcome {
            Some(outcome) => events.push(self.decide(id, next, outcome)?),
            None => drop(self.disputes.insert(id, next)),
        }
        Ok(events)
    }

    /// Ends a dispute that was not decided in time: nobody loses. Anyone may.
    pub(super) fn lapse_dispute(&mut self, now_s: u64, id: Digest) -> Result<Vec<Event>, MarketError> {
        let dispute = self.undecided(id)?;
        if now_s <= dispute.deadline_s {
            let reason = "the window of the vote is not over";
            return Err(MarketError::DisputeRefused { dispute: id, reason });
        }
        let dispute = dispute.clone();
        Ok(vec![self.decide(id, dispute, Outcome::Undecided)?])
    }

    /// The loser's stake goes to the winner for a part, and to the pool for the rest. Were all of it the winner's, a node would move its bond to
    /// an account of its own by a dispute with itself.
    fn decide(&mut self, id: Digest, dispute: Dispute, outcome: Outcome) -> Result<Event, MarketError> {
        let Dispute { node, challenger, stake, from_leaving, .. } = dispute;
        let part = self.params_of(dispute.params).unwrap_or(self.params().1).challenger;
        let reward = if outcome == Outcome::Undecided { Amount::ZERO } else { stake.portion_floor(part) };
        let bond = self.bond_of(node);
        let unlocked = Bond { locked: bond.locked.checked_sub(stake)?, ..bond };
        let bond = if outcome == Outcome::Other {
            unlocked
        } else {
            let (leaving, staying) = (bond.leaving.checked_add(from_leaving)?, stake.checked_sub(from_leaving)?);
            Bond { leaving, bonded: bond.bonded.checked_add(staying)?, ..unlocked }
        };
        let (back, rest) = (stake.checked_add(reward)?, stake.checked_sub(reward)?);
        match outcome {
            Outcome::Other => self.credit(challenger, Asset::NATIVE, back)?,
            Outcome::Same => self.credit(node, Asset::NATIVE, reward)?,
            Outcome::Undecided => self.credit(challenger, Asset::NATIVE, stake)?,
        }
        if outcome != Outcome::Undecided {
            self.credit(self.pool, Asset::NATIVE, rest)?;
        }
        self.bonds.insert(node, bond);
        self.disputes.insert(id, Dispute { outcome: Some(outcome), ..dispute });
        Ok(Event::DisputeDecided { dispute: id, outcome, reward })
    }

    fn undecided(&self, id: Digest) -> Result<&Dispute, MarketError> {
        let dispute = self.disputes.get(&id).ok_or(MarketError::UnknownDispute { dispute: id })?;
        if dispute.outcome.is_some() {
            return Err(MarketError::DisputeRefused { dispute: id, reason: "it is decided" });
        }
        Ok(dispute)
    }
}
