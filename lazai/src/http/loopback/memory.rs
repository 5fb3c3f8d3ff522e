//! What the proxy remembers: a memory for each character, if it is asked to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::message::Message;

use super::Inner;
use crate::conversation::TokenCounter;
use crate::memory::{Meaning, Memory, MemoryError, MemoryKey, Remembering, Turn};
use crate::wire::openai::ApiError;

/// The memories of a proxy's characters: a file for each class, `CLASS.lzm`, whatever its version.
pub struct Memories {
    folder: PathBuf,
    key: MemoryKey,
    max_tokens: u32,
    counter: Option<Arc<dyn TokenCounter>>,
    model: Option<Arc<dyn Meaning>>,
    open: Mutex<BTreeMap<u64, Remembering>>,
}

impl Memories {
    /// Memories in a folder, by their owner's key, of which so many tokens are recalled for a message; counted by the base model's
    /// tokenizer if it is at hand.
    pub fn new(
        folder: impl Into<PathBuf>,
        key: MemoryKey,
        max_tokens: u32,
        counter: Option<Arc<dyn TokenCounter>>,
    ) -> Self {
        Self { folder: folder.into(), key, max_tokens, counter, model: None, open: Mutex::default() }
    }

    /// Finds by meaning, too, with a model on this device ([`Memory::find_by_meaning`]).
    #[must_use]
    pub fn with_meaning(mut self, model: Arc<dyn Meaning>) -> Self {
        self.model = Some(model);
        self
    }

    /// The memory of a model's character; `None` for what is no model of a market.
    fn of(&self, model: &str) -> Result<Option<Remembering>, MemoryError> {
        let class = model.strip_prefix("dat:").and_then(|model| model.split_once(':')?.0.parse::<u64>().ok());
        let Some(class) = class else { return Ok(None) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = open.get(&class) {
            return Ok(Some(found.clone()));
        }
        let memory = Memory::open(self.folder.join(format!("{class}.lzm")), self.key.clone())?;
        if let Some(model) = &self.model {
            memory.find_by_meaning(model.clone());
        }
        let found = Remembering::new(memory, self.max_tokens, self.counter.clone());
        open.insert(class, found.clone());
        Ok(Some(found))
    }
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memories {{ folder: {:?}, max_tokens: {} }}", self.folder, self.max_tokens)
    }
}

impl From<MemoryError> for ApiError {
    fn from(error: MemoryError) -> Self {
        Self::new(500, "loopback.memory", error)
    }
}

impl Inner {
    /// The messages with what is recalled for the last one.
    pub(super) fn recalled(&self, model: &str, messages: Vec<Message>) -> Result<Vec<Message>, MemoryError> {
        match self.memories.get().map(|memories| memories.of(model)).transpose()?.flatten() {
            Some(remembering) => remembering.prepare(messages),
            None => Ok(messages),
        }
    }

    /// Remembers a reply that was paid. A failure is logged; it is told before the next reply.
    pub(super) fn remember(&self, model: &str, turn: Turn, messages: &[Message], reply: &str) {
        let Some(memories) = self.memories.get() else { return };
        let keep = || match memories.of(model)? {
            Some(remembering) => remembering.keep(turn, messages, reply, self.consumer.now_s()),
            None => Ok(()),
        };
        if let Err(error) = keep() {
            tracing::warn!(%error, "a reply could not be remembered");
        }
    }
}
