//! `cargo xtask bench NAME`.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::checks::FEATURES;
use crate::shell::{self, cargo, target};
use crate::soak::{machine, today};
use crate::{bindings, load, model, peers, wasm};

pub fn run(args: &[&str]) -> Result<()> {
    let name = *args.first().context(
        "bench: which one? (bindings, data, lora, market, memory, node, private, recheck, serve, settle, start, voice, zk)",
    )?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("bench-{name}.json"));
    if name == "bindings" {
        return bindings::measure(&file);
    }
    if name == "memory" {
        return memory(&file);
    }
    if name == "private" {
        return private(&file);
    }
    if name == "node" {
        return load::measure(&file, &args[1..]);
    }
    let mut bench = cargo(&["run", "--quiet", "-p", "lazai-benches", "--", name]);
    if name == "data" || name == "lora" {
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_PEER_PYTHON", peers::python(name)?);
    }
    if name == "voice" {
        bench.env("LAZAI_VOICE_PACKAGE", model::fetch_voice()?).env("LAZAI_PEER_PYTHON", peers::python(name)?);
    }
    if name == "recheck" || name == "start" {
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?);
    }
    if name == "serve" {
        let folder = target().join("bindings").join("llama");
        bindings::npm(&folder, &["node-llama-cpp@3.22.1"], "250 MB")?;
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_PEER_NODE", folder);
    }
    if let Some((of, script)) = match name {
        "zk" => Some((wasm::VERIFIER, "run.mjs")),
        "settle" => Some((wasm::VERIFIER, "vouchers.mjs")),
        _ => None,
    } {
        match wasm::module(of)? {
            Ok(module) => {
                bench.env("LAZAI_WASM_MODULE", module);
                bench.env("LAZAI_WASM_SCRIPT", shell::root().join(of.folder).join(script));
            }
            Err(reason) => println!("── skipped: what is measured in wasm32: {reason}"),
        }
    }
    if name == "voice" {
        match bindings::javascript::voice()? {
            Ok(package) => {
                bench.env("LAZAI_WASM_PACKAGE", package);
                bench.env("LAZAI_WASM_SCRIPT", shell::root().join("benches").join("voice.mjs"));
            }
            Err(reason) => println!("── skipped: what is spoken in wasm32: {reason}"),
        }
    }
    shell::run(&format!("bench {name}"), bench.arg(file))
}

/// Turns of talk in which the facts are planted.
const TURNS: u32 = 5_000;

/// What is found again by words, of what was said long before: the test of it, at full length.
fn memory(file: &Path) -> Result<()> {
    let also =
        vec![("LAZAI_MEMORY_TURNS", TURNS.to_string().into()), ("LAZAI_ENCODER", model::fetch_encoder()?.into())];
    counted(file, "memory", "planted::planted_facts_are_found_again", "LAZAI_MEMORY_REPORT", also)
}

/// What sealing and a relay cost.
fn private(file: &Path) -> Result<()> {
    let test = "measured::all_ways_give_a_reply_and_what_each_costs_is_counted";
    counted(file, "private", test, "LAZAI_PRIVATE_REPORT", Vec::new())
}

/// Runs a test at full length, and makes a report of what it counts.
fn counted(file: &Path, target: &str, name: &str, report: &str, also: Vec<(&str, OsString)>) -> Result<()> {
    let counts = file.with_extension("counts");
    let mut test = cargo(&["test", "--quiet", "--workspace", "--features", FEATURES, "--test", target, "--"]);
    test.args(["--exact", name]).env("LAZAI_BASE_MODEL", model::fetch(None)?).envs(also);
    shell::run(&format!("bench {target}"), test.env(report, &counts))?;
    let mut report = json!({"machine": machine(), "date": today()?});
    let counted: Value = serde_json::from_slice(&std::fs::read(&counts)?)?;
    if let (Value::Object(report), Value::Object(counted)) = (&mut report, counted) {
        report.extend(counted);
    }
    std::fs::remove_file(counts)?;
    std::fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("{}", std::fs::read_to_string(file)?);
    Ok(())
}
