//! What is told of files that are no files, and of those that are too large.
#![allow(clippy::unwrap_used)]

use lazai_core::dialogue::{DialogueError, MAX_RECORD_BYTES, Options, read_all};
use lazai_core::inspect::inspect;

#[cfg(unix)]
#[test]
fn a_pipe_is_read_whole() {
    use lazai_core::inspect::{Kind, inspect_as};
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let talk = "{\"prompt\": \"Is it lit?\", \"response\": \"It is.\"}\n";
    let card = r#"{"name": "Nim", "description": "Keeps lamps.", "first_mes": "Hi"}"#;
    let many = talk.repeat(5_000);
    for (text, kind, dialogues) in [(many.as_str(), Kind::Dialogue, 5_000), (card, Kind::Character, 0)] {
        let (to, text) = (pipe.clone(), text.to_owned());
        let writer = std::thread::spawn(move || std::fs::write(to, text).unwrap());
        let found = inspect_as(&pipe, &Options::default()).unwrap();
        writer.join().unwrap();
        assert_eq!((found.kind, found.dialogues), (kind, dialogues));
    }
    assert!(inspect(folder.path()).is_err());
}

#[test]
fn a_conversation_that_is_too_large_is_told_as_one() {
    let long = "x".repeat(MAX_RECORD_BYTES);
    let text = format!(
        r#"{{"messages": [{{"role": "user", "content": "Hi"}}, {{"role": "assistant", "content": "{long}"}}]}}"#
    );
    let error = DialogueError::TooLarge { line: 1, max: MAX_RECORD_BYTES };
    assert_eq!(read_all(text.as_bytes(), &Options::default()).unwrap_err(), error);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(inspect(&file).unwrap_err().to_string(), error.to_string());
    // Among others it is left out.
    let among = format!("{text}\n{{\"prompt\": \"Hi\", \"response\": \"Yo\"}}\n");
    let (dialogues, report) = read_all(among.as_bytes(), &Options::default()).unwrap();
    assert_eq!((dialogues.len(), report.dropped), (1, 1));
}
