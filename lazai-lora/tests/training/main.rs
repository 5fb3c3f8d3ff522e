//! Training on tiny models: what PEFT came to, what a restart comes to, what repeats, and what fails.
#![allow(clippy::unwrap_used)]

mod behind;
mod replay;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lazai_core::Digest;
use lazai_core::record::TrainingRecord;
use lazai_core::{Address, LedgerId, SubmissionId};
use lazai_lora::evaluate::{Example, mean_loss};
use lazai_lora::train::{Agreement, Checkpoints, Data, Trained, loss_plot, plan, replay, train};
use lazai_lora::{BaseModel, Compute, LoraConfig, ModelError, Targets, TrainConfig, TrainError, WeightFormat};

const SOFTWARE: &str = "test 1";

fn open(name: &str, compute: &Compute, format: WeightFormat) -> BaseModel {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models").join(name);
    BaseModel::open(&path, compute, format).unwrap()
}

fn base() -> &'static BaseModel {
    static BASE: OnceLock<BaseModel> = OnceLock::new();
    BASE.get_or_init(|| open("llama3", &Compute::cpu(), WeightFormat::F32))
}

/// Dialogues that repeat a few words, so that there is something to learn.
fn examples(count: u32) -> Vec<Example> {
    let example = |n: u32| {
        let length = 9 + n * 7 % 40;
        let tokens = (0..length).map(|i| if i % 3 == 0 { 5 + n % 2 } else { 40 + (i + n) % 5 }).collect();
        Example { tokens, mask: (0..length).map(|i| i > 3 && i % 4 != 0).collect() }
    };
    (0..count).map(example).collect()
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 3, block_tokens: 96, warmup_steps: 2, checkpoint_steps: 3, ..TrainConfig::default() }
}

fn lora() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 8, ..LoraConfig::default() }
}

fn data<'a>(base: &BaseModel, examples: &'a [Example]) -> Data<'a> {
    Data::new(base.tokenizer().digest(), examples)
}

fn run(base: &BaseModel, lora: &LoraConfig, config: &TrainConfig, examples: &[Example]) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    train(base, lora, config, &data(base, examples), &Checkpoints::last(folder.path()), |_| true).unwrap()
}

fn digest(trained: &Trained) -> Digest {
    trained.adapter.digest().unwrap()
}

/// What was trained is better than what was not, on every device, for every family, however the weights are kept.
#[test]
fn every_family_learns_on_every_device_in_every_format() {
    let examples = examples(12);
    for compute in Compute::present() {
        let folders = ["llama3", "qwen2", "qwen3", "mistral", "gemma3", "smollm3", "granite", "phi3", "mistral-window"];
        for name in folders.into_iter().chain(["gguf/llama-q8_0.gguf", "gguf/qwen2-q4_0.gguf"]) {
            let mut losses = Vec::new();
            for format in [WeightFormat::F32, WeightFormat::AsStored, WeightFormat::Bf16] {
                let base = open(name, &compute, format);
                let config = TrainConfig { epochs: 5, learning_rate_micro: 20_000, ..config() };
                let trained = run(&base, &lora(), &config, &examples);
                let before = mean_loss(&base, None, &examples).unwrap();
                let after = mean_loss(&base, Some(&trained.adapter), &examples).unwrap();
                // Layers of Granite add a fifth of what they give.
                let most = if name == "granite" { 0.9 } else { 0.8 };
                assert!(after < most * before, "{name} {format:?}: {before} to {after}");
                losses.push(after);
            }
            // What the file has is what 32-bit floats are made of.
            assert!((losses[0] - losses[1]).abs() < 1e-3 * losses[0], "{name}: {losses:?}");
            assert!((losses[0] - losses[2]).abs() < 0.1 * losses[0], "{name}: {losses:?}");
        }
    }
}

