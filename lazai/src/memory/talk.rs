//! Remembering and recalling around a conversation.

use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::message::{Message, Role};

use super::index::cut;
use super::note::{has_note, take_off};
use super::{Author, Entry, EntryId, MAX_TEXT_BYTES, Memory, MemoryError, Query, Recall, Turn, without_note};
use crate::conversation::{Conversation, TokenCounter};
use crate::node::ReplySettings;

/// The most bytes of words that are summed up at a time: some prompts' ceilings are low.
const SUMMED_BYTES: usize = 4 << 10;
/// The fewest entries that are worth a summary.
const SUMMED_ENTRIES: usize = 6;
/// The most tokens of a summary.
const SUMMARY_TOKENS: u32 = 160;

/// What a conversation does with a memory: recall before each message, remember after each reply.
#[derive(Clone)]
pub struct Remembering {
    memory: Memory,
    max_tokens: u32,
    summaries: bool,
    counter: Option<Arc<dyn TokenCounter>>,
    /// The last message, and as it was sent: said again after a failure, it is the same request.
    last: Arc<Mutex<Option<Said>>>,
}

struct Said {
    turn: usize,
    words: String,
    sent: String,
    recall: Recall,
}

impl Remembering {
    /// Recalls at most so many tokens for each message. `counter` is that of the character's base model: without it, three bytes are
    /// taken for a token.
    #[must_use]
    pub fn new(memory: Memory, max_tokens: u32, counter: Option<Arc<dyn TokenCounter>>) -> Self {
        Self { memory, max_tokens, summaries: false, counter, last: Arc::default() }
    }

    /// Has the character sum up, when a conversation begins, what was said since its last summary. Each summary is a reply, and is
    /// paid as any other.
    #[must_use]
    pub fn with_summaries(mut self) -> Self {
        self.summaries = true;
        self
    }

    /// The memory.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What was recalled for the last message.
    #[must_use]
    pub fn recalled(&self) -> Option<Recall> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|said| said.recall.clone())
    }

    /// The messages as they are sent: a note before the words of the last one, if the user says it, and none before earlier ones. A
    /// message that has its note is sent as it is.
    ///
    /// # Errors
    /// As [`Memory::recall`].
    pub fn prepare(&self, mut messages: Vec<Message>) -> Result<Vec<Message>, MemoryError> {
        let Some((asked, before)) = messages.split_last_mut() else { return Ok(messages) };
        take_off(before);
        if asked.role != Role::User || has_note(&asked.content) {
            return Ok(messages);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = last.as_ref().filter(|said| said.turn == before.len() && said.words == asked.content) {
            asked.content.clone_from(&said.sent);
            return Ok(messages);
        }
        let counter = self.counter.as_deref();
        let recall =
            self.memory.recall(&Query { said: &asked.content, before, max_tokens: self.max_tokens, counter })?;
        let words = std::mem::take(&mut asked.content);
        asked.content = recall.before(&words);
        *last = Some(Said { turn: before.len(), words, sent: asked.content.clone(), recall });
        Ok(messages)
    }

    /// Remembers a turn: the last message, if the user said it, and its reply. A turn that is remembered already stays as it is.
    ///
    /// # Errors
    /// As [`Memory::note`].
    pub fn keep(&self, turn: Turn, messages: &[Message], reply: &str, at_s: u64) -> Result<(), MemoryError> {
        let asked = messages.last().filter(|message| message.role == Role::User);
        let said = asked.map(|message| (Author::User, without_note(&message.content)));
        let mut entries = Vec::new();
        for (author, words) in said.into_iter().chain([(Author::Character, reply)]) {
            let words = words.trim();
            let text = words[..cut(words, MAX_TEXT_BYTES)].to_owned();
            if !text.is_empty() {
                let id = EntryId::random()?;
                entries.push(Entry { id, at_s, author, text, turn: Some(turn), pinned: false, edited: false });
            }
        }
        self.memory.add(entries)
    }

    /// Remembers the last turn of a conversation. A failure is logged: the reply is there, and is paid.
    pub fn kept(&self, conversation: &Conversation, at_s: u64) {
        let Some((reply, asked)) = conversation.messages.split_last() else { return };
        if let Err(error) = self.keep(Turn::last_of(conversation), asked, &reply.content, at_s) {
            tracing::warn!(%error, "a turn could not be remembered");
        }
    }

    /// The request for a summary, if a conversation begins, summaries are wanted and enough was said since the last one.
    ///
    /// # Errors
    /// As [`Memory::entries`].
    pub fn summary_request(
        &self,
        conversation: &[Message],
    ) -> Result<Option<(Vec<Message>, ReplySettings)>, MemoryError> {
        if !self.summaries || conversation.iter().any(|message| message.role != Role::System) {
            return Ok(None);
        }
        let entries = self.memory.entries()?;
        let last = entries.iter().rposition(|entry| entry.author == Author::Summary);
        let since = entries.get(last.map_or(0, |place| place + 1)..).unwrap_or_default();
        if since.len() < SUMMED_ENTRIES {
            return Ok(None);
        }
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for entry in since.iter().rev() {
            let line = super::note::line(0, entry.author, &entry.text[..cut(&entry.text, SUMMED_BYTES / 8)]);
            bytes += line.len() + 1;
            if bytes > SUMMED_BYTES {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        let before = last.and_then(|place| entries.get(place));
        let before = before.map(|entry| super::note::line(0, entry.author, &entry.text));
        let lines: Vec<String> = before.into_iter().chain(lines).collect();
        let asked = "These are notes of our earlier talks. In at most five short sentences, sum up what they tell about me that will \
                     matter later: names, places, dates, wishes. Say nothing that they do not tell.";
        let settings = ReplySettings { max_tokens: Some(SUMMARY_TOKENS), ..ReplySettings::default() };
        Ok(Some((vec![Message::new(Role::User, format!("{asked}\n\n{}", lines.join("\n")))], settings)))
    }

    /// Keeps the summary that a conversation's last reply is.
    ///
    /// # Errors
    /// As [`Memory::note`].
    pub fn keep_summary(&self, conversation: &Conversation, text: &str, at_s: u64) -> Result<(), MemoryError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let turn = Turn::last_of(conversation);
        let (id, text, author) = (EntryId::random()?, text[..cut(text, MAX_TEXT_BYTES)].to_owned(), Author::Summary);
        self.memory.add(vec![Entry { id, at_s, author, text, turn: Some(turn), pinned: false, edited: false }])
    }
}

impl std::fmt::Debug for Remembering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { memory, max_tokens, summaries, .. } = self;
        write!(f, "Remembering {{ memory: {memory:?}, max_tokens: {max_tokens}, summaries: {summaries} }}")
    }
}
