//! The example page: on a market of its own, behind a test node; for people, and for the tests of what talks to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bindings::{self, Missing, javascript, npm};
use crate::checks::FEATURES;
use crate::demo::Anvil;
use crate::served::{Served, program};
use crate::shell::{cargo, root, run, target, without_npm};
use crate::{contracts, model};

/// Steps of training for people: two epochs.
const STEPS: u32 = 60;
/// What looks for barriers in pages.
const AXE: &str = "axe-core@4.14.1";

/// A market with a node and the page's server. The server ends before its chain.
pub struct Market {
    served: Served,
    _chain: Anvil,
}

impl Market {
    /// The page's URL; `market.json` under it says where the market is.
    pub fn url(&self) -> Result<&str> {
        self.served.value("LAZAI_PAGE_URL").context("the page's server did not say where it is")
    }

    /// Ends it; everything that was sold must have been redeemed.
    pub fn close(mut self) -> Result<()> {
        ensure!(self.served.stop()?.starts_with("0 sessions"), "not everything was redeemed");
        Ok(())
    }
}

/// Opens a market, if a test node can be had; its character learns for so many steps. The example must be built.
pub fn open(steps: u32) -> Result<Result<Market, Missing>> {
    if let Some(reason) = without_npm() {
        return Ok(Err(reason));
    }
    if !program("web").is_file() {
        return Ok(Err("example web is not built: cargo xtask web".into()));
    }
    if let Err(reason) = contracts::program("anvil") {
        return Ok(Err(format!("{reason:#}")));
    }
    println!("── a market on a chain of its own");
    let (base, voice) = (model::fetch(None)?, model::fetch_voice()?);
    let chain = Anvil::start(&target().join("web"), true)?;
    let served = Served::start("web", 1, |command| {
        command.env("LAZAI_RPC_URL", &chain.url).env("LAZAI_PACKAGE", bindings::folder("javascript"));
        command.env("LAZAI_BASE_MODEL", &base).env("LAZAI_VOICE_PACKAGE", &voice);
        command.env("LAZAI_STEPS", steps.to_string());
    })?;
    Ok(Ok(Market { served, _chain: chain }))
}

/// `cargo xtask web`: the page for people, until this program's standard input ends.
pub fn start(args: &[&str]) -> Result<()> {
    javascript::package()?.map_err(anyhow::Error::msg)?;
    run("example web", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    let testing = args == ["test"];
    if !testing {
        println!("the character learns first: two to three minutes");
    }
    let market = open(if testing { 1 } else { STEPS })?.map_err(anyhow::Error::msg)?;
    if testing {
        let browser = javascript::chromium().context("no chromium on this machine")?;
        check(&browser, market.url()?)?;
    } else {
        println!("{} (it ends with the standard input: Ctrl-D)", market.url()?);
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    }
    market.close()
}

/// The script that looks for barriers.
pub fn axe() -> Result<PathBuf> {
    let tools = target().join("bindings").join("axe");
    npm(&tools, &[AXE], "3 MB")?;
    Ok(tools.join("node_modules/axe-core/axe.min.js"))
}

/// A visitor in a browser.
pub fn check(browser: &Path, url: &str) -> Result<()> {
    let report = target().join("reports");
    std::fs::create_dir_all(&report)?;
    let mut node = Command::new("node");
    node.arg(root().join("examples/web/test.mjs")).env("CHROMIUM", browser).env("LAZAI_ROOT", root());
    node.env("LAZAI_PAGE_URL", url).env("LAZAI_AXE", axe()?);
    run("the example page, in Chromium", node.env("LAZAI_REPORT", report))
}
