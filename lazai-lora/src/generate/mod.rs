//! Answering: one token after another, repeatable from a seed.
//!
//! To answer elsewhere (another framework, a server), implement [`Generator`]; everything above stays.

mod sampling;

use std::path::Path;
use std::pin::Pin;

use futures_core::Stream;
use lazai_core::Digest;
use lazai_core::message::Message;

pub(crate) use self::sampling::sample;
pub use self::sampling::{Reply, Sampler, generate, prompt_tokens};
use crate::About;
use crate::error::{GenerateError, Result};

/// A job: answer this conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateJob {
    /// Digest of a loaded adapter; `None` for the bare base.
    pub adapter: Option<Digest>,
    /// The conversation's name, if what is computed of it may be kept for its next turn. Only jobs of the same name find it, so
    /// that nobody's waiting time tells what others said.
    pub conversation: Option<Digest>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The sampling parameters.
    pub sampler: Sampler,
    /// Seed of the choice.
    pub seed: u64,
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

    /// Tokens of a conversation, up to the beginning of the character's answer.
    ///
    /// # Errors
    /// [`GenerateError`].
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError>;

    /// Begins to answer a conversation. The same job gives the same reply on the same kind of machine.
    fn generate(&self, job: GenerateJob) -> Generation;
}
