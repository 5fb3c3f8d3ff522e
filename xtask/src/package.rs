//! `cargo xtask package`: crates, wheel and npm package as a registry would get them, checked, and installed from files alone into
//! an empty place, from where the quick starts run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::bindings::{javascript, npm, python};
use crate::checks::FEATURES;
use crate::shell::{cargo, root, run, target};
use crate::web::{self, Market};
use crate::{outside, peers};

/// What is published, each after what it depends on.
pub const CRATES: [&str; 6] = ["lazai-core", "lazai-zk", "lazai-lora", "lazai-settle", "lazai-voice", "lazai"];
/// What every crate must carry.
const CARRIED: [&str; 4] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"];
/// Looks at how a package of npm is put together.
const PUBLINT: &str = "publint@0.3.25";

pub fn start() -> Result<()> {
    let empty = target().join("package-place");
    if empty.is_dir() {
        std::fs::remove_dir_all(&empty)?;
    }
    std::fs::create_dir_all(&empty)?;
    let rust_s = crates(&empty)?;
    run(
        "the market that programs meet",
        &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]),
    )?;
    let market = web::open(1)?.map_err(anyhow::Error::msg)?;
    let python_s = wheel(&empty, &market)?;
    let javascript_s = npm_package(&empty, &market)?;
    market.close()?;
    let told = json!({
        "rust_build_and_run_s": rust_s,
        "python_from_pip_install_to_first_reply_s": python_s,
        "javascript_from_npm_install_to_first_reply_s": javascript_s,
    });
    println!("{told:#}");
    let report = target().join("reports").join("package.json");
    std::fs::create_dir_all(report.parent().context("a folder")?)?;
    Ok(std::fs::write(report, serde_json::to_vec_pretty(&told)?)?)
}

/// Cargo unpacks a version of a package once, and takes a later package of the same version for it.
fn forget_unpacked() -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registry = home.context("no home directory")?.join("registry");
    for kind in ["src", "cache"] {
        let Ok(registries) = std::fs::read_dir(registry.join(kind)) else { continue };
        for folder in registries {
            let folder = folder?.path();
            for name in CRATES {
                let unpacked = folder.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
                if unpacked.is_dir() {
                    std::fs::remove_dir_all(&unpacked)?;
                }
                let packed = unpacked.with_file_name(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
                if packed.is_file() {
                    std::fs::remove_file(&packed)?;
                }
            }
        }
    }
    Ok(())
}

/// The crates, each built by cargo from its own package; then a dependant on the packages alone. Gives its seconds.
fn crates(empty: &Path) -> Result<f64> {
    forget_unpacked()?;
    let mut package = cargo(&["package", "--allow-dirty", "--quiet"]);
    CRATES.iter().for_each(|name| {
        package.args(["--package", name]);
    });
    run("crates: packaged, and built from their packages", &mut package)?;
    let mut patches = String::new();
    for name in CRATES {
        let archive = target().join("package").join(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
        run(&format!("{name} is unpacked"), Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(empty))?;
        let folder = empty.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
        for file in CARRIED {
            ensure!(folder.join(file).is_file(), "the package of {name} has no {file}");
        }
        patches += &format!("{name} = {{ path = {folder:?} }}\n");
    }
    let place = empty.join("rust");
    std::fs::create_dir_all(place.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"dependant\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nlazai = {:?}\n\n[patch.crates-io]\n{patches}",
        env!("CARGO_PKG_VERSION")
    );
    std::fs::write(place.join("Cargo.toml"), manifest)?;
    std::fs::write(place.join("src/main.rs"), outside::MAIN)?;
    std::fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock"))?;
    let started = Instant::now();
    let mut build = cargo(&["run", "--quiet"]);
    build.current_dir(&place).env_remove("RUSTC_BOOTSTRAP").env("CARGO_TARGET_DIR", place.join("target"));
    run("Rust: a dependant on the packages, default features, plain stable", &mut build)?;
    Ok(started.elapsed().as_secs_f64())
}

/// The wheel, checked by twine, installed into an environment of its own. Gives the seconds from `pip install` to the end of
/// the quick start.
fn wheel(empty: &Path, market: &Market) -> Result<f64> {
    let wheel = python::wheel()?;
    let twine = peers::python("package")?.with_file_name("twine");
    run("Python: twine", Command::new(twine).args(["check", "--strict"]).arg(&wheel))?;
    let place = empty.join("python");
    let python = peers::environment_at(&place)?;
    let started = Instant::now();
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]).arg(&wheel);
    run("Python: the wheel is installed, from the file alone", &mut pip)?;
    let mut talk = Command::new(&python);
    talk.arg(root().join("bindings/python/tests/first_reply.py")).current_dir(&place);
    run("Python: the quick start", talk.env("LAZAI_PAGE_URL", market.url()?))?;
    Ok(started.elapsed().as_secs_f64())
}

/// The package of npm: packed, looked at by publint, installed from the archive. Gives the seconds from `npm install` to the
/// end of the quick start.
fn npm_package(empty: &Path, market: &Market) -> Result<f64> {
    let package = javascript::package()?.map_err(anyhow::Error::msg)?;
    let tools = target().join("bindings").join("publint");
    npm(&tools, &[PUBLINT], "2 MB")?;
    let mut publint = Command::new(tools.join("node_modules/.bin/publint"));
    run("JavaScript: publint", publint.arg("--strict").arg(&package.folder))?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--pack-destination"]).arg(empty).current_dir(&package.folder);
    run("JavaScript: npm pack", &mut pack)?;
    let archive = empty.join(format!("lazai-sdk-{}.tgz", env!("CARGO_PKG_VERSION")));
    let place: PathBuf = empty.join("javascript");
    std::fs::create_dir_all(place.join("tests"))?;
    std::fs::create_dir_all(place.join("examples"))?;
    for file in ["tests/talk.test.mjs", "examples/talk.mjs"] {
        std::fs::copy(root().join("bindings/wasm").join(file), place.join(file))?;
    }
    let started = Instant::now();
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--offline", "--prefix"]).arg(&place).arg(archive);
    run("JavaScript: the package is installed, from the file alone", &mut install)?;
    let mut talk = Command::new("node");
    talk.args(["--test", "--test-reporter=spec"]).arg(place.join("tests/talk.test.mjs"));
    run("JavaScript: the quick start", talk.env("LAZAI_PAGE_URL", market.url()?))?;
    Ok(started.elapsed().as_secs_f64())
}
