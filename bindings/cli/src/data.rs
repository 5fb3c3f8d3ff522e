//! `inspect` and `prepare`.

use std::path::Path;

use lazai_facade::native::data::{
    ContributorTerms, DatasetFacts, DialogueMessage, FileFacts, FileKind, ReadDialogue, inspect_file, prepare_dataset,
    read_dialogues,
};
use lazai_facade::{FileNote, LazaiError};
use serde::Serialize;

use crate::args;
use crate::sound::{self, Marked};
use crate::{Done, Output, refusal};

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A file and its contents.
#[derive(Serialize)]
struct Told {
    file: String,
    #[serde(flatten)]
    facts: FileFacts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown: Vec<ReadDialogue>,
    /// What a file of speech says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    speech: Option<Marked>,
}

pub(crate) fn inspect(verb: &args::Inspect, out: &mut Output<'_>) -> Done {
    let args::Speakers { character, user } = &verb.speakers;
    let (mut first, mut refused, mut holds) = (None, 0_usize, true);
    for path in &verb.files {
        if crate::signed::is_signed(path) {
            holds &= crate::signed::inspect(path, out)?;
            continue;
        }
        let looked_at = inspect_file(text(path), character.clone(), user.clone()).and_then(|facts| {
            let shows = verb.show > 0 && facts.kind == FileKind::Dialogue;
            let shown = shows.then(|| read_dialogues(text(path), verb.show, character.clone(), user.clone()));
            let speech = if facts.kind == FileKind::Audio { sound::marked(path)? } else { None };
            Ok(Told { file: text(path), facts, shown: shown.transpose()?.unwrap_or_default(), speech })
        });
        match looked_at {
            Ok(told) => {
                holds &= told.speech.as_ref().is_none_or(|speech| speech.holds);
                out.tell(&told, |told| {
                    let speech = told.speech.as_ref().map(sound::in_words).unwrap_or_default();
                    format!("{}: {}{}{speech}", told.file, in_words(&told.facts), spoken(&told.shown))
                })?;
            }
            Err(error) if verb.files.len() == 1 => return Err(error),
            Err(error) => {
                let mut told = refusal(&error);
                told["file"] = text(path).into();
                out.tell(&told, |_| format!("{}: {} ({})", path.display(), error.detail(), error.code()))?;
                refused += 1;
                first.get_or_insert((path, error));
            }
        }
    }
    match first {
        None => Ok(holds),
        Some((file, error)) => {
            let of = verb.files.len();
            let told = format!("{refused} of {of} files are not what is known; the first is {}", file.display());
            Err(LazaiError::new(error.code(), told))
        }
    }
}

fn in_words(facts: &FileFacts) -> String {
    let mut told = format!("{}, {}", facts.kind, facts.spec);
    if let Some(container) = &facts.container {
        told += &format!(" in {container}");
    }
    if let Some(name) = &facts.name {
        told += &format!(", {name:?}");
    }
    for (count, what) in [
        (facts.dialogues, if facts.kind == FileKind::Pov { "records" } else { "dialogues" }),
        (facts.turns, "messages"),
        (facts.tokens, "tokens"),
        (facts.lorebook_entries, "lorebook entries"),
        (facts.assets, "files"),
    ] {
        if count > 0 {
            told += &format!(", {count} {what}");
        }
    }
    if facts.audio_seconds > 0.0 {
        told += &format!(", {:.1} s of sound", facts.audio_seconds);
    }
    told + &notes(facts.dropped.iter().chain(&facts.changed))
}

/// Dialogues in words: what is learnt is marked.
fn spoken(dialogues: &[ReadDialogue]) -> String {
    let mut told = String::new();
    for ReadDialogue { id, messages } in dialogues {
        told += &format!("\n  {id}");
        for DialogueMessage { role, content, learnt } in messages {
            // A stranger's words do not steer the terminal.
            let words = content.replace('\n', "\n      ").replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
            told += &format!("\n  {} {role}: {words}", if *learnt { '>' } else { ' ' });
        }
    }
    told
}

/// Notes in words, a line each.
pub(crate) fn notes<'n>(notes: impl IntoIterator<Item = &'n FileNote>) -> String {
    notes.into_iter().map(|note| format!("\n  {} {}: {}", note.action, note.place, note.reason)).collect()
}

/// A dataset in words.
pub(crate) fn dataset(name: &str, facts: &DatasetFacts) -> String {
    let DatasetFacts { records, tokens, held_out, recordings, notes: noted } = facts;
    let voice = if *recordings > 0 { format!(", {recordings} recordings") } else { String::new() };
    format!("{name}: {records} records, {tokens} tokens{voice}; {held_out} dialogues held out{}", notes(noted))
}

impl args::Owner {
    pub fn terms(self, address: String) -> ContributorTerms {
        let Self { name, licence, consent } = self;
        ContributorTerms { address, name, licence, consent }
    }
}

pub(crate) fn prepare(verb: args::Prepare, out: &mut Output<'_>) -> Done {
    let args::Prepare { files, base, address, owner, out: path, speakers, record_tokens } = verb;
    let args::Speakers { character, user } = speakers;
    let files = files.iter().map(|path| text(path)).collect();
    let (terms, base, dataset_path) = (owner.terms(address), text(&base), text(&path));
    let facts = prepare_dataset(files, terms, base, dataset_path, None, character, user, None, record_tokens)?;
    out.tell(&facts, |facts| dataset(&path.display().to_string(), facts))?;
    Ok(true)
}
