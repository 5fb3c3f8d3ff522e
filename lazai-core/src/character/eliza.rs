//! Eliza's `character.json`, in the shapes of versions 0, 1 and 2.
//!
//! Secrets are never imported: neither where the format puts them, nor where people do. Its placeholders become those of
//! cards (`placeholder`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::{Fields, kind};
use super::lorebook::put;
use super::placeholder::{Placeholders, Who, is_placeholder, who};
use super::{CardError, Character, LoreEntry, Lorebook, Macros};
use crate::report::{Action, Report};

/// The key of fields that a card has no place for.
const KEPT: &str = "lazai/eliza";

/// Tells whether an object looks like an Eliza character.
pub(super) fn looks_like_eliza(map: &Map<String, Value>) -> bool {
    let own =
        ["bio", "messageExamples", "message_examples", "modelProvider", "postExamples", "post_examples", "adjectives"];
    // Many things have a name and a line of biography.
    let others = ["style", "topics", "lore", "system", "knowledge", "plugins", "settings"];
    let found = own.iter().filter(|key| map.contains_key(**key)).count();
    let is_sure =
        found > 1 || map.get("bio").is_none_or(Value::is_array) || others.iter().any(|key| map.contains_key(*key));
    !map.contains_key("spec") && found >= 1 && is_sure && !map.contains_key("first_mes")
}

pub(super) fn read(mut map: Map<String, Value>, report: &mut Report) -> Result<Character, CardError> {
    remove_secrets(&mut map, "", report);
    let mut fields = Fields::new(map, "", report);
    let examples = match fields.value("messageExamples") {
        Some(examples) => Some(examples),
        None => fields.value("message_examples"),
    };
    let mut examples = conversations(examples, &mut fields);
    let name = match fields.text("name") {
        name if !name.trim().is_empty() && !is_placeholder(&name) => name,
        _ => {
            let name = guess_name(&examples).ok_or(CardError::NoName { field: "`name`" })?;
            let reason = format!("empty, taken from the examples: {name:?}");
            fields.report().note(Action::Repaired, "name", reason);
            name
        }
    };
    let mut placeholders = Placeholders::default();
    for (_, text) in examples.iter_mut().flatten() {
        *text = placeholders.replace(text, "messageExamples");
    }
    let mut texts = |key: &'static str, fields: &mut Fields<'_>| -> Vec<String> {
        fields.texts(key).iter().map(|text| placeholders.replace(text, key)).collect()
    };
    let mut description = texts("bio", &mut fields);
    description.extend(texts("lore", &mut fields));
    let adjectives = texts("adjectives", &mut fields);
    // Tags and keys are read by people and searches, which fill in nothing.
    let plain = Macros::new(&name, "user");
    let topics: Vec<String> = texts("topics", &mut fields).iter().map(|topic| plain.fill(topic)).collect();
    let style = fields.object("style");
    let mut book = Lorebook::default();
    let mut elsewhere = Vec::new();
    for item in fields.list("knowledge") {
        match item {
            Value::String(text) => {
                let text = placeholders.replace(&text, "knowledge");
                book.entries.push(knowledge(text, &topics, plain, book.entries.len()));
            }
            other => elsewhere.push(other),
        }
    }
    let mut character = Character {
        description: description.join("\n"),
        personality: placeholders.replace(&personality(&adjectives, style.as_ref()), "style"),
        first_message: first_words(&examples, &name).unwrap_or_default(),
        message_examples: written(&examples, &name),
        system_prompt: placeholders.replace(&fields.text("system"), "system"),
        tags: topics,
        lorebook: (!book.entries.is_empty()).then_some(book),
        name: name.clone(),
        ..Character::default()
    };
    placeholders.note(fields.report());
    let mut kept = Map::new();
    if !elsewhere.is_empty() {
        fields.dropped("knowledge", format!("{} files or folders that are not part of this file", elsewhere.len()));
        kept.insert("knowledge".into(), elsewhere.into());
    }
    put(&mut kept, "style", style.map(Value::Object));
    if !adjectives.is_empty() {
        kept.insert("adjectives".into(), adjectives.into());
    }
    kept.extend(fields.rest());
    if !kept.is_empty() {
        character.extensions.insert(KEPT.into(), kept.into());
    }
    Ok(character)
}

/// Field names that people use for secrets.
const SECRET_NAMES: [&str; 11] = [
    "secret",
    "apikey",
    "token",
    "password",
    "passwd",
    "privatekey",
    "mnemonic",
    "seedphrase",
    "credential",
    "cookie",
    "accesskey",
];
/// Beginnings of keys that well-known services give out.
const SECRET_BEGINNINGS: [&str; 9] =
    ["sk-", "ghp_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "AIza", "-----BEGIN", "hf_"];

/// Removes secrets anywhere inside; notes their places, never their values.
fn remove_secrets(map: &mut Map<String, Value>, path: &str, report: &mut Report) {
    let keys: Vec<String> = map.keys().cloned().collect();
    for key in keys {
        let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        // `maxTokens` and the like are numbers.
        let named = SECRET_NAMES.iter().any(|name| plain.contains(name))
            && !map.get(&key).is_some_and(|v| v.is_number() || v.is_boolean() || v.is_null());
        if named || map.get(&key).is_some_and(is_secret) {
            map.remove(&key);
            report.note(Action::Dropped, place, "a secret: never imported");
            continue;
        }
        match map.get_mut(&key) {
            Some(Value::Object(inner)) => remove_secrets(inner, &place, report),
            Some(Value::Array(items)) => remove_from_list(items, &place, report),
            _ => {}
        }
    }
}

fn remove_from_list(items: &mut Vec<Value>, place: &str, report: &mut Report) {
    let before = items.len();
    items.retain(|item| !is_secret(item));
    if items.len() < before {
        report.note(Action::Dropped, place, "a secret: never imported");
    }
    for item in items {
        match item {
            Value::Object(inner) => remove_secrets(inner, place, report),
            Value::Array(inner) => remove_from_list(inner, place, report),
            _ => {}
        }
    }
}

fn is_secret(value: &Value) -> bool {
    let Some(text) = value.as_str().map(str::trim) else { return false };
    let one_word = text.len() >= 20 && !text.contains(char::is_whitespace);
    let hex = text.strip_prefix("0x").unwrap_or(text);
    let private_key = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    private_key
        || (one_word && SECRET_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)))
        || text.starts_with("-----BEGIN")
}

