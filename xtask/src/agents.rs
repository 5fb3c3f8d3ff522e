//! A character in a registry of agents, on a chain of its own, as agent0-sdk reads it.

use anyhow::{Result, bail};

use crate::checks::FEATURES;
use crate::demo::Anvil;
use crate::shell::{cargo, root, run, target, without_npm};
use crate::{model, peers};

/// `cargo xtask agents`.
pub fn check() -> Result<()> {
    if let Some(reason) = without_npm() {
        bail!("agents: {reason}");
    }
    let (python, chain) = (peers::python("agent0")?, Anvil::start(&target().join("agents"), true)?);
    let mut tests = cargo(&["test", "--workspace", "--features", FEATURES, "--test", "agents", "--", "--ignored"]);
    tests.env("LAZAI_BASE_MODEL", model::fetch(None)?).env("LAZAI_AGENT0_PYTHON", python);
    run("agent0-sdk", tests.env("LAZAI_CHAIN_URL", &chain.url).env("LAZAI_CONTRACTS", root().join("contracts")))
}
