//! JSON records: which fields hold a conversation.

use serde_json::{Map, Value};

use super::format::{Format, Options};
use super::read::Parsed;
use super::{Message, Role};
use crate::report::{Action, excerpt, json_reason};

/// Names of a prompt's and a response's field.
pub(super) const PROMPTS: [&str; 7] = ["instruction", "prompt", "question", "query", "user", "human", "input"];
pub(super) const RESPONSES: [&str; 9] =
    ["output", "response", "completion", "answer", "assistant", "bot", "character", "target", "reply"];
/// Names under which a list of messages stands.
const LISTS: [&str; 4] = ["messages", "conversations", "conversation", "dialogue"];

/// What a record is, and whether the records together are one dialogue.
pub(super) fn format(map: &Map<String, Value>) -> Option<(Format, bool)> {
    if let Some((name, messages)) = list(map) {
        let from = messages.iter().any(|m| m.get("from").is_some());
        return Some((if from || name == "conversations" { Format::ShareGpt } else { Format::Chat }, false));
    }
    let has = |key: &str| map.contains_key(key);
    if (has("mes") && (has("is_user") || has("name")))
        || (has("user_name") && has("character_name"))
        || has("chat_metadata")
    {
        return Some((Format::SillyTavern, true));
    }
    let text = |names: &[&str]| names.iter().any(|name| map.get(*name).is_some_and(Value::is_string));
    if text(&PROMPTS) && text(&RESPONSES) {
        return Some((Format::Alpaca, false));
    }
    if has("role") && has("content") {
        return Some((Format::Chat, true));
    }
    (has("from") && has("value")).then_some((Format::ShareGpt, true))
}

fn list(map: &Map<String, Value>) -> Option<(&'static str, &Vec<Value>)> {
    LISTS.iter().find_map(|name| Some((*name, map.get(*name)?.as_array()?)))
}

pub(super) fn parse(bytes: &[u8], line: u64, options: &Options) -> Parsed {
    let mut parsed = Parsed::default();
    let place = format!("line {line}");
    let map = match object(bytes, &place, &mut parsed) {
        Ok(map) => map,
        Err(reason) => {
            parsed.note(Action::Dropped, place, reason);
            return parsed;
        }
    };
    let field =
        |names: &[&str]| names.iter().find_map(|name| map.get(*name)?.as_str()).filter(|t| !t.trim().is_empty());
    let id = match map.get("id").or_else(|| map.get("conversation_id")) {
        Some(Value::String(id)) if !id.is_empty() => excerpt(id, 200),
        Some(Value::Number(id)) => id.to_string(),
        _ => format!("line-{line}"),
    };
    let contributor = field(&["contributor", "author"]).unwrap_or(&options.contributor).to_owned();
    let mut said = Vec::new();
    if let Some(system) = field(&["system", "system_prompt"]) {
        said.push((place.clone(), Message::new(Role::System, system)));
    }
    if let Some((_, messages)) = list(&map) {
        for (i, value) in messages.iter().enumerate() {
            let place = format!("line {line}, message {}", i + 1);
            match message(value, options, &place, &mut parsed) {
                Ok(message) => said.push((place, message)),
                Err(reason) => parsed.note(Action::Dropped, place, reason),
            }
        }
    } else if let (Some(prompt), Some(response)) = (field(&PROMPTS), field(&RESPONSES)) {
        for (i, turn) in map.get("history").and_then(Value::as_array).into_iter().flatten().enumerate() {
            match (turn.get(0).and_then(Value::as_str), turn.get(1).and_then(Value::as_str)) {
                (Some(user), Some(reply)) => {
                    said.push((place.clone(), Message::new(Role::User, user)));
                    said.push((place.clone(), Message::new(Role::Assistant, reply)));
                }
                _ => parsed.note(Action::Dropped, format!("line {line}, history {}", i + 1), "expected two texts"),
            }
        }
        let input = if map.contains_key("instruction") { field(&["input"]) } else { None };
        let prompt = input.map_or_else(|| prompt.to_owned(), |input| format!("{prompt}\n\n{input}"));
        said.push((place.clone(), Message::new(Role::User, prompt)));
        said.push((place, Message::new(Role::Assistant, response)));
    } else {
        let fields: Vec<&str> = map.keys().take(8).map(String::as_str).collect();
        parsed.note(Action::Dropped, place, format!("no conversation in the fields {fields:?}"));
        return parsed;
    }
    parsed.finish(id, &contributor, line, said)
}

/// A bare list of messages, as the object that it stands for.
pub(super) fn of_list(list: Value) -> Map<String, Value> {
    Map::from_iter([("messages".to_owned(), list)])
}

/// A JSON object; bytes that are not UTF-8 are replaced.
pub(super) fn object(bytes: &[u8], place: &str, parsed: &mut Parsed) -> Result<Map<String, Value>, String> {
    let value = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => {
            parsed.note(Action::Repaired, place, "not UTF-8; unreadable bytes are replaced");
            serde_json::from_str(&String::from_utf8_lossy(bytes))
        }
    };
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(list @ Value::Array(_)) => Ok(of_list(list)),
        Ok(_) => Err("expected a JSON object".into()),
        Err(error) => Err(format!("not JSON, column {}: {}", error.column(), json_reason(&error))),
    }
}

/// One message in the shapes of OpenAI and ShareGPT.
pub(super) fn message(value: &Value, options: &Options, place: &str, parsed: &mut Parsed) -> Result<Message, String> {
    let name = value.get("role").or_else(|| value.get("from")).or_else(|| value.get("user"));
    let Some(name) = name.and_then(Value::as_str) else { return Err("a message without a role".into()) };
    let role = role(name, options).ok_or_else(|| format!("role {:?} is nobody's here", excerpt(name, 40)))?;
    let content = value.get("content").or_else(|| value.get("value")).or_else(|| value.get("text"));
    let content = match content {
        Some(Value::String(text)) => text.clone(),
        // Parts: texts are kept, pictures and calls are not.
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text").map_or_else(|| part.as_str(), Value::as_str)).collect();
            if texts.len() < parts.len() {
                parsed.note(Action::Dropped, place, format!("{} parts that are no text", parts.len() - texts.len()));
            }
            texts.join("\n")
        }
        Some(Value::Null) | None => return Err("a message without a text".into()),
        Some(_) => return Err("the content is neither a text nor a list of parts".into()),
    };
    Ok(Message { role, content })
}

/// The role of a speaker, by role or by name.
pub(super) fn role(name: &str, options: &Options) -> Option<Role> {
    let is = |who: &Option<String>| who.as_deref().is_some_and(|who| who.trim().eq_ignore_ascii_case(name.trim()));
    if is(&options.character) {
        Some(Role::Assistant)
    } else if is(&options.user) {
        Some(Role::User)
    } else {
        Role::from_name(name)
    }
}
