//! Identifying files, and making datasets from them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::core::dialogue::{Dialogue, Options, Reader};
use lazai::core::inspect::{Inspection, inspect_as};
use lazai::core::pov::Contributor;
use lazai::models::{FilesToDataset, ModelCounter};
use lazai::settle::ledger::{Clock, SystemClock};

use super::{ProgressListener, tell};
use crate::{Character, FileNote, FilePath, LazaiError, Message, Role, record, same_words, words};

words! {
    /// The kind of a file.
    pub enum FileKind {
        /// A character: a card, or an Eliza character.
        Character,
        /// A lorebook without a character.
        Lorebook,
        /// Dialogues.
        Dialogue,
        /// A recording.
        Audio,
        /// A list of recordings with transcripts.
        VoiceManifest,
        /// A POV container, private or public part.
        Pov,
    }
}
same_words!(FileKind, lazai::core::inspect::Kind, Character, Lorebook, Dialogue, Audio, VoiceManifest, Pov);

record! {
    /// A file's kind and contents.
    pub struct FileFacts {
        /// Its kind.
        pub kind: FileKind,
        /// Name of the character, of the lorebook, or of a dataset's first contributor.
        pub name: Option<String>,
        /// Name of the format.
        pub spec: String,
        /// The container of the format, if it has several.
        pub container: Option<String>,
        /// Entries of lorebooks.
        pub lorebook_entries: u64,
        /// Files that a card names or carries; recordings of a list or a dataset.
        pub assets: u64,
        /// Conversations; of a dataset, records.
        pub dialogues: u64,
        /// Messages of these conversations.
        pub turns: u64,
        /// Seconds of sound.
        pub audio_seconds: f64,
        /// Tokens of a dataset.
        pub tokens: u64,
        /// Data that was left out, with the reasons.
        pub dropped: Vec<FileNote>,
        /// Data that was merged or repaired.
        pub changed: Vec<FileNote>,
    }
}

record! {
    /// A contributor of dialogues, and its terms.
    pub struct ContributorTerms {
        /// The contributor's account.
        pub address: String,
        /// A name to show.
        pub name: String,
        /// SPDX identifier of the contributor's licence.
        pub licence: String,
        /// The contributor's consent, in words.
        pub consent: String,
    }
}

record! {
    /// A dataset that was written.
    pub struct DatasetFacts {
        /// Records.
        pub records: u64,
        /// Tokens of all records.
        pub tokens: u64,
        /// Dialogues that were held out for measuring.
        pub held_out: u64,
        /// Recordings of the character's voice.
        pub recordings: u64,
        /// Notes on data that was dropped, merged or repaired.
        pub notes: Vec<FileNote>,
    }
}

record! {
    /// A message of a dialogue that was read.
    pub struct DialogueMessage {
        /// Its author.
        pub role: Role,
        /// The message's text.
        pub content: String,
        /// True if training learns these words; all others are context.
        pub learnt: bool,
    }
}

record! {
    /// A dialogue that was read, as training takes it.
    pub struct ReadDialogue {
        /// Its name in the file, or `line-N`.
        pub id: String,
        /// The messages in order.
        pub messages: Vec<DialogueMessage>,
    }
}

impl From<Dialogue> for ReadDialogue {
    fn from(dialogue: Dialogue) -> Self {
        let context = dialogue.context;
        let messages = dialogue.messages.iter().zip(0..).map(|(message, at)| {
            let Message { role, content } = message.into();
            DialogueMessage { role, content, learnt: role == Role::Assistant && !context.contains(&at) }
        });
        Self { id: dialogue.id, messages: messages.collect() }
    }
}

impl ContributorTerms {
    pub(super) fn parse(self) -> Result<Contributor, LazaiError> {
        let Self { address, name, licence, consent } = self;
        Ok(Contributor { address: address.parse()?, name, licence, consent })
    }
}

pub(super) fn file_error(path: &str, error: impl std::fmt::Display) -> LazaiError {
    LazaiError::new("file", format!("{path}: {error}"))
}

/// A file's bytes.
pub(crate) fn read_file(path: &str) -> Result<Vec<u8>, LazaiError> {
    std::fs::read(path).map_err(|e| file_error(path, e))
}

/// Writes a file of a folder, whole or not at all; returns its path.
pub(super) fn write_into(folder: &Path, name: &str, bytes: &[u8]) -> Result<String, LazaiError> {
    let path = folder.join(name).display().to_string();
    keep_file(&path, bytes)?;
    Ok(path)
}

