//! The package for Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Missing, folder};
use crate::checks::FEATURES;
use crate::shell::{cache, cargo, root, run, target, untold};
use crate::web::Market;
use crate::{model, peers, ran};

/// The wheel, as users get it: by maturin, in the profile of releases.
pub fn wheel() -> Result<PathBuf> {
    let python = peers::python("wheels")?;
    let mut maturin = with_zig("maturin", "build")?;
    maturin.env("CARGO_TARGET_DIR", target()).arg("--interpreter").arg(&python);
    built(maturin, "python", std::env::consts::ARCH)
}

/// Builds a wheel into a folder of its own. On Linux it is linked by zig, with an older C library than this machine's, and
/// auditwheel checks what it asks of a system.
pub fn built(mut maturin: Command, name: &str, architecture: &str) -> Result<PathBuf> {
    let out = folder(name);
    if out.is_dir() {
        std::fs::remove_dir_all(&out)?;
    }
    maturin.args(["--quiet", "--release", "--strip", "--out"]).arg(&out);
    if cfg!(target_os = "linux") {
        maturin.args(["--zig", "--compatibility", MANYLINUX]);
    }
    // The workspace's settings are found from its root.
    run(&format!("Python: the wheel for {architecture}"), maturin.current_dir(source()))?;
    let mut files = std::fs::read_dir(&out)?.filter_map(|entry| Some(entry.ok()?.path()));
    let wheel = files.find(|p| p.extension().is_some_and(|e| e == "whl")).context("no wheel")?;
    if cfg!(target_os = "linux") {
        let tag = format!("{MANYLINUX}_{architecture}");
        let audit =
            Command::new(peers::python("wheels")?.with_file_name("auditwheel")).arg("show").arg(&wheel).output()?;
        let said = String::from_utf8_lossy(&audit.stdout);
        ensure!(audit.status.success() && said.contains(&format!("{tag:?}")), "no wheel for {tag}: {said}");
        println!("   {tag}, as auditwheel says; {:.1} MB", std::fs::metadata(&wheel)?.len() as f64 / 1e6);
    }
    Ok(wheel)
}

/// A verb of a program that builds with zig, which comes with it; what both keep is in the cache folder.
pub fn with_zig(program: &str, verb: &str) -> Result<Command> {
    let (python, kept) = (peers::python("wheels")?, cache()?.join("zig"));
    let mut command = untold(Command::new(python.with_file_name(program)));
    command.arg(verb).env("CARGO_ZIGBUILD_PYTHON_PATH", python);
    command.env("CARGO_ZIGBUILD_CACHE_DIR", kept.join("wrappers")).env("ZIG_GLOBAL_CACHE_DIR", kept);
    Ok(command)
}

/// Runs the tests: against a wheel, or against the module that the workspace's build made.
pub fn check(wheel: Option<&Path>, market: Option<&Market>) -> Result<Option<Missing>> {
    let python = match peers::python("python") {
        Ok(python) => python,
        Err(error) => return Ok(Some(format!("an environment for Python: {error:#}"))),
    };
    let package = package(&python, wheel)?;
    let mut pytest = Command::new(&python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(source().join("tests"));
    pytest.env("PYTHONPATH", &package).env("PYTHONDONTWRITEBYTECODE", "1").env("LAZAI_BASE_MODEL", model::fetch(None)?);
    if let Some(market) = market {
        pytest.env("LAZAI_PAGE_URL", market.url()?);
    }
    run("Python: tests", ran::SAID.told(&mut pytest).current_dir(root()))?;
    let mut notebook = Command::new(&python);
    notebook.arg(source().join("tests/notebook.py")).arg(source().join("examples/market.ipynb"));
    notebook
        .env("LAZAI_STEPS", "6")
        .env("PYTHONPATH", &package)
        .env("LAZAI_ROOT", root())
        .env("LAZAI_BASE_MODEL", model::fetch(None)?);
    run("Python: the notebook", notebook.current_dir(&package))?;
    let mut quickstart = Command::new(&python);
    quickstart.arg(source().join("examples/quickstart.py")).env("PYTHONPATH", &package).current_dir(&package);
    run("Python: the book's program", &mut quickstart)?;
    let mut mypy = Command::new(&python);
    mypy.args(["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir"]).arg(folder("mypy"));
    mypy.arg(source().join("tests/typed.py")).env("MYPYPATH", &package);
    run("Python: types", &mut mypy)?;
    let mut stubs = Command::new(&python);
    stubs.args(["-m", "mypy.stubtest", "lazai", "--allowlist"]).arg(source().join("tests/stubtest.allow"));
    run("Python: stubs against the module", stubs.env("PYTHONPATH", &package).current_dir(folder("python-package")))?;
    Ok(None)
}

/// PEFT and transformers with an adapter that the package trains: they need PyTorch, so this is no part of the tests.
pub fn peft() -> Result<Option<Missing>> {
    run("the module", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    let python = peers::python("lora")?;
    let mut peft = Command::new(&python);
    peft.arg(source().join("tests/peft_interop.py")).env("PYTHONPATH", package(&python, None)?).current_dir(root());
    run("PEFT and transformers", peft.env("LAZAI_BASE_MODEL", model::fetch(None)?))?;
    Ok(None)
}

/// The package in a folder: a wheel, or the module that the workspace's build made with the same Python sources.
pub fn package(python: &Path, wheel: Option<&Path>) -> Result<PathBuf> {
    let package = fresh_package()?;
    if let Some(wheel) = wheel {
        install(python, &package, wheel)?;
        return Ok(package);
    }
    let lazai = package.join("lazai");
    std::fs::create_dir_all(&lazai)?;
    for entry in std::fs::read_dir(source().join("python/lazai"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), lazai.join(entry.file_name()))?;
        }
    }
    let (built, name) = if cfg!(windows) { ("_lazai.dll", "_lazai.pyd") } else { (LIBRARY, "_lazai.abi3.so") };
    let built = target().join("debug").join(built);
    ensure!(built.is_file(), "{} is not built", built.display());
    std::fs::copy(built, lazai.join(name))?;
    Ok(package)
}

/// An empty folder for the package.
fn fresh_package() -> Result<PathBuf> {
    let package = folder("python-package");
    if package.is_dir() {
        std::fs::remove_dir_all(&package)?;
    }
    std::fs::create_dir_all(&package)?;
    Ok(package)
}

fn install(python: &Path, package: &Path, wheel: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"]);
    run("Python: the wheel is installed", pip.arg(package).arg(wheel))
}

/// Milliseconds that importing the package takes, and importing `json` of the standard library: each the median of 21 new
/// processes, less what an empty one takes.
pub fn import_ms(wheel: &Path) -> Result<(f64, f64)> {
    let python = peers::python("python")?;
    let package = fresh_package()?;
    install(&python, &package, wheel)?;
    let median = |program: &str| -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..21 {
            let begun = std::time::Instant::now();
            let done = Command::new(&python).args(["-c", program]).env("PYTHONPATH", &package).status()?;
            ensure!(done.success(), "{program}: {done}");
            times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    let empty = median("pass")?;
    Ok((median("import lazai")? - empty, median("import json")? - empty))
}

const LIBRARY: &str = if cfg!(target_os = "macos") { "lib_lazai.dylib" } else { "lib_lazai.so" };

/// The systems that wheels for Linux run on: those since 2014.
const MANYLINUX: &str = "manylinux_2_17";

pub fn source() -> PathBuf {
    root().join("bindings").join("python")
}
