//! Choosing what is recalled within a budget.

use std::collections::HashSet;

use lazai_core::message::{Message, Role};

use super::index::{Index, Passage};
use super::note::{Meter, line};
use super::{Author, Entry, Memory, MemoryError, Recall, Recalled, State, without_note};
use crate::conversation::TokenCounter;

/// The weight of the message before, which a follow-up goes on from.
const EARLIER: f32 = 0.3;
/// An answer of fewer words is told with its question.
const SHORT_WORDS: usize = 6;
/// The most passages that do not fit before no others are tried.
const MISSES: usize = 40;

/// What is to be recalled.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The user's message.
    pub said: &'a str,
    /// The conversation before it: what stands there is not recalled.
    pub before: &'a [Message],
    /// The most tokens that a note adds to the prompt.
    pub max_tokens: u32,
    /// Counts them; without it, three bytes are taken for a token.
    pub counter: Option<&'a dyn TokenCounter>,
}

impl<'a> Query<'a> {
    /// Recalls for a message that begins a conversation.
    #[must_use]
    pub fn new(said: &'a str, max_tokens: u32) -> Self {
        Self { said, before: &[], max_tokens, counter: None }
    }
}

impl std::fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Query {{ max_tokens: {} }}", self.max_tokens)
    }
}

impl Memory {
    /// Recalls what fits a message: what is pinned and the last summary, then what shares words with it, or is near in meaning (see
    /// [`find_by_meaning`](Self::find_by_meaning)). With a counter, the note never
    /// adds more tokens than the budget.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`MemoryError::Meaning`].
    pub fn recall(&self, query: &Query<'_>) -> Result<Recall, MemoryError> {
        self.with(|state| {
            state.bring_up_to_date();
            let near = match &mut *self.meanings() {
                Some(meanings) => Some(meanings.near(&state.passages(), query.said)?),
                None => None,
            };
            Ok(chosen(&state.entries, &state.index, query, near.as_deref()))
        })
    }
}

impl State {
    /// The words of all passages, in their order.
    pub(super) fn passages(&self) -> Vec<&str> {
        let words = |passage: &Passage| self.entries.get(passage.entry)?.text.get(passage.bytes.clone());
        self.index.passages().iter().map(|passage| words(passage).unwrap_or_default()).collect()
    }

    /// Indexes what was added.
    pub(super) fn bring_up_to_date(&mut self) {
        for place in self.index.entries()..self.entries.len() {
            let Some(entry) = self.entries.get(place) else { return };
            self.index.add(entry, answered(&self.entries, place));
        }
    }
}

/// The entry that one answers: the one before it, of the same session.
fn answered(entries: &[Entry], place: usize) -> Option<&Entry> {
    let (before, entry) = (entries.get(place.checked_sub(1)?)?, entries.get(place)?);
    let session = |entry: &Entry| entry.turn.map(|turn| turn.session);
    (session(before).is_some() && session(before) == session(entry)).then_some(before)
}

/// A choice in the making.
struct Choice<'a> {
    entries: &'a [Entry],
    meter: Meter<'a>,
    /// What is known without being recalled, or was chosen.
    told: HashSet<&'a str>,
    /// In the order of rank, with each entry's place.
    lines: Vec<(usize, Recalled)>,
    tokens: u64,
}

fn chosen(entries: &[Entry], index: &Index, query: &Query<'_>, near: Option<&[f32]>) -> Recall {
    let meter = Meter { counter: query.counter, message: query.said };
    let told = query.before.iter().map(|message| without_note(&message.content).trim()).chain([query.said.trim()]);
    let tokens = meter.frame();
    let mut choice = Choice { entries, meter, told: told.collect(), lines: Vec::new(), tokens };
    let most = u64::from(query.max_tokens);

    let summary = entries.iter().rposition(|entry| entry.author == Author::Summary);
    let pinned = (0..entries.len()).filter(|place| entries.get(*place).is_some_and(|entry| entry.pinned));
    for place in summary.into_iter().chain(pinned) {
        if let Some(entry) = entries.get(place) {
            choice.take(&[(place, entry.text.as_str())], 0.0, most);
        }
    }
    let earlier = query.before.iter().rev().find(|message| message.role == Role::Assistant);
    let earlier = earlier.map(|message| (message.content.as_str(), EARLIER));
    let texts: Vec<(&str, f32)> = [(query.said, 1.0)].into_iter().chain(earlier).collect();
    let mut misses = 0;
    for (passage, score) in index.find(&texts, near) {
        if misses > MISSES {
            break;
        }
        if !choice.passage(passage, score, most) {
            misses += 1;
        }
    }
    choice.within(most, query.counter.is_some())
}

impl<'a> Choice<'a> {
    /// Takes a passage, with the question that a short one answers. Returns false if there is no room.
    fn passage(&mut self, passage: &Passage, score: f32, most: u64) -> bool {
        let entries = self.entries;
        let Some(entry) = entries.get(passage.entry) else { return true };
        let Some(words) = entry.text.get(passage.bytes.clone()) else { return true };
        // Of summaries, the last one stands already.
        if entry.author == Author::Summary || self.told.contains(entry.text.trim()) {
            return true;
        }
        let own = (passage.entry, words);
        let is_short = words.split_whitespace().count() < SHORT_WORDS;
        let question =
            answered(entries, passage.entry).filter(|question| is_short && !self.told.contains(question.text.trim()));
        match question {
            Some(question) => {
                let asked = &question.text[..super::index::cut(&question.text, 200)];
                self.take(&[(passage.entry - 1, asked), own], score, most) || self.take(&[own], score, most)
            }
            None => self.take(&[own], score, most),
        }
    }

    fn take(&mut self, parts: &[(usize, &'a str)], score: f32, most: u64) -> bool {
        let mut lines = Vec::with_capacity(parts.len());
        for (place, words) in parts {
            let Some(entry) = self.entries.get(*place) else { return true };
            if self.told.contains(words.trim()) {
                continue;
            }
            let line = line(entry.at_s, entry.author, words);
            let tokens = self.meter.tokens(&format!("{line}\n"));
            let score_milli = (score * 1_000.0) as u64;
            lines.push((
                *place,
                Recalled { id: entry.id, at_s: entry.at_s, author: entry.author, line, score_milli, tokens },
            ));
        }
        let more: u64 = lines.iter().map(|(_, recalled)| recalled.tokens).sum();
        if self.tokens.saturating_add(more) > most {
            return false;
        }
        self.tokens += more;
        self.told.extend(parts.iter().map(|(_, words)| words.trim()));
        self.lines.append(&mut lines);
        true
    }

    /// The lines in the order in which they were said, without the last of rank as long as they are too many.
    fn within(mut self, most: u64, counted: bool) -> Recall {
        loop {
            let mut lines = self.lines.clone();
            lines.sort_by_key(|(place, _)| *place);
            let lines = lines.into_iter().map(|(_, recalled)| recalled).collect();
            let mut recall = Recall { lines, tokens: 0, counted };
            recall.tokens = self.meter.added(&recall);
            if recall.tokens <= most || self.lines.pop().is_none() {
                return recall;
            }
        }
    }
}
