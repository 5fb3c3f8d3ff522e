//! Preparing datasets with a tokenizer, and counting tokens with one.

use lazai_core::Digest;
use lazai_core::dialogue::{Dialogue, Message};
use lazai_core::pov::{Clip, Contributor, Dataset, PovError, Record, Speech};
use lazai_core::voice::{VoiceError, log_mel, read_wav};
use lazai_lora::LoraError;
use lazai_lora::base::{ChatTemplate, Tokenizer, tokenize_dialogue};
use lazai_lora::evaluate::Example;
use lazai_lora::generate::prompt_tokens;
use thiserror::Error;

use crate::consumer::TokenCounter;

/// A recording as its creator has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Name of the contributor who gave it.
    pub contributor: String,
    /// The words.
    pub transcript: String,
    /// A WAV file: 16 kHz, mono, 16 bits.
    pub wav: Vec<u8>,
}

/// Why a dataset could not be prepared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Template or tokenizer refused a dialogue.
    #[error("dialogue {id:?}: {source}")]
    Dialogue {
        /// The dialogue.
        id: String,
        /// Why.
        source: LoraError,
    },
    /// The dataset breaks the format.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// A dialogue or recording names somebody who is not a contributor.
    #[error("{what} names contributor {name:?}, who is not listed")]
    UnknownContributor {
        /// The dialogue or recording.
        what: String,
        /// The name.
        name: String,
    },
    /// A recording is unusable.
    #[error("recording {index}: {source}")]
    Voice {
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: VoiceError,
    },
}

/// Turns dialogues and recordings into a dataset.
///
/// A recording is aligned with the first dialogue in which the character says its words.
///
/// # Errors
/// [`PrepareError`].
pub fn prepare(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    contributors: Vec<Contributor>,
    dialogues: &[Dialogue],
    recordings: &[Recording],
    timestamp: u64,
) -> Result<Dataset, PrepareError> {
    let owner = |what: &str, name: &str| -> Result<u8, PrepareError> {
        let index = contributors.iter().position(|c| c.name == name).and_then(|i| u8::try_from(i).ok());
        index.ok_or_else(|| PrepareError::UnknownContributor { what: what.into(), name: name.into() })
    };
    let mut records = Vec::with_capacity(dialogues.len());
    for dialogue in dialogues {
        let contributor = owner(&dialogue.id, &dialogue.contributor)?;
        let Example { tokens, mask } = example(tokenizer, template, &dialogue.messages)
            .map_err(|source| PrepareError::Dialogue { id: dialogue.id.clone(), source })?;
        records.push(Record { contributor, tokens, loss_mask: mask });
    }
    let mut clips = Vec::with_capacity(recordings.len());
    for (index, recording) in recordings.iter().enumerate() {
        let contributor = owner(&format!("recording {index}"), &recording.contributor)?;
        let voice = |source| PrepareError::Voice { index, source };
        let log_mel = log_mel(&read_wav(&recording.wav).map_err(voice)?).map_err(voice)?;
        let says = |d: &Dialogue| d.messages.iter().any(|m| m.content.contains(&recording.transcript));
        let record = dialogues.iter().position(says).and_then(|i| u32::try_from(i).ok());
        clips.push(Clip { log_mel, speech: Speech { contributor, transcript: recording.transcript.clone(), record } });
    }
    // A vocabulary of 2^32 tokens would not have been read.
    let vocab_size = u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX);
    Ok(Dataset::new(contributors, tokenizer.digest(), vocab_size, timestamp, records, clips)?)
}

/// A dialogue as a model is trained and measured on it.
///
/// # Errors
/// [`LoraError`] if template or tokenizer refuse.
pub fn example(tokenizer: &Tokenizer, template: &ChatTemplate, messages: &[Message]) -> Result<Example, LoraError> {
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
    /// [`LoraError`].
    pub fn from_gguf(path: &std::path::Path) -> Result<Self, LoraError> {
        let (tokenizer, template) = lazai_lora::base::read_tokenizer(path)?;
        Ok(Self { tokenizer, template })
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
        self.tokenizer.decode(tokens).ok()
    }
}
