//! Characters: imported from the common formats, and exported again.
//!
//! [`import`] reads Character Cards V1, V2 and V3 as JSON, inside PNG, APNG and WebP images and as CHARX archives, and
//! Eliza's `character.json`. All become one [`Character`]; fields that no specification names survive a round trip; the
//! [`Report`] notes data that was changed or dropped. [`Lorebook`] lists the fields that are heeded of each maker's
//! lorebooks. [`Character::prompt`](Character::prompt) builds the prompt for a model: lorebook entries that the
//! conversation activates, decorators, macros.
//!
//! Formats: [V1](https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v1.md),
//! [V2](https://github.com/malfoyslastname/character-card-spec-v2),
//! [V3](https://github.com/kwaroran/character-card-spec-v3), [Eliza](https://github.com/elizaOS/eliza).

mod activate;
mod agnai;
mod aliases;
#[cfg(feature = "cards")]
mod byaf;
mod card;
#[cfg(feature = "cards")]
mod charx;
mod decorator;
mod eliza;
mod error;
mod fields;
mod import;
mod lorebook;
pub(crate) mod macros;
mod placeholder;
#[cfg(feature = "cards")]
mod png;
mod prompt;
mod published;
mod webp;

pub use error::CardError;
#[cfg(feature = "import")]
pub(crate) use import::looks_like_yaml;
pub use import::{Container, EmbeddedFile, Imported, Spec, import};
pub use lorebook::{LoreEntry, Lorebook, Position};
pub use macros::Macros;
pub use prompt::{Prompt, Scene};
pub use published::{CardPrompt, RECIPE};

pub use crate::pov::Profile;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

#[cfg(doc)]
use crate::report::Report;

/// Largest card as JSON, wherever it is embedded: 16 MiB.
pub const MAX_CARD_BYTES: usize = 16 << 20;
/// Largest image or archive that a card is looked for in: 256 MiB.
pub const MAX_CARD_FILE_BYTES: usize = 256 << 20;
/// Most files that a card may carry.
pub const MAX_EMBEDDED_FILES: usize = 4_096;
/// Largest file that a card may carry, unpacked: 64 MiB.
pub const MAX_EMBEDDED_FILE_BYTES: usize = 64 << 20;
/// Most bytes of all files that a card carries, unpacked: 256 MiB.
pub const MAX_EMBEDDED_BYTES: usize = 256 << 20;
/// Most entries of a lorebook.
pub const MAX_LORE_ENTRIES: usize = 16_384;

/// A character with everything that a card can say of it.
///
/// Absent optional fields stay absent when a card is written again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Character {
    /// Its name; replaces `{{char}}` unless there is a nickname.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its personality, in a few words.
    pub personality: String,
    /// The scene of the conversation.
    pub scenario: String,
    /// Its first message.
    pub first_message: String,
    /// Examples of how it speaks: blocks after `<START>`, lines `{{user}}: …` and `{{char}}: …`.
    pub message_examples: String,
    /// For people who use the card; never part of a prompt.
    pub creator_notes: String,
    /// Replaces the host's system prompt if it is not empty; `{{original}}` stands for the host's.
    pub system_prompt: String,
    /// Comes after the conversation; `{{original}}` as above.
    pub post_history_instructions: String,
    /// Other first messages.
    pub alternate_greetings: Vec<String>,
    /// First messages for conversations of several characters.
    pub group_only_greetings: Vec<String>,
    /// Words to find it by; never part of a prompt.
    pub tags: Vec<String>,
    /// The author of the card.
    pub creator: String,
    /// The creator's own version of the card.
    pub character_version: String,
    /// Replaces `{{char}}` where given.
    pub nickname: Option<String>,
    /// The notes in other languages, by ISO 639-1 code.
    pub creator_notes_multilingual: BTreeMap<String, String>,
    /// The origin of the card: ids and addresses, only ever added to.
    pub source: Vec<String>,
    /// Seconds since 1970 (UTC); 0 if the creator hides it.
    pub creation_date: Option<i64>,
    /// Seconds since 1970 (UTC); 0 if the creator hides it.
    pub modification_date: Option<i64>,
    /// Pictures, sounds and other files that belong to the card.
    pub assets: Vec<Asset>,
    /// Its knowledge, brought up by keywords.
    pub lorebook: Option<Lorebook>,
    /// Data of applications, by their own names.
    pub extensions: Map<String, Value>,
    /// Fields beside these that no specification names; kept for writing the card again.
    pub unknown: Map<String, Value>,
    /// The same for fields around the `data` of a card.
    pub unknown_outside: Map<String, Value>,
}

