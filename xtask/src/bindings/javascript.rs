//! The package for JavaScript: WebAssembly with what wasm-bindgen and binaryen make of it, for pages and for Node.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::{Missing, folder, npm};
use crate::shell::{cargo, has, root, run, target, without_npm};
use crate::web::{self, Market};
use crate::{model, ran, wasm};

/// Optimiser of WebAssembly.
const BINARYEN: &str = "binaryen@132.0.0";
/// Libraries of others that must understand ours, and TypeScript's compiler.
const PEERS: &[&str] = &["viem@2.57.20", "@risuai/ccardlib@0.4.2", "typescript@5.9.3"];
/// Most bytes of the verifier alone, gzipped.
const MAX_VERIFIER_BYTES: u64 = 300_000;

/// The package, built.
pub struct Package {
    /// Where it is.
    pub folder: PathBuf,
    /// Bytes of the verifier's module, gzipped.
    pub verifier_gz_bytes: u64,
    /// Bytes of the whole module, gzipped.
    pub whole_gz_bytes: u64,
}

/// Builds the package.
pub fn package() -> Result<Result<Package, Missing>> {
    if let Some(reason) = without_npm() {
        return Ok(Err(reason));
    }
    if let Err(reason) = wasm::toolchain() {
        return Ok(Err(reason));
    }
    let package = folder("javascript");
    let tools = Tools::get()?;
    // Gone first, so that nothing of an older build stays.
    for part in ["web", "node", "verifier", "voice"] {
        let part = package.join(part);
        if part.is_dir() {
            std::fs::remove_dir_all(part)?;
        }
    }
    let mut sizes = Vec::new();
    for (name, place, features) in [("lazai_verifier", "verifier", &["--no-default-features"][..]), ("lazai", "", &[])]
    {
        sizes.push(tools.bind(&wasm::bindings(features)?, name, &package.join(place), &["-Os", "--converge"])?);
    }
    if let Err(reason) = tools.voice(&package)? {
        return Ok(Err(reason));
    }
    let [verifier_gz_bytes, whole_gz_bytes] = sizes[..] else { bail!("two modules were to be built") };
    ensure!(
        verifier_gz_bytes <= MAX_VERIFIER_BYTES,
        "the verifier has {verifier_gz_bytes} bytes gzipped, at most {MAX_VERIFIER_BYTES} are allowed"
    );
    for file in ["paying.js", "paying.d.ts", "session.js", "session.d.ts", "sound.js", "sound.d.ts"] {
        for kind in ["web", "node"] {
            std::fs::copy(source().join(file), package.join(kind).join(file))?;
        }
    }
    for file in ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        std::fs::copy(source().join(file), package.join(file))?;
    }
    Ok(Ok(Package { folder: package, verifier_gz_bytes, whole_gz_bytes }))
}

/// The part of the package that speaks, built; gives the folder of the package.
pub fn voice() -> Result<Result<PathBuf, Missing>> {
    if let Some(reason) = without_npm() {
        return Ok(Err(reason));
    }
    let package = folder("javascript");
    Ok(Tools::get()?.voice(&package)?.map(|_| package))
}

/// What makes a package of a module.
struct Tools {
    bindgen: PathBuf,
    binaryen: PathBuf,
}

impl Tools {
    fn get() -> Result<Self> {
        let binaryen = target().join("bindings").join("binaryen");
        npm(&binaryen, &[BINARYEN], "23 MB")?;
        Ok(Self { bindgen: bindgen()?, binaryen: binaryen.join("node_modules/.bin/wasm-opt") })
    }

    /// Binds a module for pages and for Node, into two folders of a place; gives its bytes, gzipped.
    fn bind(&self, module: &Path, name: &str, place: &Path, how: &[&str]) -> Result<u64> {
        for (kind, part) in [("web", "web"), ("nodejs", "node")] {
            let bound = Command::new(&self.bindgen).arg(module).arg(place.join(part)).args([name, kind]).status()?;
            ensure!(bound.success(), "wasm-bindgen for {kind}: {bound}");
        }
        // One module, two ways to load it.
        let file = format!("{name}_bg.wasm");
        let (from, to) = (place.join("web").join(&file), place.join("node").join(&file));
        let optimised = place.join("optimised.wasm");
        let mut optimise = Command::new(&self.binaryen);
        run(&format!("wasm-opt {name}"), optimise.args(how).arg(&from).arg("-o").arg(&optimised))?;
        std::fs::copy(&optimised, to)?;
        std::fs::rename(&optimised, &from)?;
        let bytes = gzipped(&from)?;
        println!("   {name}: {bytes} bytes gzipped");
        Ok(bytes)
    }

