//! Backyard's archives: a ZIP file with `manifest.json`, which names the files of a character and of its scenarios.
//!
//! They become a card: persona, narrative, first and example messages, instructions, lore. Source: Backyard Archive Format,
//! version 1 (manifest, character and scenario specifications of 2025-06-06).

use serde_json::{Map, Value, json};

use super::import::object;
use super::{CardError, EmbeddedFile};
use crate::report::{Action, Report};
use crate::text::json::filled;

const NAME: &str = "BYAF";
pub(super) const MANIFEST: &str = "manifest.json";

/// The card of an archive; `None` if it is no such archive. Takes the files that it reads out of the list.
pub(super) fn card(files: &mut Vec<EmbeddedFile>, report: &mut Report) -> Result<Option<Vec<u8>>, CardError> {
    let Some(manifest) = take(files, MANIFEST) else { return Ok(None) };
    let manifest = object(&manifest, report)?;
    let Some(characters) = paths(&manifest, "characters") else { return Ok(None) };
    let expected = "a file that `characters` of `manifest.json` names";
    let mut found = characters.iter().filter_map(|path| take(files, path));
    let character = found.next().ok_or(CardError::NoCard { container: NAME, expected })?;
    let character = object(&character, report)?;
    let more = found.count();
    if more > 0 {
        report.note(Action::Dropped, MANIFEST, format!("{more} characters beside the first"));
    }
    let mut scenarios = Vec::new();
    for path in paths(&manifest, "scenarios").unwrap_or_default() {
        match take(files, &path) {
            Some(bytes) => scenarios.push((object(&bytes, report)?, path)),
            None => report.note(Action::Dropped, path, "named in the manifest, and not there"),
        }
    }
    let author = manifest.get("author").and_then(Value::as_object).and_then(|author| author.get("name")).cloned();
    let card = json!({
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": data(character, scenarios, author, files, report),
    });
    Ok(Some(card.to_string().into_bytes()))
}

fn data(
    mut character: Map<String, Value>,
    scenarios: Vec<(Map<String, Value>, String)>,
    author: Option<Value>,
    files: &[EmbeddedFile],
    report: &mut Report,
) -> Map<String, Value> {
    let mut data = Map::new();
    // The one that is filled in for `{character}` comes before the one that is shown.
    let name = filled(&character, &["name", "displayName"]).map(|(_, name)| name.clone());
    data.insert("name".into(), name.unwrap_or_default());
    data.insert("description".into(), text(character.remove("persona")));
    data.insert("creator".into(), author.unwrap_or_else(|| "".into()));
    let lore = list(character.remove("loreItems"));
    if !lore.is_empty() {
        let entry = |(order, item): (usize, &Map<String, Value>)| {
            json!({"keys": text(item.get("key").cloned()), "content": text(item.get("value").cloned()),
                   "enabled": true, "insertion_order": order, "use_regex": false, "extensions": {}})
        };
        let entries: Vec<Value> = lore.iter().enumerate().map(entry).collect();
        data.insert("character_book".into(), json!({"extensions": {}, "entries": entries}));
    }
    let images = list(character.remove("images"));
    let asset = |image: &Map<String, Value>| {
        // Paths are told from the character's folder, or from the archive's root.
        let path = image.get("path")?.as_str()?;
        let file = files.iter().find(|file| file.path.ends_with(path))?;
        let extension = path.rsplit_once('.').map_or("unknown", |(_, extension)| extension);
        Some(json!({"type": "icon", "uri": format!("embeded://{}", file.path), "name": "main", "ext": extension}))
    };
    data.insert("assets".into(), images.iter().filter_map(asset).collect());
    let mut greetings = Vec::new();
    for (index, (mut scenario, path)) in scenarios.into_iter().enumerate() {
        greetings.extend(list(scenario.remove("firstMessages")).into_iter().map(|mut said| text(said.remove("text"))));
        let said = list(scenario.remove("messages")).len();
        if said > 0 {
            let reason = format!("{said} messages of a conversation, which is no part of a character");
            report.note(Action::Dropped, path.clone(), reason);
        }
        if index > 0 {
            report.note(Action::Dropped, path, "a second scenario; its first messages are kept");
            continue;
        }
        data.insert("scenario".into(), text(scenario.remove("narrative")));
        data.insert("system_prompt".into(), text(scenario.remove("formattingInstructions")));
        data.insert("mes_example".into(), examples(&list(scenario.remove("exampleMessages"))).into());
        data.insert("extensions".into(), json!({"backyard": scenario}));
    }
    greetings.retain(|greeting| greeting.as_str().is_some_and(|greeting| !greeting.trim().is_empty()));
    let mut greetings = greetings.into_iter();
    data.insert("first_mes".into(), greetings.next().unwrap_or_else(|| "".into()));
    data.insert("alternate_greetings".into(), greetings.collect());
    if character.get("isNSFW") == Some(&Value::Bool(true)) {
        data.insert("tags".into(), json!(["nsfw"]));
    }
    data
}

