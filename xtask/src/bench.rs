//! `cargo xtask bench NAME`.

use anyhow::{Context, Result};

use crate::shell::{self, cargo, target};
use crate::{bindings, load, model, peers, wasm};

pub fn run(args: &[&str]) -> Result<()> {
    let name =
        *args.first().context("bench: which one? (bindings, data, lora, market, node, serve, settle, start, zk)")?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("bench-{name}.json"));
    if name == "bindings" {
        return bindings::measure(&file);
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
