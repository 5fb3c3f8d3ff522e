//! Messages, and the conversations that they make.
//!
//! [`dialogue`](crate::dialogue) reads them from people's files; nodes and consumers exchange them.

use serde::{Deserialize, Serialize};

/// The speaker of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets the scene.
    System,
    /// The person.
    User,
    /// The character.
    Assistant,
}

impl Role {
    /// The name that chat templates use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// Parses a role name. Returns `None` for tools and personal names.
    ///
    /// ```
    /// use lazai_core::message::Role;
    /// assert_eq!(Role::from_name("GPT"), Some(Role::Assistant));
    /// assert_eq!(Role::from_name("tool"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "system" | "developer" | "context" => Some(Self::System),
            "user" | "human" | "prompter" | "question" | "{{user}}" | "<user>" | "you" => Some(Self::User),
            "assistant" | "gpt" | "bot" | "model" | "chatbot" | "ai" | "char" | "character" | "chatgpt" | "bing"
            | "bard" | "claude" | "answer" | "{{char}}" | "<bot>" | "<char>" => Some(Self::Assistant),
            _ => None,
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The speaker.
    pub role: Role,
    /// The text.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// A conversation with the character: no message is empty, no two neighbours have one role, and the character speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// Name of the dialogue; `line-N` if the file has none.
    pub id: String,
    /// The contributor.
    pub contributor: String,
    /// The messages in order.
    pub messages: Vec<Message>,
    /// Messages of the character, by index from 0, that are context and not to be learnt: files may mark them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<u32>,
}
