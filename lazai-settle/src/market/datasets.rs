//! Submissions, and their ExEx's refusals.

use std::collections::BTreeMap;
use std::sync::Arc;

use lazai_core::pov::PublicPart;
use lazai_core::{Address, Digest, SubmissionId, VersionNumber};

use super::state::Market;
use super::submission::{SubmissionState, SubmissionStatus};
use super::transaction::Submission;
use super::{Event, MarketError};
use crate::quorum::ContributorConsent;

/// Longest reason of a refusal that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1_000;

impl Market {
    pub(super) fn submit(
        &mut self,
        now_s: u64,
        submitter: Address,
        submission: &Submission,
    ) -> Result<Vec<Event>, MarketError> {
        let id = SubmissionId::derive(self.ledger, submitter, submission.nonce);
        if self.submissions.contains_key(&id) {
            return Err(MarketError::Exists { what: "submission", id: Digest::from_bytes(*id.as_bytes()) });
        }
        if let Some(class) = submission.lineage.class() {
            let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
            found.check_next_by(submitter)?;
            // No version ever goes: there is this one when the new one is minted, too.
            let after = submission.lineage.after().unwrap_or(VersionNumber(0));
            found.version(after).ok_or(MarketError::UnknownVersion { class, version: after })?;
        }
        // A chain does not read the public part: there, validators judge it.
        if !self.follows_chain {
            self.check_contributors(id, submission)?;
        }
        let (params, current) = self.params();
        let deadline_s = now_s.saturating_add(current.attestation_window_s);
        let state = SubmissionState {
            submission: Arc::new(submission.clone()),
            submitter,
            params,
            validators: self.effective_validators(),
            verdicts: BTreeMap::new(),
            overruled: std::collections::BTreeSet::new(),
            challenges: BTreeMap::new(),
            deadline_s,
            accepted_at_s: 0,
            status: SubmissionStatus::Pending,
        };
        self.submissions.insert(id, state);
        Ok(vec![Event::Submitted { submission: id, submitter, exex: submission.exex, deadline_s }])
    }

    /// Checks that all contributors of the public part signed for their records in this submission.
    fn check_contributors(&self, id: SubmissionId, submission: &Submission) -> Result<(), MarketError> {
        let public = PublicPart::from_bytes(submission.public_part.as_bytes()).map_err(MarketError::PublicPart)?;
        let (expected, found) = (public.contributors.len(), submission.shares.len());
        if expected != found {
            return Err(MarketError::ContributorsMismatch { expected, found });
        }
        let total = submission.tokens().ok_or(MarketError::TooMany { what: "tokens" })?;
        for (contributor, share) in public.contributors.iter().zip(&submission.shares) {
            if contributor.address != share.contributor || share.tokens == 0 {
                return Err(MarketError::ContributorsMismatch { expected, found });
            }
            let consent = ContributorConsent {
                submission: id,
                root: share.root,
                licence: &contributor.licence,
                consent: &contributor.consent,
                tokens: share.tokens,
                total,
                lineage: submission.lineage,
            };
            self.check_signed_by("contributor's consent", &share.consent, &consent, share.contributor)?;
        }
        Ok(())
    }

    pub(super) fn refuse(
        &mut self,
        sender: Address,
        id: SubmissionId,
        reason: &str,
    ) -> Result<Vec<Event>, MarketError> {
        // Whatever the contracts accept is followed. They count bytes that need not be UTF-8, and are longer when read as text.
        if !self.follows_chain && reason.len() > MAX_REASON_BYTES {
            return Err(MarketError::TooMany { what: "bytes of the reason" });
        }
        let state = self.accepted_for(id, sender)?;
        state.status = SubmissionStatus::Refused { reason: reason.to_owned() };
        Ok(vec![Event::SubmissionRefused { submission: id, reason: reason.to_owned() }])
    }

    /// An accepted submission, for the ExEx it names alone.
    pub(super) fn accepted_for(
        &mut self,
        id: SubmissionId,
        exex: Address,
    ) -> Result<&mut SubmissionState, MarketError> {
        let state = self.submissions.get_mut(&id).ok_or(MarketError::UnknownSubmission { submission: id })?;
        if state.submission.exex != exex {
            return Err(MarketError::NotAllowed { sender: exex, role: "the ExEx that the submission names" });
        }
        match &state.status {
            SubmissionStatus::Accepted => Ok(state),
            SubmissionStatus::Minted { .. } => Err(MarketError::AlreadyMinted { submission: id }),
            other => Err(MarketError::SubmissionStatus {
                submission: id,
                found: other.clone(),
                expected: "accepted by two thirds",
            }),
        }
    }
}
