//! Agnai's characters: a card by other names, with a persona in attributes. Source: Agnai's `AppSchema.Character`.

use serde_json::{Map, Value, json};

use crate::text::json::is_filled;

/// Agnai's names, and the card's.
const NAMES: [(&str, &str); 7] = [
    ("greeting", "first_mes"),
    ("sampleChat", "mes_example"),
    ("alternateGreetings", "alternate_greetings"),
    ("systemPrompt", "system_prompt"),
    ("postHistoryInstructions", "post_history_instructions"),
    ("characterBook", "character_book"),
    ("characterVersion", "character_version"),
];
/// Names that both have.
const SAME: [&str; 4] = ["name", "scenario", "tags", "creator"];

/// Tells whether an object is such a character.
pub(super) fn looks_like(map: &Map<String, Value>) -> bool {
    let attributes = map.get("persona").and_then(|persona| persona.get("attributes"));
    attributes.is_some_and(Value::is_object) && map.contains_key("name") && !map.contains_key("spec")
}

/// The card of the character; data without a place there is kept among the extensions.
pub(super) fn card(mut map: Map<String, Value>) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("description".into(), map.get("persona").map(persona).unwrap_or_default().into());
    // A description for readers of a list; models never see it.
    let notes = map.remove("description").filter(is_filled).unwrap_or_else(|| "".into());
    data.insert("creator_notes".into(), notes);
    for (theirs, ours) in NAMES.into_iter().chain(SAME.map(|name| (name, name))) {
        if let Some(value) = map.remove(theirs).filter(|value| !value.is_null()) {
            data.insert(ours.into(), value);
        }
    }
    map.remove("persona");
    // What stands at a depth of the conversation, as SillyTavern has it.
    let at_depth = map.get("insert").filter(|insert| insert.get("prompt").is_some_and(is_filled)).cloned();
    let mut extensions = Map::new();
    if let Some(insert) = at_depth {
        extensions.insert(
            "depth_prompt".into(),
            json!({"prompt": insert["prompt"], "depth": insert["depth"], "role": "system"}),
        );
    }
    extensions.insert("agnai".into(), map.into());
    data.insert("extensions".into(), extensions.into());
    Map::from_iter([
        ("spec".to_owned(), "chara_card_v2".into()),
        ("spec_version".to_owned(), "2.0".into()),
        ("data".to_owned(), Value::Object(data)),
    ])
}

/// A plain text is the only attribute of its kind; others are lists of words, each under a name.
fn persona(persona: &Value) -> String {
    let words = |values: &Value| -> String {
        let texts = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(", ")
    };
    let attributes = persona.get("attributes").and_then(Value::as_object).into_iter().flatten();
    let line = |(name, values): (&String, &Value)| match (words(values), name.as_str()) {
        (text, _) if text.is_empty() => None,
        (text, "text") => Some(text),
        (text, name) => Some(format!("{name}: {text}")),
    };
    attributes.filter_map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::import;

    #[test]
    fn a_persona_is_a_description() {
        let text = r#"{"kind": "character", "_id": "1", "name": "Lira", "description": "for lists", "greeting": "Come in.",
            "insert": {"prompt": "Rain falls.", "depth": 3},
            "characterBook": {"kind": "memory", "entries": [{"name": "Moss", "entry": "Moss glows.", "keywords": ["moss"], "enabled": true}]},
            "persona": {"kind": "boostyle", "attributes": {"species": ["heron"], "mind": ["calm", "dry"], "empty": [""]}},
            "scenario": "", "sampleChat": "{{user}}: hi\n{{char}}: Hush.", "alternateGreetings": null}"#;
        let read = import(text.as_bytes()).unwrap().character;
        assert_eq!(read.description, "species: heron\nmind: calm, dry");
        assert_eq!((&*read.first_message, &*read.creator_notes), ("Come in.", "for lists"));
        assert_eq!(read.message_examples, "{{user}}: hi\n{{char}}: Hush.");
        let book = read.lorebook.as_ref().unwrap();
        assert_eq!((&*book.entries[0].content, &book.entries[0].keys[..]), ("Moss glows.", &["moss".to_owned()][..]));
        assert!(read.system_prompt("Tom").contains("Rain falls."));
        let plain =
            text.replace(r#""species": ["heron"], "mind": ["calm", "dry"], "empty": [""]"#, r#""text": ["A heron."]"#);
        assert_eq!(import(plain.as_bytes()).unwrap().character.description, "A heron.");
    }
}
