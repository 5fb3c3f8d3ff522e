//! Lorebooks of all makers: active when their maker means it, and where.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use lazai_core::character::{Character, Lorebook, Prompt, Scene};
use lazai_core::message::{Message, Role};
use serde_json::{Value, json};

fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters")).join(name)).unwrap()
}

fn with_book(book: Lorebook) -> Character {
    Character { name: "Nim".into(), description: "D".into(), lorebook: Some(book), ..Character::default() }
}

fn alone(name: &str) -> Character {
    with_book(Lorebook::from_bytes(&vector(name)).unwrap().0)
}

fn prompt(character: &Character, said: &[&str], seed: u64) -> Prompt {
    let history: Vec<Message> =
        said.iter().enumerate().map(|(i, text)| Message::new([Role::User, Role::Assistant][i % 2], *text)).collect();
    character.prompt(&Scene { seed, ..Scene::new("Bo", &history) })
}

fn lore(character: &Character, said: &str) -> Vec<usize> {
    prompt(character, &[said], 0).lore
}

/// An entry as SillyTavern writes it into a card.
fn entry(keys: &[&str], extensions: Value, more: Value) -> Value {
    let mut entry = json!({"keys": keys, "secondary_keys": [], "content": "text", "selective": true, "enabled": true,
        "insertion_order": 100, "position": "after_char", "use_regex": true, "extensions": {"position": 1, "selectiveLogic": 0}});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry["extensions"].as_object_mut().unwrap().extend(extensions.as_object().unwrap().clone());
    entry
}

fn card(entries: Value, recursive: bool) -> Character {
    let book = json!({"spec": "lorebook_v3", "data": {"entries": entries, "recursive_scanning": recursive}});
    with_book(Lorebook::from_bytes(book.to_string().as_bytes()).unwrap().0)
}

#[test]
fn sillytavern_s_keys_are_words_unless_they_have_slashes() {
    let nim = Character::from_bytes(&vector("json/v2-sillytavern-lore.json")).unwrap();
    assert_eq!(lore(&nim, "I like C++. *sigh* Mr. (Grey has a lamp."), [0, 1, 2, 5]);
    assert_eq!(lore(&nim, "OILS for the lamp"), [0, 3, 4]);
    assert_eq!(lore(&nim, "C plus"), [0]);
    for json in [nim.to_v2_json(), nim.to_v3_json()] {
        let again = Character::from_bytes(json.to_string().as_bytes()).unwrap();
        assert_eq!(lore(&again, "I like C++. *sigh* Mr. (Grey has a lamp."), [0, 1, 2, 5]);
    }
}

#[test]
fn another_maker_s_expressions_stay_expressions() {
    let other = |more: Value| {
        let mut entry = json!({"keys": ["l.mp"], "content": "x", "use_regex": true});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        card(json!([entry]), false)
    };
    assert_eq!(lore(&other(json!({})), "a lump"), [0]);
    let selective = json!({"secondary_keys": ["oil"], "selective": true});
    assert_eq!(lore(&other(selective), "a lump"), [0], "secondary keys do not count");
    assert_eq!(lore(&other(json!({"constant": true})), "nothing"), [] as [usize; 0]);
}

#[test]
fn secondary_keys_have_four_logics() {
    let all: Vec<Value> = (0..4)
        .map(|logic| entry(&["lamp"], json!({"selectiveLogic": logic}), json!({"secondary_keys": ["oil", "wick"]})))
        .collect();
    let nim = card(all.into(), false);
    assert_eq!(lore(&nim, "lamp"), [1, 2]);
    assert_eq!(lore(&nim, "lamp oil"), [0, 1]);
    assert_eq!(lore(&nim, "lamp oil wick"), [0, 3]);
    assert_eq!(lore(&nim, "oil wick"), [] as [usize; 0]);
}

#[test]
fn keys_are_compared_as_the_entry_says() {
    let nim = card(
        json!([
            entry(&["lamp"], json!({"match_whole_words": true}), json!({})),
            entry(&["Lamp"], json!({"case_sensitive": true}), json!({})),
            entry(&["{{user}}"], json!({}), json!({})),
            entry(&["lamp"], json!({"scan_depth": 1}), json!({})),
            entry(&["lamp"], json!({"scan_depth": 9, "delay": 3}), json!({})),
        ]),
        false,
    );
    assert_eq!(lore(&nim, "lamplight"), [3]);
    assert_eq!(lore(&nim, "a Lamp, Bo"), [0, 1, 2, 3]);
    assert_eq!(prompt(&nim, &["lamp", "yes", "so"], 0).lore, [0, 4]);
}

#[test]
fn chance_is_the_seed_s() {
    let nim = card(
        json!([
            entry(&[], json!({"probability": 50}), json!({"constant": true})),
            entry(&[], json!({"probability": 0}), json!({"constant": true})),
            entry(&[], json!({"probability": 0, "useProbability": false}), json!({"constant": true})),
        ]),
        false,
    );
    let times = (0..200).filter(|&seed| prompt(&nim, &["x"], seed).lore.contains(&0)).count();
    assert!((60..140).contains(&times), "{times}");
    assert_eq!(prompt(&nim, &["x"], 7), prompt(&nim, &["x"], 7));
    assert!((0..50).all(|seed| {
        let lore = prompt(&nim, &["x"], seed).lore;
        !lore.contains(&1) && lore.contains(&2)
    }));
}

