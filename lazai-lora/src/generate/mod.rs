//! Answering: one token after another, repeatable from a seed.
//!
//! To answer elsewhere (another framework, a server), implement [`Generator`]; everything above stays.

mod calls;
mod choose;
mod constraint;
mod dry;
mod logprobs;
mod pieces;
mod sampler;
mod stops;
mod writing;

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_core::reply::ReplyNotes;
use lazai_core::seal::AtRest;

pub(crate) use self::constraint::Grammars;
pub use self::sampler::{Dry, Sampler};
pub(crate) use self::writing::Writing;
use crate::About;
use crate::adapter::Adapter;
use crate::base::{BaseModel, ChatTemplate, Tokenizer};
use crate::error::{GenerateError, ModelError, Result};
use crate::model::{Cache, extend, logits};
use crate::recheck::Trail;
use crate::serve::EngineCounts;

/// A job: answer this conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateJob {
    /// Digest of a loaded adapter; `None` for the bare base.
    pub adapter: Option<Digest>,
    /// The conversation's name, if what is computed of it may be kept for its next turn. Only jobs of the same name find it, so
    /// that nobody's waiting time tells what others said.
    pub conversation: Option<Digest>,
    /// What every conversation with the character begins with, if that is no secret: the system message of a published card. What is
    /// computed of it is found by all jobs of the same adapter. It changes no word of the reply.
    pub shared: Vec<Message>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The sampling parameters.
    pub sampler: Sampler,
    /// Seed of the choice.
    pub seed: u64,
    /// The time within which the reply should begin. Where several wait, the one whose time ends first begins first, so that
    /// nobody is passed over for ever. It changes no word of the reply.
    pub patience: Duration,
}

impl GenerateJob {
    /// The patience of who has no reason for another.
    pub const PATIENCE: Duration = Duration::from_secs(10);
}

/// An event in the making of a reply.
#[derive(Debug)]
pub enum Event {
    /// A piece of the text. An empty one says that the reply is still to come, so that whoever passes it on can look whether it is
    /// still wanted.
    Text(String),
    /// The whole reply, or why there is none. Nothing comes after it.
    Done(Result<Reply, GenerateError>),
}

/// A reply in the making: a stream of pieces, then the whole. Dropped, it is not made on.
///
/// # Example
/// ```
/// # async fn hear(generator: &dyn lazai_lora::Generator, job: lazai_lora::generate::GenerateJob) -> Result<(), lazai_lora::GenerateError> {
/// let mut generation = generator.generate(job);
/// while let Some(piece) = generation.next().await {
///     print!("{piece}");
/// }
/// println!("\n{} tokens", generation.reply().await?.tokens.len());
/// # Ok(())
/// # }
/// ```
pub struct Generation {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    done: Option<Result<Reply, GenerateError>>,
}

impl Generation {
    /// A reply out of a stream of events, whatever makes them.
    pub fn new(events: impl Stream<Item = Event> + Send + 'static) -> Self {
        Self { events: Box::pin(events), done: None }
    }

    /// A reply that is made on a thread of its own. `make` passes on each piece of text, and stops when that gives `false`.
    pub fn on_thread(
        make: impl FnOnce(&mut dyn FnMut(&str) -> bool) -> Result<Reply, GenerateError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = async_channel::unbounded();
        let work = move || {
            let reply = make(&mut |text| sender.try_send(Event::Text(text.to_owned())).is_ok());
            let _ = sender.try_send(Event::Done(reply));
        };
        match std::thread::Builder::new().name("lazai reply".into()).spawn(work) {
            Ok(_) => Self::new(receiver),
            Err(error) => {
                Self::failed(GenerateError::Backend { backend: "a thread".into(), reason: error.to_string() })
            }
        }
    }

    /// A reply that cannot be made.
    #[must_use]
    pub fn failed(error: GenerateError) -> Self {
        let (sender, receiver) = async_channel::bounded(1);
        let _ = sender.try_send(Event::Done(Err(error)));
        Self::new(receiver)
    }

    /// The next piece of text; `None` when there is no more.
    pub async fn next(&mut self) -> Option<String> {
        if self.done.is_some() {
            return None;
        }
        match std::future::poll_fn(|context| self.events.as_mut().poll_next(context)).await {
            Some(Event::Text(text)) => Some(text),
            Some(Event::Done(reply)) => {
                self.done = Some(reply);
                None
            }
            None => {
                self.done = Some(Err(broken_off()));
                None
            }
        }
    }

