//! `cargo xtask openapi`: what node and proxy answer, committed as `docs/api/openapi-*.json`, so that a change of it is seen.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::checks::FEATURES;
use crate::served::program;
use crate::shell::{cargo, root, run};

/// Who answers.
const SERVERS: [&str; 2] = ["node", "proxy"];

pub fn start(args: &[&str]) -> Result<()> {
    let write = match args {
        [] => false,
        ["write"] => true,
        _ => bail!("cargo xtask openapi [write]"),
    };
    // As in `cargo xtask test`, so that nothing is built twice.
    let build = ["build", "--quiet", "--workspace", "--example", "openapi", "--features", FEATURES];
    run("example openapi", &mut cargo(&build))?;
    each(write)
}

/// Compares the documents; the example is built.
pub fn check() -> Result<()> {
    each(false)
}

fn each(write: bool) -> Result<()> {
    for server in SERVERS {
        let output = Command::new(program("openapi")).arg(server).output()?;
        ensure!(output.status.success(), "example openapi {server}: {}", String::from_utf8_lossy(&output.stderr));
        let path = root().join(format!("docs/api/openapi-{server}.json"));
        if write {
            std::fs::write(path, output.stdout)?;
        } else if std::fs::read(&path).unwrap_or_default() != output.stdout {
            bail!(
                "{} is not what a {server} answers: `cargo xtask openapi write`, and think of who uses it",
                path.display()
            );
        }
    }
    println!("── the OpenAPI documents are as committed");
    Ok(())
}
