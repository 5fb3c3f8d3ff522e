//! `cargo xtask contracts`: the Solidity side: artifacts, tests, coverage, slither, proofs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::peers;
use crate::shell::{cache, root, run, target, without_npm};

/// What is deployed, by the file it is in; and a token for tests.
const ARTIFACTS: &[(&str, &str)] = &[
    ("DataAnchoringToken", "DataAnchoringToken.sol"),
    ("DatasetRegistry", "DatasetRegistry.sol"),
    ("Disputes", "Disputes.sol"),
    ("Dollar", "Tokens.sol"),
    ("GovernanceToken", "GovernanceToken.sol"),
    ("MarketGovernor", "MarketGovernor.sol"),
    ("MarketParameters", "MarketParameters.sol"),
    ("MarketTimelock", "MarketTimelock.sol"),
    ("Settlement", "Settlement.sol"),
    ("Tills", "Tills.sol"),
    ("ValidatorQuorum", "ValidatorQuorum.sol"),
];
/// Lines and branches that tests must reach, in percent.
const COVERAGE: f64 = 95.0;

pub fn start(args: &[&str]) -> Result<()> {
    match args {
        [] => match without_npm() {
            Some(reason) => bail!("contracts: {reason}"),
            None => all(),
        },
        ["write"] => {
            prepare()?;
            build()?;
            for (name, bytes) in built()? {
                std::fs::create_dir_all(artifacts())?;
                std::fs::write(artifact(name), bytes)?;
            }
            Ok(())
        }
        ["proofs"] => proofs(&peers::python("proofs")?),
        other => bail!("contracts: unknown {other:?}; nothing, \"proofs\" or \"write\""),
    }
}

/// What `cargo xtask test` does: all of it, or says what is missing. Whether the packages of npm are there.
pub fn check() -> Result<bool> {
    match without_npm() {
        Some(reason) => {
            println!("── skipped: contracts, and the demo on a chain: {reason}");
            Ok(false)
        }
        None => all().map(|()| true),
    }
}

fn all() -> Result<()> {
    prepare()?;
    run("contracts: format", forge(&["fmt", "--check"])?.env_remove("FOUNDRY_PROFILE"))?;
    build()?;
    for (name, bytes) in built()? {
        let same = std::fs::read(artifact(name)).is_ok_and(|committed| committed == bytes);
        ensure!(same, "lazai-settle/artifacts/{name}.json is not what the sources give; `cargo xtask contracts write`");
    }
    println!("   the committed artifacts are what the sources give, byte for byte");
    run("contracts: gas", &mut forge(&["test", "--quiet", "--match-path", "test/Gas.t.sol"])?)?;
    let mut tests = forge(&["test", "--quiet", "--no-match-path", "test/Gas.t.sol"])?;
    run(
        "contracts: tests",
        tests.env("FOUNDRY_PROFILE", "coverage").env("FOUNDRY_OUT", out().with_file_name("tests")),
    )?;
    coverage()?;
    match peers::python("contracts") {
        Ok(python) => {
            vectors(&python)?;
            slither(&python)?;
        }
        Err(reason) => println!("── skipped: slither and eth-account: {reason:#}"),
    }
    match peers::python("proofs") {
        Ok(python) => proofs(&python),
        Err(reason) => {
            println!("── skipped: proofs of the contracts: {reason:#}");
            Ok(())
        }
    }
}

/// The committed vectors of what is signed are what eth-account says today.
fn vectors(python: &Path) -> Result<()> {
    let (folder, fresh) = (root().join("vectors"), target().join("contracts").join("eip712.json"));
    let mut script = Command::new(python);
    script.arg(folder.join("eip712.py")).arg(&fresh);
    run("contracts: typed data by eth-account", &mut script)?;
    let same = std::fs::read(folder.join("eip712.json"))? == std::fs::read(&fresh)?;
    ensure!(same, "vectors/eip712.json is not what eth-account gives: compare it with {}", fresh.display());
    Ok(())
}

fn folder() -> PathBuf {
    root().join("contracts")
}

/// In the crate that is built on them, so that its package has them.
fn artifacts() -> PathBuf {
    root().join("lazai-settle").join("artifacts")
}

fn artifact(name: &str) -> PathBuf {
    artifacts().join(format!("{name}.json"))
}

/// Packages from npm, in the cache folder; the compiler finds them through a link in the project.
fn prepare() -> Result<()> {
    let lock = std::fs::read(folder().join("package-lock.json"))?;
    let packages = cache()?.join(format!("contracts-{}", &hex::encode(Sha256::digest(&lock))[..12]));
    if !packages.join("complete").is_file() {
        std::fs::create_dir_all(&packages)?;
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(folder().join(name), packages.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&packages);
        run("contracts: compiler, node and libraries, once into the cache folder", &mut npm)?;
        std::fs::write(packages.join("complete"), "")?;
    }
    let link = folder().join("node_modules");
    let wanted = packages.join("node_modules");
    if std::fs::read_link(&link).ok().as_ref() != Some(&wanted) {
        std::fs::remove_file(&link).ok();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&wanted, &link)?;
        #[cfg(windows)]
        std::os::windows::fs::symlink_dir(&wanted, &link)?;
    }
    Ok(())
}

