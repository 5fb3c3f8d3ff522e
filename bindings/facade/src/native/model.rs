//! Base models, and fine-tuning them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lazai::core::pov::Dataset;
use lazai::core::record::{LoraConfig, TrainConfig};
use lazai::exex::Parts;
use lazai::lora::generate::{Sampler, generate};
use lazai::lora::train::{Checkpoints, TrainJob, TrainedFiles};
use lazai::lora::{About, Candle, DiskRoom, Engine, EngineSettings, Generator, Trainer};
use lazai::lora::{Adapter, Compute, WeightFormat};
use lazai::zk::Commitment;

use super::data::read_file;
use super::{Progress, ProgressListener};
use crate::chat::Message;
use crate::settings::ReplySettings;
use crate::{FilePath, LazaiError, ReplyListener, choices, record};

choices! {
    /// The settings of fine-tuning; the library chooses what is left out.
    pub struct TrainingSettings {
        /// The number of passes over each dialogue.
        pub epochs: Option<u32>,
        /// Most steps, whatever the epochs.
        pub max_steps: Option<u32>,
        /// Tokens of one step.
        pub block_tokens: Option<u32>,
        /// Peak learning rate, in millionths.
        pub learning_rate_micro: Option<u32>,
        /// Rank of the update (LoRA, arXiv:2106.09685).
        pub rank: Option<u32>,
        /// The update is multiplied by `alpha / rank`.
        pub alpha: Option<u32>,
        /// Seed of the adapter's initial values and of the order of dialogues.
        pub seed: Option<u64>,
    }
}

record! {
    /// An adapter that was trained.
    pub struct TrainedAdapter {
        /// Its folder, in PEFT's files.
        pub folder: FilePath,
        /// SHA-256 of its weights.
        pub digest: String,
        /// Tokens that were seen, repeats included.
        pub tokens: u64,
        /// Tokens per second; 0 if everything was done before.
        pub tokens_per_s: f64,
        /// Mean loss of each step, in nats per learnt token.
        pub losses: Vec<f64>,
    }
}

record! {
    /// An adapter's properties.
    pub struct AdapterFacts {
        /// SHA-256 of its weights.
        pub digest: String,
        /// SHA-256 of the base model it is for.
        pub base_digest: String,
        /// Rank of the update.
        pub rank: u32,
        /// Its scale: the update is multiplied by `alpha / rank`, or `alpha / sqrt(rank)`.
        pub alpha: u32,
        /// True if it is rank-stabilised (arXiv:2312.03732).
        pub rank_stabilised: bool,
        /// Numbers that were learnt.
        pub parameters: u64,
    }
}

impl TrainingSettings {
    pub(super) fn parse(&self) -> (LoraConfig, TrainConfig) {
        let (mut lora, mut train) = (LoraConfig::default(), TrainConfig::default());
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        lora.rank = self.rank.map_or(lora.rank, size);
        lora.alpha = self.alpha.map_or(lora.alpha, size);
        train.epochs = self.epochs.unwrap_or(train.epochs);
        train.max_steps = self.max_steps.or(train.max_steps);
        train.block_tokens = self.block_tokens.unwrap_or(train.block_tokens);
        train.learning_rate_micro = self.learning_rate_micro.unwrap_or(train.learning_rate_micro);
        train.seed = self.seed.unwrap_or(train.seed);
        (lora, train)
    }
}

impl TrainedAdapter {
    pub(super) fn of(folder: &Path, trained: &TrainedFiles) -> Self {
        Self {
            folder: folder.display().to_string(),
            digest: trained.adapter_digest.to_string(),
            tokens: trained.tokens,
            tokens_per_s: trained.tokens_per_s,
            losses: trained.loss_micronats.iter().map(|&loss| loss as f64 / 1e6).collect(),
        }
    }
}

/// Informs a listener of training progress; returns whether to go on.
pub(super) fn tell_training(
    listener: Option<&Arc<dyn ProgressListener>>,
    progress: &lazai::lora::train::TrainProgress,
) -> bool {
    listener.is_none_or(|listener| {
        listener.on_progress(Progress {
            stage: "training".into(),
            done: progress.step.into(),
            total: progress.steps.into(),
            note: format!("loss {:.3}, {:.0} tokens/s", progress.loss, progress.tokens_per_s),
        })
    })
}

/// A base model in memory: as 32-bit floats where it is trained, packed as in its file where nodes serve it.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct BaseModel {
    path: FilePath,
    about: About,
    /// Each is read when it is first needed, once.
    candle: Mutex<Option<Arc<Candle>>>,
    engine: Mutex<Option<Arc<Engine>>>,
}

/// Room that a node gives to conversations: what is computed of them is kept for their next turn.
#[derive(Debug, Clone)]
pub struct ServingRoom {
    /// Megabytes of memory.
    pub memory_mb: u64,
    /// A folder for what has no room in memory, if there is one: a file there, encrypted and without a name.
    pub folder: Option<FilePath>,
    /// Megabytes of that file.
    pub disk_mb: u64,
    /// A folder for weights as the engine lays them out, if there is one: nodes on this machine share the file there.
    pub weights: Option<FilePath>,
}

