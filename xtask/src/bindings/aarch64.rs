//! Python's wheel for ARM, and the tests of crates there: built on x86-64 by Debian's Rust, with zig as C compiler and linker, and
//! run under qemu's emulation of a processor.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::debian::{self, Archive};
use super::{Missing, folder, python};
use crate::shell::{cache, has, root, run, target};
use crate::{model, peers};

const ARCHITECTURE: &str = "aarch64";
const TRIPLE: &str = "aarch64-unknown-linux-gnu";
/// The oldest C library that tests are linked with: that of the wheel's tag.
const GLIBC: &str = "2.17";
/// Rust for other targets, where Debian puts it: rustup's standard libraries are of another compiler.
const RUST: [(&str, &str); 3] =
    [("CARGO", "/usr/bin/cargo"), ("RUSTC", "/usr/bin/rustc"), ("RUSTDOC", "/usr/bin/rustdoc")];
/// Debian's packages for that processor.
const FOREIGN: Archive = Archive { architecture: Some("arm64"), ..debian::OWN };
/// Python, and what NumPy is linked with.
const SYSTEM: &[&str] = &["python3", "libstdc++6"];
/// What the package's tests need beside it.
const PACKAGES: &[&str] = &["pytest", "numpy", "safetensors", "eth-account==0.14.0"];
/// The crates whose tests run, with default features: what a ledger and a dataset are held to, without a prover.
const CRATES: &[&str] = &["lazai-core", "lazai-zk", "lazai-settle"];
/// The crate with kernels for that processor, and their tests.
const KERNELS: (&str, &str) = ("lazai-lora", "serve::product");

/// `cargo xtask bindings python-aarch64`.
pub fn check() -> Result<Option<Missing>> {
    let sysroot = match sysroot()? {
        Ok(sysroot) => sysroot,
        Err(reason) => return Ok(Some(reason)),
    };
    let machine = match Machine::new()? {
        Ok(machine) => machine,
        Err(reason) => return Ok(Some(reason)),
    };
    let mut maturin = foreign("maturin", "build", &sysroot)?;
    maturin.args(["--target", TRIPLE, "--locked"]);
    let wheel = python::built(maturin, "python-aarch64", ARCHITECTURE)?;
    package(&machine, &wheel)?;
    let runner = machine.runner()?;
    let tests = |what: &[&str]| -> Result<Command> {
        let mut tests = foreign("cargo-zigbuild", "test", &sysroot)?;
        tests.args(["--quiet", "--locked", "--lib", "--target"]).arg(format!("{TRIPLE}.{GLIBC}")).args(what);
        tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", &runner).current_dir(root());
        Ok(tests)
    };
    let mut crates = tests(&["--test", "voice"])?;
    CRATES.iter().for_each(|name| {
        crates.args(["--package", name]);
    });
    run(&format!("aarch64: tests of {}", CRATES.join(", ")), &mut crates)?;
    let (name, kernels) = KERNELS;
    run(&format!("aarch64: tests of {name}, {kernels}"), &mut tests(&["--package", name, kernels])?)?;
    Ok(None)
}

/// A folder with the compiler's standard libraries, for this processor and the other; made on first use.
fn sysroot() -> Result<Result<PathBuf, Missing>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Err("the wheel for ARM is built on Linux x86-64".into()));
    }
    // One compiler's library is no other's: the version must be the same to the last digit.
    let asked = Command::new("dpkg-query").args(["-W", "-f", "${Version}\n", "rustc-web", "cargo-web"]).output();
    let versions = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned()).unwrap_or_default();
    let versions: Vec<&str> = versions.lines().filter(|version| !version.is_empty()).collect();
    let [version, _] = versions[..] else {
        return Ok(Err("Debian's packages rustc-web and cargo-web are not installed".into()));
    };
    let package = format!("libstd-rust-web-dev={version}");
    let alone = Archive { alone: true, ..FOREIGN };
    let library = match debian::unpacked("aarch64-std", &alone, &[&package], "36 MB")? {
        Ok(library) => library,
        Err(reason) => return Ok(Err(reason)),
    };
    let sysroot = cache()?.join("sysroot");
    let targets = sysroot.join("lib/rustlib");
    std::fs::create_dir_all(&targets)?;
    for (from, triple) in [(Path::new("/"), "x86_64-unknown-linux-gnu"), (&library, TRIPLE)] {
        let from = from.join("usr/lib/rustlib").join(triple);
        ensure!(from.is_dir(), "no standard library in {}", from.display());
        let linked = Command::new("ln").arg("-sfn").arg(&from).arg(targets.join(triple)).status()?;
        ensure!(linked.success(), "{}: {linked}", from.display());
    }
    Ok(Ok(sysroot))
}

