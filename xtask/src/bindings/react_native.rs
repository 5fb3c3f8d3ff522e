//! The library for React Native, out of the same definitions as Swift's and Kotlin's: generated, and its types checked. It takes
//! an app to run it.

use std::process::Command;

use anyhow::Result;

use super::{Missing, folder, mobile, npm};
use crate::shell::{cargo, run, target, without_npm};

/// What generates it, of UniFFI's own version: compiled once, 1.5 minutes.
const GENERATOR: &str = "uniffi-bindgen-react-native@0.31.0-5";
const TYPESCRIPT: &str = "typescript@5.9.3";

/// `cargo xtask bindings react-native`.
pub fn check() -> Result<Option<Missing>> {
    if let Some(reason) = without_npm() {
        return Ok(Some(reason));
    }
    let (_, library) = mobile::bound("kotlin")?;
    let tools = folder("react-native-tools");
    npm(&tools, &[GENERATOR, TYPESCRIPT])?;
    let package = tools.join("node_modules/uniffi-bindgen-react-native");
    let built = target().join("bindings/react-native-generator");
    let mut build = cargo(&["build", "--quiet", "--manifest-path"]);
    build.arg(package.join("crates/ubrn_cli/Cargo.toml")).env("CARGO_TARGET_DIR", &built);
    run("the generator for React Native, built once", &mut build)?;
    let (out, cpp) = (tools.join("src"), tools.join("cpp"));
    let name = if cfg!(target_os = "macos") { "liblazai.dylib" } else { "liblazai.so" };
    let mut generate =
        Command::new(built.join("debug").join(format!("uniffi-bindgen-react-native{}", std::env::consts::EXE_SUFFIX)));
    generate.args(["generate", "jsi", "bindings", "--no-format", "--library", "--ts-dir"]).arg(&out);
    generate.arg("--cpp-dir").arg(&cpp).arg(library.join(name));
    run("React Native: generate", generate.current_dir(mobile::source()))?;
    let mut types = Command::new(tools.join("node_modules/.bin/tsc"));
    types.args(["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"]);
    types.args(["--moduleResolution", "bundler", "--lib", "es2022,dom,esnext.disposable"]).arg(out.join("lazai.ts"));
    run("React Native: types", types.current_dir(&tools))?;
    println!("   {} and {}", out.display(), cpp.display());
    Ok(None)
}