#[test]
fn entries_stand_where_sillytavern_puts_them() {
    let at = |position: u64, content: &str, more: Value| {
        let mut extensions = json!({"position": position});
        extensions.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry(&[], extensions, json!({"constant": true, "content": content}))
    };
    let mut nim = card(
        json!([
            at(1, "after", json!({})),
            at(0, "before", json!({})),
            at(4, "deep", json!({"depth": 1, "role": 2})),
            at(4, "last", json!({"depth": 0})),
            at(5, "over", json!({})),
            at(6, "under", json!({})),
        ]),
        false,
    );
    nim.message_examples = "E".into();
    let prompt = prompt(&nim, &["one", "two", "three"], 0);
    let texts: Vec<(Role, &str)> = prompt.messages.iter().map(|m| (m.role, m.content.as_str())).collect();
    let (system, user, character) = (Role::System, Role::User, Role::Assistant);
    let whole = "before\nD\nafter\nover\nE\nunder";
    let expected =
        [(system, whole), (user, "one"), (character, "two"), (character, "deep"), (user, "three"), (system, "last")];
    assert_eq!(texts, expected);
    assert_eq!(nim.system_prompt("Bo"), format!("{whole}\ndeep\nlast"));
}

#[test]
fn recalling_heeds_what_entries_say_of_it() {
    let says = |keys: &[&str], content: &str, extensions: Value| entry(keys, extensions, json!({"content": content}));
    let entries = json!([
        says(&["lamp"], "oil", json!({})),
        says(&["oil"], "wick", json!({"exclude_recursion": true})),
        says(&["oil"], "wick", json!({"prevent_recursion": true})),
        says(&["wick"], "never called", json!({})),
        says(&["oil"], "later", json!({"delay_until_recursion": true})),
        says(&["lamp"], "much later", json!({"delay_until_recursion": 3})),
    ]);
    assert_eq!(lore(&card(entries.clone(), true), "lamp"), [0, 2, 4, 5]);
    assert_eq!(lore(&card(entries.clone(), false), "lamp"), [0]);
    assert_eq!(lore(&card(entries, true), "oil"), [1, 2, 3, 4]);
}

#[test]
fn the_budget_does_not_bind_what_ignores_it() {
    let long = |extensions: Value| entry(&[], extensions, json!({"constant": true, "content": "a".repeat(100)}));
    let nim = card(json!([long(json!({})), long(json!({"ignore_budget": true}))]), false);
    let prompt = nim.prompt(&Scene { lore_budget: Some(10), ..Scene::new("Bo", &[]) });
    assert_eq!((prompt.lore, prompt.left_out), (vec![1], vec![0]));
}

#[test]
fn world_info_means_what_its_card_would() {
    let nim = alone("lorebook/sillytavern.json");
    assert_eq!(lore(&nim, "the tower"), [0]);
    assert_eq!(lore(&nim, "the tower in a storm"), [] as [usize; 0]);
    assert_eq!(lore(&nim, "MASTS"), [1]);
    assert_eq!(lore(&nim, "Bo"), [1]);
    let prompt = prompt(&nim, &["the tower", "yes", "no"], 0);
    assert_eq!((prompt.messages[2].role, prompt.messages[2].content.as_str()), (Role::User, "High."));
    assert_eq!(lore(&alone("lorebook/chub.json"), "a lamp"), [0]);
}

#[test]
fn books_of_other_makers_come_in_whole() {
    let novel = alone("lorebook/novelai.json");
    assert_eq!(lore(&novel, "a lamp and x"), [0, 1]);
    assert_eq!(lore(&novel, "lamplight LIGHTS"), [0, 1]);
    assert_eq!(lore(&novel, "lamps"), [1]);
    assert_eq!(novel.lorebook.as_ref().unwrap().entries[0].content, "Lamps burn.");
    let more = alone("lorebook/novelai-more.json");
    assert_eq!(lore(&more, "oil in the lamp"), [0]);
    assert_eq!(lore(&more, "oil"), [] as [usize; 0]);
    let agnai = alone("lorebook/agnai.json");
    assert_eq!((lore(&agnai, "Light!"), lore(&agnai, "lighter")), (vec![0], vec![]));
    let risu = alone("lorebook/risu.json");
    assert_eq!(lore(&risu, "light"), [0, 1]);
    assert_eq!(lore(&risu, "oil can"), [1, 2]);
    assert_eq!(lore(&alone("lorebook/risu-more.json"), "x"), [1]);
}

#[test]
fn keys_in_one_text_are_several() {
    let book =
        json!({"entries": [{"keys": "lamp, light", "content": "x"}, {"key": "oil,/wi(ck|x){1,2}/", "content": "y"}]});
    let (book, report) = Lorebook::from_bytes(book.to_string().as_bytes()).unwrap();
    assert_eq!(book.entries[0].keys, ["lamp", "light"]);
    assert_eq!(book.entries[1].keys, ["oil", "/wi(ck|x){1,2}/"]);
    assert_eq!(report.repaired, 2);
}

#[test]
fn expressions_that_cost_too_much_together_are_noted() {
    let entries: Vec<Value> = (0..400)
        .map(|n| json!({"keys": [format!("/(\\w{{20}}){{2}}{n}/")], "content": "x", "enabled": true, "insertion_order": n, "use_regex": true, "extensions": {}}))
        .collect();
    let (book, report) = Lorebook::from_bytes(json!({"entries": entries}).to_string().as_bytes()).unwrap();
    let beyond = report.notes.iter().filter(|note| note.reason.contains("beyond what the expressions")).count();
    assert_eq!(book.entries.len(), 400);
    assert!((100..400).contains(&beyond), "{beyond}");
}
