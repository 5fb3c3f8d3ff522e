//! Voices: how alike an adapter is to its speaker, how clear, how fast, beside the package that the base voice is of.
//!
//! Speakers and judges are Python's (`benches/peers/voice.py`): no judge is part of any training. Each training runs in a process of
//! its own.

mod part;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::data::output;
use crate::{Failure, chart};
pub use part::part;

/// Rounds of timing, both sides one after the other.
const ROUNDS: usize = 3;
/// Sentences of a speaker that a person is asked about.
const ASKED: usize = 3;

/// Runs it all in a folder; a picture and the page for people's ears go beside the report.
///
/// # Errors
/// What either side says.
pub fn run(folder: &Path, report: &Path) -> Result<Value, Failure> {
    let package = PathBuf::from(std::env::var_os("LAZAI_VOICE_PACKAGE").ok_or("LAZAI_VOICE_PACKAGE is not set")?);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cyber-diva");
    let found = peer(folder, "speakers", &json!({ "folder": folder, "data": data }))?;
    let speakers = found["speakers"].as_array().ok_or("no speakers")?;
    let new: Vec<&str> = found["new"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();

    let (mut adapted, mut judged, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    for speaker in speakers {
        let name = speaker["name"].as_str().ok_or("a speaker without a name")?;
        let out = folder.join(name);
        std::fs::create_dir_all(&out)?;
        let held = speaker["held"].as_array().ok_or("no held-out recordings")?;
        let mut texts: Vec<&str> = held.iter().filter_map(|clip| clip["text"].as_str()).collect();
        texts.extend(&new);
        let job = json!({ "package": package, "learn": speaker["learn"], "say": texts, "folder": out });
        adapted.push(from_self("adapt", folder, &job)?);
        let said = |kind: &str| -> Vec<Value> {
            let file = |i: usize| out.join(format!("{kind}-{i:02}.wav"));
            texts.iter().enumerate().map(|(i, text)| json!([file(i), text])).collect()
        };
        let (base, ours) = (said("base"), said("adapted"));
        let real: Vec<Value> = held.iter().map(|clip| json!([clip["wav"], clip["text"]])).collect();
        let learn: Vec<&Value> = speaker["learn"].as_array().into_iter().flatten().map(|clip| &clip["wav"]).collect();
        for (i, clip) in held.iter().enumerate().take(ASKED) {
            heard.push(json!({
                "speaker": name, "text": clip["text"], "known": learn[i], "real": clip["wav"], "base": base[i][0], "adapted": ours[i][0],
            }));
        }
        judged.push(json!({
            "name": name, "rate": speaker["rate"], "learn": learn, "real": real, "base": base, "adapted": ours,
        }));
    }
    let judgement = peer(folder, "judge", &json!({ "speakers": judged }))?;
    let page = report.with_file_name("voice-blind.html");
    peer(folder, "blind", &json!({ "trials": heard, "page": page }))?;

    // Each side says the new texts; the better round counts.
    let adapter = speakers.first().map(|speaker| folder.join(speaker["name"].as_str().unwrap_or_default()));
    let job = json!({ "package": package, "texts": new, "adapter": adapter });
    let (mut ours, mut theirs, mut wasm) = (Value::Null, Value::Null, Value::Null);
    for _ in 0..ROUNDS {
        cheaper(&mut ours, from_self("speak", folder, &job)?);
        cheaper(&mut theirs, peer(folder, "speak", &job)?);
        if let Some(run) = in_wasm(folder, &job)? {
            cheaper(&mut wasm, run);
        }
    }
    summary(&found, &adapted, &judgement, (&ours, &theirs, &wasm), report)
}

/// The character's voice in WebAssembly, where the package for JavaScript could be built.
fn in_wasm(folder: &Path, job: &Value) -> Result<Option<Value>, Failure> {
    let (Some(package), Some(script)) = (std::env::var_os("LAZAI_WASM_PACKAGE"), std::env::var_os("LAZAI_WASM_SCRIPT"))
    else {
        return Ok(None);
    };
    let file = folder.join("wasm.json");
    std::fs::write(&file, serde_json::to_vec(job)?)?;
    output(Command::new("node").arg(script).arg(package).arg(file)).map(Some)
}

/// The figures, and a row for each speaker.
fn summary(
    found: &Value,
    adapted: &[Value],
    judgement: &Value,
    (ours, theirs, wasm): (&Value, &Value, &Value),
    report: &Path,
) -> Result<Value, Failure> {
    let judged = judgement["speakers"].as_array().ok_or("no judgement")?;
    let mut rows = Vec::new();
    for ((speaker, trained), judged) in found["speakers"].as_array().into_iter().flatten().zip(adapted).zip(judged) {
        let mut row = json!({
            "name": speaker["name"], "sex": speaker["sex"], "source": speaker["source"], "rate": speaker["rate"],
            "recordings": speaker["learn"].as_array().map(Vec::len),
            "held_out": speaker["held"].as_array().map(Vec::len),
        });
        if let (Value::Object(row), Value::Object(trained)) = (&mut row, trained) {
            row.extend(trained.clone());
        }
        for (kind, name) in [("base", "base"), ("adapted", "adapted"), ("real", "ceiling")] {
            row[format!("similarity_{name}")] = judged[kind]["similarity"].clone();
            row[format!("words_{kind}")] = judged[kind]["words"].clone();
            row[format!("wrong_{kind}")] = judged[kind]["wrong"].clone();
        }
        row["gap_closed"] = judged["gap_closed"].clone();
        row["misheard"] = judged["adapted"]["misheard"].clone();
        rows.push(row);
    }
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let all = |key: &str| rows.iter().map(|row| number(&row[key])).collect::<Vec<f64>>();
    let mean = |key: &str| all(key).iter().sum::<f64>() / rows.len().max(1) as f64;
    let sum = |key: &str| all(key).iter().sum::<f64>();
    let bars: Vec<_> = rows
        .iter()
        .map(|row| {
            let name = row["name"].as_str().unwrap_or_default().to_owned();
            let value = |key: &str| number(&row[format!("similarity_{key}")]);
            (name, vec![value("base"), value("adapted"), value("ceiling")])
        })
        .collect();
    let picture = chart::bars("Likeness to the speaker", &["base", "adapted", "the speaker's own"], &bars);
    std::fs::write(report.with_extension("svg"), picture)?;
    Ok(json!({
        "cpu_s_per_audio_s": ours["cpu_s_per_audio_s"],
        "base_cpu_s_per_audio_s": ours["base_cpu_s_per_audio_s"],
        "peer_cpu_s_per_audio_s": theirs["cpu_s_per_audio_s"],
        "first_audio_ms": ours["first_audio_ms"],
        "peer_first_audio_ms": theirs["first_audio_ms"],
        "similarity_base": mean("similarity_base"),
        "similarity_adapted": mean("similarity_adapted"),
        "similarity_ceiling": mean("similarity_ceiling"),
        "gap_closed": mean("gap_closed"),
        "gap_closed_least": all("gap_closed").into_iter().fold(f64::INFINITY, f64::min),
        "words": sum("words_adapted"),
        "wer_base": sum("wrong_base") / sum("words_base"),
        "wer_adapted": sum("wrong_adapted") / sum("words_adapted"),
        "wer_real": sum("wrong_real") / sum("words_real"),
        "adapt_cpu_s": all("adapt_cpu_s").into_iter().fold(0.0, f64::max),
        "peak_rss_mb": ours["peak_rss_mb"],
        "peer_peak_rss_mb": theirs["peak_rss_mb"],
        "adapter_bytes": adapted.first().map(|trained| trained["adapter_bytes"].clone()),
        "wasm_cpu_s_per_audio_s": wasm["cpu_s_per_audio_s"],
        "wasm_first_audio_ms": wasm["first_audio_ms"],
        "wasm_module_gz_bytes": wasm["module_gz_bytes"],
        "wasm_memory_mb": wasm["memory_mb"],
        "speakers": rows,
        "missing": found["missing"],
        "notes": [
            "similarity: cosine of Resemblyzer's embeddings with the centroid of the recordings that were learnt from, in the band \
             of the recordings; ceiling: the speaker's held-out recordings",
            "gap_closed: (adapted - base) / (ceiling - base), of each speaker, then the mean",
            "words: Whisper tiny.en, on texts that were held out and on texts that no speaker was recorded with",
            "adapt_cpu_s: the dearest speaker, everything included; peak_rss_mb: beyond what the process had before it opened the voice",
            "wasm_cpu_s_per_audio_s: the adapter, text to phonemes included, in Node's engine, one thread, without SIMD; Chromium's engine is the same",
        ],
    }))
}

/// Keeps the run that cost less.
fn cheaper(best: &mut Value, run: Value) {
    let cost = |run: &Value| run["cpu_s_per_audio_s"].as_f64().unwrap_or(f64::INFINITY);
    if best.is_null() || cost(&run) < cost(best) {
        *best = run;
    }
}

/// This program again, with another verb.
fn from_self(verb: &str, folder: &Path, job: &Value) -> Result<Value, Failure> {
    let path = folder.join("own-job.json");
    std::fs::write(&path, job.to_string())?;
    output(Command::new(std::env::current_exe()?).arg("voice-part").arg(verb).arg(path))
}

fn peer(folder: &Path, verb: &str, job: &Value) -> Result<Value, Failure> {
    let python = std::env::var_os("LAZAI_PEER_PYTHON").ok_or("LAZAI_PEER_PYTHON is not set")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("voice.py");
    let (job_path, out) = (folder.join("job.json"), folder.join("out.json"));
    std::fs::write(&job_path, job.to_string())?;
    let mut command = Command::new(python);
    command.arg(script).arg(verb).arg(job_path).arg(&out).env("HF_HUB_OFFLINE", "1").env("OMP_NUM_THREADS", "1");
    let status = command.stdout(std::process::Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{verb} of the peer: {status}").into());
    }
    Ok(serde_json::from_slice(&std::fs::read(out)?)?)
}
