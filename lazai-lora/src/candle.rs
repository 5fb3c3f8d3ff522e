//! Training and answering by this crate itself.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_core::seal::AtRest;

use crate::About;
use crate::adapter::Adapter;
use crate::base::{BaseModel, tokenize_opening};
use crate::error::{GenerateError, Result, TrainError};
use crate::evaluate::mean_loss_after;
use crate::generate::{GenerateJob, Generation, Generator, Grammars, generate_with, prompt_tokens};
use crate::train::{LossJob, Replay, ReplayJob, TrainJob, TrainProgress, TrainedFiles, Trainer, replay, train};

/// The trainer and generator of this crate: a base model in memory, on the processor or a card.
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use lazai_lora::{BaseModel, Candle, Compute, Generator, WeightFormat};
///
/// let base = BaseModel::open("model.gguf".as_ref(), &Compute::cpu(), WeightFormat::F32)?;
/// let generator: Arc<dyn Generator> = Arc::new(Candle::new(Arc::new(base)));
/// println!("{} on {}", generator.about().base_name, generator.about().device);
/// # Ok::<(), lazai_lora::ModelError>(())
/// ```
pub struct Candle {
    base: Arc<BaseModel>,
    about: About,
    adapters: RwLock<HashMap<Digest, Arc<Adapter>>>,
    grammars: Arc<Grammars>,
}

impl Candle {
    /// Trains and answers on a model, on the model's device.
    #[must_use]
    pub fn new(base: Arc<BaseModel>) -> Self {
        let about = About {
            base_name: base.name().to_owned(),
            base_digest: base.digest(),
            tokenizer_digest: base.tokenizer().digest(),
            device: base.compute().name().to_owned(),
            machine: base.compute().machine(),
        };
        let grammars = Arc::new(Grammars::of(base.template()));
        Self { base, about, adapters: RwLock::default(), grammars }
    }

    /// The model.
    #[must_use]
    pub fn base(&self) -> &Arc<BaseModel> {
        &self.base
    }

    fn adapter(&self, digest: Option<Digest>) -> Result<Option<Arc<Adapter>>, GenerateError> {
        let Some(digest) = digest else { return Ok(None) };
        let adapters = self.adapters.read().unwrap_or_else(PoisonError::into_inner);
        let adapter = adapters.get(&digest).ok_or(GenerateError::UnknownAdapter { digest })?;
        Ok(Some(adapter.clone()))
    }
}

impl Trainer for Candle {
    fn about(&self) -> &About {
        &self.about
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        on_progress: &mut dyn FnMut(TrainProgress) -> bool,
    ) -> Result<TrainedFiles, TrainError> {
        let trained = train(&self.base, job.lora, job.config, job.data, job.checkpoints, on_progress)?;
        let adapter_digest = trained.adapter.save_at(job.adapter_folder, self.base.name(), job.checkpoints.kept())?;
        Ok(TrainedFiles {
            adapter_digest,
            loss_micronats: trained.loss_micronats,
            tokens: trained.tokens,
            tokens_per_s: trained.tokens_per_s,
            states: trained.states,
            evaluations: trained.evaluations,
        })
    }

    fn replay(&self, job: &ReplayJob<'_>) -> Result<Replay, TrainError> {
        let ReplayJob { record, software, data, checkpoints, ref steps, tolerance_ppm } = *job;
        replay(&self.base, record, software, data, checkpoints, steps.clone(), tolerance_ppm)
    }

    fn mean_loss(&self, job: &LossJob<'_>) -> Result<f64, TrainError> {
        let adapter = job.adapter.map(|folder| Adapter::load_at(folder, &self.base, job.at_rest)).transpose()?;
        let opening = |system| tokenize_opening(self.base.tokenizer(), self.base.template(), system);
        let before = job.system.map(opening).transpose()?.unwrap_or_default();
        mean_loss_after(&self.base, adapter.as_ref(), &before, job.examples)
    }
}

impl Generator for Candle {
    fn about(&self) -> &About {
        &self.about
    }

    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        self.load_adapter_at(folder, &AtRest::Clear)
    }

    fn load_adapter_at(&self, folder: &Path, at_rest: &AtRest) -> Result<Digest, GenerateError> {
        let adapter = Adapter::load_at(folder, &self.base, at_rest)?;
        let digest = adapter.digest()?;
        self.adapters.write().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::new(adapter));
        Ok(digest)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        Ok(prompt_tokens(self.base.tokenizer(), self.base.template(), messages)?.len() as u64)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        let adapter = match self.adapter(job.adapter) {
            Ok(adapter) => adapter,
            Err(error) => return Generation::failed(error),
        };
        let (base, grammars) = (self.base.clone(), self.grammars.clone());
        Generation::on_thread(move |on_text| {
            generate_with(&base, &grammars, adapter.as_deref(), &job.messages, &job.sampler, job.seed, on_text)
        })
    }
}

impl std::fmt::Debug for Candle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candle {{ base: {:?} }}", self.base)
    }
}