/// A file that belongs to a card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asset {
    /// `icon`, `background`, `user_icon`, `emotion`, or a name of its own beginning with `x_`.
    pub kind: String,
    /// `embeded://path` inside a CHARX, `ccdefault:`, `data:`, or an address.
    pub uri: String,
    /// The asset's name; of several icons, one is `main`.
    pub name: String,
    /// File name extension in lower case, or `unknown`.
    pub extension: String,
}

impl Character {
    /// Reads a card of any format; [`import`] also returns the repairs and the embedded files.
    ///
    /// ```
    /// use lazai_core::character::Character;
    /// let card = r#"{"spec": "chara_card_v2", "spec_version": "2.0",
    ///                "data": {"name": "Ada", "description": "{{char}} counts."}}"#;
    /// assert_eq!(Character::from_bytes(card.as_bytes())?.system_prompt("you"), "Ada counts.");
    /// # Ok::<(), lazai_core::character::CardError>(())
    /// ```
    ///
    /// # Errors
    /// [`CardError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CardError> {
        import(bytes).map(|imported| imported.character)
    }

    /// The name that replaces `{{char}}`.
    #[must_use]
    pub fn called(&self) -> &str {
        self.nickname.as_deref().filter(|n| !n.trim().is_empty()).unwrap_or(&self.name)
    }

    /// First message `n` as the card has it, with its macros: 0 is [`first_message`](Self::first_message), then the alternate ones.
    /// If the first one is empty, front ends show the first alternate one that is not.
    #[must_use]
    pub fn greeting(&self, n: usize) -> Option<&str> {
        match n.checked_sub(1) {
            None => {
                let mut all = std::iter::once(&self.first_message).chain(&self.alternate_greetings);
                Some(all.find(|greeting| !greeting.trim().is_empty()).unwrap_or(&self.first_message))
            }
            Some(alternate) => self.alternate_greetings.get(alternate).map(String::as_str),
        }
    }

    /// First message `n` as a user sees it: with its macros filled in.
    #[must_use]
    pub fn greeting_to(&self, n: usize, user: &str) -> Option<String> {
        self.greeting(n).map(|greeting| self.macros(user).fill(greeting))
    }

    /// The part of the character that is published with a dataset.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile {
            name: self.name.clone(),
            description: self.description.clone(),
            personality: self.personality.clone(),
            scenario: self.scenario.clone(),
            first_message: self.first_message.clone(),
            message_examples: self.message_examples.clone(),
            creator: self.creator.clone(),
            character_version: self.character_version.clone(),
            tags: self.tags.clone(),
        }
    }
}

impl Profile {
    /// The character's description, personality and scenario. A part of the text that a node gives to a model, all of which
    /// is [`Character::system_prompt`].
    #[must_use]
    pub fn persona(&self, user: &str) -> String {
        self.fill(&prompt::joined([&self.description, &self.personality, &self.scenario]), user)
    }

    /// The examples of its speech, filled in.
    #[must_use]
    pub fn examples(&self, user: &str) -> String {
        self.fill(&self.message_examples, user)
    }

    /// Fills in the [`Macros`] of a text.
    #[must_use]
    pub fn fill(&self, text: &str, user: &str) -> String {
        let card = macros::Texts {
            description: &self.description,
            personality: &self.personality,
            scenario: &self.scenario,
            examples: &self.message_examples,
            first_message: &self.first_message,
            version: &self.character_version,
            ..macros::Texts::NONE
        };
        Macros::new(&self.name, user).with_texts(card).fill(text)
    }
}
