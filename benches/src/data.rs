//! How fast dialogues become a training set, beside Hugging Face datasets and tokenizers; how fast recordings become
//! spectrograms, beside librosa. Each side runs in a process of its own, so that its peak memory is its own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lazai::core::dialogue::{Dialogue, Options, read_all};
use lazai::core::pov::{Clip, Contributor, PovFile, Record, Speech, Writer};
use lazai::core::prepare::{Preparation, Settings};
use lazai::core::voice::{Audio, LogMel};
use lazai::core::{Address, Digest};
use lazai::models::{DatasetBuilder, ModelCounter};
use serde_json::{Value, json};

use crate::Failure;

const DIALOGUES: usize = 100_000;
const FEW: usize = 10_000;
const CLIPS: usize = 20;
const CLIP_SECONDS: usize = 30;
const RUNS: usize = 3;
/// Clips of ten seconds, 320 kB each.
const POV_CLIPS: usize = 3_400;

/// Runs both comparisons, in a folder on the disk that is measured.
///
/// # Errors
/// What either side says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let model = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let counter = ModelCounter::from_gguf(&model)?;
    std::fs::write(folder.join("tokenizer.json"), counter.tokenizer().to_json()?)?;
    let (many, few) = (folder.join("many.jsonl"), folder.join("few.jsonl"));
    generate(&many, DIALOGUES)?;
    generate(&few, FEW)?;

    let ours_few = from_evm(&["import", few.to_str().ok_or("path")?, folder.to_str().ok_or("path")?])?;
    let (mut ours_best, mut peer_best) = (Value::Null, Value::Null);
    for _ in 0..RUNS {
        let run = from_evm(&["import", many.to_str().ok_or("path")?, folder.to_str().ok_or("path")?])?;
        ours_best = faster(ours_best, run);
        let tokenizer = folder.join("tokenizer.json");
        let run = peer(&["import".as_ref(), many.as_ref(), tokenizer.as_ref(), folder.as_ref()])?;
        peer_best = faster(peer_best, run);
        let _ = std::fs::remove_dir_all(folder.join("cache"));
    }
    let mel = mel(folder)?;
    let pov = from_evm(&["pov", folder.join("large.safetensors").to_str().ok_or("path")?, ""])?;
    let rate = |run: &Value| run["tokens"].as_f64().unwrap_or(0.0) / run["seconds"].as_f64().unwrap_or(f64::INFINITY);
    // What the peer spends on reading, normalising, tokenizing and writing alone, against all that we do.
    let plain: f64 =
        ["read", "normalise", "tokenize", "write"].iter().filter_map(|step| peer_best["steps"][step].as_f64()).sum();
    Ok(json!({
        "dialogues": DIALOGUES,
        "input_mb": std::fs::metadata(&many)?.len() as f64 / 1e6,
        "import_ratio": rate(&ours_best) / rate(&peer_best),
        "import_ratio_peer_without_duplicates_and_split":
            rate(&ours_best) / (peer_best["tokens"].as_f64().unwrap_or(0.0) / plain),
        "import_tokens_per_s": rate(&ours_best),
        "peer_tokens_per_s": rate(&peer_best),
        "import_peak_mb_10k": ours_few["peak_mb"],
        "import_peak_mb_100k": ours_best["peak_mb"],
        "peer_peak_mb_100k": peer_best["peak_mb"],
        "mel_ratio": mel["ratio"],
        "mel_max_abs_error": mel["max_abs_error"],
        "pov_peak_mb_1gib": pov["peak_mb"],
        "pov": pov,
        "import": ours_best,
        "import_10k": ours_few,
        "peer": peer_best,
        "mel": mel,
    }))
}

fn faster(best: Value, run: Value) -> Value {
    match (best["seconds"].as_f64(), run["seconds"].as_f64()) {
        (Some(best_s), Some(run_s)) if best_s <= run_s => best,
        _ => run,
    }
}

/// This program again, with another verb.
fn from_evm(args: &[&str]) -> Result<Value, Failure> {
    output(Command::new(std::env::current_exe()?).arg("data-part").args(args))
}

fn peer(args: &[&std::ffi::OsStr]) -> Result<Value, Failure> {
    let python = std::env::var_os("LAZAI_PEER_PYTHON").ok_or("LAZAI_PEER_PYTHON is not set")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("data.py");
    output(Command::new(python).arg(script).args(args))
}

pub(crate) fn output(command: &mut Command) -> Result<Value, Failure> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().ok_or("no output")?)?)
}

/// One side's work in this process: `import FILE FOLDER`, or `pov FILE`.
///
/// # Errors
/// What the work says.
pub fn part(args: &[String]) -> Result<Value, Failure> {
    match args {
        [verb, file, folder] if verb == "import" => import(file, folder),
        [verb, file, _] if verb == "pov" => pov(Path::new(file)),
        _ => Err("usage: data-part import FILE FOLDER".into()),
    }
}

/// Writes, looks into and checks a POV file of more than 1 GiB.
fn pov(path: &Path) -> Result<Value, Failure> {
    let started = Instant::now();
    let mut writer = Writer::create(path, vec![contributor("bench")], Digest::ZERO, 49_152, 0)?;
    let tokens: Vec<u32> = (0..256).collect();
    writer.record(&Record { contributor: 0, loss_mask: vec![true; tokens.len()], tokens })?;
    for clip in 0..POV_CLIPS {
        let log_mel = (0..80 * 1_000).map(|i| (i * 31 + clip) as f32 * 1e-6).collect();
        let (licence, consent) = ("CC0-1.0".into(), "generated".into());
        let speech = Speech { contributor: 0, transcript: format!("clip {clip}"), licence, consent, record: Some(0) };
        writer.clip(&Clip { log_mel, speech })?;
    }
    writer.finish()?;
    let write_s = started.elapsed().as_secs_f64();
    let file = PovFile::open(path)?;
    let open_s = started.elapsed().as_secs_f64() - write_s;
    file.verify()?;
    let verify_s = started.elapsed().as_secs_f64() - write_s - open_s;
    Ok(json!({
        "bytes": file.bytes(), "write_s": write_s, "open_s": open_s, "verify_s": verify_s, "peak_mb": peak_mb(),
    }))
}

