//! True if the code for CUDA compiles, on a machine without a card: NVIDIA's compiler comes as Python packages.

use anyhow::{Context, Result};

use crate::peers;
use crate::shell::{cargo, run, target};

/// An architecture that every card since 2020 understands.
const COMPUTE_CAPABILITY: &str = "80";

/// The newest interface that the bindings know; the compiler may be newer.
const BINDINGS: &str = "13000";

pub fn check() -> Result<()> {
    let python = peers::python("cuda")?;
    let site = python.parent().and_then(|bin| bin.parent()).context("the environment has no folder")?;
    let home = walk(site, "cu13").context("the compiler is not where its packages put it")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(home.join("bin")).chain(std::env::split_paths(&path)))?;
    println!("   with the compiler in {}; nothing is linked or run", home.display());
    let mut check = cargo(&["check", "-p", "lazai-lora", "--all-targets", "--features", "cuda"]);
    check.env("CUDA_HOME", &home).env("CUDA_PATH", &home).env("CUDA_ROOT", &home).env("PATH", path);
    check.env("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY).env("CUDARC_CUDA_VERSION", BINDINGS);
    // A folder of its own: with the feature, much is built anew.
    run("the code for CUDA", check.env("CARGO_TARGET_DIR", target().join("cuda")))
}

/// A folder of a name, at most five levels down.
fn walk(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    fn down(folder: &std::path::Path, name: &str, levels: u8) -> Option<std::path::PathBuf> {
        let inner: Vec<_> =
            std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
        inner.iter().find(|p| p.file_name().is_some_and(|n| n == name)).cloned().or_else(|| {
            let deeper = levels.checked_sub(1)?;
            inner.iter().find_map(|p| down(p, name, deeper))
        })
    }
    down(folder, name, 5)
}
