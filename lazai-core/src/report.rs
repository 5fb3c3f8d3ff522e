//! Notes of an importer on data that it could not take as it was.
//!
//! Files from the wild are dirty. Importers tolerate that, and note here the data that they dropped, merged or repaired,
//! with its place, so that nothing vanishes unseen.

use serde::Serialize;

/// Most notes of each kind that are kept in detail; beyond that they are counted.
pub const MAX_NOTES: usize = 1_000;

/// The importer's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// It is not in the result.
    Dropped,
    /// It became part of its neighbour.
    Merged,
    /// It is in the result, changed.
    Repaired,
}

/// One thing that was not taken unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The importer's action.
    pub action: Action,
    /// The place: `line 12`, `data.character_book`, `assets/icon/main.png`.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// All notes of one import, and how many there were of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Units (dialogues, recordings) in the result.
    pub kept: u64,
    /// The number of notes that say *dropped*.
    pub dropped: u64,
    /// The number of notes that say *merged*.
    pub merged: u64,
    /// The number of notes that say *repaired*.
    pub repaired: u64,
    /// The first [`MAX_NOTES`] notes of each kind, in the order of the file.
    pub notes: Vec<Note>,
}

impl Report {
    /// Notes something.
    pub fn note(&mut self, action: Action, place: impl Into<String>, reason: impl Into<String>) {
        self.add(Note { action, place: place.into(), reason: reason.into() });
    }

    /// Adds a note.
    pub fn add(&mut self, note: Note) {
        let count = match note.action {
            Action::Dropped => &mut self.dropped,
            Action::Merged => &mut self.merged,
            Action::Repaired => &mut self.repaired,
        };
        *count += 1;
        // A cap for each kind: a thousand things that were merged hide nothing that was dropped.
        if *count <= MAX_NOTES as u64 {
            self.notes.push(note);
        }
    }

    /// The number of notes of one kind that are counted, but not kept.
    #[must_use]
    pub fn beyond(&self, action: Action) -> u64 {
        let count = match action {
            Action::Dropped => self.dropped,
            Action::Merged => self.merged,
            Action::Repaired => self.repaired,
        };
        count.saturating_sub(self.of(action).count() as u64)
    }

    /// Notes of one kind.
    pub fn of(&self, action: Action) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |note| note.action == action)
    }
}

/// At most `max` characters of a text, for errors and notes about text from outside.
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_one_kind_hide_no_other() {
        let mut report = Report::default();
        for line in 0..=MAX_NOTES {
            report.note(Action::Merged, format!("line {line}"), "a second message in a row");
        }
        report.note(Action::Dropped, "line 9999", "not JSON");
        assert_eq!(report.of(Action::Dropped).count(), 1);
        assert_eq!((report.of(Action::Merged).count(), report.beyond(Action::Merged)), (MAX_NOTES, 1));
        assert_eq!(report.beyond(Action::Dropped), 0);
    }
}
