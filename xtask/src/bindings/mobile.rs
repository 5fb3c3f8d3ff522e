//! Swift and Kotlin, out of one library.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::debian::{self, Archive};
use super::{Missing, folder, npm};
use crate::shell::{cargo, has, root, run, target, without_npm};
use crate::web::Market;
use crate::{peers, ran, wasm};

/// Kotlin's compiler, with coroutines.
const KOTLIN: &str = "kotlin-compiler@2.4.20";
/// What the tests on the JVM need beside it.
const JVM: &[&str] = &["libjna-java", "libjna-jni", "libgoogle-gson-java"];
/// Swift 6.0 with what it needs to run in a root of its own: 526 MB, 2.5 GB unpacked.
const SWIFT: &[&str] =
    &["base-files", "base-passwd", "dash", "coreutils", "libc-bin", "swiftlang", "libc6-dev", "libstdc++-14-dev"];

/// The file of the library that is linked at run time.
pub const LIBRARY: &str = if cfg!(target_os = "macos") { "liblazai.dylib" } else { "liblazai.so" };

pub fn source() -> PathBuf {
    root().join("bindings").join("mobile")
}

/// Builds the library and what a language needs around it; gives the folders of both.
pub fn bound(language: &str) -> Result<(PathBuf, PathBuf)> {
    without_c()?;
    let target = target().join("mobile");
    let mut build = cargo(&["build", "--release", "--quiet", "--locked"]);
    build.current_dir(source()).env("CARGO_TARGET_DIR", &target);
    run("library for Swift and Kotlin", &mut build)?;
    let library = target.join("release").join(LIBRARY);
    let generated = folder(&format!("{language}-generated"));
    if generated.is_dir() {
        std::fs::remove_dir_all(&generated)?;
    }
    let mut bindgen = Command::new(peers::python("uniffi")?.with_file_name("uniffi-bindgen"));
    bindgen.args(["generate", "--no-format", "-l", language, "--library"]).arg(&library).arg("-o").arg(&generated);
    // It reads the crate's settings by cargo's metadata.
    run(&format!("UniFFI for {language}"), bindgen.current_dir(source()).stderr(Stdio::null()))?;
    Ok((generated, library.parent().map(Path::to_owned).unwrap_or_default()))
}

/// Crates that compile C, or look for it.
const C: &[&str] = &["bindgen", "cc", "cmake", "onig_sys", "openssl-sys", "pkg-config", "ring"];
/// Phones, of which there is none here: their code is compiled as far as types.
const DEVICES: &[&str] = &["aarch64-apple-ios", "aarch64-linux-android"];

/// Checks that a phone's library needs no C compiler.
fn without_c() -> Result<()> {
    let tree = cargo(&["tree", "--locked", "--edges", "no-dev", "--prefix", "none"]).current_dir(source()).output()?;
    ensure!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    let found = tree.lines().filter_map(|line| line.split(' ').next()).find(|name| C.contains(name));
    ensure!(found.is_none(), "the library for phones would compile C: {found:?}");
    Ok(())
}

/// Type-checks the library for phones, whose standard library is built from source where rustup has it not.
pub fn devices() -> Result<Option<Missing>> {
    without_c()?;
    for device in DEVICES {
        let mut check = match wasm::cargo_for(device, "check") {
            Ok(check) => check,
            Err(reason) => return Ok(Some(reason)),
        };
        check.args(["--quiet", "--locked"]).env("CARGO_TARGET_DIR", target().join("devices")).current_dir(source());
        run(&format!("types for {device}"), &mut check)?;
    }
    Ok(None)
}

pub fn kotlin(market: Option<&Market>) -> Result<Option<Missing>> {
    if !has("java", "-version") {
        return Ok(Some("java is not on this machine".into()));
    }
    if let Some(reason) = without_npm() {
        return Ok(Some(reason));
    }
    let jars = match debian::unpacked("jvm-libraries", &debian::OWN, JVM, "6 MB")? {
        Ok(folder) => folder,
        Err(reason) => return Ok(Some(reason)),
    };
    let (generated, library) = bound("kotlin")?;
    let compiler = target().join("bindings").join("kotlin-compiler");
    npm(&compiler, &[KOTLIN], "90 MB")?;
    let compiler = compiler.join("node_modules/kotlin-compiler");
    let java = jars.join("usr/share/java");
    let mut paths =
        vec![java.join("jna.jar"), java.join("gson.jar"), compiler.join("lib/kotlinx-coroutines-core-jvm.jar")];
    let out = folder("kotlin");
    std::fs::create_dir_all(&out)?;
    let jar = out.join("tests.jar");
    let mut kotlinc = Command::new("bash");
    kotlinc.arg(compiler.join("bin/kotlinc")).args(["-jvm-target", "17", "-nowarn", "-cp"]).arg(joined(&paths)?);
    kotlinc.arg("-d").arg(&jar).arg(generated.join("org/lazai/lazai.kt"));
    kotlinc.args(
        ["ChatClient.kt", "Quickstart.kt", "Scenarios.kt", "Stream.kt"].map(|file| source().join("kotlin").join(file)),
    );
    run("Kotlin: compile", &mut kotlinc)?;
    // Debian's JNA looks for its native part where Debian installs it, or among the classes.
    let natives = out.join("natives");
    let place = natives.join("com/sun/jna/linux-x86-64");
    std::fs::create_dir_all(&place)?;
    let native = jars.join("usr/lib/x86_64-linux-gnu/jni/libjnidispatch.system.so");
    if native.is_file() {
        std::fs::copy(native, place.join("libjnidispatch.so"))?;
    }
    paths.extend([jar, natives, compiler.join("lib/kotlin-stdlib.jar")]);
    let paths = joined(&paths)?;
    let java = |class: &str| {
        let mut java = Command::new("java");
        // A heap of one size from the beginning: what grows is not the machine's.
        java.args(["-Xms128m", "-Xmx128m", "-XX:+AlwaysPreTouch"]);
        java.arg(format!("-Djna.library.path={}", library.display())).arg("-cp").arg(&paths).arg(class);
        ran::SAID.told(&mut java).env("LAZAI_ROOT", root()).current_dir(&out);
        java
    };
    run("Kotlin: tests", &mut java("ScenariosKt"))?;
    if let Some(market) = market {
        talk("Kotlin: the chat client", java("ChatClientKt").arg(market.url()?))?;
    }
    Ok(None)
}

