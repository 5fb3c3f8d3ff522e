//! The example `inspect`, as a script would call it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn inspect(file: &Path) -> (i32, Value) {
    // Examples are built beside the tests, one folder up.
    let program: PathBuf = std::env::current_exe().unwrap().parent().unwrap().join("../examples/inspect");
    let output = Command::new(program).arg(file).output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn answers_are_json_and_exit_codes_tell() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, card) = inspect(&files.join("cyber-diva/card.png"));
    assert_eq!((code, card["name"].as_str()), (0, Some("Vesper Volt")));
    let (code, chat) = inspect(&files.join("cyber-diva/chat.jsonl"));
    assert_eq!((code, chat["kind"].as_str(), chat["dialogues"].as_u64()), (0, Some("dialogue"), Some(1)));
    let (code, voice) = inspect(&files.join("cyber-diva/voice/clip-01.flac"));
    assert_eq!((code, voice["kind"].as_str()), (0, Some("audio")));
    assert!(voice["audio_seconds"].as_f64().unwrap() > 0.5);
    for nothing in [files.join("Cargo.toml"), files.join("absent"), files.to_owned()] {
        let (code, answer) = inspect(&nothing);
        assert_eq!(code, 2, "{}", nothing.display());
        assert!(answer["error"]["code"].is_string() && answer["error"]["message"].is_string());
    }
}
