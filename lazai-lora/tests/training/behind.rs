//! Training behind a system message.

use lazai_core::message::{Message, Role};
use lazai_lora::base::{tokenize_dialogue, tokenize_opening};

use super::*;

const SYSTEM: &str = "You count for a living, and say so.";

/// Dialogues behind the system message: whole, and without what they begin with.
fn dialogues(base: &BaseModel) -> (Vec<Example>, Vec<Example>) {
    let opening = tokenize_opening(base.tokenizer(), base.template(), SYSTEM).unwrap();
    let whole: Vec<Example> = (0..12)
        .map(|n| {
            let words = ["one", "two", "three", "four", "five"];
            let messages = [
                Message::new(Role::System, SYSTEM),
                Message::new(Role::User, format!("{} {}", words[n % 5], words[n % 3])),
                Message::new(Role::Assistant, format!("{} it is", words[n % 4])),
            ];
            let (tokens, mask) = tokenize_dialogue(base.tokenizer(), base.template(), &messages).unwrap();
            assert!(tokens.starts_with(&opening) && tokens.len() > opening.len());
            Example { tokens, mask }
        })
        .collect();
    let behind =
        |e: &Example| Example { tokens: e.tokens[opening.len()..].to_vec(), mask: e.mask[opening.len()..].to_vec() };
    let after = whole.iter().map(behind).collect();
    (whole, after)
}

/// What is learnt is what copies of the system message would teach; it is computed once a block.
#[test]
fn a_shared_system_message_teaches_what_copies_teach() {
    for name in ["llama3", "qwen3", "mistral"] {
        let base = open(name, &Compute::cpu(), WeightFormat::F32);
        let (whole, after) = dialogues(&base);
        // The same dialogues in the same blocks: one of each.
        let config = TrainConfig { block_tokens: 1, blocks_per_step: 4, ..config() };
        let copies = run(&base, &lora(), &config, &whole);
        let data = Data { system: Some(SYSTEM), ..data(&base, &after) };
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::last(folder.path());
        let shared = train(&base, &lora(), &config, &data, &checkpoints, |_| true).unwrap();
        let apart = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart(&copies.loss_micronats, &shared.loss_micronats) < 200, "{name}");
        // Blocks of several dialogues learn as well.
        let config =
            TrainConfig { block_tokens: 96, blocks_per_step: 1, epochs: 8, learning_rate_micro: 20_000, ..config };
        let packed =
            train(&base, &lora(), &config, &data, &Checkpoints::last(folder.path().join("b")), |_| true).unwrap();
        let (before, learnt) = (mean_loss(&base, None, &whole), mean_loss(&base, Some(&packed.adapter), &whole));
        assert!(learnt.unwrap() < 0.8 * before.unwrap(), "{name}");
        assert!(packed.tokens < 8 * whole.iter().map(|e| e.tokens.len() as u64).sum::<u64>(), "shared");
    }
}

/// Another system message is another run: its checkpoint is not gone on from.
#[test]
fn another_system_message_is_another_run() {
    let (_, after) = dialogues(base());
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::last(folder.path());
    let with = |system: Option<&str>, stop: u32| {
        let data = Data { system, ..data(base(), &after) };
        train(base(), &lora(), &config(), &data, &checkpoints, |p| p.step < stop)
    };
    assert!(matches!(with(Some(SYSTEM), 2), Err(TrainError::Cancelled { .. })));
    let other = with(None, u32::MAX).unwrap();
    assert_eq!(digest(&other), digest(&run(base(), &lora(), &config(), &after)));
}
