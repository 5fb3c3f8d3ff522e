//! What a log may hold of a text that was made for its caller: facts, without people's words and addresses.

use std::fmt::{Display, Write as _};

/// Hexadecimal digits of an address.
const DIGITS: usize = 40;

/// The text with every account's address in it as `0x…`. Digests and sessions, which have more digits, stay.
#[must_use]
pub fn without_addresses(text: impl Display) -> String {
    let text = text.to_string();
    let mut quiet = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("0x") {
        let (before, number) = rest.split_at(at + 2);
        quiet.push_str(before);
        let count = number.bytes().take_while(u8::is_ascii_hexdigit).count();
        quiet.push_str(if count == DIGITS { "…" } else { &number[..count] });
        rest = &number[count..];
    }
    quiet + rest
}

/// The kind and the place of an error in JSON: the library's message repeats what stands there.
#[must_use]
pub fn json_error(error: &serde_json::Error) -> String {
    let mut told = match error.classify() {
        serde_json::error::Category::Io => "JSON could not be read",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "JSON that breaks off",
    }
    .to_owned();
    // A value that is no text any more has no lines.
    if error.line() > 0 {
        let _ = write!(told, ", at line {} column {}", error.line(), error.column());
    }
    told
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Address, SessionId};

    #[test]
    fn addresses_are_left_out_and_other_numbers_stay() {
        let (address, session) = (Address::from_bytes([0xab; 20]), SessionId::from_bytes([7; 32]));
        let text = format!("{address} has 0x7 of {session}, not {}: 0x{}", address, "AB".repeat(20));
        assert_eq!(without_addresses(text), format!("0x… has 0x7 of {session}, not 0x…: 0x…"));
        assert_eq!(without_addresses("0x"), "0x");
        assert_eq!(without_addresses("ä0xü 0x0x12"), "ä0xü 0x0x12");
    }

    #[test]
    fn an_error_in_json_does_not_repeat_it() {
        for text in ["\"a secret\"", "{\"a secret\": 1}", "[1, secret", "{\n"] {
            let error = serde_json::from_str::<Vec<u32>>(text).unwrap_err();
            let told = json_error(&error);
            assert!(!told.contains("secret") && told.contains("line"), "{told}");
        }
        let error = serde_json::from_value::<u32>("a secret".into()).unwrap_err();
        assert!(error.to_string().contains("a secret"));
        assert_eq!(json_error(&error), "JSON of another shape");
    }
}
