//! `memory`: what was said before, shown, changed and forgotten.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lazai_facade::native::data::keep_file;
use lazai_facade::native::memory::open_memory;
use lazai_facade::{LazaiError, LocalKey, Memory, MemoryEntry, MemoryRecall, TokenCounter};
use pollster::block_on;
use serde_json::json;

use crate::args::{self, MemoryAction, MemoryAt};
use crate::local::Local;
use crate::{Done, Output, read};

pub(crate) fn memory(verb: args::Memory, out: &mut Output<'_>) -> Done {
    match verb.action {
        MemoryAction::List { at } => {
            for entry in open(&at)?.list()? {
                out.tell(&entry, short)?;
            }
        }
        MemoryAction::Show { at, id } => {
            let found = open(&at)?.list()?.into_iter().find(|entry| entry.id == id);
            let unknown = || LazaiError::new("memory.unknown_entry", format!("no entry {id}"));
            out.tell(&found.ok_or_else(unknown)?, |entry| format!("{}\n{}", head(entry), entry.text))?;
        }
        MemoryAction::Recall { at, said, memory_tokens, tokenizer, memory_encoder } => {
            let counter = tokenizer.map(|path| TokenCounter::open(path.to_string_lossy().into_owned())).transpose()?;
            let memory = open(&at)?;
            if let Some(folder) = memory_encoder {
                memory.find_by_meaning(folder.to_string_lossy().into_owned())?;
            }
            out.tell(&memory.recall_counted(&said, memory_tokens, counter.as_ref())?, recalled)?;
        }
        MemoryAction::Note { at, text } => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let id = open(&at)?.note(text, now)?;
            out.tell(&json!({"id": id}), |_| format!("{id} is remembered"))?;
        }
        MemoryAction::Edit { at, id, text } => {
            open(&at)?.edit(id.clone(), text)?;
            out.tell(&json!({"id": id}), |_| format!("{id} is changed"))?;
        }
        MemoryAction::Pin { at, id, off } => {
            open(&at)?.pin(id.clone(), !off)?;
            out.tell(&json!({"id": id, "pinned": !off}), |_| {
                format!("{id} is {}", if off { "free" } else { "pinned" })
            })?;
        }
        MemoryAction::Forget { at, all: true, .. } => {
            open(&at)?.forget_all()?;
            out.tell(&json!({"forgotten": "all"}), |_| "everything is forgotten".into())?;
        }
        MemoryAction::Forget { at, id, .. } => {
            open(&at)?.forget(id.clone())?;
            out.tell(&json!({"forgotten": id}), |_| format!("{} entries are forgotten", id.len()))?;
        }
        MemoryAction::Export { at, out: Some(path) } => {
            keep_file(&path.to_string_lossy(), open(&at)?.export_lines()?.as_bytes())?;
            out.tell(&json!({"path": path}), |_| format!("{}: written in clear", path.display()))?;
        }
        MemoryAction::Export { at, out: None } => {
            for line in open(&at)?.export_lines()?.lines() {
                out.line(line)?;
            }
        }
        MemoryAction::Import { at, from } => {
            let lines = String::from_utf8_lossy(&read(&from)?).into_owned();
            let added = open(&at)?.import_lines(lines)?;
            out.tell(&json!({"added": added}), |_| format!("{added} entries are added"))?;
        }
    }
    Ok(true)
}

fn open(at: &MemoryAt) -> Result<Arc<Memory>, LazaiError> {
    let key = match (&at.keystore, &at.password_file, &at.local) {
        (Some(keystore), Some(password), _) => {
            let password = String::from_utf8_lossy(&read(password)?).trim_end_matches(['\r', '\n']).to_owned();
            LocalKey::from_keystore(keystore.to_string_lossy().into_owned(), password)?
        }
        (.., Some(local)) => Local::open(local)?.key(&at.role)?,
        // The parser lets nothing else through.
        _ => return Err(LazaiError::new("keystore", "--keystore is missing")),
    };
    block_on(open_memory(at.file.to_string_lossy().into_owned(), key))
}

fn head(entry: &MemoryEntry) -> String {
    let marks = [(entry.pinned, " pinned"), (entry.edited, " edited")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    format!("{} {} {}{marks}", entry.id, crate::receipts::time(Some(entry.at_s)), entry.author)
}

fn short(entry: &MemoryEntry) -> String {
    let mut words: String = entry.text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(100) {
        words.truncate(end);
        words.push('\u{2026}');
    }
    format!("{}: {words}", head(entry))
}

/// What was recalled, for people.
pub(crate) fn recalled(recall: &MemoryRecall) -> String {
    let counted = if recall.counted { "" } else { " or so" };
    let lines = recall.lines.iter().map(|line| format!("  {} {}\n", line.id, line.line));
    format!("{}  [{} lines recalled, {} tokens{counted}]", lines.collect::<String>(), recall.lines.len(), recall.tokens)
}
