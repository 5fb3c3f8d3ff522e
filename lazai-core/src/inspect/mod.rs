//! Identifies a file by its content.

mod error;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

pub use self::error::InspectError;
use crate::character::{self, CardError, Container, Imported, Lorebook, MAX_CARD_BYTES, MAX_CARD_FILE_BYTES};
use crate::dialogue::{DialogueError, NAMES_ALONE, NEVER_SPEAKS, Options, Reader, is_table, read_all};
use crate::pov::{MAX_HEADER_BYTES, MAX_PUBLIC_BYTES, PovFile, PublicPart};
use crate::report::{Action, Note, Report};
use crate::voice::{AudioFormat, VoiceError, names_recordings, other_format, read_manifest};

/// The number of bytes that are looked at to detect a file's kind.
const HEAD_BYTES: usize = 64 << 10;
/// Most bytes of a pipe, which are copied to a temporary file: 4 GiB.
const MAX_PIPE_BYTES: u64 = 4 << 30;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
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

/// A file's kind and contents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Its kind.
    pub kind: Kind,
    /// Name of the character, of the lorebook, or of a POV's first contributor.
    pub name: Option<String>,
    /// Name of the format: `chara_card_v3`, `sharegpt`, `flac`, `lazai.pov.private.v1`.
    pub spec: &'static str,
    /// The container of the format, if it has several: `json`, `png`, `apng`, `charx`, `webp`.
    pub container: Option<Container>,
    /// Entries of lorebooks.
    pub lorebook_entries: u64,
    /// Files that a card names or carries; recordings of a list or a POV.
    pub assets: u64,
    /// Conversations; of a card, those of its examples. Of a POV, its records.
    pub dialogues: u64,
    /// Messages of these conversations. Of a POV, not known without a tokenizer.
    pub turns: u64,
    /// Seconds of sound.
    pub audio_seconds: f64,
    /// Tokens of a POV.
    pub tokens: u64,
    /// Data left out, with the reasons; at most [`MAX_NOTES`](crate::report::MAX_NOTES).
    pub dropped: Vec<Note>,
    /// The number of things left out.
    pub dropped_total: u64,
    /// Data merged or repaired, with the reasons; at most [`MAX_NOTES`](crate::report::MAX_NOTES) of each.
    pub changed: Vec<Note>,
    /// The number of things merged or repaired.
    pub changed_total: u64,
}

/// Identifies a file and its contents. Dialogues and POV files of any size take constant memory; other files are refused
/// beyond the limits of their formats.
///
/// # Errors
/// [`InspectError`]: the error of the format that the content points to.
pub fn inspect(path: &Path) -> Result<Inspection, InspectError> {
    inspect_as(path, &Options::default())
}

/// As [`inspect`], with information that files of dialogues omit: the character of a log.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_as(path: &Path, options: &Options) -> Result<Inspection, InspectError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return inspect_as(spooled(file)?.path(), options);
    }
    let length = metadata.len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let read = |what, max: usize| -> Result<Vec<u8>, InspectError> {
        if length > max as u64 {
            return Err(CardError::TooLarge { what, bytes: length, max: max as u64 }.into());
        }
        Ok(std::fs::read(path)?)
    };
    if AudioFormat::detect(&head).is_some() {
        return audio(File::open(path)?);
    }
    if let Some(name) = other_format(&head) {
        return Err(VoiceError::Unsupported { reason: format!("this is {name}") }.into());
    }
    let binary = [&b"\x89PNG"[..], b"PK", b"RIFF", b"\xFF\xD8\xFF", b"MZ", b"\x7fELF"];
    if binary.iter().any(|magic| head.starts_with(magic)) {
        return Ok(of_character(&character::import(&read("the file", MAX_CARD_FILE_BYTES)?)?));
    }
    if looks_like_safetensors(&head) {
        return Ok(of_pov(&PovFile::open(path)?));
    }
    let (text, _) = crate::text::decode(&head);
    let text = text.trim_start();
    if text.starts_with(['{', '[']) && !text.starts_with("{{") {
        return json(path, length, options);
    }
    // A table of dialogues may name files, too.
    if !text.starts_with('{')
        && !is_table(text)
        && let Ok(found) = read_manifest(&head)
    {
        let (takes, report) = if length > HEAD_BYTES as u64 {
            read_manifest(&read("a list of recordings", MAX_CARD_BYTES)?)?
        } else {
            found
        };
        return Ok(Inspection { assets: takes.len() as u64, ..Inspection::new(Kind::VoiceManifest, "csv", &report) });
    }
    match dialogues(File::open(path)?, options) {
        Err(InspectError::Dialogue(DialogueError::UnknownFormat { reason }))
            if !reason.starts_with(NAMES_ALONE) && character::looks_like_yaml(text) =>
        {
            of_object(&read("the card", MAX_CARD_BYTES)?)
        }
        answer => answer,
    }
}

