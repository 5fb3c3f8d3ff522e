//! Counting tokens as a node does, without weights: a model's tokenizer and chat template.
//!
//! | module | holds |
//! |---|---|
//! | `vocabulary` | tokens, merges and their digest |
//! | `splitting` | the splitting of texts before merges |
//! | `bpe` | byte-level BPE: from a text to token ids |
//! | `template` | the text of a conversation for the model |
//! | `turns`, `python` | calls and results as templates take them, and JSON as they write it |
//! | `gguf`, `json` | all this from a GGUF file's header, and from `tokenizer.json` |
//!
//! Byte-level BPE alone: other vocabularies are refused by name; to recount with those, use the tokenizer of `lazai-lora`.
//! Files are a stranger's: sizes are bounded before anything is allocated.

mod bpe;
mod gguf;
mod json;
mod python;
mod splitting;
mod template;
mod turns;
mod vocabulary;

use std::io::Read;

pub use bpe::Bpe;
pub use splitting::Splitting;
pub use template::ChatTemplate;
use thiserror::Error;
pub use vocabulary::{Kind, Vocabulary};

use crate::Digest;
use crate::message::Message;

/// Largest file, or part of one, that a tokenizer is read from: 64 MiB. Vocabularies of a quarter of a million tokens take 35.
pub const MAX_BYTES: usize = 64 << 20;
/// Most tokens of a vocabulary, and most merges.
pub const MAX_TOKENS: usize = 1 << 20;

/// Why a tokenizer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The header of a GGUF file goes on: more of the file is needed.
    #[error("the header goes on after {bytes} bytes")]
    Incomplete {
        /// Bytes that there were.
        bytes: u64,
    },
    /// A field or file with an unexpected value.
    #[error("{what}: {reason}")]
    Malformed {
        /// The file or field.
        what: String,
        /// The reason.
        reason: String,
    },
    /// Something larger than any tokenizer's.
    #[error("{what} exceeds {max}")]
    TooLarge {
        /// The file or field.
        what: String,
        /// The most there may be, in bytes or entries.
        max: usize,
    },
    /// A kind of tokenizer that is not known here; guessing would be silently wrong.
    #[error("{what} {found:?} is not supported; known: {known}")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// Its value.
        found: String,
        /// Values that are known.
        known: &'static str,
    },
}

impl TokenizerError {
    pub(crate) fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string() }
    }

    fn too_large(what: impl Into<String>, max: usize) -> Self {
        Self::TooLarge { what: what.into(), max }
    }
}

type Result<T> = std::result::Result<T, TokenizerError>;

/// The tokenizer part of a model: its file without the weights.
struct Parts {
    vocabulary: Vocabulary,
    template: String,
    bos: Option<u32>,
    eos: u32,
}

/// Counts the tokens of conversations and replies as a node with the same model does. Needs no weights.
pub struct Counter {
    bpe: Bpe,
    vocabulary: Vocabulary,
    template: ChatTemplate,
    digest: Digest,
}

impl Counter {
    /// A counter from the beginning of a GGUF file, or all of it: the header is enough.
    ///
    /// # Errors
    /// [`TokenizerError::Incomplete`] if more of the file is needed, or another [`TokenizerError`].
    pub fn from_gguf(bytes: &[u8]) -> Result<Self> {
        Self::read_gguf(bytes)
    }

    /// As [`from_gguf`](Self::from_gguf), reading no more than the header: at most [`MAX_BYTES`].
    ///
    /// # Errors
    /// As [`from_gguf`](Self::from_gguf).
    pub fn read_gguf(reader: impl Read) -> Result<Self> {
        Self::new(gguf::read(reader)?)
    }

    /// A counter out of `tokenizer.json` and `tokenizer_config.json` as Hugging Face has them, and out of
    /// `chat_template.jinja` if the template is a file of its own.
    ///
    /// # Errors
    /// [`TokenizerError`].
    pub fn from_json(tokenizer: &[u8], config: &[u8], template: Option<&str>) -> Result<Self> {
        Self::new(json::read(tokenizer, config, template)?)
    }

    fn new(Parts { vocabulary, template, bos, eos }: Parts) -> Result<Self> {
        let text = |id: Option<u32>| id.and_then(|id| vocabulary.token(id)).unwrap_or_default().to_owned();
        let template = ChatTemplate::new(&template, text(bos), text(Some(eos)))?;
        Ok(Self { bpe: vocabulary.bpe()?, template, digest: vocabulary.digest(), vocabulary })
    }

    /// Digest of vocabulary, merges, token types and pre-tokenizer, as receipts name it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Token ids of a text; control tokens written out in it are recognised.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.bpe.encode(text)
    }

    /// Tokens of a conversation before a reply.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`] if the template refuses the conversation.
    pub fn prompt_tokens(&self, messages: &[Message]) -> Result<u64> {
        Ok(self.bpe.encode(&self.template.prompt(messages)?).len() as u64)
    }

    /// The text of a reply's token ids. `None` if one is no token, or says nothing and does not end the reply: such ids
    /// would be paid for without being heard.
    #[must_use]
    pub fn text(&self, tokens: &[u32]) -> Option<String> {
        self.vocabulary.text(tokens)
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counter {{ tokenizer: {} }}", self.digest)
    }
}
