//! Words out of the dictionaries: their cases, spellings by letters, endings, function words in their context.

use std::cell::OnceCell;

use unicode_normalization::UnicodeNormalization;

use super::classes::{digit, is_alphabetic, is_digit, is_letter};
use super::stress::{self, PRIMARY, SECONDARY, Stress};
use super::table::{Said, Table};
use super::token::Token;

/// The words of an accent.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// Words whose phonemes were checked by people.
    pub gold: Table,
    /// Other words.
    pub silver: Table,
    /// True for British endings.
    pub british: bool,
}

/// What follows a word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// True if the next sound is a vowel; `None` before a pause.
    pub vowel: Option<bool>,
    /// True if the next word is "to".
    pub to: bool,
}

/// The unit of a currency sign and its hundredth.
pub(super) fn currency(sign: &str) -> Option<[&'static str; 2]> {
    match sign {
        "$" => Some(["dollar", "cent"]),
        "£" => Some(["pound", "pence"]),
        "€" => Some(["euro", "cent"]),
        _ => None,
    }
}

fn symbol(word: &str) -> Option<&'static str> {
    match word {
        "%" => Some("percent"),
        "&" => Some("and"),
        "+" => Some("plus"),
        "@" => Some("at"),
        _ => None,
    }
}

impl Lexicon {
    /// The phonemes of a token. `None` if no rule knows it.
    pub(super) fn say(&self, token: &Token<'_>, context: Context) -> Option<String> {
        let text = token.alias.unwrap_or(&token.text);
        let word: String = if text.is_ascii() {
            text.to_owned()
        } else {
            let plain = text.replace(['‘', '’'], "'");
            plain
                .nfkc()
                .map(|c| if is_digit(c) { digit(c).map_or(c, |value| char::from(b'0' + value)) } else { c })
                .collect()
        };
        let stress = match word.to_lowercase() == word {
            true => None,
            false if word.to_uppercase() == word => Some(4),
            false => Some(1),
        };
        if let Some(said) = self.word(&word, token.tag, stress, context) {
            return Some(match token.currency.and_then(currency).and_then(|[unit, _]| self.plural(unit)) {
                Some(unit) => format!("{said} {unit}"),
                None => said,
            });
        }
        if super::amounts::is_number(&word, token.is_head) {
            return self.number(&word, token.currency, token.is_head);
        }
        None
    }

    /// The plural of a unit of money.
    pub(super) fn plural(&self, unit: &str) -> Option<String> {
        self.stem_s(&format!("{unit}s"), "", None, Context::default())
    }

    fn word(&self, word: &str, tag: &str, stress: Stress, context: Context) -> Option<String> {
        if let Some(said) = self.special(word, tag, stress, context) {
            return Some(said);
        }
        let (lower, upper) = (word.to_lowercase(), word.to_uppercase());
        let length = word.chars().count();
        let tail = &word[word.chars().next().map_or(0, char::len_utf8)..];
        let is_shouted_or_first = word == upper || tail == tail.to_lowercase();
        let stems = || {
            [Self::stem_s, Self::stem_ed, Self::stem_ing]
                .iter()
                .any(|stem| stem(self, &lower, tag, stress, context).is_some_and(|said| !said.is_empty()))
        };
        let is_plain = length > 1
            && is_alphabetic(&word.replace('\'', ""))
            && word != lower
            && (tag != "NNP" || length > 7)
            && !self.has(word)
            && is_shouted_or_first
            && (self.has(&lower) || stems());
        let word = if is_plain { lower.as_str() } else { word };
        if self.is_known(word) {
            return self.look_up(word, tag, stress, Some(context));
        }
        if let Some(stem) = word.strip_suffix("s'").map(|stem| format!("{stem}'s")).filter(|stem| self.is_known(stem)) {
            return self.look_up(&stem, tag, stress, Some(context));
        }
        if let Some(stem) = word.strip_suffix('\'').filter(|stem| self.is_known(stem)) {
            return self.look_up(stem, tag, stress, Some(context));
        }
        self.stem_s(word, tag, stress, context)
            .or_else(|| self.stem_ed(word, tag, stress, context))
            .or_else(|| self.stem_ing(word, tag, stress.or(Some(1)), context))
    }

