//! Texts as words and signs, by spaCy's rules for English: exceptions first, then prefixes and suffixes are taken off, then
//! what is left is cut at infixes.

use std::collections::BTreeMap;

use regex::Regex;

use super::classes::{SPACE, WORD, is_latin_lower, is_latin_upper, is_letter_like, is_space, is_word};
use crate::error::{Result, SpeechError};

/// Characters between white space after which a word is cut in two: no word of a language is that long.
pub(super) const MAX_WORD: usize = 512;
/// Most exceptions, and most characters of one.
const MAX_EXCEPTIONS: usize = 65_536;
const MAX_EXCEPTION: usize = 64;
const PUNCTUATION: &str = "…,:;!?¿¡()[]{}<>_#*&。？！，、；：～·";
const QUOTES: &str = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉";
const ICONS: &str = "™®©°§¶†‡•";
const CURRENCY: &str = "$£€¥฿₽₹₩₪₺₴₦₫₱₲₵₸₼₾₿";
const UNITS: [&str; 48] = [
    "km", "km²", "km³", "m", "m²", "m³", "dm", "dm²", "dm³", "cm", "cm²", "cm³", "mm", "mm²", "mm³", "ha", "µm", "nm",
    "yd", "in", "ft", "kg", "g", "mg", "µg", "t", "lb", "oz", "m/s", "km/h", "kmh", "mph", "hPa", "Pa", "mbar", "mb",
    "MB", "kb", "KB", "gb", "GB", "tb", "TB", "T", "G", "M", "K", "%",
];

/// The rules and their exceptions.
#[derive(Debug)]
pub(super) struct Tokenizer {
    exceptions: BTreeMap<String, Vec<String>>,
    longest: usize,
    address: Regex,
}

/// A word or a sign, and whether white space follows.
pub(super) type Piece = (String, bool);

impl Tokenizer {
    /// Reads `tokenizer_exceptions.json`.
    pub(super) fn read(json: &[u8]) -> Result<Self> {
        let bad = |reason: String| SpeechError::malformed("tokenizer_exceptions.json", reason);
        let exceptions: BTreeMap<String, Vec<String>> = serde_json::from_slice(json).map_err(|e| bad(e.to_string()))?;
        if exceptions.len() > MAX_EXCEPTIONS {
            let found = exceptions.len();
            return Err(SpeechError::TooLarge { what: "exceptions of a tokenizer", found, max: MAX_EXCEPTIONS });
        }
        for (text, parts) in &exceptions {
            if text.is_empty()
                || text.chars().count() > MAX_EXCEPTION
                || *text != parts.concat()
                || parts.contains(&String::new())
            {
                return Err(bad(format!("{text:?}: expected its parts, up to {MAX_EXCEPTION} characters")));
            }
        }
        let (word, space) = (WORD, SPACE);
        let domains = "com|org|net|edu|gov|io|co|uk|de|fr|info|biz|us|ca|au|tv|me|ly|ai";
        let forms = [
            format!(r"^(?:(?:https?|ftp)://|www\.)[^{space}]+$"),
            format!(r"^[{word}.+\-]+@[{word}\-]+(?:\.[{word}\-]+)+$"),
            format!(r"^(?:[{word}\-]+\.)+(?:{domains})(?:/[^{space}]*)?$"),
        ];
        let address = Regex::new(&format!("(?i){}", forms.join("|")));
        Ok(Self {
            longest: exceptions.keys().map(|text| text.chars().count()).max().unwrap_or_default(),
            address: address.map_err(|e| bad(e.to_string()))?,
            exceptions,
        })
    }

    /// The words and signs of a text.
    pub(super) fn pieces(&self, text: &str) -> Vec<Piece> {
        let (mut pieces, mut rest) = (Vec::new(), text.trim_start_matches(is_space));
        while !rest.is_empty() {
            let word = &rest[..rest.find(is_space).unwrap_or(rest.len())];
            let word = &word[..word.char_indices().nth(MAX_WORD).map_or(word.len(), |(at, _)| at)];
            pieces.extend(self.split(word).into_iter().map(|piece| (piece, false)));
            let after = &rest[word.len()..];
            rest = after.trim_start_matches(is_space);
            if let Some(last) = pieces.last_mut() {
                last.1 = rest.len() < after.len();
            }
        }
        pieces
    }