    /// The base voice, a module of its own: who does not speak on the device does not load it.
    fn voice(&self, package: &Path) -> Result<Result<u64, Missing>> {
        let module = match wasm::module(wasm::VOICE)? {
            Ok(module) => module,
            Err(reason) => return Ok(Err(reason)),
        };
        let place = package.join("voice");
        let bytes = self.bind(&module, "lazai_voice", &place, &["-O3"])?;
        for file in ["voice.js", "voice.d.ts"] {
            for kind in ["web", "node"] {
                std::fs::copy(root().join(wasm::VOICE.folder).join(file), place.join(kind).join(file))?;
            }
        }
        Ok(Ok(bytes))
    }
}

/// Builds the package and runs its tests under Node and, where there is one, in a browser; there the example page too, if it
/// has a market.
pub fn check(market: Option<&Market>) -> Result<Option<Missing>> {
    let package = match package()? {
        Ok(package) => package,
        Err(reason) => return Ok(Some(reason)),
    };
    let tests = folder("javascript-tests");
    npm(&tests, PEERS, "110 MB")?;
    // As if it were installed.
    let installed = tests.join("node_modules/@lazai/sdk");
    copy(&package.folder, &installed)?;
    copy(&source().join("tests"), &tests.join("tests"))?;
    let mut node = Command::new("node");
    node.args(["--expose-gc", "--test", "--test-reporter=spec"]).arg(tests.join("tests/package.test.mjs"));
    run("JavaScript: package under Node", ran::SAID.told(&mut node).env("LAZAI_ROOT", root()))?;
    let mut speaking = Command::new("node");
    speaking.args(["--test", "--test-reporter=spec"]).arg(tests.join("tests/voice.test.mjs"));
    let voice = model::fetch_voice()?;
    run("JavaScript: a voice under Node", speaking.env("LAZAI_VOICE_PACKAGE", &voice).env("LAZAI_ROOT", root()))?;
    let mut types = Command::new(tests.join("node_modules/.bin/tsc"));
    types.args(["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]);
    types.args(["--lib", "es2022,dom,esnext.disposable"]).arg("tests/typed.ts");
    run("JavaScript: types", types.current_dir(&tests))?;
    copy(&source().join("examples"), &tests.join("examples"))?;
    std::fs::copy(source().join("examples/quickstart.mjs"), tests.join("quickstart.mjs"))?;
    let mut quickstart = Command::new("node");
    quickstart.arg(tests.join("quickstart.mjs")).env("LAZAI_ROOT", root());
    run("JavaScript: the book's program", &mut quickstart)?;
    if let Some(market) = market {
        let mut talk = Command::new("node");
        talk.args(["--test", "--test-reporter=spec"]).arg(tests.join("tests/talk.test.mjs"));
        run("JavaScript: a session in Node", talk.env("LAZAI_PAGE_URL", market.url()?))?;
    }
    let Some(browser) = chromium() else {
        println!("── skipped: the package in a browser: no chromium on this machine");
        return Ok(None);
    };
    let mut chromium = in_chromium(&browser, &package, None);
    run("JavaScript: package in Chromium", chromium.env("LAZAI_VOICE_PACKAGE", voice))?;
    if let Some(market) = market {
        web::check(&browser, market.url()?)?;
    }
    Ok(None)
}

/// The tests of the package in a browser; `report` is where results go as JSON.
pub fn in_chromium(browser: &Path, package: &Package, report: Option<&Path>) -> Command {
    let mut node = Command::new("node");
    node.arg(source().join("tests/chromium.mjs")).env("CHROMIUM", browser);
    ran::SAID.told(&mut node).env("LAZAI_ROOT", root()).env("LAZAI_PACKAGE", &package.folder);
    if let Some(report) = report {
        node.env("LAZAI_REPORT", report);
    }
    node
}

/// The browser, if there is one.
pub fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| has(name, "--version"));
    named.or_else(|| found.map(PathBuf::from))
}

fn source() -> PathBuf {
    root().join("bindings").join("wasm")
}

/// wasm-bindgen's command line, of the release that the bindings name.
fn bindgen() -> Result<PathBuf> {
    let folder = target().join("bindings").join("bindgen");
    let manifest = source().join("bindgen").join("Cargo.toml");
    let mut build = cargo(&["build", "--quiet", "--locked", "--manifest-path"]);
    build.arg(manifest).env("CARGO_TARGET_DIR", &folder);
    run("wasm-bindgen, built once", &mut build)?;
    Ok(folder.join("debug").join(format!("bindgen{}", std::env::consts::EXE_SUFFIX)))
}

/// Bytes after `gzip -9`; Node's own, which packs by a percent less, where there is none.
fn gzipped(path: &Path) -> Result<u64> {
    if let Ok(output) = Command::new("gzip").arg("-9c").arg(path).output()
        && output.status.success()
    {
        return Ok(output.stdout.len() as u64);
    }
    let script = "process.stdout.write(String(require('zlib').gzipSync(require('fs').readFileSync(process.argv[1]), {level: 9}).length))";
    let output = Command::new("node").args(["-e", script]).arg(path).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).parse()?)
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