/// Tells whether a file is a list of recordings with transcripts, without reading dialogues to their end.
///
/// # Errors
/// [`InspectError::Io`].
pub fn is_voice_manifest(path: &Path) -> Result<bool, InspectError> {
    // What a pipe gives is gone once it is looked at.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Ok(false);
    }
    let is_short = metadata.len() <= MAX_CARD_BYTES as u64;
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let (text, _) = crate::text::decode(&head);
    let text = text.trim_start();
    if text.starts_with(['{', '[']) {
        // Dialogues come first, whatever else their records name.
        let is_kind = |found: Inspection| found.kind == Kind::VoiceManifest;
        return Ok(is_short && names_recordings(text) && inspect(path).is_ok_and(is_kind));
    }
    Ok(!is_table(text) && read_manifest(&head).is_ok())
}

/// A copy of a pipe, which can be read once only and tells no length.
fn spooled(pipe: File) -> Result<tempfile::NamedTempFile, InspectError> {
    let mut copy = tempfile::NamedTempFile::new()?;
    let copied = std::io::copy(&mut pipe.take(MAX_PIPE_BYTES + 1), &mut copy)?;
    if copied > MAX_PIPE_BYTES {
        let reason = format!("more than {MAX_PIPE_BYTES} bytes come out of a pipe; give a file");
        return Err(InspectError::Io { reason });
    }
    Ok(copy)
}

/// JSON of one value or of several; or text that begins like JSON.
fn json(path: &Path, length: u64, options: &Options) -> Result<Inspection, InspectError> {
    match dialogues(File::open(path)?, options) {
        Err(InspectError::Dialogue(unknown @ DialogueError::UnknownFormat { .. })) => {
            let max = MAX_CARD_BYTES as u64;
            if length > max {
                return Err(CardError::TooLarge { what: "the card's JSON", bytes: length, max }.into());
            }
            let bytes = std::fs::read(path)?;
            match of_object(&bytes) {
                // A card is one object.
                Err(InspectError::Card(CardError::Malformed { .. } | CardError::NotACharacter { .. }))
                    if !is_one(&bytes) =>
                {
                    Err(unknown.into())
                }
                Err(InspectError::Card(CardError::NotACharacter { reason })) => {
                    Err(CardError::NotACharacter { reason: format!("{reason}; no conversation either") }.into())
                }
                answer => answer,
            }
        }
        answer => answer,
    }
}

/// Tells whether a file is at most one JSON object, as far as it is JSON.
fn is_one(bytes: &[u8]) -> bool {
    let (text, _) = crate::text::decode(bytes);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    match values.next() {
        Some(Ok(first)) => first.is_object() && values.next().is_none(),
        _ => text.trim_start().starts_with('{'),
    }
}

fn of_object(bytes: &[u8]) -> Result<Inspection, InspectError> {
    if bytes.len() <= MAX_PUBLIC_BYTES
        && let Ok(part) = PublicPart::from_bytes(bytes)
    {
        let name = Some(part.character.name.clone());
        return Ok(Inspection { name, ..Inspection::new(Kind::Pov, "lazai.pov.public.v1", &Report::default()) });
    }
    if let Ok((takes, report)) = read_manifest(bytes)
        && !takes.is_empty()
    {
        return Ok(Inspection { assets: takes.len() as u64, ..Inspection::new(Kind::VoiceManifest, "jsonl", &report) });
    }
    match character::import(bytes) {
        Ok(imported) => Ok(of_character(&imported)),
        Err(error @ (CardError::NotACharacter { .. } | CardError::UnknownSpec { .. })) => {
            let (book, report) = match (Lorebook::from_bytes(bytes), error) {
                (Ok(read), _) => read,
                (Err(CardError::NotACharacter { reason: book }), CardError::NotACharacter { reason }) => {
                    return Err(CardError::NotACharacter { reason: format!("{reason}; {book}") }.into());
                }
                (Err(_), error) => return Err(error.into()),
            };
            let entries = book.entries.len() as u64;
            let inspection = Inspection::new(Kind::Lorebook, "lorebook_v3", &report);
            Ok(Inspection { name: book.name, lorebook_entries: entries, ..inspection })
        }
        Err(error) => Err(error.into()),
    }
}

