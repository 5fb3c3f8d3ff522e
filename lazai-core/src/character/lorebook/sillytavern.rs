//! SillyTavern: its world info, and the lore of its cards in `extensions`.
//!
//! Sources: SillyTavern's documentation of World Info; `public/scripts/world-info.js` and `src/endpoints/characters.js`.

use serde_json::{Map, Value};

use super::keys::Keys;
use super::rules::{Logic, Rules, Where};
use super::{LoreEntry, Position};
use crate::message::Role;

/// Field names of its world info and of its cards' `extensions`; whether the field alone shows that SillyTavern's meaning
/// holds.
const NAMES: [(&str, &str, bool); 31] = [
    ("automationId", "automation_id", true),
    ("caseSensitive", "case_sensitive", false),
    ("characterFilter", "character_filter", false),
    ("cooldown", "cooldown", false),
    ("delay", "delay", false),
    ("delayUntilRecursion", "delay_until_recursion", true),
    ("depth", "depth", false),
    ("displayIndex", "display_index", true),
    ("excludeRecursion", "exclude_recursion", true),
    ("group", "group", false),
    ("groupOverride", "group_override", true),
    ("groupWeight", "group_weight", true),
    ("ignoreBudget", "ignore_budget", true),
    ("matchCharacterDepthPrompt", "match_character_depth_prompt", true),
    ("matchCharacterDescription", "match_character_description", true),
    ("matchCharacterPersonality", "match_character_personality", true),
    ("matchCreatorNotes", "match_creator_notes", true),
    ("matchPersonaDescription", "match_persona_description", true),
    ("matchScenario", "match_scenario", true),
    ("matchWholeWords", "match_whole_words", true),
    ("outletName", "outlet_name", true),
    ("preventRecursion", "prevent_recursion", true),
    ("probability", "probability", false),
    ("role", "role", false),
    ("scanDepth", "scan_depth", false),
    ("selectiveLogic", "selectiveLogic", true),
    ("sticky", "sticky", false),
    ("triggers", "triggers", false),
    ("useGroupScoring", "use_group_scoring", true),
    ("useProbability", "useProbability", true),
    ("vectorized", "vectorized", false),
];
/// Highest number of a position.
const OUTLET: u64 = 7;

/// Puts world info's names into those that SillyTavern writes into cards, as it does itself; V2's count where both are there.
pub(super) fn world_info(map: &mut Map<String, Value>) {
    let empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    };
    let ours = !empty(map.get("keys")) || !map.contains_key("key");
    if !ours {
        let both = map.contains_key("keys");
        for (theirs, ours) in [
            ("key", "keys"),
            ("keysecondary", "secondary_keys"),
            ("order", "insertion_order"),
            ("uid", "id"),
            ("caseSensitive", "case_sensitive"),
        ] {
            if empty(map.get(ours))
                && let Some(value) = map.remove(theirs)
                && !value.is_null()
            {
                map.insert(ours.into(), value);
            }
        }
        if !map.contains_key("enabled")
            && let Some(disabled) = map.remove("disable")
        {
            map.insert("enabled".into(), (disabled != Value::Bool(true)).into());
        }
        let mut extensions = Map::new();
        for (theirs, name, _) in NAMES {
            if let Some(value) = map.remove(theirs)
                && !value.is_null()
            {
                extensions.insert(name.into(), value);
            }
        }
        if !both {
            // Expressions are written `/…/`, here as in its cards, and each entry has its logic.
            extensions.entry("selectiveLogic").or_insert_with(|| 0.into());
            map.entry("use_regex").or_insert(Value::Bool(true));
        }
        extend(map, extensions);
    }
    // V2 has two positions, by name; the others go where SillyTavern's cards have them.
    if let Some(number) = map.get("position").and_then(Value::as_u64)
        && (2..=OUTLET).contains(&number)
    {
        map.insert("position".into(), "after_char".into());
        extend(map, Map::from_iter([("position".to_owned(), number.into())]));
    }
}

/// Adds missing extensions.
pub(super) fn extend(map: &mut Map<String, Value>, more: Map<String, Value>) {
    if map.get("extensions").is_none_or(Value::is_null) {
        map.insert("extensions".into(), Value::Object(Map::new()));
    }
    if let Some(Value::Object(extensions)) = map.get_mut("extensions") {
        for (key, value) in more {
            extensions.entry(key).or_insert(value);
        }
    }
}

