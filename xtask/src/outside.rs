//! Crates outside the workspace, on plain stable: no environment variable, no nightly feature, no plonky2. One builds
//! against lazai's default features; one verifies a committed proof with `lazai-zk` alone; one reads a chain with `lazai-settle` alone.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::shell::{self, cargo, root, target};
use crate::wasm;

/// Crates that none of the three compiles: models and tokenizers, a server and its runtime, readers of people's files.
const NEVER: [&str; 17] = [
    "candle-core",
    "candle-nn",
    "tokenizers",
    "onig",
    "onig_sys",
    "axum",
    "hyper",
    "tokio",
    "plonky2",
    "csv",
    "regex",
    "realfft",
    "symphonia",
    "rubato",
    "zip",
    "encoding_rs",
    "unicode-normalization",
];
/// What a ledger on a chain needs, and nothing else does.
const CHAIN: &str = "alloy-primitives";

/// A dependant that talks with a node.
pub const MAIN: &str = r#"//! A dependant.
use lazai::{Amount, Client, LocalSigner, Signer};

async fn _chat(account: lazai::Account) -> lazai::Result<()> {
    let client = Client::new("https://node.example", account)?;
    let models = client.models().await?;
    let session = client.open(&models[0], Amount::from_base_units(1_000)).await?;
    println!("{}", session.say("Who are you?").await?.text);
    session.end().await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signer = LocalSigner::random()?;
    let parts = lazai::settle::RevenueSplit::standard().split(Amount::from_base_units(9));
    println!("{} {}", signer.address(), parts.creator);
    Ok(())
}
"#;

/// A dependant that reads a chain.
const READ: &str = r#"//! A dependant that reads a market on a chain.
use lazai_settle::ledger::{EvmLedger, Ledger};

async fn _newest(ledger: &EvmLedger) -> Result<u64, lazai_settle::ledger::LedgerError> {
    ledger.refresh().await?;
    Ok(ledger.checkpoint().size)
}

fn main() {}
"#;

const VERIFY: &str = r#"//! A dependant that verifies a proof, and refuses a damaged one.
use lazai_zk::{Proof, Statement, Verifier, VerifyError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::env::set_current_dir(std::env::args().nth(1).ok_or("no folder is named")?)?;
    // ANCHOR: verify
    let statement = Statement::from_bytes(&std::fs::read("statement.json")?)?;
    let proof = Proof::from_bytes(&std::fs::read("proof.bin")?)?;
    Verifier::new().verify(&statement, &proof)?;
    println!("proved: {} records, {} tokens", statement.records(), statement.tokens());
    // ANCHOR_END: verify
    let mut damaged = std::fs::read("proof.bin")?;
    damaged[70_000] ^= 1;
    let refused = Verifier::new().verify(&statement, &Proof::from_bytes(&damaged)?);
    assert!(matches!(refused, Err(VerifyError::Rejected { .. })), "{refused:?}");
    Ok(())
}
"#;

pub fn run() -> Result<()> {
    dependant("lazai", "", MAIN, "check", &[])?;
    dependant("lazai-settle", "evm", READ, "check", &[])?;
    let vectors = root().join("vectors").join("zk");
    dependant("lazai-zk", "", VERIFY, "run", &["--", &vectors.display().to_string()])?;
    match wasm::module(wasm::VERIFIER)? {
        Ok(module) => {
            let mut node = Command::new("node");
            node.arg(root().join("benches").join("wasm").join("run.mjs")).arg(module);
            node.args(["statement.json", "proof.bin"].map(|file| vectors.join(file)));
            shell::run("the committed proof in WebAssembly", &mut node)
        }
        Err(reason) => {
            println!("── skipped: the verifier for wasm32: {reason}");
            Ok(())
        }
    }
}

fn dependant(on: &str, feature: &str, main: &str, verb: &str, args: &[&str]) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("outside-{on}"));
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{on} = {{ path = {:?}, features = {:?} }}\n",
        root().join(on),
        feature.split_terminator(',').collect::<Vec<_>>()
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/main.rs"), main)?;
    // The same versions as the workspace: one build of each, and nothing newer sneaks in.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let tree = cargo(&["tree", "--prefix", "none", "--edges", "normal"]).current_dir(&folder).output()?;
    ensure!(tree.status.success(), "outside: cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in NEVER.iter().chain((feature != "evm").then_some(&CHAIN)) {
        ensure!(!names.contains(name), "{on} with features {feature:?} brings {name}");
    }
    println!("   {on}: {} crates", names.len());
    let mut build = cargo(&[verb, "--quiet"]);
    build.args(args).current_dir(&folder).env_remove("RUSTC_BOOTSTRAP");
    build.env("CARGO_TARGET_DIR", target().join("outside"));
    shell::run(&format!("a crate outside the workspace on {on}, features {feature:?}, plain stable"), &mut build)?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
