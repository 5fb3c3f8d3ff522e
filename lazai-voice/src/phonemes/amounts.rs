//! Digits as they are said: years, ordinals, sums of money, decimals, long numbers digit by digit.

use super::classes::{integer, is_number as is_digits};
use super::lexicon::{Lexicon, currency as units};
use super::numbers::{cardinal, decimal, ordinal, year};

/// Endings of numbers that are read with them.
const ENDINGS: [&str; 9] = ["ing", "'d", "ed", "'s", "st", "nd", "rd", "th", "s"];

/// True for digits with commas and points, an ending, and at the head of a word a minus.
pub(super) fn is_number(word: &str, is_head: bool) -> bool {
    let stem = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    let is_part =
        |(at, b): (usize, u8)| b.is_ascii_digit() || matches!(b, b',' | b'.') || (is_head && at == 0 && b == b'-');
    stem.bytes().any(|b| b.is_ascii_digit()) && stem.bytes().enumerate().all(is_part)
}

/// The words of a number in the making.
struct Words<'a> {
    lexicon: &'a Lexicon,
    said: Vec<String>,
}

impl Words<'_> {
    fn word(&mut self, word: &str, stress: Option<i8>) {
        self.said.extend(self.lexicon.look_up(word, "", stress, None));
    }

    /// Adds the words of a number that is written out.
    fn written(&mut self, words: &str) {
        for word in words.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !matches!(*word, "" | "and")) {
            self.word(word, (word == "point").then_some(-4));
        }
    }

    /// Adds a number out of digits. One without a name is said digit by digit.
    fn number(&mut self, digits: &str) {
        match integer(digits) {
            Some(n) => self.written(&cardinal(n)),
            None => self.digits(digits),
        }
    }

    fn digits(&mut self, digits: &str) {
        for digit in digits.chars().filter_map(super::classes::digit) {
            self.written(&cardinal(digit.into()));
        }
    }
}

impl Lexicon {
    /// The phonemes of a word that [`is_number`].
    pub(super) fn number(&self, word: &str, currency: Option<&str>, is_head: bool) -> Option<String> {
        let number = word.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '\'');
        let ending = &word[number.len()..];
        let is_ordinal = matches!(ending, "st" | "nd" | "rd" | "th");
        let currency = currency.and_then(units);
        let mut words = Words { lexicon: self, said: Vec::new() };
        let number = match number.strip_prefix('-') {
            Some(rest) => {
                words.word("minus", None);
                rest
            }
            None => number,
        };
        let (plain, points) = (number.replace(',', ""), number.matches('.').count());
        if is_digits(number) && is_ordinal {
            match integer(number) {
                Some(n) => words.written(&ordinal(n)),
                None => words.digits(number),
            }
        } else if words.said.is_empty() && number.len() == 4 && currency.is_none() && is_digits(number) {
            words.written(&integer(number).map(year)?);
        } else if !is_head && points == 0 {
            Self::code(&mut words, &plain);
        } else if points > 1 || !is_head {
            for part in plain.split('.').filter(|part| !part.is_empty()) {
                if part.starts_with('0') || (part.len() != 2 && part.bytes().skip(1).any(|b| b != b'0')) {
                    words.digits(part);
                } else {
                    words.number(part);
                }
            }
        } else if let Some(units) = currency.filter(|_| plain.split_once('.').is_none_or(|(_, cents)| cents.len() < 3))
        {
            self.money(&mut words, &plain, units);
        } else if points == 0 {
            match integer(&plain) {
                Some(n) if is_ordinal && number.contains(',') => words.written(&ordinal(n)),
                _ => words.number(&plain),
            }
        } else if let Some(fraction) = plain.strip_prefix('.') {
            words.word("point", Some(-4));
            words.digits(fraction);
        } else {
            match decimal(&plain) {
                Some(said) => words.written(&said),
                None => {
                    let (whole, fraction) = plain.split_once('.')?;
                    words.digits(whole);
                    words.word("point", Some(-4));
                    words.digits(fraction);
                }
            }
            // Thousandths of a unit have no name of their own.
            words.said.extend(currency.and_then(|[unit, _]| self.plural(unit)));
        }
        if words.said.is_empty() {
            return None;
        }
        let said = words.said.join(" ");
        match ending {
            "s" | "'s" => self.with_s(said),
            "ed" | "'d" => self.with_ed(said),
            "ing" => self.with_ing(said),
            _ => Some(said),
        }
    }

    /// A number inside a word, such as that of a flight or a model.
    fn code(words: &mut Words<'_>, digits: &str) {
        match digits.as_bytes() {
            [b'0', ..] | [_, _, _, _, ..] => words.digits(digits),
            [_, b'0', last] if *last != b'0' => {
                words.digits(&digits[..1]);
                words.word("O", Some(-4));
                words.digits(&digits[2..]);
            }
            [_, tens, ones] if (*tens, *ones) != (b'0', b'0') => {
                words.digits(&digits[..1]);
                words.number(&digits[1..]);
            }
            _ => words.number(digits),
        }
    }

    fn money(&self, words: &mut Words<'_>, amount: &str, units: [&'static str; 2]) {
        let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
        let mut parts: Vec<(&str, &str)> = amount.split('.').zip(units).collect();
        if let [whole, cents] = parts[..] {
            if is_zero(cents.0) {
                parts = vec![whole];
            } else if is_zero(whole.0) {
                parts = vec![cents];
            }
        }
        for (at, (part, unit)) in parts.into_iter().enumerate() {
            if at > 0 {
                words.word("and", None);
            }
            words.number(if part.is_empty() { "0" } else { part });
            if integer(part) == Some(1) || unit == "pence" {
                words.word(unit, None);
            } else {
                words.said.extend(self.plural(unit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_words() {
        for word in ["1", "1,000", "3.5", "-7", "1990s", "2nd", "3'd", ".5", "5."] {
            assert!(is_number(word, true), "{word}");
        }
        for word in ["", ".", "-", "x1", "1x", "--1", "1-2", "٣"] {
            assert!(!is_number(word, true), "{word}");
        }
        assert!(!is_number("-7", false));
    }
}
