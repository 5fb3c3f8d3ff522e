//! `cargo xtask bench NAME`.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::checks::FEATURES;
use crate::shell::{self, cargo, target};
use crate::soak::{machine, today};
use crate::{bindings, load, model, peers, wasm};

pub fn run(args: &[&str]) -> Result<()> {
    let name = *args
        .first()
        .context("bench: which one? (bindings, data, lora, market, memory, node, serve, settle, start, zk)")?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("bench-{name}.json"));
    if name == "bindings" {
        return bindings::measure(&file);
    }
    if name == "memory" {
        return memory(&file);
    }
    if name == "node" {
        return load::measure(&file, &args[1..]);
    }
    let mut bench = cargo(&["run", "--quiet", "-p", "lazai-benches", "--", name]);
    if name == "data" || name == "lora" {
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_PEER_PYTHON", peers::python(name)?);
    }
    if name == "start" {
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?);
    }
    if name == "serve" {
        let folder = target().join("bindings").join("llama");
        bindings::npm(&folder, &["node-llama-cpp@3.22.1"], "250 MB")?;
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_PEER_NODE", folder);
    }
    if let Some(script) = match name {
        "zk" => Some("run.mjs"),
        "settle" => Some("vouchers.mjs"),
        _ => None,
    } {
        match wasm::module()? {
            Ok(module) => {
                bench.env("LAZAI_WASM_MODULE", module);
                bench.env("LAZAI_WASM_SCRIPT", shell::root().join("benches").join("wasm").join(script));
            }
            Err(reason) => println!("── skipped: what is measured in wasm32: {reason}"),
        }
    }
    shell::run(&format!("bench {name}"), bench.arg(file))
}

/// Turns of talk in which the facts are planted.
const TURNS: u32 = 5_000;

/// What is found again by words, of what was said long before: the test of it, at full length.
fn memory(file: &Path) -> Result<()> {
    let counts = file.with_extension("counts");
    let mut test = cargo(&["test", "--quiet", "--workspace", "--features", FEATURES, "--test", "memory", "--"]);
    test.args(["--exact", "planted::planted_facts_are_found_again"]);
    test.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_MEMORY_TURNS", TURNS.to_string());
    test.env("LAZAI_ENCODER", model::fetch_encoder()?);
    shell::run("bench memory", test.env("LAZAI_MEMORY_REPORT", &counts))?;
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
