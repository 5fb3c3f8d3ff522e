//! The governor: proposes, votes, and executes proposals that passed.

use lazai_core::{ParamsVersion, ProposalId};
use lazai_settle::governance::{Measure, Params};
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{Event, MarketError, Transaction};
use lazai_settle::split::RevenueSplit;

use crate::account::{Account, SendError};

/// A voter of the DAO.
#[derive(Debug, Clone)]
pub struct Governor(Account);

impl Governor {
    /// A voter.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self(account)
    }

    /// Proposes another split, in basis points. `label` makes the proposal idempotent.
    ///
    /// # Errors
    /// [`SendError`], with [`SplitError`](lazai_settle::split::SplitError) inside for shares that are no split.
    pub async fn propose_split(
        &self,
        label: &str,
        creator_bps: u16,
        node_bps: u16,
        pool_bps: u16,
    ) -> Result<Option<ProposalId>, SendError> {
        let split = RevenueSplit::new(creator_bps, node_bps, pool_bps);
        let split = split.map_err(|e| LedgerError::Market(MarketError::Split(e)))?;
        let current = self.0.ledger().market().params().1.clone();
        self.propose(label, Measure::ApplyParameters(Params { split, ..current })).await
    }

    /// Proposes a measure. `label` makes the proposal idempotent.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn propose(&self, label: &str, measure: Measure) -> Result<Option<ProposalId>, SendError> {
        let entry = self.0.send(&format!("propose {label}"), Transaction::Propose(measure)).await?;
        Ok(entry.events.iter().find_map(|event| match event {
            Event::Proposed { proposal, .. } => Some(*proposal),
            _ => None,
        }))
    }

    /// Votes. The same vote again changes nothing.
    ///
    /// # Errors
    /// [`SendError`]; [`MarketError::ProposalExecuted`] if the vote comes after the execution.
    pub async fn vote(&self, proposal: ProposalId, in_favour: bool) -> Result<(), SendError> {
        let voter = self.0.address();
        let late = self
            .0
            .ledger()
            .market()
            .proposal(proposal)
            .is_some_and(|about| about.executed.is_some() && !about.votes.contains_key(&voter));
        if late {
            return Err(LedgerError::Market(MarketError::ProposalExecuted { proposal }).into());
        }
        // Another word on the same proposal is another transaction, which the market refuses.
        self.0
            .send(&format!("vote {proposal} {in_favour}"), Transaction::Vote { proposal, in_favour })
            .await
            .map(|_| ())
    }

    /// Puts a proposal with a majority into force: sessions opened from now on obey it. The same call again changes nothing, and
    /// gives the same.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn execute(&self, proposal: ProposalId) -> Result<Option<ParamsVersion>, SendError> {
        let entry = self.0.send(&format!("execute {proposal}"), Transaction::Execute { proposal }).await?;
        Ok(entry.events.iter().find_map(|event| match event {
            Event::ParamsChanged { params, .. } => Some(*params),
            _ => None,
        }))
    }
}
