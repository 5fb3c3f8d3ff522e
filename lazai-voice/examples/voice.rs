//! Trains a voice on a list of recordings, and speaks with it before and after:
//! `cargo run -p lazai-voice --example voice -- hibari.onnx LIST.json FOLDER`
//!
//! The list is `{"learn": [{"wav": "a.wav", "ids": [0, 50, 0]}], "say": [[0, 50, 0]]}`, with `"config"` where it is not the default.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lazai_core::voice::{Audio, log_mel, trim_silence};
use lazai_voice::{Base, Character, Recording, Speech, Voice, VoiceConfig, VoiceProgress, train};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    learn: Vec<Learnt>,
    say: Vec<Vec<u32>>,
    #[serde(default)]
    config: VoiceConfig,
}

#[derive(Deserialize)]
struct Learnt {
    wav: PathBuf,
    ids: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [onnx, list, folder] = &paths[..] else { return Err("expected hibari.onnx LIST.json FOLDER".into()) };
    let started = Instant::now();
    let base = Base::import(onnx, folder)?;
    println!("opened in {:.3} s: {base:?}", started.elapsed().as_secs_f64());
    let list: List = serde_json::from_slice(&std::fs::read(list)?)?;
    say(&base, Character::Base, &list.say, &folder.join("before"))?;

    let mut given = Vec::new();
    for learnt in &list.learn {
        let audio = Audio::decode(std::fs::read(&learnt.wav)?)?;
        given.push((log_mel(trim_silence(&audio.samples)?)?, &learnt.ids));
    }
    let recordings: Vec<_> = given.iter().map(|(log_mel, ids)| Recording { log_mel, ids }).collect();
    if recordings.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let trained = train(&base, &list.config, &recordings, None, &mut |progress| {
        if let VoiceProgress::Learning { step, loss, left_s, evaluation, .. } = progress
            && step % 25 == 0
        {
            println!("step {step}: loss {loss:.4}, {left_s:.0?} s left, {evaluation:?}");
        }
        true
    })?;
    println!(
        "{:.1} s for {:.1} s of speech, {:?}, left out {:?}",
        started.elapsed().as_secs_f64(),
        trained.seconds,
        trained.manner,
        trained.left_out
    );
    trained.character.save(folder, "hibari")?;
    say(&base, trained.character, &list.say, &folder.join("after"))
}

fn say(base: &Base, character: Character, sentences: &[Vec<u32>], folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let voice = Voice::new(Arc::new(base.clone()), character);
    let (started, mut seconds, mut first) = (Instant::now(), 0.0, None);
    let mut spoken = Vec::new();
    for speech in voice.say(sentences, 1.0, [0; 32]) {
        spoken.push(speech?);
        first.get_or_insert(started.elapsed().as_secs_f64());
        seconds += spoken.last().map_or(0.0, Speech::seconds);
    }
    let took = started.elapsed().as_secs_f64();
    println!("{seconds:.1} s of speech in {took:.3} s: {:.4} s a second, the first in {first:.3?}", took / seconds);
    for (i, speech) in spoken.iter().enumerate() {
        std::fs::write(folder.join(format!("{i:02}.wav")), speech.to_wav())?;
    }
    Ok(())
}
