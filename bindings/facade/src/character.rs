//! Cards in and out, prompts.

use std::sync::Arc;

use lazai::core::character;

use crate::{LazaiError, Message, record, same_words, words};

words! {
    /// An importer's action on data that it could not take as it was.
    pub enum FileAction {
        /// It is not in the result.
        Dropped,
        /// It became part of its neighbour.
        Merged,
        /// It is in the result, changed.
        Repaired,
    }
}
same_words!(FileAction, lazai::core::report::Action, Dropped, Merged, Repaired);

record! {
    /// Something that an importer dropped, merged or repaired.
    pub struct FileNote {
        /// The action.
        pub action: FileAction,
        /// The place in the file.
        pub place: String,
        /// The reason.
        pub reason: String,
    }
}

impl From<&lazai::core::report::Note> for FileNote {
    fn from(note: &lazai::core::report::Note) -> Self {
        let action = note.action.try_into().unwrap_or(FileAction::Repaired);
        Self { action, place: note.place.clone(), reason: note.reason.clone() }
    }
}

/// A character, out of a card of any format (V1, V2, V3; JSON, PNG, APNG, WebP, CHARX) or an Eliza file.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct Character {
    inner: character::Character,
    notes: Vec<FileNote>,
}

#[cfg(feature = "native")]
impl Character {
    pub(crate) fn profile(&self) -> character::Profile {
        self.inner.profile()
    }

    /// The prompts that its public part will make.
    pub(crate) fn card_prompt(&self) -> Result<character::CardPrompt, LazaiError> {
        Ok(character::CardPrompt::of_character(&self.inner)?)
    }

    pub(crate) fn prompt_card(&self) -> lazai::core::pov::PromptCard {
        self.inner.prompt_card()
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Character {
    /// Reads a card.
    ///
    /// # Errors
    /// `card.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Arc<Self>, LazaiError> {
        let imported = character::import(&bytes)?;
        let notes = imported.report.notes.iter().map(FileNote::from).collect();
        Ok(Arc::new(Self { inner: imported.character, notes }))
    }

    /// The character's name.
    pub fn name(&self) -> String {
        self.inner.name.clone()
    }

    /// The author of the card.
    pub fn creator(&self) -> String {
        self.inner.creator.clone()
    }

    /// Search words.
    pub fn tags(&self) -> Vec<String> {
        self.inner.tags.clone()
    }

    /// First message `index`: 0 is the card's own, then come the alternate ones. Macros are filled in.
    pub fn greeting(&self, index: u32, user: String) -> Option<String> {
        self.inner.greeting_to(index as usize, &user)
    }

    /// The messages that a model gets for a conversation with the card before it: as nodes build them for a character that was
    /// published with `prompted`. The card's system prompt, who the character is, examples, lore that the conversation brings up.
    ///
    /// # Errors
    /// `card.…` if its lorebook cannot be published.
    pub fn prompt(&self, messages: Vec<Message>) -> Result<Vec<Message>, LazaiError> {
        let messages: Vec<_> = messages.into_iter().map(Into::into).collect();
        let prompt = character::CardPrompt::of_character(&self.inner)?;
        Ok(prompt.messages(&messages).iter().map(Message::from).collect())
    }

    /// The words before a conversation, as its system message, where a node adds none: the card's system prompt, lore that is
    /// always there, who the character is, examples, and what comes after the conversation.
    pub fn system_prompt(&self, user: String) -> String {
        self.inner.system_prompt(&user)
    }

    /// The part of the system prompt about the character: description, personality and scenario.
    pub fn persona(&self, user: String) -> String {
        self.inner.profile().persona(&user)
    }

    /// The part of the system prompt with examples of the character's speech.
    pub fn examples(&self, user: String) -> String {
        self.inner.profile().examples(&user)
    }

    /// Entries of its lorebook.
    pub fn lorebook_entries(&self) -> u32 {
        let entries = self.inner.lorebook.as_ref().map_or(0, |book| book.entries.len());
        u32::try_from(entries).unwrap_or(u32::MAX)
    }

    /// Notes on data that was dropped, merged or repaired when the card was read.
    pub fn notes(&self) -> Vec<FileNote> {
        self.notes.clone()
    }

    /// The card as JSON of version 2; data without a place in V2 is kept under `extensions`.
    pub fn to_v2_json(&self) -> String {
        self.inner.to_v2_json().to_string()
    }

    /// The card as JSON of version 3.
    pub fn to_v3_json(&self) -> String {
        self.inner.to_v3_json().to_string()
    }

    /// The card inside a PNG image, for readers of V2 and V3.
    ///
    /// # Errors
    /// `card.damaged`, `card.too_large`.
    pub fn to_png(&self, image: Vec<u8>) -> Result<Vec<u8>, LazaiError> {
        Ok(self.inner.to_png(&image)?)
    }
}
