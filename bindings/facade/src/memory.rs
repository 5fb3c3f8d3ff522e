//! Memory that the user owns: what was said before, sealed to the user's key, recalled into prompts.

use std::sync::Arc;

use lazai::memory::{self, EntryId, MemoryError, MemoryKey, Query, Remembering};

use crate::sign::Foreign;
use crate::{Chat, LazaiError, Signer, TokenCounter, record, same_words, words};

words! {
    /// The author of what is remembered.
    pub enum MemoryAuthor {
        /// The person, in a conversation.
        User,
        /// The character, in a conversation.
        Character,
        /// The person, outside of any conversation.
        Note,
        /// The character, asked to sum up what was said.
        Summary,
    }
}
same_words!(MemoryAuthor, memory::Author, User, Character, Note, Summary);

record! {
    /// One thing that is remembered.
    pub struct MemoryEntry {
        /// Its number: 16 hex digits.
        pub id: String,
        /// When it was said, in seconds since 1970, by the user's clock; 0 if no clock was at hand.
        pub at_s: u64,
        /// Whose words these are.
        pub author: MemoryAuthor,
        /// The words.
        pub text: String,
        /// True if every prompt has it, as far as the budget reaches.
        pub pinned: bool,
        /// True if the user changed the words.
        pub edited: bool,
    }
}

record! {
    /// A line that was recalled.
    pub struct RecalledLine {
        /// The number of its entry.
        pub id: String,
        /// The line, as the prompt has it.
        pub line: String,
        /// How well it fits, in thousandths; 0 for entries that are in every prompt.
        pub score_milli: u64,
        /// Tokens of the line.
        pub tokens: u64,
    }
}

record! {
    /// What was recalled for a message.
    pub struct MemoryRecall {
        /// The lines, the oldest first.
        pub lines: Vec<RecalledLine>,
        /// Tokens that they add to the prompt.
        pub tokens: u64,
        /// True if a model's tokenizer counted these tokens; otherwise three bytes are taken for one.
        pub counted: bool,
    }
}

/// What was said before, sealed to its owner's key.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct Memory(pub(crate) memory::Memory);

impl From<memory::Entry> for MemoryEntry {
    fn from(entry: memory::Entry) -> Self {
        let memory::Entry { id, at_s, author, text, pinned, edited, .. } = entry;
        let author = match author {
            memory::Author::User => MemoryAuthor::User,
            memory::Author::Character => MemoryAuthor::Character,
            memory::Author::Note => MemoryAuthor::Note,
            memory::Author::Summary => MemoryAuthor::Summary,
        };
        Self { id: id.to_string(), at_s, author, text, pinned, edited }
    }
}

impl From<memory::Recall> for MemoryRecall {
    fn from(recall: memory::Recall) -> Self {
        let line = |recalled: memory::Recalled| {
            let memory::Recalled { id, line, score_milli, tokens, .. } = recalled;
            RecalledLine { id: id.to_string(), line, score_milli, tokens }
        };
        let memory::Recall { lines, tokens, counted } = recall;
        Self { lines: lines.into_iter().map(line).collect(), tokens, counted }
    }
}

impl From<MemoryError> for LazaiError {
    fn from(error: MemoryError) -> Self {
        lazai::Error::from(error).into()
    }
}

/// The key of a signer's memories.
pub(crate) async fn key_of(signer: Arc<dyn Signer>) -> Result<MemoryKey, LazaiError> {
    Ok(MemoryKey::of(&Foreign::new(signer)?).await?)
}

fn id(text: &str) -> Result<EntryId, LazaiError> {
    Ok(text.parse::<EntryId>()?)
}

/// A memory out of the bytes that [`Memory::to_bytes`] sealed, or an empty one; the signer's key opens it, on every device. A wallet
/// is asked for two signatures, which are sent to nobody.
///
/// # Errors
/// `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn read_memory(sealed: Option<Vec<u8>>, signer: Arc<dyn Signer>) -> Result<Arc<Memory>, LazaiError> {
    let key = key_of(signer).await?;
    Ok(Arc::new(Memory(match sealed {
        Some(sealed) => memory::Memory::from_bytes(&sealed, key)?,
        None => memory::Memory::new(key),
    })))
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Memory {
    /// Adds a note of the user's own, said at a time in seconds since 1970; returns its number.
    ///
    /// # Errors
    /// `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    pub fn note(&self, text: String, at_s: u64) -> Result<String, LazaiError> {
        Ok(self.0.note(&text, at_s)?.to_string())
    }

    /// The entries, the oldest first.
    ///
    /// # Errors
    /// `file`, `memory.…`.
    pub fn list(&self) -> Result<Vec<MemoryEntry>, LazaiError> {
        Ok(self.0.entries()?.into_iter().map(Into::into).collect())
    }

    /// What a message would recall, within so many tokens; each byte is taken for one.
    ///
    /// # Errors
    /// `file`, `memory.…`.
    pub fn recall(&self, said: String, max_tokens: u32) -> Result<MemoryRecall, LazaiError> {
        self.recall_counted(&said, max_tokens, None)
    }

    /// Changes an entry's words.
    ///
    /// # Errors
    /// `memory.unknown_entry`, `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    pub fn edit(&self, id: String, text: String) -> Result<(), LazaiError> {
        Ok(self.0.edit(self::id(&id)?, &text)?)
    }

    /// Has an entry in every prompt, as far as the budget reaches, or no longer.
    ///
    /// # Errors
    /// `memory.unknown_entry`, `file`, `memory.…`.
    pub fn pin(&self, id: String, pinned: bool) -> Result<(), LazaiError> {
        Ok(self.0.pin(self::id(&id)?, pinned)?)
    }

    /// Forgets entries: all of these, or none. They are gone from the file, too; copies of it still have them.
    ///
    /// # Errors
    /// `memory.unknown_entry`, `file`, `memory.…`.
    pub fn forget(&self, ids: Vec<String>) -> Result<(), LazaiError> {
        let ids: Vec<EntryId> = ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
        Ok(self.0.forget(&ids)?)
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// `file`, `memory.…`.
    pub fn forget_all(&self) -> Result<(), LazaiError> {
        Ok(self.0.forget_all()?)
    }

    /// The entries in clear, as JSON, one a line.
    ///
    /// # Errors
    /// `file`, `memory.…`.
    pub fn export_lines(&self) -> Result<String, LazaiError> {
        Ok(self.0.export()?)
    }

    /// Adds the entries of [`export_lines`](Self::export_lines) that are not here yet; returns how many. A wrong line adds none.
    ///
    /// # Errors
    /// `memory.malformed`, `memory.too_large`, `file`, `memory.…`.
    pub fn import_lines(&self, lines: String) -> Result<u64, LazaiError> {
        Ok(self.0.import(&lines)?)
    }

    /// The memory, sealed: for a store, a page's storage, or another device of the same key.
    ///
    /// # Errors
    /// `seal`, `file`, `memory.…`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LazaiError> {
        Ok(self.0.to_bytes()?)
    }
}

