//! Dialogues of a file as short lines: who speaks, by a letter, and what.
#![allow(dead_code, clippy::unwrap_used)]

use lazai_core::dialogue::{Dialogue, Options, Role, read_all};

/// One talk that the tests write in many ways.
pub const TALK: [&str; 2] = ["u Is it lit?", "a It is."];

pub fn of(character: &str) -> Options {
    Options { character: Some(character.into()), ..Options::default() }
}

/// The messages of a dialogue; those of the character that are context begin with `c`.
pub fn said(dialogue: &Dialogue) -> Vec<String> {
    let letter = |index: usize, role: Role| match role {
        Role::Assistant if dialogue.context.contains(&u32::try_from(index).unwrap()) => "c",
        role => &role.as_str()[..1],
    };
    dialogue.messages.iter().enumerate().map(|(i, m)| format!("{} {}", letter(i, m.role), m.content)).collect()
}

/// The dialogues of a text, each as its messages; and the reasons of all notes.
pub fn read(text: &str, options: &Options) -> (Vec<Vec<String>>, Vec<String>) {
    let (dialogues, report) = read_all(text.as_bytes(), options).unwrap();
    (dialogues.iter().map(said).collect(), report.notes.into_iter().map(|note| note.reason).collect())
}

pub fn is_noted(notes: &[String], words: &str) -> bool {
    notes.iter().any(|note| note.contains(words))
}
