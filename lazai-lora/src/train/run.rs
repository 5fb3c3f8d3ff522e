//! One run: its blocks, its state, and the step from one state to the next. Training and repeating share it.

use candle_core::Tensor;
use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::record::{Evaluation, LoraConfig, StateDigest, TrainConfig};

use super::adamw::AdamW;
use super::checkpoint::History;
use super::{Data, PlannedStep, plan};
use crate::adapter::{Adapter, Gradients};
use crate::base::BaseModel;
use crate::error::{ModelError, Result, TrainError};
use crate::evaluate::{Example, mean_loss_after};
use crate::model::{backward, cross_entropy, forward};

/// The state that the next step starts from, and the history so far.
pub(super) struct State {
    pub(super) adapter: Adapter,
    pub(super) optimiser: AdamW,
    pub(super) history: History,
    /// The adapter of the best measurement, if training may end early.
    pub(super) best: Option<Adapter>,
}

impl State {
    /// Digest of the adapter and the moments: not of the history, which the record holds itself.
    pub(super) fn digest(&self) -> Result<Digest> {
        let mut hasher = DomainHasher::new("lazai.train.state.v1").part(&self.optimiser.step.to_le_bytes());
        for tensors in [self.adapter.parameters(), &self.optimiser.first, &self.optimiser.second] {
            for tensor in tensors {
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                hasher = hasher.part(&bytes);
            }
        }
        Ok(hasher.finish())
    }
}