pub(crate) fn contributor(name: &str) -> Contributor {
    Contributor {
        address: Address::from_bytes([7; 20]),
        name: name.into(),
        licence: "CC0-1.0".into(),
        consent: "generated".into(),
    }
}

fn import(file: &str, folder: &str) -> Result<Value, Failure> {
    let model = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let counter = ModelCounter::from_gguf(&model)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = Options { contributor: "bench".into(), ..Options::default() };

    let started = Instant::now();
    let mut preparation = Preparation::new(Settings { threads, ..Settings::default() })?;
    preparation.add(file, File::open(file)?, &options)?;
    let read_s = started.elapsed().as_secs_f64();
    let prepared = preparation.finish()?;
    let found_s = started.elapsed().as_secs_f64();
    let path = Path::new(folder).join("ours.safetensors");
    let builder = DatasetBuilder::new(counter.tokenizer(), counter.template());
    builder.with_contributors(vec![contributor("bench")]).write(&path, prepared.train()?, threads)?;
    let seconds = started.elapsed().as_secs_f64();

    let written = PovFile::open(&path)?;
    Ok(json!({
        "seconds": seconds,
        "steps": {"read": read_s, "duplicates_and_split": found_s - read_s, "tokenize_and_write": seconds - found_s},
        "tokens": written.tokens(),
        "records": written.records(),
        "kept": prepared.statistics().kept,
        "held_out": prepared.statistics().held_out,
        "quality_bps": prepared.quality().score,
        "peak_mb": peak_mb(),
    }))
}

pub(crate) fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % end as u64) as usize
    }
}

fn diva(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cyber-diva").join(file)
}

/// Dialogues of two to eight messages out of the example character's words; one in twenty is an exact copy, one in
/// twenty a copy with a word changed, one in ten has white space and composed letters to normalise.
fn generate(path: &Path, count: usize) -> Result<(), Failure> {
    let (dialogues, _): (Vec<Dialogue>, _) =
        read_all(&std::fs::read(diva("data/dialogues.jsonl"))?, &Options::default())?;
    let words: Vec<&str> =
        dialogues.iter().flat_map(|d| &d.messages).flat_map(|m| m.content.split_whitespace()).collect();
    let mut random = Random(42);
    let mut out = BufWriter::new(File::create(path)?);
    let mut last: Vec<(&str, String)> = Vec::new();
    for _ in 0..count {
        let kind = random.below(20);
        if kind >= 2 || last.is_empty() {
            let exchanges = 1 + random.below(4);
            last = (0..exchanges * 2)
                .map(|i| {
                    let length = if i % 2 == 0 { 5 + random.below(15) } else { 15 + random.below(30) };
                    let text: Vec<&str> = (0..length).map(|_| words[random.below(words.len())]).collect();
                    (if i % 2 == 0 { "user" } else { "assistant" }, text.join(" "))
                })
                .collect();
        } else if kind == 1 {
            last[0].1.push_str(" indeed");
        }
        let dirty = random.below(10) == 0;
        let messages: Vec<Value> = last
            .iter()
            .map(|(role, text)| {
                let content = if dirty { format!(" cafe\u{301}  {text}\r\n") } else { text.clone() };
                json!({"role": role, "content": content})
            })
            .collect();
        serde_json::to_writer(&mut out, &json!({"messages": messages}))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Spectrograms of the example character's recordings, repeated to clips of half a minute.
fn mel(folder: &Path) -> Result<Value, Failure> {
    let mut voice = Vec::new();
    for i in 1..=CLIPS {
        voice.extend(Audio::decode(std::fs::read(diva(&format!("voice/clip-{i:02}.wav")))?)?.samples);
    }
    let length = CLIP_SECONDS * 16_000;
    let clips: Vec<Vec<f32>> =
        (0..CLIPS).map(|i| voice.iter().copied().cycle().skip(i * 16_000).take(length).collect()).collect();
    let samples = folder.join("samples.f32");
    let bytes: Vec<u8> = clips.iter().flatten().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(&samples, bytes)?;
    let (mut ours_s, mut peer_s, mut error) = (f64::INFINITY, f64::INFINITY, 0f32);
    let plan = LogMel::new();
    for _ in 0..RUNS {
        let seconds = CLIP_SECONDS.to_string();
        let run = peer(&["mel".as_ref(), samples.as_ref(), seconds.as_ref(), folder.as_ref()])?;
        peer_s = peer_s.min(run["seconds"].as_f64().unwrap_or(f64::INFINITY));
        let started = Instant::now();
        let ours = clips.iter().map(|clip| plan.compute(clip)).collect::<Result<Vec<_>, _>>()?.concat();
        ours_s = ours_s.min(started.elapsed().as_secs_f64());
        let theirs = std::fs::read(folder.join("mel.f32"))?;
        let theirs = theirs.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        if theirs.len() != ours.len() {
            return Err(format!("{} values here, {} there", ours.len(), theirs.len()).into());
        }
        error = ours.iter().zip(theirs).fold(error, |error, (a, b)| error.max((a - b).abs()));
    }
    Ok(json!({
        "audio_seconds": CLIPS * CLIP_SECONDS,
        "seconds": ours_s,
        "librosa_seconds": peer_s,
        "ratio": peer_s / ours_s,
        "max_abs_error": error,
    }))
}
