//! What is done before a reply is computed, on threads of its own: counting out its conversation, reading its adapter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lazai_core::Digest;
use lazai_core::message::{Message, Role};

use super::adapter::ServedAdapter;
use super::adapters::Adapters;
use super::engine::Job;
use super::pages::Page;
use super::sequence::{Held, Ready};
use super::store::Owner;
use crate::base::BaseModel;
use crate::error::{GenerateError, ModelError};
use crate::generate::{Event, GenerateJob, Grammars, Writing, prompt_tokens};

/// The longest patience that is told apart from others.
const LONGEST_PATIENCE: Duration = Duration::from_secs(86_400);

/// What the thread that computes is told.
pub(super) enum News {
    /// A job is ready.
    Ready(Box<Ready>),
    /// An adapter was read, or could not be.
    Adapter(Digest, Result<Arc<ServedAdapter>, GenerateError>),
    /// Pages were read from the disk, as far as they could be, for who has this ticket.
    Pages(u64, Vec<Arc<Page>>),
    /// Nobody can ask any more.
    Over,
}

/// A panic is one reply's, not the engine's.
fn caught<T>(body: impl FnOnce() -> Result<T, GenerateError>) -> Result<T, GenerateError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(super::panicked()))
}

/// Makes jobs ready, one after another.
pub(super) struct Preparing {
    pub(super) base: Arc<BaseModel>,
    /// Tokens of a conversation and its reply that there is room for at all.
    pub(super) most_tokens: usize,
    pub(super) grammars: Grammars,
}

impl Preparing {
    pub(super) fn run(&self, jobs: &mpsc::Receiver<Job>, news: &mpsc::Sender<News>) {
        while let Ok(job) = jobs.recv() {
            let events = job.events.clone();
            if events.is_closed() {
                continue;
            }
            match caught(|| self.prepare(job)) {
                Ok(Some(ready)) => {
                    if news.send(News::Ready(Box::new(ready))).is_err() {
                        return;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let _ = events.try_send(Event::Done(Err(error)));
                }
            }
        }
        let _ = news.send(News::Over);
    }

    /// The job with its tokens; `None` if there is nothing to compute.
    fn prepare(&self, Job { job, events, asked, place }: Job) -> Result<Option<Ready>, GenerateError> {
        let GenerateJob { adapter, conversation, shared, messages, sampler, seed, patience } = job;
        let prompt = prompt_tokens(self.base.tokenizer(), self.base.template(), &messages)?;
        let config = self.base.config();
        let (tokens, max) = (prompt.len() + sampler.max_tokens as usize, config.context.min(self.most_tokens));
        if tokens > max {
            return Err(ModelError::ContextTooLong { tokens, max }.into());
        }
        if let Some(&token) = prompt.iter().find(|token| **token as usize >= config.vocab_size) {
            return Err(ModelError::TokenOutOfRange { token, vocab_size: config.vocab_size }.into());
        }
        if prompt.is_empty() {
            return Err(ModelError::malformed("conversation", "the chat template makes nothing of it").into());
        }
        let shared = self.shared(shared, &prompt);
        let tokenizer = self.base.tokenizer();
        let writing = Writing::begin(tokenizer, &self.grammars, config.vocab_size, prompt, sampler, seed)?;
        if writing.is_ended() {
            let _ = events.try_send(Event::Done(writing.reply(tokenizer).map_err(GenerateError::from)));
            return Ok(None);
        }
        // An endless patience is no time at all.
        let due = asked.checked_add(patience).unwrap_or(asked + LONGEST_PATIENCE);
        let owner = Owner { adapter, conversation, shared };
        Ok(Some(Ready { writing, adapter: None, owner, held: Held::default(), events, asked, due, place }))
    }

    /// Tokens that a prompt has in common with what all conversations begin with. Only those: a card's system message may hold more
    /// in this conversation, by what was said in it.
    fn shared(&self, mut messages: Vec<Message>, prompt: &[u32]) -> usize {
        if messages.is_empty() {
            return 0;
        }
        // Some templates have no place for a system message but in the user's.
        messages.push(Message::new(Role::User, ""));
        match prompt_tokens(self.base.tokenizer(), self.base.template(), &messages) {
            Ok(tokens) => tokens.iter().zip(prompt).take_while(|(one, other)| one == other).count(),
            // What no conversation can begin with is shared by none.
            Err(_) => 0,
        }
    }
}

/// Reads adapters, one after another.
pub(super) struct Loading {
    pub(super) base: Arc<BaseModel>,
    pub(super) adapters: Arc<Adapters>,
}

impl Loading {
    pub(super) fn run(&self, wanted: &mpsc::Receiver<Digest>, news: &mpsc::Sender<News>) {
        while let Ok(digest) = wanted.recv() {
            let read = caught(|| self.adapters.read(&self.base, digest));
            if news.send(News::Adapter(digest, read)).is_err() {
                return;
            }
        }
    }
}
