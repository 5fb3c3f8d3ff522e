//! Dialogues and recordings, packed into a dataset: in memory, as a submission needs it, or into a POV file of any size.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;

use lazai_core::character::CardPrompt;
use lazai_core::digest::sha256;
use lazai_core::message::{Dialogue, Message};
use lazai_core::pov::{Clip, Contributor, Dataset, MAX_RECORD_TOKENS, Manifest, Record, Speech, Writer};
use lazai_core::prepare::PrepareError;
use lazai_core::report::{Action, Report};
use lazai_core::voice::{LogMel, Recording};
use lazai_lora::base::{ChatTemplate, Tokenizer};
use lazai_lora::evaluate::Example;

use super::DatasetError;
use super::pack::{Opening, Packed, Packer};

/// Dialogues that are tokenized together.
const BATCH: usize = 1_024;
/// Most tokens of a record unless a builder is told otherwise: two records fill a trainer's usual block.
const RECORD_TOKENS: usize = 256;

/// Makes datasets of dialogues and recordings with the tokenizer and the template of a base model.
///
/// Dialogues that are too long for one record ([`record_tokens`](Self::record_tokens)) are cut between turns. A recording is aligned with the first record that
/// contains its words. The report lists everything that is dropped, including records that repeat another: a dataset with
/// two equal records cannot be proved.
///
/// # Example
/// ```no_run
/// # use lazai::core::{dialogue::Dialogue, pov::Contributor};
/// # fn make(mira: Contributor, chats: &[Dialogue]) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::models::{DatasetBuilder, ModelCounter};
///
/// let model = ModelCounter::from_gguf("model.gguf".as_ref())?;
/// let builder = DatasetBuilder::new(model.tokenizer(), model.template()).with_contributors(vec![mira]);
/// let (dataset, report) = builder.build(chats)?;
/// println!("{} records, {} dropped", dataset.records().len(), report.dropped);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DatasetBuilder<'a> {
    tokenizer: &'a Tokenizer,
    template: &'a ChatTemplate,
    contributors: Vec<Contributor>,
    recordings: &'a [Recording],
    system: Option<String>,
    timestamp: u64,
    most: usize,
    context: Option<usize>,
}

impl<'a> DatasetBuilder<'a> {
    /// Datasets for the base model that a tokenizer and a template belong to.
    #[must_use]
    pub fn new(tokenizer: &'a Tokenizer, template: &'a ChatTemplate) -> Self {
        Self {
            tokenizer,
            template,
            contributors: Vec::new(),
            recordings: &[],
            system: None,
            timestamp: 0,
            most: RECORD_TOKENS,
            context: None,
        }
    }

    /// The contributors of the material: dialogues and recordings name them.
    #[must_use]
    pub fn with_contributors(mut self, contributors: Vec<Contributor>) -> Self {
        self.contributors = contributors;
        self
    }

    /// Recordings of the character's voice.
    #[must_use]
    pub fn with_recordings(mut self, recordings: &'a [Recording]) -> Self {
        self.recordings = recordings;
        self
    }

    /// Packs dialogues as they go on from a published card ([`PublicPart::with_prompt`](lazai_core::pov::PublicPart::with_prompt)):
    /// the model is trained behind it. Records do not hold the card, and system messages of dialogues give way to it.
    #[must_use]
    pub fn behind(mut self, card: &CardPrompt) -> Self {
        self.system = Some(card.system()).filter(|system| !system.is_empty()).map(str::to_owned);
        self
    }

    /// The creation time, in seconds since 1970; 0 if it is not set.
    #[must_use]
    pub fn made_at(mut self, timestamp: u64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The longest record, in tokens; 256 if it is not set. Longer dialogues are cut between turns, so more keep their beginning in
    /// sight, and take more memory to learn. At least 1, at most [`MAX_RECORD_TOKENS`].
    #[must_use]
    pub fn record_tokens(mut self, most: usize) -> Self {
        self.most = most.clamp(1, MAX_RECORD_TOKENS);
        self
    }

    /// The tokens that the base model reads at once ([`read_context`](lazai_lora::base::read_context)): no record is longer, the
    /// card before it included. Execution nodes refuse longer ones.
    #[must_use]
    pub fn within(mut self, context: usize) -> Self {
        self.context = Some(context);
        self
    }

    fn opening(&self) -> Result<Option<Opening>, DatasetError> {
        let opening = |system: &String| Opening::new(self.tokenizer, self.template, system.clone());
        self.system.as_ref().map(opening).transpose()
    }

    /// A dataset in memory.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn build(self, dialogues: &[Dialogue]) -> Result<(Dataset, Report), DatasetError> {
        let opening = self.opening()?;
        let mut packing = Packing::new(&self, opening.as_ref());
        let mut records = Vec::with_capacity(dialogues.len());
        for dialogue in dialogues {
            let packed = packing.packer.pack(dialogue)?;
            packing.take(dialogue, packed, &mut |record| {
                records.push(record);
                Ok(())
            })?;
        }
        let clips = packing.clips().collect::<Result<_, _>>()?;
        let (report, vocab_size) = (packing.report, packing.packer.vocab_size());
        let digest = self.tokenizer.digest();
        let dataset = Dataset::new(self.contributors, digest, vocab_size, self.timestamp, records, clips)?;
        Ok((dataset.behind(self.system), report))
    }

