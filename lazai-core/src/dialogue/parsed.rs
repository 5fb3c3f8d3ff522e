//! The result of parsing a record: a dialogue, and notes on it.

use std::collections::BTreeSet;

use super::speaker::{Said, Talk, folded, same};
use super::{Dialogue, Role};
use crate::report::{Action, Note, excerpt};

/// Why a dialogue is dropped of which nothing else is left.
pub(crate) const NEVER_SPEAKS: &str = "the character never speaks";

/// The result of parsing a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The dialogue, if it can be used.
    pub dialogue: Option<Dialogue>,
    /// Notes on dropped, merged and repaired data.
    pub notes: Vec<Note>,
    /// Names of those whose replies are taken for the character's, where the caller does not say who that is; and their places.
    characters: Vec<(String, String)>,
    /// Names under which a file's user speaks, as they are compared.
    pub(super) users: BTreeSet<String>,
}

/// Most of these names that are kept: two are one too many.
const MAX_CHARACTERS: usize = 2;
/// Most names of the user that are kept.
const MAX_USERS: usize = 16;

/// Tells whether the replies of a file are one character's, where the caller does not say whose to take.
#[derive(Debug, Clone, Default)]
pub struct OneCharacter {
    first: Option<String>,
    is_told: bool,
}

impl OneCharacter {
    /// Takes the names of a record in the order of the file. Returns a note for the first one that differs.
    pub fn note(&mut self, parsed: &mut Parsed) -> Option<Note> {
        for (name, place) in std::mem::take(&mut parsed.characters) {
            let first = self.first.get_or_insert_with(|| name.clone());
            if !self.is_told && !same(first, &name) {
                self.is_told = true;
                let reason =
                    format!("replies of {first:?} and of {name:?} are taken as one character's; say who it is");
                return Some(Note { action: Action::Repaired, place, reason });
            }
        }
        None
    }
}

impl Parsed {
    /// Nothing yet but notes.
    pub(super) fn noted(notes: Vec<Note>) -> Self {
        Self { notes, ..Self::default() }
    }

    pub(super) fn note(&mut self, action: Action, place: impl Into<String>, reason: impl Into<String>) {
        self.notes.push(Note { action, place: place.into(), reason: reason.into() });
    }

    /// A name of somebody whose replies are taken for the character's.
    pub(super) fn heard(&mut self, name: &str, place: &str) {
        if self.characters.len() < MAX_CHARACTERS && self.characters.iter().all(|(other, _)| !same(other, name)) {
            self.characters.push((excerpt(name, 80), place.to_owned()));
        }
    }

    /// A name under which the user speaks.
    pub(super) fn is_user(&mut self, name: &str) {
        if self.users.len() < MAX_USERS {
            self.users.insert(folded(&excerpt(name, 80)));
        }
    }

    /// Keeps messages that say something, joins neighbours of one role, and drops dialogues in which the character
    /// says nothing that may be learnt.
    pub(super) fn finish(mut self, id: String, contributor: &str, line: u64, talk: Talk) -> Self {
        let mut kept: Vec<Said> = Vec::with_capacity(talk.said.len());
        for next in talk.said {
            if next.message.content.trim().is_empty() {
                self.note(Action::Dropped, next.place, "an empty message");
                continue;
            }
            let role = next.message.role;
            match kept.last_mut().filter(|last| last.message.role == role) {
                // What is learnt and what is not cannot be one message.
                Some(last) if role == Role::Assistant && last.learnt != next.learnt => {
                    let reason = "not to be learnt, and beside a reply that is";
                    let unlearnt = if last.learnt { next } else { std::mem::replace(last, next) };
                    self.note(Action::Dropped, unlearnt.place, reason);
                }
                Some(last) => {
                    self.note(Action::Merged, next.place, format!("a second {} message in a row", role.as_str()));
                    last.message.content.push('\n');
                    last.message.content.push_str(&next.message.content);
                }
                None => kept.push(next),
            }
        }
        let replies = || kept.iter().filter(|said| said.message.role == Role::Assistant);
        if replies().any(|said| said.learnt) {
            let unlearnt = (0..).zip(&kept).filter(|(_, said)| said.message.role == Role::Assistant && !said.learnt);
            let context = unlearnt.map(|(index, _)| index).collect();
            let messages = kept.into_iter().map(|said| said.message).collect();
            self.dialogue = Some(Dialogue { id, contributor: contributor.to_owned(), messages, context });
        } else {
            let reason = match talk.nobody {
                _ if replies().next().is_some() => "nothing of it may be learnt".to_owned(),
                Some(why) => format!("{NEVER_SPEAKS}: {why}"),
                None => NEVER_SPEAKS.to_owned(),
            };
            self.note(Action::Dropped, format!("line {line}"), reason);
        }
        self
    }
}
