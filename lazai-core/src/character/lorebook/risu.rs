//! RisuAI's lorebooks: `type: "risu"`, a list `data` with `key` and `secondkey` (each one text), `alwaysActive`, `insertorder`.
//!
//! Source: RisuAI's manual, and the fields as its exports have them.

use serde_json::{Map, Value};

use super::sillytavern::extend;
use crate::report::{Action, Report};

/// The book in V3's names.
pub(super) fn translate(mut map: Map<String, Value>, report: &mut Report) -> Map<String, Value> {
    let mut entries = map.remove("data").unwrap_or_default();
    if let Value::Array(entries) = &mut entries {
        for (i, entry) in entries.iter_mut().enumerate() {
            if let Value::Object(entry) = entry {
                translate_entry(entry, i, report);
            }
        }
    }
    map.insert("entries".into(), entries);
    map
}

fn translate_entry(entry: &mut Map<String, Value>, index: usize, report: &mut Report) {
    let expressions = entry.get("useRegex") == Some(&Value::Bool(true));
    for key in ["key", "secondkey"] {
        // Its lists are written as one text with commas, its expressions as one text without: nothing to note.
        if let Some(Value::String(text)) = entry.get(key) {
            let whole = || Some(text.clone()).filter(|text| !text.trim().is_empty()).into_iter().collect();
            let keys: Vec<String> = if expressions { whole() } else { super::keys::split(text) };
            entry.insert(key.into(), keys.into());
        }
    }
    for (theirs, ours) in [
        ("key", "keys"),
        ("secondkey", "secondary_keys"),
        ("insertorder", "insertion_order"),
        ("alwaysActive", "constant"),
        ("useRegex", "use_regex"),
    ] {
        if let Some(value) = entry.remove(theirs) {
            entry.insert(ours.into(), value);
        }
    }
    if expressions {
        // An entry that is always active stays so beside its expressions, as at SillyTavern's.
        extend(entry, Map::from_iter([("selectiveLogic".to_owned(), 0.into())]));
    }
    // As RisuAI's own cards say it, and as SillyTavern's meaning has it.
    if let Some(chance) = entry.get("activationPercent").filter(|c| c.is_number()).cloned() {
        let name = if expressions { "probability" } else { "risu_activationPercent" };
        extend(entry, Map::from_iter([(name.to_owned(), chance)]));
    }
    match entry.get("mode").and_then(Value::as_str) {
        Some("constant") => drop(entry.insert("constant".into(), true.into())),
        // A folder is a heading, not lore.
        Some("folder") => drop(entry.insert("enabled".into(), false.into())),
        Some(mode @ ("child" | "multiple")) => {
            let reason = format!("not heeded: mode {mode:?}");
            report.note(Action::Repaired, format!("entries[{index}].mode"), reason);
        }
        _ => {}
    }
}
