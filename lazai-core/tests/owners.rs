//! Replies of others than the character, in the many ways in which files tell whose they are.
#![allow(clippy::unwrap_used)]

use lazai_core::dialogue::{Dialogue, Options, Role, read_all};

fn of(character: &str) -> Options {
    Options { character: Some(character.into()), ..Options::default() }
}

fn said(dialogue: &Dialogue) -> Vec<String> {
    let letter = |index: usize, role: Role| match role {
        Role::Assistant if dialogue.context.contains(&u32::try_from(index).unwrap()) => "c",
        role => &role.as_str()[..1],
    };
    dialogue.messages.iter().enumerate().map(|(i, m)| format!("{} {}", letter(i, m.role), m.content)).collect()
}

/// The dialogues of a text, each as its messages; and the reasons of all notes.
fn read(text: &str, options: &Options) -> (Vec<Vec<String>>, Vec<String>) {
    let (dialogues, report) = read_all(text.as_bytes(), options).unwrap();
    (dialogues.iter().map(said).collect(), report.notes.into_iter().map(|note| note.reason).collect())
}

fn is_noted(notes: &[String], words: &str) -> bool {
    notes.iter().any(|note| note.contains(words))
}

#[test]
fn a_records_own_word_on_its_character_is_heeded() {
    for (maker, text) in [
        (
            "PIPPA",
            r#"{"bot_name": "NAME", "conversation": [{"message": "Who?", "is_human": true}, {"message": "I.", "is_human": false}]}"#,
        ),
        ("a pair", r#"{"character": "NAME", "prompt": "Who?", "response": "I."}"#),
        ("a pair with a role", r#"{"role": "NAME", "question": "Who?", "answer": "I."}"#),
        ("an object", r#"{"character": {"name": "NAME"}, "prompt": "Who?", "response": "I."}"#),
        (
            "messages",
            r#"{"character": "NAME", "messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}]}"#,
        ),
        (
            "a template",
            r#"{"char_name": "NAME", "text": "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\nI.<|im_end|>\n"}"#,
        ),
        ("pairs in a list", r#"{"bot_name": "NAME", "conversation": [{"human": "Who?", "assistant": "I."}]}"#),
        ("a table of pairs", "character,prompt,response\nNAME,Who?,I.\n"),
        ("a table of messages", "role,character,content\nuser,,Who?\nassistant,NAME,I.\n"),
    ] {
        let (dialogues, notes) = read(&text.replace("NAME", "nim"), &of("Nim"));
        assert_eq!(dialogues, [["u Who?", "a I."]], "{maker}: {notes:?}");
        let (dialogues, notes) = read(&text.replace("NAME", "Kai"), &of("Nim"));
        assert!(dialogues.is_empty() && is_noted(&notes, "\"Kai\" is not the character"), "{maker}: {notes:?}");
        assert_eq!(read(&text.replace("NAME", "Kai"), &Options::default()).0, [["u Who?", "a I."]], "{maker}");
    }
    // There, the field has the character's words.
    assert_eq!(read(r#"{"prompt": "Who?", "character": "I."}"#, &of("Nim")).0, [["u Who?", "a I."]]);
    let own = r#"{"character": "Everyone", "messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "name": "Nim", "content": "I."}, {"role": "assistant", "content": "We."}]}"#;
    assert_eq!(read(own, &of("Nim")).0, [["u Who?", "a I.", "u Everyone: We."]]);
}

#[test]
fn all_names_of_an_author_are_theirs() {
    for beside in [r#""character": "NAME""#, r#""author": {"role": "assistant", "name": "NAME"}"#, r#""name": "NAME""#]
    {
        let reply = |name: &str, words: &str| {
            format!(r#"{{"role": "assistant", {}, "content": "{words}"}}"#, beside.replace("NAME", name))
        };
        let text = format!(
            r#"{{"messages": [{{"role": "user", "content": "Who?"}}, {}, {{"role": "user", "content": "And?"}}, {}]}}"#,
            reply("Nim", "I."),
            reply("Kai", "Me.")
        )
        .replace(r#""role": "assistant", "author""#, r#""author""#);
        assert_eq!(read(&text, &of("Nim")).0, [["u Who?", "a I.", "u And?\nKai: Me."]], "{beside}");
        let (dialogues, notes) = read(&text, &Options::default());
        assert_eq!(dialogues[0].len(), 4);
        assert!(is_noted(&notes, "replies of \"Nim\" and of \"Kai\""), "{beside}: {notes:?}");
    }
    let discord = r#"{"messages": [{"author": {"name": "tom", "nickname": "Tom"}, "content": "Who?"}, {"author": {"name": "nim_x", "nickname": "Nim"}, "content": "I."}]}"#;
    for name in ["Nim", "nim_x"] {
        assert_eq!(read(discord, &Options { user: Some("tom".into()), ..of(name) }).0, [["u Who?", "a I."]], "{name}");
    }
}

#[test]
fn two_characters_of_one_file_are_noted_once() {
    let record =
        |name: &str| format!("{{\"character\": \"{name}\", \"prompt\": \"Who?\", \"response\": \"I, {name}.\"}}\n");
    let text = [record("Nim"), record("nim"), record("Kai"), record("Ada")].concat();
    let (dialogues, notes) = read(&text, &Options::default());
    assert_eq!((dialogues.len(), notes.len()), (4, 1), "{notes:?}");
    assert!(is_noted(&notes, "replies of \"Nim\" and of \"Kai\" are taken as one character's"), "{notes:?}");
    assert_eq!(read(&text, &of("Kai")).0, [["u Who?", "a I, Kai."]]);
}
