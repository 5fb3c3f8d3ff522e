//! The clients that people already have: OpenAI's official ones, unmodified, at the loopback proxy.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::checks::FEATURES;
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
    let mut endpoint = Endpoint::start(base)?;
    let scripts = root().join("examples").join("clients");
    let python = peers::python("openai")?;
    run("OpenAI's client for Python", endpoint.told(Command::new(python).arg(scripts.join("openai_client.py"))))?;
    match node(&scripts)? {
        Ok(mut node) => run("OpenAI's client for Node", endpoint.told(&mut node))?,
        Err(reason) => println!("── skipped: OpenAI's client for Node: {reason}"),
    }
    endpoint.stop()
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

/// The example `endpoint`, which runs until its standard input ends.
struct Endpoint {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    told: Vec<(String, String)>,
}

impl Endpoint {
    fn start(base: &Path) -> Result<Self> {
        let program = target().join("debug/examples").join(format!("endpoint{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(program);
        command.env("LAZAI_BASE_MODEL", base).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("example endpoint")?;
        let mut said = BufReader::new(child.stdout.take().context("no output")?);
        let mut told = Vec::new();
        while told.len() < 3 {
            let mut line = String::new();
            ensure!(said.read_line(&mut line)? > 0, "the endpoint ended before it told where it is");
            let (name, value) = line.trim_end().split_once('=').context("the endpoint said something else")?;
            told.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self { child, said, told })
    }

    fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.told.iter().cloned())
    }

    fn stop(&mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        println!("   the endpoint: {}", line.trim_end());
        ensure!(self.child.wait()?.success(), "the endpoint failed");
        ensure!(line.contains(" 0 sessions not redeemed"), "not everything was redeemed");
        Ok(())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