/// The constants of a run.
pub(super) struct Run<'a> {
    base: &'a BaseModel,
    config: &'a TrainConfig,
    data: &'a Data<'a>,
    /// Tokens that every example goes on from.
    before: Vec<u32>,
    plan: Vec<PlannedStep>,
    pub(super) steps: u32,
    /// The digest of base, configuration and dataset: a checkpoint with another digest is not used.
    pub(super) digest: Digest,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        base: &'a BaseModel,
        lora: &LoraConfig,
        config: &'a TrainConfig,
        data: &'a Data<'a>,
    ) -> Result<Self, TrainError> {
        let (expected, found) = (base.tokenizer().digest(), data.tokenizer);
        if expected != found {
            return Err(TrainError::OtherTokenizer { expected, found });
        }
        let plan = plan(config, data.examples);
        let mut examples = plan.iter().flat_map(|step| &step.blocks).flatten();
        if !examples.any(|&i| data.examples[i].targets().next().is_some()) {
            return Err(TrainError::NothingToLearn);
        }
        let steps = u32::try_from(plan.len()).unwrap_or(u32::MAX);
        let before = base.opening(data.system)?;
        // Positions beyond the context would be learnt as no reply ever has them, and memory grows with the longest.
        let context = base.config().context;
        let longest = data.examples.iter().enumerate().map(|(i, example)| (before.len() + example.tokens.len(), i));
        if let Some((tokens, example)) = longest.max().filter(|(tokens, _)| *tokens > context) {
            return Err(TrainError::OutsideContext { example, tokens, context });
        }
        let digest = run_digest(base, lora, config, data, &before)?;
        Ok(Self { base, config, data, before, plan, steps, digest })
    }

    pub(super) fn start(&self, lora: &LoraConfig) -> Result<State> {
        let adapter = Adapter::new(self.base, lora.clone(), self.config.seed)?;
        let optimiser = AdamW::new(&adapter)?;
        Ok(State { adapter, optimiser, history: History::default(), best: None })
    }

    fn blocks_of(&self, step: u32) -> &[Vec<usize>] {
        self.plan.get(step as usize).map_or(&[], |step| &step.blocks)
    }

    /// Tokens that some steps see.
    pub(super) fn tokens(&self, steps: std::ops::Range<u32>) -> u64 {
        let tokens = |&i: &usize| self.data.examples[i].tokens.len();
        let blocks = steps.flat_map(|step| self.blocks_of(step));
        blocks.map(|block| self.before.len() as u64 + block.iter().map(tokens).sum::<usize>() as u64).sum()
    }

    /// Does the next step and returns its mean loss. An error leaves the state unchanged.
    pub(super) fn step(&self, state: &mut State) -> Result<f64, TrainError> {
        let step = state.optimiser.step;
        let blocks = self.blocks_of(step);
        let labels_of = |block: &[usize]| block.iter().map(|&i| self.data.examples[i].targets().count()).sum::<usize>();
        let learnt: usize = blocks.iter().map(|block| labels_of(block)).sum();
        if learnt == 0 {
            state.optimiser.skip();
            state.history.loss_micronats.push(0);
            return Ok(0.0);
        }
        let mut gradients = Gradients::new(&state.adapter);
        let mut sum = 0.0;
        for block in blocks.iter().filter(|block| labels_of(block) > 0) {
            sum += self.block(&state.adapter, block, learnt, &mut gradients)?;
        }
        let loss = sum / learnt as f64;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { what: "loss", step: step + 1 });
        }
        let rate = self.plan[step as usize].learning_rate;
        let State { adapter, optimiser, .. } = state;
        self.base.compute().install(|| optimiser.step(adapter, &gradients, self.config, rate))?;
        state.history.loss_micronats.push((loss * 1e6).round() as u64);
        Ok(loss)
    }

    /// Forward and backward over one block; returns the sum of its losses.
    fn block(
        &self,
        adapter: &Adapter,
        block: &[usize],
        learnt: usize,
        gradients: &mut Gradients,
    ) -> Result<f64, TrainError> {
        let examples: Vec<&Example> = block.iter().map(|&i| &self.data.examples[i]).collect();
        let tokens: Vec<&[u32]> = examples.iter().map(|e| e.tokens.as_slice()).collect();
        let (hidden, tape) = forward(self.base, adapter, &self.before, &tokens, self.config.checkpoint_activations)?;
        let (mut rows, mut labels, mut start) = (Vec::new(), Vec::new(), self.before.len() as u32);
        for example in examples {
            for (position, label) in example.targets() {
                rows.push(start + position);
                labels.push(label);
            }
            start += example.tokens.len() as u32;
        }
        let index = Tensor::new(rows, &self.base.device)?;
        let (losses, gradient) = cross_entropy(self.base, &hidden.index_select(&index, 0)?, &labels, true)?;
        let gradient = (gradient.ok_or(TrainError::NothingToLearn)? / learnt as f64)?;
        let gradient = hidden.zeros_like()?.index_add(&index, &gradient, 0)?;
        drop(hidden);
        backward(self.base, adapter, tape, &gradient, gradients)?;
        Ok(losses.iter().copied().map(f64::from).sum())
    }

    /// Measures held-out dialogues if this step asks for it.
    pub(super) fn evaluate(&self, state: &mut State) -> Result<Option<Evaluation>, TrainError> {
        let step = state.optimiser.step;
        if self.config.evaluate_steps == 0 || self.data.heldout.is_empty() {
            return Ok(None);
        }
        if !step.is_multiple_of(self.config.evaluate_steps) && step != self.steps {
            return Ok(None);
        }
        let loss = mean_loss_after(self.base, Some(&state.adapter), &self.before, self.data.heldout)?;
        let evaluation = Evaluation { step, loss_micronats: (loss * 1e6).round() as u64 };
        let better = state.history.evaluations.iter().all(|e| e.loss_micronats > evaluation.loss_micronats);
        if better && self.config.patience > 0 {
            state.best = Some(state.adapter.clone());
        }
        state.history.evaluations.push(evaluation);
        Ok(Some(evaluation))
    }

    /// Tells whether all steps are done, or too many measurements in a row were no better.
    pub(super) fn is_over(&self, state: &State) -> bool {
        if state.optimiser.step >= self.steps {
            return true;
        }
        let evaluations = &state.history.evaluations;
        let best = evaluations.iter().enumerate().min_by_key(|(i, e)| (e.loss_micronats, *i)).map(|(i, _)| i);
        let since = best.map_or(0, |best| evaluations.len() - 1 - best);
        self.config.patience > 0 && since >= self.config.patience as usize
    }

    /// Tells whether a checkpoint is due after the steps done.
    pub(super) fn is_due(&self, state: &State) -> bool {
        state.optimiser.step.is_multiple_of(self.config.checkpoint_steps.max(1)) || self.is_over(state)
    }

    /// Notes the state's digest for the record.
    pub(super) fn note(&self, state: &mut State) -> Result<()> {
        let noted = StateDigest { step: state.optimiser.step, state: state.digest()? };
        if state.history.states.last() != Some(&noted) {
            state.history.states.push(noted);
        }
        Ok(())
    }
}

fn run_digest(
    base: &BaseModel,
    lora: &LoraConfig,
    config: &TrainConfig,
    data: &Data<'_>,
    before: &[u32],
) -> Result<Digest> {
    let settings = lazai_core::digest::canonical_json(&(lora, config))
        .map_err(|e| ModelError::malformed("training configuration", e))?;
    let mut hasher = DomainHasher::new("lazai.train.run.v2").part(base.digest().as_bytes()).part(&settings);
    hasher = hasher.part(format!("{:?}", base.format()).as_bytes());
    if !before.is_empty() {
        let before: Vec<u8> = before.iter().flat_map(|token| token.to_le_bytes()).collect();
        hasher = hasher.part(b"before").part(&before);
    }
    for examples in [data.examples, data.heldout] {
        hasher = hasher.part(&(examples.len() as u64).to_le_bytes());
        for example in examples {
            let tokens: Vec<u8> = example.tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
            let mask: Vec<u8> = example.mask.iter().map(|&m| m.into()).collect();
            hasher = hasher.part(&tokens).part(&mask);
        }
    }
    Ok(hasher.finish())
}
