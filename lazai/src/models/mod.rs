//! Preparing datasets with a tokenizer, and counting tokens with one.
//!
//! [`prepare`] makes a dataset in memory, as a submission needs it; [`write()`] makes a POV file of any size in constant
//! memory.

mod pack;

use std::collections::HashMap;
use std::path::Path;

use lazai_core::Digest;
use lazai_core::dialogue::{Dialogue, Message};
use lazai_core::pov::{Clip, Contributor, Dataset, Manifest, PovError, Record, Speech, Writer};
use lazai_core::prepare::PrepareError as DialoguesError;
use lazai_core::report::{Action, Report};
use lazai_core::voice::{LogMel, Recording, VoiceError};
use lazai_lora::LoraError;
use lazai_lora::base::{ChatTemplate, Tokenizer, tokenize_dialogue};
use lazai_lora::evaluate::Example;
use lazai_lora::generate::prompt_tokens;
use thiserror::Error;

use crate::consumer::TokenCounter;
use pack::Packer;

/// Dialogues that are tokenized together.
const BATCH: usize = 1_024;

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
    /// The dialogues cannot be read.
    #[error(transparent)]
    Dialogues(#[from] DialoguesError),
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
    #[error("recording {file}: {source}")]
    Voice {
        /// Which one.
        file: String,
        /// Why.
        source: VoiceError,
    },
}

/// Turns dialogues and recordings into a dataset.
///
/// Dialogues that are too long for one record are cut between turns. A recording is aligned with the first record in
/// which its words stand. What had to be dropped stands in the report: also records that repeat another, for no proof is
/// of a dataset with two alike.
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
) -> Result<(Dataset, Report), PrepareError> {
    let packer = Packer::new(tokenizer, template);
    let mut alignment = Alignment::new(recordings);
    let mut report = Report::default();
    let mut records = Vec::with_capacity(dialogues.len());
    let mut seen = HashMap::with_capacity(dialogues.len());
    for dialogue in dialogues {
        let contributor = owner(&contributors, || format!("dialogue {:?}", dialogue.id), &dialogue.contributor)?;
        let packed = packer.pack(dialogue)?;
        packed.notes.into_iter().for_each(|note| report.add(note));
        for (messages, Example { tokens, mask }) in packed.records {
            if let Some(first) = seen.get(&tokens) {
                let place = format!("dialogue {:?}", dialogue.id);
                report.note(Action::Dropped, place, format!("repeats dialogue {first:?}"));
                continue;
            }
            seen.insert(tokens.clone(), dialogue.id.clone());
            alignment.see(records.len(), messages);
            records.push(Record { contributor, tokens, loss_mask: mask });
        }
    }
    report.kept = records.len() as u64;
    let clips = alignment.clips(&contributors).collect::<Result<_, _>>()?;
    let vocab_size = packer.vocab_size();
    let dataset = Dataset::new(contributors, tokenizer.digest(), vocab_size, timestamp, records, clips)?;
    Ok((dataset, report))
}

/// Writes a POV file out of dialogues of any number, tokenizing on some threads.
///
/// # Errors
/// [`PrepareError`]; no file is left behind.
#[allow(clippy::too_many_arguments, reason = "a file has these parts, each once")]
pub fn write(
    path: &Path,
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    contributors: Vec<Contributor>,
    dialogues: impl Iterator<Item = Result<Dialogue, DialoguesError>>,
    recordings: &[Recording],
    timestamp: u64,
    threads: std::num::NonZeroUsize,
) -> Result<(Manifest, Report), PrepareError> {
    let packer = Packer::new(tokenizer, template);
    let mut alignment = Alignment::new(recordings);
    let mut report = Report::default();
    let mut writer = Writer::create(path, contributors.clone(), tokenizer.digest(), packer.vocab_size(), timestamp)?;
    let mut dialogues = dialogues.peekable();
    while dialogues.peek().is_some() {
        let batch: Vec<Dialogue> = dialogues.by_ref().take(BATCH).collect::<Result<_, _>>()?;
        let packed = lazai_core::parallel::map(threads, batch, |dialogue| {
            let contributor = owner(&contributors, || format!("dialogue {:?}", dialogue.id), &dialogue.contributor)?;
            let packed = packer.pack(&dialogue)?;
            let records = packed.records.into_iter().map(|(messages, Example { tokens, mask })| {
                let said = if recordings.is_empty() { Vec::new() } else { messages.to_vec() };
                (said, Record { contributor, tokens, loss_mask: mask })
            });
            Ok::<_, PrepareError>((records.collect::<Vec<_>>(), packed.notes))
        });
        for packed in packed {
            let (records, notes) = packed?;
            notes.into_iter().for_each(|note| report.add(note));
            for (messages, record) in records {
                alignment.see(usize::try_from(report.kept).unwrap_or(usize::MAX), &messages);
                writer.record(&record)?;
                report.kept += 1;
            }
        }
    }
    for clip in alignment.clips(&contributors) {
        writer.clip(&clip?)?;
    }
    Ok((writer.finish()?, report))
}

fn owner(contributors: &[Contributor], what: impl Fn() -> String, name: &str) -> Result<u8, PrepareError> {
    let index = contributors.iter().position(|c| c.name == name).and_then(|i| u8::try_from(i).ok());
    index.ok_or_else(|| PrepareError::UnknownContributor { what: what(), name: name.into() })
}

/// Finds the records in which the words of recordings stand.
struct Alignment<'a> {
    recordings: &'a [Recording],
    records: Vec<Option<u32>>,
}

impl<'a> Alignment<'a> {
    fn new(recordings: &'a [Recording]) -> Self {
        Self { recordings, records: vec![None; recordings.len()] }
    }

    fn see(&mut self, record: usize, messages: &[Message]) {
        for (recording, found) in self.recordings.iter().zip(&mut self.records) {
            if found.is_none() && messages.iter().any(|m| m.content.contains(&recording.take.transcript)) {
                *found = u32::try_from(record).ok();
            }
        }
    }

    /// The spectrograms, one by one.
    fn clips(&self, contributors: &[Contributor]) -> impl Iterator<Item = Result<Clip, PrepareError>> {
        let mel = LogMel::new();
        self.recordings.iter().zip(&self.records).map(move |(Recording { take, samples }, &record)| {
            let contributor = owner(contributors, || format!("recording {}", take.file), &take.contributor)?;
            let voice = |source| PrepareError::Voice { file: take.file.clone(), source };
            let log_mel = mel.compute(samples).map_err(voice)?;
            let speech = Speech {
                contributor,
                transcript: take.transcript.clone(),
                licence: take.licence.clone(),
                consent: take.consent.clone(),
                record,
            };
            Ok(Clip { log_mel, speech })
        })
    }
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
    pub fn from_gguf(path: &Path) -> Result<Self, LoraError> {
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
