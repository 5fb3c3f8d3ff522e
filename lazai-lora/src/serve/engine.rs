//! The engine: many replies at once on one base model, each with an adapter of its own.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use lazai_core::Digest;
use lazai_core::message::Message;

use super::adapters::Adapters;
use super::forward::{Row, Seen, step};
use super::model::Model;
use super::pages::Shape;
use super::sequence::{Ready, Sequence};
use super::store::{Store, keys};
use super::team::{Shared, Team};
use super::workspace::Workspace;
use crate::About;
use crate::base::{BaseModel, WeightFormat};
use crate::device::Compute;
use crate::error::{GenerateError, ModelError, Result};
use crate::generate::{GenerateJob, Generation, Generator, prompt_tokens};

/// What an engine may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// Threads; by default as many as the machine has cores.
    pub threads: Option<NonZeroUsize>,
    /// Most replies that are computed at once; others wait.
    pub replies: usize,
    /// Most replies that wait; more are refused.
    pub waiting: usize,
    /// Most tokens of a step: while a conversation is read, replies of others go on once a step.
    pub step_tokens: usize,
    /// Bytes for the keys and values of running and earlier conversations.
    pub conversation_bytes: usize,
    /// Bytes for adapters; others are read again when they are asked for.
    pub adapter_bytes: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            threads: None,
            replies: 16,
            waiting: 256,
            step_tokens: 128,
            conversation_bytes: 1 << 30,
            adapter_bytes: 1 << 30,
        }
    }
}

/// A generator on the processor that makes many replies at once, each with its own adapter, on one base model.
///
/// A reply's bits do not depend on who else is answered, on the number of threads, or on what was computed before.
pub struct Engine {
    base: Arc<BaseModel>,
    about: About,
    adapters: Arc<Adapters>,
    jobs: mpsc::Sender<Job>,
    waiting: Arc<AtomicUsize>,
    settings: EngineSettings,
    weight_bytes: usize,
}

struct Job {
    job: GenerateJob,
    events: async_channel::Sender<crate::generate::Event>,
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
        let mut base = BaseModel::open(path, &Compute::cpu(), format)?;
        let model = Model::take(&mut base)?;
        Self::start(Arc::new(base), model, settings)
    }

    fn start(base: Arc<BaseModel>, model: Model, settings: EngineSettings) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let team = Team::new(settings.threads.map_or(cores, NonZeroUsize::get))?;
        let kernels = model.with.name();
        let about = About {
            base_name: base.name().to_owned(),
            base_digest: base.digest(),
            tokenizer_digest: base.tokenizer().digest(),
            device: base.compute().name().to_owned(),
            machine: format!("cpu {} {kernels} {:?}", std::env::consts::ARCH, base.format()),
        };
        let adapters = Arc::new(Adapters::new(settings.adapter_bytes));
        let waiting = Arc::new(AtomicUsize::new(0));
        let weight_bytes = model.bytes();
        let (jobs, received) = mpsc::channel();
        let (ready, prepared) = mpsc::channel();
        let work = Work::new(base.clone(), model, team, settings, waiting.clone());
        spawn("lazai engine", move || work.run(&prepared))?;
        let preparing = Preparing { base: base.clone(), adapters: adapters.clone(), waiting: waiting.clone() };
        // Reading an adapter or a long conversation holds nobody's reply up.
        spawn("lazai engine: jobs", move || preparing.run(&received, &ready))?;
        Ok(Self { base, about, adapters, jobs, waiting, settings, weight_bytes })
    }

    /// Bytes of the weights in memory.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map(|_| ()).map_err(|e| ModelError::from(candle_core::Error::Msg(e.to_string())))
}

impl Generator for Engine {
    fn about(&self) -> &About {
        &self.about
    }

    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        Ok(self.adapters.load(&self.base, folder)?)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        Ok(prompt_tokens(self.base.tokenizer(), self.base.template(), messages)?.len() as u64)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.settings.waiting {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Generation::failed(GenerateError::Busy { waiting: self.settings.waiting });
        }
        let (events, heard) = async_channel::unbounded();
        // Without an engine, the events are dropped, and the reply is told to have broken off.
        let _ = self.jobs.send(Job { job, events });
        Generation::new(heard)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine {{ base: {:?}, settings: {:?} }}", self.base, self.settings)
    }
}

/// Makes jobs ready, one after another.
struct Preparing {
    base: Arc<BaseModel>,
    adapters: Arc<Adapters>,
    waiting: Arc<AtomicUsize>,
}

impl Preparing {
    fn run(&self, jobs: &mpsc::Receiver<Job>, ready: &mpsc::Sender<Ready>) {
        while let Ok(Job { job, events }) = jobs.recv() {
            match self.prepare(job, events.clone()) {
                Ok(job) => {
                    if ready.send(job).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    let _ = events.try_send(crate::generate::Event::Done(Err(error)));
                }
            }
        }
    }

    fn prepare(
        &self,
        job: GenerateJob,
        events: async_channel::Sender<crate::generate::Event>,
    ) -> Result<Ready, GenerateError> {
        let GenerateJob { adapter: adapter_digest, conversation, messages, sampler, seed } = job;
        let prompt = prompt_tokens(self.base.tokenizer(), self.base.template(), &messages)?;
        let config = self.base.config();
        let (tokens, max) = (prompt.len() + sampler.max_tokens as usize, config.context);
        if tokens > max {
            return Err(ModelError::ContextTooLong { tokens, max }.into());
        }
        if let Some(&token) = prompt.iter().find(|token| **token as usize >= config.vocab_size) {
            return Err(ModelError::TokenOutOfRange { token, vocab_size: config.vocab_size }.into());
        }
        let adapter = adapter_digest.map(|digest| self.adapters.get(&self.base, digest)).transpose()?;
        Ok(Ready { prompt, adapter, adapter_digest, conversation, sampler, seed, events })
    }
}

