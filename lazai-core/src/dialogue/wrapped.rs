//! Records in wrappings: messages as a text of JSON, names of fields in capitals, many records in one object.

use serde_json::{Map, Value};

use super::chatgpt;
use super::shape::{self, LISTS, is_listed};
use crate::text::json;

/// Fields of an object that may hold all records of a file.
const RECORDS: [&str; 9] =
    ["rows", "data", "train", "records", "examples", "items", "dialogues", "conversations", "chats"];

/// A record without such a wrapping, and what was taken off.
pub(super) fn unwrapped(mut map: Map<String, Value>) -> (Map<String, Value>, Option<&'static str>) {
    let mut note = None;
    for name in LISTS {
        if let Some(Value::String(text)) = map.get(name)
            && text.trim_start().starts_with('[')
            && let Ok((list @ Value::Array(_), _)) = json::parse(text)
        {
            map.insert(name.into(), list);
            note = Some("the messages are a text of JSON, read as such");
        }
    }
    if !map.keys().any(|name| name.contains(char::is_uppercase)) || shape::format(&map).is_some() {
        return (map, note);
    }
    let lower = lowered(&map);
    match shape::format(&lower) {
        Some(_) => (lower, Some("names of fields in capitals, read as small ones")),
        None => (map, note),
    }
}

/// A record with small names of fields, and those of its messages.
fn lowered(map: &Map<String, Value>) -> Map<String, Value> {
    let of_messages = |value: &Value| match value {
        Value::Array(list) => {
            let small =
                |value: &Value| value.as_object().map_or_else(|| value.clone(), |map| Value::Object(small(map)));
            Value::Array(list.iter().map(small).collect())
        }
        other => other.clone(),
    };
    small(map).into_iter().map(|(name, value)| (name, of_messages(&value))).collect()
}

fn small(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

/// The records that an object holds, each a whole conversation, and the field with them.
pub(super) fn records(map: &Map<String, Value>) -> Option<(&'static str, Vec<&Map<String, Value>>)> {
    RECORDS.into_iter().find_map(|field| {
        let list = map.get(field)?.as_array()?;
        // Hugging Face's viewer has each record in a row.
        let record = |value: &'_ Value| value.get("row").is_some_and(Value::is_object);
        let of = |value| -> Option<&Map<String, Value>> { Value::as_object(value) };
        let records = list.iter().map(|value| if record(value) { of(&value["row"]) } else { of(value) });
        let records = records.collect::<Option<Vec<_>>>()?;
        // Pairs in a list of messages are turns of one conversation.
        let is_whole = |map: &&Map<String, Value>| {
            is_listed(map)
                || chatgpt::looks_like(map)
                || (!LISTS.contains(&field) && shape::format(map).is_some_and(|(_, whole)| !whole))
        };
        records.first().is_some_and(is_whole).then_some((field, records))
    })
}
