//! A stranger's text as phonemes, in bounded time and memory. The assets are those of `cargo xtask fetch`, or at
//! `LAZAI_VOICE_PACKAGE`.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use lazai_voice::phonemes::{MAX_PHONEMES, Phonemizer};
use libfuzzer_sys::fuzz_target;

static PHONEMIZER: LazyLock<Phonemizer> = LazyLock::new(|| {
    let package = std::env::var_os("LAZAI_VOICE_PACKAGE").map(PathBuf::from);
    let package = package.unwrap_or_else(|| std::env::home_dir().unwrap_or_default().join(".cache/lazai/models/hibari"));
    Phonemizer::open(&package).expect("the voice's package: run `cargo xtask fetch`")
});

fuzz_target!(|text: String| {
    let pieces = PHONEMIZER.sentences(&text);
    assert!(pieces.iter().all(|piece| (1..=MAX_PHONEMES).contains(&piece.chars().count())));
});
