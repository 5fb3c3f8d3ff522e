//! Converts the formats of chat programs and of makers of training data to lists of messages.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Role;
use crate::text::json::is_filled;

/// The maker of such a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// Pairs of a user's and the character's text.
    Oobabooga(&'static str),
    /// The conversation in an object of its own.
    OpenWebUi,
    /// Of each message its versions, of which one is shown.
    LmStudio,
    /// The newest message first, its bytes taken for characters.
    Messenger,
    /// A prompt, and the one of two answers that people liked.
    Preference(&'static str),
    /// Texts by turns.
    UltraChat,
    /// Chunks of a prompt, some of them thoughts.
    AiStudio,
    /// Messages whose text is called data.
    Risu,
}

/// The maker, if a record is of one of these.
fn maker(map: &Map<String, Value>) -> Option<Maker> {
    let list = |name: &str| map.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    if list("internal").is_some() && map.contains_key("visible") {
        return Some(Maker::Oobabooga("internal"));
    }
    if let Some(data) = list("data") {
        return match data.iter().all(Value::is_string) {
            true => (data.len() > 1).then_some(Maker::UltraChat),
            false => map.contains_key("data_visible").then_some(Maker::Oobabooga("data")),
        };
    }
    if map.get("chunkedPrompt").is_some_and(|prompt| prompt.get("chunks").is_some_and(Value::is_array)) {
        return Some(Maker::AiStudio);
    }
    let is_risu = map.get("type").and_then(Value::as_str) == Some("risuChat");
    if is_risu && map.get("data").is_some_and(|data| data.get("message").is_some_and(Value::is_array)) {
        return Some(Maker::Risu);
    }
    if map.get("chat").is_some_and(|chat| chat.get("messages").is_some_and(Value::is_array)) {
        return Some(Maker::OpenWebUi);
    }
    if let Some(messages) = list("messages") {
        if messages.iter().all(|message| message.get("versions").is_some_and(Value::is_array)) {
            return Some(Maker::LmStudio);
        }
        if map.contains_key("participants") && messages.iter().all(|message| message.get("timestamp_ms").is_some()) {
            return Some(Maker::Messenger);
        }
    }
    // If the answers are plain texts, they are a response's field.
    let lists = |name: &&str| map.get(*name).is_some_and(|answer| messages_of(answer).is_some());
    let asked = ["prompt", "conversations", "messages"].iter().any(|name| map.get(*name).is_some_and(is_filled));
    let answer = ["chosen", "completion"].into_iter().find(lists);
    answer.filter(|name| asked || *name == "chosen").map(Maker::Preference)
}

/// Tells whether [`unfolded`] unfolds a record.
pub(super) fn looks_like(map: &Map<String, Value>) -> bool {
    maker(map).is_some()
}

/// A record with its messages in a list, from any maker.
pub(super) fn unfolded(map: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let Some(maker) = maker(map) else { return Cow::Borrowed(map) };
    let list = |name: &str| map.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let messages = match maker {
        Maker::Oobabooga(name) => list(name).iter().flat_map(pair).collect(),
        Maker::OpenWebUi => of_open_web_ui(&map["chat"]),
        Maker::LmStudio => list("messages").iter().filter_map(shown).collect(),
        Maker::Messenger => by_time(list("messages")),
        Maker::Preference(name) => liked(map, name),
        Maker::AiStudio => of_chunks(&map["chunkedPrompt"]["chunks"]),
        Maker::Risu => of_risu(&map["data"]["message"]),
        Maker::UltraChat => {
            list("data").iter().zip([Role::User, Role::Assistant].iter().cycle()).map(by_turns).collect()
        }
    };
    let mut unfolded = map.clone();
    // Open WebUI has the system prompt of a chat in one place or another of it.
    let own = |chat: &Value| {
        let fields = [&chat["params"]["system"], &chat["system"]];
        fields.into_iter().find(|value| is_filled(value)).cloned()
    };
    if maker == Maker::OpenWebUi
        && let Some(system) = own(&map["chat"])
    {
        unfolded.entry("system").or_insert(system);
    }
    unfolded.insert("messages".into(), Value::Array(messages));
    Cow::Owned(unfolded)
}

/// The messages that are shown; where there are none, all that the history has.
fn of_open_web_ui(chat: &Value) -> Vec<Value> {
    let shown = chat["messages"].as_array().filter(|messages| !messages.is_empty());
    let all = || Some(chat["history"]["messages"].as_object()?.values().cloned().collect());
    shown.cloned().or_else(all).unwrap_or_default()
}

fn by_turns((text, role): (&Value, &Role)) -> Value {
    json!({"role": role.as_str(), "content": text})
}

fn of_chunks(chunks: &Value) -> Vec<Value> {
    let message = |chunk: &Value| {
        let is_thought = chunk.get("isThought") == Some(&Value::Bool(true));
        let content = if is_thought { json!([{"type": "thinking"}]) } else { chunk["text"].clone() };
        json!({"role": chunk["role"], "content": content})
    };
    chunks.as_array().into_iter().flatten().map(message).collect()
}

fn of_risu(messages: &Value) -> Vec<Value> {
    // In a group, each message has the number of who says it.
    let speakers: BTreeSet<&str> =
        messages.as_array().into_iter().flatten().filter_map(|m| m.get("saying")?.as_str()).collect();
    let is_group = speakers.len() > 1;
    let message = |message: &Value| {
        let hidden = message.get("disabled").cloned().unwrap_or_default();
        let name = message.get("saying").filter(|_| is_group).cloned().unwrap_or_default();
        json!({"role": message["role"], "content": message["data"], "hidden": hidden, "name": name})
    };
    messages.as_array().into_iter().flatten().map(message).collect()
}

/// The placeholder for the user's text, if the character speaks first.
const NOBODY: &str = "<|BEGIN-VISIBLE-CHAT|>";

fn pair(turn: &Value) -> Vec<Value> {
    let user = turn.get(0).filter(|text| is_filled(text) && text.as_str() != Some(NOBODY));
    let character = turn.get(1).filter(|text| is_filled(text));
    let said = [(user, Role::User), (character, Role::Assistant)];
    said.iter().filter_map(|(text, role)| Some(by_turns(((*text)?, role)))).collect()
}

/// The version of a message that is shown. An answer in steps is what its blocks of text say; those that the model does not
/// see again are its thoughts.
fn shown(message: &Value) -> Option<Value> {
    let selected = message.get("currentlySelected").and_then(Value::as_u64).unwrap_or(0);
    let version = message.get("versions")?.get(usize::try_from(selected).ok()?)?;
    let Some(steps) = version.get("steps").and_then(Value::as_array) else { return Some(version.clone()) };
    let said = steps.iter().filter(|step| step.get("type").and_then(Value::as_str) == Some("contentBlock"));
    let parts = said.filter_map(|step| Some((step, step.get("content")?.as_array()?)));
    let parts = parts.flat_map(|(step, parts)| {
        let style = step.get("style").and_then(|style| style.get("type")).and_then(Value::as_str);
        let is_thought = style == Some("thinking") || step.get("shouldIncludeInContext") == Some(&Value::Bool(false));
        parts.iter().map(move |part| if is_thought { json!({"type": "thinking"}) } else { part.clone() })
    });
    let parts = parts.collect();
    Some(json!({"role": version.get("role")?, "content": Value::Array(parts)}))
}

/// Meta's exports list the newest message first, and escape each byte of UTF-8 as if it were a character.
fn by_time(messages: &[Value]) -> Vec<Value> {
    let mut messages = messages.to_vec();
    messages.sort_by_key(|message| message.get("timestamp_ms").and_then(Value::as_i64));
    for message in &mut messages {
        for field in ["sender_name", "content"] {
            if let Some(Value::String(text)) = message.get_mut(field)
                && let Some(meant) = from_bytes(text)
            {
                *text = meant;
            }
        }
    }
    messages
}

/// The text whose bytes stand for characters in another, if they do.
fn from_bytes(text: &str) -> Option<String> {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}

/// The prompt, and the answer that is to be learnt.
fn liked(map: &Map<String, Value>, answer: &str) -> Vec<Value> {
    let mut answer = messages_of(&map[answer]).unwrap_or_default();
    let role = |message: &Value| ["role", "from"].iter().find_map(|name| Role::from_name(message.get(name)?.as_str()?));
    // Some repeat the prompt before each answer.
    if answer.iter().any(|message| role(message) == Some(Role::User)) {
        return answer;
    }
    let asked = ["prompt", "conversations", "messages"].iter().find_map(|name| map.get(*name).filter(|v| is_filled(v)));
    let asked = match asked {
        Some(Value::String(text)) => vec![json!({"role": "user", "content": text})],
        Some(other) => messages_of(other).unwrap_or_default(),
        None => Vec::new(),
    };
    // Under names of people, too.
    if !asked.is_empty() && answer.starts_with(&asked) {
        return answer;
    }
    let systems = answer.iter().take_while(|message| role(message) == Some(Role::System)).count();
    let rest = answer.split_off(systems);
    [answer, asked, rest].concat()
}

/// A message, or a list of messages.
fn messages_of(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Object(_) => Some(vec![value.clone()]),
        Value::Array(list) if list.iter().all(Value::is_object) && !list.is_empty() => Some(list.clone()),
        _ => None,
    }
}