/// Lets a chat client say two lines, and checks that both were answered and promised.
fn talk(what: &str, client: &mut Command) -> Result<()> {
    println!("── {what}");
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(|| what.to_owned())?;
    client.stdin.take().context("no input")?.write_all(b"Who are you?\nWhat do you like?\n")?;
    let said = client.wait_with_output()?;
    let lines = String::from_utf8_lossy(&said.stdout);
    lines.lines().for_each(|line| println!("   {line}"));
    let last = lines.lines().last().unwrap_or_default();
    ensure!(said.status.success() && last.starts_with("2 replies, "), "{what}: {}", said.status);
    Ok(())
}

fn joined(paths: &[PathBuf]) -> Result<std::ffi::OsString> {
    std::env::join_paths(paths).context("a path with a colon")
}

pub fn swift(market: Option<&Market>) -> Result<Option<Missing>> {
    let system = has("swift", "--version");
    let toolchain = if system {
        None
    } else {
        if !is_root() {
            return Ok(Some("no swift on this machine, and only root can enter another root for Debian's".into()));
        }
        match debian::unpacked("swift-6.0.3", &Archive { release: Some("trixie"), ..debian::OWN }, SWIFT, "526 MB")? {
            Ok(folder) => Some(folder),
            Err(reason) => return Ok(Some(reason)),
        }
    };
    let (generated, library) = bound("swift")?;
    let package = folder("swift");
    for part in ["Sources/Lazai", "Sources/LazaiFFI", "Sources/lazai-chat", "Tests/LazaiTests", "lib"] {
        std::fs::create_dir_all(package.join(part))?;
    }
    for (from, to) in [
        (source().join("swift/Package.swift"), "Package.swift"),
        (source().join("swift/Stream.swift"), "Sources/Lazai/Stream.swift"),
        (source().join("swift/Sources/lazai-chat/main.swift"), "Sources/lazai-chat/main.swift"),
        (source().join("swift/Tests/LazaiTests/Scenarios.swift"), "Tests/LazaiTests/Scenarios.swift"),
        (source().join("swift/Tests/LazaiTests/Quickstart.swift"), "Tests/LazaiTests/Quickstart.swift"),
        (generated.join("Lazai.swift"), "Sources/Lazai/Lazai.swift"),
        (generated.join("LazaiFFI.h"), "Sources/LazaiFFI/LazaiFFI.h"),
        (generated.join("LazaiFFI.modulemap"), "Sources/LazaiFFI/module.modulemap"),
    ] {
        std::fs::copy(&from, package.join(to)).with_context(|| from.display().to_string())?;
    }
    std::fs::copy(library.join(LIBRARY), package.join("lib").join(LIBRARY))?;
    // In a root of its own it reaches no other file of ours.
    let said = package.join("ran.txt");
    std::fs::write(&said, "")?;
    let swift = |words: &str| match &toolchain {
        None => {
            let mut swift = Command::new("swift");
            swift.args(words.split(' ')).current_dir(&package);
            swift.env("LAZAI_ROOT", root()).env("LAZAI_LIBRARY", package.join("lib")).env(ran::SAID.variable, &said);
            Ok(swift)
        }
        Some(toolchain) => inside(toolchain, &package, words),
    };
    run("Swift: swift test", &mut swift("test")?)?;
    ran::take(&said)?;
    if let Some(market) = market {
        talk("Swift: the chat client", &mut swift(&format!("run --skip-build lazai-chat {}", market.url()?))?)?;
    }
    Ok(None)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| String::from_utf8_lossy(&id.stdout).trim() == "0")
}

/// `swift` with some words, in a root of its own. Mounts are in a namespace of their own, and gone with it.
fn inside(toolchain: &Path, package: &Path, words: &str) -> Result<Command> {
    for part in ["proc", "dev", "tmp", "work", "mnt", "root"] {
        std::fs::create_dir_all(toolchain.join(part))?;
    }
    for (from, to) in [("passwd.master", "passwd"), ("group.master", "group")] {
        std::fs::copy(toolchain.join("usr/share/base-passwd").join(from), toolchain.join("etc").join(to))?;
    }
    ensure!(toolchain.join("usr/libexec/swift/bin/swift").exists(), "no Swift in {}", toolchain.display());
    let mut enter = Command::new("unshare");
    enter
        .args(["-m", "--propagation", "private", "sh", "-ec", ENTER, "_"])
        .arg(toolchain)
        .arg(package)
        .arg(root())
        .arg(words);
    Ok(enter)
}

/// /proc is needed: the linker finds the compiler's own libraries by it.
const ENTER: &str = r#"
mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount --bind "$2" "$1/work"; mount --bind "$3" "$1/mnt"
exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/libexec/swift/bin:/usr/bin:/bin \
    LAZAI_ROOT=/mnt LAZAI_LIBRARY=/work/lib LAZAI_RAN=/work/ran.txt sh -c "cd /work && swift $4"
"#;
