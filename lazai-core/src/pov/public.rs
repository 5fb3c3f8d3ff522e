//! The public part: canonical JSON of at most 32 KiB.

use serde::{Deserialize, Serialize};

use super::{Contributor, MAX_CONTRIBUTORS, PovError};
use crate::digest::{DomainHasher, canonical_json};
use crate::id::Digest;

/// Largest public part: 32 KiB, as LazAI's POV gives for data kept on chain.
pub const MAX_PUBLIC_BYTES: usize = 32 * 1024;

const FORMAT: &str = "lazai.pov.public.v1";

/// The published part of a character: the fields that shape a plain prompt, and the author. Part of a dataset's public
/// part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name; replaces `{{char}}`.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its personality, in a few words.
    #[serde(default)]
    pub personality: String,
    /// The scene of the conversation.
    #[serde(default)]
    pub scenario: String,
    /// Its first message.
    #[serde(default, rename = "first_mes")]
    pub first_message: String,
    /// Examples of how it speaks.
    #[serde(default, rename = "mes_example")]
    pub message_examples: String,
    /// The author of the card.
    #[serde(default)]
    pub creator: String,
    /// The creator's own version of the card.
    #[serde(default)]
    pub character_version: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// What a card says beside its [`Profile`] that shapes prompts.
///
/// A public part that has it asks for the card: nodes put it before every conversation, consumers count it, and the model
/// is trained behind it. `CardPrompt` (feature `character`) builds the prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptCard {
    /// How prompts are built: `card.v1`.
    pub recipe: String,
    /// Replaces `{{char}}` where it is not empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nickname: String,
    /// Its system prompt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub system_prompt: String,
    /// The text after the conversation.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "post_history_instructions")]
    pub post_history: String,
    /// SillyTavern's note at a depth of the conversation, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "depth_prompt")]
    pub note: String,
    /// The lorebook, as a V3 card has it, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "character_book")]
    pub lorebook: String,
}

/// The public part of a dataset: anyone may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicPart {
    format: String,
    /// The character, as its card says.
    pub character: Profile,
    /// Prompts that show how to talk with it.
    pub prompts: Vec<String>,
    /// The contributors of the material.
    pub contributors: Vec<Contributor>,
    /// The origin of the voice recordings; empty if there are none.
    pub voice_source: String,
    /// The rest of the card, if the model is prompted by it; without it, a conversation's own messages are all of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptCard>,
}

impl PublicPart {
    /// A public part; its size is checked when it is written.
    #[must_use]
    pub fn new(
        character: Profile,
        prompts: Vec<String>,
        contributors: Vec<Contributor>,
        voice_source: impl Into<String>,
    ) -> Self {
        let voice_source = voice_source.into();
        Self { format: FORMAT.into(), character, prompts, contributors, voice_source, prompt: None }
    }

    /// Has the model prompted by the card: `Character::prompt_card` gives its rest.
    #[must_use]
    pub fn with_prompt(mut self, prompt: PromptCard) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// [`PovError::PublicTooLarge`] beyond 32 KiB, [`PovError::Empty`] without prompts or contributors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PovError> {
        let bytes = canonical_json(self).map_err(|e| PovError::Malformed { bytes: 0, reason: e.to_string() })?;
        self.check(bytes.len())?;
        Ok(bytes)
    }

    /// Reads the canonical bytes; other spellings of the same JSON are refused.
    ///
    /// # Errors
    /// [`PovError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PovError> {
        if bytes.len() > MAX_PUBLIC_BYTES {
            return Err(PovError::PublicTooLarge { bytes: bytes.len() });
        }
        let malformed = |reason: String| PovError::Malformed { bytes: bytes.len(), reason };
        let part: Self = serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))?;
        if part.format != FORMAT {
            return Err(malformed(format!("format is {:?}, expected {FORMAT:?}", part.format)));
        }
        if part.to_bytes()? != bytes {
            return Err(malformed("not in canonical form".into()));
        }
        Ok(part)
    }

    /// The digest that submissions carry.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> Digest {
        DomainHasher::new(FORMAT).part(bytes).finish()
    }

    fn check(&self, bytes: usize) -> Result<(), PovError> {
        if bytes > MAX_PUBLIC_BYTES {
            return Err(PovError::PublicTooLarge { bytes });
        }
        for (what, empty) in [("prompts", self.prompts.is_empty()), ("contributors", self.contributors.is_empty())] {
            if empty {
                return Err(PovError::Empty { what: what.into() });
            }
        }
        if self.contributors.len() > MAX_CONTRIBUTORS {
            let found = self.contributors.len();
            return Err(PovError::TooMany { what: "contributors", found, max: MAX_CONTRIBUTORS });
        }
        Ok(())
    }
}
