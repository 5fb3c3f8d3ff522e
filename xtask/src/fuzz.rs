//! `cargo xtask fuzz TARGET [SECONDS]`, on stable: cargo-fuzz with a target folder of its own.

use anyhow::{Context, Result, ensure};

use crate::shell::{cache, cargo, root, run, target};

const TARGETS: [&str; 3] = ["core", "proof", "evidence"];
const CARGO_FUZZ: &str = "0.13.2";

pub fn start(args: &[&str]) -> Result<()> {
    let name = *args.first().with_context(|| format!("fuzz: which one? ({})", TARGETS.join(", ")))?;
    ensure!(TARGETS.contains(&name), "fuzz: no target {name:?}; there are {}", TARGETS.join(", "));
    let seconds: u32 = args.get(1).map_or(Ok(60), |s| s.parse()).context("fuzz: seconds")?;
    let folder = cache()?.join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    let program = folder.join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let mut install = cargo(&["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
        run("cargo-fuzz, built once into the cache folder", install.arg(&folder).env_remove("CARGO_TARGET_DIR"))?;
    }
    let mut fuzz = std::process::Command::new(program);
    fuzz.args(["run", "--release", name, "--", &format!("-max_total_time={seconds}"), "-max_len=65536"]);
    // Sanitizers need unstable flags, which the variable allows; that changes every crate's build.
    fuzz.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", target().join("fuzz")).current_dir(root());
    run(&format!("fuzz {name} for {seconds} s"), &mut fuzz)
}