    fn exception(&self, text: &[char]) -> Option<&[String]> {
        if text.is_empty() || text.len() > self.longest {
            return None;
        }
        self.exceptions.get(&text.iter().collect::<String>()).map(Vec::as_slice)
    }

    fn split(&self, word: &str) -> Vec<String> {
        if let Some(parts) = self.exceptions.get(word) {
            return parts.clone();
        }
        let chars: Vec<char> = word.chars().collect();
        let (mut rest, mut pieces, mut tail) = (&chars[..], Vec::new(), Vec::new());
        let string = |chars: &[char]| chars.iter().collect::<String>();
        while !rest.is_empty() && self.exception(rest).is_none() {
            let before = prefix(rest);
            if before > 0 && self.exception(&rest[before..]).is_some() {
                pieces.push(string(&rest[..before]));
                rest = &rest[before..];
                break;
            }
            let after = suffix(&rest[before..]);
            let end = rest.len() - after;
            if after > 0 && self.exception(&rest[..end]).is_some() {
                tail.push(string(&rest[end..]));
                rest = &rest[..end];
                break;
            }
            if before > 0 {
                pieces.push(string(&rest[..before]));
            }
            if after > 0 {
                tail.push(string(&rest[end..]));
            }
            if before + after == 0 {
                break;
            }
            rest = &rest[before..end];
        }
        if let Some(parts) = self.exception(rest) {
            pieces.extend(parts.iter().cloned());
        } else if !rest.is_empty() {
            if self.address.is_match(&string(rest)) {
                pieces.push(string(rest));
            } else {
                infixes(rest, &mut pieces);
            }
        }
        pieces.extend(tail.into_iter().rev());
        self.joined(pieces)
    }

    /// Joins pieces that are an exception together, such as `Sept` and `.`.
    fn joined(&self, pieces: Vec<String>) -> Vec<String> {
        let (mut out, mut at) = (Vec::with_capacity(pieces.len()), 0);
        'pieces: while at < pieces.len() {
            for count in [3, 2] {
                let Some(some) = pieces.get(at..at + count) else { continue };
                if some.iter().map(String::len).sum::<usize>() > self.longest * 4 {
                    continue;
                }
                if let Some(parts) = self.exceptions.get(&some.concat()) {
                    out.extend(parts.iter().cloned());
                    at += count;
                    continue 'pieces;
                }
            }
            out.push(pieces[at].clone());
            at += 1;
        }
        out
    }
}

/// The characters of a prefix that is taken off.
fn prefix(text: &[char]) -> usize {
    match text {
        ['.', '.', ..] => text.iter().take_while(|c| **c == '.').count(),
        ['+', next, ..] if next.is_ascii_digit() => 0,
        ['U', 'S', '$', ..] => 3,
        ['C' | 'A', '$', ..] => 2,
        [first, ..] => usize::from(
            "§%=—–+".contains(*first)
                || [PUNCTUATION, QUOTES, CURRENCY, ICONS].iter().any(|signs| signs.contains(*first)),
        ),
        [] => 0,
    }
}

/// The characters of a suffix that is taken off: the longest.
fn suffix(text: &[char]) -> usize {
    let Some((&last, before)) = text.split_last() else { return 0 };
    let dots = text.iter().rev().take_while(|c| **c == '.').count();
    if dots > 1 {
        return dots;
    }
    if let ([.., '…'], '…') | ([.., '\'' | '’'], 's' | 'S') = (before, last) {
        return 2;
    }
    // Units of money and of measure, behind a digit.
    let ends = |unit: &str| {
        let count = unit.chars().count();
        let start = text.len().checked_sub(count)?;
        let is_end = start > 0 && text[start - 1].is_ascii_digit() && text[start..].iter().copied().eq(unit.chars());
        is_end.then_some(count)
    };
    if let Some(longest) = UNITS.into_iter().chain(["US$", "C$", "A$"]).filter_map(ends).max() {
        return longest;
    }
    let is_taken = match (before, last) {
        _ if "—–".contains(last) || [PUNCTUATION, QUOTES, ICONS].iter().any(|signs| signs.contains(last)) => true,
        ([.., b], '+') => b.is_ascii_digit(),
        ([.., a, b], '.') if a == &'°' && "FfCcKk".contains(*b) => true,
        ([.., b], '.') if b.is_ascii_digit() || is_latin_lower(*b) || "%²-+".contains(*b) => true,
        ([.., b], '.') if PUNCTUATION.contains(*b) || QUOTES.contains(*b) => true,
        ([.., a, b], '.') => is_latin_upper(*a) && is_latin_upper(*b),
        ([.., b], _) => b.is_ascii_digit() && CURRENCY.contains(last),
        ([], _) => false,
    };
    usize::from(is_taken)
}