    /// Function words and signs, whose sound depends on what they are and on what follows.
    fn special(&self, word: &str, tag: &str, stress: Stress, context: Context) -> Option<String> {
        let text = |text: &str| Some(text.to_owned());
        match (tag, word) {
            ("ADD", ".") => return self.look_up("dot", "", Some(-1), Some(context)),
            ("ADD", "/") => return self.look_up("slash", "", Some(-1), Some(context)),
            _ => {}
        }
        if let Some(name) = symbol(word) {
            return self.look_up(name, "", None, Some(context));
        }
        if word.trim_matches('.').contains('.')
            && is_alphabetic(&word.replace('.', ""))
            && word.split('.').all(|part| part.chars().count() < 3)
        {
            return self.spelt(word);
        }
        match word {
            "a" | "A" if tag == "DT" => text("ɐ"),
            "a" | "A" => text("ˈA"),
            "am" | "Am" | "AM" if tag.starts_with("NN") => self.spelt(word),
            "am" | "Am" | "AM" if context.vowel.is_none() || word != "am" || stress > Some(0) => {
                self.gold("am", "DEFAULT")
            }
            "am" => text("ɐm"),
            "AN" if tag.starts_with("NN") => self.spelt(word),
            "an" | "An" | "AN" => text("ɐn"),
            "I" if tag == "PRP" => text("ˌI"),
            "by" | "By" | "BY" if parent(tag) == "ADV" => text("bˈI"),
            "to" | "To" | "TO" if word != "TO" || matches!(tag, "TO" | "IN") => match context.vowel {
                None => self.gold("to", "DEFAULT"),
                Some(false) => text("tə"),
                Some(true) => text("tʊ"),
            },
            "in" | "In" | "IN" if word != "IN" || tag != "NNP" => {
                text(if context.vowel.is_none() || tag != "IN" { "ˈɪn" } else { "ɪn" })
            }
            "the" | "The" | "THE" if word != "THE" || tag == "DT" => {
                text(if context.vowel == Some(true) { "ði" } else { "ðə" })
            }
            "used" | "Used" | "USED" if matches!(tag, "VBD" | "JJ") && context.to => self.gold("used", "VBD"),
            "used" | "Used" | "USED" => self.gold("used", "DEFAULT"),
            _ if tag == "IN" && matches!(word.to_lowercase().as_str(), "vs" | "vs.") => {
                self.look_up("versus", "", None, Some(context))
            }
            _ => None,
        }
    }

    fn gold(&self, word: &str, tag: &str) -> Option<String> {
        match find(&self.gold, word)? {
            Said::One(said) => Some(said.to_owned()),
            Said::Each(each) => each.get(tag).or_else(|| each.get("DEFAULT"))?.map(str::to_owned),
        }
    }

    /// A word spelt by its letters, the last of them stressed. `None` if a letter has no name.
    fn spelt(&self, word: &str) -> Option<String> {
        let mut said = String::new();
        for c in word.chars().filter(|c| is_letter(*c)) {
            said.push_str(&self.gold(&c.to_uppercase().to_string(), "DEFAULT")?);
        }
        let said = stress::apply(&said, Some(0));
        Some(match said.rsplit_once(SECONDARY) {
            Some((head, last)) => format!("{head}{PRIMARY}{last}"),
            None => said,
        })
    }

    fn has(&self, word: &str) -> bool {
        find(&self.gold, word).is_some() || find(&self.silver, word).is_some()
    }

