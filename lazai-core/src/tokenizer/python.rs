//! JSON as Python's `json.dumps` writes it: chat templates are written for its spaces, and models trained on them.

use std::fmt::Write as _;

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

/// Most spaces of a level.
const MAX_INDENT: usize = 16;

/// The filter `tojson` of `transformers`: keys keep their order, and only what JSON must escape is escaped.
#[allow(clippy::needless_pass_by_value, reason = "the form of a filter")]
pub(super) fn tojson(value: Value, options: Kwargs) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "an undefined value has no JSON"));
    }
    let indent: Option<usize> = options.get("indent")?;
    // Others than these are not known to be used.
    let _ascii: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    if indent.is_some_and(|indent| indent > MAX_INDENT) {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("indent is more than {MAX_INDENT}")));
    }
    let json = serde_json::to_value(&value).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    let mut text = String::new();
    write(&mut text, &json, indent, 0);
    Ok(text)
}

/// The JSON of a value in one line.
pub(super) fn dumps(json: &Json) -> String {
    let mut text = String::new();
    write(&mut text, json, None, 0);
    text
}

fn write(out: &mut String, json: &Json, indent: Option<usize>, level: usize) {
    let line = |out: &mut String, level: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * level));
        }
    };
    let between = |out: &mut String, place: usize| {
        if place > 0 {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        line(out, level + 1);
    };
    match json {
        Json::Array(list) if !list.is_empty() => {
            out.push('[');
            for (place, value) in list.iter().enumerate() {
                between(out, place);
                write(out, value, indent, level + 1);
            }
            line(out, level);
            out.push(']');
        }
        Json::Object(fields) if !fields.is_empty() => {
            out.push('{');
            for (place, (name, value)) in fields.iter().enumerate() {
                between(out, place);
                let _ = write!(out, "{}: ", Json::from(name.as_str()));
                write(out, value, indent, level + 1);
            }
            line(out, level);
            out.push('}');
        }
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.push_str(&repr(float)),
            None => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

/// A float as Python's `repr` has it: the same shortest digits, with an exponent outside of 1e-4 to 1e16.
fn repr(float: f64) -> String {
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent @ -4..16) => {
            let plain = format!("{float}");
            if exponent >= 0 && !plain.contains('.') { plain + ".0" } else { plain }
        }
        Ok(exponent) => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
        Err(_) => scientific.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pythons() {
        // By `json.dumps` of Python 3.
        let text = r#"{"b": [0.1, 1.0, 1e+16, 1234567890123456.0, 1e-05, 0.0001, 1.5e-07, -2, 18446744073709551615, -0.0], "a": {}, "c": [], "d": "\u0001<é>\"\n"}"#;
        assert_eq!(dumps(&serde_json::from_str(text).unwrap()), text);
    }
}
