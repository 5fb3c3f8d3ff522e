//! Files in which records stand in wrappings, and refusals that name what a file is.
#![allow(clippy::unwrap_used)]

mod talks;

use lazai_core::dialogue::{Options, read_all};
use talks::{TALK, of, read};

#[test]
fn a_wrapped_record_is_read() {
    for text in [
        r#"{"messages": "[{\"role\": \"user\", \"content\": \"Is it lit?\"}, {\"role\": \"assistant\", \"content\": \"It is.\"}]"}"#,
        r#"{"INSTRUCTION": "Is it lit?", "RESPONSE": "It is."}"#,
        r#"{"Messages": [{"Role": "User", "Content": "Is it lit?"}, {"Role": "Assistant", "Content": "It is."}]}"#,
        r#"{"rows": [{"row_idx": 0, "row": {"prompt": "Is it lit?", "response": "It is."}}], "partial": false}"#,
        r#"{"runSettings": {}, "chunkedPrompt": {"chunks": [{"text": "Is it lit?", "role": "user"}, {"text": "BAD", "role": "model", "isThought": true}, {"text": "It is.", "role": "model"}]}}"#,
        r#"{"type": "risuChat", "ver": 1, "data": {"message": [{"role": "user", "data": "Is it lit?"}, {"role": "char", "data": "BAD", "disabled": true}, {"role": "char", "data": "It is."}]}}"#,
        r#"[{"id": "1", "mapping": {"root": {"id": "root", "parent": null, "children": ["1"], "message": null}, "1": {"id": "1", "parent": "root", "children": ["2"], "message": {"fragments": [{"type": "REQUEST", "content": "Is it lit?"}]}}, "2": {"id": "2", "parent": "1", "children": [], "message": {"fragments": [{"type": "THINK", "content": "BAD"}, {"type": "RESPONSE", "content": "It is."}]}}}}]"#,
        r#"[{"id": "1", "mapping": {"root": {"id": "root", "parent": null, "children": ["1"]}, "1": {"id": "1", "parent": "root", "children": ["2"], "message": {"role": "USER", "content": "Is it lit?"}}, "2": {"id": "2", "parent": "1", "children": [], "message": {"role": "ASSISTANT", "content": "It is."}}}}]"#,
    ] {
        assert_eq!(read(text, &Options::default()).0, [TALK], "{text}");
    }
}

#[test]
fn many_records_of_one_object_are_many_talks() {
    let pair = r#"{"prompt": "Is it lit?", "response": "It is."}"#;
    let list =
        r#"{"messages": [{"role": "user", "content": "Is it lit?"}, {"role": "assistant", "content": "It is."}]}"#;
    for text in [
        format!(r#"{{"data": [{pair}, {pair}]}}"#),
        format!(r#"{{"version": "1", "train": [{list}, {list}]}}"#),
        format!(r#"{{"conversations": [{list}, {list}]}}"#),
    ] {
        let (dialogues, notes) = read(&text, &Options::default());
        assert_eq!(dialogues, [TALK, TALK], "{text}");
        assert!(notes[0].contains("records in the field"), "{notes:?}");
    }
    let turns =
        format!(r#"{{"conversation": [{}, {}]}}"#, pair.replace("prompt", "input").replace("response", "output"), pair);
    assert_eq!(read(&turns, &Options::default()).0.len(), 1);
}

#[test]
fn refusals_say_what_a_file_is() {
    for (head, name) in [
        (&b"PAR1\x15\x04"[..], "Parquet"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"%PDF-1.4\n", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a\n", "Git LFS"),
        (b"[LINE] Chat history\n", "\"[LINE] Chat history"),
    ] {
        let error = read_all(head, &of("Nim")).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let play = "Tom: Who?\nAda: I.\nTom: Oh.\n";
    let error = read_all(play.as_bytes(), &of("Nim")).unwrap_err().to_string();
    assert!(error.contains("none of which is \"Nim\"") && !error.contains("say who"), "{error}");
}

#[test]
fn a_play_begins_with_anything() {
    let expected = ["u Tom: Who?", "a I.", "u Ada: Ho.", "a Lit."];
    for play in [
        "Tom: Who?\nNim: I.\nAda: Ho.\nNim: Lit.\n",
        "[Scene: a tower]\nTom: Who?\nNim: I.\nAda: Ho.\nNim: Lit.\n",
        "2024-01-12T10:00:00 Tom: Who?\n2024-01-12T10:00:01 Nim: I.\n2024-01-12T10:00:02 Ada: Ho.\n2024-01-12T10:00:03 Nim: Lit.\n",
    ] {
        assert_eq!(read(play, &of("Nim")).0, [expected], "{play}");
    }
}
