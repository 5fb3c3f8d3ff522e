//! How long records are: dialogues stay whole where there is room, and a base learns nothing beyond its context.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::core::Address;
use lazai::core::message::{Dialogue, Message, Role};
use lazai::core::pov::Contributor;
use lazai::core::record::{LoraConfig, TrainConfig};
use lazai::lora::base::{read_context, read_tokenizer};
use lazai::lora::evaluate::Example;
use lazai::lora::train::{Checkpoints, Data, TrainJob};
use lazai::lora::{BaseModel, Candle, Compute, TrainError, Trainer, WeightFormat};
use lazai::models::DatasetBuilder;

/// A base that reads 256 tokens.
fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3")
}

#[test]
fn long_dialogues_stay_whole_where_there_is_room() {
    let (tokenizer, template) = read_tokenizer(&base()).unwrap();
    let said = |i: usize| {
        let question = Message::new(Role::User, format!("What about {i}?"));
        [question, Message::new(Role::Assistant, format!("I like {i}, darling."))]
    };
    let dialogue = Dialogue {
        id: "long".into(),
        contributor: "mira".into(),
        messages: (0..60).flat_map(said).collect(),
        context: vec![],
    };
    let mira = Contributor {
        address: Address::from_bytes([1; 20]),
        name: "mira".into(),
        licence: "MIT".into(),
        consent: "training".into(),
    };
    let lengths = |change: fn(DatasetBuilder<'_>) -> DatasetBuilder<'_>| {
        let builder = DatasetBuilder::new(&tokenizer, &template).with_contributors(vec![mira.clone()]);
        let (dataset, report) = change(builder).build(std::slice::from_ref(&dialogue)).unwrap();
        assert_eq!(report.dropped, 0);
        dataset.records().iter().map(|record| record.tokens.len()).collect::<Vec<_>>()
    };
    let usual = lengths(|builder| builder);
    assert!(usual.len() > 3 && usual.iter().all(|&tokens| tokens <= 256), "{usual:?}");
    let whole = lengths(|builder| builder.record_tokens(65_535));
    assert!(matches!(whole[..], [tokens] if tokens > 1_000), "{whole:?}");
    let within = lengths(|builder| builder.record_tokens(65_535).within(128));
    assert!(within.len() > usual.len() && within.iter().all(|&tokens| tokens <= 128), "{within:?}");
}

#[test]
fn training_refuses_what_the_base_cannot_read() {
    assert_eq!(read_context(&base()).unwrap(), 256);
    let model = BaseModel::open(&base(), &Compute::cpu(), WeightFormat::F32).unwrap();
    let trainer = Candle::new(Arc::new(model));
    let folder = tempfile::tempdir().unwrap();
    let train = |tokens: usize| {
        let examples = [Example { tokens: vec![5; tokens], mask: vec![true; tokens] }];
        let job = TrainJob {
            lora: &LoraConfig { rank: 2, ..LoraConfig::default() },
            config: &TrainConfig { max_steps: Some(1), ..TrainConfig::default() },
            data: &Data::new(trainer.about().tokenizer_digest, &examples),
            checkpoints: &Checkpoints::all(folder.path().join(format!("{tokens}-checkpoints"))),
            adapter_folder: &folder.path().join(format!("{tokens}-adapter")),
        };
        trainer.train(&job, &mut |_| true).map(|trained| trained.loss_micronats.len())
    };
    assert_eq!(train(256).unwrap(), 1);
    let refused = train(257);
    assert!(
        matches!(refused, Err(TrainError::OutsideContext { example: 0, tokens: 257, context: 256 })),
        "{refused:?}"
    );
}
