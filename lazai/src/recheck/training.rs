//! Repeating what a training record says: its steps, and its losses on held-out records.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use lazai_core::digest::sha256_reader;
use lazai_core::pov::Dataset;
use lazai_core::record::{Quality, TrainingRecord};
use lazai_core::seal::AtRest;
use lazai_lora::adapter::WEIGHTS_FILE;
use lazai_lora::train::{Checkpoints, Replay, ReplayJob, TOLERANCE_PPM};
use lazai_lora::{TrainError, Trainer};
use lazai_zk::Commitment;

use super::{RecheckError, malformed, same};
use crate::exex::{Parts, SOFTWARE};

/// A training record with what a repeat of it needs: whoever may read the dataset has it.
#[derive(Debug, Clone, Copy)]
pub struct RecordedTraining<'a> {
    /// The record.
    pub record: &'a TrainingRecord,
    /// The dataset that it names.
    pub dataset: &'a Dataset,
    /// A trainer of the base model that it names.
    pub trainer: &'a dyn Trainer,
}

/// What a repeat of the held-out losses came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QualityRepeat {
    /// Same kind of machine and version: the same losses.
    Same,
    /// Another machine: each loss is within a thousandth of the recorded one.
    Within {
        /// The greatest difference of a loss, in millionths of the recorded one.
        difference_ppm: u64,
    },
    /// Other losses: the record is not true.
    Other {
        /// What was found here; `None` if the dataset, split as the record says, has nothing held out.
        found: Option<Quality>,
    },
}

impl QualityRepeat {
    /// True unless the losses are others.
    #[must_use]
    pub const fn holds(self) -> bool {
        !matches!(self, Self::Other { .. })
    }
}

impl<'a> RecordedTraining<'a> {
    /// A record with its dataset, once both are what they must be.
    ///
    /// # Errors
    /// [`RecheckError::Evidence`] if the record is of another dataset or tokenizer, [`RecheckError::OtherBase`],
    /// [`RecheckError::Malformed`] for a dataset that nothing was proved of.
    pub fn new(
        record: &'a TrainingRecord,
        dataset: &'a Dataset,
        trainer: &'a dyn Trainer,
    ) -> Result<Self, RecheckError> {
        let (about, expected) = (trainer.about(), record.base_digest);
        if about.base_digest != expected {
            return Err(RecheckError::OtherBase { expected, found: about.base_digest });
        }
        same("tokenizer", record.tokenizer_digest, dataset.manifest().tokenizer_digest)?;
        let root = Commitment::of(dataset).map_err(malformed)?.digest();
        same("dataset's root", record.dataset_root, root)?;
        Ok(Self { record, dataset, trainer })
    }

    fn parts(&self) -> Parts {
        Parts::of(self.dataset, self.record.dataset_root, self.record.train.held_out)
    }

    /// Repeats steps of the run, from the start or a checkpoint that was kept, and compares.
    ///
    /// # Errors
    /// [`RecheckError::Train`]: [`TrainError::ReplayDiffers`] names the first step at which the record is not true.
    pub fn steps(&self, steps: Range<u32>, checkpoints: Option<&Checkpoints>) -> Result<Replay, RecheckError> {
        let parts = self.parts();
        let job = ReplayJob {
            record: self.record,
            software: SOFTWARE,
            data: &parts.data(self.dataset),
            checkpoints,
            steps,
            tolerance_ppm: TOLERANCE_PPM,
        };
        Ok(self.trainer.replay(&job)?)
    }

    /// Measures base and tuned model on the held-out records again, and compares. `None` if the record has no such losses, and nothing
    /// is held out. The adapter in the folder must be the one that the record names. `goes_on` is asked before each of three passes.
    ///
    /// # Errors
    /// [`RecheckError::Train`]; [`RecheckError::Evidence`] for another adapter.
    pub fn quality(
        &self,
        adapter: &Path,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<QualityRepeat>, RecheckError> {
        let Self { record, dataset, trainer } = *self;
        let weights = adapter.join(WEIGHTS_FILE);
        let digest = File::open(&weights).and_then(sha256_reader);
        let digest = digest.map_err(|source| RecheckError::File { path: weights.clone(), source })?;
        same("adapter", record.adapter_digest, digest)?;
        let system = dataset.manifest().system.as_deref();
        let kept = (adapter, &AtRest::Clear);
        let found = self.parts().measure(trainer, system, kept, record.steps, goes_on)?;
        let exact = trainer.about().machine == record.machine && record.software == SOFTWARE;
        Ok(compare(record.quality, found, exact))
    }
}

fn compare(recorded: Option<Quality>, found: Option<Quality>, exact: bool) -> Option<QualityRepeat> {
    let (recorded, found) = match (recorded, found) {
        (None, None) => return None,
        (Some(recorded), Some(found)) => (recorded, found),
        (_, found) => return Some(QualityRepeat::Other { found }),
    };
    let other = Some(QualityRepeat::Other { found: Some(found) });
    if recorded == found {
        return Some(QualityRepeat::Same);
    }
    let counted = |q: &Quality| (q.records, q.tokens, q.prompted_micronats.is_some());
    if exact || counted(&recorded) != counted(&found) {
        return other;
    }
    let losses = |q: &Quality| [q.base_micronats, q.prompted_micronats.unwrap_or(0), q.tuned_micronats];
    let difference = |(was, is): (u64, u64)| was.abs_diff(is).saturating_mul(1_000_000) / was.max(1);
    let difference_ppm = losses(&recorded).into_iter().zip(losses(&found)).map(difference).max().unwrap_or(0);
    if difference_ppm > TOLERANCE_PPM { other } else { Some(QualityRepeat::Within { difference_ppm }) }
}

impl From<TrainError> for RecheckError {
    fn from(error: TrainError) -> Self {
        Self::Train(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_loss_is_another_record_and_rounding_is_not() {
        let quality = Quality {
            records: 4,
            tokens: 300,
            base_micronats: 4_000_000,
            prompted_micronats: Some(3_900_000),
            tuned_micronats: 3_000_000,
        };
        let rounded = Quality { tuned_micronats: 3_000_600, ..quality };
        let better = Quality { tuned_micronats: 2_990_000, ..quality };
        let fewer = Quality { records: 3, ..quality };
        let (same, other) = (Some(QualityRepeat::Same), |found| Some(QualityRepeat::Other { found }));
        for exact in [true, false] {
            assert_eq!(compare(None, None, exact), None);
            assert_eq!(compare(Some(quality), Some(quality), exact), same);
            assert_eq!(compare(Some(better), Some(quality), exact), other(Some(quality)));
            assert_eq!(compare(Some(fewer), Some(quality), exact), other(Some(quality)));
            assert_eq!(compare(None, Some(quality), exact), other(Some(quality)));
            assert_eq!(compare(Some(quality), None, exact), other(None));
        }
        assert_eq!(compare(Some(rounded), Some(quality), true), other(Some(quality)));
        let within = Some(QualityRepeat::Within { difference_ppm: 199 });
        assert_eq!(compare(Some(rounded), Some(quality), false), within);
    }
}
