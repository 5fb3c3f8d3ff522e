//! Training: packed blocks, completion-only loss, AdamW, exact resume.

mod adamw;
mod checkpoint;
mod pack;

use std::path::Path;
use std::time::Instant;

use candle_core::Tensor;
use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::record::LoraConfig;
pub use lazai_core::record::TrainConfig;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{LoraError, Result};
use crate::evaluate::Example;
use crate::model::{cross_entropy, hidden_states};
use adamw::AdamW;
pub(crate) use pack::pack;

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps that are done.
    pub step: u32,
    /// Steps there will be.
    pub steps: u32,
    /// Mean loss of the step, in nats per learnt token.
    pub loss: f64,
    /// Tokens per second of this process so far.
    pub tokens_per_s: f64,
}

/// What training gives.
#[derive(Debug)]
pub struct Trained {
    /// The adapter.
    pub adapter: Adapter,
    /// Mean loss of each step, in millionths of a nat per learnt token.
    pub loss_micronats: Vec<u64>,
    /// Tokens that were seen, repeats included.
    pub tokens: u64,
    /// Tokens per second of this process; 0 if everything came from the checkpoint.
    pub tokens_per_s: f64,
}

/// Trains an adapter, or goes on from the checkpoint in a folder that an interrupted run of the same
/// configuration, data and base left. The result is the same either way, bit for bit on one machine.
///
/// `on_progress` is called after each step and cancels by `false`.
///
/// # Errors
/// [`LoraError::NothingToLearn`], [`LoraError::Cancelled`], [`LoraError::Compute`], or what the checkpoint's
/// files say.
pub fn train(
    base: &BaseModel,
    lora: LoraConfig,
    config: &TrainConfig,
    examples: &[Example],
    checkpoints: &Path,
    mut on_progress: impl FnMut(Progress) -> bool,
) -> Result<Trained> {
    let mut blocks = pack(examples, config);
    blocks.truncate(config.max_steps.map_or(usize::MAX, |n| n as usize));
    let learnt = blocks.iter().flatten().any(|&i| examples[i].targets().next().is_some());
    if !learnt {
        return Err(LoraError::NothingToLearn);
    }
    let run = run_digest(base, lora, config, examples)?;
    let adapter = Adapter::new(base, lora, config.seed)?;
    let mut optimiser = AdamW::new(&adapter, config)?;
    let mut loss_micronats = checkpoint::restore(checkpoints, run, &adapter, &mut optimiser)?;

    let steps = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
    let resumed = loss_micronats.len();
    let started = Instant::now();
    let mut tokens_here = 0u64;
    for (step, block) in blocks.iter().enumerate().skip(resumed) {
        let sequences: Vec<&Example> = block.iter().map(|&i| &examples[i]).collect();
        let loss = train_step(base, &adapter, &mut optimiser, &sequences, steps)?;
        tokens_here += block_tokens(&sequences);
        loss_micronats.push((loss * 1e6).round() as u64);
        let done = step as u32 + 1;
        if done.is_multiple_of(config.checkpoint_steps.max(1)) || done == steps {
            checkpoint::save(checkpoints, run, &adapter, &optimiser, &loss_micronats)?;
        }
        let tokens_per_s = tokens_here as f64 / started.elapsed().as_secs_f64();
        if !on_progress(Progress { step: done, steps, loss, tokens_per_s }) {
            checkpoint::save(checkpoints, run, &adapter, &optimiser, &loss_micronats)?;
            return Err(LoraError::Cancelled { steps: done });
        }
    }
    let tokens = blocks.iter().flatten().map(|&i| examples[i].tokens.len() as u64).sum();
    let tokens_per_s = if tokens_here == 0 { 0.0 } else { tokens_here as f64 / started.elapsed().as_secs_f64() };
    Ok(Trained { adapter, loss_micronats, tokens, tokens_per_s })
}

fn block_tokens(sequences: &[&Example]) -> u64 {
    sequences.iter().map(|e| e.tokens.len() as u64).sum()
}

fn train_step(
    base: &BaseModel,
    adapter: &Adapter,
    optimiser: &mut AdamW,
    sequences: &[&Example],
    steps: u32,
) -> Result<f64> {
    let tokens: Vec<&[u32]> = sequences.iter().map(|e| e.tokens.as_slice()).collect();
    let hidden = hidden_states(base, Some(adapter), &tokens)?;
    let (mut rows, mut labels, mut start) = (Vec::new(), Vec::new(), 0u32);
    for example in sequences {
        for (position, label) in example.targets() {
            rows.push(start + position);
            labels.push(label);
        }
        start += example.tokens.len() as u32;
    }
    if labels.is_empty() {
        optimiser.skip();
        return Ok(0.0);
    }
    let chosen = hidden.index_select(&Tensor::new(rows, &base.device)?, 0)?;
    let (losses, gradient) = cross_entropy(base, &chosen, &labels, true)?;
    let gradient = gradient.ok_or(LoraError::NothingToLearn)?;
    // The sum of `hidden * gradient` has `gradient` as its derivative: the loss itself need not be on the tape.
    let surrogate = ((chosen * gradient.detach())?.sum_all()? / labels.len() as f64)?;
    let gradients = surrogate.backward()?;
    optimiser.step(adapter, &gradients, steps)?;
    Ok(losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64)
}

/// What a checkpoint is of: another base, configuration or dataset starts over.
fn run_digest(base: &BaseModel, lora: LoraConfig, config: &TrainConfig, examples: &[Example]) -> Result<Digest> {
    let settings = lazai_core::digest::canonical_json(&(lora, config))
        .map_err(|e| LoraError::malformed("training configuration", e))?;
    let mut hasher = DomainHasher::new("lazai.train.run.v1").part(base.digest().as_bytes()).part(&settings);
    for example in examples {
        let tokens: Vec<u8> = example.tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
        let mask: Vec<u8> = example.mask.iter().map(|&m| m.into()).collect();
        hasher = hasher.part(&tokens).part(&mask);
    }
    Ok(hasher.finish())
}
