//! Cards by other names of their fields: the text generation web UI's, JanitorAI's, Chub's, and those that people write.

use serde_json::{Map, Value};

/// Our names of texts, and those of others, the first that is filled counts.
const TEXTS: [(&str, &[&str]); 3] = [
    ("description", &["persona", "context"]),
    ("first_mes", &["first_message", "greeting"]),
    ("mes_example", &["example_dialogs", "example_dialogues", "example_dialogue"]),
];

/// Gives the fields of a flat card the names of V1. An object without a name, or with a card in it, stays as it is.
pub(super) fn rename(map: &mut Map<String, Value>) {
    let is_filled = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if !is_filled(map.get("name")) || ["spec", "data"].iter().any(|field| map.contains_key(*field)) {
        return;
    }
    greetings(map);
    // A context alone may be anything's.
    let is_card = ["greeting", "first_mes"].iter().any(|field| map.contains_key(*field));
    for (ours, others) in TEXTS {
        let mut others = others.iter().filter(|other| is_card || **other != "context");
        if !is_filled(map.get(ours))
            && let Some(other) = others.find(|other| is_filled(map.get(**other)))
            && let Some(value) = map.remove(*other)
        {
            map.insert(ours.into(), value);
        }
    }
}

/// JanitorAI lists all first messages, and repeats the first of them.
fn greetings(map: &mut Map<String, Value>) {
    let is_list =
        map.get("first_messages").and_then(Value::as_array).is_some_and(|all| all.iter().all(Value::is_string));
    let Some(Value::Array(mut all)) = is_list.then(|| map.remove("first_messages")).flatten() else { return };
    let first = ["first_mes", "first_message"].iter().find_map(|field| map.get(*field)?.as_str());
    match first.filter(|first| !first.trim().is_empty()).map(str::to_owned) {
        Some(first) => all.retain(|greeting| greeting.as_str() != Some(&*first)),
        None if !all.is_empty() => {
            let first = all.remove(0);
            map.insert("first_mes".into(), first);
        }
        None => {}
    }
    if !all.is_empty() {
        map.entry("alternate_greetings").or_insert(Value::Array(all));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::character::import;

    #[test]
    fn cards_by_other_names_are_cards() {
        for text in [
            r#"{"name": "Nim", "context": "Keeps lamps.", "greeting": "Hi", "example_dialogue": "{{char}}: Yo"}"#,
            r#"{"name": "Nim", "persona": "Keeps lamps.", "greeting": "Hi", "example_dialogs": "{{char}}: Yo"}"#,
            r#"{"name": "Nim", "description": "Keeps lamps.", "first_message": "Hi", "first_messages": ["Hi", "Ho"], "example_dialogs": "{{char}}: Yo"}"#,
            r#"{"name": "Nim", "description": "Keeps lamps.", "first_messages": ["Hi", "Ho"], "example_dialogs": "{{char}}: Yo"}"#,
        ] {
            let read = import(text.as_bytes()).unwrap().character;
            let said = (&*read.description, &*read.first_message, &*read.message_examples);
            assert_eq!(said, ("Keeps lamps.", "Hi", "{{char}}: Yo"), "{text}");
            assert_eq!(read.alternate_greetings.join("|"), if text.contains("Ho") { "Ho" } else { "" }, "{text}");
        }
        assert!(import(br#"{"name": "lamp", "context": "a shop"}"#).is_err());
    }
}
