//! Reads JSON as programs and people write it: also text that the standard refuses but that has only one meaning.

use serde_json::Value;

use crate::report::excerpt;

/// A value, and the repairs that reading it took.
pub(crate) type Mended = (Value, Vec<String>);

/// Reads a JSON value. Repairs halves of surrogate pairs, `NaN` and infinities, commas before a closing bracket, comments,
/// line breaks inside texts and backslashes that escape nothing, and reports each.
///
/// # Errors
/// The fault of the original text, if it cannot be repaired.
pub(crate) fn parse(text: &str) -> Result<Mended, serde_json::Error> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok((value, Vec::new())),
        Err(error) => error,
    };
    // A text that ends too early, or is too deep, is not repaired here.
    let (mended, faults) = mend(text);
    let told = faults.told();
    if told.is_empty() {
        return Err(error);
    }
    serde_json::from_str(&mended).map(|value| (value, told)).map_err(|_| error)
}

/// The fault of some JSON, without the place, which is reported apart.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let reason = told.split(" at line ").next().unwrap_or_default();
    // serde_json's limit.
    if reason == "recursion limit exceeded" { "nested deeper than 128 levels".into() } else { excerpt(reason, 200) }
}

/// Tells whether a text is a JSON object, as [`parse`] reads it.
#[cfg(feature = "import")]
pub(crate) fn is_object(text: &str) -> bool {
    matches!(parse(text), Ok((Value::Object(_), _)))
}

/// Tells whether a text is a JSON list, as [`parse`] reads it.
#[cfg(feature = "import")]
pub(crate) fn is_list(text: &str) -> bool {
    matches!(parse(text), Ok((Value::Array(_), _)))
}

/// Repairs, by kind and number.
#[derive(Default)]
struct Faults {
    halves: usize,
    numbers: usize,
    commas: usize,
    comments: usize,
    breaks: usize,
    backslashes: usize,
}

impl Faults {
    fn told(&self) -> Vec<String> {
        let all = [
            (self.halves, "half of a surrogate pair, replaced by U+FFFD"),
            (self.numbers, "number that JSON does not have (NaN, an infinity), taken as null"),
            (self.commas, "comma with nothing after it, left out"),
            (self.comments, "comment, left out"),
            (self.breaks, "control character inside a text, taken as it is"),
            (self.backslashes, "backslash that escapes nothing, taken as it is"),
        ];
        all.iter().filter(|(times, _)| *times > 0).map(|(times, what)| format!("{times} times a {what}")).collect()
    }
}

/// Reads a text once, and writes it so that the standard takes it.
fn mend(text: &str) -> (String, Faults) {
    let (mut out, mut faults) = (String::with_capacity(text.len() + 16), Faults::default());
    let mut rest = text;
    let mut in_text = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '"' => {
                in_text = !in_text;
                out.push(c);
                after
            }
            '\\' if in_text => escape(after, &mut out, &mut faults),
            c if in_text && c < ' ' => {
                faults.breaks += 1;
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                after
            }
            _ if in_text => {
                out.push(c);
                after
            }
            '/' if comment(rest).is_some() => {
                faults.comments += 1;
                comment(rest).unwrap_or_default()
            }
            ',' if uncommented(after).starts_with(['}', ']']) && !out.trim_end().ends_with(['[', '{', ',', ':']) => {
                faults.commas += 1;
                after
            }
            c if is_of_number(c) => {
                let word = &rest[..rest.find(|c| !is_of_number(c)).unwrap_or(rest.len())];
                let missing = no_number(word);
                faults.numbers += usize::from(missing);
                out.push_str(if missing { "null" } else { word });
                &rest[word.len()..]
            }
            c => {
                out.push(c);
                after
            }
        };
    }
    (out, faults)
}

/// The text after a comment, if it begins with one.
fn comment(text: &str) -> Option<&str> {
    if let Some(line) = text.strip_prefix("//") {
        return Some(line.find('\n').map_or("", |end| &line[end..]));
    }
    let block = text.strip_prefix("/*")?;
    block.find("*/").map(|end| &block[end + 2..])
}

