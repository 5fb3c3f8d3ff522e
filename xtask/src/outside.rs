//! Crates outside the workspace, on plain stable: no environment variable, no nightly feature, no plonky2. One builds
//! against lazai's default features; one verifies a committed proof with `lazai-zk` alone.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::shell::{self, cargo, root, target};
use crate::wasm;

/// Crates that an app which only talks with nodes does not compile: the prover, models and tokenizers, a server and its runtime,
/// decoders of sound, archives.
const NOT_FOR_APPS: [&str; 12] = [
    "plonky2 ",
    "candle-core ",
    "candle-nn ",
    "tokenizers ",
    "onig ",
    "onig_sys ",
    "axum ",
    "hyper ",
    "tokio ",
    "symphonia ",
    "zip ",
    "alloy-primitives ",
];

/// A dependant that talks with a node.
pub const MAIN: &str = r#"//! A dependant.
use lazai::{Amount, Client, LocalSigner, Signer};

async fn _chat(account: lazai::Account) -> Result<(), lazai::ConsumerError> {
    let client = Client::new("https://node.example", account)?;
    let models = client.models().await?;
    let session = client.open(&models[0], Amount::from_base_units(1_000)).await?;
    println!("{}", session.say("Who are you?").await?.text);
    session.end().await.map(drop)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signer = LocalSigner::random()?;
    let parts = lazai::settle::RevenueSplit::standard().split(Amount::from_base_units(9));
    println!("{} {}", signer.address(), parts.creator);
    Ok(())
}
"#;

const VERIFY: &str = r#"//! A dependant that verifies a proof, and refuses a damaged one.
use lazai_zk::{Proof, Statement, Verifier, VerifyError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [statement, proof] = [1, 2].map(|i| std::fs::read(std::env::args().nth(i).unwrap()).unwrap());
    let statement = Statement::from_bytes(&statement)?;
    Verifier::new().verify(&statement, &Proof::from_bytes(&proof)?)?;
    let mut damaged = proof;
    damaged[70_000] ^= 1;
    let refused = Verifier::new().verify(&statement, &Proof::from_bytes(&damaged)?);
    assert!(matches!(refused, Err(VerifyError::Rejected { .. })), "{refused:?}");
    println!("proved: {} records, {} tokens", statement.records(), statement.tokens());
    Ok(())
}
"#;

pub fn run() -> Result<()> {
    dependant("lazai", MAIN, "check", &[])?;
    let vectors = root().join("vectors").join("zk");
    let files = ["statement.json", "proof.bin"].map(|f| vectors.join(f).display().to_string());
    dependant("lazai-zk", VERIFY, "run", &["--", &files[0], &files[1]])?;
    match wasm::module()? {
        Ok(module) => {
            let mut node = Command::new("node");
            node.arg(root().join("benches").join("wasm").join("run.mjs")).arg(module).args(files);
            shell::run("the committed proof in WebAssembly", &mut node)
        }
        Err(reason) => {
            println!("── skipped: the verifier for wasm32: {reason}");
            Ok(())
        }
    }
}

fn dependant(on: &str, main: &str, verb: &str, args: &[&str]) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("outside-{on}"));
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{on} = {{ path = {:?} }}\n",
        root().join(on)
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/main.rs"), main)?;
    // The same versions as the workspace: one build of each, and nothing newer sneaks in.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let tree = cargo(&["tree", "--prefix", "none", "--edges", "normal"]).current_dir(&folder).output()?;
    ensure!(tree.status.success(), "outside: cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    for crate_name in NOT_FOR_APPS {
        let brought = tree.lines().any(|line| line.starts_with(crate_name));
        ensure!(!brought, "the default features of {on} bring {crate_name}");
    }
    println!("   {on}: {} crates", tree.lines().collect::<std::collections::BTreeSet<_>>().len());
    let mut build = cargo(&[verb, "--quiet"]);
    build.args(args).current_dir(&folder).env_remove("RUSTC_BOOTSTRAP");
    build.env("CARGO_TARGET_DIR", target().join("outside"));
    shell::run(&format!("a crate outside the workspace on {on}, default features, plain stable"), &mut build)?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
