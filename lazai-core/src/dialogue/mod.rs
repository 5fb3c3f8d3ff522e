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
mod conversations;
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
mod order;
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

pub use crate::message::{Dialogue, Message, Role};
