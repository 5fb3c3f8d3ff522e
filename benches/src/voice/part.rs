//! Our side of the measurements, in a process of its own.

use std::path::Path;
use std::time::Instant;

use lazai::core::record::VoiceConfig;
use lazai::core::voice::{Audio, log_mel, trim_silence};
use lazai::voice::BaseVoice;
use lazai::voice::room::narrator::Narrator;
use lazai::voice::room::{Character, Recording, Speech, SpeechBase as _, train};
use serde_json::{Value, json};

use crate::Failure;
use crate::data::peak_mb;
use crate::zk::cpu_s;

/// `adapt JOB.json` or `speak JOB.json`.
///
/// # Errors
/// What the work says.
pub fn part(args: &[String]) -> Result<Value, Failure> {
    let [verb, job] = args else { return Err("usage: voice-part adapt|speak JOB.json".into()) };
    let job: Value = serde_json::from_slice(&std::fs::read(job)?)?;
    match verb.as_str() {
        "adapt" => adapt(&job),
        "speak" => speak(&job),
        _ => Err("usage: voice-part adapt|speak JOB.json".into()),
    }
}

fn path(value: &Value) -> Result<&Path, Failure> {
    Ok(Path::new(value.as_str().ok_or("no path")?))
}

/// Learns a voice, and says the texts with the base's and with it.
fn adapt(job: &Value) -> Result<Value, Failure> {
    let (voice, folder) = (BaseVoice::open(path(&job["package"])?)?, path(&job["folder"])?);
    let narrator = voice.narrator();
    let (started, began) = (cpu_s()?, Instant::now());
    let mut given = Vec::new();
    for clip in job["learn"].as_array().into_iter().flatten() {
        let audio = Audio::decode(std::fs::read(path(&clip["wav"])?)?)?;
        let text = clip["text"].as_str().ok_or("no text")?;
        given.push((log_mel(trim_silence(&audio.samples)?)?, narrator.transcript(text)));
    }
    let recordings: Vec<_> = given.iter().map(|(log_mel, ids)| Recording { log_mel, ids }).collect();
    let config = VoiceConfig::default();
    let trained = train(voice.base(), &config, &recordings, None, &mut |_| true)?;
    let (spent, wall) = (cpu_s()? - started, began.elapsed().as_secs_f64());
    trained.character.save(folder, "hibari-heart")?;
    for (i, text) in job["say"].as_array().into_iter().flatten().enumerate() {
        let text = text.as_str().ok_or("no text")?;
        for (name, character) in [("base", Character::Base), ("adapted", trained.character.clone())] {
            let mut samples = Vec::new();
            for speech in narrator.say(text, character, 1.0, [0; 32]) {
                samples.extend(speech?.samples);
            }
            let speech = Speech { samples, sample_rate_hz: voice.base().sample_rate_hz() };
            std::fs::write(folder.join(format!("{name}-{i:02}.wav")), speech.to_wav())?;
        }
    }
    let losses = |first: bool| {
        let least = trained.evaluations.iter().min_by_key(|e| e.loss_micronats);
        let found = if first { trained.evaluations.first() } else { least };
        found.map(|e| json!({ "step": e.step, "loss": e.loss_micronats as f64 / 1e6 }))
    };
    Ok(json!({
        "seconds": trained.seconds,
        "left_out": trained.left_out.len(),
        "pitch": trained.manner.pitch,
        "pace": trained.manner.pace,
        "steps": trained.loss_micros.len(),
        "held_out_first": losses(true),
        "held_out_best": losses(false),
        "adapt_cpu_s": spent,
        "adapt_wall_s": wall,
        "adapter_bytes": std::fs::metadata(folder.join("adapter_model.safetensors"))?.len(),
    }))
}

/// Says the texts, as the base and as a character.
fn speak(job: &Value) -> Result<Value, Failure> {
    let before = resident_mb()?;
    let narrator = Narrator::open(path(&job["package"])?)?;
    let character = Character::load(path(&job["adapter"])?, &**narrator.base())?;
    let texts: Vec<&str> = job["texts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut first = Vec::new();
    let mut cost = |character: &Character| -> Result<f64, Failure> {
        first.clear();
        // The first text warms the caches.
        let (mut seconds, mut started) = (0.0, 0.0);
        for (i, text) in texts.iter().take(1).chain(&texts).enumerate() {
            let asked = Instant::now();
            for (sentence, speech) in narrator.say(text, character.clone(), 1.0, [0; 32]).enumerate() {
                let speech = speech?;
                if i > 0 && sentence == 0 {
                    first.push(asked.elapsed().as_secs_f64());
                }
                seconds += speech.seconds();
            }
            if i == 0 {
                (seconds, started) = (0.0, cpu_s()?);
            }
        }
        Ok((cpu_s()? - started) / seconds)
    };
    let base = cost(&Character::Base)?;
    let adapted = cost(&character)?;
    first.sort_by(f64::total_cmp);
    Ok(json!({
        "cpu_s_per_audio_s": adapted,
        "base_cpu_s_per_audio_s": base,
        "first_audio_ms": first.get(first.len() / 2).map(|s| s * 1e3),
        "peak_rss_mb": peak_mb().unwrap_or(f64::NAN) - before,
    }))
}

/// Resident memory of this process.
fn resident_mb() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<f64>()? / 1024.0)
}
