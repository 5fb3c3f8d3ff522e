//! The library for Apple's devices as an XCFramework, with a Swift package around it. Needs a Mac with Xcode: written by
//! Apple's documentation ("Creating a multiplatform binary framework bundle"), and not run yet.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Missing, folder, mobile};
use crate::shell::{cargo, has, run, target};

/// What each slice of the framework is made of: slices of one platform are joined.
const SLICES: &[(&str, &[&str])] = &[
    ("ios", &["aarch64-apple-ios"]),
    ("ios-simulator", &["aarch64-apple-ios-sim", "x86_64-apple-ios"]),
    ("macos", &["aarch64-apple-darwin", "x86_64-apple-darwin"]),
];
const LIBRARY: &str = "liblazai.a";
/// The package around it: Swift's sources, and the framework as a binary.
const PACKAGE: &str = r#"// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Lazai",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Lazai", targets: ["Lazai"])],
    targets: [
        .binaryTarget(name: "LazaiFFI", path: "LazaiFFI.xcframework"),
        .target(name: "Lazai", dependencies: ["LazaiFFI"]),
    ],
    swiftLanguageModes: [.v5]
)
"#;

/// `cargo xtask bindings xcframework`.
pub fn xcframework() -> Result<Option<Missing>> {
    if !cfg!(target_os = "macos") || !has("xcodebuild", "-version") {
        return Ok(Some("an XCFramework is made by xcodebuild, on a Mac with Xcode".into()));
    }
    let (generated, _) = mobile::bound("swift")?;
    let package = folder("xcframework");
    if package.is_dir() {
        std::fs::remove_dir_all(&package)?;
    }
    let (headers, sources) = (package.join("headers"), package.join("Sources/Lazai"));
    for part in [&headers, &sources] {
        std::fs::create_dir_all(part)?;
    }
    for (from, to) in [
        (generated.join("LazaiFFI.h"), headers.join("LazaiFFI.h")),
        (generated.join("LazaiFFI.modulemap"), headers.join("module.modulemap")),
        (generated.join("Lazai.swift"), sources.join("Lazai.swift")),
        (mobile::source().join("swift/Stream.swift"), sources.join("Stream.swift")),
    ] {
        std::fs::copy(&from, to).with_context(|| from.display().to_string())?;
    }
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for (name, triples) in SLICES {
        let library = slice(&package.join(name), triples)?;
        create.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    run("xcodebuild", create.arg("-output").arg(package.join("LazaiFFI.xcframework")))?;
    std::fs::write(package.join("Package.swift"), PACKAGE)?;
    println!("   {}", package.display());
    Ok(None)
}

/// A static library for one platform, out of those of its processors.
fn slice(folder: &Path, triples: &[&str]) -> Result<PathBuf> {
    let out = target().join("mobile");
    let mut libraries = Vec::new();
    for triple in triples {
        let added = Command::new("rustup").args(["target", "add", triple]).status();
        ensure!(added.is_ok_and(|status| status.success()), "rustup has no target {triple}");
        let mut build = cargo(&["build", "--release", "--quiet", "--locked", "--target", triple]);
        build.current_dir(mobile::source()).env("CARGO_TARGET_DIR", &out);
        run(&format!("library for {triple}"), &mut build)?;
        libraries.push(out.join(triple).join("release").join(LIBRARY));
    }
    std::fs::create_dir_all(folder)?;
    let joined = folder.join(LIBRARY);
    run("lipo", Command::new("lipo").arg("-create").args(libraries).arg("-output").arg(&joined))?;
    Ok(joined)
}