/// A program that a package of npm brings for this machine: `forge`, `anvil`.
pub fn program(name: &str) -> Result<PathBuf> {
    prepare()?;
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let system = if system == "windows" { "win32" } else { system };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let package = folder().join("node_modules/@foundry-rs").join(format!("{name}-{system}-{machine}"));
    let program = package.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    ensure!(program.is_file(), "no {name} for {system} on {machine} in the packages of npm");
    Ok(program)
}

fn forge(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(program("forge")?);
    command.args(args).current_dir(folder());
    command.env("FOUNDRY_OUT", out()).env("FOUNDRY_CACHE_PATH", out().with_file_name("cache"));
    Ok(command)
}

fn out() -> PathBuf {
    target().join("contracts").join("out")
}

/// What is deployed, and what is measured of it. The tests are compiled without the optimiser's intermediate language, which
/// takes a fifth of the time; what the deployed code does, the differential test compares.
fn build() -> Result<()> {
    let sources = ["src", "test/Gas.t.sol", "test/support/Tokens.sol"];
    run("contracts: build", &mut forge(&[&["build", "--quiet"], &sources[..]].concat())?)
}

/// The artifacts that the build gave: ABI and code, nothing of the machine.
fn built() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let one = |&(name, file): &(&'static str, &str)| {
        let path = out().join(file).join(format!("{name}.json"));
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let full: Value = serde_json::from_slice(&bytes)?;
        let code = full["bytecode"]["object"].as_str().with_context(|| format!("{name} has no code"))?;
        let mut kept = json!({"contractName": name, "abi": full["abi"], "bytecode": code});
        // Compilers order fields as they like.
        kept.sort_all_objects();
        Ok((name, format!("{kept:#}\n").into_bytes()))
    };
    ARTIFACTS.iter().map(one).collect()
}

/// Lines and branches of our own sources that the tests reach.
fn coverage() -> Result<()> {
    let report = target().join("contracts").join("lcov.info");
    let mut command = forge(&["coverage", "--no-match-contract", "GasTest", "--report", "lcov", "--report-file"])?;
    command.arg(&report).env("FOUNDRY_PROFILE", "coverage").stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    run("contracts: coverage", &mut command)?;
    let (mut lines, mut branches, mut ours) = ((0, 0), (0, 0), false);
    for line in std::fs::read_to_string(&report)?.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let number = || value.parse::<u32>().unwrap_or(0);
        match key {
            "SF" => ours = value.starts_with("src/") || value.contains("/contracts/src/"),
            "LF" if ours => lines.1 += number(),
            "LH" if ours => lines.0 += number(),
            "BRF" if ours => branches.1 += number(),
            "BRH" if ours => branches.0 += number(),
            _ => {}
        }
    }
    for (what, (hit, found)) in [("lines", lines), ("branches", branches)] {
        let percent = 100.0 * f64::from(hit) / f64::from(found.max(1));
        println!("   {what}: {hit} of {found}, {percent:.1} %");
        ensure!(percent > COVERAGE, "tests reach {percent:.1} % of the {what}, more than {COVERAGE} % are asked");
    }
    Ok(())
}

/// No finding of high or medium weight, but those that a comment in the source argues.
fn slither(python: &Path) -> Result<()> {
    let mut command = beside(python, "slither")?;
    command.args([".", "--exclude-informational", "--exclude-optimization", "--exclude-low", "--fail-medium"]);
    command.args(["--filter-paths", "node_modules|test", "--foundry-out-directory"]).arg("slither-out");
    command.env("FOUNDRY_OUT", "slither-out").env("FOUNDRY_CACHE_PATH", "slither-out/cache");
    command.env("FOUNDRY_PROFILE", "coverage");
    let done = run("contracts: slither", &mut command);
    std::fs::remove_dir_all(folder().join("slither-out")).ok();
    done
}

/// What is asserted in `test/proofs` holds for all inputs: halmos runs the compiled code on unknowns, and cvc5 says whether
/// any assertion could fail. What it cannot decide in time has failed.
fn proofs(python: &Path) -> Result<()> {
    let built = out().with_file_name("proofs");
    let mut command = beside(python, "halmos")?;
    command.arg("--no-status").arg("--forge-build-out").arg(&built).args(["--solver-timeout-assertion", "120000"]);
    command.arg("--solver-command").arg(format!("{} test/proofs/solve.py", python.display()));
    command.env("FOUNDRY_PROFILE", "proofs").env("FOUNDRY_OUT", &built);
    command.env("FOUNDRY_CACHE_PATH", built.with_file_name("proofs-cache"));
    run("contracts: proofs", &mut command)
}

/// A program of an environment of Python's, which finds forge.
fn beside(python: &Path, name: &str) -> Result<Command> {
    let forge = program("forge")?;
    let mut paths = vec![forge.parent().context("a folder")?.to_owned()];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(python.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
    command.env("PATH", std::env::join_paths(paths)?).current_dir(folder());
    Ok(command)
}
