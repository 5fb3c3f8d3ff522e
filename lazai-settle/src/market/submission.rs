//! A submission, as the market has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lazai_core::{Address, ClassId, ParamsVersion, VersionNumber};

use super::transaction::Submission;
use crate::quorum::{Challenge, ValidatorSet, is_quorum};

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
    /// The submission; shared by all states that it is part of.
    pub submission: Arc<Submission>,
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
