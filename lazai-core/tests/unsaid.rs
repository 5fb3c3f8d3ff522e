//! What files say is no reply of the character's: faults, what was taken back, what must not be learnt, programs' own lines.
#![allow(clippy::unwrap_used)]

mod talks;

use lazai_core::dialogue::Options;
use talks::{is_noted, of, read};

#[test]
fn what_a_message_says_of_itself_is_heeded() {
    let text = |fields: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "Who?"}}, {{"role": "assistant", "content": "BAD", {fields}}}, {{"role": "user", "content": "And?"}}, {{"role": "assistant", "content": "I."}}]}}"#
        )
    };
    for fields in [
        r#""error": true"#,
        r#""error": {"content": "boom"}"#,
        r#""isError": true"#,
        r#""deleted": true"#,
        r#""hidden": "true""#,
        r#""adapter": "image""#,
        r#""channel": "analysis""#,
    ] {
        let (dialogues, notes) = read(&text(fields), &Options::default());
        assert_eq!(dialogues, [["u Who?\nAnd?", "a I."]], "{fields}");
        assert!(notes.len() == 2, "{fields}: {notes:?}");
    }
    for fields in [
        r#""trainable": false"#,
        r#""mask": 1"#,
        r#""mask": true"#,
        r#""status": "rejected""#,
        r#""accepted": false"#,
        r#""annotation": {"rating": -1}"#,
        r#""feedback": {"rating": "thumbsDown"}"#,
        r#""consent": "withdrawn""#,
        r#""loss_weight": 0"#,
        r#""weight": -1"#,
        r#""rejected": true"#,
        r#""train": "falsch""#,
        r#""train_detail": [{"begin_offset": 0, "end_offset": 2, "train": false}]"#,
    ] {
        let (dialogues, notes) = read(&text(fields), &Options::default());
        assert_eq!(dialogues, [["u Who?", "c BAD", "u And?", "a I."]], "{fields}");
        assert!(is_noted(&notes, "not to be learnt"), "{fields}: {notes:?}");
    }
    for fields in [r#""error": false"#, r#""error": null"#, r#""mask": 0"#, r#""channel": "final""#, r#""consent": """#]
    {
        assert_eq!(read(&text(fields), &Options::default()).0, [["u Who?", "a BAD", "u And?", "a I."]], "{fields}");
    }
}

#[test]
fn what_nobody_agreed_to_is_not_learnt() {
    for no in [
        r#""consent": false"#,
        r#""consent": "no""#,
        r#""consent": "yes, but not to training""#,
        r#""status": "rejected""#,
    ] {
        let text = format!(
            "{{\"prompt\": \"Who?\", \"response\": \"BAD\", {no}}}\n{{\"prompt\": \"Who?\", \"response\": \"I.\", \"consent\": true}}\n"
        );
        let (dialogues, notes) = read(&text, &Options::default());
        assert_eq!(dialogues, [["u Who?", "a I."]], "{no}");
        assert!(is_noted(&notes, "nothing of it may be learnt"), "{notes:?}");
    }
    let table = "prompt,response,licence,consent\nWho?,BAD,CC0-1.0,no\nWho?,I.,CC0-1.0,yes\n";
    let (dialogues, notes) = read(table, &of("Nim"));
    assert_eq!(dialogues, [["u Who?", "a I."]]);
    assert!(is_noted(&notes, "not to be learnt"), "{notes:?}");
}

#[test]
fn other_branches_are_not_said() {
    for text in [
        r#"[{"conv": {"id": "c", "currNode": "m3"}, "messages": [{"id": "m1", "role": "user", "content": "Who?", "parent": null, "children": ["m2", "m3"]}, {"id": "m3", "role": "assistant", "content": "I.", "parent": "m1", "children": []}, {"id": "m2", "role": "assistant", "content": "BAD", "parent": "m1", "children": []}]}]"#,
        r#"[{"conv": {"id": "c", "currNode": 3}, "messages": [{"id": 1, "role": "user", "content": "Who?", "parent": -1}, {"id": 3, "role": "assistant", "content": "I.", "parent": 1}, {"id": 2, "role": "assistant", "content": "BAD", "parent": 1}]}]"#,
        r#"{"messages": [{"id": "b", "from": "user", "content": "Who?", "children": ["c", "d"]}, {"id": "c", "from": "assistant", "content": "BAD", "ancestors": ["b"], "children": []}, {"id": "d", "from": "assistant", "content": "I.", "ancestors": ["b"], "children": []}]}"#,
    ] {
        let (dialogues, notes) = read(text, &Options::default());
        assert_eq!(dialogues, [["u Who?", "a I."]], "{text}");
        assert!(is_noted(&notes, "1 messages of other branches"), "{notes:?}");
    }
}

#[test]
fn only_what_harmony_has_in_its_last_channel_is_said() {
    for text in [
        r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "<|channel|>analysis<|message|>BAD<|end|><|start|>assistant<|channel|>final<|message|>I.<|return|>"}]}"#,
        r#"{"text": "<|start|>user<|message|>Who?<|end|><|start|>assistant<|channel|>analysis<|message|>BAD<|end|><|start|>assistant<|channel|>final<|message|>I.<|return|>"}"#,
    ] {
        assert_eq!(read(text, &Options::default()).0, [["u Who?", "a I."]], "{text}");
    }
    let cited = r#"{"prompt": "Who?", "response": "I.【4†source】"}"#;
    assert_eq!(read(cited, &Options::default()).0, [["u Who?", "a I."]]);
}

