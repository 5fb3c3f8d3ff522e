//! Lorebooks: knowledge of a character, brought up by keywords.

mod agnai;
mod expression;
mod keys;
mod maker;
mod novelai;
mod risu;
mod rules;
mod sillytavern;

pub(super) use expression::Expression;
pub(super) use keys::Expressions;
pub(super) use maker::{read as read_alone, translated};
pub(super) use rules::{Logic, Rules, Where};

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{CardError, MAX_LORE_ENTRIES};
use crate::report::Report;

/// The key of V3 fields in a V2 card, which has no place for them.
pub(super) const KEPT_V3: &str = "lazai/v3";

/// The knowledge of a character.
///
/// The field names below are the makers' own. *Heeded* fields work as in the maker's software; *noted* ones are named in
/// the report of an import (`not heeded: …`); the others do not concern prompts. All of them survive a round trip.
///
/// | maker | heeded | noted | ignored |
/// |---|---|---|---|
/// | V2, V3 | `keys`, `secondary_keys`, `selective`, `content` with decorators, `enabled`, `insertion_order`, `case_sensitive`, `use_regex` (then neither `constant` nor secondary keys count), `constant`, `priority`, `position`; `scan_depth`, `token_budget`, `recursive_scanning` | | `name`, `id`, `comment` |
/// | SillyTavern, in cards and as world info; Chub | the same, but a key is an expression where it is written `/…/flags`, whatever `use_regex` says; `selectiveLogic`, `probability` with `useProbability`, `case_sensitive`, `match_whole_words`, `scan_depth`, `position` 0, 1, 4, 5, 6 with `depth` and `role`, `exclude_recursion`, `prevent_recursion`, `delay_until_recursion`, `delay`, `ignore_budget`; macros in keys | `sticky`, `cooldown`, `group`, `vectorized`, `triggers`, `characterFilter`, `match_…` of card and persona, `position` 2, 3 (author's note) and 7 (outlet): after the character | `display_index`, `automation_id`, `addMemo`, `group_weight`, `group_override`, `use_group_scoring` |
/// | NovelAI | `text` with `prefix` and `suffix`, `keys` (whole words, `/…/`, `a & b` where it is the only one), `forceActivation`, `enabled`, `displayName`, `budgetPriority`, `categories` that are off | `searchRange` other than 1000, `insertionPosition` other than -1, `keyRelative`, `nonStoryActivatable`, `loreBiasGroups`, `orderByKeyLocations`, further keys with `&` | `tokenBudget`, `reservedTokens`, how a text is trimmed |
/// | Agnai | `entry`, `keywords` (whole words), `priority`, `weight`, `enabled`, `name` | | |
/// | RisuAI | `key`, `secondkey`, `selective`, `content`, `alwaysActive`, `mode` `constant` and `folder`, `insertorder`, `useRegex`, `activationPercent` | `mode` `child` and `multiple` | `comment`, `folder` |
///
/// An entry that can never be active (no text; no keys, and not constant) is noted as well: `never active: …`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lorebook {
    /// Its name.
    pub name: Option<String>,
    /// Its subject.
    pub description: Option<String>,
    /// The number of last messages that are searched for keys.
    pub scan_depth: Option<i64>,
    /// The most tokens that its entries may take together.
    pub token_budget: Option<i64>,
    /// True if the text of active entries is searched for keys too.
    pub recursive_scanning: Option<bool>,
    /// Data of applications.
    pub extensions: Map<String, Value>,
    /// The entries, in the order of the file.
    pub entries: Vec<LoreEntry>,
    /// Fields that no specification names.
    pub unknown: Map<String, Value>,
}

/// One thing that a character knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoreEntry {
    /// Any of these brings it up.
    pub keys: Vec<String>,
    /// With `selective`, one of these is needed too.
    pub secondary_keys: Vec<String>,
    /// The knowledge; may begin with decorators.
    pub content: String,
    /// True if it is used at all.
    pub enabled: bool,
    /// Lower comes earlier.
    pub insertion_order: i64,
    /// True if keys are compared by case; false by default.
    pub case_sensitive: Option<bool>,
    /// True if keys are regular expressions (V3). SillyTavern sets it everywhere, without effect.
    pub use_regex: bool,
    /// Always active, within the budget.
    pub constant: Option<bool>,
    /// True if a secondary key is needed too.
    pub selective: Option<bool>,
    /// Its name.
    pub name: Option<String>,
    /// Lower is left out earlier when the budget is used up.
    pub priority: Option<i64>,
    /// A number or text by which applications know it.
    pub id: Option<Value>,
    /// For people who edit the book.
    pub comment: Option<String>,
    /// Its place; by default after the description.
    pub position: Option<Position>,
    /// Data of applications. SillyTavern's data here is heeded, and so is its meaning of the other fields.
    pub extensions: Map<String, Value>,
    /// Fields that no specification names.
    pub unknown: Map<String, Value>,
}