/// What a conversation does with a memory.
pub(crate) fn remembering(
    memory: &Memory,
    max_tokens: u32,
    summaries: bool,
    counter: Option<Arc<TokenCounter>>,
) -> Remembering {
    let counter = counter.map(|counter| counter.0.clone() as Arc<dyn lazai::conversation::TokenCounter>);
    let remembering = Remembering::new(memory.0.clone(), max_tokens, counter);
    if summaries { remembering.with_summaries() } else { remembering }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Chat {
    /// Recalls what was said before into each message from now on, within so many tokens (each byte is taken for one), and remembers each
    /// turn. With `summaries`, the character sums up when a conversation begins what was said since its last summary, which
    /// [`say`](Chat::say) pays as any reply.
    pub fn remember_with(&self, memory: Arc<Memory>, max_tokens: u32, summaries: bool) {
        self.remember_counted(&memory, max_tokens, summaries, None);
    }

    /// What was recalled for the last message; none without a memory.
    pub fn recalled(&self) -> Option<MemoryRecall> {
        self.remembering().and_then(|remembering| remembering.recalled()).map(Into::into)
    }
}

impl Memory {
    /// As [`recall`](Self::recall), within tokens of the base model whose counter is given.
    ///
    /// # Errors
    /// As [`recall`](Self::recall).
    pub fn recall_counted(
        &self,
        said: &str,
        max_tokens: u32,
        counter: Option<&Arc<TokenCounter>>,
    ) -> Result<MemoryRecall, LazaiError> {
        let counter = counter.map(|counter| &*counter.0 as &dyn lazai::conversation::TokenCounter);
        Ok(self.0.recall(&Query { said, before: &[], max_tokens, counter })?.into())
    }
}

impl Chat {
    /// As [`remember_with`](Self::remember_with), within tokens of the base model whose counter is given.
    pub fn remember_counted(
        &self,
        memory: &Memory,
        max_tokens: u32,
        summaries: bool,
        counter: Option<Arc<TokenCounter>>,
    ) {
        self.remember(remembering(memory, max_tokens, summaries, counter));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::{Domain, LocalKey, Message, ReplySettings, Role};

    fn message(content: &str) -> Message {
        Message { role: Role::User, content: content.into() }
    }

    /// What one device sealed is recalled at another into the request of a chat, and a chat without it asks as it did.
    #[test]
    fn a_memory_crosses_devices_and_enters_a_request() {
        let key = LocalKey::random().unwrap();
        let here = block_on(read_memory(None, key.clone())).unwrap();
        let id = here.note("My sister Clara moved to Lyon.".into(), 1_772_323_200).unwrap();
        here.note("I collect stamps.".into(), 0).unwrap();
        here.pin(here.list().unwrap()[1].id.clone(), true).unwrap();
        let there = block_on(read_memory(Some(here.to_bytes().unwrap()), key)).unwrap();
        assert_eq!(there.list().unwrap(), here.list().unwrap());
        let recall = there.recall("Where is my sister?".into(), 200).unwrap();
        assert_eq!((recall.lines.len(), recall.lines[0].id.clone(), recall.counted), (2, id.clone(), false));

        let vector = include_bytes!("../../../vectors/chat/reply.json");
        let vector: serde_json::Value = serde_json::from_slice(vector).unwrap();
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let domain: Domain = serde_json::from_value(vector["domain"].clone()).unwrap();
        let chat = Chat::new(text("conversation"), domain, LocalKey::from_hex(text("key")).unwrap()).unwrap();
        let ask = |words: &str| block_on(chat.ask(vec![message(words)], ReplySettings::default())).unwrap().body;
        let before = ask("Where is my sister?");
        chat.remember_with(there.clone(), 200, false);
        let after = ask("Where is my sister?");
        assert!(!before.contains("Lyon") && after.contains("Lyon") && after.contains("stamps"), "{after}");
        assert_eq!(chat.recalled().unwrap(), recall);
        assert_eq!(ask(&chat.prepared("Where is my sister?").unwrap()), after, "what has its note is sent as it is");
        there.forget(vec![id]).unwrap();
        assert_eq!(there.list().unwrap().len(), 1);
        assert_eq!(there.import_lines(here.export_lines().unwrap()).unwrap(), 1);
        there.forget_all().unwrap();
        assert!(there.list().unwrap().is_empty());
    }
}
