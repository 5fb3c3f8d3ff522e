//! Tokens as words of parts: capitals inside a word, hyphens, digits; what signs say without a dictionary.

use super::Missed;
use super::classes::{is_decimal, is_latin_lower, is_latin_upper, is_letter, is_letter_like, is_word};
use super::token::Token;

/// Most parts of a word, and most parts that are looked up as one.
const MAX_PARTS: usize = 128;
pub(super) const MAX_TOGETHER: usize = 32;

/// Parts of a word; a token that is complete in itself stands alone.
#[derive(Debug)]
pub(super) struct Word<'a> {
    /// The parts.
    pub parts: Vec<Token<'a>>,
    /// True if more parts may follow.
    is_open: bool,
}

/// True for punctuation that is heard as a pause or a tone.
pub(super) fn is_pause(c: char) -> bool {
    ";:,.!?—…".contains(c)
}

/// True for signs inside words that are not heard.
pub(super) fn is_silent(c: char) -> bool {
    "',-._‘’/".contains(c)
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '‘' | '’')
}

/// The words of tokens.
pub(super) fn words<'a>(tokens: &[Token<'a>], missed: &mut Missed) -> Vec<Word<'a>> {
    let mut words: Vec<Word<'a>> = Vec::new();
    let mut sum = Sum::default();
    for (at, token) in tokens.iter().enumerate() {
        let texts = if token.is_open() { parts(&token.text) } else { vec![token.text.clone()] };
        for (nth, text) in texts.iter().enumerate() {
            let is_last = nth + 1 == texts.len();
            let mut part = Token { text: text.clone(), space: token.space && is_last, ..token.clone() };
            if part.is_open() {
                let ends = is_last && tokens.get(at + 1).is_none_or(|next| next.tag != "CD");
                let around = [nth.checked_sub(1), Some(nth + 1)].map(|nth| texts.get(nth?));
                mark(&mut part, around, ends, &mut sum, missed);
            }
            match words.last_mut() {
                Some(word) if part.is_open() && word.is_open && word.parts.len() < MAX_PARTS => {
                    part.is_head = false;
                    word.is_open = !part.space;
                    word.parts.push(part);
                }
                _ => words.push(Word { is_open: part.is_open() && !part.space, parts: vec![part] }),
            }
        }
    }
    sum.end(missed);
    words
}

/// A sum of money, from its sign on.
#[derive(Default)]
struct Sum {
    sign: Option<&'static str>,
    is_said: bool,
}

impl Sum {
    fn begin(&mut self, sign: &'static str, missed: &mut Missed) {
        self.end(missed);
        *self = Self { sign: Some(sign), is_said: false };
    }

    fn end(&mut self, missed: &mut Missed) {
        if !self.is_said {
            self.sign.into_iter().flat_map(str::chars).for_each(|c| missed.add(c));
        }
        self.sign = None;
    }
}

/// Says what a part is without a dictionary: a sign, the end of a sum of money, the "2" of "B2B".
fn mark(part: &mut Token<'_>, around: [Option<&String>; 2], ends: bool, sum: &mut Sum, missed: &mut Missed) {
    if let Some(sign) = currency_sign(&part.text).filter(|_| part.tag == "$") {
        sum.begin(sign, missed);
        part.phonemes = Some(String::new());
    } else if part.tag == ":" && matches!(part.text.as_str(), "-" | "–") {
        part.phonemes = Some("—".to_owned());
    } else if let Some(said) = punctuation(part.tag, &part.text) {
        part.text.chars().filter(|c| !said.contains(*c)).for_each(|c| missed.add(c));
        part.phonemes = Some(said);
    } else if sum.sign.is_some() {
        if part.tag != "CD" {
            sum.end(missed);
        } else if ends {
            part.currency = sum.sign;
            sum.is_said = true;
        }
    } else if let ([Some(before), Some(after)], "2") = (around, part.text.as_str()) {
        let is_between =
            before.chars().next_back().is_some_and(is_letter) && after.chars().next().is_some_and(is_letter);
        part.alias = is_between.then_some("to");
    }
}

fn currency_sign(text: &str) -> Option<&'static str> {
    ["$", "£", "€"].into_iter().find(|sign| *sign == text)
}