/// Cuts a text at its infixes.
fn infixes(text: &[char], pieces: &mut Vec<String>) {
    let (mut start, mut at) = (0, 0);
    let mut push = |part: &[char]| {
        if !part.is_empty() {
            pieces.push(part.iter().collect());
        }
    };
    while at < text.len() {
        let length = infix(text, at);
        if length > 0 && at > 0 {
            push(&text[start..at]);
            push(&text[at..at + length]);
            start = at + length;
        }
        at += length.max(1);
    }
    push(&text[start..]);
}

/// The characters of the infix at a place; none if there is none.
fn infix(text: &[char], at: usize) -> usize {
    let here = text[at];
    let before = at.checked_sub(1).map(|at| text[at]);
    let follows = |length: usize, is: fn(char) -> bool| text.get(at + length).is_some_and(|c| is(*c));
    let dots = text[at..].iter().take_while(|c| **c == '.').count();
    if dots > 1 {
        return dots;
    }
    if here == '…' || ICONS.contains(here) {
        return 1;
    }
    let Some(before) = before else { return 0 };
    let is_quote = |c: char| QUOTES.contains(c);
    let is_single = match here {
        '+' | '-' | '*' | '^' if before.is_ascii_digit() && follows(1, |c| c.is_ascii_digit() || c == '-') => true,
        '.' => (is_latin_lower(before) || is_quote(before)) && follows(1, |c| is_latin_upper(c) || QUOTES.contains(c)),
        ',' => is_letter_like(before) && follows(1, is_letter_like),
        ':' | '<' | '>' | '=' | '/' => before != '_' && is_word(before) && follows(1, is_letter_like),
        _ => false,
    };
    if is_single {
        return 1;
    }
    if before == '_' || !is_word(before) {
        return 0;
    }
    let dashes = ["-", "–", "—", "--", "---", "——", "~"];
    let is_here = |dash: &&str| text[at..].iter().copied().take(dash.chars().count()).eq(dash.chars());
    let lengths = dashes.iter().filter(|dash| is_here(dash)).map(|dash| dash.chars().count());
    lengths.into_iter().find(|length| follows(*length, is_letter_like)).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn split(text: &str) -> String {
        let json = r#"{"don't": ["do", "n't"], "10am": ["10", "am"], "Sept.": ["Sept."], ":)": [":)"]}"#;
        let pieces = Tokenizer::read(json.as_bytes()).unwrap().pieces(text);
        let pieces = pieces.into_iter().map(|(piece, space)| piece + if space { " " } else { "|" });
        pieces.collect()
    }

    #[test]
    fn texts_are_cut_by_the_rules() {
        for (text, expected) in [
            ("", ""),
            ("  a  b ", "a b "),
            ("(don't!)", "(|do|n't|!|)|"),
            ("\"10am\"", "\"|10|am|\"|"),
            ("Sept.", "Sept.|"),
            ("well...", "well|...|"),
            ("mother-in-law's", "mother|-|in|-|law|'s|"),
            ("5km/h.", "5|km/h|.|"),
            ("US$5", "US$|5|"),
            ("5€", "5|€|"),
            ("a,b;c", "a|,|b;c|"),
            ("https://a.org/b-c", "https://a.org/b-c|"),
            ("Hi.There", "Hi|.|There|"),
            ("U.S.", "U.S.|"),
            ("USA.", "USA|.|"),
            (":)", ":)|"),
            ("and/or", "and|/|or|"),
            ("+5 +x", "+5 +|x|"),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    #[test]
    fn no_word_is_longer_than_the_limit() {
        let long = "x".repeat(MAX_WORD * 2 + 1);
        assert_eq!(split(&long).matches('|').count(), 3);
        assert_eq!(split(&"(".repeat(5000)).matches('|').count(), 5000);
    }

    #[test]
    fn exceptions_are_checked() {
        for json in ["[]", r#"{"a": ["b"]}"#, r#"{"": []}"#, r#"{"a": ["a", ""]}"#, r#"{"a": "a"}"#] {
            assert!(Tokenizer::read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
