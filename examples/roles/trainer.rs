//! The trainer alone: a base model, dialogues, an adapter in PEFT's files, and a picture of the loss.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::lora::evaluate::perplexity;
use lazai::lora::train::{Checkpoints, Data, loss_plot, train};
use lazai::lora::{BaseModel, Compute, LoraConfig, Targets, TrainConfig, WeightFormat};
use lazai::models::example;
use lazai_examples::{CyberDiva, base_path};

fn main() -> anyhow::Result<()> {
    // A GGUF file or a folder; on `Compute::cuda(0)` where there is a card.
    let base = BaseModel::open(&base_path()?, &Compute::cpu(), WeightFormat::F32)?;
    let diva = CyberDiva::load(true)?;
    let tokens =
        |dialogue: &lazai::core::message::Dialogue| example(base.tokenizer(), base.template(), &dialogue.messages);
    let examples = diva.dialogues.iter().map(tokens).collect::<Result<Vec<_>, _>>()?;
    let heldout = diva.heldout.iter().map(tokens).collect::<Result<Vec<_>, _>>()?;

    let lora = LoraConfig { rank: 8, alpha: 16, rank_stabilised: false, targets: Targets::AllLinear };
    let config = TrainConfig { max_steps: Some(2), block_tokens: 256, evaluate_steps: 1, ..TrainConfig::default() };
    let data = Data { tokenizer: base.tokenizer().digest(), examples: &examples, heldout: &heldout, system: None };
    let folder = tempfile::tempdir()?;
    // Stopped at any moment and run again, it goes on from the last checkpoint.
    let trained = train(&base, &lora, &config, &data, &Checkpoints::last(folder.path()), |p| {
        println!(
            "step {} of {}: loss {:.3}, {:.0} tokens/s, {:.0} s left",
            p.step, p.steps, p.loss, p.tokens_per_s, p.left_s
        );
        true
    })?;

    let digest = trained.adapter.save(&folder.path().join("adapter"), base.name())?;
    std::fs::write(folder.path().join("loss.svg"), loss_plot("loss", &trained.loss_micronats, &trained.evaluations))?;
    let (before, after) = (perplexity(&base, None, &heldout)?, perplexity(&base, Some(&trained.adapter), &heldout)?);
    println!("adapter {digest}: held-out perplexity {before:.1} before, {after:.1} after");
    Ok(())
}
