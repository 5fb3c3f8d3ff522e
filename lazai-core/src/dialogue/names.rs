//! Names that lines of a text begin with, as in a play: `Anna: …`, `安娜：…`, `**anna_92**: …`.

use std::collections::{BTreeMap, BTreeSet};

/// Longest name, and most words of one.
const MAX_NAME_CHARS: usize = 40;
const MAX_NAME_WORDS: usize = 6;
/// The bytes of a line in which its colon is looked for.
const MAX_HEAD_BYTES: usize = 256;
/// Words of names that are written small.
const PARTICLES: [&str; 24] = [
    "&", "al", "and", "bin", "da", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "ibn", "la", "le", "of",
    "the", "van", "vom", "von", "y", "zu",
];

/// Marks of emphasis around names.
const EMPHASES: [(&str, &str); 6] =
    [("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("<b>", "</b>"), ("<strong>", "</strong>")];

/// A line that may begin with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun<'t> {
    /// Without marks of emphasis.
    pub written: &'t str,
    /// Without a stage direction, too.
    pub name: &'t str,
    pub words: &'t str,
    /// True if emphasis, brackets or quotation marks stand around it.
    pub is_marked: bool,
    /// True if a space follows the colon; after the wide colon of Chinese and Japanese none does.
    is_spaced: bool,
}

/// Finds the name that a line begins with, if it may be one.
pub(super) fn begun(line: &str) -> Option<Begun<'_>> {
    let bare = without_time(line);
    let (before, words) = split(bare)?;
    let is_wide = bare[before.len()..].starts_with('：');
    // Emphasis may end after the colon.
    let opens = |(open, close): &(&str, &str)| {
        before.trim_start().strip_prefix(*open).is_some_and(|name| !name.ends_with(close))
    };
    let words =
        EMPHASES.iter().filter(|marks| opens(marks)).find_map(|(_, close)| words.strip_prefix(close)).unwrap_or(words);
    let (written, name) = (unmarked(before), unmarked(without_direction(before)));
    if !is_name(name) || words.starts_with("//") {
        return None;
    }
    let is_spaced = is_wide || words.starts_with(char::is_whitespace) || words.is_empty();
    Some(Begun { written, name, words, is_marked: !bare.trim_start().starts_with(name), is_spaced })
}

/// Splits a line at its first colon. A colon in brackets is a time's: `Tom (10:00): …`.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in line[..line.floor_char_boundary(MAX_HEAD_BYTES)].char_indices() {
        match c {
            '(' | '[' | '（' => depth += 1,
            ')' | ']' | '）' => depth = depth.saturating_sub(1),
            ':' | '：' if depth == 0 => return Some((&line[..at], &line[at + c.len_utf8()..])),
            _ => {}
        }
    }
    None
}

/// A name without the stage direction, the time or the remark in brackets behind it.
pub(super) fn without_direction(name: &str) -> &str {
    let name = name.trim_end();
    let open = match name.chars().next_back() {
        Some(')') => '(',
        Some(']') => '[',
        Some('）') => '（',
        _ => return name,
    };
    let bare = name.rsplit_once(open).map_or("", |(bare, _)| bare.trim_end());
    if bare.trim_start().is_empty() { name } else { bare }
}

/// A name without marks of emphasis and quotation, and without brackets around it.
fn unmarked(name: &str) -> &str {
    const MARKS: [char; 12] = ['*', '_', '"', '@', '[', ']', '“', '”', '«', '»', '「', '」'];
    let mut name = name.trim().trim_matches(MARKS).trim();
    for (open, close) in &EMPHASES[4..] {
        name = name.strip_prefix(open).unwrap_or(name);
        name = name.strip_suffix(close).unwrap_or(name);
    }
    name
}

/// The line without a time before it, which may stand in brackets.
pub(super) fn without_time(line: &str) -> &str {
    let after = line.strip_prefix('[').and_then(|inside| inside.split_once("] "));
    let is_time = |text: &str| text.len() <= 24 && text.starts_with(|c: char| c.is_ascii_digit());
    let bracketed = after.filter(|(time, _)| is_time(time)).map(|(_, rest)| rest);
    bracketed.or_else(|| after_clock(line)).unwrap_or(line)
}

/// Returns the text behind a bare time, with or without a date: `10:05 Tom`, `9:05:30 PM - Tom`, `2024-01-12T10:05:00 Tom`.
fn after_clock(line: &str) -> Option<&str> {
    let date = line.bytes().take_while(|c| c.is_ascii_digit() || b"-/.".contains(c)).count();
    let after_date = (6..=10).contains(&date).then(|| line[date..].strip_prefix(['T', ' '])).flatten();
    let line = after_date.unwrap_or(line);
    let number = |text: &'_ str, least: usize| {
        let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
        (least..=2).contains(&digits).then_some(digits)
    };
    let rest = line[number(line, 1)?..].strip_prefix(':')?;
    let rest = &rest[number(rest, 2)?..];
    let rest = rest.strip_prefix(':').and_then(|rest| Some(&rest[number(rest, 2)?..])).unwrap_or(rest);
    let half = |text: &str| text.get(..2).is_some_and(|half| ["am", "pm"].iter().any(|m| half.eq_ignore_ascii_case(m)));
    let rest = Some(rest.trim_start()).filter(|rest| half(rest)).map_or(rest, |rest| &rest[2..]);
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    Some(rest.strip_prefix(['-', '–', '|']).map_or(rest, str::trim_start))
}

