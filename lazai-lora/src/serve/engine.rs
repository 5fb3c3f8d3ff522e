//! The engine: many replies at once on one base model, each with an adapter of its own.

use std::env::consts::{ARCH, OS};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_core::seal::AtRest;

use super::adapters::Adapters;
use super::counts::{Counts, EngineCounts};
use super::disk::{Disk, DiskRoom};
use super::model::Model;
use super::packed;
use super::pages::{PAGE, Shape};
use super::prepare::{Loading, Preparing};
use super::product::Instructions;
use super::team::Team;
use super::work::{Around, Work};
use crate::About;
use crate::base::{BaseModel, WeightFormat};
use crate::device::Compute;
use crate::error::{GenerateError, ModelError, Result};
use crate::generate::{Event, GenerateJob, Generation, Generator, Grammars, prompt_tokens};

/// What an engine may take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// Threads; by default as many as the machine has cores.
    pub threads: Option<NonZeroUsize>,
    /// Most replies that are computed at once; others wait.
    pub replies: usize,
    /// Most replies that wait beside these; more are refused.
    pub waiting: usize,
    /// Who has waited so long for a reply to begin is refused, as if there had been no room: nobody waits longer to hear it.
    pub longest_wait: Duration,
    /// Most tokens of a step: while a conversation is read, replies of others go on once a step.
    pub step_tokens: usize,
    /// Most tokens of a step that are guessed, while few replies are made; 0 for none. Guesses change no reply.
    pub guessed_tokens: usize,
    /// Bytes for the keys and values of running and earlier conversations. One that does not fit by itself is refused.
    pub conversation_bytes: usize,
    /// Room on a disk for keys and values of earlier conversations that have none in memory; none by default.
    pub disk: Option<DiskRoom>,
    /// A folder for packed weights, none by default: they are laid out once, in a file there, and mapped by every engine that
    /// [opens](Engine::open) the same model. Nobody may write to it but engines.
    pub weights: Option<PathBuf>,
    /// Bytes for adapters, beside those of replies that are computed; others are read again when they are asked for.
    pub adapter_bytes: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            threads: None,
            replies: 16,
            waiting: 256,
            longest_wait: Duration::from_secs(60),
            step_tokens: 128,
            guessed_tokens: 16,
            conversation_bytes: 2 << 30,
            disk: None,
            weights: None,
            adapter_bytes: 1 << 30,
        }
    }
}

/// A generator on the processor that makes many replies at once, each with its own adapter, on one base model.
///
/// A reply's bits do not depend on who else is answered, on the number of threads, or on what was computed before. Of those that
/// wait, the reply whose patience ends first begins first; those whose adapter must be read are passed over until it is.
pub struct Engine {
    pub(super) base: Arc<BaseModel>,
    about: About,
    adapters: Arc<Adapters>,
    jobs: mpsc::Sender<Job>,
    asked: Arc<AtomicUsize>,
    counts: Counts,
    settings: EngineSettings,
    weight_bytes: usize,
}

/// What was asked for, and who hears of it.
pub(super) struct Job {
    pub(super) job: GenerateJob,
    pub(super) events: async_channel::Sender<Event>,
    pub(super) asked: Instant,
    pub(super) place: Place,
}