/// The place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Before the description.
    BeforeChar,
    /// After the description.
    AfterChar,
}

impl Lorebook {
    pub(super) fn read(map: Map<String, Value>, path: &str, report: &mut Report) -> Result<Self, CardError> {
        let mut fields = Fields::new(map, path, report);
        let entries = entry_list(&mut fields);
        if entries.len() > MAX_LORE_ENTRIES {
            let found = entries.len();
            return Err(CardError::TooMany { what: "lorebook entries", found, max: MAX_LORE_ENTRIES });
        }
        let mut book = Self {
            name: fields.optional_text("name"),
            description: fields.optional_text("description"),
            scan_depth: fields.number("scan_depth"),
            token_budget: fields.number("token_budget"),
            recursive_scanning: fields.flag("recursive_scanning"),
            extensions: fields.object("extensions").unwrap_or_default(),
            ..Self::default()
        };
        let mut expressions = Expressions::default();
        for (i, entry) in entries.into_iter().enumerate() {
            match entry {
                Value::Object(map) => {
                    let path = fields.path(&format!("entries[{i}]"));
                    let entry = LoreEntry::read(map, path.clone(), fields.report());
                    entry.note(&path, &mut expressions, fields.report());
                    book.entries.push(entry);
                }
                other => fields.dropped(
                    &format!("entries[{i}]"),
                    format!("expected an object, found {}", super::fields::kind(&other)),
                ),
            }
        }
        book.unknown = fields.rest();
        Ok(book)
    }

    /// The first entry that may be brought up by an expression.
    pub(super) fn first_expression(&self) -> Option<usize> {
        self.entries.iter().position(|entry| {
            let rules = entry.rules();
            let keys = entry.keys.iter().chain(if rules.selective { &entry.secondary_keys[..] } else { &[] });
            entry.enabled && keys.into_iter().any(|key| rules.keys.is_expression(key))
        })
    }

    /// As V2 or V3 writes it.
    pub(super) fn write(&self, v3: bool) -> Value {
        let mut map = self.unknown.clone();
        put(&mut map, "name", self.name.clone());
        put(&mut map, "description", self.description.clone());
        put(&mut map, "scan_depth", self.scan_depth);
        put(&mut map, "token_budget", self.token_budget);
        put(&mut map, "recursive_scanning", self.recursive_scanning);
        map.insert("extensions".into(), self.extensions.clone().into());
        map.insert("entries".into(), self.entries.iter().map(|entry| entry.write(v3)).collect());
        map.into()
    }
}

/// The entries: a list, or an object by number as SillyTavern's world info has them.
fn entry_list(fields: &mut Fields<'_>) -> Vec<Value> {
    match fields.value("entries") {
        Some(Value::Array(entries)) => entries,
        Some(Value::Object(map)) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
            entries.into_iter().map(|(_, entry)| entry).collect()
        }
        Some(other) => {
            fields.dropped("entries", format!("expected a list, found {}", super::fields::kind(&other)));
            Vec::new()
        }
        None => Vec::new(),
    }
}

