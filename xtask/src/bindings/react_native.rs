//! The library for React Native, out of the same definitions as Swift's and Kotlin's. The TypeScript that an app gets is run
//! here in Node, over another runtime than a phone's (N-API for JSI); the C++ for phones is generated, and not compiled.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, folder, javascript, mobile, npm};
use crate::shell::{cargo, root, run, target, without_npm};

/// What generates it, of UniFFI's own version (compiled once, 3.5 minutes); its runtimes; what types and packs TypeScript.
const PACKAGES: &[&str] = &[
    "uniffi-bindgen-react-native@0.31.0-5",
    "@ubjs/node@0.31.0-3",
    "@types/node@20.9.5",
    "esbuild@0.28.2",
    "typescript@5.9.3",
];

/// `cargo xtask bindings react-native`.
pub fn check() -> Result<Option<Missing>> {
    if let Some(reason) = without_npm() {
        return Ok(Some(reason));
    }
    let (_, library) = mobile::bound("kotlin")?;
    let library = library.join(mobile::LIBRARY);
    let place = folder("react-native");
    npm(&place, PACKAGES, "50 MB")?;
    // The generator brings its runtime along, under the name that other packages have it by.
    let runtime = place.join("node_modules/uniffi-bindgen-react-native/typescript");
    javascript::copy(&runtime, &place.join("node_modules/@ubjs/core"))?;
    let built = target().join("bindings/react-native-generator");
    let mut build = cargo(&["build", "--quiet", "--manifest-path"]);
    build.arg(place.join("node_modules/uniffi-bindgen-react-native/crates/ubrn_cli/Cargo.toml"));
    run("the generator for React Native, built once", build.env("CARGO_TARGET_DIR", &built))?;
    let generate = |what: &str, options: &[&str], to: &str| {
        let program = format!("debug/uniffi-bindgen-react-native{}", std::env::consts::EXE_SUFFIX);
        let mut generate = Command::new(built.join(program));
        generate.args(["generate", what, "bindings", "--no-format"]).args(options);
        generate.arg("--ts-dir").arg(place.join(to)).arg("--library").arg(&library).current_dir(mobile::source());
        generate
    };
    let mut phones = generate("jsi", &[], "src");
    run("React Native: for phones", phones.arg("--cpp-dir").arg(place.join("cpp")))?;
    run("React Native: for Node", &mut generate("napi", &["--lib-absolute"], "node"))?;
    let runner = root().join("bindings/wasm/tests/scenarios.mjs");
    for (from, to) in [(runner, "scenarios.mjs"), (mobile::source().join("react-native/scenarios.ts"), "scenarios.ts")]
    {
        std::fs::copy(from, place.join(to))?;
    }
    let tool = |name: &str| Command::new(place.join("node_modules/.bin").join(name));
    let mut types = tool("tsc");
    types.args(["--noEmit", "--strict", "--allowJs", "--skipLibCheck", "--target", "es2022", "--module", "esnext"]);
    types.args(["--moduleResolution", "bundler", "--lib", "es2022,dom,esnext.disposable", "--types", "node"]);
    run("React Native: types", types.arg("scenarios.ts").current_dir(&place))?;
    let mut pack = tool("esbuild");
    pack.args([
        "scenarios.ts",
        "--bundle",
        "--platform=node",
        "--format=esm",
        "--external:@ubjs/node",
        "--log-level=warning",
    ]);
    run("React Native: pack", pack.arg("--outfile=scenarios-packed.mjs").current_dir(&place))?;
    let mut scenarios = Command::new("node");
    scenarios.arg(Path::new("scenarios-packed.mjs")).env("LAZAI_ROOT", root()).current_dir(&place);
    run("React Native: the scenarios, in Node", &mut scenarios)?;
    println!("   {}", place.display());
    Ok(None)
}