/// `<START>` blocks: of messages in which speakers are named, and of the character's text alone.
fn examples(messages: &[Map<String, Value>]) -> String {
    let mut out = String::new();
    for message in messages {
        let Value::String(said) = text(message.get("text").cloned()) else { continue };
        let is_named = ["{{user}}:", "{{char}}:"].iter().any(|name| said.contains(name));
        out.push_str(if is_named { "<START>\n" } else { "<START>\n{{char}}: " });
        out.push_str(said.trim());
        out.push('\n');
    }
    out
}

/// A text with a card's macros for Backyard's `{character}` and `{user}`, and without the `#` that it writes before a speaker.
fn text(value: Option<Value>) -> Value {
    let Some(Value::String(theirs)) = value else { return value.unwrap_or_else(|| "".into()) };
    let mut out = String::with_capacity(theirs.len());
    let mut rest = theirs.as_str();
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let found = [("{character}", "{{char}}"), ("{user}", "{{user}}")].iter().find(|(theirs, _)| {
            from.get(..theirs.len()).is_some_and(|found| found.eq_ignore_ascii_case(theirs)) && !before.ends_with('{')
        });
        match found {
            Some((theirs, ours)) => {
                out.push_str(before.strip_suffix('#').unwrap_or(before));
                out.push_str(ours);
                rest = &from[theirs.len()..];
            }
            None => {
                // A second brace is seen together with the first.
                let braces = from.len() - from.trim_start_matches('{').len();
                out.push_str(before);
                out.push_str(&from[..braces]);
                rest = &from[braces..];
            }
        }
    }
    out.push_str(rest);
    out.into()
}

fn list(value: Option<Value>) -> Vec<Map<String, Value>> {
    let Some(Value::Array(items)) = value else { return Vec::new() };
    items.into_iter().filter_map(|item| if let Value::Object(map) = item { Some(map) } else { None }).collect()
}

fn paths(manifest: &Map<String, Value>, field: &str) -> Option<Vec<String>> {
    let named = manifest.get(field)?.as_array()?;
    Some(named.iter().filter_map(Value::as_str).map(|path| path.trim_start_matches("./").to_owned()).collect())
}

fn take(files: &mut Vec<EmbeddedFile>, path: &str) -> Option<Vec<u8>> {
    let index = files.iter().position(|file| file.path == path)?;
    Some(files.remove(index).bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_others_stay() {
        for (theirs, ours) in [
            ("#{user}: hi {character}", "{{user}}: hi {{char}}"),
            ("{{user}} {{character}} {x} {", "{{user}} {{character}} {x} {"),
            ("{User}#1 #{Character}:", "{{user}}#1 {{char}}:"),
        ] {
            assert_eq!(text(Some(theirs.into())), Value::from(ours));
        }
    }
}
