//! What stands around a conversation: kept as context, or noted.
#![allow(clippy::unwrap_used)]

use lazai_core::dialogue::{Options, read_all};

/// The messages of the only dialogue of a text, by the first letter of their roles; and the reasons of all notes.
fn read(text: &str, options: &Options) -> (Vec<String>, Vec<String>) {
    let (dialogues, report) = read_all(text.as_bytes(), options).unwrap();
    assert!(dialogues.len() < 2, "{dialogues:?}");
    let messages = dialogues.into_iter().flat_map(|dialogue| dialogue.messages);
    let said = messages.map(|m| format!("{} {}", &m.role.as_str()[..1], m.content)).collect();
    (said, report.notes.into_iter().map(|note| note.reason).collect())
}

#[test]
fn what_sets_the_scene_is_kept_wherever_it_stands() {
    let talk = r#""messages": [{"role": "user", "content": "Is it lit?"}, {"role": "assistant", "content": "It is."}]"#;
    let shown = r#""messages": [{"versions": [{"role": "user", "content": "Is it lit?"}]}, {"versions": [{"role": "assistant", "content": "It is."}]}]"#;
    for text in [
        format!(r#"{{"system_message": "Be brief.", {talk}}}"#),
        format!(r#"{{"systemPrompt": "Be brief.", {shown}}}"#),
        format!(r#"{{"chat": {{"params": {{"system": "Be brief."}}, {talk}}}}}"#),
        format!(r#"{{"chat": {{"system": "Be brief.", {talk}}}}}"#),
        r#"{"prompt": "Is it lit?", "chosen": [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "It is."}], "rejected": []}"#.to_owned(),
    ] {
        assert_eq!(read(&text, &Options::default()).0, ["s Be brief.", "u Is it lit?", "a It is."], "{text}");
    }
    let named = r#"{"conversations": [{"from": "human", "value": "Is it lit?"}], "chosen": {"from": "Nim", "value": "It is."}, "rejected": {"from": "Nim", "value": "BAD"}}"#;
    let options = Options { character: Some("Nim".into()), ..Options::default() };
    assert_eq!(read(named, &options).0, ["u Is it lit?", "a It is."]);
}

#[test]
fn what_a_prompt_is_about_is_kept_in_any_shape() {
    for (input, expected) in [
        (r#"["lamp", "rain"]"#, "u Sort.\n\nlamp\nrain"),
        (r#"{"by": "size"}"#, "u Sort.\n\n{\"by\":\"size\"}"),
        (r#""lamps""#, "u Sort.\n\nlamps"),
    ] {
        let text = format!(r#"{{"instruction": "Sort.", "input": {input}, "output": "Done."}}"#);
        let (said, notes) = read(&text, &Options::default());
        assert_eq!(said, [expected, "a Done."]);
        assert_eq!(notes.len(), usize::from(!input.starts_with('"')), "{notes:?}");
    }
    let both = r#"{"instruction": "Sum up.", "input": "In a word.", "context": "Lamps.", "output": "Light."}"#;
    assert_eq!(read(both, &Options::default()).0[0], "u Sum up.\n\nIn a word.\n\nLamps.");
    let (_, notes) = read(r#"{"prompt": "Be Nim.", "question": "Who?", "answer": "I."}"#, &Options::default());
    assert_eq!(notes, ["question: not taken, for prompt is the prompt"]);
}

#[test]
fn what_is_attached_is_context() {
    let text = r#"{"chat_messages": [{"sender": "human", "text": "", "attachments": [{"file_name": "p.txt", "extracted_content": "Lamps."}, {"file_name": "q.txt"}], "files": [{"file_name": "p.png"}]}, {"sender": "assistant", "text": "Lit."}]}"#;
    let (said, notes) = read(text, &Options::default());
    assert_eq!(said, ["u p.txt:\nLamps.", "a Lit."]);
    let expected = [
        "files: not part of a dialogue",
        "the text of 1 attachments, taken as context",
        "1 attachments: not part of a dialogue",
    ];
    assert_eq!(notes, expected);
}
