//! A message's text, out of whatever holds it.

use serde_json::{Map, Value};

use super::parsed::Parsed;
use super::shape::text_of;
use crate::report::Action;
use crate::text::json::{filled, kind};

/// Kinds of parts that hold a model's thoughts.
const THOUGHTS: [&str; 5] = ["reasoning", "thinking", "redacted_thinking", "think", "thoughts"];
/// Telegram's kinds of parts: together they are one text.
const ENTITIES: [&str; 20] = [
    "bank_card",
    "blockquote",
    "bold",
    "bot_command",
    "cashtag",
    "code",
    "custom_emoji",
    "email",
    "hashtag",
    "italic",
    "link",
    "mention",
    "mention_name",
    "phone",
    "plain",
    "pre",
    "spoiler",
    "strikethrough",
    "text_link",
    "underline",
];

/// A message's text: as it is, in parts of which some may be pictures or calls, or in an object.
pub(super) fn content_of(content: &Value, place: &str, parsed: &mut Parsed) -> Result<String, String> {
    match content {
        Value::Array(parts) => {
            let thoughts = parts.iter().filter(|part| is_thought(part)).count();
            if thoughts > 0 {
                parsed.note(Action::Dropped, place, format!("{thoughts} parts that are thoughts"));
            }
            let texts: Vec<&str> = parts.iter().filter(|part| !is_thought(part)).filter_map(text_of_part).collect();
            let others = parts.len() - thoughts - texts.len();
            if others > 0 {
                parsed.note(Action::Dropped, place, format!("{others} parts that are no text"));
            }
            Ok(texts.join(if is_line(parts) { "" } else { "\n" }))
        }
        Value::Object(map) => match filled(map, &["text", "parts"]) {
            Some((_, inner)) if !inner.is_object() => content_of(inner, place, parsed),
            _ => Err("the content is neither a text nor a list of parts".into()),
        },
        other => {
            let text = text_of(other).ok_or("a message without a text")?;
            if !other.is_string() {
                parsed.note(Action::Repaired, place, format!("{}, taken as text", kind(other)));
            }
            Ok(text.into_owned())
        }
    }
}

/// The texts of attached files, which Claude's export has: context where the user attaches them. Files without text are noted.
pub(super) fn attached(map: &Map<String, Value>, is_reply: bool, place: &str, parsed: &mut Parsed) -> Vec<String> {
    let files = map.get("attachments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |file: &Value| {
        let text = file.get("extracted_content")?.as_str().filter(|text| !text.trim().is_empty())?;
        let name = file.get("file_name").and_then(Value::as_str).filter(|name| !name.is_empty());
        Some(name.map_or_else(|| text.to_owned(), |name| format!("{name}:\n{text}")))
    };
    let texts: Vec<String> = if is_reply { Vec::new() } else { files.iter().filter_map(text).collect() };
    if !texts.is_empty() {
        parsed.note(Action::Repaired, place, format!("the text of {} attachments, taken as context", texts.len()));
    }
    let others = files.len() - texts.len();
    if others > 0 {
        parsed.note(Action::Dropped, place, format!("{others} attachments: not part of a dialogue"));
    }
    texts
}

/// A part's text; OpenAI's assistants have it in an object.
fn text_of_part(part: &Value) -> Option<&str> {
    match part.get("text") {
        None => part.as_str(),
        Some(Value::Object(text)) => text.get("value")?.as_str(),
        Some(text) => text.as_str(),
    }
}

/// True if a part says by its kind, or by Gemini's flag, that it is a thought.
fn is_thought(part: &Value) -> bool {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    THOUGHTS.contains(&kind) || part.get("thought") == Some(&Value::Bool(true))
}

/// True if parts are one text with links and emphasis in it: all with kinds of Telegram's, or plain text beside them.
fn is_line(parts: &[Value]) -> bool {
    let is_entity = |part: &Value| {
        part.get("type").and_then(Value::as_str).is_some_and(|kind| ENTITIES.binary_search(&kind).is_ok())
    };
    let is_mixed = parts.iter().any(Value::is_string) && parts.iter().any(|part| part.get("text").is_some());
    is_mixed || parts.iter().any(is_entity)
}