    /// The whole reply; pieces that nobody took are passed over.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn reply(mut self) -> Result<Reply, GenerateError> {
        while self.next().await.is_some() {}
        // `next` gives nothing only once this is set.
        self.done.unwrap_or_else(|| Err(broken_off()))
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Generation {{ done: {} }}", self.done.is_some())
    }
}

fn broken_off() -> GenerateError {
    GenerateError::Backend { backend: "the generator".into(), reason: "the reply broke off".into() }
}

/// Answers on one base model. It never blocks its caller: a job gives a [`Generation`] at once.
pub trait Generator: Send + Sync + std::fmt::Debug {
    /// Base model, device and machine.
    fn about(&self) -> &About;

    /// Loads the adapter in a folder of PEFT's files, and returns the digest of its weights file.
    ///
    /// # Errors
    /// [`GenerateError`].
    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError>;

    /// As [`load_adapter`](Self::load_adapter), of weights that are kept as told. By default, only those in clear can be loaded: a
    /// server of others reads files by itself.
    ///
    /// # Errors
    /// [`GenerateError`].
    fn load_adapter_at(&self, folder: &Path, at_rest: &AtRest) -> Result<Digest, GenerateError> {
        if at_rest.is_sealed() {
            let reason = "it reads no adapters that are sealed; the policy of this node has to keep them in clear";
            return Err(GenerateError::Backend { backend: self.about().base_name.clone(), reason: reason.into() });
        }
        self.load_adapter(folder)
    }

    /// Tokens of a conversation, up to the beginning of the character's answer.
    ///
    /// # Errors
    /// [`GenerateError`].
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError>;

    /// Begins to answer a conversation. The same job gives the same reply on the same kind of machine.
    fn generate(&self, job: GenerateJob) -> Generation;

    /// What it has done since it was started, if it counts.
    fn counts(&self) -> Option<EngineCounts> {
        None
    }
}

/// A reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The reply's text: of its tokens up to a stop token, up to a stop string.
    pub text: String,
    /// Its token ids, with the closing control token if it came, and those of a stop string.
    pub tokens: Vec<u32>,
    /// Tokens of the conversation before it.
    pub prompt_tokens: u64,
    /// The reason for its end, and what else was asked for.
    pub notes: ReplyNotes,
    /// What a repeat of it is held to, if the generator's replies can be repeated.
    pub trail: Option<Trail>,
}

/// The token ids of a conversation, up to the beginning of the character's answer.
///
/// # Errors
/// [`ModelError`] if template or tokenizer refuse.
pub fn prompt_tokens(tokenizer: &Tokenizer, template: &ChatTemplate, messages: &[Message]) -> Result<Vec<u32>> {
    tokenizer.encode(&template.prompt(messages)?)
}

/// Answers a conversation. `on_text` is given each piece of text as it comes, and stops the reply by `false`.
///
/// # Errors
/// [`ModelError::ContextTooLong`] if conversation and reply do not fit, [`ModelError::Compute`]; [`GenerateError::Setting`].
pub fn generate(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    messages: &[Message],
    sampler: &Sampler,
    seed: u64,
    on_text: impl FnMut(&str) -> bool,
) -> Result<Reply, GenerateError> {
    generate_with(base, &Grammars::of(base.template()), adapter, messages, sampler, seed, on_text)
}

/// [`generate`], with the grammars of the base's tokenizer at hand.
pub(crate) fn generate_with(
    base: &BaseModel,
    grammars: &Grammars,
    adapter: Option<&Adapter>,
    messages: &[Message],
    sampler: &Sampler,
    seed: u64,
    mut on_text: impl FnMut(&str) -> bool,
) -> Result<Reply, GenerateError> {
    let tokenizer = base.tokenizer();
    let prompt = prompt_tokens(tokenizer, base.template(), messages)?;
    let mut writing = Writing::begin(tokenizer, grammars, base.config.vocab_size, prompt, sampler.clone(), seed)?;
    if writing.most_tokens() > base.config.context {
        let (tokens, max) = (writing.most_tokens(), base.config.context);
        return Err(ModelError::ContextTooLong { tokens, max }.into());
    }
    let mut cache = Cache::new(base);
    let mut computed = 0;
    while !writing.is_ended() {
        let hidden = extend(base, adapter, &writing.tokens()[computed..], &mut cache)?;
        computed = writing.tokens().len();
        let last = hidden.narrow(0, hidden.dim(0)? - 1, 1)?;
        let scores = logits(base, &last)?.squeeze(0)?.to_vec1::<f32>()?;
        let written = writing.choose(tokenizer, &scores)?;
        if !written.text.is_empty() && !on_text(&written.text) {
            break;
        }
    }
    Ok(writing.reply(tokenizer)?)
}
