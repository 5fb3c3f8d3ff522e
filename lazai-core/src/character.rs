//! A character, as its creator describes it: read from a Character Card V2 in JSON.
//!
//! Format: <https://github.com/malfoyslastname/character-card-spec-v2>.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest card that is read: 4 MiB.
pub const MAX_CARD_BYTES: usize = 4 << 20;

/// Why a card is not a character.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CardError {
    /// Not JSON, or a field of another type than the specification gives.
    #[error("line {line}, column {column}: {reason}")]
    Malformed {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What was expected.
        reason: String,
    },
    /// The character has no name.
    #[error("field `data.name` is empty")]
    NoName,
    /// More than [`MAX_CARD_BYTES`].
    #[error("card of {bytes} bytes exceeds the limit of {MAX_CARD_BYTES}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Another `spec` than `chara_card_v2`.
    #[error("spec is {found:?}, expected \"chara_card_v2\"")]
    UnknownSpec {
        /// What the card says.
        found: String,
    },
}

/// Who speaks: the fields of a card that shape a prompt, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Character {
    /// What it is called; replaces `{{char}}`.
    pub name: String,
    /// Who it is.
    pub description: String,
    /// How it is, in a few words.
    #[serde(default)]
    pub personality: String,
    /// Where the conversation takes place.
    #[serde(default)]
    pub scenario: String,
    /// What it says first.
    #[serde(default, rename = "first_mes")]
    pub first_message: String,
    /// Examples of how it speaks: blocks after `<START>`, lines `{{user}}: …` and `{{char}}: …`.
    #[serde(default, rename = "mes_example")]
    pub message_examples: String,
    /// Who made the card.
    #[serde(default)]
    pub creator: String,
    /// The creator's own version of the card.
    #[serde(default)]
    pub character_version: String,
    /// Words to find it by; not part of any prompt.
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Deserialize)]
struct Card {
    spec: String,
    data: Character,
}

impl Character {
    /// Reads a V2 card.
    ///
    /// ```
    /// use lazai_core::character::Character;
    /// let card = r#"{"spec": "chara_card_v2", "spec_version": "2.0",
    ///                "data": {"name": "Ada", "description": "{{char}} counts."}}"#;
    /// assert_eq!(Character::from_card_json(card.as_bytes())?.system_prompt("you"), "Ada counts.");
    /// # Ok::<(), lazai_core::character::CardError>(())
    /// ```
    ///
    /// # Errors
    /// [`CardError`].
    pub fn from_card_json(json: &[u8]) -> Result<Self, CardError> {
        if json.len() > MAX_CARD_BYTES {
            return Err(CardError::TooLarge { bytes: json.len() });
        }
        let card: Card = serde_json::from_slice(json).map_err(|e| CardError::Malformed {
            line: e.line(),
            column: e.column(),
            reason: e.to_string(),
        })?;
        if card.spec != "chara_card_v2" {
            return Err(CardError::UnknownSpec { found: card.spec.chars().take(40).collect() });
        }
        if card.data.name.trim().is_empty() {
            return Err(CardError::NoName);
        }
        Ok(card.data)
    }

    /// The system prompt that a front end would send for this card: description, personality and scenario.
    #[must_use]
    pub fn system_prompt(&self, user: &str) -> String {
        let parts = [self.description.as_str(), self.personality.as_str(), self.scenario.as_str()];
        let text: Vec<&str> = parts.into_iter().filter(|p| !p.trim().is_empty()).collect();
        self.fill(&text.join("\n"), user)
    }

    /// Replaces the macros `{{char}}` and `{{user}}`.
    #[must_use]
    pub fn fill(&self, text: &str, user: &str) -> String {
        text.replace("{{char}}", &self.name).replace("{{user}}", user)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        let read = |s: &str| Character::from_card_json(s.as_bytes()).unwrap_err();
        assert!(matches!(read("{"), CardError::Malformed { line: 1, .. }));
        assert!(matches!(read(r#"{"spec":"x","data":{"name":"a","description":""}}"#), CardError::UnknownSpec { .. }));
        assert_eq!(read(r#"{"spec":"chara_card_v2","data":{"name":" ","description":""}}"#), CardError::NoName);
        let large = vec![b' '; MAX_CARD_BYTES + 1];
        assert!(matches!(Character::from_card_json(&large), Err(CardError::TooLarge { .. })));
    }
}