/// Speakers and their words.
type Conversation = Vec<(String, String)>;

/// Version 0: lists of `{user, content: {text}}`; version 1: `name` for `user`; version 2: `{examples: [...]}`.
fn conversations(examples: Option<Value>, fields: &mut Fields<'_>) -> Vec<Conversation> {
    let Some(examples) = examples else { return Vec::new() };
    let Value::Array(list) = examples else {
        fields.dropped("messageExamples", format!("expected a list, found {}", kind(&examples)));
        return Vec::new();
    };
    let mut conversations = Vec::with_capacity(list.len());
    for (i, item) in list.into_iter().enumerate() {
        let messages = match item {
            Value::Array(messages) => messages,
            Value::Object(mut map) => match map.remove("examples") {
                Some(Value::Array(messages)) => messages,
                _ => {
                    fields.dropped(&format!("messageExamples[{i}]"), "expected a list `examples`");
                    continue;
                }
            },
            other => {
                let reason = format!("expected a list of messages, found {}", kind(&other));
                fields.dropped(&format!("messageExamples[{i}]"), reason);
                continue;
            }
        };
        let mut conversation = Vec::with_capacity(messages.len());
        for (j, message) in messages.iter().enumerate() {
            let speaker = message.get("user").or_else(|| message.get("name")).and_then(Value::as_str);
            let text = message.get("content").and_then(|c| c.get("text").unwrap_or(c).as_str());
            match (speaker, text) {
                (Some(speaker), Some(text)) if !text.trim().is_empty() => {
                    conversation.push((speaker.trim().to_owned(), text.to_owned()));
                }
                _ => fields.dropped(&format!("messageExamples[{i}][{j}]"), "expected a speaker and a text"),
            }
        }
        if !conversation.is_empty() {
            conversations.push(conversation);
        }
    }
    conversations
}

/// `{{user1}}`, `{{name1}}`, …, and plain `user`.
fn is_user(speaker: &str) -> bool {
    who(speaker) == Some(Who::User)
        || speaker.to_ascii_lowercase().strip_prefix("user").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_character(speaker: &str, name: &str) -> bool {
    speaker.eq_ignore_ascii_case(name) || who(speaker) == Some(Who::Character)
}

/// The speaker of the examples who is not a placeholder and speaks most.
fn guess_name(examples: &[Conversation]) -> Option<String> {
    let speakers: Vec<&str> = examples
        .iter()
        .flatten()
        .map(|(speaker, _)| speaker.as_str())
        .filter(|s| !is_user(s) && !is_placeholder(s) && !s.is_empty())
        .collect();
    let names: BTreeSet<&str> = speakers.iter().copied().collect();
    names.into_iter().max_by_key(|name| speakers.iter().filter(|s| s == &name).count()).map(str::to_owned)
}

fn first_words(examples: &[Conversation], name: &str) -> Option<String> {
    examples.iter().flatten().find(|(speaker, _)| is_character(speaker, name)).map(|(_, text)| text.clone())
}

/// `<START>` blocks, as cards have them.
fn written(examples: &[Conversation], name: &str) -> String {
    let mut out = String::new();
    for conversation in examples {
        out.push_str("<START>\n");
        for (speaker, text) in conversation {
            let who = if is_character(speaker, name) { "{{char}}" } else { "{{user}}" };
            out.push_str(who);
            out.push_str(": ");
            out.push_str(text);
            out.push('\n');
        }
    }
    out
}

fn personality(adjectives: &[String], style: Option<&Map<String, Value>>) -> String {
    let mut lines = Vec::new();
    if !adjectives.is_empty() {
        lines.push(adjectives.join(", "));
    }
    for part in ["all", "chat"] {
        let rules = style.and_then(|style| style.get(part)).and_then(Value::as_array);
        lines.extend(rules.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    lines.join("\n")
}

/// Knowledge has no keys of its own: topics that it names bring it up, or else its longest words.
fn knowledge(text: String, topics: &[String], plain: Macros<'_>, index: usize) -> LoreEntry {
    let lower = plain.fill(&text).to_lowercase();
    let mut keys: Vec<String> = topics.iter().filter(|t| lower.contains(&t.to_lowercase())).cloned().collect();
    if keys.is_empty() {
        let words: BTreeSet<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() > 4).collect();
        let mut words: Vec<&str> = words.into_iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
        keys = words.into_iter().take(3).map(str::to_owned).collect();
    }
    let order = i64::try_from(index).unwrap_or(i64::MAX);
    LoreEntry {
        keys,
        content: text,
        enabled: true,
        insertion_order: order,
        constant: Some(false),
        ..Default::default()
    }
}
