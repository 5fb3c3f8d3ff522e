//! Files as people have them, each with what it must come to; and every character comes back from every export.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use lazai_core::character::{Character, Lorebook, Scene, Spec, import};
use lazai_core::inspect::{Kind, inspect};
use lazai_core::message::{Message, Role};
use serde_json::Value;

fn corpus() -> (PathBuf, Vec<Value>) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters"));
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    (folder, serde_json::from_slice(&expected).unwrap())
}

#[test]
fn every_file_comes_to_what_is_expected() {
    let (folder, files) = corpus();
    assert!(files.len() >= 40);
    let mut wrong = Vec::new();
    for expected in &files {
        let name = expected["file"].as_str().unwrap();
        let found = match inspect(&folder.join(name)) {
            Ok(inspection) => serde_json::to_value(inspection).unwrap(),
            Err(error) => serde_json::json!({"error": error.code(), "message": error.to_string()}),
        };
        for (key, value) in expected.as_object().unwrap() {
            let holds = match key.as_str() {
                "file" => true,
                "audio_seconds" => (found[key].as_f64().unwrap_or(-1.0) - value.as_f64().unwrap()).abs() < 0.06,
                "dropped" | "changed" => {
                    let notes = found[key].as_array().cloned().unwrap_or_default();
                    let places: Vec<Value> = notes.iter().map(|note| note["place"].clone()).collect();
                    places == *value.as_array().unwrap()
                }
                _ => found[key] == *value,
            };
            if !holds {
                wrong.push(format!("{name}: {key} is {}, expected {value}; {}", found[key], found["message"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_character_comes_back_from_every_export() {
    let (folder, files) = corpus();
    let image = std::fs::read(folder.join("png/apng.png")).unwrap();
    let mut characters = 0;
    for expected in files.iter().filter(|e| e["kind"] == "character") {
        let name = expected["file"].as_str().unwrap();
        let original = Character::from_bytes(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let exports = [
            ("V2", original.to_v2_json().to_string().into_bytes(), Spec::V2),
            ("V3", original.to_v3_json().to_string().into_bytes(), Spec::V3),
            ("PNG", original.to_png(&image).unwrap(), Spec::V3),
        ];
        for (format, bytes, spec) in exports {
            let again = import(&bytes).unwrap();
            assert_eq!(again.character, original, "{name} as {format}");
            assert_eq!(again.spec, spec, "{name} as {format}");
            // What is not heeded is said each time, as it is there each time.
            let standing = ["not heeded: ", "never active: "];
            let new = again.report.notes.iter().filter(|n| !standing.iter().any(|s| n.reason.starts_with(s)));
            assert_eq!(new.count(), 0, "{name} as {format}: {:?}", again.report.notes);
        }
        // The PNG's other copy says the same.
        let v2_again = Character::from_bytes(original.to_v2_json().to_string().as_bytes()).unwrap();
        assert_eq!(v2_again.to_v3_json(), original.to_v3_json(), "{name}");
        characters += 1;
    }
    assert!(characters >= 30, "{characters}");
}

#[test]
fn every_lorebook_comes_back() {
    let (folder, files) = corpus();
    let mut books = 0;
    for expected in files.iter().filter(|e| e["kind"] == "lorebook") {
        let name = expected["file"].as_str().unwrap();
        let (book, _) = Lorebook::from_bytes(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let (again, _) = Lorebook::from_bytes(book.to_v3_json().to_string().as_bytes()).unwrap();
        assert_eq!(again, book, "{name}");
        books += 1;
    }
    assert!(books >= 9, "{books}");
}

#[test]
fn no_macro_of_a_known_maker_is_given_out() {
    let (folder, files) = corpus();
    let known = ["{{name", "{{user", "{{char", "{{agentName", "{{persona", "{{img", "{{random", "{{bot", "{{outlet"];
    let known =
        known.iter().chain(&["{{original", "{{recentMessages", "{{providers", "{{time", "{{trim", "<BOT>", "{user}"]);
    let known: Vec<&str> = known.copied().collect();
    for expected in files.iter().filter(|e| e["kind"] == "character") {
        let name = expected["file"].as_str().unwrap();
        let character = Character::from_bytes(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let said = [Message::new(Role::User, "a lamp, the tower and oil")];
        let mut texts: Vec<String> = (0..4).filter_map(|n| character.greeting_to(n, "Bo")).collect();
        texts.push(character.system_prompt("Bo"));
        texts.push(character.profile().persona("Bo"));
        texts.push(character.profile().examples("Bo"));
        texts.extend(character.prompt(&Scene::new("Bo", &said)).messages.into_iter().map(|m| m.content));
        for text in texts {
            assert!(!known.iter().any(|macro_| text.contains(macro_)), "{name}: {text}");
        }
    }
}

#[test]
fn eliza_s_people_are_the_user_and_the_character() {
    let (folder, _) = corpus();
    let read = |name: &str| Character::from_bytes(&std::fs::read(folder.join(name)).unwrap()).unwrap();
    let nim = read("eliza/placeholders.json");
    assert_eq!(nim.greeting_to(0, "Bo").unwrap(), "Hello Bo.");
    assert_eq!(nim.tags, ["Nim's lamps"]);
    let prompt = nim.system_prompt("Bo");
    assert!(
        prompt.starts_with("You are Nim. Be kind.\nKeeps lamps for Bo.\nNim is small.\nBe brief with Bo."),
        "{prompt}"
    );
    assert!(prompt.contains("<START>\nBo: Hi, I am Bo.\nBo: Me too.\nNim: Hello Bo."), "{prompt}");
    let said = [Message::new(Role::User, "lamps burn")];
    assert!(nim.prompt(&Scene::new("Bo", &said)).messages[0].content.contains("Nim knows that lamps burn oil."));
    let agent = read("eliza/placeholders-agent.json");
    assert_eq!(agent.greeting_to(0, "Bo").unwrap(), "Hi Bo");
    assert!(agent.system_prompt("Bo").starts_with("Nim:   {{what}}"));
    assert_eq!(read("eliza/placeholders-no-name.json").name, "Nim");
}

#[test]
fn secrets_stay_where_they_are() {
    let (folder, files) = corpus();
    for expected in files.iter().filter(|e| e["spec"] == "eliza") {
        let name = expected["file"].as_str().unwrap();
        let imported = import(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let everything = format!("{} {:?}", imported.character.to_v3_json(), imported.report);
        for secret in ["sk-XXXX", "\"abc\"", "a1a1a1a1", "ghp_0123", "\"v\""] {
            assert!(!everything.contains(secret), "{name} shows {secret}");
        }
    }
}

#[test]
fn every_kind_is_in_the_corpus() {
    let (folder, files) = corpus();
    let kinds: std::collections::HashSet<Kind> =
        files.iter().filter_map(|e| Some(inspect(&folder.join(e["file"].as_str()?)).ok()?.kind)).collect();
    for kind in [Kind::Character, Kind::Lorebook, Kind::Dialogue, Kind::Audio] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}
