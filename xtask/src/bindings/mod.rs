//! `cargo xtask bindings LANG`: the facade in other languages, built and tested where their toolchains can be had.

mod aarch64;
mod apple;
mod debian;
pub mod javascript;
mod mobile;
pub mod python;
mod react_native;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::shell::{run, target};
use crate::web::{self, Market};

/// Something that cannot be had on this machine, in words.
pub type Missing = String;

const LANGUAGES: &str = "javascript, kotlin, python, python-aarch64, swift, devices, xcframework, react-native, peft";

pub fn start(args: &[&str]) -> Result<()> {
    let market = if matches!(args, ["javascript" | "kotlin" | "python" | "swift"]) { market()? } else { None };
    let market = market.as_ref();
    let missing = match args {
        ["javascript"] => javascript::check(market)?,
        ["kotlin"] => mobile::kotlin(market)?,
        ["swift"] => mobile::swift(market)?,
        ["devices"] => mobile::devices()?,
        ["xcframework"] => apple::xcframework()?,
        ["react-native"] => react_native::check()?,
        ["python-aarch64"] => aarch64::check()?,
        ["peft"] => python::peft()?,
        ["python"] => {
            // The wheel as users get it, and the tests against it.
            let wheel = python::wheel()?;
            println!("   {}", wheel.display());
            python::check(Some(&wheel), market)?
        }
        [] => bail!("bindings: which language? ({LANGUAGES})"),
        other => bail!("bindings: unknown {other:?}; {LANGUAGES}"),
    };
    missing.map_or(Ok(()), |reason| bail!("{reason}"))
}

/// A market for clients to talk to, if one can be had; says why where none can.
fn market() -> Result<Option<Market>> {
    match web::open(1)? {
        Ok(market) => Ok(Some(market)),
        Err(reason) => {
            println!("── skipped: the example page and the chat clients: {reason}");
            Ok(None)
        }
    }
}

/// What `cargo xtask test` does: every language whose toolchain is there; says why where one is not.
pub fn check() -> Result<()> {
    type Check = fn(Option<&Market>) -> Result<Option<Missing>>;
    let languages: [(&str, Check); 4] = [
        ("JavaScript", javascript::check),
        ("Kotlin", mobile::kotlin),
        ("Python", |market| python::check(None, market)),
        ("Swift", mobile::swift),
    ];
    let market = market()?;
    for (language, check) in languages {
        if let Some(reason) = check(market.as_ref())? {
            println!("── skipped: {language}: {reason}");
        }
    }
    market.map_or(Ok(()), Market::close)
}

/// Sizes and times: `cargo xtask bench bindings`.
pub fn measure(file: &Path) -> Result<()> {
    let package = javascript::package()?.map_err(anyhow::Error::msg)?;
    let browser = javascript::chromium().context("no chromium on this machine")?;
    let report = folder("chromium.json");
    run("package in Chromium", &mut javascript::in_chromium(&browser, &package, Some(&report)))?;
    let report: Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    let verify_chromium_ms: f64 = report["verify_ms"].as_str().context("no time from Chromium")?.parse()?;
    let wheel = python::wheel()?;
    let (import_ms, bare_ms) = python::import_ms(&wheel)?;
    let measured = json!({
        "wheel_bytes": std::fs::metadata(&wheel)?.len(),
        "wasm_verifier_gz_bytes": package.verifier_gz_bytes,
        "wasm_whole_gz_bytes": package.whole_gz_bytes,
        "verify_chromium_ms": verify_chromium_ms,
        "python_import_ms": import_ms,
        "python_import_json_ms": bare_ms,
        "python_import_ratio": import_ms / bare_ms,
    });
    println!("{measured:#}");
    std::fs::write(file, serde_json::to_vec_pretty(&measured)?)?;
    Ok(())
}

/// Installs packages of npm into a folder, once; says how much that is.
pub fn npm(folder: &Path, packages: &[&str], size: &str) -> Result<()> {
    let (wanted, installed) = (packages.join("\n"), folder.join("installed"));
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"]);
    run(&format!("npm: {}, {size}", packages.join(" ")), install.arg(folder).args(packages))?;
    std::fs::write(installed, wanted)?;
    Ok(())
}

/// The folder of what is built here.
pub fn folder(language: &str) -> PathBuf {
    target().join("bindings").join(language)
}
