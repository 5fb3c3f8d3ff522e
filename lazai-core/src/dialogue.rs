//! Conversations: JSON Lines in the shape of chat messages, one dialogue a line.
//!
//! ```json
//! {"id": "wires-1", "contributor": "mira", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "…"}]}
//! ```

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest file of dialogues that is read: 256 MiB.
pub const MAX_DIALOGUES_BYTES: usize = 256 << 20;

/// Who says a message.
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
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// A conversation with the character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// Name of the dialogue, unique in its file.
    pub id: String,
    /// Who wrote it.
    pub contributor: String,
    /// The messages in order; the character answers at least once.
    pub messages: Vec<Message>,
}

/// Why a file of dialogues could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// Two dialogues of one name.
    #[error("line {line}: id {id:?} was used on line {first}")]
    DuplicateId {
        /// Line of the second, from 1.
        line: usize,
        /// Line of the first.
        first: usize,
        /// The name.
        id: String,
    },
    /// Not JSON, or not of the expected shape.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Line of the fault, from 1.
        line: usize,
        /// What was expected.
        reason: String,
    },
    /// The character never speaks, or a message is empty.
    #[error("line {line}: dialogue {id:?} {reason}")]
    NothingSaid {
        /// Line of the dialogue, from 1.
        line: usize,
        /// Its name.
        id: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// More than [`MAX_DIALOGUES_BYTES`].
    #[error("{bytes} bytes exceed the limit of {MAX_DIALOGUES_BYTES}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
}

/// Reads dialogues from JSON Lines; blank lines are skipped.
///
/// # Errors
/// [`DialogueError`], naming the line.
pub fn from_jsonl(text: &[u8]) -> Result<Vec<Dialogue>, DialogueError> {
    if text.len() > MAX_DIALOGUES_BYTES {
        return Err(DialogueError::TooLarge { bytes: text.len() });
    }
    let mut dialogues = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for (index, raw) in text.split(|&b| b == b'\n').enumerate() {
        let line = index + 1;
        if raw.trim_ascii().is_empty() {
            continue;
        }
        let dialogue: Dialogue =
            serde_json::from_slice(raw).map_err(|e| DialogueError::Malformed { line, reason: e.to_string() })?;
        let refused = |reason| Err(DialogueError::NothingSaid { line, id: dialogue.id.clone(), reason });
        if dialogue.messages.iter().any(|m| m.content.trim().is_empty()) {
            return refused("has an empty message");
        }
        if !dialogue.messages.iter().any(|m| m.role == Role::Assistant) {
            return refused("has no message of the character");
        }
        if let Some(first) = seen.insert(dialogue.id.clone(), line) {
            return Err(DialogueError::DuplicateId { line, first, id: dialogue.id });
        }
        dialogues.push(dialogue);
    }
    Ok(dialogues)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"a","contributor":"m","messages":[{"role":"assistant","content":"hi"}]}"#;

    #[test]
    fn lines_are_counted_in_errors() {
        assert_eq!(from_jsonl(format!("{GOOD}\n\n").as_bytes()).unwrap().len(), 1);
        let read = |s: String| from_jsonl(s.as_bytes()).unwrap_err();
        assert!(matches!(read(format!("\n{GOOD}\n{{")), DialogueError::Malformed { line: 3, .. }));
        assert!(matches!(read(format!("{GOOD}\n{GOOD}")), DialogueError::DuplicateId { line: 2, first: 1, .. }));
        assert!(matches!(read(GOOD.replace("assistant", "user")), DialogueError::NothingSaid { .. }));
        assert!(matches!(read(GOOD.replace("hi", " ")), DialogueError::NothingSaid { .. }));
        assert!(matches!(read(GOOD.replace("assistant", "robot")), DialogueError::Malformed { .. }));
    }
}
