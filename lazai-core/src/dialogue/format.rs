//! Formats, defaults for omitted information, and errors of files.

use thiserror::Error;

/// Why a file of dialogues could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The source failed.
    #[error("{reason}")]
    Io {
        /// The operating system's error.
        reason: String,
    },
    /// One conversation of a chat log or table is too large.
    #[error("line {line}: a conversation exceeds the limit of {max} bytes")]
    TooLarge {
        /// The line at the limit.
        line: u64,
        /// The limit.
        max: usize,
    },
    /// No known format.
    #[error("no known format of dialogues: {reason}")]
    UnknownFormat {
        /// The finding.
        reason: String,
    },
}

impl DialogueError {
    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "dialogue.empty",
            Self::Io { .. } => "dialogue.io",
            Self::TooLarge { .. } => "dialogue.too_large",
            Self::UnknownFormat { .. } => "dialogue.unknown_format",
        }
    }
}

impl From<std::io::Error> for DialogueError {
    fn from(error: std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}

/// The format of a file of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Chat messages with role and content.
    Chat,
    /// ShareGPT's from and value.
    ShareGpt,
    /// Instruction and output, prompt and response.
    Alpaca,
    /// SillyTavern's chat log.
    SillyTavern,
    /// ChatGPT's export of conversations.
    ChatGpt,
    /// WhatsApp's export.
    WhatsApp,
    /// `<START>` blocks of text.
    Examples,
    /// A table.
    Csv,
}

impl Format {
    /// A short name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "openai_chat",
            Self::ShareGpt => "sharegpt",
            Self::Alpaca => "alpaca",
            Self::SillyTavern => "sillytavern_chat",
            Self::ChatGpt => "chatgpt_export",
            Self::WhatsApp => "whatsapp",
            Self::Examples => "mes_example",
            Self::Csv => "csv",
        }
    }
}

/// Defaults for information a file omits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The contributor of dialogues that name none.
    pub contributor: String,
    /// Name of the character, for formats that name speakers.
    pub character: Option<String>,
    /// Name of the user, for formats that name speakers.
    pub user: Option<String>,
}
