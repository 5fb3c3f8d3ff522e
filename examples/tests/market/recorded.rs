//! A training record is repeated by who has the dataset, and one that is not true is told.

use lazai::core::record::{Quality, TrainingRecord};
use lazai::lora::train::Agreement;
use lazai::lora::{TrainError, Trainer};
use lazai::recheck::{QualityRepeat, RecheckError, RecordedTraining};

use super::*;

#[test]
fn whoever_has_the_dataset_repeats_what_the_record_says() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let record = &minted.record;
    let market = stage.home.ledger().market();
    let version = market.class(minted.class).and_then(|class| class.version(minted.version)).unwrap();
    let quality = record.quality.expect("a dataset of this size has records to hold out");
    assert_eq!(version.metadata.quality, Some(quality), "the token says what the record says");
    assert!(quality.records > 0 && quality.tokens > 0 && quality.base_micronats > 0);

    let exex = stage.exex();
    let training = block_on(exex.open(record.submission, stage.model.clone())).unwrap();
    let dataset = training.dataset();
    let folder = tempfile::tempdir().unwrap();
    block_on(exex.export(record.submission, folder.path())).unwrap();
    let of = |record: &TrainingRecord| {
        let repeated = RecordedTraining::new(record, dataset, &*stage.model)?;
        repeated.quality(folder.path(), &mut || true)
    };
    assert_eq!(of(record).unwrap(), Some(QualityRepeat::Same));
    let steps = RecordedTraining::new(record, dataset, &*stage.model).unwrap().steps(0..1, None).unwrap();
    assert_eq!(steps.agreement, Agreement::Exact);

    // A better model than it is; one that was trained on everything; one that says nothing of it.
    let flattered = Quality { tuned_micronats: quality.tuned_micronats - 1, ..quality };
    for told in [Some(flattered), None] {
        let lying = TrainingRecord { quality: told, ..record.clone() };
        assert_eq!(of(&lying).unwrap(), Some(QualityRepeat::Other { found: Some(quality) }));
    }
    let mut whole = record.clone();
    whole.train.held_out = lazai::core::BasisPoints::ZERO;
    assert_eq!(of(&whole).unwrap(), Some(QualityRepeat::Other { found: None }));

    // Another dataset, another base, another adapter, and no patience.
    let other = TrainingRecord { dataset_root: Digest::ZERO, ..record.clone() };
    refused!(of(&other), RecheckError::Evidence { field: "dataset's root", .. });
    let other = TrainingRecord { base_digest: Digest::ZERO, ..record.clone() };
    refused!(of(&other), RecheckError::OtherBase { .. });
    let other = TrainingRecord { adapter_digest: Digest::ZERO, ..record.clone() };
    refused!(of(&other), RecheckError::Evidence { field: "adapter", .. });
    let repeated = RecordedTraining::new(record, dataset, &*stage.model).unwrap();
    refused!(repeated.quality(folder.path(), &mut || false), RecheckError::Train(TrainError::Cancelled { .. }));
    assert_eq!(Trainer::about(&*stage.model).machine, record.machine);
}
