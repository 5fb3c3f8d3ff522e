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
