//! One spelling for one text.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A text in Unicode's composed form (NFC), with line breaks as `\n`, runs of spaces as one, no more than one empty
/// line, and without control characters, byte order marks, soft hyphens and spaces of no width.
///
/// ```
/// assert_eq!(lazai_core::prepare::normalise(" Cafe\u{301}\r\n\r\n\r\n\u{feff}no\u{ad}ir  "), "Café\n\nnoir");
/// ```
#[must_use]
pub fn normalise(text: &str) -> String {
    if is_normal(text) {
        return text.to_owned();
    }
    let composed: String = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.to_owned(),
        _ => text.nfc().collect(),
    };
    let mut out = String::with_capacity(composed.len());
    let (mut spaces, mut breaks) = (false, 0);
    let mut chars = composed.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => breaks += 1,
            // No-break spaces too: they are how web pages write indentation.
            ' ' | '\t' | '\u{a0}' | '\u{202f}' => spaces = true,
            '\u{feff}' | '\u{ad}' | '\u{200b}' | '\u{2060}' => {}
            c if c.is_control() => {}
            c => {
                if !out.is_empty() {
                    match breaks {
                        0 if spaces => out.push(' '),
                        0 => {}
                        1 => out.push('\n'),
                        _ => out.push_str("\n\n"),
                    }
                }
                (spaces, breaks) = (false, 0);
                out.push(c);
            }
        }
    }
    out
}

/// Tells whether an ASCII text is normal as it is: most are.
fn is_normal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = bytes.iter().all(|&b| (b' '..=b'~').contains(&b));
    plain && !bytes.starts_with(b" ") && !bytes.ends_with(b" ") && !text.contains("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_texts_stay() {
        for text in ["", "a", "a b", "a\nb", "a\n\nb", "naïve 🎷", "👩\u{200d}🎤"] {
            assert_eq!(normalise(text), text);
        }
        for (text, expected) in [(" a", "a"), ("a  b", "a b"), ("a \n b", "a\nb"), ("\u{0}a\u{7}", "a"), ("\t\n", "")] {
            assert_eq!(normalise(text), expected);
            assert_eq!(normalise(expected), expected);
        }
    }
}