#[test]
fn results_depend_neither_on_threads_nor_on_what_is_kept() {
    let examples = examples(12);
    let reference = run(base(), &lora(), &config(), &examples);
    for threads in [1, 2, 5] {
        let compute = Compute::cpu_threads(NonZeroUsize::new(threads).unwrap()).unwrap();
        let base = open("llama3", &compute, WeightFormat::F32);
        let trained = run(&base, &lora(), &config(), &examples);
        assert_eq!(digest(&trained), digest(&reference), "{threads} threads");
        assert_eq!(trained.states, reference.states);
    }
    let sparing = TrainConfig { checkpoint_activations: true, ..config() };
    assert_eq!(digest(&run(base(), &lora(), &sparing, &examples)), digest(&reference));
}

#[test]
fn a_run_that_was_stopped_anywhere_ends_the_same() {
    let (examples, heldout) = (examples(10), examples(3));
    let data = Data { heldout: &heldout, ..data(base(), &examples) };
    let config = TrainConfig { evaluate_steps: 2, patience: 50, ..config() };
    let folder = tempfile::tempdir().unwrap();
    let whole = train(base(), &lora(), &config, &data, &Checkpoints::last(folder.path()), |_| true).unwrap();
    let steps = whole.loss_micronats.len() as u32;
    assert!(steps > 8 && !whole.evaluations.is_empty());
    for stop in 1..steps {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::last(folder.path());
        let stopped = train(base(), &lora(), &config, &data, &checkpoints, |p| p.step < stop);
        assert!(matches!(stopped, Err(TrainError::Cancelled { steps }) if steps == stop));
        let mut first = None;
        let resumed = train(base(), &lora(), &config, &data, &checkpoints, |p| {
            first = first.or(Some(p.step));
            true
        });
        let resumed = resumed.unwrap();
        assert_eq!(first, Some(stop + 1), "steps that are done are not done again");
        assert_eq!(digest(&resumed), digest(&whole), "stopped after {stop}");
        assert_eq!(resumed.states, whole.states);
        assert_eq!(resumed.evaluations, whole.evaluations);
        assert_eq!(resumed.loss_micronats, whole.loss_micronats);
    }
}

/// Runs in a process of its own, which is killed; see below.
#[test]
#[ignore = "is run by `a_run_that_was_killed_ends_the_same`"]
fn child() {
    let folder = PathBuf::from(std::env::var_os("LAZAI_TEST_FOLDER").unwrap());
    let examples = examples(10);
    let config = TrainConfig { checkpoint_steps: 1, ..config() };
    let trained = train(base(), &lora(), &config, &data(base(), &examples), &Checkpoints::last(&folder), |progress| {
        std::fs::write(folder.join("step"), progress.step.to_string()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(15));
        true
    });
    std::fs::write(folder.join("digest"), digest(&trained.unwrap()).to_string()).unwrap();
}

#[test]
fn a_run_that_was_killed_ends_the_same() {
    let start = |folder: &Path| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--quiet"])
            .env("LAZAI_TEST_FOLDER", folder)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("digest");
    let mut kills = 0;
    for millis in (0..).map(|i| 60 + i * 17 % 70) {
        let mut child = start(folder.path());
        std::thread::sleep(std::time::Duration::from_millis(millis));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        if result.is_file() {
            break;
        }
        assert!(kills < 500, "never done");
    }
    assert!(kills > 0, "never killed");
    let config = TrainConfig { checkpoint_steps: 1, ..config() };
    let whole = run(base(), &lora(), &config, &examples(10));
    assert_eq!(std::fs::read_to_string(result).unwrap(), digest(&whole).to_string(), "after {kills} kills");
}

