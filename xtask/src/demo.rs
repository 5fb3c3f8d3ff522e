//! `cargo xtask demo`: gets the base model, builds, and runs the scenario; on a chain of its own, if that is asked for.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell::{self, cargo, target};
use crate::{contracts, model};

pub fn run(args: &[&str]) -> Result<()> {
    let (mut short, mut fresh, mut on_chain, mut base) = (false, false, false, None);
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "--short" => short = true,
            "--fresh" => fresh = true,
            "--base" => base = args.next().copied(),
            "--ledger" => match args.next().copied() {
                Some("embedded") => on_chain = false,
                Some("evm") => on_chain = true,
                other => bail!("demo: --ledger embedded or --ledger evm, not {other:?}"),
            },
            other => bail!("demo: unknown argument {other:?}"),
        }
    }
    let base = model::fetch(base)?;
    shell::run("build", &mut cargo(&["build", "-p", "lazai-examples", "--bin", "cyber-diva"]))?;
    play(&base, on_chain, short, fresh)
}

/// Runs the scenario, which is built.
pub fn play(base: &Path, on_chain: bool, short: bool, fresh: bool) -> Result<()> {
    let name = format!("demo{}{}", if on_chain { "-evm" } else { "" }, if short { "-short" } else { "" });
    let home = target().join(&name);
    if fresh {
        let _ = std::fs::remove_dir_all(&home);
    }
    let report = target().join("reports").join(if on_chain { "demo-evm.json" } else { "demo.json" });
    let program = target().join("debug").join(format!("cyber-diva{}", std::env::consts::EXE_SUFFIX));
    let mut demo = Command::new(program);
    demo.arg("--home").arg(&home).arg("--base").arg(base).arg("--report").arg(&report);
    demo.arg("--voice").arg(model::fetch_voice()?);
    if short {
        demo.arg("--short");
    }
    let chain = if on_chain { Some(Anvil::start(&home, false)?) } else { None };
    if let Some(chain) = &chain {
        demo.arg("--chain").arg(&chain.url);
    }
    println!("everything is kept in {}; --fresh starts over", home.display());
    let status = demo.status()?;
    drop(chain);
    if status.success() { Ok(()) } else { bail!("demo: {status}; run it again to go on from where it was") }
}

/// A test node that keeps its chain in a file. It ends with this.
pub struct Anvil {
    /// Where it answers.
    pub url: String,
    node: Child,
}

impl Anvil {
    /// Starts it; `fresh` for a chain that begins anew.
    pub fn start(home: &Path, fresh: bool) -> Result<Self> {
        Self::start_with(home, fresh, &[])
    }

    /// Starts one whose chain begins anew, hours before now: wallets go by their own clocks, and what lets doubts pass sets the
    /// chain's forward.
    pub fn start_hours_ago(home: &Path, hours: u64) -> Result<Self> {
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        Self::start_with(home, true, &["--timestamp", &now_s.saturating_sub(3_600 * hours).to_string()])
    }

    fn start_with(home: &Path, fresh: bool, more: &[&str]) -> Result<Self> {
        if fresh && home.is_dir() {
            std::fs::remove_dir_all(home)?;
        }
        std::fs::create_dir_all(home)?;
        // A port that is free now; nobody else here will want it in the next moment.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = std::fs::File::create(home.join("anvil.log"))?;
        let mut anvil = Command::new(contracts::program("anvil").context("the demo on a chain needs anvil, from npm")?);
        anvil.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--block-time", "1", "--accounts", "1"]);
        anvil.args(["--state-interval", "5", "--state"]).arg(home.join("chain.json")).args(more);
        let node = anvil.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()).spawn()?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), node })
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Asked to end, it writes its chain down; killed, it would not.
        let id = self.node.id().to_string();
        let asked = cfg!(unix) && Command::new("kill").arg(id).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = self.node.kill();
        }
        let _ = self.node.wait();
    }
}