/// The word of a flat enum, as its JSON has it.
pub(super) fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Identifies a file by its content: a card, dialogues, a recording, a dataset. `character` and `user` are their names in
/// logs that name people.
///
/// # Errors
/// `card.…`, `dialogue.…`, `pov.…`, `voice.…`, `io`.
#[cfg_attr(feature = "uniffi", uniffi::export(default(character = None, user = None)))]
pub fn inspect_file(path: FilePath, character: Option<String>, user: Option<String>) -> Result<FileFacts, LazaiError> {
    let found: Inspection = inspect_as(Path::new(&path), &Options { character, user, ..Options::default() })?;
    Ok(FileFacts {
        kind: found.kind.try_into()?,
        name: found.name,
        spec: found.spec.to_owned(),
        container: found.container.map(word),
        lorebook_entries: found.lorebook_entries,
        assets: found.assets,
        dialogues: found.dialogues,
        turns: found.turns,
        audio_seconds: found.audio_seconds,
        tokens: found.tokens,
        dropped: found.dropped.iter().map(FileNote::from).collect(),
        changed: found.changed.iter().map(FileNote::from).collect(),
    })
}

/// The first dialogues of a file, `most` of them, before duplicates are dropped: which words training learns, and which are context.
///
/// # Errors
/// `dialogue.…`, `file`.
#[cfg_attr(feature = "uniffi", uniffi::export(default(character = None, user = None)))]
pub fn read_dialogues(
    path: FilePath,
    most: u32,
    character: Option<String>,
    user: Option<String>,
) -> Result<Vec<ReadDialogue>, LazaiError> {
    let file = std::fs::File::open(&path).map_err(|e| file_error(&path, e))?;
    let options = Options { character, user, ..Options::default() };
    let read = Reader::new(file, &options).map_err(lazai::core::inspect::InspectError::from)?.take(most as usize);
    read.map(|dialogue| Ok(dialogue.map_err(lazai::core::inspect::InspectError::from)?.into())).collect()
}

/// Makes a dataset of dialogues in files of any known format, and of the recordings that lists among the files name: normalised, without
/// near duplicates, a part held out, cut into records by the tokenizer of a base model (GGUF). Dialogues come first: recordings alone are no
/// dataset. Memory does not grow with the dialogues, but with the recordings. If files name people, `character`
/// names the one whose words are learnt, and `user` the one who talks with it; everybody else's words are context. With a `card`,
/// dialogues go on from it, as they do where nodes put it before conversations: see [`write_public_part`](super::roles::write_public_part).
/// Dialogues that are longer than `record_tokens` (256 unless it is named, and never more than the base reads) are cut between turns.
///
/// # Errors
/// `dialogue.…`, `pov.…`, `hex.…`, `model`, `file`, `cancelled`; no file is left behind.
#[cfg_attr(
    feature = "uniffi",
    uniffi::export(default(listener = None, character = None, user = None, card = None, record_tokens = None))
)]
#[allow(clippy::too_many_arguments, reason = "languages name them")]
pub fn prepare_dataset(
    files: Vec<FilePath>,
    contributor: ContributorTerms,
    base_model: FilePath,
    out: FilePath,
    listener: Option<Arc<dyn ProgressListener>>,
    character: Option<String>,
    user: Option<String>,
    card: Option<Arc<Character>>,
    record_tokens: Option<u32>,
) -> Result<DatasetFacts, LazaiError> {
    let model = ModelCounter::from_gguf(Path::new(&base_model)).map_err(|e| LazaiError::new("model", e))?;
    let mut making = FilesToDataset::new(&model, contributor.parse()?).made_at(SystemClock.now_s());
    if let Some(name) = character {
        making = making.for_character(name);
    }
    if let Some(name) = user {
        making = making.with_user(name);
    }
    if let Some(card) = card {
        making = making.behind(card.card_prompt()?);
    }
    if let Some(most) = record_tokens {
        let context =
            lazai::lora::base::read_context(Path::new(&base_model)).map_err(|e| LazaiError::new("model", e))?;
        making = making.record_tokens(most as usize).within(context);
    }
    let making = making.on_progress(move |progress| {
        if tell(listener.as_ref(), progress.stage, progress.done, progress.total) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    let written = making.write(&files, Path::new(&out))?;
    let notes = written.prepared.report().notes.iter().chain(&written.report.notes);
    Ok(DatasetFacts {
        records: written.file.records(),
        tokens: written.file.tokens(),
        held_out: written.prepared.statistics().held_out,
        recordings: written.file.manifest().clips.len() as u64,
        notes: notes.map(FileNote::from).collect(),
    })
}

/// Replaces a file, whole or not at all. Only its owner can read it, since it may be a conversation.
///
/// # Errors
/// `file`.
pub fn keep_file(path: &str, bytes: &[u8]) -> Result<(), LazaiError> {
    lazai::core::file::write_privately(Path::new(path), bytes).map_err(|e| file_error(path, e))
}
