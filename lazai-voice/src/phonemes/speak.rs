//! Words as phonemes: dictionary, rules and the net, from the last word to the first, since a word's sound depends on the
//! next one's.

use super::classes::{digit, is_digit, is_letter};
use super::lexicon::Context;
use super::stress::{self, PRIMARY, is_consonant, is_vowel};
use super::token::{Token, joined, merged};
use super::words::{MAX_TOGETHER, Word, is_pause, is_silent};
use super::{Missed, Phonemizer};

impl Phonemizer {
    /// The phonemes of words.
    pub(super) fn speak(&self, mut words: Vec<Word<'_>>, missed: &mut Missed) -> String {
        let mut context = Context::default();
        for word in words.iter_mut().rev() {
            context = match word.parts.as_mut_slice() {
                [token] => {
                    let said = token.phonemes.take().or_else(|| self.say(token, context));
                    let said = said.unwrap_or_else(|| self.unknown(&token.text, missed));
                    let context = context.before(&said, token);
                    token.phonemes = Some(said);
                    context
                }
                parts => self.speak_parts(parts, context, missed),
            };
        }
        let mut out = String::new();
        for word in &words {
            let start = out.len();
            for part in &word.parts {
                let said = part.phonemes.as_deref().unwrap_or_default();
                if part.gap && !said.is_empty() && out.len() > start && !out.ends_with(' ') {
                    out.push(' ');
                }
                out.extend(said.chars().map(|c| match c {
                    'ɾ' => 'T',
                    'ʔ' => 't',
                    c => c,
                }));
            }
            if word.parts.last().is_some_and(|part| part.space) {
                out.push(' ');
            }
        }
        out.trim_matches(super::classes::is_space).to_owned()
    }

