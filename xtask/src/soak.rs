//! `cargo xtask soak NAME`: the long counts, in slices, resumable (but `node` and `replicas`, which are ten minutes in one); the result
//! goes to `benches/results/`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::checks::FEATURES;
use crate::fuzz::{self, TARGETS};
use crate::shell::{cargo, root, target};

/// Seconds of one slice: what is lost when a soak is killed.
const SLICE_S: u32 = 60;
/// Seconds for each fuzz target.
const FUZZ_S: u32 = 20 * 60;

pub fn run(args: &[&str]) -> Result<()> {
    match args.split_first() {
        Some((&"differential", [])) => differential(),
        Some((&"disputes", [])) => disputes(),
        Some((&"fuzz", names)) => fuzz_all(names),
        Some((&"keys", [])) => keys(),
        Some((&"market", [])) => market(),
        Some((&"node", options)) => storm("node", "a_node_keeps_its_promises_in_a_storm", options),
        Some((&"power", [])) => power(),
        Some((&"proofs", [])) => proofs(),
        Some((&"replicas", options)) => storm("replicas", "replicas_keep_a_nodes_promises_in_a_storm", options),
        Some((&"schedules", [])) => schedules(),
        _ => bail!(
            "soak: which one? (differential, disputes, fuzz [TARGET ...], keys, market, node, power, proofs, replicas, schedules)"
        ),
    }
}

/// Markets of the differential run, of 250 operations each; and how many make a slice.
const MARKETS: u64 = 4_000;
const SLICE_MARKETS: u64 = 400;

/// Random operations through the Rust market and the contracts, and a ledger that reads these.
fn differential() -> Result<()> {
    let seeds = Seeds {
        name: "differential",
        test: &["--test", "differential"],
        counts: "markets:",
        all: MARKETS,
        slice: SLICE_MARKETS,
    };
    seeds.run()?;
    let counts = json!({
        "machine": machine(), "date": today()?, "markets": MARKETS, "operations": MARKETS * 250, "differences": 0,
    });
    result("differential", &counts)
}

/// Markets of bonds and disputes, a seed each; and how many make a slice.
const QUARRELS: u64 = 10_000;
const SLICE_QUARRELS: u64 = 1_000;

/// Nodes, consumers and validators who lie: see `lazai-settle/tests/disputes_sim.rs`.
fn disputes() -> Result<()> {
    let seeds = Seeds {
        name: "disputes",
        test: &["--test", "disputes_sim"],
        counts: "markets:",
        all: QUARRELS,
        slice: SLICE_QUARRELS,
    };
    let sums = seeds.run()?;
    let [disputes, upheld, denied, undecided] = [1, 2, 3, 4].map(|n| sums.get(n).copied().unwrap_or(0));
    let counts = json!({
        "machine": machine(), "date": today()?, "seeds": QUARRELS, "disputes": disputes, "upheld": upheld, "denied": denied, "undecided": undecided,
        "violated_invariants": 0,
    });
    result("disputes", &counts)
}

/// Whole markets on a chain that reorganises, a seed each; and how many make a slice.
const STORMS: u64 = 10_000;
const SLICE_STORMS: u64 = 500;

/// Whole markets in a storm: see `lazai/tests/simulation`.
fn market() -> Result<()> {
    let seeds =
        Seeds { name: "market", test: &["--test", "simulation"], counts: "markets:", all: STORMS, slice: SLICE_STORMS };
    let sums = seeds.run()?;
    let [orders, reorganisations, crashes, lies] = [1, 2, 3, 4].map(|n| sums.get(n).copied().unwrap_or(0));
    let counts = json!({
        "machine": machine(), "date": today()?, "seeds": STORMS, "orders": orders, "reorganisations": reorganisations, "deepest": 12, "crashes": crashes,
        "lies": lies, "violated_invariants": 0,
    });
    result("market", &counts)
}

/// Random schedules of replies, and how many make a slice.
const SCHEDULES: u64 = 1_000;
const SLICE_SCHEDULES: u64 = 100;

/// Replies in random schedules: who comes when, who leaves, what room there is; each is the one that is made alone.
fn schedules() -> Result<()> {
    let seeds = Seeds {
        name: "schedules",
        test: &["--lib", "no_reply_depends_on_the_schedule"],
        counts: "schedules:",
        all: SCHEDULES,
        slice: SLICE_SCHEDULES,
    };
    let sums = seeds.run()?;
    let [replies, left] = [1, 2].map(|n| sums.get(n).copied().unwrap_or(0));
    let counts = json!({
        "machine": machine(), "date": today()?, "schedules": SCHEDULES, "replies": replies, "left": left, "other_replies": 0,
    });
    result("schedules", &counts)
}

