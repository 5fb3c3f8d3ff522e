//! The reader of text, and of JSON, for all imported files: characters, dialogues, tables, lists.
//!
//! Programs write UTF-8 with or without a byte order mark, UTF-16, and older encodings of their countries. All of it is
//! read; guesses and replacements are reported to the caller, who notes them.

pub(crate) mod json;
#[cfg(feature = "import")]
mod quotes;
#[cfg(feature = "import")]
mod stream;
#[cfg(feature = "import")]
pub(crate) mod table;
#[cfg(feature = "import")]
mod tabs;

use std::borrow::Cow;

#[cfg(feature = "import")]
pub(crate) use stream::Utf8;

/// The encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// With the bytes of a byte order mark.
    Utf8 {
        mark: usize,
    },
    Utf16 {
        big: bool,
        mark: usize,
    },
    /// UTF-8 in the main, with bytes that are not.
    Damaged {
        from: usize,
    },
    /// One of those that were before Unicode.
    Legacy,
}

/// The number of bytes that are looked at to detect UTF-16 without a byte order mark.
const SIGNS_BYTES: usize = 256;

fn encoding(bytes: &[u8]) -> Encoding {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] if std::str::from_utf8(bytes).is_ok() => return Encoding::Utf8 { mark: 3 },
        [0xFF, 0xFE, ..] => return Encoding::Utf16 { big: false, mark: 2 },
        [0xFE, 0xFF, ..] => return Encoding::Utf16 { big: true, mark: 2 },
        _ => {}
    }
    if let Some(big) = unmarked_utf16(bytes) {
        return Encoding::Utf16 { big, mark: 0 };
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Encoding::Utf8 { mark: 0 },
        Err(error) if is_mainly_utf8(bytes) => Encoding::Damaged { from: error.valid_up_to() },
        Err(_) => Encoding::Legacy,
    }
}

/// Every other byte of plain text in UTF-16 is zero; whether the first ones are.
fn unmarked_utf16(bytes: &[u8]) -> Option<bool> {
    let pairs = bytes[..bytes.len().min(SIGNS_BYTES)].as_chunks::<2>().0;
    let is_text = |first: usize| pairs.iter().all(|pair| pair[first] == 0 && pair[1 - first] != 0);
    match pairs.len() {
        0 | 1 => None,
        _ if is_text(1) => Some(false),
        _ if is_text(0) => Some(true),
        _ => None,
    }
}

/// Tells whether an invalid UTF-8 text was meant to be UTF-8: if more speaks for it than against it. A sequence that breaks
/// off after its second byte speaks for it, since in other encodings such bytes rarely follow one another.
fn is_mainly_utf8(bytes: &[u8]) -> bool {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return true;
    }
    let (mut signs, mut faults) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        signs += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        match chunk.invalid().len() {
            0 => {}
            1 => faults += 1,
            _ => signs += 1,
        }
    }
    signs >= faults
}

/// A text, and a note on its encoding.
type Decoded<'a> = (Cow<'a, str>, Option<String>);

/// Decodes a text in any encoding.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    match encoding(bytes) {
        Encoding::Utf8 { mark } => (String::from_utf8_lossy(&bytes[mark..]), None),
        Encoding::Utf16 { big, mark } => utf16(&bytes[mark..], big, mark > 0),
        Encoding::Damaged { from } => damaged(bytes, from),
        Encoding::Legacy if is_mixed(bytes) => by_line(bytes),
        Encoding::Legacy => legacy(bytes),
    }
}

/// Tells whether some lines are UTF-8 and others are not, as in a file that two programs wrote: no text of another encoding
/// has a whole line of UTF-8 by chance, if that is one with a byte for each character.
fn is_mixed(bytes: &[u8]) -> bool {
    let is_utf8 = |line: &[u8]| !line.is_ascii() && std::str::from_utf8(line).is_ok();
    bytes.split(|byte| *byte == b'\n').any(is_utf8) && is_single_byte(bytes)
}

/// Decodes each line by itself.
fn by_line(bytes: &[u8]) -> Decoded<'_> {
    let mut note = None;
    let lines: Vec<Cow<'_, str>> = (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .map(|(number, line)| {
            let (text, reason) = decode_part(line);
            note = note.take().or_else(|| reason.map(|reason| format!("line {number} and perhaps others: {reason}")));
            text
        })
        .collect();
    (lines.join("\n").into(), note)
}

