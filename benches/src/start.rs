//! The start of an engine, and the memory of two on one machine: packed weights in memory beside packed weights in a mapped file.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use lazai::lora::generate::{GenerateJob, Sampler};
use lazai::lora::{Engine, EngineSettings, Generator, WeightFormat};
use lazai_core::message::{Message, Role};
use serde_json::{Value, json};

use crate::Failure;

const ROUNDS: usize = 5;

/// Starts engines with and without a folder for packed weights.
///
/// # Errors
/// What an engine says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let gguf = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let weights = folder.join("weights");
    let written = Part::start(&gguf, Some(&weights))?.told.clone();
    let file = std::fs::read_dir(&weights)?.next().ok_or("no file was written")??.metadata()?.len();
    let mut told = json!({});
    for (name, weights) in [("memory", None), ("mapped", Some(weights.as_path()))] {
        let mut starts = Vec::new();
        for _ in 0..ROUNDS {
            starts.push(Part::start(&gguf, weights)?.told.clone());
        }
        let best = |key: &str| starts.iter().filter_map(|start| start[key].as_f64()).fold(f64::INFINITY, f64::min);
        let (start_ms, reply_ms) = (best("start_ms"), best("reply_ms"));
        let alone = starts.first().map(|start| start["memory"].clone());
        let mut two = [Part::start(&gguf, weights)?, Part::start(&gguf, weights)?];
        let [one, other] = two.each_mut().map(Part::memory);
        told[name] = json!({
            "start_ms": start_ms, "first_reply_ms": reply_ms, "one": alone, "two": [one?, other?],
        });
    }
    told["written"] = written;
    told["model_bytes"] = std::fs::metadata(&gguf)?.len().into();
    told["packed_bytes"] = file.into();
    told["replies_are_alike"] = (told["memory"]["one"].is_object() && alike(&gguf, &weights)?).into();
    Ok(told)
}

/// Whether both make the same reply.
fn alike(gguf: &Path, weights: &Path) -> Result<bool, Failure> {
    Ok(Part::start(gguf, None)?.told["tokens"] == Part::start(gguf, Some(weights))?.told["tokens"])
}

/// An engine in a process of its own.
struct Part {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
    told: Value,
}

impl Part {
    fn start(gguf: &Path, weights: Option<&Path>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("start-part").arg(gguf).args(weights);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(process.stdout.take().ok_or("no answers")?);
        let mut part = Self { process, answers, told: Value::Null };
        part.told = part.answer()?;
        Ok(part)
    }

    fn answer(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Its memory now.
    fn memory(&mut self) -> Result<Value, Failure> {
        let input = self.process.stdin.as_mut().ok_or("no input")?;
        input.write_all(b"\n")?;
        self.answer()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// An engine that tells how it started, and its memory whenever it is asked.
///
/// # Errors
/// What the engine says.
pub fn part(args: &[String]) -> Result<(), Failure> {
    let [gguf, weights @ ..] = args else { return Err("which model?".into()) };
    let mut settings = EngineSettings::default();
    settings.weights = weights.first().map(PathBuf::from);
    let begun = Instant::now();
    let engine = Engine::open(Path::new(gguf), WeightFormat::AsStored, settings)?;
    let start_ms = begun.elapsed().as_secs_f64() * 1e3;
    let sampler = Sampler { max_tokens: 32, ..Sampler::default() };
    let job = GenerateJob {
        adapter: None,
        conversation: None,
        shared: Vec::new(),
        messages: vec![Message::new(Role::User, "What does the keeper of a lighthouse do?")],
        sampler,
        seed: 1,
        patience: GenerateJob::PATIENCE,
    };
    let begun = Instant::now();
    let reply = pollster::block_on(engine.generate(job).reply())?;
    let reply_ms = begun.elapsed().as_secs_f64() * 1e3;
    let mut out = std::io::stdout().lock();
    let told = json!({"start_ms": start_ms, "reply_ms": reply_ms, "tokens": reply.tokens, "memory": memory()?});
    writeln!(out, "{told}")?;
    out.flush()?;
    for _ in std::io::stdin().lock().lines() {
        writeln!(out, "{}", memory()?)?;
        out.flush()?;
    }
    Ok(())
}

/// Memory of this process in megabytes: what it sees (`rss`), and its share of what is shared (`pss`).
fn memory() -> Result<Value, Failure> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let kb = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
    };
    let mb = |name: &str| kb(name).map(|kb| (kb * 1_024.0 / 1e6).round());
    Ok(json!({"rss_mb": mb("Rss:"), "pss_mb": mb("Pss:")}))
}
