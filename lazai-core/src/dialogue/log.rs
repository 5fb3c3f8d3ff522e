//! Chat logs: one dialogue, a message per line.

use serde_json::{Map, Value};

use super::format::Options;
use super::read::Parsed;
use super::shape::{message, object};
use super::{Message, Role};
use crate::report::{Action, excerpt};

/// Reads SillyTavern's logs, and lists of bare messages.
pub(super) fn parse(lines: Vec<(u64, Vec<u8>)>, options: &Options) -> Parsed {
    let mut parsed = Parsed::default();
    let mut said = Vec::with_capacity(lines.len());
    let mut first = None;
    let mut id = None;
    for (line, bytes) in lines {
        first.get_or_insert(line);
        let place = format!("line {line}");
        let map = match object(&bytes, &place, &mut parsed) {
            Ok(map) => map,
            Err(reason) => {
                parsed.note(Action::Dropped, place, reason);
                continue;
            }
        };
        let result = if map.contains_key("mes") {
            spoken(&map)
        } else if map.contains_key("user_name")
            || map.contains_key("character_name")
            || map.contains_key("chat_metadata")
        {
            // What SillyTavern says about the chat.
            id = map.get("create_date").and_then(Value::as_str).map(str::to_owned).or(id);
            continue;
        } else {
            message(&Value::Object(map), options, &place, &mut parsed)
        };
        match result {
            Ok(message) => said.push((place, message)),
            Err(reason) => parsed.note(Action::Dropped, place, reason),
        }
    }
    let line = first.unwrap_or(1);
    parsed.finish(id.unwrap_or_else(|| format!("line-{line}")), &options.contributor, line, said)
}

/// Who the character of a log is, by its first line.
pub(super) fn character(map: &Map<String, Value>) -> Option<String> {
    let name = map.get("character_name").or_else(|| {
        let said = map.contains_key("mes") && map.get("is_user").and_then(Value::as_bool) == Some(false);
        map.get("name").filter(|_| said)
    });
    name.and_then(Value::as_str).filter(|name| !name.is_empty()).map(|name| excerpt(name, 200))
}

fn spoken(map: &Map<String, Value>) -> Result<Message, String> {
    let flag = |name: &str| map.get(name).is_some_and(|v| v.as_bool().unwrap_or(v.as_i64() == Some(1)));
    if flag("is_system") {
        return Err("hidden from the model (is_system)".into());
    }
    let text = map.get("mes").and_then(Value::as_str).ok_or("field `mes`: expected a text")?;
    let role = if flag("is_user") { Role::User } else { Role::Assistant };
    Ok(Message::new(role, text))
}