/// What a token with a tag of punctuation says; `None` for other tags and for words.
fn punctuation(tag: &str, text: &str) -> Option<String> {
    let fixed = match tag {
        "-LRB-" => Some("("),
        "-RRB-" => Some(")"),
        "``" => Some("“"),
        "\"\"" | "''" => Some("”"),
        "." | "," | ":" | "$" | "#" | "NFP" => None,
        _ => return None,
    };
    if text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    Some(fixed.map_or_else(|| text.chars().filter(|c| is_pause(*c) || "\"“”".contains(*c)).collect(), str::to_owned))
}

/// Cuts a token into parts: numbers, signs, and words at the capitals inside them. Apostrophes inside a word that join
/// nothing are left out.
fn parts(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let length = part(&chars, at);
        if length > 0 {
            parts.push(chars[at..at + length].iter().collect());
        }
        at += length.max(1);
    }
    parts
}

/// The characters of the part that begins at a place; none if none does.
fn part(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let run = |is: fn(char) -> bool| rest.iter().take_while(|c| is(**c)).count();
    let apostrophes = run(is_apostrophe);
    if at == 0 && apostrophes > 0 {
        return apostrophes;
    }
    if let [a, b, c, ..] = rest
        && is_latin_upper(*a)
        && is_latin_upper(*b)
        && is_latin_lower(*c)
    {
        return 1;
    }
    let minus = usize::from(at == 0 && rest.first() == Some(&'-'));
    let digits = number(&rest[minus..]);
    if digits > 0 {
        return minus + digits;
    }
    let hyphens = run(|c| matches!(c, '-' | '_'));
    if hyphens > 0 {
        return hyphens;
    }
    if apostrophes > 1 {
        return apostrophes;
    }
    if let Some(length) = before_capital(rest) {
        return length;
    }
    let letters = run(is_letter_like);
    if letters > 0 {
        let mut end = letters;
        while joins(rest, end) {
            end += 2;
        }
        return end;
    }
    match rest.first() {
        Some(c) if !is_word(*c) && !is_apostrophe(*c) => 1,
        Some(_) if apostrophes == rest.len() => apostrophes,
        _ => 0,
    }
}

/// The characters of a number with commas and points inside.
fn number(text: &[char]) -> usize {
    let mut end = 0;
    loop {
        match text[end..] {
            [c, ..] if is_decimal(c) => end += 1,
            [',' | '.', c, ..] if is_decimal(c) => end += 2,
            _ => return end,
        }
    }
}

/// True if an apostrophe and a letter are at a place.
fn joins(text: &[char], at: usize) -> bool {
    matches!(text[at..], [a, b, ..] if is_apostrophe(a) && is_letter_like(b))
}

/// The characters of a word up to a small letter with a capital behind it, such as those of `Mac` in `MacArthur`.
fn before_capital(text: &[char]) -> Option<usize> {
    let is_end = |at: usize| matches!(text[at..], [a, b, ..] if is_latin_lower(a) && is_latin_upper(b));
    let mut letters = 0;
    loop {
        let mut at = letters;
        loop {
            if is_end(at) {
                return Some(at + 1);
            }
            if !joins(text, at) {
                break;
            }
            at += 2;
        }
        if !text.get(letters).is_some_and(|c| is_letter_like(*c)) {
            return None;
        }
        letters += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_cut_into_parts() {
        for (text, expected) in [
            ("word", "word"),
            ("MacArthur", "Mac|Arthur"),
            ("HTMLParser", "HTMLParser"),
            ("iPhone12", "i|Phone|12"),
            ("-5", "-5"),
            ("A-1", "A|-|1"),
            ("1,000.5", "1,000.5"),
            ("1,", "1|,"),
            (",5", ",5"),
            ("don't", "don't"),
            ("'tis", "'|tis"),
            ("rock'n'roll", "rock'n'r|oll"),
            ("O'Neil", "O'N|eil"),
            ("a''b", "a|''|b"),
            ("dogs'", "dogs|'"),
            ("x'2", "x|2"),
            ("½", "½"),
            ("e\u{301}", "e|\u{301}"),
            ("x_y", "x|_|y"),
            ("B2B", "B|2|B"),
            ("d'ItAlia", "d'It|Alia"),
            ("ABa", "A|Ba"),
            ("", ""),
        ] {
            assert_eq!(parts(text).join("|"), expected, "{text}");
        }
    }
}