#[test]
fn blocks_may_be_added_up() {
    let examples = examples(8);
    // Two blocks of one step, and the same dialogues in one block.
    let order = |config: &TrainConfig| {
        let seen = plan(config, &examples).into_iter().map(|s| s.blocks.concat());
        seen.collect::<Vec<_>>()
    };
    let together = TrainConfig { epochs: 1, block_tokens: 4_000, ..config() };
    let apart = TrainConfig { block_tokens: 1, blocks_per_step: 8, ..together.clone() };
    assert_eq!(order(&together), order(&apart));
    assert_eq!(plan(&apart, &examples)[0].blocks.len(), 8);
    let (one, many) = (run(base(), &lora(), &together, &examples), run(base(), &lora(), &apart, &examples));
    assert_eq!(one.tokens, many.tokens);
    let losses = one.loss_micronats.iter().zip(&many.loss_micronats);
    losses.for_each(|(a, b)| assert!(a.abs_diff(*b) <= 20, "{a} and {b}"));
    let (a, b) = (mean_loss(base(), Some(&one.adapter), &examples), mean_loss(base(), Some(&many.adapter), &examples));
    assert!((a.unwrap() - b.unwrap()).abs() < 1e-4);
}

#[test]
fn training_ends_early_with_the_best_adapter() {
    // What is held out says other things than what is learnt: it gets worse.
    let examples = examples(10);
    let heldout = vec![Example { tokens: (0..40).map(|i| 90 + i % 7).collect(), mask: vec![true; 40] }];
    let data = Data { heldout: &heldout, ..data(base(), &examples) };
    let config = TrainConfig { epochs: 30, evaluate_steps: 1, patience: 3, learning_rate_micro: 20_000, ..config() };
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let checkpoints = Checkpoints::last(folder.path());
    let trained = train(base(), &lora(), &config, &data, &checkpoints, |p| {
        told.extend(p.evaluation);
        assert!(p.left_s >= 0.0 && p.tokens_per_s > 0.0);
        true
    });
    let trained = trained.unwrap();
    assert_eq!(told, trained.evaluations);
    let losses: Vec<u64> = trained.evaluations.iter().map(|e| e.loss_micronats).collect();
    let best = losses.iter().position(|l| l == losses.iter().min().unwrap()).unwrap();
    assert_eq!(losses.len(), best + 1 + 3, "three more than the best");
    assert!(trained.loss_micronats.len() < plan(&config, &examples).len());
    let measured = mean_loss(base(), Some(&trained.adapter), &heldout).unwrap();
    assert!((measured * 1e6 - losses[best] as f64).abs() < 2.0);
    // Asked again, it is over.
    let again = train(base(), &lora(), &config, &data, &checkpoints, |_| panic!("a step")).unwrap();
    assert_eq!(digest(&again), digest(&trained));
}

/// What is learnt of private dialogues is nobody else's before it is sold.
#[cfg(unix)]
#[test]
fn checkpoints_and_adapters_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let examples = examples(6);
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| home.path().join(name);
    let checkpoints = Checkpoints::last(folder("checkpoints"));
    let data = data(base(), &examples);
    let trained = train(base(), &lora(), &config(), &data, &checkpoints, |_| true).unwrap();
    trained.adapter.save(&folder("adapter"), "a base").unwrap();
    base().save_merged(Some(&trained.adapter), &folder("merged"), WeightFormat::F32).unwrap();
    for name in ["checkpoints", "adapter", "merged"] {
        assert_eq!(mode(&folder(name)), 0o700, "{name}");
        let files: Vec<_> = std::fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name}");
        files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
    }
}

#[test]
fn only_what_is_targeted_learns() {
    let examples = examples(6);
    let count = |targets: Targets| {
        let trained = run(base(), &LoraConfig { targets, ..lora() }, &config(), &examples);
        (trained.adapter.parameter_count(), *trained.loss_micronats.last().unwrap())
    };
    let (all, _) = count(Targets::AllLinear);
    let (some, _) = count(Targets::Modules(vec!["q_proj".into(), "up_proj".into()]));
    // Rank 4, 2 layers: queries 32 to 32, up 32 to 64.
    assert_eq!(some, 2 * 4 * ((32 + 32) + (32 + 64)));
    assert!(some < all);
    // Of the last layer alone: backward ends there.
    let (last, loss) = count(Targets::Pattern(r"model\.layers\.1\.mlp\.down_proj".into()));
    assert_eq!(last, 4 * (64 + 32));
    assert!(loss > 0);
}

