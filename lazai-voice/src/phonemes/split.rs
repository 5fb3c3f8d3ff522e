//! Texts as sentences, and long sentences as pieces.

use super::MAX_PHONEMES;
use super::classes::{is_lower, is_space};

/// Characters in which a title before a point is looked for.
const MAX_TITLE: usize = 32;

/// The sentences of a text: it is cut at line breaks, and behind `.`, `!`, `?`, `…` and closing quotes where white space
/// follows; not behind titles and initials, not before a small letter.
pub(super) fn sentences(text: &str, is_title: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut sentences = Vec::new();
    for line in text.split('\n') {
        let line = line.trim_matches(is_space);
        let mut start = 0;
        for (at, end) in line.char_indices().filter(|(_, c)| ".!?…".contains(*c)) {
            let end = at + end.len_utf8();
            let after = line[end..].trim_start_matches(['"', '”', '’', ')', ']']);
            let next = after.trim_start_matches(is_space);
            if next.len() < after.len() && !next.is_empty() && ends(&line[start..end], next, &is_title) {
                sentences.push(&line[start..end]);
                start = line.len() - next.len();
            }
        }
        sentences.push(&line[start..]);
    }
    sentences.retain(|sentence| !sentence.trim_matches(is_space).is_empty());
    sentences
}

fn ends(sentence: &str, next: &str, is_title: impl Fn(&str) -> bool) -> bool {
    if next.chars().next().is_some_and(|c| is_lower(c.encode_utf8(&mut [0; 4]))) {
        return false;
    }
    let Some(before) = sentence.strip_suffix('.') else { return true };
    let word = before.rsplit(' ').next().unwrap_or_default();
    if word.chars().count() > MAX_TITLE {
        return true;
    }
    let word = word.trim_start_matches(['(', '"', '“', '\'', '‘']);
    let mut chars = word.chars();
    let is_initial = chars.next().is_some_and(char::is_uppercase) && chars.as_str().is_empty();
    !is_initial && !is_title(word)
}

/// Cuts phonemes into pieces of up to [`MAX_PHONEMES`]: behind punctuation, else at spaces, else anywhere.
pub(super) fn pieces(phonemes: String, pieces: &mut Vec<String>) {
    if phonemes.is_empty() {
        return;
    }
    if phonemes.chars().count() <= MAX_PHONEMES {
        pieces.push(phonemes);
        return;
    }
    let mut whole = Whole { pieces, piece: String::new(), length: 0 };
    for clause in clauses(&phonemes) {
        if clause.chars().count() <= MAX_PHONEMES {
            whole.add(clause);
            continue;
        }
        for word in clause.split(is_space) {
            let mut word = word;
            while let Some((at, _)) = word.char_indices().nth(MAX_PHONEMES) {
                whole.add(&word[..at]);
                word = &word[at..];
            }
            whole.add(word);
        }
    }
    whole.finish();
}

/// Pieces in the making.
struct Whole<'a> {
    pieces: &'a mut Vec<String>,
    piece: String,
    length: usize,
}

impl Whole<'_> {
    fn add(&mut self, part: &str) {
        let length = part.chars().count();
        if !self.piece.is_empty() && self.length + length + 1 > MAX_PHONEMES {
            self.finish();
        }
        if !self.piece.is_empty() {
            self.piece.push(' ');
            self.length += 1;
        }
        self.piece.push_str(part);
        self.length += length;
    }

    fn finish(&mut self) {
        self.length = 0;
        self.pieces.extend(Some(std::mem::take(&mut self.piece)).filter(|piece| !piece.is_empty()));
    }
}

/// Parts of phonemes, cut at white space behind punctuation.
fn clauses(phonemes: &str) -> Vec<&str> {
    let (mut clauses, mut start) = (Vec::new(), 0);
    for (at, c) in phonemes.char_indices().filter(|(_, c)| ",;:—".contains(*c)) {
        let end = at + c.len_utf8();
        let after = phonemes[end..].trim_start_matches(is_space);
        if after.len() < phonemes.len() - end {
            clauses.push(&phonemes[start..end]);
            start = phonemes.len() - after.len();
        }
    }
    clauses.push(&phonemes[start..]);
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_do() {
        for (text, expected) in [
            ("One. Two! Three? Four… Five", "One.|Two!|Three?|Four…|Five"),
            ("Dr. Smith met J. K. Rowling. They spoke.", "Dr. Smith met J. K. Rowling.|They spoke."),
            ("He said \"Go.\" She went.", "He said \"Go.|She went."),
            ("What? no. 3.5 is it", "What? no.|3.5 is it"),
            ("a\n\n b \nc", "a|b|c"),
            ("  ", ""),
            ("x.\u{a0}Y", "x.|Y"),
        ] {
            assert_eq!(sentences(text, |word| word == "Dr").join("|"), expected, "{text}");
        }
    }

    #[test]
    fn pieces_are_no_longer_than_the_limit() {
        let long = format!("{}, {} {}; c", "a".repeat(300), "b ".repeat(300), "d".repeat(900));
        let mut out = Vec::new();
        pieces(long.clone(), &mut out);
        assert!(out.iter().all(|piece| piece.chars().count() <= MAX_PHONEMES), "{out:?}");
        let letters = |text: &str| text.replace(' ', "");
        assert_eq!(letters(&out.concat()), letters(&long));
        assert_eq!(out[0], "a".repeat(300) + "," + &" b".repeat(49));
    }
}
