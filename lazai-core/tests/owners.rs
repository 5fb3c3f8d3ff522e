//! Replies of others than the character, in the many ways in which files tell whose they are.
#![allow(clippy::unwrap_used)]

mod talks;

use lazai_core::dialogue::Options;
use serde_json::json;
use talks::{is_noted, of, read};

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

#[test]
fn a_stage_direction_is_no_part_of_a_name() {
    let play = "Tom: Who?\nNim: I.\nTom (laughing): Hers?\nNim (softly): Mine.\nTom [OOC]: brb\nNim: Sit.\n10:05 Ada: Ho.\n[10:06] Nim: Lit.\nTom (10:07): Bye.\n";
    let expected = [
        "u Tom: Who?",
        "a I.",
        "u Tom: Hers?",
        "a Mine.",
        "u Tom: brb",
        "a Sit.",
        "u Ada: Ho.",
        "a Lit.",
        "u Tom: Bye.",
    ];
    assert_eq!(read(play, &of("Nim")).0, [expected]);
    // A name that has brackets of its own is found all the same.
    assert_eq!(
        read("Tom: Who?\nNim (bot): I.\nTom: Oh.\n", &of("Nim (bot)")).0,
        [["u Tom: Who?", "a I.", "u Tom: Oh."]]
    );
    let marked = "<START>\n{{user}} (loud): Who?\n{{char}} (softly): I.\n";
    assert_eq!(read(marked, &Options::default()).0, [["u Who?", "a I."]]);
}

#[test]
fn another_placeholder_is_somebody_else() {
    let block = "<START>\n{{user}}: Who?\n{{char}}: I.\n{{narrator}}: Rain falls.\n{{random_user_1}}: Ho.\n{{char}}: Sit, {{narrator}} says: rain.\n";
    let (dialogues, notes) = read(block, &of("Nim"));
    assert_eq!(
        dialogues,
        [["u Who?", "a I.", "u narrator: Rain falls.\nrandom_user_1: Ho.", "a Sit, {{narrator}} says: rain."]]
    );
    let (dialogues, _) = read(block, &Options::default());
    assert_eq!(dialogues, [["u Who?", "a I.\nSit, {{narrator}} says: rain."]], "{notes:?}");
}

#[test]
fn others_lines_in_a_reply_are_not_the_characters() {
    let text = |reply: &str| {
        format!(r#"{{"conversations": [{{"from": "human", "value": "Who?"}}, {{"from": "gpt", "value": "{reply}"}}]}}"#)
    };
    for reply in [
        "Nim: I.\\nTom: Hers.\\nNim: Sit.",
        "**Nim:** I.\\nTom: Hers.\\nNim: Sit.",
        "{{char}}: I.\\nTom: Hers.\\nNim: Sit.",
    ] {
        let (dialogues, notes) = read(&text(reply), &of("Nim"));
        assert_eq!(dialogues, [["u Who?", "a I.", "u Tom: Hers.", "a Sit."]], "{reply}");
        assert!(is_noted(&notes, "others speak in the reply"), "{notes:?}");
    }
    let (dialogues, notes) = read(&text("Nim: I.\\nAnd so on: there."), &of("Nim"));
    assert_eq!(dialogues, [["u Who?", "a I.\nAnd so on: there."]]);
    assert!(is_noted(&notes, "name before the words"), "{notes:?}");
    // Where the reply does not begin with a name, only those count who speak in the conversation.
    let options = Options { user: Some("Tom".into()), ..of("Nim") };
    assert_eq!(read(&text("I.\\nNote: all.\\nTom: Hers."), &options).0, [["u Who?", "a I.\nNote: all.", "u Hers."]]);
    assert_eq!(read(&text("I.\\nNote: all.\\nTom: Hers."), &of("Nim")).0, [["u Who?", "a I.\nNote: all.\nTom: Hers."]]);
}

#[test]
fn others_who_begin_a_reply_are_heard_however_names_are_written() {
    let text = |reply: &str| {
        json!({"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": reply}]}).to_string()
    };
    for reply in [
        "Kai: Me.\nNim: I.",
        "**Kai:** Me.\n**Nim:** I.",
        "*Kai*: Me.\n*Nim*: I.",
        "__Kai__: Me.\n__Nim__: I.",
        "[Kai]: Me.\n[Nim]: I.",
        "<b>Kai:</b> Me.\n<b>Nim:</b> I.",
    ] {
        let (dialogues, notes) = read(&text(reply), &of("Nim"));
        assert_eq!(dialogues, [["u Who?\nKai: Me.", "a I."]], "{reply}");
        assert!(is_noted(&notes, "others speak in the reply"), "{reply}: {notes:?}");
    }
    // Names in small letters are told by their number.
    let small = "Nim: I.\nkai: me.\nNim: You.\nkai: no.\nNim: Yes.";
    assert_eq!(read(&text(small), &of("Nim")).0, [["u Who?", "a I.", "u kai: me.", "a You.", "u kai: no.", "a Yes."]]);
    for stays in ["I say:\n**Note:** it rains.", "A list:\none: two"] {
        assert_eq!(read(&text(stays), &of("Nim")).0, [["u Who?".to_owned(), format!("a {stays}")]]);
    }
}

#[test]
fn a_log_tells_the_users_name() {
    let text = concat!(
        r#"{"user_name": "You", "character_name": "Nim", "chat_metadata": {}}"#,
        "\n",
        r#"{"name": "You", "is_user": true, "mes": "Who?"}"#,
        "\n",
        r#"{"name": "Nim", "is_user": false, "mes": "I.\nYou: And me?\nNim: You too."}"#,
    );
    for options in [of("Nim"), Options::default()] {
        assert_eq!(read(text, &options).0, [["u Who?", "a I.", "u And me?", "a You too."]]);
    }
    let number = text.replace(r#""Who?""#, "4");
    assert_eq!(read(&number, &of("Nim")).0[0][0], "u 4");
}

#[test]
fn narration_and_members_of_groups_are_not_the_character() {
    let text = r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "name": "System", "content": "Rain."}, {"role": "assistant", "name": "Nim", "content": "I."}]}"#;
    assert_eq!(read(text, &of("Nim")).0, [["u Who?\nSystem: Rain.", "a I."]]);
    let table = "role,name,content\nuser,,Who?\nassistant,System,Rain.\nassistant,Nim,I.\n";
    assert_eq!(read(table, &of("Nim")).0, [["u Who?\nSystem: Rain.", "a I."]]);
    let group = r#"{"type": "risuChat", "ver": 2, "data": {"message": [{"role": "user", "data": "Who?"}, {"role": "char", "data": "I.", "saying": "id-1"}, {"role": "char", "data": "Me.", "saying": "id-2"}]}}"#;
    let (_, notes) = read(group, &Options::default());
    assert!(is_noted(&notes, "\"id-1\" and of \"id-2\""), "{notes:?}");
    assert_eq!(read(group, &of("id-1")).0, [["u Who?", "a I.", "u id-2: Me."]]);
}
