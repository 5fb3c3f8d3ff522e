//! `cargo xtask bench NAME`.

use anyhow::{Context, Result};

use crate::shell::{self, cargo, target};

pub fn run(args: &[&str]) -> Result<()> {
    let name = args.first().context("bench: which one? (market)")?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("bench-{name}.json"));
    let mut bench = cargo(&["run", "--quiet", "-p", "lazai-benches", "--", name]);
    shell::run(&format!("bench {name}"), bench.arg(file))
}