/// A test that runs seeds, slice by slice. Killed and run again, it goes on with the next slice.
struct Seeds {
    name: &'static str,
    /// Arguments of `cargo test`.
    test: &'static [&'static str],
    /// What the line with a slice's counts begins with.
    counts: &'static str,
    all: u64,
    slice: u64,
}

impl Seeds {
    /// Runs all; the sums of the numbers on the last line that each slice told.
    fn run(&self) -> Result<Vec<u64>> {
        let cursor = target().join("soak").join(format!("{}.json", self.name));
        let before = std::fs::read(&cursor).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (mut done, mut sums): (u64, Vec<u64>) = before.unwrap_or_default();
        let variable = |what: &str| format!("LAZAI_{}_{what}", self.name.to_uppercase());
        while done < self.all {
            let mut command = as_tested(self.test);
            command.env(variable("FIRST"), done.to_string()).env(variable("SEEDS"), self.slice.to_string());
            let told = run_quietly(&format!("seeds {done} to {}", done + self.slice), &mut command)?;
            let numbers = |line: &str| -> Vec<u64> {
                line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
            };
            let line = told.lines().rev().find(|line| line.contains(self.counts)).map(numbers).unwrap_or_default();
            sums.resize(sums.len().max(line.len()), 0);
            sums.iter_mut().zip(line).for_each(|(sum, n)| *sum += n);
            done += self.slice;
            std::fs::create_dir_all(cursor.parent().context("a folder")?)?;
            std::fs::write(&cursor, serde_json::to_vec(&(done, &sums))?)?;
        }
        std::fs::remove_file(&cursor).ok();
        Ok(sums)
    }
}

/// One of the tests, built as `cargo xtask test` builds everything: nothing is built twice.
fn as_tested(test: &[&str]) -> Command {
    let mut command = cargo(&["test", "--quiet", "--workspace", "--features", FEATURES]);
    command.args(test).args(["--", "--nocapture"]);
    command
}

/// A power cut at every write of the embedded ledger's scenario.
fn power() -> Result<()> {
    let mut test = cargo(&["test", "-p", "lazai-settle", "--test", "power_cut", "--", "--nocapture"]);
    test.env("LAZAI_POWER_STEP", "1");
    let told = run_quietly("power cuts", &mut test)?;
    let line = told.lines().find(|line| line.contains("power cuts, at")).context("the test told no count")?;
    result("power", &json!({"transactions": 1_000, "told": line, "lost": 0, "applied_twice": 0}))
}

/// Every circuit of the prover, built again: its keys are the pinned ones, byte for byte.
fn keys() -> Result<()> {
    let mut test = as_tested(&["--lib", "the_pinned_keys_are_of_these_circuits"]);
    test.env("LAZAI_KEYS_ALL", "1");
    let told = run_quietly("every circuit", &mut test)?;
    let line = told.lines().find(|line| line.contains("keys:")).context("the test told no count")?;
    result("keys", &json!({"machine": machine(), "date": today()?, "told": line, "differences": 0}))
}

/// Damaged proofs, at least as many as there are cases; and how many make a slice.
const DAMAGES: u64 = 31_000;
const SLICE_DAMAGES: u64 = 3_100;

/// Proofs damaged in every way that keeps their structure.
fn proofs() -> Result<()> {
    let seeds = Seeds {
        name: "proofs",
        test: &["--lib", "no_structured_damage_is_accepted"],
        counts: "proofs:",
        all: DAMAGES,
        slice: SLICE_DAMAGES,
    };
    let sums = seeds.run()?;
    let counts = json!({
        "machine": machine(), "date": today()?, "damaged_proofs": sums.first(), "accepted": 0,
    });
    result("proofs", &counts)
}

/// Minutes and clients of the whole soak of a node, and how often each of its replicas is killed in it.
const MINUTES: u64 = 10;
const CLIENTS: u64 = 200;
const KILLS: u64 = 2;

