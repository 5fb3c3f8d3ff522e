//! A reply in the making.

use std::sync::Arc;

use async_channel::Sender;
use lazai_core::Digest;

use super::adapter::ServedAdapter;
use super::engine::Place;
use super::pages::{PAGE, Page, Shape};
use super::store::Key;
use crate::base::Tokenizer;
use crate::error::{GenerateError, Result};
use crate::generate::{Event, Reply, Writing};

/// A job that is ready to be computed.
pub(super) struct Ready {
    pub(super) writing: Writing,
    /// Set when it begins.
    pub(super) adapter: Option<Arc<ServedAdapter>>,
    pub(super) adapter_digest: Option<Digest>,
    pub(super) conversation: Option<Digest>,
    pub(super) events: Sender<Event>,
    /// Held until the reply has ended.
    #[allow(dead_code, reason = "gives itself back")]
    pub(super) place: Place,
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
}

impl Sequence {
    /// Begins with what is known of its beginning, which is never all of it: the last token's scores are needed.
    pub(super) fn new(ready: Ready, mut known: Vec<Arc<Page>>, shape: Shape) -> Self {
        known.truncate(ready.writing.prompt().len().saturating_sub(1) / PAGE);
        let computed = known.len() * PAGE;
        let missing = ready.pages() - known.len();
        known.extend((0..missing).map(|_| shape.page()));
        Self { ready, computed, pages: known }
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

    /// Chooses the next token by its scores, and tells its text; true when the reply is whole.
    pub(super) fn choose(&mut self, tokenizer: &Tokenizer, scores: &[f32]) -> Result<bool, GenerateError> {
        let written = self.ready.writing.choose(tokenizer, scores)?;
        if !written.text.is_empty() {
            let _ = self.ready.events.try_send(Event::Text(written.text));
        }
        Ok(written.ended)
    }

    /// Ends the reply.
    pub(super) fn end(&self, tokenizer: &Tokenizer) {
        self.tell(self.ready.writing.reply(tokenizer).map_err(GenerateError::from));
    }

    pub(super) fn tell(&self, reply: std::result::Result<Reply, GenerateError>) {
        self.ready.tell(reply);
    }

    pub(super) fn tell_waiting(&self) {
        self.ready.tell_waiting();
    }

    /// The pages that are full, by name, if somebody may find them again.
    pub(super) fn full(&self) -> Option<impl Iterator<Item = (Key, Arc<Page>)> + '_> {
        let conversation = self.ready.conversation?;
        let keys =
            super::store::keys(self.ready.adapter_digest, conversation, &self.ready.writing.tokens()[..self.computed]);
        Some(keys.into_iter().zip(self.pages.iter().cloned()))
    }
}
