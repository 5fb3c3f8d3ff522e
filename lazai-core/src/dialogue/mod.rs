//! Importers for common chat formats.
//!
//! | format | example |
//! |---|---|
//! | [`Format::Chat`] | `{"messages": [{"role": "user", "content": "…"}, …]}`, as OpenAI's |
//! | [`Format::ShareGpt`] | `{"conversations": [{"from": "human", "value": "…"}, …]}` |
//! | [`Format::Alpaca`] | `{"instruction": "…", "input": "…", "output": "…"}`, or prompt and response by other names |
//! | [`Format::SillyTavern`] | a chat log: a line about the chat, then a line per message; one dialogue |
//! | [`Format::ChatGpt`] | ChatGPT's export: of each tree of messages, the branch it ended with |
//! | [`Format::WhatsApp`] | WhatsApp's text: `12/01/24, 10:00 - Tom: …`; one dialogue |
//! | [`Format::Examples`] | text in `<START>` blocks, as cards have their examples |
//! | [`Format::Csv`] | a table of prompts and responses, or of roles and contents |
//!
//! [`Format::Chat`] also covers Claude, Open WebUI, LM Studio, LibreChat, oobabooga's web UI, Agnai, Gemini, Messenger,
//! Discord's and Telegram's exports, llama.cpp's web UI, HuggingChat, AI Studio, RisuAI, PIPPA, UltraChat and data of preferences:
//! each has its messages in a place of its own. DeepSeek's export is a tree as ChatGPT's is.
//!
//! Records that hold a whole conversation as one text are read where a chat template wrote it: ChatML, Llama, Mistral, Gemma,
//! Zephyr, Alpaca, Guanaco, Anthropic's, Harmony. A template's marks among a message's words are left out and noted.
//!
//! JSON comes as lines, as one list, or as objects one after another. [`Reader`] detects the format by content and reads
//! any size in constant memory; [`read_all`] reads bytes in memory.
//!
//! ```
//! use lazai_core::dialogue::{Options, read_all};
//! let text = r#"{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "Hello."}]}
//! {"conversations": [{"from": "human", "value": "anyone?"}]}"#;
//! let (dialogues, report) = read_all(text.as_bytes(), &Options::default())?;
//! assert_eq!(dialogues[0].messages[1].content, "Hello.");
//! assert_eq!(report.notes[0].place, "line 2");
//! # Ok::<(), lazai_core::dialogue::DialogueError>(())
//! ```

mod branch;
mod cells;
mod chatgpt;
mod content;
mod detect;
mod examples;
mod exported;
mod format;
mod gather;
mod harmony;
mod log;
mod markup;
mod message;
mod names;
mod owner;
mod parsed;
mod prefixed;
mod program;
mod read;
mod shape;
mod source;
mod speaker;
mod stamp;
mod table;
mod terms;
mod thoughts;
mod whatsapp;
mod wrapped;

pub(crate) use detect::NAMES_ALONE;
pub use format::{DialogueError, Format, Options};
pub(crate) use parsed::NEVER_SPEAKS;
pub use parsed::{OneCharacter, Parsed};
pub use read::{MAX_RECORD_BYTES, Raw, RawReader, Reader, read_all};
pub(crate) use table::is_table;

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
    /// use lazai_core::dialogue::Role;
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
