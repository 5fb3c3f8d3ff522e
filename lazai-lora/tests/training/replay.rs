//! Records of training are repeated.

use super::*;

fn record(base: &BaseModel, trained: &Trained, config: &TrainConfig) -> TrainingRecord {
    TrainingRecord {
        ledger: LedgerId::ZERO,
        submission: SubmissionId::ZERO,
        dataset_root: Digest::ZERO,
        contributors: vec![(Address::ZERO, 1)],
        base_digest: base.digest(),
        tokenizer_digest: base.tokenizer().digest(),
        lora: lora(),
        train: config.clone(),
        steps: trained.loss_micronats.len() as u32,
        tokens: trained.tokens,
        loss_micronats: trained.loss_micronats.clone(),
        adapter_digest: digest(trained),
        states: trained.states.clone(),
        evaluations: trained.evaluations.clone(),
        quality: None,
        prompt: String::new(),
        voice: None,
        device: base.compute().name().into(),
        machine: base.compute().machine(),
        software: SOFTWARE.into(),
        readers: vec![],
        kept: None,
    }
}

#[test]
fn any_part_of_a_record_can_be_repeated() {
    let examples = examples(12);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::all(folder.path());
    let data = data(base(), &examples);
    let trained = train(base(), &lora(), &config(), &data, &checkpoints, |_| true).unwrap();
    let record = record(base(), &trained, &config());
    let steps = record.steps;
    let again = |record: &TrainingRecord, kept: Option<&Checkpoints>, range, software| {
        replay(base(), record, software, &data, kept, range, 1_000)
    };
    for range in [0..steps, 0..1, 4..5, 5..9, steps - 1..steps] {
        for kept in [Some(&checkpoints), None] {
            let done = again(&record, kept, range.clone(), SOFTWARE).unwrap();
            assert!(done.steps.start <= range.start && done.steps.end >= range.end);
            assert_eq!(done.agreement, Agreement::Exact);
            assert!(kept.is_some() || done.steps.start == 0);
        }
    }
    // With other software only the losses are compared, and within a tolerance.
    let done = again(&record, Some(&checkpoints), 4..5, "test 2").unwrap();
    assert_eq!(done.agreement, Agreement::Within { difference_ppm: 0 });

    // A record that lies: in a loss, a little or much; in a state; in what it was trained on.
    let mut lying = record.clone();
    lying.loss_micronats[4] += 1;
    assert!(matches!(again(&lying, None, 0..steps, SOFTWARE), Err(TrainError::ReplayDiffers { step: 5, .. })));
    assert!(again(&lying, None, 0..steps, "test 2").is_ok());
    lying.loss_micronats[4] += 100_000;
    assert!(matches!(again(&lying, None, 0..steps, "test 2"), Err(TrainError::ReplayDiffers { step: 5, .. })));
    let mut lying = record.clone();
    lying.states[1].state = Digest::ZERO;
    assert!(again(&lying, None, 0..steps, SOFTWARE).is_err());
    let mut lying = record.clone();
    lying.train.seed += 1;
    assert!(again(&lying, None, 0..steps, SOFTWARE).is_err());
    let mut lying = record.clone();
    lying.base_digest = Digest::ZERO;
    let error = again(&lying, None, 0..steps, SOFTWARE).unwrap_err();
    assert!(error.to_string().contains("base model"), "{error}");
    // The states are true, the adapter is another; or there is no state to hold it to.
    let mut lying = record.clone();
    lying.adapter_digest = Digest::ZERO;
    let error = again(&lying, None, 0..steps, SOFTWARE).unwrap_err();
    assert!(error.to_string().starts_with("adapter: "), "{error}");
    assert!(again(&lying, None, 0..1, SOFTWARE).is_ok(), "of the beginning it says nothing");
    let mut lying = record.clone();
    lying.states.clear();
    let error = again(&lying, None, 0..steps, SOFTWARE).unwrap_err();
    assert!(error.to_string().contains("no state"), "{error}");
    assert!(again(&record, None, 3..3 + steps, SOFTWARE).is_err(), "more steps than there were");
    // Its checkpoints are another run's.
    let other = tempfile::tempdir().unwrap();
    let other = Checkpoints::all(other.path());
    let changed = TrainConfig { seed: 9, ..config() };
    train(base(), &lora(), &changed, &data, &other, |_| true).unwrap();
    assert!(again(&record, Some(&other), 4..5, SOFTWARE).is_err());
}

#[test]
fn records_of_before_keep_their_digests() {
    // Fields that came later are not written where they say what always was.
    let trained = run(base(), &lora(), &config(), &examples(4));
    let mut record = record(base(), &trained, &config());
    (record.states, record.evaluations, record.machine) = (vec![], vec![], String::new());
    let text = serde_json::to_string(&record).unwrap();
    for later in ["states", "machine", "schedule", "patience", "targets", "rank_stabilised", "blocks_per_step"] {
        assert!(!text.contains(later), "{later}");
    }
    assert_eq!(serde_json::from_str::<TrainingRecord>(&text).unwrap(), record);
}
