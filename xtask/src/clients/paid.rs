//! Wallets that speak x402, unmodified, at a node that sells single replies on a chain of its own; and what checkers of
//! others say of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Client, Packages};
use crate::demo::Anvil;
use crate::peers;
use crate::served::Served;
use crate::shell::{run, target, without_npm};

const CLIENTS: [Client; 3] = [
    Client::other(
        "x402 for Node",
        "x402_fetch.mjs",
        Packages::Node(&["@x402/fetch@2.27.0", "@x402/evm@2.27.0", "viem@2.57.20"], "110 MB"),
    ),
    Client::other("x402 for Python", "x402_client.py", Packages::Python("x402")),
    Client::other(
        "x402 server for Node, by our facilitator",
        "x402_express.mjs",
        Packages::Node(
            &[
                "@x402/express@2.27.0",
                "@x402/core@2.27.0",
                "@x402/evm@2.27.0",
                "@x402/fetch@2.27.0",
                "express@5.3.0",
                "viem@2.57.20",
            ],
            "120 MB",
        ),
    ),
];

/// Checks of `x402-validate` that a node does not pass, and the book says why.
const ARGUED: &[&str] = &[];

/// Holds what `x402-validate` found to what the book argues.
fn validated(found: &Value) -> Result<()> {
    let checks = found["results"].as_array().into_iter().flatten().flat_map(|one| one["checks"].as_array());
    let (mut passed, mut failed) = (0, Vec::new());
    for check in checks.flatten() {
        let (name, status) = (check["check_name"].as_str().unwrap_or_default(), check["status"].as_str());
        match status {
            Some("PASS") => passed += 1,
            _ if ARGUED.contains(&name) => println!("   argued in the book: {name}"),
            _ => failed.push(check.to_string()),
        }
    }
    ensure!(failed.is_empty(), "x402-validate: {}", failed.join("\n"));
    ensure!(passed > 0, "x402-validate checked nothing: {found}");
    println!("   {passed} checks of x402-validate passed");
    Ok(())
}

/// `cargo xtask clients paid`.
pub fn check(base: &Path) -> Result<()> {
    if let Some(reason) = without_npm() {
        bail!("clients paid: {reason}");
    }
    let home = target().join("shop");
    let chain = Anvil::start_hours_ago(&home, 2)?;
    let mut shop = Served::start("shop", 7, |command| {
        command.env("LAZAI_BASE_MODEL", base).env("LAZAI_CHAIN_URL", &chain.url);
    })?;
    for client in &CLIENTS {
        client.talk(&shop)?;
    }
    let url = shop.value("LAZAI_NODE_URL").context("the shop's URL")?.to_owned();
    let python = peers::python("x402")?;
    let beside = |name: &str| python.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut prices = Command::new(beside("x402conf"));
    prices.arg("resource").arg(format!("{url}/v1/chat/completions"));
    run("x402-conformance", &mut prices)?;
    let (urls, found) = (home.join("urls.txt"), home.join("validated.json"));
    std::fs::write(&urls, format!("{url}\n"))?;
    let mut listed = Command::new(beside("x402-validate"));
    listed.arg(&urls).args(["--output", "json", "--output-path"]).arg(&found);
    run("x402-conformance-suite", &mut listed)?;
    validated(&serde_json::from_slice(&std::fs::read(found)?)?)?;
    let said = shop.stop()?;
    ensure!(said.starts_with("3 replies were paid at once"), "the market has something else: {said}");
    Ok(())
}