impl LoreEntry {
    fn read(mut map: Map<String, Value>, path: String, report: &mut Report) -> Self {
        sillytavern::world_info(&mut map);
        let kept = kept_v3(&mut map);
        // A comma in an expression without slashes is its own.
        let words = map.get("use_regex") != Some(&Value::Bool(true))
            || map.get("extensions").and_then(Value::as_object).is_some_and(|e| sillytavern::is_marked(e, &map));
        let mut fields = Fields::new(map, path, report);
        let position = fields.value("position").and_then(|value| match value {
            Value::String(text) if text == "before_char" => Some(Position::BeforeChar),
            Value::String(text) if text == "after_char" => Some(Position::AfterChar),
            Value::Number(number) if number.as_u64() == Some(0) => Some(Position::BeforeChar),
            Value::Number(number) if number.as_u64() == Some(1) => Some(Position::AfterChar),
            Value::String(text) if text.is_empty() => None,
            other => {
                let reason = format!("expected before_char or after_char, found {}", super::fields::kind(&other));
                fields.dropped("position", reason);
                None
            }
        });
        let mut entry = Self {
            keys: key_list(&mut fields, "keys", words),
            secondary_keys: key_list(&mut fields, "secondary_keys", words),
            content: fields.text("content"),
            enabled: fields.flag("enabled").unwrap_or(true),
            insertion_order: fields.number("insertion_order").unwrap_or(0),
            case_sensitive: fields.flag("case_sensitive"),
            use_regex: fields.flag("use_regex").unwrap_or(false),
            constant: fields.flag("constant"),
            selective: fields.flag("selective"),
            name: fields.optional_text("name"),
            priority: fields.number("priority"),
            id: fields.value("id"),
            comment: fields.optional_text("comment"),
            position,
            extensions: fields.object("extensions").unwrap_or_default(),
            unknown: Map::new(),
        };
        entry.unknown = fields.rest();
        if let Some(Value::Object(kept)) = kept {
            if let Some(Value::Bool(flag)) = kept.get("use_regex") {
                entry.use_regex = *flag;
            }
            if let Some(Value::String(content)) = kept.get("content") {
                entry.content.clone_from(content);
            }
            if let Some(id) = kept.get("id") {
                entry.id = Some(id.clone());
            }
        }
        entry
    }

    fn write(&self, v3: bool) -> Value {
        let mut map = self.unknown.clone();
        let mut extensions = self.extensions.clone();
        map.insert("keys".into(), json!(self.keys));
        if !self.secondary_keys.is_empty() {
            map.insert("secondary_keys".into(), json!(self.secondary_keys));
        }
        map.insert("enabled".into(), self.enabled.into());
        map.insert("insertion_order".into(), self.insertion_order.into());
        put(&mut map, "case_sensitive", self.case_sensitive);
        put(&mut map, "constant", self.constant);
        put(&mut map, "selective", self.selective);
        put(&mut map, "name", self.name.clone());
        put(&mut map, "priority", self.priority);
        // V2 has numbers only, and strict readers refuse anything else.
        let numbered = self.id.as_ref().is_none_or(Value::is_number);
        if v3 || numbered {
            put(&mut map, "id", self.id.clone());
        }
        put(&mut map, "comment", self.comment.clone());
        let position = self.position.map(|p| if p == Position::BeforeChar { "before_char" } else { "after_char" });
        put(&mut map, "position", position);
        if v3 {
            map.insert("use_regex".into(), self.use_regex.into());
            map.insert("content".into(), self.content.clone().into());
        } else {
            // V2 knows neither decorators nor regular expressions, nor names as ids: readers of V2 get plain text, we get it all back.
            let plain = super::decorator::strip(&self.content);
            let mut kept = Map::new();
            if self.use_regex {
                kept.insert("use_regex".into(), true.into());
            }
            if !numbered {
                put(&mut kept, "id", self.id.clone());
            }
            if plain != self.content {
                kept.insert("content".into(), self.content.clone().into());
            }
            if !kept.is_empty() {
                extensions.insert(KEPT_V3.into(), kept.into());
            }
            map.insert("content".into(), plain.into());
        }
        map.insert("extensions".into(), extensions.into());
        map.into()
    }
}

/// Takes the V3 data that a V2 export kept out of the extensions again.
pub(super) fn kept_v3(map: &mut Map<String, Value>) -> Option<Value> {
    map.get_mut("extensions")?.as_object_mut()?.remove(KEPT_V3)
}

/// Keys; one text with commas is several, where they are words.
fn key_list(fields: &mut Fields<'_>, name: &str, words: bool) -> Vec<String> {
    match words.then(|| fields.split(name, keys::split)).flatten() {
        Some(keys) => keys,
        None => fields.texts(name),
    }
}

pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_v2_does_not_know_comes_back_whole() {
        let map = json!({"keys": ["a"], "content": "b", "id": "r-1", "extensions": {}}).as_object().unwrap().clone();
        let entry = LoreEntry::read(map, "entry".into(), &mut Report::default());
        let v2 = entry.write(false);
        assert_eq!(v2.get("id"), None);
        let again = LoreEntry::read(v2.as_object().unwrap().clone(), "entry".into(), &mut Report::default());
        assert_eq!(again, entry);
    }
}
