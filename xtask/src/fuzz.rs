//! `cargo xtask fuzz TARGET [SECONDS]`, on stable: cargo-fuzz with a target folder of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::{cache, cargo, root, run, target};

/// A fuzz target, and where its seeds are under `vectors/`.
pub struct Target {
    pub name: &'static str,
    pub seeds: &'static [&'static str],
}

const fn with(name: &'static str, seeds: &'static [&'static str]) -> Target {
    Target { name, seeds }
}

pub const TARGETS: [Target; 12] = [
    with("png", &["characters/png"]),
    with("charx", &["characters/charx"]),
    with("card", &["characters/json", "characters/eliza", "characters/lorebook"]),
    with("dialogue", &["characters/dialogue"]),
    with("audio", &["characters/audio"]),
    with("pov", &["characters/pov"]),
    with("proof", &[]),
    with("key", &["zk/key"]),
    with("evidence", &[]),
    with("quote", &["quotes"]),
    with("tokenizer", &["models/gguf", "models/qwen2"]),
    with("phonemes", &[]),
];

/// Largest single allocation that a target may make, and what it may hold in all: the files that a card carries
/// unpack to 256 MiB at most, and are copied once.
const MAX_ALLOCATION_MB: u32 = 320;
const MAX_MEMORY_MB: u32 = 2_048;
/// A hang is a run of more than this.
const MAX_RUN_S: u32 = 20;
const CARGO_FUZZ: &str = "0.13.2";

pub fn start(args: &[&str]) -> Result<()> {
    let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
    let name = *args.first().with_context(|| format!("fuzz: which one? ({})", names.join(", ")))?;
    let fuzzed = TARGETS.iter().find(|t| t.name == name);
    let fuzzed = fuzzed.with_context(|| format!("fuzz: no target {name:?}; there are {}", names.join(", ")))?;
    let seconds: u32 = args.get(1).map_or(Ok(60), |s| s.parse()).context("fuzz: seconds")?;
    build(name)?;
    run(&format!("fuzz {name} for {seconds} s"), &mut command(fuzzed, seconds)?)
}

/// Builds one target.
pub fn build(name: &str) -> Result<()> {
    let folder = cache()?.join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    let program = folder.join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let mut install = cargo(&["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
        run("cargo-fuzz, built once into the cache folder", install.arg(&folder).env_remove("CARGO_TARGET_DIR"))?;
    }
    let mut build = Command::new(program);
    // Sanitizers need unstable flags, which the variable allows; that changes every crate's build.
    build.args(["build", "--release", name]).env("RUSTC_BOOTSTRAP", "1");
    build.env("CARGO_TARGET_DIR", target().join("fuzz")).current_dir(root());
    run(&format!("build fuzz target {name}"), &mut build)
}

/// Runs a target that is built: what it finds new goes to `fuzz/corpus`, what it breaks to `fuzz/artifacts`.
pub fn command(fuzzed: &Target, seconds: u32) -> Result<Command> {
    let program = find(&target().join("fuzz"), fuzzed.name).context("the fuzz target was not built")?;
    let (corpus, artifacts) = (folder("corpus", fuzzed.name)?, folder("artifacts", fuzzed.name)?);
    let mut command = Command::new(program);
    command.arg(corpus).args(fuzzed.seeds.iter().map(|seeds| root().join("vectors").join(seeds)));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.args([
        format!("-max_total_time={seconds}"),
        "-max_len=65536".into(),
        format!("-timeout={MAX_RUN_S}"),
        format!("-malloc_limit_mb={MAX_ALLOCATION_MB}"),
        format!("-rss_limit_mb={MAX_MEMORY_MB}"),
    ]);
    Ok(command)
}

fn folder(kind: &str, name: &str) -> Result<PathBuf> {
    let folder = root().join("fuzz").join(kind).join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The program under `TRIPLE/release`.
fn find(built: &std::path::Path, name: &str) -> Option<PathBuf> {
    let mut triples = std::fs::read_dir(built).ok()?.flatten();
    triples.find_map(|entry| Some(entry.path().join("release").join(name)).filter(|p| p.is_file()))
}

/// What fuzzing is bounded by, for reports.
pub fn limits() -> serde_json::Value {
    serde_json::json!({"allocation_mb": MAX_ALLOCATION_MB, "memory_mb": MAX_MEMORY_MB, "run_s": MAX_RUN_S})
}

pub fn check_names(names: &[&str]) -> Result<()> {
    for name in names {
        ensure!(TARGETS.iter().any(|t| t.name == *name), "fuzz: no target {name:?}");
    }
    Ok(())
}