/// A node or its replicas in a storm: see `lazai/tests/soak`. Only the whole soak is a result.
fn storm(name: &str, test: &str, options: &[&str]) -> Result<()> {
    let (mut minutes, mut clients) = (MINUTES, CLIENTS);
    for option in options.chunks(2) {
        let [option, number] = option else { bail!("soak {name}: {} of what?", option[0]) };
        match *option {
            "--minutes" => minutes = number.parse()?,
            "--clients" => clients = number.parse()?,
            _ => bail!("soak {name}: unknown option {option:?} (--minutes N, --clients N)"),
        }
    }
    let told = target().join("reports").join(format!("soak-{name}.json"));
    std::fs::create_dir_all(told.parent().context("a folder")?)?;
    std::fs::remove_file(&told).ok();
    let mut storm = as_tested(&["--test", "soak"]);
    storm.args(["--exact", test]);
    storm.env("LAZAI_NODE_SECONDS", (minutes * 60).to_string()).env("LAZAI_NODE_CLIENTS", clients.to_string());
    storm.env("LAZAI_NODE_KILLS", KILLS.to_string()).env("LAZAI_NODE_REPORT", &told);
    let ran = run_quietly(&format!("{clients} clients for {minutes} minutes"), &mut storm);
    let report: serde_json::Value = match std::fs::read(&told) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => bail!("no report: {}", ran?),
    };
    println!("{report:#}");
    ran?;
    if (minutes, clients) != (MINUTES, CLIENTS) {
        return Ok(());
    }
    let command = format!("cargo xtask soak {name}");
    result(name, &json!({"machine": machine(), "date": today()?, "command": command, "report": report}))
}

/// This machine in words.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |m| m.1);
    format!("{cores} cores of {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The day, as the system's `date` has it.
pub fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Runs a command, and shows what it said if it fails.
fn run_quietly(what: &str, command: &mut Command) -> Result<String> {
    println!("── {what}");
    let output = command.stderr(Stdio::piped()).output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{what}:\n{told}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(told)
}

fn result(name: &str, report: &serde_json::Value) -> Result<()> {
    let file = root().join("benches").join("results").join(format!("soak-{name}.json"));
    std::fs::write(&file, format!("{report:#}\n")).with_context(|| file.display().to_string())
}

/// What a target has behind it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Done {
    seconds: u32,
    runs: u64,
    crashes: u32,
}

type State = BTreeMap<String, Done>;

fn state_file() -> PathBuf {
    target().join("soak").join("fuzz.json")
}

/// Fuzzes each target for twenty minutes, two at a time.
fn fuzz_all(names: &[&str]) -> Result<()> {
    fuzz::check_names(names)?;
    let chosen: Vec<_> = TARGETS.iter().filter(|t| names.is_empty() || names.contains(&t.name)).collect();
    let mut state: State = match std::fs::read(state_file()) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => State::new(),
    };
    // What crashed was mended since, or will crash again: it starts over.
    state.retain(|_, done| done.crashes == 0);
    for target in &chosen {
        fuzz::build(target.name)?;
    }
    let state = Mutex::new(state);
    let queue = Mutex::new(chosen.into_iter());
    let next = || queue.lock().ok()?.next();
    let workers: Vec<Result<()>> = std::thread::scope(|scope| {
        let work = || {
            while let Some(target) = next() {
                while state.lock().expect("no worker panics").entry(target.name.into()).or_default().seconds < FUZZ_S {
                    let slice = slice(target)?;
                    let mut state = state.lock().expect("no worker panics");
                    let done = state.entry(target.name.into()).or_default();
                    done.seconds += SLICE_S;
                    done.runs += slice.runs;
                    done.crashes += slice.crashes;
                    println!("{}: {} s, {} runs, {} crashes", target.name, done.seconds, done.runs, done.crashes);
                    save(&state)?;
                    ensure!(done_without_crash(&state, target.name), "{}: see fuzz/artifacts", target.name);
                }
            }
            Ok(())
        };
        let running = [scope.spawn(work), scope.spawn(work)];
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a worker panicked"))).collect()
    });
    let state = state.into_inner().expect("no worker panics");
    let report = json!({"seconds_per_target": FUZZ_S, "limits": fuzz::limits(), "targets": state});
    result("fuzz", &report)?;
    workers.into_iter().collect()
}

fn done_without_crash(state: &State, name: &str) -> bool {
    state.get(name).is_none_or(|done| done.crashes == 0)
}

fn save(state: &State) -> Result<()> {
    let file = state_file();
    std::fs::create_dir_all(file.parent().context("a folder")?)?;
    let partial = file.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec(state)?)?;
    Ok(std::fs::rename(partial, file)?)
}

fn slice(target: &fuzz::Target) -> Result<Done> {
    let output = fuzz::command(target, SLICE_S)?.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    // libFuzzer ends with: Done 12345 runs in 61 second(s)
    let runs = told.lines().rev().find_map(|line| line.strip_prefix("Done ")?.split(' ').next()?.parse().ok());
    let crashes = u32::from(!output.status.success());
    if crashes > 0 {
        println!(
            "{}",
            told.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    Ok(Done { seconds: SLICE_S, runs: runs.unwrap_or(0), crashes })
}
