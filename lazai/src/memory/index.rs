//! Finding by words, and by how near passages are in meaning: BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over passages of entries.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::entry::{Author, Entry};
use super::words::terms;

/// The number of repetitions after which a term counts little more.
const K1: f32 = 1.2;
/// The part of a score that the passage's length decides.
const B: f32 = 0.6;
/// The weight of the words before a passage: an answer is found by its question.
const BEFORE: f32 = 0.35;
/// The weight of a question, which tells nothing by itself.
const QUESTION: f32 = 0.45;
/// The most bytes of a passage.
const PASSAGE_BYTES: usize = 280;
/// What is shorter than this is told with the sentence after it.
const SENTENCE_BYTES: usize = 16;
/// The most passages that are found, and that are looked at for them.
const MOST_FOUND: usize = 100;
const LOOKED_AT: usize = 2_000;
/// The weight of the character's words: facts of the user are the user's.
const CHARACTER: f32 = 0.7;

/// A passage of an entry.
#[derive(Debug, Clone)]
pub(super) struct Passage {
    /// The entry's place in the list.
    pub entry: usize,
    /// Its bytes of the entry's text.
    pub bytes: Range<usize>,
    length: f32,
    weight: f32,
    /// Its words, hashed and sorted.
    words: Vec<u32>,
}

/// An index of entries, in their order.
#[derive(Debug, Default)]
pub(super) struct Index {
    postings: HashMap<String, Vec<(u32, f32)>>,
    passages: Vec<Passage>,
    entries: usize,
    length: f32,
}

impl Index {
    /// The number of entries that are indexed.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// All passages, in the order of entries.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// Indexes the next entry; `before` is the one that it answers.
    pub fn add(&mut self, entry: &Entry, before: Option<&Entry>) {
        let place = self.entries;
        self.entries += 1;
        let mut earlier = before.map_or("", |before| &before.text[..cut(&before.text, PASSAGE_BYTES)]);
        for bytes in passages(&entry.text) {
            let mut counts: HashMap<String, f32> = HashMap::new();
            let mut length = 0.0;
            terms(&entry.text[bytes.clone()], |term, weight| {
                *counts.entry(term.to_owned()).or_default() += weight;
                length += weight;
            });
            terms(earlier, |term, weight| *counts.entry(term.to_owned()).or_default() += weight * BEFORE);
            earlier = &entry.text[bytes.clone()];
            let weight = match entry.author {
                Author::Character => CHARACTER,
                Author::User if is_question(earlier) => QUESTION,
                _ => 1.0,
            };
            let number = u32::try_from(self.passages.len()).unwrap_or(u32::MAX);
            for (term, count) in counts {
                self.postings.entry(term).or_default().push((number, count));
            }
            self.length += length;
            let words = hashed_words(&entry.text[bytes.clone()]);
            self.passages.push(Passage { entry: place, bytes, length, weight, words });
        }
    }

    /// The passages that share words with some texts, each with its weight; the best first, of equals the newest. Of passages that
    /// are alike, only the first: what is said often leaves room for what was said once. With `near`, how near each passage is in meaning,
    /// that counts as much as words.
    pub fn find(&self, texts: &[(&str, f32)], near: Option<&[f32]>) -> Vec<(&Passage, f32)> {
        // In the order of terms: sums of fractions depend on theirs.
        let mut wanted: BTreeMap<String, f32> = BTreeMap::new();
        for (text, of_text) in texts {
            terms(text, |term, weight| {
                let wanted = wanted.entry(term.to_owned()).or_default();
                *wanted = wanted.max(weight * of_text);
            });
        }
        let count = self.passages.len() as f32;
        let mean = (self.length / count.max(1.0)).max(1.0);
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for (term, weight) in &wanted {
            let Some(postings) = self.postings.get(term) else { continue };
            let having = postings.len() as f32;
            let rarity = (1.0 + (count - having + 0.5) / (having + 0.5)).ln();
            for (number, count) in postings {
                let Some(passage) = self.passages.get(*number as usize) else { continue };
                let saturated = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * passage.length / mean));
                *scores.entry(*number).or_default() += weight * rarity * saturated * passage.weight;
            }
        }
        if let Some(near) = near {
            let best = scores.values().copied().fold(f32::MIN_POSITIVE, f32::max);
            scores.values_mut().for_each(|score| *score /= best);
            for ((number, passage), near) in (0..).zip(&self.passages).zip(near).filter(|(_, near)| **near > 0.0) {
                *scores.entry(number).or_default() += near * passage.weight;
            }
        }
        let mut found: Vec<(u32, f32)> = scores.into_iter().collect();
        found.sort_by(|one, other| other.1.total_cmp(&one.1).then(other.0.cmp(&one.0)));
        let found = found.into_iter().filter_map(|(number, score)| Some((self.passages.get(number as usize)?, score)));
        varied(found.take(LOOKED_AT).collect())
    }
}