/// A place among the replies that are waited for: given back when the reply has ended, however it does.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(asked: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(asked.clone());
        (asked.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// An engine on a model that others use too: the weights are there twice, as the model has them and packed.
    ///
    /// # Errors
    /// [`ModelError::Compute`] if the system refuses memory or threads.
    pub fn new(base: Arc<BaseModel>, settings: EngineSettings) -> Result<Self> {
        let model = Model::new(&base)?;
        Self::start(base, model, settings)
    }

    /// An engine on a model out of a file or a folder, alone: the weights are there once, packed.
    ///
    /// # Errors
    /// As [`BaseModel::open`]; [`ModelError::Compute`].
    pub fn open(path: &Path, format: WeightFormat, settings: EngineSettings) -> Result<Self> {
        let (base, model) = match &settings.weights {
            Some(folder) => packed::open(path, format, folder)?,
            None => {
                let mut base = BaseModel::open(path, &Compute::cpu(), format)?;
                let model = Model::take(&mut base)?;
                (base, model)
            }
        };
        Self::start(Arc::new(base), model, settings)
    }

    fn start(base: Arc<BaseModel>, model: Model, settings: EngineSettings) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let team = Team::new(settings.threads.map_or(cores, NonZeroUsize::get))?;
        let about = about(&base, model.with);
        let adapters = Arc::new(Adapters::new(settings.adapter_bytes));
        let weight_bytes = model.bytes();
        let shape = Shape::new(&model.config);
        let most_tokens = room_tokens(&settings, shape);
        let (jobs, received) = mpsc::channel();
        let (news, heard) = mpsc::channel();
        let (wanted, loading) = mpsc::channel();
        let counts = Counts::default();
        let disk = settings.disk.as_ref().map(|room| Disk::open(room, shape, news.clone())).transpose()?;
        let around = Around { adapters: adapters.clone(), wanted, counts: counts.clone(), disk };
        let work = Work::new(base.clone(), model, team, settings.clone(), around);
        spawn("lazai engine", move || work.run(&heard))?;
        // Reading a long conversation, or an adapter, holds nobody's reply up.
        let grammars = Grammars::of(base.template());
        let preparing = Preparing { base: base.clone(), most_tokens, grammars };
        let ready = news.clone();
        spawn("lazai engine: jobs", move || preparing.run(&received, &ready))?;
        let reading = Loading { base: base.clone(), adapters: adapters.clone() };
        spawn("lazai engine: adapters", move || reading.run(&loading, &news))?;
        Ok(Self { base, about, adapters, jobs, asked: Arc::default(), counts, settings, weight_bytes })
    }

    /// Bytes of the packed weights, in memory or in a mapped file.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// Tokens of one conversation and its reply that the memory for conversations holds: what is longer is refused, whatever the
    /// model's context.
    #[must_use]
    pub fn room_tokens(&self) -> usize {
        room_tokens(&self.settings, Shape::new(self.base.config()))
    }

    /// What it has done since it was started.
    #[must_use]
    pub fn counts(&self) -> EngineCounts {
        *self.counts.lock()
    }

    /// Replies that are computed or wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A base on the processor, and the kind of machine.
pub(super) fn about(base: &BaseModel, with: Instructions) -> About {
    About {
        base_name: base.name().to_owned(),
        base_digest: base.digest(),
        tokenizer_digest: base.tokenizer().digest(),
        device: "cpu".to_owned(),
        machine: format!("cpu {ARCH} {OS} {} {:?}", with.name(), base.format()),
    }
}

fn room_tokens(settings: &EngineSettings, shape: Shape) -> usize {
    shape.pages_in(settings.conversation_bytes) * PAGE
}

pub(super) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map(|_| ()).map_err(|e| ModelError::from(candle_core::Error::Msg(e.to_string())))
}

impl Generator for Engine {
    fn about(&self) -> &About {
        &self.about
    }

    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        Ok(self.adapters.load(&self.base, folder, &AtRest::Clear)?)
    }

    fn load_adapter_at(&self, folder: &Path, at_rest: &AtRest) -> Result<Digest, GenerateError> {
        Ok(self.adapters.load(&self.base, folder, at_rest)?)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        Ok(prompt_tokens(self.base.tokenizer(), self.base.template(), messages)?.len() as u64)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        let most = self.settings.waiting.saturating_add(self.settings.replies);
        let Some(place) = Place::take(&self.asked, most) else {
            return Generation::failed(GenerateError::Busy { waiting: self.settings.waiting });
        };
        let (events, heard) = async_channel::unbounded();
        // Without an engine, the events are dropped, and the reply is told to have broken off.
        let _ = self.jobs.send(Job { job, events, asked: Instant::now(), place });
        Generation::new(heard)
    }

    fn counts(&self) -> Option<EngineCounts> {
        Some(self.counts())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine {{ base: {:?}, settings: {:?} }}", self.base, self.settings)
    }
}