/// The thread that computes.
struct Work {
    base: Arc<BaseModel>,
    model: Model,
    team: Team,
    settings: EngineSettings,
    waiting: Arc<AtomicUsize>,
    shape: Shape,
    workspace: Workspace,
    scores: Shared<f32>,
    queue: VecDeque<Ready>,
    running: Vec<Sequence>,
    store: Store,
}

impl Work {
    fn new(
        base: Arc<BaseModel>,
        model: Model,
        team: Team,
        mut settings: EngineSettings,
        waiting: Arc<AtomicUsize>,
    ) -> Self {
        settings.replies = settings.replies.max(1);
        settings.step_tokens = settings.step_tokens.max(settings.replies);
        let workspace = Workspace::new(&model, &team, settings.step_tokens, 0);
        let scores = Shared::new(settings.replies * model.config.vocab_size);
        Self {
            shape: Shape::new(&model.config),
            base,
            model,
            team,
            settings,
            waiting,
            workspace,
            scores,
            queue: VecDeque::new(),
            running: Vec::new(),
            store: Store::default(),
        }
    }

    /// Works until nobody can ask any more, and all is answered.
    fn run(mut self, ready: &mpsc::Receiver<Ready>) {
        loop {
            if self.running.is_empty() && self.queue.is_empty() {
                match ready.recv() {
                    Ok(job) => self.queue.push_back(job),
                    Err(mpsc::RecvError) => return,
                }
            }
            self.queue.extend(ready.try_iter());
            self.admit();
            self.step();
        }
    }

    fn used_pages(&self) -> usize {
        self.running.iter().map(|sequence| sequence.pages.len()).sum::<usize>() + self.store.pages()
    }

    /// Begins with those that wait longest, as far as there is room.
    fn admit(&mut self) {
        let most = self.settings.conversation_bytes / self.shape.bytes().max(1);
        while self.running.len() < self.settings.replies
            && let Some(job) = self.queue.front()
        {
            let needed = job.pages();
            // A reply that is alone is always begun: what it takes is bounded by the context.
            while self.used_pages() + needed > most && self.store.forget() {}
            if self.used_pages() + needed > most && !self.running.is_empty() {
                return;
            }
            let Some(job) = self.queue.pop_front() else { return };
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if job.events.is_closed() {
                continue;
            }
            if let Some(adapter) = &job.adapter
                && adapter.narrow > self.workspace.narrow
            {
                self.workspace = Workspace::new(&self.model, &self.team, self.workspace.rows, adapter.narrow);
            }
            let known = match job.conversation {
                Some(conversation) => self.store.find(&keys(job.adapter_digest, conversation, &job.prompt)),
                None => Vec::new(),
            };
            self.running.push(Sequence::new(job, known, self.shape));
        }
    }

    /// Computes the next token of each reply, and as much of the conversations before replies as there is room for.
    fn step(&mut self) {
        let left: Vec<Sequence> = self.running.extract_if(.., |sequence| sequence.is_left()).collect();
        left.iter().for_each(|sequence| self.keep(sequence));
        let (rows, counts) = self.rows();
        if rows.is_empty() {
            return;
        }
        let seen: Vec<Seen> = self
            .running
            .iter()
            .map(|sequence| Seen { adapter: sequence.adapter(), pages: sequence.pages.clone() })
            .collect();
        step(&self.team, &self.model, &self.workspace, &rows, &seen, &self.scores);
        let (tokenizer, width) = (self.base.tokenizer(), self.model.config.vocab_size);
        let (mut place, mut ended) = (0, Vec::new());
        for (i, (sequence, count)) in self.running.iter_mut().zip(counts).enumerate() {
            sequence.computed += count;
            if count == 0 || !sequence.pending().is_empty() {
                continue;
            }
            // SAFETY: the step is over.
            #[allow(unsafe_code, reason = "shared with the team")]
            let scores = unsafe { self.scores.part(place * width, width) };
            place += 1;
            match sequence.choose(tokenizer, scores) {
                Ok(false) => {}
                Ok(true) => {
                    sequence.end(tokenizer);
                    ended.push(i);
                }
                Err(error) => {
                    sequence.tell(Err(error.into()));
                    ended.push(i);
                }
            }
        }
        for i in ended.into_iter().rev() {
            let sequence = self.running.remove(i);
            self.keep(&sequence);
        }
    }

    /// The tokens of the next step, and how many are of each sequence.
    fn rows(&self) -> (Vec<Row>, Vec<usize>) {
        let mut rows = Vec::new();
        let mut counts = vec![0; self.running.len()];
        // Replies first: a token each.
        let speaking = |sequence: &Sequence| !sequence.is_reading();
        let mut room = self.settings.step_tokens - self.running.iter().filter(|s| speaking(s)).count();
        for (i, sequence) in self.running.iter().enumerate() {
            let pending = sequence.pending();
            let count = if speaking(sequence) { 1 } else { pending.len().min(room) };
            if !speaking(sequence) {
                room -= count;
            }
            for (j, token) in pending[..count].iter().enumerate() {
                let scored = j + 1 == pending.len();
                rows.push(Row { token: *token, position: sequence.computed + j, sequence: i, scored });
            }
            counts[i] = count;
        }
        (rows, counts)
    }

    fn keep(&mut self, sequence: &Sequence) {
        if let Some(pages) = sequence.full() {
            self.store.keep(pages);
        }
    }
}