impl BaseModel {
    /// The model for nodes, which train nothing: the weights are in memory as the file has them.
    ///
    /// # Errors
    /// `file`, `model`.
    pub fn open_to_serve(path: FilePath, room: ServingRoom) -> Result<Arc<Self>, LazaiError> {
        const MB: u64 = 1_000_000;
        let mut settings = EngineSettings::default();
        settings.conversation_bytes = usize::try_from(room.memory_mb.saturating_mul(MB)).unwrap_or(usize::MAX);
        settings.disk =
            room.folder.map(|folder| DiskRoom { folder: folder.into(), bytes: room.disk_mb.saturating_mul(MB) });
        settings.weights = room.weights.map(Into::into);
        let engine = Engine::open(Path::new(&path), WeightFormat::AsStored, settings)?;
        let about = Generator::about(&engine).clone();
        let engine = Mutex::new(Some(Arc::new(engine)));
        Ok(Arc::new(Self { path, about, candle: Mutex::default(), engine }))
    }

    /// What trains.
    pub(super) fn candle(&self) -> Result<Arc<Candle>, LazaiError> {
        let mut candle = self.candle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(candle) = &*candle {
            return Ok(candle.clone());
        }
        let base = lazai::lora::BaseModel::open(Path::new(&self.path), &Compute::cpu(), WeightFormat::F32)?;
        let read = Arc::new(Candle::new(Arc::new(base)));
        self.check(Trainer::about(&*read))?;
        Ok(candle.insert(read).clone())
    }

    /// What serves.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, LazaiError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        let read = Engine::open(Path::new(&self.path), WeightFormat::AsStored, EngineSettings::default())?;
        self.check(Generator::about(&read))?;
        Ok(engine.insert(Arc::new(read)).clone())
    }

    fn check(&self, found: &About) -> Result<(), LazaiError> {
        if found.base_digest == self.about.base_digest {
            return Ok(());
        }
        Err(LazaiError::new("model", format!("{}: the file is another one than when it was opened", self.path)))
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl BaseModel {
    /// Reads a GGUF file, or a folder as Hugging Face has them, to compute on the processor: in 32-bit floats, or, where a node
    /// serves it, as the file has it.
    ///
    /// # Errors
    /// `file`, `model`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open(path: FilePath) -> Result<Arc<Self>, LazaiError> {
        let base = lazai::lora::BaseModel::open(Path::new(&path), &Compute::cpu(), WeightFormat::F32)?;
        let candle = Arc::new(Candle::new(Arc::new(base)));
        let about = Trainer::about(&*candle).clone();
        Ok(Arc::new(Self { path, about, candle: Mutex::new(Some(candle)), engine: Mutex::default() }))
    }

    /// The name in its file.
    pub fn name(&self) -> String {
        self.about.base_name.clone()
    }

    /// SHA-256 of its file.
    pub fn digest(&self) -> String {
        self.about.base_digest.to_string()
    }

    /// Fine-tunes it on a dataset, but for the records that execution nodes hold out to measure (a twentieth of 20 and more), and writes the adapter in PEFT's files. After it was killed or cancelled, a run
    /// continues from its checkpoints in the folder.
    ///
    /// # Errors
    /// `file`, `pov.…`, `zk.commitment`, `model`, `cancelled`.
    pub fn train(
        &self,
        dataset: FilePath,
        settings: TrainingSettings,
        folder: FilePath,
        listener: Option<Arc<dyn ProgressListener>>,
    ) -> Result<TrainedAdapter, LazaiError> {
        let dataset = Dataset::from_bytes(&read_file(&dataset)?)?;
        let (lora, config) = settings.parse();
        // As an execution node trains on it: the same settings give the same adapter.
        let root = Commitment::of(&dataset)?.digest();
        let parts = Parts::of(&dataset, root, config.held_out);
        let data = parts.data(&dataset);
        let folder = Path::new(&folder);
        let checkpoints = Checkpoints::all(folder.join("checkpoints"));
        let job =
            TrainJob { lora: &lora, config: &config, data: &data, checkpoints: &checkpoints, adapter_folder: folder };
        let trained = self.candle()?.train(&job, &mut |progress| tell_training(listener.as_ref(), &progress))?;
        Ok(TrainedAdapter::of(folder, &trained))
    }

    /// Answers a conversation, without any market: the bare model, or with an adapter in a folder of PEFT's files. Gives the
    /// reply. The same seed gives the same reply on the same kind of machine; without one, 0 is taken.
    ///
    /// # Errors
    /// `dialogue.empty` without a message, `file`, `model`, `node.setting`.
    pub fn generate(
        &self,
        messages: Vec<Message>,
        adapter: Option<FilePath>,
        settings: ReplySettings,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Result<String, LazaiError> {
        if messages.is_empty() {
            return Err(LazaiError::new("dialogue.empty", "a conversation without a message has no reply"));
        }
        let messages: Vec<_> = messages.into_iter().map(Into::into).collect();
        let candle = self.candle()?;
        let adapter = adapter.map(|folder| Adapter::load(Path::new(&folder), candle.base())).transpose()?;
        let seed = settings.seed.unwrap_or_default();
        let sampler = settings.parse()?.sampler(&Sampler::default());
        let on_text = |piece: &str| listener.as_ref().is_none_or(|listener| listener.on_text(piece.to_owned()));
        Ok(generate(self.candle()?.base(), adapter.as_ref(), &messages, &sampler, seed, on_text)?.text)
    }

    /// Describes an adapter in a folder of PEFT's files; it must be for this model.
    ///
    /// # Errors
    /// `file`, `model`.
    pub fn adapter(&self, folder: FilePath) -> Result<AdapterFacts, LazaiError> {
        let adapter = Adapter::load(Path::new(&folder), self.candle()?.base())?;
        let config = adapter.config();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(AdapterFacts {
            digest: adapter.digest()?.to_string(),
            base_digest: adapter.base_digest().to_string(),
            rank: number(config.rank),
            alpha: number(config.alpha),
            rank_stabilised: config.rank_stabilised,
            parameters: adapter.parameter_count() as u64,
        })
    }
}