/// The text after spaces and comments.
fn uncommented(text: &str) -> &str {
    let mut text = text.trim_start();
    while let Some(after) = comment(text) {
        text = after.trim_start();
    }
    text
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// Tells whether a word is a number that JSON lacks, as JavaScript, Python and C print it, or one beyond a double.
fn no_number(word: &str) -> bool {
    let name = word.trim_start_matches(['+', '-']).to_ascii_lowercase();
    match name.as_str() {
        "nan" | "inf" | "infinity" | "1.#inf" | "1.#qnan" | "1.#ind" => true,
        name => name.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok_and(f64::is_infinite),
    }
}

/// Reads the escape after a backslash; returns the rest.
fn escape<'a>(after: &'a str, out: &mut String, faults: &mut Faults) -> &'a str {
    const HIGH: std::ops::Range<u16> = 0xD800..0xDC00;
    const LOW: std::ops::Range<u16> = 0xDC00..0xE000;
    let Some(c) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let rest = &after[c.len_utf8()..];
    match (c, unit(after)) {
        ('u', Some(first)) if HIGH.contains(&first) => {
            let second = rest[4..].strip_prefix('\\').and_then(unit).filter(|second| LOW.contains(second));
            let length = if second.is_some() { 11 } else { 5 };
            if second.is_some() {
                out.push('\\');
                out.push_str(&after[..length]);
            } else {
                faults.halves += 1;
                out.push('\u{fffd}');
            }
            &after[length..]
        }
        ('u', Some(first)) if LOW.contains(&first) => {
            faults.halves += 1;
            out.push('\u{fffd}');
            &rest[4..]
        }
        ('u', Some(_)) => {
            out.push('\\');
            out.push_str(&after[..5]);
            &rest[4..]
        }
        ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't', _) => {
            out.push('\\');
            out.push(c);
            rest
        }
        // JavaScript escapes it, JSON does not.
        ('\'', _) => {
            faults.backslashes += 1;
            out.push('\'');
            rest
        }
        _ => {
            faults.backslashes += 1;
            out.push_str("\\\\");
            after
        }
    }
}

/// The number in `u12ab`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// A value as people would write it, where it has no parts of its own.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    }
}

/// A value, as an error shows it.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", excerpt(text, 40)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(map) => format!("an object of {} fields", map.len()),
    }
}

/// Tells whether a field has a value: it is there, and neither null nor empty, nor the `false` that some programs write for
/// these.
pub(crate) fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Of several names for one thing, the first whose field says something.
#[cfg(feature = "import")]
pub(crate) fn filled<'m>(
    map: &'m serde_json::Map<String, Value>,
    names: &[&'static str],
) -> Option<(&'static str, &'m Value)> {
    names.iter().find_map(|name| map.get(*name).filter(|value| is_filled(value)).map(|value| (*name, value)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_one_thing_is_mended_and_told() {
        for (text, value, told) in [
            (
                r#"{"a": "half \ud83d, other \ude00", "b": "\uD83D\uDE00"}"#,
                json!({"a": "half \u{fffd}, other \u{fffd}", "b": "😀"}),
                "2 times a half",
            ),
            (
                r#"[NaN, -Infinity, inf, 1e999, "NaN", {"NaN": 1}]"#,
                json!([null, null, null, null, "NaN", {"NaN": 1}]),
                "4 times a number",
            ),
            ("{\"a\": [1, 2,\n ],}", json!({"a": [1, 2]}), "2 times a comma"),
            (
                "{\"a\": 1, // why\n\"b\": \"http://x/*y*/\" /* two,\n lines */}",
                json!({"a": 1, "b": "http://x/*y*/"}),
                "2 times a comment",
            ),
            ("{\"a\": \"two\nlines\tand a tab\"}", json!({"a": "two\nlines\tand a tab"}), "2 times a control"),
            (r#"{"a": "C:\dir it\'s", "b": ", ]"}"#, json!({"a": r"C:\dir it's", "b": ", ]"}), "2 times a backslash"),
            (r#"{"a": "\ud83d\u0041 \ud83d\ud83d\ude00"}"#, json!({"a": "\u{fffd}A \u{fffd}😀"}), "2 times a half"),
        ] {
            let (read, notes) = parse(text).unwrap();
            assert_eq!(read, value, "{text}");
            assert!(notes.len() == 1 && notes[0].starts_with(told), "{text}: {notes:?}");
        }
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in [
            "",
            "{",
            "{} /* open",
            "/",
            "[1 / 2]",
            "{\"a\" 1}",
            "[1 2]",
            "nan nan",
            "{\"a\": \"\\",
            "\"\\ud83d",
            "{'a': 1}",
            "[,]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        // The reason is of the text as it was written.
        assert_eq!(parse("{\"a\": NaN,\n\"b\" 1}").unwrap_err().line(), 1);
    }

    proptest! {
        #[test]
        fn what_needs_no_mending_is_read_as_it_is(text in r#"[\[\]{}:,"a-z0-9\\. u]{0,24}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(parse(&text).unwrap(), (value, Vec::new()));
            }
            // And repair ends for any input.
            let (mended, _) = mend(&text);
            prop_assert!(mended.len() <= text.len() * 6 + 6);
        }
    }
}
