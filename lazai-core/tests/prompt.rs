//! Prompts: lorebooks, decorators and macros as the card specifications say.
#![allow(clippy::unwrap_used)]

use lazai_core::character::{Character, Prompt, Scene};
use lazai_core::message::{Message, Role};
use serde_json::{Value, json};

fn character(book: Value) -> Character {
    let card = json!({"spec": "chara_card_v3", "spec_version": "3.0", "data": {
        "name": "Ada", "description": "D {{char}}", "personality": "P", "scenario": "S {{user}}",
        "system_prompt": "Y {{original}}", "post_history_instructions": "Z {{original}}", "character_book": book,
    }});
    Character::from_bytes(card.to_string().as_bytes()).unwrap()
}

fn entry(content: &str, changes: Value) -> Value {
    let mut entry =
        json!({"keys": ["key"], "content": content, "enabled": true, "insertion_order": 0, "use_regex": false});
    entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    entry
}

fn history(said: &[&str]) -> Vec<Message> {
    said.iter().enumerate().map(|(i, text)| Message::new([Role::User, Role::Assistant][i % 2], *text)).collect()
}

fn prompt_with(book: Value, said: &[&str], change: impl FnOnce(&mut Scene<'_>)) -> Prompt {
    let history = history(said);
    let mut scene = Scene { system: "host", post_history: "after", ..Scene::new("Bo", &history) };
    change(&mut scene);
    character(book).prompt(&scene)
}

fn lore(entries: Value, said: &[&str]) -> Vec<usize> {
    prompt_with(json!({"entries": entries}), said, |_| {}).lore
}

#[test]
fn the_parts_stand_in_order() {
    let book = json!({"entries": [
        entry("after", json!({"position": "after_char"})),
        entry("before", json!({"position": "before_char"})),
        entry("@@position personality\nwith P", json!({})),
        entry("@@depth 1\n@@role assistant\ndeep", json!({})),
        entry("@@reverse_depth 0\nfirst", json!({})),
    ]});
    let prompt = prompt_with(book, &["the key", "yes", "more"], |_| {});
    let texts: Vec<&str> = prompt.messages.iter().map(|m| m.content.as_str()).collect();
    let system = "Y host\nbefore\nD Ada\nP\nwith P\nS Bo\nafter";
    assert_eq!(texts, [system, "first", "the key", "yes", "deep", "more", "Z after"]);
    assert_eq!(prompt.messages[4].role, Role::Assistant);
    assert_eq!(prompt.messages[6].role, Role::System);
}

#[test]
fn keys_bring_entries_up() {
    let said = ["The KEY is here", "no"];
    assert_eq!(lore(json!([entry("x", json!({}))]), &said), [0]);
    assert_eq!(lore(json!([entry("x", json!({"case_sensitive": true}))]), &said), [] as [usize; 0]);
    assert_eq!(lore(json!([entry("x", json!({"enabled": false}))]), &said), [] as [usize; 0]);
    assert_eq!(lore(json!([entry("x", json!({"keys": [""]}))]), &said), [] as [usize; 0]);
    assert_eq!(lore(json!([entry("x", json!({"keys": [], "constant": true}))]), &said), [0]);
    let selective = |second: &str| entry("x", json!({"selective": true, "secondary_keys": [second]}));
    assert_eq!(lore(json!([selective("here"), selective("nowhere")]), &said), [0]);
    let regex = |key: &str, more: Value| {
        let mut e = entry("x", json!({"use_regex": true, "keys": [key]}));
        e.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        e
    };
    let patterns = json!([
        regex("k.y", json!({})),
        regex("/K.Y/", json!({})),
        regex("/k.y/", json!({})),
        regex("/^no$/m", json!({})),
        regex("(", json!({})),
        regex("never", json!({"constant": true})),
        regex("(?=x)", json!({})),
    ]);
    assert_eq!(lore(patterns, &said), [0, 1, 3]);
}

#[test]
fn only_the_last_messages_are_searched() {
    let mut said = vec!["the key"];
    said.extend(["filler"; 5]);
    let all = json!([
        entry("x", json!({})),
        entry("@@scan_depth 6\nx", json!({})),
        entry("@@keep_activate_after_match\nx", json!({})),
        entry("@@dont_activate_after_match\n@@scan_depth 9\nx", json!({})),
    ]);
    assert_eq!(lore(all, &said), [1, 2]);
    assert_eq!(lore(json!([entry("@@dont_activate_after_match\nx", json!({}))]), &["a", "b", "key"]), [0]);
    let deep = json!({"scan_depth": 6, "entries": [entry("x", json!({}))]});
    assert_eq!(prompt_with(deep, &said, |_| {}).lore, [0]);
}

#[test]
fn decorators_decide() {
    let said = ["key", "one", "two", "two"];
    let all = json!([
        entry("@@activate_only_after 2\nx", json!({})),
        entry("@@activate_only_after 3\nx", json!({})),
        entry("@@activate_only_every 2\nx", json!({})),
        entry("@@activate_only_every 3\nx", json!({})),
        entry("@@activate\nx", json!({"keys": ["absent"]})),
        entry("@@dont_activate\nx", json!({"constant": true})),
        entry("@@additional_keys absent, two\nx", json!({"keys": ["absent"]})),
        entry("@@exclude_keys two\nx", json!({})),
        entry("@@is_greeting 1\nx", json!({})),
    ]);
    assert_eq!(lore(all.clone(), &said), [0, 2, 4, 6]);
    let greeted = prompt_with(json!({"entries": all}), &said, |scene| scene.greeting = Some(1));
    assert_eq!(greeted.lore, [0, 2, 4, 6, 8]);
    let quiet = json!({"entries": [entry("@@disable_ui_prompt system_prompt\n@@disable_ui_prompt post_history_instructions\nx", json!({}))]});
    let prompt = prompt_with(quiet, &["key"], |_| {});
    assert!(prompt.messages.iter().all(|m| !m.content.contains("host") && !m.content.contains("after")));
    assert!(prompt.messages.iter().all(|m| !m.content.contains("@@")));
}

#[test]
fn entries_call_one_another_where_the_book_allows_it() {
    let entries = json!([
        entry("speaks of second", json!({})),
        entry("{{hidden_key:third}}x", json!({"keys": ["second"]})),
        entry("y", json!({"keys": ["third"]})),
    ]);
    assert_eq!(lore(entries.clone(), &["key"]), [0]);
    let book = json!({"recursive_scanning": true, "entries": entries});
    let prompt = prompt_with(book, &["key"], |_| {});
    assert_eq!(prompt.lore, [0, 1, 2]);
    assert!(!prompt.messages[0].content.contains("third"));
}

#[test]
fn the_budget_leaves_out_what_matters_least() {
    let book = json!({"token_budget": 5, "entries": [
        entry("aaaaaaaa", json!({"insertion_order": 1, "priority": 1})),
        entry("bbbbbbbb", json!({"insertion_order": 3, "priority": 9})),
        entry("@@ignore_on_max_context\ncccc", json!({"insertion_order": 2, "priority": 99})),
        entry("dddddddd", json!({"insertion_order": 0, "priority": 5})),
    ]});
    let prompt = prompt_with(book, &["key"], |_| {});
    // Eight letters are two tokens here; four, one. `cccc` comes last in spite of its priority, and still fits.
    assert_eq!((prompt.lore, prompt.left_out), (vec![3, 2, 1], vec![0]));
}

#[test]
fn a_characters_note_stands_at_its_depth() {
    let card = r#"{"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Nim", "first_mes": "", "alternate_greetings": ["", "Hi {{user}}."],
        "description": "{{.mood = calm}}{{.n++}}{{.n += 2}}{{.mood}} {{.n}}{{? 1+1}}",
        "extensions": {"depth_prompt": {"prompt": "{{char}} is dry.", "depth": 1, "role": "system"}, "regex_scripts": [{"scriptName": "x"}]},
        "character_book": {"entries": [{"entry": "Moss glows.", "keywords": ["moss"], "name": "Moss", "enabled": true, "priority": 1, "weight": 1}]}}}"#;
    let read = lazai_core::character::import(card.as_bytes()).unwrap();
    let said = [Message::new(Role::User, "Moss?"), Message::new(Role::Assistant, "Yes.")];
    let prompt = read.character.prompt(&Scene::new("Tom", &said));
    let contents: Vec<&str> = prompt.messages.iter().map(|m| m.content.as_str()).collect();
    assert_eq!(contents, ["1calm 3\nMoss glows.", "Moss?", "Nim is dry.", "Yes."]);
    assert_eq!(read.character.system_prompt("Tom"), "1calm 3\nNim is dry.");
    assert_eq!(read.character.greeting_to(0, "Tom").as_deref(), Some("Hi Tom."));
    let notes: Vec<&str> = read.report.notes.iter().map(|note| note.place.as_str()).collect();
    assert!(notes.contains(&"extensions.regex_scripts") && notes.contains(&"data.character_book"), "{notes:?}");
}
