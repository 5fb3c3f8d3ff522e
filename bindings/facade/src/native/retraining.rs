//! Repeating training: whether a training record is true.

use std::path::Path;

use lazai::core::pov::Dataset;
use lazai::core::record::{Quality, TrainingRecord};
use lazai::lora::train::Agreement;
use lazai::lora::{TrainError, Trainer};
use lazai::recheck::{QualityRepeat, RecheckError, RecordedTraining};

use super::data::read_file;
use super::model::BaseModel;
use crate::{FilePath, LazaiError, record};

record! {
    /// How well a model predicts what the character says in records that it was not trained on: perplexities, `exp` of the mean loss.
    pub struct QualityFacts {
        /// Records that were held out.
        pub records: u32,
        /// The character's tokens in them.
        pub tokens: u64,
        /// The perplexity of the bare base.
        pub base_perplexity: f64,
        /// The perplexity of the base behind the published card; none if the dataset goes on from none.
        pub prompted_perplexity: Option<f64>,
        /// The perplexity of the base with the adapter.
        pub tuned_perplexity: f64,
    }
}

record! {
    /// A training that was repeated.
    pub struct RecheckedTraining {
        /// True if all that was repeated is as recorded, or within what another kind of machine explains.
        pub holds: bool,
        /// What the repeat came to, in words.
        pub says: String,
        /// The submission.
        pub submission: String,
        /// SHA-256 of the adapter, as the record names it.
        pub adapter: String,
        /// What the record says of records that were held out; none if it says nothing.
        pub quality: Option<QualityFacts>,
        /// What was found here, where it is something else.
        pub found: Option<QualityFacts>,
        /// The first step that is not as recorded, if one of those that were repeated is not.
        pub differing_step: Option<u32>,
        /// The kind of machine that the record names.
        pub machine: String,
        /// The kind of machine that repeated: only on the same kind are all bits the same.
        pub machine_here: String,
    }
}

impl From<Quality> for QualityFacts {
    fn from(quality: Quality) -> Self {
        Self {
            records: quality.records,
            tokens: quality.tokens,
            base_perplexity: Quality::perplexity(quality.base_micronats),
            prompted_perplexity: quality.prompted_micronats.map(Quality::perplexity),
            tuned_perplexity: Quality::perplexity(quality.tuned_micronats),
        }
    }
}

/// Repeats a training as its record says, on the dataset that it was made of, which its readers have: measures base and adapter on the records
/// that were held out, and makes the first `steps` steps again (0 for none; more than there are for all, which takes as long as the training).
/// It computes on all cores.
///
/// # Errors
/// `consumer.receipt` if the record is of another dataset or adapter, `json.malformed`, `file`, `pov.…`, `model`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn recheck_training(
    record: FilePath,
    dataset: FilePath,
    base: FilePath,
    adapter: FilePath,
    steps: u32,
) -> Result<RecheckedTraining, LazaiError> {
    let record: TrainingRecord = serde_json::from_slice(&read_file(&record)?)?;
    let dataset = Dataset::from_bytes(&read_file(&dataset)?)?;
    let trainer = BaseModel::open(base)?.candle()?;
    let training = RecordedTraining::new(&record, &dataset, &*trainer)?;
    let (mut says, mut found, mut differing_step) = (Vec::new(), None, None);
    let repeated = training.quality(Path::new(&adapter), &mut || true)?;
    says.push(match repeated {
        None => "nothing was held out, and nothing is".to_owned(),
        Some(QualityRepeat::Same) => "held-out losses: the same".to_owned(),
        Some(QualityRepeat::Within { difference_ppm }) => {
            format!("held-out losses: within {difference_ppm} millionths, on another kind of machine")
        }
        Some(QualityRepeat::Other { found: other }) => {
            found = other.map(QualityFacts::from);
            let here = other.map_or_else(|| "nothing is held out".to_owned(), |other| other.in_words());
            format!("held-out losses: others than recorded; here: {here}")
        }
        Some(other) => return Err(LazaiError::new("feature_missing", format!("{other:?}"))),
    });
    if steps > 0 {
        match training.steps(0..steps.min(record.steps), None) {
            Ok(replay) => {
                let end = replay.steps.end;
                says.push(match replay.agreement {
                    Agreement::Exact => format!("steps 1 to {end}: the same, bit for bit"),
                    Agreement::Within { difference_ppm } => {
                        format!(
                            "steps 1 to {end}: losses within {difference_ppm} millionths, on another kind of machine"
                        )
                    }
                    other => return Err(LazaiError::new("feature_missing", format!("{other:?}"))),
                });
            }
            Err(RecheckError::Train(other @ TrainError::ReplayDiffers { step, .. })) => {
                differing_step = Some(step);
                says.push(other.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(RecheckedTraining {
        holds: repeated.is_none_or(QualityRepeat::holds) && differing_step.is_none(),
        says: says.join("; "),
        submission: record.submission.to_string(),
        adapter: record.adapter_digest.to_string(),
        quality: record.quality.map(QualityFacts::from),
        found,
        differing_step,
        machine: record.machine.clone(),
        machine_here: Trainer::about(&*trainer).machine.clone(),
    })
}
