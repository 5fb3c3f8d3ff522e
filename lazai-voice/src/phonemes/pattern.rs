//! Regular expressions with a look at the character before and after, in linear time.
//!
//! A pattern takes those characters into its match, outside of its groups; what is replaced reaches from the first group's
//! beginning to the last group's end, and the next search begins there.

use regex::{Captures, Regex, RegexBuilder};

use super::classes::{SPACE, WORD};
use crate::error::{Result, SpeechError};

/// Most bytes of a compiled pattern.
const MAX_SIZE: usize = 8 << 20;

/// A pattern and what it is replaced by.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern. In its classes, `<w>` stands for what words are made of, `<s>` for white space.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        let pattern = pattern.replace("<w>", WORD).replace("<s>", SPACE);
        let regex = RegexBuilder::new(&pattern).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        regex.map(Self).map_err(|e| SpeechError::malformed("normalize.json", e))
    }

    /// Replaces all matches. `with` is told the groups and what follows; `None` leaves the match as it is.
    pub(super) fn replace(&self, text: String, with: impl Fn(&Groups<'_>, &str) -> Option<String>) -> String {
        let (mut out, mut done) = (String::new(), 0);
        while let Some(groups) = self.find(&text, done) {
            let Some(new) = with(&groups, &text[groups.end..]) else {
                out.push_str(&text[done..groups.end]);
                done = groups.end;
                continue;
            };
            out.push_str(&text[done..groups.start]);
            out.push_str(&new);
            done = groups.end;
        }
        if done == 0 {
            return text;
        }
        out.push_str(&text[done..]);
        out
    }

    /// The first match at or behind a place.
    fn find<'t>(&self, text: &'t str, from: usize) -> Option<Groups<'t>> {
        // The character before the match may be the last one of the match before it.
        let mut at = text[..from].chars().next_back().map_or(0, |c| from - c.len_utf8());
        loop {
            let captures = self.0.captures_at(text, at)?;
            let groups = captures.iter().skip(1).flatten();
            let (start, end) = groups.fold((usize::MAX, 0), |(start, end), m| (start.min(m.start()), end.max(m.end())));
            if start >= from && end > from {
                return Some(Groups { captures, start, end });
            }
            at = text[at..].chars().next().map_or(text.len(), |c| at + c.len_utf8());
            if at >= text.len() {
                return None;
            }
        }
    }
}

/// A match.
pub(super) struct Groups<'t> {
    captures: Captures<'t>,
    start: usize,
    end: usize,
}

impl Groups<'_> {
    /// A group's text; empty if it has no part in the match.
    pub(super) fn get(&self, group: usize) -> &str {
        self.captures.get(group).map_or("", |m| m.as_str())
    }
}

/// The words of a table as alternatives, the longest first.
pub(super) fn alternatives<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    words.into_iter().map(regex::escape).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_looked_at_and_kept() {
        let pattern = Pattern::new("(?:^|[^<w>])(a)(?:[^<w>]|$)").unwrap();
        assert_eq!(pattern.replace("a a a, ba a".into(), |_, _| Some("x".into())), "x x x, ba x");
        assert_eq!(pattern.replace("a a".into(), |_, after| after.is_empty().then(|| "x".into())), "a x");
        assert_eq!(pattern.replace("äa".into(), |_, _| Some("x".into())), "äa");
    }
}
