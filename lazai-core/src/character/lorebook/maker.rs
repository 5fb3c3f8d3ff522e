//! Detects the maker of a lorebook that stands alone.

use serde_json::{Map, Value};

use super::{Lorebook, agnai, novelai, risu};
use crate::character::CardError;
use crate::report::{Action, Report, excerpt};

/// Reads a lorebook that stands alone, of any maker.
pub(in super::super) fn read(mut map: Map<String, Value>, report: &mut Report) -> Result<Lorebook, CardError> {
    if map.get("spec").and_then(Value::as_str) == Some("lorebook_v3") {
        return match map.remove("data") {
            Some(Value::Object(data)) => Lorebook::read(data, "data", report),
            _ => Err(refused("`data` of a lorebook_v3 is no object")),
        };
    }
    let map = match translated(map, "the format", report) {
        Ok(map) => map,
        Err(map) => {
            looks_like_lore(&map)?;
            map
        }
    };
    Lorebook::read(map, "", report)
}

/// A lorebook in the names of V3, if its maker has others; else as it is.
pub(in super::super) fn translated(
    map: Map<String, Value>,
    place: &str,
    report: &mut Report,
) -> Result<Map<String, Value>, Map<String, Value>> {
    let (map, maker) = if map.contains_key("lorebookVersion") && is_list(&map, "entries") {
        (novelai::translate(map, report), "NovelAI")
    } else if is_agnai(&map) {
        (agnai::translate(map), "Agnai")
    } else if map.get("type").and_then(Value::as_str) == Some("risu") && is_list(&map, "data") {
        (risu::translate(map, report), "RisuAI")
    } else {
        return Err(map);
    };
    report.note(Action::Repaired, place, format!("a lorebook of {maker}'s, put into the names of V3"));
    Ok(map)
}

fn refused(reason: &str) -> CardError {
    CardError::NotACharacter { reason: format!("no lorebook either: {reason}") }
}

fn is_list(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).is_some_and(Value::is_array)
}

fn entries(map: &Map<String, Value>) -> Option<Vec<&Value>> {
    match map.get("entries")? {
        Value::Array(list) => Some(list.iter().collect()),
        Value::Object(map) => Some(map.values().collect()),
        _ => None,
    }
}

fn is_agnai(map: &Map<String, Value>) -> bool {
    let agnai = |entry: &&Value| entry.get("entry").is_some() && entry.get("keywords").is_some();
    is_list(map, "entries")
        && (map.get("kind").and_then(Value::as_str) == Some("memory")
            || entries(map).is_some_and(|entries| entries.iter().any(agnai)))
}

/// Many things have entries. Lore has two of: keys, a content, and a field that says when or where.
fn looks_like_lore(map: &Map<String, Value>) -> Result<(), CardError> {
    let Some(entries) = entries(map) else { return Err(refused("no `entries`")) };
    let has = |entry: &Value, names: &[&str]| names.iter().any(|name| entry.get(name).is_some());
    let lore = |entry: &&Value| {
        let keys = has(entry, &["keys", "key", "secondary_keys", "keysecondary"]);
        let content = has(entry, &["content"]);
        let rules =
            has(entry, &["constant", "insertion_order", "order", "enabled", "disable", "selective", "use_regex"]);
        usize::from(keys) + usize::from(content) + usize::from(rules) >= 2
    };
    if entries.iter().any(lore) {
        return Ok(());
    }
    let own = [
        "entries",
        "name",
        "description",
        "scan_depth",
        "token_budget",
        "recursive_scanning",
        "extensions",
        "originalData",
    ];
    if entries.is_empty() && map.keys().all(|key| own.contains(&key.as_str())) {
        return Ok(());
    }
    let fields = |value: &Value| {
        let names = value.as_object().into_iter().flat_map(Map::keys).take(8);
        names.map(|name| excerpt(name, 40)).collect::<Vec<_>>().join(", ")
    };
    match entries.first() {
        None => Err(refused("no entries, and fields that no lorebook has")),
        Some(first) => Err(refused(&format!("entries without keys and content, with the fields [{}]", fields(first)))),
    }
}
