//! Governance: a proposal, votes, and new parameters for sessions opened after them.

use std::collections::BTreeMap;

use lazai_core::{Address, ProposalId};

use super::state::Market;
use super::{Event, MarketError};
use crate::governance::{Measure, Proposal};

impl Market {
    pub(super) fn propose(
        &mut self,
        now_s: u64,
        sender: Address,
        measure: &Measure,
    ) -> Result<Vec<Event>, MarketError> {
        self.check_voter(sender)?;
        if let Measure::ApplyParameters(params) = measure {
            params.check()?;
        }
        let id = ProposalId(self.proposals.len() as u64 + 1);
        let voting_ends_s = now_s.saturating_add(self.params().1.voting_window_s);
        let proposal = Proposal {
            proposer: sender,
            measure: measure.clone(),
            weights: self.voters.clone(),
            votes: BTreeMap::new(),
            voting_ends_s,
            executed: None,
        };
        self.proposals.insert(id, proposal);
        Ok(vec![Event::Proposed { proposal: id, measure: measure.clone(), voting_ends_s }])
    }

    pub(super) fn vote(
        &mut self,
        now_s: u64,
        voter: Address,
        id: ProposalId,
        in_favour: bool,
    ) -> Result<Vec<Event>, MarketError> {
        self.check_voter(voter)?;
        let proposal = self.proposals.get_mut(&id).ok_or(MarketError::UnknownProposal { proposal: id })?;
        let Some(&weight) = proposal.weights.get(&voter) else {
            return Err(MarketError::NotAllowed { sender: voter, role: "a voter of this proposal" });
        };
        if now_s > proposal.voting_ends_s {
            let voting_ends_s = proposal.voting_ends_s;
            return Err(MarketError::VotingClosed { proposal: id, voting_ends_s, now_s });
        }
        if proposal.votes.contains_key(&voter) {
            return Err(MarketError::AlreadyVoted { proposal: id, voter });
        }
        proposal.votes.insert(voter, in_favour);
        Ok(vec![Event::Voted { proposal: id, voter, in_favour, weight }])
    }

    pub(super) fn execute(&mut self, now_s: u64, sender: Address, id: ProposalId) -> Result<Vec<Event>, MarketError> {
        self.check_voter(sender)?;
        let proposal = self.proposals.get(&id).ok_or(MarketError::UnknownProposal { proposal: id })?;
        if proposal.executed.is_some() {
            return Err(MarketError::ProposalExecuted { proposal: id });
        }
        if !proposal.passes() {
            return Err(MarketError::ProposalNotPassed { proposal: id });
        }
        if now_s > proposal.lapses_after_s() {
            let lapsed_at_s = proposal.lapses_after_s();
            return Err(MarketError::ProposalLapsed { proposal: id, lapsed_at_s, now_s });
        }
        let measure = proposal.measure.clone();
        let mut events = self.enact(&measure)?;
        let params = self.params().0;
        if let Some(proposal) = self.proposals.get_mut(&id) {
            proposal.executed = Some(params);
        }
        events.push(Event::Executed { proposal: id });
        Ok(events)
    }

    fn check_voter(&self, sender: Address) -> Result<(), MarketError> {
        if self.voters.contains_key(&sender) {
            Ok(())
        } else {
            Err(MarketError::NotAllowed { sender, role: "a voter" })
        }
    }
}

/// Votes that a chain's governor counted.
#[cfg(feature = "evm")]
impl Market {
    /// Takes over a proposal of a chain's governor, which counts votes itself.
    pub(crate) fn observe_proposal(&mut self, proposer: Address, measure: &Measure, voting_ends_s: u64) -> Vec<Event> {
        let id = ProposalId(self.proposals.len() as u64 + 1);
        let proposal = Proposal {
            proposer,
            measure: measure.clone(),
            weights: BTreeMap::new(),
            votes: BTreeMap::new(),
            voting_ends_s,
            executed: None,
        };
        self.proposals.insert(id, proposal);
        vec![Event::Proposed { proposal: id, measure: measure.clone(), voting_ends_s }]
    }

    /// Takes over a vote. The weight is in whole votes, and told as at most 2^64 - 1.
    pub(crate) fn observe_vote(
        &mut self,
        id: ProposalId,
        voter: Address,
        in_favour: bool,
        weight: u64,
    ) -> Result<Vec<Event>, MarketError> {
        let proposal = self.proposals.get_mut(&id).ok_or(MarketError::UnknownProposal { proposal: id })?;
        proposal.votes.insert(voter, in_favour);
        proposal.weights.insert(voter, weight);
        Ok(vec![Event::Voted { proposal: id, voter, in_favour, weight }])
    }

    /// Notes that a proposal was executed; its effects were observed before.
    pub(crate) fn observe_execution(&mut self, id: ProposalId) -> Result<Vec<Event>, MarketError> {
        let params = self.params().0;
        let proposal = self.proposals.get_mut(&id).ok_or(MarketError::UnknownProposal { proposal: id })?;
        proposal.executed = Some(params);
        Ok(vec![Event::Executed { proposal: id }])
    }
}
