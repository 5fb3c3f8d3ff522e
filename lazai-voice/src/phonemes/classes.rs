//! Classes of characters, as the reference package's rules mean them: letters and digits by general category, white space
//! with the four information separators. All are of Unicode, none of a locale.

use unicode_general_category::{GeneralCategory as G, get_general_category};

/// A regular expression's class of what a word is made of: letters, numbers, the underscore.
pub(super) const WORD: &str = r"\p{L}\p{N}_";
/// A regular expression's class of white space.
pub(super) const SPACE: &str = r"\s\x1c-\x1f";
/// Zeros of the scripts whose digits are no compatibility forms of ASCII's; nine more digits follow each.
const ZEROS: [u32; 62] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
    0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60,
    0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0,
];
/// Signs that stand for one digit each: the first of a run, how many there are, the first one's value.
const SIGNS: [(u32, u32, u8); 20] = [
    (0xB2, 2, 2),
    (0xB9, 1, 1),
    (0x1369, 9, 1),
    (0x19DA, 1, 1),
    (0x2070, 1, 0),
    (0x2074, 6, 4),
    (0x2080, 10, 0),
    (0x2460, 9, 1),
    (0x2474, 9, 1),
    (0x2488, 9, 1),
    (0x24EA, 1, 0),
    (0x24F5, 9, 1),
    (0x24FF, 1, 0),
    (0x2776, 9, 1),
    (0x2780, 9, 1),
    (0x278A, 9, 1),
    (0x10A40, 4, 1),
    (0x10E60, 9, 1),
    (0x11052, 9, 1),
    (0x1F101, 10, 0),
];
/// The mathematical digits: five alphabets of ten.
const MATHEMATICAL: std::ops::RangeInclusive<u32> = 0x1D7CE..=0x1D7FF;

/// True for letters: of a general category `L`.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    use G::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    matches!(
        get_general_category(c),
        LowercaseLetter | ModifierLetter | OtherLetter | TitlecaseLetter | UppercaseLetter
    )
}

/// True for decimal digits of any script.
pub(super) fn is_decimal(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    get_general_category(c) == G::DecimalNumber
}

/// True for letters and for numbers that are no decimal digits, such as `½` and `Ⅳ`.
pub(super) fn is_letter_like(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    is_letter(c) || matches!(get_general_category(c), G::LetterNumber | G::OtherNumber)
}

/// True for what words are made of.
pub(super) fn is_word(c: char) -> bool {
    c == '_' || is_letter_like(c) || is_decimal(c)
}

/// True for decimal digits, and for signs that stand for one: superscripts, subscripts, circled digits.
pub(super) fn is_digit(c: char) -> bool {
    is_decimal(c) || sign(c).is_some()
}

/// The value of a digit, as [`is_digit`] means it; `None` for digits of scripts newer than these tables.
pub(super) fn digit(c: char) -> Option<u8> {
    if let Some(value) = c.to_digit(10) {
        return Some(value as u8);
    }
    if !is_decimal(c) {
        return sign(c);
    }
    let code = c as u32;
    if MATHEMATICAL.contains(&code) {
        return Some(((code - MATHEMATICAL.start()) % 10) as u8);
    }
    let zero = ZEROS[..ZEROS.partition_point(|&zero| zero <= code)].last()?;
    (code - zero < 10).then_some((code - zero) as u8)
}

fn sign(c: char) -> Option<u8> {
    let code = c as u32;
    let run = SIGNS.iter().find(|(first, count, _)| (*first..first + count).contains(&code))?;
    Some((code - run.0) as u8 + run.2)
}

/// The value of a run of digits of any script. `None` beyond 36 digits, or if it is empty or holds another character.
pub(super) fn integer(digits: &str) -> Option<u128> {
    let mut value = 0u128;
    for (at, c) in digits.chars().enumerate() {
        if at >= 64 || value >= 10u128.pow(35) {
            return None;
        }
        value = value * 10 + u128::from(digit(c)?);
    }
    (!digits.is_empty()).then_some(value)
}

/// True for white space, and for the four separators of files, groups, records and units.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// True if there is a character and all are ASCII digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// True if there is a character and all are letters.
pub(super) fn is_alphabetic(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_letter)
}

/// True if some characters have a case, and all of those the lower one.
pub(super) fn is_lower(text: &str) -> bool {
    let cased = |c: char| c.is_uppercase() || is_title(c);
    text.chars().any(char::is_lowercase) && !text.chars().any(cased)
}

/// True if some characters have a case, and all of those the upper one.
pub(super) fn is_upper(text: &str) -> bool {
    let cased = |c: char| c.is_lowercase() || is_title(c);
    text.chars().any(char::is_uppercase) && !text.chars().any(cased)
}

fn is_title(c: char) -> bool {
    !c.is_ascii() && get_general_category(c) == G::TitlecaseLetter
}

/// True for lower-case letters of ASCII and Latin-1.
pub(super) const fn is_latin_lower(c: char) -> bool {
    matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

/// True for upper-case letters of ASCII and Latin-1.
pub(super) const fn is_latin_upper(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ')
}

/// True for characters that a listener would miss: letters, digits and symbols; not punctuation, marks and spacing.
pub(super) fn is_heard(c: char) -> bool {
    use G::{CurrencySymbol, MathSymbol, OtherSymbol, PrivateUse, Unassigned};
    is_letter_like(c)
        || is_decimal(c)
        || matches!(get_general_category(c), CurrencySymbol | MathSymbol | OtherSymbol | PrivateUse | Unassigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_its_value() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32).filter(|c| is_digit(*c)) {
            // Scripts newer than the table have no value; nothing else may lack one.
            assert!(digit(c).is_none_or(|value| value < 10), "{c:?}");
        }
        for (c, value) in [('7', 7), ('٣', 3), ('９', 9), ('𝟗', 9), ('𝟘', 0), ('²', 2), ('⑨', 9), ('፱', 9), ('🄊', 9)]
        {
            assert_eq!(digit(c), Some(value), "{c}");
        }
        assert_eq!((digit('½'), digit('x'), digit('Ⅳ')), (None, None, None));
    }

    #[test]
    fn integers_are_bounded() {
        assert_eq!(integer("٣4"), Some(34));
        assert_eq!(integer(&"9".repeat(36)), Some(10u128.pow(36) - 1));
        assert_eq!(integer(&"9".repeat(37)), None);
        assert_eq!((integer(""), integer("1x")), (None, None));
    }
}
