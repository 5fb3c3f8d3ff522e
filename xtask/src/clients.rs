//! The clients that people already have: OpenAI's official ones, unmodified, at the loopback proxy.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::checks::FEATURES;
use crate::served::Served;
use crate::shell::{cargo, root, run, target, without_npm};
use crate::{bindings, peers};

/// OpenAI's client for Node: 9 MB.
const NODE_CLIENT: &str = "openai@6.49.0";

/// `cargo xtask clients`.
pub fn start(base: &Path) -> Result<()> {
    run("example endpoint", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    check(base)
}

/// Starts the endpoint of the examples, and lets each client that can be had talk to it.
pub fn check(base: &Path) -> Result<()> {
    let mut endpoint = Served::start("endpoint", 3, |command| {
        command.env("LAZAI_BASE_MODEL", base);
    })?;
    let scripts = root().join("examples").join("clients");
    let python = peers::python("openai")?;
    run("OpenAI's client for Python", endpoint.told(Command::new(python).arg(scripts.join("openai_client.py"))))?;
    match node(&scripts)? {
        Ok(mut node) => run("OpenAI's client for Node", endpoint.told(&mut node))?,
        Err(reason) => println!("── skipped: OpenAI's client for Node: {reason}"),
    }
    ensure!(endpoint.stop()?.contains(" 0 sessions not redeemed"), "not everything was redeemed");
    Ok(())
}

/// Node with the script in a folder where the client is, or why there is none.
fn node(scripts: &Path) -> Result<Result<Command, String>> {
    if let Some(reason) = without_npm() {
        return Ok(Err(reason));
    }
    let folder = target().join("clients");
    bindings::npm(&folder, &[NODE_CLIENT])?;
    // Node looks for packages beside the script.
    let script = folder.join("openai_client.mjs");
    std::fs::copy(scripts.join("openai_client.mjs"), &script)?;
    let mut node = Command::new("node");
    node.arg(script);
    Ok(Ok(node))
}
