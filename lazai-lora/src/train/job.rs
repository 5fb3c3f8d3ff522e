//! Training as a job. To train elsewhere (another framework, a farm of cards), implement [`Trainer`]; everything above stays.
//!
//! Jobs refer to datasets, files and digests, not to tensors.

use std::path::Path;

use lazai_core::Digest;
use lazai_core::record::{Evaluation, LoraConfig, StateDigest, TrainConfig, TrainingRecord};
use lazai_core::seal::AtRest;

use super::{Checkpoints, Data, Replay, TrainProgress};
use crate::About;
use crate::error::{Result, TrainError};
use crate::evaluate::Example;

/// A job: train on this dataset.
#[derive(Debug, Clone, Copy)]
pub struct TrainJob<'a> {
    /// Shape of the adapter.
    pub lora: &'a LoraConfig,
    /// Hyper-parameters.
    pub config: &'a TrainConfig,
    /// The dataset.
    pub data: &'a Data<'a>,
    /// The checkpoints to write, and to continue an interrupted job from.
    pub checkpoints: &'a Checkpoints,
    /// The folder for the adapter, in PEFT's files.
    pub adapter_folder: &'a Path,
}

/// The result of a training job beside the adapter's files.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedFiles {
    /// SHA-256 of the adapter's weights file.
    pub adapter_digest: Digest,
    /// Mean loss of each step, in millionths of a nat per learnt token.
    pub loss_micronats: Vec<u64>,
    /// Tokens that were seen, repeats included.
    pub tokens: u64,
    /// Tokens per second of this process; 0 if everything came from a checkpoint.
    pub tokens_per_s: f64,
    /// States by which parts of the run can be checked; empty if a run cannot be repeated.
    pub states: Vec<StateDigest>,
    /// Losses on held-out dialogues during the run.
    pub evaluations: Vec<Evaluation>,
}

/// A job: repeat this part of a run.
#[derive(Debug, Clone)]
pub struct ReplayJob<'a> {
    /// The record of the run.
    pub record: &'a TrainingRecord,
    /// The software that a record made now would name.
    pub software: &'a str,
    /// The dataset.
    pub data: &'a Data<'a>,
    /// All checkpoints of the run, if they were kept; otherwise the run is repeated from the start.
    pub checkpoints: Option<&'a Checkpoints>,
    /// The steps.
    pub steps: std::ops::Range<u32>,
    /// The largest difference of a loss on another machine, in millionths.
    pub tolerance_ppm: u64,
}

/// A job: measure how well a model predicts the character's words in some dialogues.
#[derive(Debug, Clone, Copy)]
pub struct LossJob<'a> {
    /// The dialogues.
    pub examples: &'a [Example],
    /// The system message that every dialogue goes on from, as in [`Data::system`].
    pub system: Option<&'a str>,
    /// The folder of the adapter, in PEFT's files; `None` for the bare base.
    pub adapter: Option<&'a Path>,
    /// How the adapter's weights are kept there.
    pub at_rest: &'a AtRest,
}

impl<'a> LossJob<'a> {
    /// The bare base, behind no system message.
    #[must_use]
    pub fn bare(examples: &'a [Example]) -> Self {
        Self { examples, system: None, adapter: None, at_rest: &AtRest::Clear }
    }

    /// The base with the adapter in a folder that is in clear, behind no system message.
    #[must_use]
    pub fn tuned(adapter: &'a Path, examples: &'a [Example]) -> Self {
        Self { adapter: Some(adapter), ..Self::bare(examples) }
    }
}

/// Trains adapters of one base model. It computes on its caller's thread.
pub trait Trainer: Send + Sync + std::fmt::Debug {
    /// Base model, device and machine.
    fn about(&self) -> &About;

    /// Trains an adapter and writes its files. `on_progress` is called after each step and cancels by `false`; the same job
    /// again goes on from the checkpoints.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`], or another [`TrainError`].
    fn train(
        &self,
        job: &TrainJob<'_>,
        on_progress: &mut dyn FnMut(TrainProgress) -> bool,
    ) -> Result<TrainedFiles, TrainError>;

    /// Repeats steps of a recorded run and compares: see [`replay`](super::replay).
    ///
    /// # Errors
    /// [`TrainError::ReplayDiffers`], or [`TrainError::Backend`] if this trainer repeats no runs.
    fn replay(&self, job: &ReplayJob<'_>) -> Result<Replay, TrainError> {
        let reason = format!("cannot repeat the training of submission {}", job.record.submission);
        Err(TrainError::Backend { backend: self.about().device.clone(), reason })
    }

    /// Mean negative log-likelihood of the character's words in some dialogues, in nats per token.
    ///
    /// # Errors
    /// [`TrainError`].
    fn mean_loss(&self, job: &LossJob<'_>) -> Result<f64, TrainError>;
}