    /// True if [`Lexicon::look_up`] says something of a word, if only its letters.
    pub(super) fn is_known(&self, word: &str) -> bool {
        if self.has(word) || symbol(word).is_some() {
            return true;
        }
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
            return false;
        }
        let is_upper = |text: &str| !text.bytes().any(|b| b.is_ascii_lowercase());
        word.len() == 1 || (is_upper(word) && find(&self.gold, &word.to_lowercase()).is_some()) || is_upper(&word[1..])
    }

    /// The phonemes of a word that is known.
    pub(super) fn look_up(&self, word: &str, tag: &str, stress: Stress, context: Option<Context>) -> Option<String> {
        let lower = OnceCell::new();
        let (mut word, mut is_name) = (word, false);
        if word == word.to_uppercase() && find(&self.gold, word).is_none() {
            word = lower.get_or_init(|| word.to_lowercase());
            is_name = tag == "NNP";
        }
        let mut found = find(&self.gold, word);
        if found.is_none() && !is_name {
            found = find(&self.silver, word);
        }
        let said = match found {
            Some(Said::One(said)) => Some(said),
            Some(Said::Each(each)) => {
                let is_last = context.is_some_and(|context| context.vowel.is_none());
                let said = if is_last { each.get("None") } else { None };
                said.or_else(|| each.get(tag))
                    .or_else(|| each.get(parent(tag)))
                    .or_else(|| each.get("DEFAULT"))
                    .flatten()
            }
            None => None,
        };
        if said.is_none_or(|said| is_name && !said.contains(PRIMARY))
            && let Some(spelt) = self.spelt(word)
        {
            return Some(spelt);
        }
        said.map(|said| stress::apply(said, stress))
    }

    pub(super) fn stem_s(&self, word: &str, tag: &str, stress: Stress, context: Context) -> Option<String> {
        let length = word.chars().count();
        let known = |stem: Option<&str>| stem.filter(|stem| self.is_known(stem)).map(str::to_owned);
        if length < 3 || !word.ends_with('s') {
            return None;
        }
        let long = length > 4;
        let stem = known(word.strip_suffix('s').filter(|_| !word.ends_with("ss")))
            .or_else(|| known(word.strip_suffix("'s")))
            .or_else(|| known(word.strip_suffix("es").filter(|_| long && !word.ends_with("ies"))))
            .or_else(|| {
                let stem = word.strip_suffix("ies").filter(|_| long).map(|stem| format!("{stem}y"));
                stem.filter(|stem| self.is_known(stem))
            })?;
        self.with_s(self.look_up(&stem, tag, stress, Some(context))?)
    }

    pub(super) fn stem_ed(&self, word: &str, tag: &str, stress: Stress, context: Context) -> Option<String> {
        let length = word.chars().count();
        if length < 4 || !word.ends_with('d') {
            return None;
        }
        let known = |stem: Option<&str>| stem.filter(|stem| self.is_known(stem)).map(str::to_owned);
        let stem = known(word.strip_suffix('d').filter(|_| !word.ends_with("dd")))
            .or_else(|| known(word.strip_suffix("ed").filter(|_| length > 4 && !word.ends_with("eed"))))?;
        self.with_ed(self.look_up(&stem, tag, stress, Some(context))?)
    }

    pub(super) fn stem_ing(&self, word: &str, tag: &str, stress: Stress, context: Context) -> Option<String> {
        let length = word.chars().count();
        let stem = word.strip_suffix("ing").filter(|_| length >= 5)?;
        let long = length > 5;
        let doubled = || {
            let (mut last, bytes) = (None, stem.as_bytes());
            if let [.., a, b] = bytes {
                last = ((a == b && b"bcdgklmnprstvxz".contains(b)) || bytes.ends_with(b"ck"))
                    .then(|| &stem[..stem.len() - 1]);
            }
            last
        };
        let stem = if long && self.is_known(stem) {
            stem.to_owned()
        } else if self.is_known(&format!("{stem}e")) {
            format!("{stem}e")
        } else if long && let Some(stem) = doubled().filter(|stem| self.is_known(stem)) {
            stem.to_owned()
        } else {
            return None;
        };
        self.with_ing(self.look_up(&stem, tag, stress, Some(context))?)
    }

    const fn reduced(&self) -> char {
        if self.british { 'ɪ' } else { 'ᵻ' }
    }

    pub(super) fn with_s(&self, mut stem: String) -> Option<String> {
        match stem.chars().last()? {
            'p' | 't' | 'k' | 'f' | 'θ' => stem.push('s'),
            's' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ' => stem.extend([self.reduced(), 'z']),
            _ => stem.push('z'),
        }
        Some(stem)
    }

    pub(super) fn with_ed(&self, mut stem: String) -> Option<String> {
        let mut back = stem.chars().rev();
        let (last, before) = (back.next()?, back.next());
        match last {
            'p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ' => stem.push('t'),
            'd' => stem.extend([self.reduced(), 'd']),
            't' => match before {
                _ if self.british => stem.push_str("ɪd"),
                None => stem.push_str("ɪd"),
                Some(c) if is_flapped_after(c) => {
                    stem.pop();
                    stem.push_str("ɾᵻd");
                }
                Some(_) => stem.push_str("ᵻd"),
            },
            _ => stem.push('d'),
        }
        Some(stem)
    }

    pub(super) fn with_ing(&self, mut stem: String) -> Option<String> {
        let mut back = stem.chars().rev();
        let (last, before) = (back.next()?, back.next());
        if self.british {
            if matches!(last, 'ə' | 'ː') {
                return None;
            }
        } else if last == 't' && before.is_some_and(is_flapped_after) {
            stem.pop();
            stem.push('ɾ');
        }
        stem.push_str("ɪŋ");
        Some(stem)
    }
}

/// Vowels after which an American t is a flap.
fn is_flapped_after(c: char) -> bool {
    "AIOWYiuæɑəɛɪɹʊʌ".contains(c)
}

/// The part of speech of a tag.
fn parent(tag: &str) -> &str {
    match tag {
        _ if tag.starts_with("VB") => "VERB",
        _ if tag.starts_with("NN") => "NOUN",
        _ if tag.starts_with("ADV") || tag.starts_with("RB") => "ADV",
        _ if tag.starts_with("ADJ") || tag.starts_with("JJ") => "ADJ",
        _ => tag,
    }
}

/// A word of a dictionary. A word in lower case is found under its capitalised form too, and the other way round.
fn find<'a>(table: &'a Table, word: &str) -> Option<Said<'a>> {
    let get = |word: &str| table.get(word).and_then(Said::read);
    let found = get(word);
    let mut rest = word.chars();
    let first = rest.next()?;
    if found.is_some() || rest.as_str().is_empty() {
        return found;
    }
    let lower = word.to_lowercase();
    let capitalised = || {
        let mut rest = lower.chars();
        let first = rest.next()?;
        Some(first.to_uppercase().chain(rest).collect::<String>())
    };
    if word == lower {
        return capitalised().filter(|other| other != word).and_then(|other| get(&other));
    }
    (first.is_uppercase() && capitalised().is_some_and(|other| other == word)).then(|| get(&lower)).flatten()
}
