//! The calls that a reply holds, in whatever dialect its model has.

use serde::Deserialize;
use serde_json::{Deserializer, Value};

use super::CALL;
use super::dialect::{marks, opens_a_call};
use crate::reply::begun;

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments, a JSON object as text.
    pub arguments: String,
}

/// The words of a reply and its calls: none, if any is not well-formed or calls something else. Calls stand behind a mark of a
/// [`Dialect`](super::Dialect), or are all that the reply says.
///
/// ```
/// use lazai_core::tools::calls;
/// let (words, calls) = calls(r#"[TOOL_CALLS][{"name": "f", "arguments": {"x": 1}}]"#, &["f".to_owned()]);
/// assert_eq!((words.as_str(), calls[0].arguments.as_str()), ("", r#"{"x":1}"#));
/// ```
#[must_use]
pub fn calls(text: &str, names: &[String]) -> (String, Vec<Call>) {
    let is_known = |name: &str| names.iter().any(|known| known == name);
    let behind_a_mark = || {
        let (place, mark) = marks().filter_map(|mark| Some((text.find(mark)?, mark))).min()?;
        let (said, rest) = text.split_at(place);
        let calls = if mark == CALL.0 { blocks(rest, &is_known) } else { listed(&rest[mark.len()..], &is_known) };
        calls.map(|calls| (said.trim_end(), calls))
    };
    // Arguments may hold anything, a mark too.
    match objects(text, &is_known).map(|calls| ("", calls)).or_else(behind_a_mark) {
        Some((said, calls)) => (said.to_owned(), calls),
        None => (text.to_owned(), Vec::new()),
    }
}

/// Bytes at the end of a reply's beginning that may be a call, or the beginning of one: they are held back until more is known.
/// `is_begun` is true if words before this text were passed on already.
#[must_use]
pub fn begins_a_call(text: &str, is_begun: bool) -> usize {
    let begins = text.trim_start();
    // The whole reply may be a call's JSON.
    if !is_begun && (begins.is_empty() || begins.starts_with('{')) {
        return text.len();
    }
    match marks().filter_map(|mark| text.find(mark)).min() {
        Some(place) => text.len() - place,
        None => marks().map(|mark| begun(text, mark)).max().unwrap_or(0),
    }
}

/// Calls one after another, each between marks of its own.
pub(super) fn blocks(text: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Vec<Call>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(inner) = rest.trim_start().strip_prefix(CALL.0) {
        // A model may leave the last one open.
        let (inner, after) = inner.split_once(CALL.1).map_or((inner, None), |(inner, after)| (inner, Some(after)));
        match serde_json::from_str(inner.trim()).ok().and_then(|value| call(&value, is_known)) {
            Some(call) => found.push(call),
            // Cut within a further call: those before it stand.
            None if after.is_none() && !found.is_empty() => {}
            None => return None,
        }
        rest = after.unwrap_or_default();
    }
    let is_over = rest.trim().is_empty() || CALL.0.starts_with(rest.trim());
    (is_over && !found.is_empty()).then_some(found)
}

/// Calls behind a mark that opens them all: a list, or one object after another. A model may repeat the mark.
fn listed(text: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Vec<Call>> {
    let text = text.trim();
    if !text.starts_with('[') || marks().any(|mark| opens_a_call(mark) && text.starts_with(mark)) {
        return objects(text, is_known);
    }
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let calls: Option<Vec<Call>> = list.iter().map(|value| call(value, is_known)).collect();
    calls.filter(|calls| !calls.is_empty())
}

/// Calls that are JSON objects, one after another; Llama's models write `;` between two.
fn objects(text: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Vec<Call>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let mut stream = Deserializer::from_str(rest).into_iter::<Value>();
        found.push(call(&stream.next()?.ok()?, is_known)?);
        rest = rest[stream.byte_offset()..].trim_start();
        rest = rest.strip_prefix(';').unwrap_or(rest).trim_start();
    }
    (!found.is_empty()).then_some(found)
}

fn call(value: &Value, is_known: &dyn Fn(&str) -> bool) -> Option<Call> {
    let name = String::deserialize(value.get("name")?).ok().filter(|name| is_known(name))?;
    // Llama's models say `parameters`.
    let arguments = value.get("arguments").or_else(|| value.get("parameters"))?;
    arguments.is_object().then(|| Call { name, arguments: arguments.to_string() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_all_dialects_are_found() {
        let names = vec!["f".to_owned()];
        let one = |arguments: &str| Call { name: "f".into(), arguments: arguments.into() };
        let hermes = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>";
        let json = "{\"name\": \"f\", \"arguments\": {\"x\": 1}}";
        let llama = "{\"name\": \"f\", \"parameters\": {\"x\": 1}}";
        let (x, two) = (one("{\"x\":1}"), vec![one("{\"x\":1}"), one("{\"x\":1}")]);
        for (text, words, found) in [
            (format!("I look.\n{hermes}\n{hermes}"), "I look.", two.clone()),
            ("<tool_call>{\"name\":\"f\",\"arguments\":{}}".into(), "", vec![one("{}")]),
            (format!(" {llama}\n"), "", vec![x.clone()]),
            (format!("{llama}; {llama}"), "", two.clone()),
            (llama.replace("\"x\": 1", "\"x\": \"<tool_call>\""), "", vec![one("{\"x\":\"<tool_call>\"}")]),
            (format!("<|python_tag|>{llama}"), "", vec![x.clone()]),
            (format!("[TOOL_CALLS] [{json}, {json}]"), "", two.clone()),
            (format!("I look.[TOOL_CALLS][{json}]"), "I look.", vec![x.clone()]),
            (format!("<|tool_call|>[{json}]"), "", vec![x]),
        ] {
            assert_eq!(calls(&text, &names), (words.to_owned(), found), "{text}");
        }
        for text in [
            "plain words <tool".to_owned(),
            hermes.replace("\"f\"", "\"g\""),
            hermes.replace("{\"x\": 1}", "7"),
            "<tool_call>\n{\"name\": \"f\"\n</tool_call>".into(),
            "<tool_call>".into(),
            format!("{hermes} and so on"),
            "{\"name\": \"f\"}".into(),
            format!("[TOOL_CALLS][{json}"),
            format!("[TOOL_CALLS][{json}] and so on"),
            format!("[TOOL_CALLS][{}]", json.replace("\"f\"", "\"g\"")),
            "[TOOL_CALLS][]".into(),
            "<|tool_call|>".into(),
            format!("{llama} {llama} and so on"),
            String::new(),
        ] {
            assert_eq!(calls(&text, &names), (text.clone(), vec![]), "{text}");
        }
    }
}
