//! The README's programs are files that tests run, word for word: those of `examples/roles/`, and of other languages theirs.
//! `cargo xtask readme` writes them in,
//! `cargo xtask test` checks that they are.

use anyhow::{Context, Result, ensure};

use crate::ran;
use crate::shell::root;

/// Programs in other languages.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("javascript", "bindings/wasm/examples/quickstart.mjs", "js"),
    ("kotlin", "bindings/mobile/kotlin/Quickstart.kt", "kotlin"),
    ("python", "bindings/python/examples/quickstart.py", "python"),
    ("swift", "bindings/mobile/swift/Tests/LazaiTests/Quickstart.swift", "swift"),
];
const END: &str = "<!-- end of program -->";

/// Writes the programs into the README.
pub fn write() -> Result<()> {
    let path = root().join("README.md");
    std::fs::write(&path, filled(&std::fs::read_to_string(&path)?)?)?;
    Ok(())
}

/// Checks that the README has the programs as they are.
pub fn check() -> Result<()> {
    let text = std::fs::read_to_string(root().join("README.md"))?;
    ensure!(filled(&text)? == text, "the README's programs are not the files that tests run: `cargo xtask readme`");
    println!("── the README's programs are current");
    Ok(())
}

fn filled(text: &str) -> Result<String> {
    let (before, rest) = text.split_once("<!-- scenarios -->").context("README: no table of scenarios")?;
    let (_, after) = rest.split_once("<!-- end of scenarios -->").context("README: the table has no end")?;
    let text = format!("{before}<!-- scenarios -->\n\n{}\n<!-- end of scenarios -->{after}", ran::table()?);
    let mut parts = text.split("<!-- program: ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").context("README: a program without a name")?;
        let (_, after) = rest.split_once(END).with_context(|| format!("README: program {name} has no end"))?;
        let (path, language) = match LANGUAGES.iter().find(|(of, ..)| *of == name) {
            Some((_, path, language)) => (root().join(path), *language),
            None => (root().join("examples/roles").join(format!("{name}.rs")), "rust"),
        };
        let program = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        out.push_str(&format!("<!-- program: {name} -->\n\n```{language}\n{program}```\n\n{END}{after}"));
    }
    Ok(out)
}