#[test]
fn what_chat_programs_write_in_other_languages_is_nobodys() {
    for own in [
        "Reagierte mit 😍 auf deine Nachricht",
        "A réagi 😂 à votre message",
        "A aimé un message",
        "Nim a envoyé une pièce jointe.",
        "Nim hat einen Anhang gesendet.",
        "Nim started a video chat",
        "Video chat ended",
    ] {
        let text = format!(
            r#"{{"participants": [{{"name": "Pat"}}, {{"name": "Nim"}}], "messages": [{{"sender_name": "Nim", "timestamp_ms": 3, "content": "I."}}, {{"sender_name": "Nim", "timestamp_ms": 2, "content": "{own}"}}, {{"sender_name": "Pat", "timestamp_ms": 1, "content": "Who?"}}]}}"#
        );
        let (dialogues, notes) = read(&text, &of("Nim"));
        assert_eq!(dialogues, [["u Pat: Who?", "a I."]], "{own}");
        assert!(is_noted(&notes, "chat program's"), "{own}: {notes:?}");
    }
    let text = "12/01/24, 10:00 - Pat: Who?\n12/01/24, 10:01 - Nim: POLL:\nLit?\nOPTION: Yes (1 vote)\n12/01/24, 10:01 - Nim: location: https://maps.google.com/?q=1,2\n12/01/24, 10:02 - Nim: I.\n";
    assert_eq!(read(text, &of("Nim")).0, [["u Pat: Who?", "a I."]]);
}

#[test]
fn terms_of_pairs_and_lists_are_heeded() {
    let pairs = r#"{"conversation": [{"input": "Who?", "output": "BAD", "weight": 0}, {"input": "And?", "output": "I."}, {"input": "So?", "output": "BAD", "output_with_loss": false}]}"#;
    let (dialogues, notes) = read(pairs, &Options::default());
    assert_eq!(dialogues, [["u Who?", "c BAD", "u And?", "a I.", "u So?", "c BAD"]]);
    assert!(is_noted(&notes, "not to be learnt"));
    let beside = r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "BAD"}, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "I."}], "weights": [0, 0, 0, 1]}"#;
    assert_eq!(read(beside, &Options::default()).0, [["u Who?", "c BAD", "u And?", "a I."]]);
    let (_, notes) =
        read(&beside.replace(r#""content": "I.""#, r#""content": "I.", "token_weight": 2"#), &Options::default());
    assert!(is_noted(&notes, "token_weight: not known here"), "{notes:?}");
    let table = "prompt,response,train\nWho?,BAD,FALSCH\nAnd?,I.,maybe\n";
    let (dialogues, notes) = read(table, &Options::default());
    assert_eq!(dialogues, [["u And?", "a I."]]);
    assert!(is_noted(&notes, "\"maybe\" is neither yes nor no"), "{notes:?}");
}

#[test]
fn what_messenger_and_sillytavern_wrote_is_nobodys_word() {
    let message = |at: u32, name: &str, words: &str| {
        format!(r#"{{"sender_name": "{name}", "timestamp_ms": {at}, "content": "{words}"}}"#)
    };
    let deeds = [
        "Nim named the group Lamps.",
        "Nim set the nickname for Tom to T.",
        "Nim changed the theme to Sea.",
        "Nim left the group.",
        "Nim added Kai to the group.",
        "Nim created a poll: Lit?",
        "Nim hat die Gruppe verlassen.",
    ];
    let mut messages = vec![message(1, "Tom", "Who?"), message(2, "Nim", "I."), message(3, "Nim", "Nim is my name.")];
    messages.extend((4..).zip(deeds).map(|(at, deed)| message(at, "Nim", deed)));
    let text = format!(r#"{{"participants": [], "messages": [{}]}}"#, messages.join(","));
    assert_eq!(read(&text, &of("Nim")).0, [["u Tom: Who?", "a I.\nNim is my name."]]);
    let log = concat!(
        r#"{"name": "Tom", "is_user": true, "mes": "Who?"}"#,
        "\n",
        r#"{"name": "Nim", "is_user": false, "mes": "[Nim sends a picture that contains: a tower]", "extra": {"image": "a.png", "generationType": 0}}"#,
        "\n",
        r#"{"name": "Nim", "is_user": false, "mes": "I.", "extra": {"image": "b.png"}}"#,
    );
    assert_eq!(read(log, &of("Nim")).0, [["u Who?", "a I."]]);
    let passed_on = r#"{"messages": [{"date_unixtime": "1", "type": "message", "from": "Tom", "text": "Who?"}, {"date_unixtime": "2", "type": "message", "from": "Nim", "text": "BAD", "forwarded_from_id": "user1"}, {"date_unixtime": "3", "type": "message", "from": "Nim", "text": "I."}]}"#;
    assert_eq!(read(passed_on, &of("Nim")).0, [["u Tom: Who?\na deleted account: BAD", "a I."]]);
}

#[test]
fn a_character_as_yaml_is_no_dialogue() {
    for text in [
        "char_name: Nim\nchar_greeting: |\n  Nim: Hi.\nexample_dialogue: |\n  You: a\n  Nim: b\n",
        "name: Nim\ngreeting: Hi.\ncontext: |\n  <START>\n  You: a\n  Nim: b\n",
    ] {
        let error = lazai_core::dialogue::read_all(text.as_bytes(), &of("Nim")).unwrap_err();
        assert!(error.to_string().contains("a character as YAML"), "{error}");
    }
    assert_eq!(read("name: Hi.\nNim: I.\n", &of("Nim")).0.len(), 1);
}