    /// Speaks parts of a word: as many together as the dictionary knows, from the end.
    fn speak_parts(&self, parts: &mut [Token<'_>], mut context: Context, missed: &mut Missed) -> Context {
        let start = |right: usize| right.saturating_sub(MAX_TOGETHER);
        let mut right = parts.len();
        let mut left = start(right);
        while left < right {
            let some = &parts[left..right];
            let whole = some.iter().all(Token::is_open).then(|| merged(some));
            let said = whole.as_ref().and_then(|whole| self.say(whole, context));
            if let (Some(whole), Some(said)) = (whole, said) {
                context = context.before(&said, &whole);
                parts[left..right].iter_mut().for_each(|part| part.phonemes = Some(String::new()));
                parts[left].phonemes = Some(said);
                right = left;
                left = start(right);
            } else if left + 1 < right {
                left += 1;
            } else {
                right -= 1;
                let part = &mut parts[right];
                if part.phonemes.is_none() {
                    if !part.text.chars().all(is_silent) {
                        let said = self.unknown(&joined(parts), missed);
                        parts.iter_mut().for_each(|part| part.phonemes = Some(String::new()));
                        parts[0].phonemes = Some(said);
                        return context;
                    }
                    part.phonemes = Some(String::new());
                }
                left = start(right);
            }
        }
        resolve(parts);
        context
    }

    /// Speaks what no rule knows: letters by the net, digits as a number, signs by their names.
    fn unknown(&self, text: &str, missed: &mut Missed) -> String {
        let mut out = Vec::new();
        for piece in self.pieces.find_iter(text).map(|piece| piece.as_str()) {
            let said = match piece.chars().next() {
                Some(first) if is_digit(first) => {
                    let end = piece.find(|c: char| !is_digit(c) && !matches!(c, ',' | '.')).unwrap_or(piece.len());
                    let ascii = |c: char| {
                        let value = if c.is_ascii() { Some(c) } else { digit(c).map(|value| char::from(b'0' + value)) };
                        if value.is_none() {
                            missed.add(c);
                        }
                        value
                    };
                    let number: String = piece[..end].chars().filter_map(ascii).collect();
                    out.extend(self.lexicon.number(&number, None, false));
                    self.unknown_word(&piece[end..], missed)
                }
                Some(first) if is_letter(first) => self.unknown_word(piece, missed),
                _ => {
                    let signs = piece.chars().filter_map(|c| {
                        let said = sign(c);
                        if said.is_none() {
                            missed.add(c);
                        }
                        said
                    });
                    signs.collect()
                }
            };
            if !said.is_empty() {
                out.push(said);
            }
        }
        out.join(" ")
    }

    fn unknown_word(&self, word: &str, missed: &mut Missed) -> String {
        word.chars().filter(|c| !self.net.knows(*c)).for_each(|c| missed.add(c));
        let letters: Vec<char> = word.chars().filter(|c| self.net.knows(*c)).collect();
        letters.chunks(self.net.longest).map(|part| self.net.say(&part.iter().collect::<String>())).collect()
    }

    fn say(&self, token: &Token<'_>, context: Context) -> Option<String> {
        self.lexicon.say(token, context)
    }
}

impl Context {
    /// What the word before hears of a token.
    fn before(self, phonemes: &str, token: &Token<'_>) -> Self {
        let first = phonemes.chars().find(|c| is_vowel(*c) || is_consonant(*c) || is_pause(*c));
        let is_to = match token.text.as_str() {
            "to" | "To" => true,
            "TO" => matches!(token.tag, "TO" | "IN"),
            _ => false,
        };
        Self { vowel: first.map_or(self.vowel, |c| (!is_pause(c)).then(|| is_vowel(c))), to: is_to }
    }
}

/// Gaps and stresses within a word of parts.
fn resolve(parts: &mut [Token<'_>]) {
    let text = joined(parts);
    let kind = |c: char| if is_letter(c) { 0 } else { 1 + u8::from(!c.is_ascii_digit()) };
    let mut kinds = text.chars().filter(|c| !is_silent(*c)).map(kind);
    let first = kinds.next();
    let gap = text.contains([' ', '/']) || kinds.any(|kind| Some(kind) != first);
    let last = parts.len() - 1;
    for (at, part) in parts.iter_mut().enumerate() {
        let mut chars = part.text.chars();
        if part.phonemes.is_none() {
            if let (Some(c), None) = (chars.next(), chars.next())
                && at == last
                && is_pause(c)
            {
                part.phonemes = Some(part.text.clone());
            } else if part.text.chars().all(is_silent) {
                part.phonemes = Some(String::new());
            }
        } else if at > 0 {
            part.gap = gap;
        }
    }
    if gap {
        return;
    }
    let spoken = parts.iter().enumerate().filter_map(|(at, part)| {
        let said = part.phonemes.as_deref().filter(|said| !said.is_empty())?;
        Some((said.contains(PRIMARY), stress::weight(said), at))
    });
    let mut spoken: Vec<(bool, usize, usize)> = spoken.collect();
    let stressed = spoken.iter().filter(|(is_stressed, ..)| *is_stressed).count();
    let weakened: Vec<usize> = match spoken[..] {
        [(.., first), (.., second)] if parts[first].text.chars().count() == 1 => vec![second],
        _ if spoken.len() < 2 || stressed <= spoken.len().div_ceil(2) => return,
        _ => {
            spoken.sort_unstable();
            spoken[..spoken.len() / 2].iter().map(|(.., at)| *at).collect()
        }
    };
    for at in weakened {
        if let Some(said) = &mut parts[at].phonemes {
            *said = stress::apply(said, Some(-1));
        }
    }
}

/// The name of a sign.
fn sign(c: char) -> Option<&'static str> {
    Some(match c {
        '/' => "slˈæʃ",
        '=' => "ˈikwᵊlz",
        '+' => "plˈʌs",
        '&' => "ænd",
        '@' => "æt",
        '%' => "pəɹsˈɛnt",
        '#' => "hˈæʃ",
        '*' => "ˈæstəɹˌɪsk",
        '~' => "tˈɪldə",
        '^' => "kˈɛɹət",
        '<' => "lˈɛs ðən",
        '>' => "ɡɹˈATəɹ ðən",
        '—' => "—",
        _ => return None,
    })
}
