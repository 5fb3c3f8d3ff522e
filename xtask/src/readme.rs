//! The README's programs are the files under `examples/roles/`, word for word: `cargo xtask readme` writes them in,
//! `cargo xtask test` checks that they are.

use anyhow::{Context, Result, ensure};

use crate::shell::root;

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
    ensure!(filled(&text)? == text, "the README's programs are not those of examples/roles: run `cargo xtask readme`");
    println!("── the README's programs are current");
    Ok(())
}

fn filled(text: &str) -> Result<String> {
    let mut parts = text.split("<!-- program: ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").context("README: a program without a name")?;
        let (_, after) = rest.split_once(END).with_context(|| format!("README: program {name} has no end"))?;
        let program = std::fs::read_to_string(root().join("examples/roles").join(format!("{name}.rs")))?;
        out.push_str(&format!("<!-- program: {name} -->\n\n```rust\n{program}```\n\n{END}{after}"));
    }
    Ok(out)
}
