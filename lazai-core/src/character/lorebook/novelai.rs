//! NovelAI's lorebooks: `lorebookVersion`, entries with `text`, `keys`, `forceActivation`, `contextConfig`.
//!
//! Sources: NovelAI's documentation of the lorebook, and the fields as its exports have them (versions 1 to 6).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::sillytavern::extend;
use crate::report::{Action, Report};

/// The book in V3's names. Keys of plain words are found as whole words, those between slashes are expressions.
pub(super) fn translate(mut map: Map<String, Value>, report: &mut Report) -> Map<String, Value> {
    let closed: Vec<String> = list(&map, "categories")
        .iter()
        .filter(|category| category.get("enabled") == Some(&Value::Bool(false)))
        .filter_map(|category| Some(category.get("id")?.as_str()?.to_owned()))
        .collect();
    let mut unheeded = BTreeSet::new();
    if map.get("settings").and_then(|s| s.get("orderByKeyLocations")) == Some(&Value::Bool(true)) {
        unheeded.insert("settings.orderByKeyLocations");
    }
    if let Some(Value::Array(entries)) = map.get_mut("entries") {
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            translate_entry(entry, &closed, &mut unheeded);
        }
    }
    if !unheeded.is_empty() {
        let names: Vec<&str> = unheeded.into_iter().collect();
        report.note(Action::Repaired, "entries", format!("not heeded: {}", names.join(", ")));
    }
    map
}

fn list<'m>(map: &'m Map<String, Value>, key: &str) -> &'m [Value] {
    map.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn translate_entry(entry: &mut Map<String, Value>, closed: &[String], unheeded: &mut BTreeSet<&'static str>) {
    let context = entry.get("contextConfig").cloned().unwrap_or_default();
    let around = |key: &str| context.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(text) = entry.remove("text") {
        let text = match text {
            Value::String(text) => {
                // Parts of a prompt stand in lines of their own here: the line break of the usual suffix is there already.
                let suffix = around("suffix").strip_suffix('\n').unwrap_or(around("suffix"));
                Value::String(format!("{}{text}{suffix}", around("prefix")))
            }
            other => other,
        };
        entry.insert("content".into(), text);
    }
    for (theirs, ours) in [("displayName", "name"), ("forceActivation", "constant")] {
        if let Some(value) = entry.remove(theirs) {
            entry.insert(ours.into(), value);
        }
    }
    if let Some(priority) = context.get("budgetPriority").filter(|p| p.is_number()) {
        entry.insert("priority".into(), priority.clone());
        entry.insert("insertion_order".into(), priority.clone());
    }
    if entry.get("category").and_then(Value::as_str).is_some_and(|id| closed.iter().any(|c| c == id)) {
        entry.insert("enabled".into(), false.into());
    }
    both(entry, unheeded);
    extend(entry, Map::from_iter([("match_whole_words".to_owned(), true.into())]));
    for (name, usual) in
        [("searchRange", json!(1000)), ("keyRelative", json!(false)), ("nonStoryActivatable", json!(false))]
    {
        if entry.get(name).is_some_and(|value| *value != usual) {
            unheeded.insert(name);
        }
    }
    if context.get("insertionPosition").and_then(Value::as_i64).is_some_and(|p| p != -1) {
        unheeded.insert("contextConfig.insertionPosition");
    }
    let biases = |groups: &[Value]| {
        groups.iter().any(|g| g.get("phrases").and_then(Value::as_array).is_some_and(|p| !p.is_empty()))
    };
    if biases(list(entry, "loreBiasGroups")) {
        unheeded.insert("loreBiasGroups");
    }
}

/// `a & b` is two keys that are both needed: a key and secondary keys, where it is the only one.
fn both(entry: &mut Map<String, Value>, unheeded: &mut BTreeSet<&'static str>) {
    let keys = list(entry, "keys");
    let joined = |key: &Value| key.as_str().is_some_and(|k| k.contains('&') && !k.starts_with('/'));
    if !keys.iter().any(joined) {
        return;
    }
    let [Value::String(key)] = keys else {
        unheeded.insert("keys with &");
        return;
    };
    let mut parts = key.split('&').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
    let (first, rest) = (parts.next(), parts.collect::<Vec<String>>());
    if let Some(first) = first {
        entry.insert("keys".into(), json!([first]));
        entry.insert("secondary_keys".into(), json!(rest));
        entry.insert("selective".into(), true.into());
        extend(entry, Map::from_iter([("selectiveLogic".to_owned(), 3.into())]));
    }
}
