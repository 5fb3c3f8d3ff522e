//! Running commands, and knowing where things are.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the repository. `cargo run` tells it: a program out of a shared target folder may come from another clone.
pub fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map(Path::to_owned).unwrap_or_default()
}

/// Where cargo builds to.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The one folder outside `target/` that is written to.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("LAZAI_CACHE") {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    Ok(PathBuf::from(home.context("neither LAZAI_CACHE nor HOME is set")?).join(".cache").join("lazai"))
}

/// A cargo command in the repository.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = untold(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())));
    command.args(args).current_dir(root());
    command
}

/// A command that builds. What `cargo run` tells this program of itself is kept from it: build scripts (ring's) look there, and
/// everything above them would be built again whenever xtask and cargo take turns.
pub fn untold(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") || told.starts_with("CARGO_BIN_") {
            command.env_remove(&name);
        }
    }
    command
}

/// True if a program answers.
pub fn has(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

/// Why there are no packages of npm on this machine, if there are none.
pub fn without_npm() -> Option<String> {
    let missing = ["node", "npm"].into_iter().find(|program| !has(program, "--version"));
    missing.map(|program| format!("{program} is not on this machine"))
}

/// Runs a command under a heading; fails if it does.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    println!("── {what}");
    let started = Instant::now();
    let status = command.status().with_context(|| format!("{what}: {:?} is not to be had", command.get_program()))?;
    if !status.success() {
        bail!("{what}: {status}");
    }
    let seconds = started.elapsed().as_secs();
    println!("   {what}: {seconds} s");
    TOOK.lock().unwrap_or_else(PoisonError::into_inner).push((seconds, what.to_owned()));
    Ok(())
}

/// Tells the steps that took longest, of those that ran.
pub fn took() {
    let mut steps = TOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let total: u64 = steps.iter().map(|(seconds, _)| seconds).sum();
    steps.sort_by_key(|(seconds, _)| Reverse(*seconds));
    println!("── {} steps took {total} s; the longest:", steps.len());
    steps.iter().take(20).for_each(|(seconds, what)| println!("   {seconds:>5} s  {what}"));
}

/// Seconds and name of each step so far.
static TOOK: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