/// As [`decode`], for a part of a file that is UTF-8 as far as it was looked at: other bytes are taken for Windows-1252,
/// which most programs on Windows write, since a part tells too little to choose among others.
pub(crate) fn decode_part(bytes: &[u8]) -> Decoded<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.into(), None),
        Err(error) if is_mainly_utf8(bytes) => damaged(bytes, error.valid_up_to()),
        Err(_) => windows_1252(bytes),
    }
}

fn utf16(bytes: &[u8], big: bool, marked: bool) -> Decoded<'_> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let unit = if big { u16::from_be_bytes } else { u16::from_le_bytes };
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let is_whole = odd.is_empty() && char::decode_utf16(units.iter().copied()).all(|c| c.is_ok());
    let note = match (is_whole, marked) {
        (true, true) => None,
        (true, false) => Some("UTF-16 without a byte order mark".into()),
        (false, _) => Some("UTF-16; unreadable bytes are replaced".into()),
    };
    (String::from_utf16_lossy(&units).into(), note)
}

fn damaged(bytes: &[u8], from: usize) -> Decoded<'_> {
    let reason = format!("not UTF-8 from byte {from} on; unreadable bytes are replaced");
    (String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)), Some(reason))
}

#[cfg(feature = "encodings")]
fn legacy(bytes: &[u8]) -> Decoded<'_> {
    read_as(guess(bytes), bytes)
}

#[cfg(feature = "encodings")]
fn windows_1252(bytes: &[u8]) -> Decoded<'_> {
    read_as(encoding_rs::WINDOWS_1252, bytes)
}

/// The likeliest of the encodings before Unicode.
#[cfg(feature = "encodings")]
fn guess(bytes: &[u8]) -> &'static encoding_rs::Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guessed = detector.guess(None, chardetng::Utf8Detection::Deny);
    // Short Japanese texts pass for Cyrillic ones, and signs without a letter of any language for Polish ones: `20°C and £5`.
    match guessed {
        _ if is_shift_jis(bytes) => encoding_rs::SHIFT_JIS,
        guessed if guessed == encoding_rs::WINDOWS_1250 && !has_letters_of_1252(bytes) => encoding_rs::WINDOWS_1252,
        guessed => guessed,
    }
}

/// Tells whether some bytes beyond ASCII are letters in Windows-1252.
#[cfg(feature = "encodings")]
fn has_letters_of_1252(bytes: &[u8]) -> bool {
    let signs: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii()).collect();
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&signs);
    text.chars().any(char::is_alphabetic)
}

/// Tells whether bytes are plainly Japanese as Shift_JIS has it: all of them are valid, they are Japanese signs but for ASCII,
/// and a good part is kana of full width, whose bytes are rare signs in other encodings.
#[cfg(feature = "encodings")]
fn is_shift_jis(bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| {
        encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
    };
    // The beginning of a file may end within a character.
    let Some(text) = read(bytes).or_else(|| read(bytes.get(..bytes.len().checked_sub(1)?)?)) else { return false };
    let (mut signs, mut kana, mut others) = (0_usize, 0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_ascii()) {
        signs += 1;
        match c {
            '\u{3041}'..='\u{30ff}' => kana += 1,
            '\u{3000}'..='\u{3040}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}' => {}
            _ => others += 1,
        }
    }
    kana > 1 && kana * 4 >= signs && others * 20 <= signs
}

/// Tells whether the guessed encoding has one byte for each character.
#[cfg(feature = "encodings")]
fn is_single_byte(bytes: &[u8]) -> bool {
    guess(bytes).is_single_byte()
}

#[cfg(feature = "encodings")]
fn read_as<'a>(encoding: &'static encoding_rs::Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    (text, Some(told(encoding, damaged)))
}

#[cfg(feature = "encodings")]
fn told(encoding: &'static encoding_rs::Encoding, damaged: bool) -> String {
    let damage = if damaged { "; unreadable bytes are replaced" } else { "" };
    format!("not UTF-8, read as {}{damage}", encoding.name())
}

#[cfg(not(feature = "encodings"))]
fn legacy(bytes: &[u8]) -> Decoded<'_> {
    damaged(bytes, std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len))
}

