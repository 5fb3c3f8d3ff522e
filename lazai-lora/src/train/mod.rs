//! Training: packed blocks, completion-only loss, AdamW, exact resume, and repeats of recorded runs.

mod adamw;
mod checkpoint;
mod job;
mod pack;
mod plot;
mod replay;
mod run;

use std::time::Instant;

use lazai_core::Digest;
use lazai_core::record::{Evaluation, LoraConfig, StateDigest};
pub use lazai_core::record::{Schedule, TrainConfig};

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{Result, TrainError};
use crate::evaluate::Example;
pub use checkpoint::Checkpoints;
pub use job::{LossJob, ReplayJob, TrainJob, TrainedFiles, Trainer};
pub use pack::{PlannedStep, plan};
pub use plot::loss_plot;
pub use replay::{Agreement, Replay, TOLERANCE_PPM, replay};
use run::Run;

/// Training data.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// Digest of the tokenizer that made the token ids.
    pub tokenizer: Digest,
    /// Examples to learn.
    pub examples: &'a [Example],
    /// Examples to measure only; may be empty.
    pub heldout: &'a [Example],
    /// The system message that every example goes on from, such as a character's card: their tokens begin behind it
    /// ([`tokenize_opening`](crate::base::tokenize_opening)). It is computed once for each block, and never learnt itself.
    pub system: Option<&'a str>,
}

impl<'a> Data<'a> {
    /// Examples without held-out ones.
    #[must_use]
    pub fn new(tokenizer: Digest, examples: &'a [Example]) -> Self {
        Self { tokenizer, examples, heldout: &[], system: None }
    }
}

/// Progress of training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TrainProgress {
    /// Steps that are done.
    pub step: u32,
    /// Steps there will be, unless training ends early.
    pub steps: u32,
    /// Mean loss of the step, in nats per learnt token.
    pub loss: f64,
    /// Tokens per second of this process so far.
    pub tokens_per_s: f64,
    /// Seconds that the other steps will take at this pace.
    pub left_s: f64,
    /// The loss on held-out dialogues after this step, if it was measured.
    pub evaluation: Option<Evaluation>,
}

/// The result of training.
#[derive(Debug)]
pub struct Trained {
    /// The adapter; with patience, that of the best measurement.
    pub adapter: Adapter,
    /// Mean loss of each step, in millionths of a nat per learnt token.
    pub loss_micronats: Vec<u64>,
    /// Tokens that were seen, repeats included.
    pub tokens: u64,
    /// Tokens per second of this process; 0 if everything came from the checkpoint.
    pub tokens_per_s: f64,
    /// States by which parts of the run can be checked.
    pub states: Vec<StateDigest>,
    /// Losses on held-out dialogues during the run.
    pub evaluations: Vec<Evaluation>,
}

/// Trains an adapter, or continues from the checkpoint that an interrupted run of the same configuration, data and base
/// left. The result is the same either way, bit for bit on one kind of machine, on any number of threads.
///
/// `on_progress` is called after each step and cancels by `false`.
///
/// # Errors
/// [`TrainError::NothingToLearn`], [`TrainError::OtherTokenizer`], [`TrainError::Cancelled`], [`TrainError::NotFinite`] (the
/// checkpoint is of the last good step), or [`TrainError::Model`] for what the model cannot compute and for the checkpoint's
/// files.
pub fn train(
    base: &BaseModel,
    lora: &LoraConfig,
    config: &TrainConfig,
    data: &Data<'_>,
    checkpoints: &Checkpoints,
    mut on_progress: impl FnMut(TrainProgress) -> bool,
) -> Result<Trained, TrainError> {
    let run = Run::new(base, lora, config, data)?;
    let mut state = run.start(lora)?;
    checkpoint::restore(&checkpoints.path(), checkpoints.kept(), run.digest, &mut state)?;
    let resumed = state.optimiser.step;
    let started = Instant::now();
    let mut seen = 0;
    let pace = |seen: u64| seen as f64 / started.elapsed().as_secs_f64();
    while !run.is_over(&state) {
        let loss = match run.step(&mut state) {
            Ok(loss) => loss,
            Err(error @ TrainError::NotFinite { .. }) => {
                // The state is still that of the last good step.
                checkpoint::save(checkpoints, run.digest, &state)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let evaluation = run.evaluate(&mut state)?;
        if run.is_due(&state) {
            run.note(&mut state)?;
            checkpoint::save(checkpoints, run.digest, &state)?;
        }
        let (step, steps) = (state.optimiser.step, run.steps);
        seen += run.tokens(step - 1..step);
        let per_step_s = started.elapsed().as_secs_f64() / f64::from(step - resumed);
        let left_s = per_step_s * f64::from(steps - step);
        let progress = TrainProgress { step, steps, loss, tokens_per_s: pace(seen), left_s, evaluation };
        if !on_progress(progress) && !run.is_over(&state) {
            checkpoint::save(checkpoints, run.digest, &state)?;
            return Err(TrainError::Cancelled { steps: step });
        }
    }
    let done = state.optimiser.step;
    let tokens_per_s = if done == resumed { 0.0 } else { pace(seen) };
    Ok(Trained {
        adapter: state.best.unwrap_or(state.adapter),
        loss_micronats: state.history.loss_micronats,
        tokens: run.tokens(0..done),
        tokens_per_s,
        states: state.history.states,
        evaluations: state.history.evaluations,
    })
}
