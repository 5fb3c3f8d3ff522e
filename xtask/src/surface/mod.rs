//! `cargo xtask surface`: the facade's names, committed as `bindings/facade/api.txt`, and what is written out of them: the
//! bindings of Python and JavaScript, and their types. (Swift's and Kotlin's are generated when they are built.)

mod api;
mod javascript;
mod python;
mod read;
mod stubs;
mod text;

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::root;

pub fn start(args: &[&str]) -> Result<()> {
    let write = args == ["write"];
    ensure!(write || args.is_empty(), "cargo xtask surface [write]");
    for (path, wanted) in files()? {
        let path = root().join(path);
        if write {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(path, wanted)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != wanted {
            bail!(
                "{} is not what the facade says: `cargo xtask surface write`, and think of who uses it",
                path.display()
            );
        }
    }
    println!("── the facade's surface is as committed, and so is what is written out of it");
    Ok(())
}

/// What is written out of the facade.
fn files() -> Result<Vec<(&'static str, String)>> {
    let api = api::Api::read()?;
    Ok(vec![
        ("bindings/facade/api.txt", api.names().join("\n") + "\n"),
        ("bindings/facade/src/python/records.rs", formatted(&python::records(&api))?),
        ("bindings/python/src/generated.rs", formatted(&python::module(&api))?),
        ("bindings/python/python/lazai/_lazai.pyi", stubs::stub(&api)),
        ("bindings/wasm/src/generated.rs", formatted(&javascript::module(&api))?),
        ("bindings/wasm/src/verifier.ts", javascript::records(&api, true)),
        ("bindings/wasm/src/records.ts", javascript::records(&api, false)),
    ])
}

/// Rust as rustfmt has it.
fn formatted(source: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024", "--config-path"]).arg(root()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut rustfmt = rustfmt.spawn().context("rustfmt")?;
    rustfmt.stdin.take().context("a pipe")?.write_all(source.as_bytes())?;
    let done = rustfmt.wait_with_output()?;
    ensure!(done.status.success(), "rustfmt refused:\n{source}");
    Ok(String::from_utf8(done.stdout)?)
}