/// True if a text begins with a time in brackets and a name, which is no JSON.
pub(super) fn is_timed(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    without_time(first).len() < first.len() && begun(first).is_some()
}

/// True if a text could be a name at all, or a telephone number: no sentence, no web address, no time.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || " '-_.&+()#".contains(c);
    let sentence = |c: char| "。、，！？；…—–".contains(c);
    let is_phone = || name.starts_with('+') && name.chars().filter(char::is_ascii_digit).count() > 5;
    name.starts_with(|c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '+')
        && (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && name.chars().all(|c| allowed(c) && !sentence(c))
        && (name.chars().any(char::is_alphabetic) || is_phone())
        && name.split_whitespace().count() <= MAX_NAME_WORDS
        && !["http", "https", "ftp", "mailto"].iter().any(|scheme| name.eq_ignore_ascii_case(scheme))
}

impl Begun<'_> {
    /// True if this is a name though it stands once: its words begin as those of names do, and nothing is around it.
    pub(super) fn is_clear(&self) -> bool {
        !self.is_marked && self.is_clear_within_marks()
    }

    /// The same, whatever is around it.
    pub(super) fn is_clear_within_marks(&self) -> bool {
        let words: Vec<&str> = self.name.split(' ').collect();
        let cased = |word: &&str| {
            let mut letters = word.chars().skip_while(char::is_ascii_digit);
            letters.next().is_some_and(|c| c.is_uppercase() || (c.is_alphabetic() && !c.is_lowercase()))
                && word.chars().all(|c| c.is_alphanumeric() || "'-_.".contains(c) || is_mark(c))
        };
        let particle = |word: &&str| PARTICLES.contains(word);
        let ends = words.first().is_some_and(cased) && words.last().is_some_and(cased);
        self.is_spaced
            && !self.words.trim().is_empty()
            && ends
            && words.iter().all(|word| cased(word) || particle(word))
    }
}

/// Signs of scripts whose vowels are no letters of their own.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Names that open lines of a text more than once, as [`key`] has them.
pub(super) fn repeated(text: &str) -> BTreeSet<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for begun in text.lines().filter_map(begun) {
        *times.entry(key(begun.name)).or_default() += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(name, _)| name).collect()
}

/// A name as it is compared.
pub(super) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_are_clear() {
        for line in [
            "Anna: hi",
            "安娜: hi",
            "安娜：嗨",
            "アンナ: hi",
            "안나: hi",
            "أنا: hi",
            "अन्ना: hi",
            "2Pac: hi",
            "De la Cruz: hi",
            "Old Anna of the Hill: hi",
            "Dr. Anna: hi",
            "Anna (work): hi",
            "Anna [laughing]: hi",
            "10:05 Anna: hi",
            "[10:05] Anna: hi",
            "Anna (10:05): hi",
        ] {
            assert!(begun(line).unwrap().is_clear(), "{line}");
        }
        for line in
            ["note: a list", "anna_92: hi", "Anna:hi", "*Anna*: hi", "One thing is sure: it rains", "Ingredients:"]
        {
            assert!(!begun(line).is_some_and(|begun| begun.is_clear()), "{line}");
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for line in
            ["https://a.b", "10:00 is late", "Wait, what: this?", "a b c d e f g: h", "- Pros: many", "no colon"]
        {
            assert_eq!(begun(line), None, "{line}");
        }
        for (line, name) in [
            ("**Anna**: hi", "Anna"),
            ("**Anna:** hi", "Anna"),
            ("*Anna:* hi", "Anna"),
            ("__Anna__: hi", "Anna"),
            ("[Anna]: hi", "Anna"),
            ("<b>Anna:</b> hi", "Anna"),
            ("<strong>Anna</strong>: hi", "Anna"),
            ("\"Anna\": hi", "Anna"),
            ("@anna: hi", "anna"),
            ("[10:00] Anna: hi", "Anna"),
            ("10:00 Anna: hi", "Anna"),
            ("9:00:30 PM - Anna: hi", "Anna"),
            ("2024-01-12T10:00:00 Anna: hi", "Anna"),
            ("12.01.2024 10:00 Anna: hi", "Anna"),
            ("Anna (10:00): hi", "Anna"),
            ("**Anna** (softly): hi", "Anna"),
            ("Anna [OOC]: hi", "Anna"),
            ("安娜（笑）：嗨", "安娜"),
            ("Anna 🎷: hi", "Anna 🎷"),
            ("+44 7700 900123: hi", "+44 7700 900123"),
            ("Anna & Tom:hi", "Anna & Tom"),
        ] {
            let begun = begun(line).unwrap();
            assert_eq!((begun.name, begun.words.trim()), (name, if name == "安娜" { "嗨" } else { "hi" }), "{line}");
        }
    }
}
