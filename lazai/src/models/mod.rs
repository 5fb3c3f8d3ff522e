//! Making datasets with a tokenizer, and counting tokens with one.

mod builder;
mod files;
mod pack;

use std::path::{Path, PathBuf};

use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_core::pov::PovError;
use lazai_core::prepare::PrepareError;
use lazai_core::voice::VoiceError;
use lazai_lora::ModelError;
use lazai_lora::base::{ChatTemplate, Tokenizer, tokenize_dialogue};
use lazai_lora::evaluate::Example;
use lazai_lora::generate::prompt_tokens;
use thiserror::Error;

use crate::consumer::TokenCounter;

pub use builder::DatasetBuilder;
pub use files::{DatasetProgress, FilesToDataset, WrittenDataset};

/// Why a dataset could not be prepared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Template or tokenizer refused the card.
    #[error("the character's card: {0}")]
    Card(#[source] ModelError),
    /// Template or tokenizer refused a dialogue.
    #[error("dialogue {id:?}: {source}")]
    Dialogue {
        /// The dialogue.
        id: String,
        /// Why.
        source: ModelError,
    },
    /// The dialogues cannot be read.
    #[error(transparent)]
    Dialogues(#[from] PrepareError),
    /// A file cannot be opened or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// No dialogue gives a record.
    #[error("no dialogue gives a record; of the first: {reason}")]
    NothingLeft {
        /// Why the first one gives none.
        reason: String,
    },
    /// The dataset breaks the format.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// A dialogue or recording names a contributor who is not listed.
    #[error("{what} names contributor {name:?}, who is not listed")]
    UnknownContributor {
        /// The dialogue or recording.
        what: String,
        /// The name.
        name: String,
    },
    /// A recording is unusable.
    #[error("recording {file}: {source}")]
    Voice {
        /// The file.
        file: String,
        /// Why.
        source: VoiceError,
    },
}

/// A dialogue as a model is trained and measured on it.
///
/// # Errors
/// [`ModelError`] if template or tokenizer refuse.
pub fn example(tokenizer: &Tokenizer, template: &ChatTemplate, messages: &[Message]) -> Result<Example, ModelError> {
    let (tokens, mask) = tokenize_dialogue(tokenizer, template, messages)?;
    Ok(Example { tokens, mask })
}

/// Counts tokens with the tokenizer of a model file; needs no weights.
#[derive(Debug)]
pub struct ModelCounter {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl ModelCounter {
    /// A counter for the tokenizer in a GGUF file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn from_gguf(path: &Path) -> Result<Self, ModelError> {
        let (tokenizer, template) = lazai_lora::base::read_tokenizer(path)?;
        Ok(Self { tokenizer, template })
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The chat template.
    #[must_use]
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }
}

impl TokenCounter for ModelCounter {
    fn digest(&self) -> Digest {
        self.tokenizer.digest()
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64> {
        prompt_tokens(&self.tokenizer, &self.template, messages).ok().map(|t| t.len() as u64)
    }

    fn text(&self, tokens: &[u32]) -> Option<String> {
        let size = self.tokenizer.vocab_size();
        let (_, before) = tokens.split_last().unwrap_or((&0, &[]));
        let is_said = before.iter().all(|&token| !self.tokenizer.is_control(token));
        let is_known = tokens.iter().all(|&token| (token as usize) < size);
        (is_said && is_known).then(|| self.tokenizer.decode(tokens).ok())?
    }

    fn tokens(&self, text: &str) -> Option<u64> {
        self.tokenizer.encode(text).ok().map(|tokens| tokens.len() as u64)
    }
}