    /// Writes a POV file from any number of dialogues, tokenized on some threads. Memory holds a batch of dialogues, and 16
    /// bytes per record.
    ///
    /// # Errors
    /// [`DatasetError`]; no file is left behind.
    pub fn write(
        self,
        path: &Path,
        dialogues: impl Iterator<Item = Result<Dialogue, PrepareError>>,
        threads: NonZeroUsize,
    ) -> Result<(Manifest, Report), DatasetError> {
        let opening = self.opening()?;
        let mut packing = Packing::new(&self, opening.as_ref());
        let packer = packing.packer;
        let contributors = self.contributors.clone();
        let mut writer =
            Writer::create(path, contributors, self.tokenizer.digest(), packer.vocab_size(), self.timestamp)?
                .behind(self.system.clone());
        let mut dialogues = dialogues.peekable();
        while dialogues.peek().is_some() {
            let batch: Vec<Dialogue> = dialogues.by_ref().take(BATCH).collect::<Result<_, _>>()?;
            let packed = lazai_core::parallel::map(threads, batch.iter().collect(), |dialogue| packer.pack(dialogue));
            for (dialogue, packed) in batch.iter().zip(packed) {
                packing.take(dialogue, packed?, &mut |record| Ok(writer.record(&record)?))?;
            }
        }
        if packing.report.kept == 0 {
            let reason =
                packing.report.notes.first().map_or_else(|| "there is none".into(), |note| note.reason.clone());
            return Err(DatasetError::NothingLeft { reason });
        }
        for clip in packing.clips() {
            writer.clip(&clip?)?;
        }
        Ok((writer.finish()?, packing.report))
    }
}

/// A dataset that is being packed.
struct Packing<'a> {
    packer: Packer<'a>,
    contributors: &'a [Contributor],
    recordings: &'a [Recording],
    /// The first record in which each recording's words stand.
    aligned: Vec<Option<u32>>,
    /// The beginnings of the digests of all records.
    seen: HashSet<[u8; 16]>,
    report: Report,
}

impl<'a> Packing<'a> {
    fn new(of: &'a DatasetBuilder<'_>, card: Option<&'a Opening>) -> Self {
        let left = of.context.map(|context| context.saturating_sub(card.map_or(0, Opening::length)).max(1));
        let most = left.map_or(of.most, |left| left.min(of.most));
        Self {
            packer: Packer::new(of.tokenizer, of.template, card, most),
            contributors: &of.contributors,
            recordings: of.recordings,
            aligned: vec![None; of.recordings.len()],
            seen: HashSet::new(),
            report: Report::default(),
        }
    }

    /// Takes the records of a dialogue that are not there yet.
    fn take(
        &mut self,
        dialogue: &Dialogue,
        packed: Packed<'_>,
        keep: &mut dyn FnMut(Record) -> Result<(), DatasetError>,
    ) -> Result<(), DatasetError> {
        let place = || format!("dialogue {:?}", dialogue.id);
        let contributor = owner(self.contributors, place, &dialogue.contributor)?;
        packed.notes.into_iter().for_each(|note| self.report.add(note));
        for (messages, Example { tokens, mask }) in packed.records {
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
            let digest = sha256(&bytes);
            if !digest.as_bytes().first_chunk().is_some_and(|first| self.seen.insert(*first)) {
                self.report.note(Action::Dropped, place(), "repeats a record before it".to_owned());
                continue;
            }
            self.align(messages);
            keep(Record { contributor, tokens, loss_mask: mask })?;
            self.report.kept += 1;
        }
        Ok(())
    }

    fn align(&mut self, messages: &[Message]) {
        let record = u32::try_from(self.report.kept).ok();
        for (recording, found) in self.recordings.iter().zip(&mut self.aligned) {
            if found.is_none() && messages.iter().any(|m| m.content.contains(&recording.take.transcript)) {
                *found = record;
            }
        }
    }

    /// The spectrograms, one by one.
    fn clips(&self) -> impl Iterator<Item = Result<Clip, DatasetError>> + use<'a> {
        let (mel, contributors) = (LogMel::new(), self.contributors);
        let aligned = self.aligned.clone();
        self.recordings.iter().zip(aligned).map(move |(Recording { take, samples }, record)| {
            let contributor = owner(contributors, || format!("recording {}", take.file), &take.contributor)?;
            let voice = |source| DatasetError::Voice { file: take.file.clone(), source };
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

fn owner(contributors: &[Contributor], what: impl Fn() -> String, name: &str) -> Result<u8, DatasetError> {
    let index = contributors.iter().position(|c| c.name == name).and_then(|i| u8::try_from(i).ok());
    index.ok_or_else(|| DatasetError::UnknownContributor { what: what(), name: name.into() })
}
