//! One thing that is remembered.

use std::fmt;
use std::str::FromStr;

use lazai_core::{Digest, SessionId};
use serde::{Deserialize, Serialize};

use super::MemoryError;
use crate::conversation::Conversation;

/// The number of an entry: drawn at random, so that memories of several devices can be joined. Written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EntryId(pub u64);

impl EntryId {
    /// A fresh number.
    ///
    /// # Errors
    /// [`MemoryError::NoRandomness`].
    pub fn random() -> Result<Self, MemoryError> {
        let random = Digest::random().map_err(|_| MemoryError::NoRandomness)?;
        Ok(Self(random.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes)))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for EntryId {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| MemoryError::UnknownEntry { id: text.chars().take(32).collect() })
    }
}

impl From<EntryId> for String {
    fn from(id: EntryId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for EntryId {
    type Error = MemoryError;

    fn try_from(text: String) -> Result<Self, MemoryError> {
        text.parse()
    }
}

/// Whose words an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The person, in a conversation.
    User,
    /// The character, in a conversation.
    Character,
    /// The person, outside of any conversation.
    Note,
    /// The character, asked to sum up what was said.
    Summary,
}

impl Author {
    /// The name before a recalled line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Character => "Character",
            Self::Note => "Note",
            Self::Summary => "Summary",
        }
    }
}

/// The turn that an entry's words are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The session.
    pub session: SessionId,
    /// The reply's number in it, from 1.
    pub turn: u32,
}

impl Turn {
    /// The last turn of a conversation.
    #[must_use]
    pub fn last_of(conversation: &Conversation) -> Self {
        Self { session: conversation.session, turn: u32::try_from(conversation.receipts.len()).unwrap_or(u32::MAX) }
    }
}

/// One thing that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// When it was said, in seconds since 1970, by the user's clock; 0 if no clock was at hand.
    #[serde(default)]
    pub at_s: u64,
    /// Whose words these are.
    pub author: Author,
    /// The words.
    pub text: String,
    /// The turn that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// True if every prompt has it, as far as the budget reaches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// True if the user changed the words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
}
