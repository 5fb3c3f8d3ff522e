//! Training and generation as jobs. A node may bring a backend of its own (another framework, a farm of cards, a server);
//! everything above stays as it is.
//!
//! Jobs refer to datasets, files and digests, not to tensors. [`Candle`] is the backend of this crate; its device is a
//! value.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use lazai_core::Digest;
use lazai_core::dialogue::Message;
use lazai_core::record::{Evaluation, LoraConfig, StateDigest, TrainConfig, TrainingRecord};

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{LoraError, Result};
use crate::evaluate::{Example, mean_loss};
use crate::generate::{Reply, Sampler, generate, prompt_tokens};
use crate::train::{Checkpoints, Data, Progress, Replay, replay, train};

/// A backend's description of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Name of the base model.
    pub base_name: String,
    /// Digest of the base model.
    pub base_digest: Digest,
    /// Digest of its tokenizer.
    pub tokenizer_digest: Digest,
    /// Kind of device: `cpu`, `cuda`, `metal` or a word of the backend's own.
    pub device: String,
    /// Kind of machine: on the same kind, the same job gives the same bits. Empty if that is not promised.
    pub machine: String,
}

impl About {
    /// The description of a custom backend; it promises no kind of machine.
    #[must_use]
    pub fn new(base_name: String, base_digest: Digest, tokenizer_digest: Digest, device: String) -> Self {
        Self { base_name, base_digest, tokenizer_digest, device, machine: String::new() }
    }
}

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
    /// States by which parts of the run can be checked; empty if the backend cannot repeat a run.
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

/// A job: answer this conversation.
#[derive(Debug, Clone, Copy)]
pub struct GenerateJob<'a> {
    /// Digest of a loaded adapter; `None` for the bare base.
    pub adapter: Option<Digest>,
    /// The conversation.
    pub messages: &'a [Message],
    /// The sampling parameters.
    pub sampler: Sampler,
    /// Seed of the choice.
    pub seed: u64,
}

/// Trains and answers on one base model.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Base model, device and machine.
    fn about(&self) -> &About;

    /// Trains an adapter and writes its files. `on_progress` is called after each step and cancels by `false`.
    ///
    /// # Errors
    /// [`LoraError`].
    fn train(&self, job: &TrainJob<'_>, on_progress: &mut dyn FnMut(Progress) -> bool) -> Result<TrainedFiles>;

    /// Repeats steps of a recorded run and compares: see [`replay`].
    ///
    /// # Errors
    /// [`LoraError::ReplayDiffers`], or [`LoraError::Unsupported`] if the backend cannot repeat a run.
    fn replay(&self, job: &ReplayJob<'_>) -> Result<Replay> {
        let found = format!("{} of {}", job.record.submission, self.about().device);
        Err(LoraError::Unsupported { what: "replay", found, known: "training and answering" })
    }

    /// Loads the adapter in a folder of PEFT's files, and returns the digest of its weights file.
    ///
    /// # Errors
    /// [`LoraError`].
    fn load_adapter(&self, folder: &Path) -> Result<Digest>;

    /// Mean negative log-likelihood of the character's words in some dialogues, in nats per token.
    ///
    /// # Errors
    /// [`LoraError`].
    fn mean_loss(&self, adapter: Option<Digest>, examples: &[Example]) -> Result<f64>;

    /// Tokens of a conversation, up to the beginning of the character's answer.
    ///
    /// # Errors
    /// [`LoraError`].
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64>;

    /// Answers a conversation. `on_text` is given each piece of text as it comes, and stops the reply by `false`.
    ///
    /// # Errors
    /// [`LoraError`].
    fn generate(&self, job: &GenerateJob<'_>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<Reply>;
}

/// The backend of this crate: a base model in memory, on the processor or a card.
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use lazai_lora::backend::{Backend, Candle};
/// use lazai_lora::{BaseModel, Compute, WeightFormat};
///
/// let base = BaseModel::open("model.gguf".as_ref(), &Compute::cpu(), WeightFormat::F32)?;
/// let backend: Arc<dyn Backend> = Arc::new(Candle::new(Arc::new(base)));
/// println!("{} on {}", backend.about().base_name, backend.about().device);
/// # Ok::<(), lazai_lora::LoraError>(())
/// ```
pub struct Candle {
    base: Arc<BaseModel>,
    about: About,
    adapters: RwLock<HashMap<Digest, Arc<Adapter>>>,
}

impl Candle {
    /// A backend on a model, on the model's device.
    #[must_use]
    pub fn new(base: Arc<BaseModel>) -> Self {
        let about = About {
            base_name: base.name().to_owned(),
            base_digest: base.digest(),
            tokenizer_digest: base.tokenizer().digest(),
            device: base.compute().name().to_owned(),
            machine: base.compute().machine(),
        };
        Self { base, about, adapters: RwLock::default() }
    }

    /// The model.
    #[must_use]
    pub fn base(&self) -> &Arc<BaseModel> {
        &self.base
    }

    fn adapter(&self, digest: Option<Digest>) -> Result<Option<Arc<Adapter>>> {
        let Some(digest) = digest else { return Ok(None) };
        let adapters = self.adapters.read().unwrap_or_else(PoisonError::into_inner);
        let adapter = adapters.get(&digest).ok_or(LoraError::UnknownAdapter { digest })?;
        Ok(Some(adapter.clone()))
    }
}

impl Backend for Candle {
    fn about(&self) -> &About {
        &self.about
    }

    fn train(&self, job: &TrainJob<'_>, on_progress: &mut dyn FnMut(Progress) -> bool) -> Result<TrainedFiles> {
        let trained = train(&self.base, job.lora, job.config, job.data, job.checkpoints, on_progress)?;
        let adapter_digest = trained.adapter.save(job.adapter_folder, self.base.name())?;
        Ok(TrainedFiles {
            adapter_digest,
            loss_micronats: trained.loss_micronats,
            tokens: trained.tokens,
            tokens_per_s: trained.tokens_per_s,
            states: trained.states,
            evaluations: trained.evaluations,
        })
    }

    fn replay(&self, job: &ReplayJob<'_>) -> Result<Replay> {
        let ReplayJob { record, software, data, checkpoints, ref steps, tolerance_ppm } = *job;
        replay(&self.base, record, software, data, checkpoints, steps.clone(), tolerance_ppm)
    }

    fn load_adapter(&self, folder: &Path) -> Result<Digest> {
        let adapter = Adapter::load(folder, &self.base)?;
        let digest = adapter.digest()?;
        self.adapters.write().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::new(adapter));
        Ok(digest)
    }

    fn mean_loss(&self, adapter: Option<Digest>, examples: &[Example]) -> Result<f64> {
        mean_loss(&self.base, self.adapter(adapter)?.as_deref(), examples)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64> {
        Ok(prompt_tokens(self.base.tokenizer(), self.base.template(), messages)?.len() as u64)
    }

    fn generate(&self, job: &GenerateJob<'_>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<Reply> {
        let adapter = self.adapter(job.adapter)?;
        generate(&self.base, adapter.as_deref(), job.messages, job.sampler, job.seed, on_text)
    }
}

impl std::fmt::Debug for Candle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candle {{ base: {:?} }}", self.base)
    }
}