#[test]
fn what_is_not_finite_stops_the_run_before_it_does_harm() {
    // A model with a token whose embedding is no number; one dialogue has it.
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(whole.join(name), folder.path().join(name)).unwrap();
    }
    let mut bytes = std::fs::read(whole.join("model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let place = file.tensor("model.embed_tokens.weight").unwrap().data()[300 * 32 * 4..].as_ptr() as usize;
    let place = place - bytes.as_ptr() as usize;
    bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    let base = BaseModel::open(folder.path(), &Compute::cpu(), WeightFormat::F32).unwrap();

    let mut examples = examples(10);
    let order = plan(&config(), &examples);
    let bad = order[3].blocks[0][0];
    let expected = 1 + order.iter().position(|step| step.blocks.concat().contains(&bad)).unwrap() as u32;
    examples[bad].tokens[2] = 300;
    let checkpoints = Checkpoints::last(folder.path().join("checkpoints"));
    let mut steps = Vec::new();
    let mut run = || {
        train(&base, &lora(), &config(), &data(&base, &examples), &checkpoints, |progress| {
            steps.push(progress.step);
            true
        })
    };
    for _ in 0..2 {
        // The checkpoint is a good one: it is read, and the same step fails again.
        assert!(matches!(run(), Err(TrainError::NotFinite { what: "loss", step }) if step == expected));
    }
    assert_eq!(steps, (1..expected).collect::<Vec<_>>());
}

#[test]
fn bad_datasets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::last(folder.path());
    let refused = |data: &Data<'_>| train(base(), &lora(), &config(), data, &checkpoints, |_| true).unwrap_err();
    let examples = examples(3);
    let foreign = open("mistral", &Compute::cpu(), WeightFormat::F32);
    let error = refused(&Data::new(foreign.tokenizer().digest(), &examples));
    assert!(matches!(error, TrainError::OtherTokenizer { .. }), "{error}");
    assert!(error.to_string().contains(&foreign.tokenizer().digest().to_string()));
    let silent = [Example { tokens: vec![1; 9], mask: vec![false; 9] }];
    assert!(matches!(refused(&data(base(), &silent)), TrainError::NothingToLearn));
    assert!(matches!(refused(&data(base(), &[])), TrainError::NothingToLearn));
    let unknown = [Example { tokens: vec![1, 384], mask: vec![true; 2] }];
    assert!(matches!(
        refused(&data(base(), &unknown)),
        TrainError::Model(ModelError::TokenOutOfRange { token: 384, .. })
    ));
    let long = [Example { tokens: vec![1; 300], mask: vec![true; 300] }];
    assert!(matches!(
        refused(&data(base(), &long)),
        TrainError::OutsideContext { example: 0, tokens: 300, context: 256 }
    ));
    assert!(!checkpoints.path().exists(), "nothing was begun");
}

/// The disk is full while the second checkpoint is written: the first is still there, and the run goes on from it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let examples = examples(10);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::last(folder.path());
    let partial = checkpoints.path().with_extension("partial");
    let run = |fill: Option<u32>| {
        train(base(), &lora(), &config(), &data(base(), &examples), &checkpoints, |progress| {
            if fill == Some(progress.step) {
                // A device that has no room for a single byte.
                std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
            }
            true
        })
    };
    let error = run(Some(4)).unwrap_err();
    let full = matches!(&error, TrainError::Model(ModelError::File { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull);
    assert!(full, "{error}");
    std::fs::remove_file(&partial).unwrap();
    let resumed = run(None).unwrap();
    assert_eq!(digest(&resumed), digest(&self::run(base(), &lora(), &config(), &examples)));
}

#[test]
fn the_loss_is_a_picture() {
    let trained = run(base(), &lora(), &config(), &examples(6));
    let svg = loss_plot("a \"lamp\" <in> a tower", &trained.loss_micronats, &trained.evaluations);
    assert_eq!(svg.matches("<polyline").count(), 1);
    assert!(svg.contains("&lt;in>") && svg.ends_with("</svg>\n"));
    assert!(loss_plot("nothing yet", &[], &[]).contains("</svg>"));
}
