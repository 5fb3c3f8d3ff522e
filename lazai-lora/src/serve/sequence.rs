//! A reply in the making.

use std::sync::Arc;
use std::time::Instant;

use async_channel::Sender;

use super::adapter::ServedAdapter;
use super::engine::Place;
use super::guess::Guesses;
use super::pages::{PAGE, Page, Shape};
use super::store::{Key, Owner, keys};
use crate::base::Tokenizer;
use crate::error::{GenerateError, Result};
use crate::generate::{Event, Reply, Writing};
use crate::recheck::TrailWriter;

/// A job that is ready to be computed.
pub(super) struct Ready {
    pub(super) writing: Writing,
    /// Set when it begins.
    pub(super) adapter: Option<Arc<ServedAdapter>>,
    pub(super) owner: Owner,
    /// What the disk knows of it.
    pub(super) held: Held,
    pub(super) events: Sender<Event>,
    pub(super) asked: Instant,
    /// When its asker's patience ends.
    pub(super) due: Instant,
    /// Held until the reply has ended.
    #[allow(dead_code, reason = "gives itself back")]
    pub(super) place: Place,
}

/// Pages of a conversation that were on the disk.
#[derive(Default)]
pub(super) struct Held {
    /// Until they are read.
    pub(super) ticket: Option<u64>,
    /// True once they were asked for.
    pub(super) was_asked: bool,
    /// All from the beginning on, those that were in memory too.
    pub(super) pages: Vec<Arc<Page>>,
}

impl Ready {
    /// Ends the reply before it is begun.
    pub(super) fn tell(&self, reply: std::result::Result<Reply, GenerateError>) {
        let _ = self.events.try_send(Event::Done(reply));
    }

    /// Lets whoever listens look whether the reply is still wanted.
    pub(super) fn tell_waiting(&self) {
        let _ = self.events.try_send(Event::Text(String::new()));
    }

    /// Pages that it takes in all.
    pub(super) fn pages(&self) -> usize {
        self.writing.most_tokens().div_ceil(PAGE)
    }
}

/// A job that is being computed.
pub(super) struct Sequence {
    ready: Ready,
    /// Tokens whose keys and values are known.
    pub(super) computed: usize,
    pub(super) pages: Vec<Arc<Page>>,
    guesses: Guesses,
    trail: TrailWriter,
    /// Tokens that are computed in this step, though they are not chosen yet.
    pub(super) guess: Vec<u32>,
}

impl Sequence {
    /// Begins with what is known of its beginning, which is never all of it: the last token's scores are needed.
    pub(super) fn new(ready: Ready, mut known: Vec<Arc<Page>>, shape: Shape) -> Self {
        known.truncate(ready.writing.prompt().len().saturating_sub(1) / PAGE);
        let computed = known.len() * PAGE;
        let missing = ready.pages() - known.len();
        known.extend((0..missing).map(|_| shape.page()));
        let trail = ready.writing.trail();
        Self { ready, computed, pages: known, guesses: Guesses::default(), trail, guess: Vec::new() }
    }

    pub(super) fn adapter(&self) -> Option<Arc<ServedAdapter>> {
        self.ready.adapter.clone()
    }

    /// Tokens that are to be computed before the next can be chosen.
    pub(super) fn pending(&self) -> &[u32] {
        &self.ready.writing.tokens()[self.computed..]
    }

    /// True while the conversation before the reply is read.
    pub(super) fn is_reading(&self) -> bool {
        self.computed < self.ready.writing.prompt().len()
    }

    pub(super) fn is_left(&self) -> bool {
        self.ready.events.is_closed()
    }

    /// Guesses up to so many tokens after those that are pending.
    pub(super) fn guess(&mut self, most: usize) {
        let writing = &self.ready.writing;
        // After the last of them, the reply still chooses one.
        let room = writing.most_tokens().saturating_sub(writing.tokens().len() + 1);
        self.guess = self.guesses.next(writing.tokens(), most.min(room));
    }

    /// Chooses the next token by its scores, and those after it for as long as the guess was right; tells their text. True when the
    /// reply is whole. `scores` and `states` give those after the last token that was pending, and after each that was guessed.
    pub(super) fn choose<'s>(
        &mut self,
        tokenizer: &Tokenizer,
        scores: impl Fn(usize) -> &'s [f32],
        states: impl Fn(usize) -> &'s [f32],
    ) -> Result<bool, GenerateError> {
        let guess = std::mem::take(&mut self.guess);
        let mut right = 0;
        let ended = loop {
            let before = self.ready.writing.tokens().len();
            let written = self.ready.writing.choose(tokenizer, scores(right))?;
            // A reply that is cut chose nothing here.
            if self.ready.writing.tokens().len() > before {
                self.trail.push(states(right));
            }
            if !written.text.is_empty() {
                let _ = self.ready.events.try_send(Event::Text(written.text));
            }
            if written.ended || guess.get(right) != self.ready.writing.tokens().last() {
                break written.ended;
            }
            right += 1;
        };
        self.computed += right;
        if !guess.is_empty() {
            self.guesses.learn(guess.len(), right);
        }
        Ok(ended)
    }

    /// Ends the reply.
    pub(super) fn end(&self, tokenizer: &Tokenizer) {
        let trail = Some(self.trail.trail());
        let reply = self.ready.writing.reply(tokenizer);
        self.tell(reply.map(|reply| Reply { trail, ..reply }).map_err(GenerateError::from));
    }

    pub(super) fn tell(&self, reply: std::result::Result<Reply, GenerateError>) {
        self.ready.tell(reply);
    }

    pub(super) fn tell_waiting(&self) {
        self.ready.tell_waiting();
    }

    /// The pages that are full, by name, as far as somebody may find them again.
    pub(super) fn full(&self) -> impl Iterator<Item = (Key, Arc<Page>)> + '_ {
        keys(self.ready.owner, &self.ready.writing.tokens()[..self.computed])
            .into_iter()
            .zip(self.pages.iter().cloned())
    }
}
