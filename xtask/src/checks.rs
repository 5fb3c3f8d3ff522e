//! `cargo xtask test`, and its parts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::served::program;
use crate::shell::{cache, cargo, root, run, took};
use crate::{api, bindings, book, clients, contracts, demo, model, openapi, outside, ran, readme, signing, surface};

/// Which crate of the workspace may depend on which.
const LAYERS: &[(&str, &[&str])] = &[
    ("lazai-core", &[]),
    ("lazai-zk", &["lazai-core"]),
    ("lazai-lora", &["lazai-core"]),
    ("lazai-settle", &["lazai-core"]),
    ("lazai-voice", &["lazai-core"]),
    ("lazai", &["lazai-core", "lazai-zk", "lazai-lora", "lazai-settle", "lazai-voice"]),
    ("lazai-facade", &["lazai"]),
    ("lazai-cli", &["lazai-facade"]),
    ("lazai-python", &["lazai-cli", "lazai-facade"]),
    ("lazai-examples", &["lazai", "lazai-cli"]),
    ("lazai-benches", &["lazai", "lazai-core", "lazai-settle"]),
    ("xtask", &[]),
];

/// Features with which everything is tested: proving is not a default of `lazai`.
pub const FEATURES: &str = "lazai/conformance,lazai/evm,lazai/object-store-aws,lazai/object-store-azure,lazai/object-store-gcp,lazai/otel,lazai/postgres,lazai/quotes,lazai/stark,lazai/zk,lazai-zk/p3,lazai-zk/plonky2";
/// What a dependant may leave out: each must build alone.
const FEATURE_SETS: &[(&str, &str)] = &[
    ("lazai", ""),
    ("lazai", "evm"),
    ("lazai", "node"),
    ("lazai", "wire"),
    ("lazai", "credits"),
    ("lazai", "client"),
    ("lazai", "conformance"),
    ("lazai-facade", ""),
    ("lazai", "object-store"),
    ("lazai", "otel"),
    ("lazai", "quotes"),
    ("lazai", "stark"),
    ("lazai", "zk"),
    ("lazai", "train"),
    ("lazai", "serve"),
    ("lazai", "voice"),
    ("lazai", "flac"),
    ("lazai-voice", ""),
    ("lazai-zk", ""),
    ("lazai-zk", "p3"),
    ("lazai-zk", "plonky2"),
    ("lazai-settle", ""),
    ("lazai-settle", "evm"),
    ("lazai-core", ""),
    ("lazai-core", "character"),
    ("lazai-core", "expressions"),
    ("lazai-core", "import"),
    ("lazai-core", "tokenizer"),
    ("lazai-core", "cards"),
    ("lazai-core", "audio"),
    ("lazai-core", "encodings"),
    ("lazai-core", "prepare"),
    ("lazai-core", "yaml"),
];
/// Examples that a test runs, one per role.
const EXAMPLES: &[&str] =
    &["client", "creator", "validator", "exex", "provider", "consumer", "governor", "anyone", "trainer"];
const DENY: &str = "0.20.2";

pub fn all() -> Result<()> {
    let base = model::fetch(None)?;
    let voice = model::fetch_voice()?;
    ran::SAID.begin()?;
    run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    layers()?;
    readme::check()?;
    book::check()?;
    surface::start(&[])?;
    let s3 = model::s3_server();
    let with_model = |args: &[&str]| {
        let mut command = cargo(args);
        command
            .env("LAZAI_BASE_MODEL", &base)
            .env("LAZAI_VOICE_PACKAGE", &voice)
            .envs(s3.iter().map(|server| ("LAZAI_S3_SERVER", server)));
        ran::SAID.told(&mut command);
        command
    };
    run("build", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    // What fails in a minute fails before what takes many.
    openapi::check()?;
    let lints = ["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"];
    run("clippy", &mut cargo(&lints))?;
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--features", FEATURES]);
    run("docs", docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    api::start(&[])?;
    run("tests", &mut with_model(&["test", "--workspace", "--features", FEATURES]))?;
    for example in EXAMPLES {
        // Built above with everything else; another `cargo run` would unify features anew and build again.
        run(&format!("example {example}"), Command::new(program(example)).env("LAZAI_BASE_MODEL", &base))?;
    }
    bindings::check()?;
    ran::end()?;
    clients::check(&base)?;
    signing::check()?;
    for (package, features) in FEATURE_SETS {
        let only = ["-p", package, "--no-default-features", "--features", features, "--", "-D", "warnings"];
        run(&format!("{package} with only {features:?}"), cargo(&["clippy", "--quiet"]).args(only))?;
    }
    let alone = ["-p", "lazai-core", "--no-default-features", "--features", "character", "--lib", "character"];
    run("cards without expressions", cargo(&["test", "--quiet"]).args(alone))?;
    outside::run()?;
    if contracts::check()? {
        demo::play(&base, true, true, true)?;
    }
    deny()?;
    took();
    println!("── everything holds");
    Ok(())
}

/// Checks the arrows between the crates of the workspace, by cargo's own metadata.
pub fn layers() -> Result<()> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps"]).output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let allowed: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let may = allowed.get(name).with_context(|| format!("{name} is not in the list of layers"))?;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            ensure!(!allowed.contains_key(to) || may.contains(&to), "{name} must not depend on {to}");
        }
    }
    // plonky2 is named in one folder only.
    for path in sources(root())? {
        let inside = path.starts_with(root().join("lazai-zk"));
        if !inside && !path.starts_with(root().join("xtask")) {
            let text = std::fs::read_to_string(&path)?;
            ensure!(!text.contains("plonky2::"), "{} names plonky2", path.display());
        }
    }
    println!("── layers hold");
    Ok(())
}

fn sources(folder: PathBuf) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(sources(path)?);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Bans, licences and sources of dependencies. The advisory database is not asked: it lives on another server.
pub fn deny() -> Result<()> {
    let folder = cache()?.join(format!("cargo-deny-{DENY}"));
    let program = folder.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let mut install = cargo(&["install", "cargo-deny", "--locked", "--version", DENY, "--root"]);
        // It runs for a second: compiling it quickly matters more than running it quickly.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_PROFILE_RELEASE_LTO", "off");
        install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256").env_remove("CARGO_TARGET_DIR");
        run("cargo-deny, built once into the cache folder", install.arg(&folder))?;
    }
    let mut deny = Command::new(program);
    deny.args(["--log-level", "error", "check", "bans", "licenses", "sources"]).current_dir(root());
    run("licences, bans, sources", &mut deny)
}