fn of_character(imported: &Imported) -> Inspection {
    let character = &imported.character;
    let options = Options { character: Some(character.name.clone()), ..Options::default() };
    let examples = match character.message_examples.trim() {
        "" => Vec::new(),
        examples => read_all(examples.as_bytes(), &options).map(|(dialogues, _)| dialogues).unwrap_or_default(),
    };
    // Assets that the card does not name come on top of those that it does; other files are applications' own.
    let named = |path: &str| character.assets.iter().any(|asset| asset.uri.ends_with(path));
    let assets = imported.files.iter().filter(|file| file.path.starts_with("assets/"));
    let unnamed = assets.filter(|file| !named(&file.path)).count();
    Inspection {
        name: Some(character.name.clone()),
        container: Some(imported.container),
        lorebook_entries: character.lorebook.as_ref().map_or(0, |book| book.entries.len() as u64),
        assets: (character.assets.len() + unnamed) as u64,
        dialogues: examples.len() as u64,
        turns: examples.iter().map(|d| d.messages.len() as u64).sum(),
        ..Inspection::new(Kind::Character, imported.spec.as_str(), &imported.report)
    }
}

fn looks_like_safetensors(head: &[u8]) -> bool {
    // A header of a lying length, too, is a POV file with a fault.
    head.split_first_chunk::<8>().is_some_and(|(length, rest)| {
        rest.first() == Some(&b'{')
            && (u64::from_le_bytes(*length) <= MAX_HEADER_BYTES || rest.starts_with(b"{\""))
            && !head.starts_with(b"{")
            && length[4..].contains(&0)
    })
}

fn of_pov(file: &PovFile) -> Inspection {
    let mel = &file.manifest().mel;
    Inspection {
        name: file.manifest().contributors.first().map(|c| c.name.clone()),
        assets: file.manifest().clips.len() as u64,
        dialogues: file.records(),
        tokens: file.tokens(),
        audio_seconds: (file.vocal_frames() * u64::from(mel.hop_samples)) as f64 / f64::from(mel.sample_rate_hz),
        ..Inspection::new(Kind::Pov, "lazai.pov.private.v1", &Report::default())
    }
}

#[cfg(feature = "audio")]
fn audio(file: File) -> Result<Inspection, InspectError> {
    let audio = crate::voice::Audio::read(file)?;
    let mut report = Report::default();
    audio.notes.iter().cloned().for_each(|note| report.add(note));
    Ok(Inspection { audio_seconds: audio.seconds(), ..Inspection::new(Kind::Audio, audio.format.as_str(), &report) })
}

#[cfg(not(feature = "audio"))]
fn audio(_: File) -> Result<Inspection, InspectError> {
    Err(InspectError::FeatureMissing { feature: "audio" })
}

fn dialogues(file: File, options: &Options) -> Result<Inspection, InspectError> {
    let mut reader = Reader::new(file, options)?;
    let (mut dialogues, mut turns) = (0, 0);
    for dialogue in reader.by_ref() {
        dialogues += 1;
        turns += dialogue?.messages.len() as u64;
    }
    let (spec, name) = (reader.format().as_str(), reader.character().map(str::to_owned));
    let report = reader.into_report();
    if dialogues == 0 {
        let most = commonest(&report).map_or("nothing".into(), |note| format!("{}: {}", note.place, note.reason));
        return Err(InspectError::NoDialogue { dropped: report.dropped, most });
    }
    Ok(Inspection { name, dialogues, turns, ..Inspection::new(Kind::Dialogue, spec, &report) })
}

/// The first note of the most common reason for dropping, whatever it names. A missing speaker counts last: it follows from
/// other drops.
fn commonest(report: &Report) -> Option<&Note> {
    let mut kinds: Vec<(String, u64, &Note)> = Vec::new();
    for note in report.of(Action::Dropped) {
        let kind: String = note.reason.split('"').step_by(2).collect();
        match kinds.iter_mut().find(|(other, ..)| *other == kind) {
            Some((_, times, _)) => *times += 1,
            None => kinds.push((kind, 1, note)),
        }
    }
    // Where it is because nobody has the character's name, that is the reason of all others.
    let rank = |note: &Note| match note.reason.strip_prefix(NEVER_SPEAKS) {
        Some("") => 0,
        Some(_) => 2,
        None => 1,
    };
    kinds.into_iter().rev().max_by_key(|(_, times, note)| (rank(note), *times)).map(|(.., note)| note)
}

impl Inspection {
    fn new(kind: Kind, spec: &'static str, report: &Report) -> Self {
        Self {
            kind,
            name: None,
            spec,
            container: None,
            lorebook_entries: 0,
            assets: 0,
            dialogues: 0,
            turns: 0,
            audio_seconds: 0.0,
            tokens: 0,
            dropped: report.of(Action::Dropped).cloned().collect(),
            dropped_total: report.dropped,
            changed_total: report.merged + report.repaired,
            changed: report.notes.iter().filter(|n| n.action != Action::Dropped).cloned().collect(),
        }
    }
}