/// Tells whether extensions, or world info's names beside V2's, mark an entry as one with SillyTavern's meaning.
pub(super) fn is_marked(extensions: &Map<String, Value>, beside: &Map<String, Value>) -> bool {
    let named = |name: &str| extensions.contains_key(name) || beside.contains_key(name);
    extensions.get("position").is_some_and(Value::is_number)
        || NAMES.iter().any(|(theirs, ours, alone)| *alone && (named(theirs) || named(ours)))
}

/// A field, in any spelling and place. Sites that export world info put its names beside V2's.
fn field<'e>(entry: &'e LoreEntry, name: &str) -> Option<&'e Value> {
    let other = NAMES.iter().find(|(_, ours, _)| *ours == name).map_or(name, |(theirs, ..)| theirs);
    let places = [&entry.extensions, &entry.unknown];
    let found = places.iter().flat_map(|place| [name, other].map(|key| place.get(key)));
    found.flatten().find(|value| !value.is_null() && value.as_str() != Some(""))
}

fn number(entry: &LoreEntry, name: &str) -> Option<f64> {
    let value = field(entry, name)?;
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.or_else(|| value.as_bool().map(|flag| if flag { 1.0 } else { 0.0 })).filter(|n| n.is_finite())
}

fn count(entry: &LoreEntry, name: &str) -> Option<usize> {
    number(entry, name).filter(|&n| n >= 0.0).map(|n| n.min(1e9) as usize)
}

fn flag(entry: &LoreEntry, name: &str) -> Option<bool> {
    match field(entry, name)? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|n| n != 0.0),
        Value::String(text) => Some(text.eq_ignore_ascii_case("true") || text == "1"),
        _ => None,
    }
}

/// The rules of one of SillyTavern's entries.
pub(super) fn rules(entry: &LoreEntry) -> Rules {
    let position = entry.extensions.get("position").and_then(Value::as_u64);
    let place = match position {
        Some(0) => Where::BeforeChar,
        Some(5) => Where::BeforeExamples,
        Some(6) => Where::AfterExamples,
        None if entry.position == Some(Position::BeforeChar) => Where::BeforeChar,
        _ => Where::AfterChar,
    };
    let logic = match count(entry, "selectiveLogic") {
        Some(1) => Logic::NotAll,
        Some(2) => Logic::NotAny,
        Some(3) => Logic::AndAll,
        _ => Logic::AndAny,
    };
    let role = match count(entry, "role") {
        Some(1) => Role::User,
        Some(2) => Role::Assistant,
        _ => Role::System,
    };
    Rules {
        keys: Keys::Slashed,
        logic,
        constant: entry.constant == Some(true),
        selective: entry.selective == Some(true),
        exact: flag(entry, "case_sensitive").or(entry.case_sensitive) == Some(true),
        whole_words: flag(entry, "match_whole_words") == Some(true),
        scan_depth: count(entry, "scan_depth"),
        probability: if flag(entry, "useProbability") == Some(false) { None } else { number(entry, "probability") },
        depth: (position == Some(4)).then(|| (count(entry, "depth").unwrap_or(4), role)),
        place,
        silent: flag(entry, "prevent_recursion") == Some(true),
        not_recalled: flag(entry, "exclude_recursion") == Some(true),
        level: count(entry, "delay_until_recursion").unwrap_or(0),
        delay: count(entry, "delay").unwrap_or(0),
        beyond_budget: flag(entry, "ignore_budget") == Some(true),
    }
}

/// The fields that would change an entry's effect, and are not heeded here.
pub(super) fn not_heeded(entry: &LoreEntry) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in ["sticky", "cooldown"] {
        if number(entry, name).is_some_and(|n| n > 0.0) {
            names.push(name);
        }
    }
    for name in ["group", "triggers"] {
        let said = match field(entry, name) {
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            _ => false,
        };
        if said {
            names.push(name);
        }
    }
    for name in [
        "match_character_depth_prompt",
        "match_character_description",
        "match_character_personality",
        "match_creator_notes",
        "match_persona_description",
        "match_scenario",
        "vectorized",
    ] {
        if flag(entry, name) == Some(true) {
            names.push(name);
        }
    }
    let filter = field(entry, "character_filter").and_then(Value::as_object);
    let filters = |key| filter.and_then(|f| f.get(key)).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if filters("names") || filters("tags") {
        names.push("characterFilter");
    }
    match entry.extensions.get("position").and_then(Value::as_u64) {
        Some(2 | 3) => names.push("position in the author's note"),
        Some(OUTLET) => names.push("position in an outlet"),
        _ => {}
    }
    names
}
