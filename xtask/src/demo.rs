//! `cargo xtask demo`: gets the base model, builds, and runs the scenario.

use anyhow::{Result, bail};

use crate::model;
use crate::shell::{self, cargo, target};

pub fn run(args: &[&str]) -> Result<()> {
    let (mut short, mut fresh, mut base) = (false, false, None);
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "--short" => short = true,
            "--fresh" => fresh = true,
            "--base" => base = args.next().copied(),
            other => bail!("demo: unknown argument {other:?}"),
        }
    }
    let base = model::fetch(base)?;
    let home = target().join(if short { "demo-short" } else { "demo" });
    if fresh {
        let _ = std::fs::remove_dir_all(&home);
    }
    let report = target().join("reports").join("demo.json");
    shell::run("build", &mut cargo(&["build", "-p", "lazai-examples", "--example", "cyber-diva"]))?;
    let mut demo = cargo(&["run", "--quiet", "-p", "lazai-examples", "--example", "cyber-diva", "--"]);
    demo.arg("--home").arg(&home).arg("--base").arg(&base).arg("--report").arg(&report);
    if short {
        demo.arg("--short");
    }
    println!("everything is kept in {}; --fresh starts over", home.display());
    let status = demo.status()?;
    if status.success() { Ok(()) } else { bail!("demo: {status}; run it again to go on from where it was") }
}
