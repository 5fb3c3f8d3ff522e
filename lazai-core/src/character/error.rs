//! Why bytes are not a character.

use thiserror::Error;

/// Why bytes are not a character.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CardError {
    /// An image or archive whose structure is broken before its card.
    #[error("{container}, byte {offset}: {reason}")]
    Damaged {
        /// `PNG` or `CHARX`.
        container: &'static str,
        /// The offset of the fault, from 0.
        offset: u64,
        /// The expectation.
        reason: String,
    },
    /// A key of the lorebook is a regular expression, and this build reads none: its prompts would be others than a node's.
    #[error(
        "lorebook entry {entry} has a regular expression for a key: this build is without the feature `expressions`"
    )]
    ExpressionsMissing {
        /// The entry, from 0.
        entry: usize,
    },
    /// This build reads no cards inside images and archives.
    #[error("a {container} file: this build is without the feature `cards`")]
    FeatureMissing {
        /// `PNG` or `CHARX`.
        container: &'static str,
    },
    /// Not JSON, or nested deeper than 128 levels.
    #[error("line {line}, column {column}: {reason}")]
    Malformed {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// The expectation.
        reason: String,
    },
    /// An image or archive in which no card is.
    #[error("{container} without a character: expected {expected}")]
    NoCard {
        /// `PNG` or `CHARX`.
        container: &'static str,
        /// The place where a card would be.
        expected: &'static str,
    },
    /// The character has no name.
    #[error("the character has no name: {field} is empty")]
    NoName {
        /// The field that holds it.
        field: &'static str,
    },
    /// JSON that describes something else.
    #[error("not a character: {reason}")]
    NotACharacter {
        /// The finding.
        reason: String,
    },
    /// More than a limit allows.
    #[error("{what} of {bytes} bytes exceeds the limit of {max}")]
    TooLarge {
        /// The part that is too large.
        what: &'static str,
        /// Its size, or the number of bytes read.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// More of something than a limit allows.
    #[error("{found} {what} exceed the limit of {max}")]
    TooMany {
        /// The kind of thing.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A published card asks for another recipe of prompts than the known one.
    #[error("the recipe of prompts is {found:?}, expected \"card.v1\"")]
    UnknownRecipe {
        /// The recipe.
        found: String,
    },
    /// Another `spec` than the known ones.
    #[error("spec is {found:?}, expected \"chara_card_v2\" or \"chara_card_v3\"")]
    UnknownSpec {
        /// The card's `spec`.
        found: String,
    },
}

impl CardError {
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self::Malformed { line: error.line(), column: error.column(), reason: error.to_string() }
    }

    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "card.damaged",
            Self::ExpressionsMissing { .. } | Self::FeatureMissing { .. } => "card.feature_missing",
            Self::Malformed { .. } => "card.malformed",
            Self::NoCard { .. } => "card.no_card",
            Self::NoName { .. } => "card.no_name",
            Self::NotACharacter { .. } => "card.not_a_character",
            Self::TooLarge { .. } => "card.too_large",
            Self::TooMany { .. } => "card.too_many",
            Self::UnknownRecipe { .. } => "card.unknown_recipe",
            Self::UnknownSpec { .. } => "card.unknown_spec",
        }
    }
}