/// The first of passages that are alike.
fn varied(found: Vec<(&Passage, f32)>) -> Vec<(&Passage, f32)> {
    let mut kept: Vec<(&Passage, f32)> = Vec::with_capacity(MOST_FOUND);
    for (passage, score) in found {
        if kept.len() == MOST_FOUND {
            break;
        }
        if !kept.iter().any(|(other, _)| are_alike(&passage.words, &other.words)) {
            kept.push((passage, score));
        }
    }
    kept
}

/// Tells whether two sorted lists have more than half of all their words in common.
fn are_alike(one: &[u32], other: &[u32]) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let common = short.iter().filter(|word| long.binary_search(word).is_ok()).count();
    common * 3 > one.len() + other.len()
}

/// The words of a text, each once, as numbers.
fn hashed_words(text: &str) -> Vec<u32> {
    let mut words = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // FNV-1a: a collision only makes two passages look a little more alike.
        let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        words.push(word.to_lowercase().bytes().fold(0x811c_9dc5, hash));
    }
    words.sort_unstable();
    words.dedup();
    words
}

fn is_question(text: &str) -> bool {
    text.trim_end().ends_with(['?', '\u{ff1f}', '\u{061f}'])
}

/// The largest place within so many bytes where a text can be cut.
pub(super) fn cut(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// The passages of a text: its sentences, cut where they are long, joined where they are short.
fn passages(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let most = cut(rest, PASSAGE_BYTES);
        let end = end_of_sentence(&rest[..most]).or_else(|| (most == rest.len()).then_some(most));
        // A text of one long word is cut anywhere; no character has as many bytes as a passage.
        let end = end.or_else(|| rest[..most].rfind(' ').map(|place| place + 1)).unwrap_or(most.max(1));
        found.push(start..start + end);
        start += end;
    }
    found
}

/// The end of the first sentence of a text that is no mere exclamation.
fn end_of_sentence(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let ends = match letter {
            // "Mr." ends no sentence.
            '.' if ends_with_an_abbreviation(&text[..place]) => false,
            '.' | '!' | '?' => letters.peek().is_some_and(|(_, next)| next.is_whitespace()),
            '\n' | '\u{3002}' | '\u{ff01}' | '\u{ff1f}' => true,
            _ => false,
        };
        if ends && place >= SENTENCE_BYTES {
            return Some(place + letter.len_utf8());
        }
    }
    None
}

/// Tells whether a text ends with a capital and one or two letters more, as "Mr" and "St" do.
fn ends_with_an_abbreviation(text: &str) -> bool {
    let word = text.rsplit(|letter: char| !letter.is_alphabetic()).next().unwrap_or_default();
    word.chars().count() <= 3 && word.starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::EntryId;

    fn said(author: Author, text: &str) -> Entry {
        let (id, at_s, turn, pinned, edited) = (EntryId(0), 0, None, false, false);
        Entry { id, at_s, author, text: text.into(), turn, pinned, edited }
    }

    #[test]
    fn an_answer_is_found_by_its_question_and_before_it() {
        let mut index = Index::default();
        let question = said(Author::User, "What is the name of your ship?");
        let answer = said(Author::Character, "Esperanza.");
        index.add(&said(Author::User, "I like soup."), None);
        index.add(&question, None);
        index.add(&answer, Some(&question));
        let found = index.find(&[("How was the ship called, its name?", 1.0)], None);
        let places: Vec<usize> = found.iter().map(|(passage, _)| passage.entry).collect();
        assert_eq!(places.len(), 2);
        assert!(!places.contains(&0));
    }

    #[test]
    fn passages_cover_a_text_and_end_with_sentences() {
        let text = "Ä first sentence of some length. ".repeat(40) + &"x".repeat(700) + &"\u{6c34}".repeat(300);
        let found = passages(&text);
        assert!(found.iter().all(|bytes| !bytes.is_empty() && bytes.len() <= PASSAGE_BYTES));
        let joined: String = found.iter().map(|bytes| &text[bytes.clone()]).collect();
        assert_eq!(joined, text);
        assert!(text[found[0].clone()].ends_with('.'));
        assert!(passages("").is_empty());
    }
}