#[cfg(not(feature = "encodings"))]
fn is_single_byte(_: &[u8]) -> bool {
    true
}

#[cfg(not(feature = "encodings"))]
fn windows_1252(bytes: &[u8]) -> Decoded<'_> {
    legacy(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn what_programs_write_is_read() {
        let text = "Grüße, naïve Café – 日本";
        for (bytes, note) in [
            (text.as_bytes().to_vec(), None),
            ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), None),
            ([&[0xFF, 0xFE], &utf16(text, false)[..]].concat(), None),
            ([&[0xFE, 0xFF], &utf16(text, true)[..]].concat(), None),
        ] {
            assert_eq!(decode(&bytes), (text.into(), note));
        }
        let plain = "{\"name\": \"Ada\"}";
        for big in [false, true] {
            let bytes = utf16(plain, big);
            assert_eq!(decode(&bytes), (plain.into(), Some("UTF-16 without a byte order mark".into())));
        }
    }

    #[cfg(feature = "encodings")]
    #[test]
    fn what_was_before_unicode_is_guessed_and_told() {
        let windows = b"Caf\xE9 na\xEFve, \x93quoted\x94 \x80 5";
        let (text, note) = decode(windows);
        assert_eq!((&*text, note.unwrap()), ("Café naïve, “quoted” € 5", "not UTF-8, read as windows-1252".into()));
        assert_eq!(decode_part(windows).0, "Café naïve, “quoted” € 5");
        let (cyrillic, _, _) = encoding_rs::WINDOWS_1251.encode("Башня стоит над городом, и радио поёт всю ночь.");
        assert_eq!(decode(&cyrillic).0, "Башня стоит над городом, и радио поёт всю ночь.");
        let (japanese, _, _) = encoding_rs::SHIFT_JIS.encode("塔は街の上に立ち、ラジオは夜通し歌う。");
        assert_eq!(decode(&japanese).0, "塔は街の上に立ち、ラジオは夜通し歌う。");
        for short in ["はい。", "prompt,response\n塔は？,ここ。\n", "ラジオ", "もしもし"] {
            let (japanese, _, _) = encoding_rs::SHIFT_JIS.encode(short);
            let (text, note) = decode(&japanese);
            assert_eq!((&*text, note.unwrap()), (short, "not UTF-8, read as Shift_JIS".into()));
        }
        for (short, encoding) in [
            ("Да.", encoding_rs::WINDOWS_1251),
            ("Привет, как дела?", encoding_rs::WINDOWS_1251),
            ("\u{201a}Hallo\u{2018} \u{192} Grüße", encoding_rs::WINDOWS_1252),
            ("联通，收音机整夜歌唱。", encoding_rs::GBK),
        ] {
            let (bytes, _, _) = encoding.encode(short);
            assert_ne!(guess(&bytes), encoding_rs::SHIFT_JIS, "{short}");
        }
    }

    #[cfg(feature = "encodings")]
    #[test]
    fn lines_of_another_encoding_cost_the_others_nothing() {
        let mixed = b"caf\xC3\xA9\nna\xEFve caf\xE9 d\xE9j\xE0 vu\nplain";
        let (text, note) = decode(mixed);
        assert_eq!(text, "café\nnaïve café déjà vu\nplain");
        assert!(note.unwrap().starts_with("line 2 and perhaps others: not UTF-8, read as windows-1252"));
        // Two characters of Chinese may be UTF-8 by chance.
        let (chinese, _, _) = encoding_rs::GBK.encode("联通\n塔楼矗立在城市之上，收音机整夜歌唱。");
        assert_eq!(decode(&chinese).0, "联通\n塔楼矗立在城市之上，收音机整夜歌唱。");
    }

    #[test]
    fn damage_in_utf8_stays_damage() {
        for (bytes, text) in [
            (&b"Gr\xC3\xBC\xC3\x9Fe \xF0\x9F\x98!"[..], "Grüße \u{fffd}!"),
            (b"half \xE2\x80 a quote", "half \u{fffd} a quote"),
        ] {
            for (read, note) in [decode(bytes), decode_part(bytes)] {
                assert_eq!(read, text);
                assert!(note.unwrap().contains("unreadable bytes are replaced"));
            }
        }
    }
}
