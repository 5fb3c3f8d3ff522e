//! `inspect` and `prepare`.

use std::path::Path;

use lazai_facade::native::data::{ContributorTerms, FileFacts, inspect_file, prepare_dataset};

use crate::args;
use crate::{Done, Output};

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(crate) fn inspect(verb: &args::Inspect, out: &mut Output<'_>) -> Done {
    for path in &verb.files {
        let facts = inspect_file(text(path))?;
        out.tell(&facts, |facts| format!("{}: {}", path.display(), told(facts)))?;
    }
    Ok(true)
}

fn told(facts: &FileFacts) -> String {
    let mut told = format!("{}, {}", facts.kind, facts.spec);
    if let Some(container) = &facts.container {
        told += &format!(" in {container}");
    }
    if let Some(name) = &facts.name {
        told += &format!(", {name:?}");
    }
    for (count, what) in [
        (facts.dialogues, if facts.kind == "pov" { "records" } else { "dialogues" }),
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
    for note in facts.dropped.iter().chain(&facts.changed) {
        told += &format!("\n  {} {}: {}", note.action, note.place, note.reason);
    }
    told
}

pub(crate) fn prepare(verb: args::Prepare, out: &mut Output<'_>) -> Done {
    let args::Prepare { files, base, address, name, licence, consent, out: path } = verb;
    let files = files.iter().map(|path| text(path)).collect();
    let contributor = ContributorTerms { address, name, licence, consent };
    let facts = prepare_dataset(files, contributor, text(&base), text(&path), None)?;
    out.tell(&facts, |facts| {
        let notes: String = facts.notes.iter().map(|n| format!("\n  {} {}: {}", n.action, n.place, n.reason)).collect();
        let (records, tokens, held_out) = (facts.records, facts.tokens, facts.held_out);
        format!("{}: {records} records, {tokens} tokens; {held_out} dialogues held out{notes}", path.display())
    })?;
    Ok(true)
}
