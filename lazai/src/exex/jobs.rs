//! The work of an execution node: one job per accepted submission, by the place of its acceptance on the ledger.

use std::path::Path;

use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_settle::market::{Event, SubmissionStatus};
use lazai_settle::notice::{Chain, Cursor, Entry, Notice, Origin};
use serde::{Deserialize, Serialize};

use super::ExExError;
use crate::store::write_atomically;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobState {
    /// Not waiting any more: minted, refused, or no longer accepted.
    Done,
    /// The block it came from is not on the ledger any more.
    TakenBack,
    /// To be trained, or being trained.
    Waiting,
}

/// One accepted submission. The same submission accepted in another block is another job; both share the trained state,
/// which is kept by submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The ledger.
    pub ledger: LedgerId,
    /// Hash of the block with the entry; on an embedded ledger, the entry's key.
    pub block_hash: Digest,
    /// Place of the log in the block; 0 on an embedded ledger.
    pub log_index: u64,
    /// The block's number; on an embedded ledger, the entry's place plus one.
    pub height: u64,
    /// The submission.
    pub submission: SubmissionId,
    /// The job's state.
    pub state: JobState,
}

impl Job {
    fn new(ledger: LedgerId, entry: &Entry, submission: SubmissionId) -> Self {
        let (block_hash, log_index, height) = match entry.origin {
            Origin::Chain { block, block_hash, log_index, .. } => (block_hash, log_index, block),
            Origin::Signed { key, .. } => (key, 0, entry.index + 1),
            _ => (Digest::ZERO, entry.index, entry.index + 1),
        };
        Self { ledger, block_hash, log_index, height, submission, state: JobState::Waiting }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.ledger, self.block_hash, self.log_index) == (other.ledger, other.block_hash, other.log_index)
    }
}

/// All jobs, and the ledger position that they were followed to: one file, so that both are always of one moment.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jobs {
    cursor: Cursor,
    jobs: Vec<Job>,
}

impl Jobs {
    pub fn read(path: &Path) -> Result<Self, ExExError> {
        let file = |source| ExExError::File { path: path.into(), source };
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| file(e.into())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(file(source)),
        }
    }

    pub fn write(&self, path: &Path) -> Result<(), ExExError> {
        let bytes = serde_json::to_vec_pretty(self).expect("jobs are hex and numbers");
        write_atomically(path, &bytes).map_err(|source| ExExError::File { path: path.into(), source })
    }

    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Undoes the part that no longer holds, then applies the part that does.
    pub fn take(&mut self, notice: Notice, ledger: LedgerId, exex: Address) {
        let (old, new) = notice.parts();
        if let Some(Chain { tip, .. }) = old {
            // By height, not by the entries told: a ledger that was restarted does not remember those.
            let above = |job: &&mut Job| job.ledger == ledger && job.height > tip.height;
            for job in self.jobs.iter_mut().filter(above) {
                job.state = JobState::TakenBack;
            }
            self.cursor.undo_above(tip.height);
        }
        let Some(Chain { entries, tip }) = new else { return };
        for entry in &entries {
            for event in &entry.events {
                match event {
                    Event::SubmissionAccepted { submission, exex: named } if *named == exex => {
                        let job = Job::new(ledger, entry, *submission);
                        match self.jobs.iter_mut().find(|j| j.is_same(&job)) {
                            // The very block came back.
                            Some(known) => known.state = JobState::Waiting,
                            None => self.jobs.push(job),
                        }
                    }
                    _ => {}
                }
            }
        }
        self.cursor.finish(tip);
    }

    /// Updates jobs by the state of their submissions.
    pub fn settle(&mut self, status: impl Fn(SubmissionId) -> Option<SubmissionStatus>) {
        for job in self.jobs.iter_mut().filter(|job| job.state != JobState::TakenBack) {
            job.state = match status(job.submission) {
                Some(SubmissionStatus::Accepted) => JobState::Waiting,
                _ => JobState::Done,
            };
        }
    }

    pub fn waiting(&self) -> Vec<SubmissionId> {
        self.jobs.iter().filter(|job| job.state == JobState::Waiting).map(|job| job.submission).collect()
    }

    pub fn all(self) -> Vec<Job> {
        self.jobs
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use lazai_settle::market::Transaction;
    use lazai_settle::notice::{Action, Position};

    const EXEX: Address = Address::from_bytes([9; 20]);
    const SUBMISSION: SubmissionId = SubmissionId::from_bytes([1; 32]);

    fn accepted(block: u64, branch: u8, log_index: u64) -> Entry {
        Entry {
            index: block,
            time_s: block,
            sender: EXEX,
            action: Action::Transaction(Transaction::CreateClass),
            origin: Origin::Chain {
                block,
                block_hash: Digest::from_bytes([branch; 32]),
                transaction: Digest::ZERO,
                log_index,
                key: None,
            },
            events: vec![Event::SubmissionAccepted { submission: SUBMISSION, exex: EXEX }],
        }
    }

    fn chain(entries: Vec<Entry>, height: u64, branch: u8) -> Chain {
        Chain { entries, tip: Position { height, hash: Digest::from_bytes([branch; 32]) } }
    }

    #[test]
    fn a_job_is_taken_back_and_comes_back_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.json");
        let mut jobs = Jobs::read(&path).unwrap();
        let take = |jobs: &mut Jobs, notice| jobs.take(notice, LedgerId::ZERO, EXEX);
        take(&mut jobs, Notice::ChainCommitted { new: chain(vec![accepted(7, 1, 3)], 9, 1) });
        assert_eq!(jobs.waiting(), [SUBMISSION]);
        jobs.write(&path).unwrap();

        // A restarted ledger does not know the contents of blocks that are gone.
        let mut jobs = Jobs::read(&path).unwrap();
        assert_eq!(jobs.cursor().last().unwrap().height, 9);
        take(&mut jobs, Notice::ChainReverted { old: chain(Vec::new(), 6, 1) });
        assert_eq!(jobs.waiting(), []);
        assert_eq!(jobs.jobs[0].state, JobState::TakenBack);

        // It comes back in another block: another job of the same submission.
        take(&mut jobs, Notice::ChainCommitted { new: chain(vec![accepted(8, 2, 0)], 8, 2) });
        assert_eq!((jobs.waiting(), jobs.jobs.len()), (vec![SUBMISSION], 2));
        // And then the first branch wins after all.
        let (old, new) = (chain(vec![accepted(8, 2, 0)], 6, 1), chain(vec![accepted(7, 1, 3)], 10, 1));
        take(&mut jobs, Notice::ChainReorged { old, new });
        assert_eq!((jobs.waiting(), jobs.jobs.len()), (vec![SUBMISSION], 2));
        jobs.settle(|_| Some(SubmissionStatus::Rejected));
        assert_eq!(jobs.waiting(), []);
    }
}
