//! What a page would check or speak, as WebAssembly: built with whatever the machine has for that target.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::shell::{cargo, root, run, target};

const TARGET: &str = "wasm32-unknown-unknown";

/// A crate for WebAssembly alone.
#[derive(Clone, Copy)]
pub struct Crate {
    /// Where it is, from the root.
    pub folder: &'static str,
    module: &'static str,
}

/// The crate that measures what a page would check, and the one of a voice that speaks there.
pub const VERIFIER: Crate = Crate { folder: "benches/wasm", module: "lazai_wasm_verifier.wasm" };
pub const VOICE: Crate = Crate { folder: "bindings/wasm-voice", module: "lazai_wasm_voice.wasm" };
/// Nothing here draws random numbers; the crates that could are told so.
const FLAGS: &str = "--cfg getrandom_backend=\"unsupported\"";

/// Builds `bindings/wasm` with some features; gives the module.
pub fn bindings(features: &[&str]) -> Result<PathBuf> {
    let mut build = toolchain().map_err(anyhow::Error::msg)?;
    let folder = target().join("wasm");
    build.args(["--release", "--quiet", "--locked"]).args(features).env("CARGO_TARGET_DIR", &folder);
    run("bindings in wasm32", build.current_dir(root().join("bindings").join("wasm")))?;
    Ok(folder.join(TARGET).join("release").join("lazai_wasm.wasm"))
}

/// Builds a crate; gives the module, or in words why it cannot be had.
pub fn module(of: Crate) -> Result<Result<PathBuf, String>> {
    let mut build = match toolchain() {
        Ok(build) => build,
        Err(reason) => return Ok(Err(reason)),
    };
    let folder = target().join("wasm");
    build.args(["--release", "--quiet"]).env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", FLAGS);
    run(&format!("{} in wasm32", of.folder), build.current_dir(root().join(of.folder)))?;
    let module = folder.join(TARGET).join("release").join(of.module);
    ensure!(module.is_file(), "no module at {}", module.display());
    Ok(Ok(module))
}

/// `cargo build` for wasm32.
pub fn toolchain() -> Result<Command, String> {
    cargo_for(TARGET, "build")
}

/// A verb of cargo for another target: by the target's standard library where rustup has it, else by Debian's `rustc-web`,
/// which builds the standard library from `rust-web-src`.
pub fn cargo_for(triple: &str, verb: &str) -> Result<Command, String> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().map_err(|e| e.to_string())?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(triple).is_dir() {
        let mut build = cargo(&[verb, "--target", triple]);
        build.env_remove("RUSTC_BOOTSTRAP");
        return Ok(build);
    }
    let compiler = Path::new("/usr/bin/rustc");
    let linker = (15..40).rev().map(|v| PathBuf::from(format!("/usr/bin/wasm-ld-{v}"))).find(|p| p.is_file());
    let library = Path::new("/usr/share/cargo/bin/cargo");
    let (true, true, Some(linker)) = (compiler.is_file(), library.is_file(), linker) else {
        return Err(format!(
            "neither `rustup target add {triple}` was run, nor are Debian's packages rustc-web, cargo-web, rust-web-src \
             and lld installed"
        ));
    };
    let mut build = Command::new(library);
    build.args([verb, "--target", triple, "-Zbuild-std=std,panic_abort"]);
    build.env("RUSTC", compiler).env("RUSTDOC", "/usr/bin/rustdoc").env("RUSTC_BOOTSTRAP", "1");
    build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    Ok(build)
}
