//! Notes at import: which macros of a text become nothing, and which nobody knows.

use std::collections::BTreeSet;

use super::known::{Known, call, known};
use crate::character::{Character, Lorebook, Spec};
use crate::report::{Action, Report};

impl Lorebook {
    /// Notes the macros of the entries that are not heeded.
    pub(in super::super) fn note_macros(&self, prefix: &str, report: &mut Report) {
        for (i, entry) in self.entries.iter().enumerate() {
            note_macros(&entry.content, &format!("{prefix}entries[{i}].content"), report);
        }
    }
}

impl Character {
    /// Notes the macros of all that a prompt or a greeting may hold.
    pub(in super::super) fn note_macros(&self, spec: Spec, report: &mut Report) {
        if spec == Spec::Eliza {
            for (name, text) in [
                ("bio", &self.description),
                ("style", &self.personality),
                ("messageExamples", &self.message_examples),
                ("system", &self.system_prompt),
            ] {
                note_macros(text, name, report);
            }
            for entry in self.lorebook.iter().flat_map(|book| &book.entries) {
                note_macros(&entry.content, "knowledge", report);
            }
            return;
        }
        let prefix = if spec == Spec::V1 { "" } else { "data." };
        for (name, text) in [
            ("description", &self.description),
            ("personality", &self.personality),
            ("scenario", &self.scenario),
            ("first_mes", &self.first_message),
            ("mes_example", &self.message_examples),
            ("system_prompt", &self.system_prompt),
            ("post_history_instructions", &self.post_history_instructions),
        ] {
            note_macros(text, &format!("{prefix}{name}"), report);
        }
        for (name, list) in
            [("alternate_greetings", &self.alternate_greetings), ("group_only_greetings", &self.group_only_greetings)]
        {
            for (i, text) in list.iter().enumerate() {
                note_macros(text, &format!("{prefix}{name}[{i}]"), report);
            }
        }
        if let Some(book) = &self.lorebook {
            book.note_macros(&format!("{prefix}character_book."), report);
        }
    }
}

/// Most names that one note lists.
const MAX_NAMES: usize = 8;

/// Notes the macros of a text that are not heeded, once for the text.
fn note_macros(text: &str, place: &str, report: &mut Report) {
    let (mut lacking, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for (at, _) in text.match_indices("{{") {
        let inside = &text[at + 2..];
        let head = &inside[..inside.floor_char_boundary(48)];
        let Some(end) = head.find(['}', '{', ':']).or_else(|| head.find(char::is_whitespace)) else { continue };
        // The text after the name does not matter here, only its presence.
        let taken = if head[end..].starts_with("::") { format!("{}::x", &head[..end]) } else { head[..end].to_owned() };
        let taken = if head[end..].starts_with(':') && !taken.ends_with("::x") { format!("{taken}:x") } else { taken };
        let Some(found) = call(&taken) else { continue };
        let word = found.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && found.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        match known(&found) {
            Some(Known::Lacking) => drop(lacking.insert(found.name)),
            None if word && head[..end].trim().len() == found.name.len() => drop(unknown.insert(found.name)),
            _ => {}
        }
    }
    let list = |names: &BTreeSet<String>| {
        let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("{{{{{name}}}}}")).collect();
        let more = names.len().saturating_sub(MAX_NAMES);
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    };
    let mut reasons = Vec::new();
    if !lacking.is_empty() {
        reasons.push(format!("{} mean nothing here and become empty", list(&lacking)));
    }
    if !unknown.is_empty() {
        reasons.push(format!("{} are no known macros and stay", list(&unknown)));
    }
    if !reasons.is_empty() {
        report.note(Action::Repaired, place, format!("not heeded: {}", reasons.join("; ")));
    }
}
