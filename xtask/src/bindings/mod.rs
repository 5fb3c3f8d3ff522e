//! `cargo xtask bindings LANG`: the facade in other languages, built and tested where their toolchains can be had.

mod javascript;
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};


use crate::shell::{run, target};

pub use javascript::{Package, chromium, in_chromium, package};
pub use python::wheel;

/// Something that cannot be had on this machine, in words.
pub type Missing = String;

pub fn start(args: &[&str]) -> Result<()> {
    let missing = match args {
        ["javascript"] => javascript::check()?,
        ["python"] => {
            // The wheel as users get it, and the tests against it.
            let wheel = python::wheel()?;
            println!("   {}", wheel.display());
            python::check(Some(&wheel))?
        }
        [] => bail!("bindings: which language? (javascript, python)"),
        other => bail!("bindings: unknown {other:?}; javascript or python"),
    };
    missing.map_or(Ok(()), |reason| bail!("{reason}"))
}

/// What `cargo xtask test` does: every language whose toolchain is there; says why where one is not.
pub fn check() -> Result<()> {
    let languages: [(&str, fn() -> Result<Option<Missing>>); 2] =
        [("JavaScript", javascript::check), ("Python", || python::check(None))];
    for (language, check) in languages {
        if let Some(reason) = check()? {
            println!("── skipped: {language}: {reason}");
        }
    }
    Ok(())
}

/// Whether a program answers.
fn has(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

/// Installs packages of npm into a folder, once.
fn npm(folder: &Path, packages: &[&str]) -> Result<()> {
    let (wanted, installed) = (packages.join("\n"), folder.join("installed"));
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"]);
    run(&format!("npm: {}", packages.join(" ")), install.arg(folder).args(packages))?;
    std::fs::write(installed, wanted)?;
    Ok(())
}

/// The folder of what is built here.
fn folder(language: &str) -> PathBuf {
    target().join("bindings").join(language)
}