/// A verb of a program that builds for the other processor.
fn foreign(program: &str, verb: &str, sysroot: &Path) -> Result<Command> {
    let mut command = python::with_zig(program, verb)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once("/usr/bin".into()).chain(std::env::split_paths(&path)))?;
    command.env("PATH", path).envs(RUST).env("CARGO_TARGET_DIR", target().join(ARCHITECTURE));
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let flags = format!("--sysroot={}", sysroot.to_str().context("the cache folder's path is not UTF-8")?);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags);
    Ok(command)
}

/// The other processor, emulated, and the system that its programs see.
struct Machine {
    emulator: PathBuf,
    system: PathBuf,
}

impl Machine {
    fn new() -> Result<Result<Self, Missing>> {
        let emulator = match ["qemu-aarch64-static", "qemu-aarch64"].into_iter().find(|name| has(name, "--version")) {
            Some(installed) => PathBuf::from(installed),
            None => match debian::unpacked("qemu-user", &debian::OWN, &["qemu-user-static"], "63 MB")? {
                Ok(folder) => folder.join("usr/bin/qemu-aarch64-static"),
                Err(reason) => return Ok(Err(reason)),
            },
        };
        let system = debian::unpacked("aarch64-python", &FOREIGN, SYSTEM, "16 MB")?;
        Ok(system.map(|system| Self { emulator, system }))
    }

    /// Runs a program, for cargo.
    fn runner(&self) -> Result<String> {
        let [emulator, system] = [&self.emulator, &self.system].map(|path| path.to_str());
        let (emulator, system) = emulator.zip(system).context("the cache folder's path is not UTF-8")?;
        ensure!(![emulator, system].iter().any(|path| path.contains(' ')), "cargo's runners have no spaces in paths");
        Ok(format!("{emulator} -L {system}"))
    }

    /// Debian's Python for that processor, as a program: what it starts as `sys.executable` is emulated too.
    fn python(&self, place: &Path) -> Result<PathBuf> {
        let program = place.join("python");
        let (runner, home) = (self.runner()?, self.system.join("usr").display().to_string());
        let (emulator, rest) = runner.split_once(' ').context("a runner")?;
        let script =
            format!("#!/bin/sh\nPYTHONHOME={home} exec {emulator} -0 \"$0\" {rest} {home}/bin/python3 \"$@\"\n");
        std::fs::write(&program, script)?;
        ensure!(Command::new("chmod").arg("+x").arg(&program).status()?.success(), "{}", program.display());
        Ok(program)
    }
}

/// Installs the wheel with what its tests need, imports it, and runs scenarios and tests.
fn package(machine: &Machine, wheel: &Path) -> Result<()> {
    let place = folder("python-aarch64-package");
    if place.is_dir() {
        std::fs::remove_dir_all(&place)?;
    }
    std::fs::create_dir_all(&place)?;
    let python = machine.python(&place)?;
    let said = |program: &str| -> Result<String> {
        let said = Command::new(&python).args(["-c", program]).env("PYTHONPATH", place.join("site")).output()?;
        ensure!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let version = said("import sys; print(*sys.version_info[:2], sep='.')")?;
    let mut pip = Command::new(peers::python("wheels")?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--target"]);
    pip.arg(place.join("site")).args(["--implementation", "cp", "--python-version", &version]);
    pip.args(["--abi", &format!("cp{}", version.replace('.', "")), "--abi", "abi3", "--abi", "none"]);
    for system in ["manylinux2014", "manylinux_2_17", "manylinux_2_28"] {
        pip.args(["--platform", &format!("{system}_{ARCHITECTURE}")]);
    }
    run("aarch64: the wheel is installed", pip.args(PACKAGES).arg(wheel))?;
    let imported = said("import platform, lazai; print(platform.machine(), lazai.library_version())")?;
    ensure!(imported.starts_with(ARCHITECTURE), "imported on {imported}");
    println!("   imported in Python {version}: {imported}");
    let mut pytest = Command::new(&python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    pytest.args(["test_scenarios.py", "test_package.py"].map(|file| python::source().join("tests").join(file)));
    pytest.env("PYTHONPATH", place.join("site")).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root());
    run("aarch64: scenarios and tests", pytest.env("LAZAI_BASE_MODEL", model::fetch(None)?))
}
