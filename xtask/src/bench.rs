//! `cargo xtask bench NAME`.

use anyhow::{Context, Result};

use crate::shell::{self, cargo, target};
use crate::{model, peers};

pub fn run(args: &[&str]) -> Result<()> {
    let name = *args.first().context("bench: which one? (data, market)")?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("bench-{name}.json"));
    let mut bench = cargo(&["run", "--quiet", "-p", "lazai-benches", "--", name]);
    if name == "data" {
        bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_PEER_PYTHON", peers::python("data")?);
    }
    shell::run(&format!("bench {name}"), bench.arg(file))
}
