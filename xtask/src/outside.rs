//! A crate outside the workspace builds against lazai's default features on plain stable: no environment variable,
//! no nightly feature, no plonky2.

use anyhow::{Result, ensure};

use crate::shell::{self, cargo, root, target};

const MAIN: &str = r#"//! A dependant.
use lazai::core::{Amount, Signer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signer = lazai::core::LocalSigner::random()?;
    let parts = lazai::settle::RevenueSplit::standard().split(Amount::from_base_units(9));
    println!("{} {}", signer.address(), parts.creator);
    Ok(())
}
"#;

pub fn run() -> Result<()> {
    let folder = std::env::temp_dir().join("lazai-outside");
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nlazai = {{ path = {:?} }}\n",
        root().join("lazai")
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/main.rs"), MAIN)?;
    // The same versions as the workspace: one build of each, and nothing newer sneaks in.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let tree = cargo(&["tree", "--prefix", "none", "--edges", "normal"]).current_dir(&folder).output()?;
    ensure!(tree.status.success(), "outside: cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    ensure!(!tree.contains("plonky2"), "the default features of lazai bring plonky2");
    let mut check = cargo(&["check", "--quiet"]);
    check.current_dir(&folder).env_remove("RUSTC_BOOTSTRAP").env("CARGO_TARGET_DIR", target().join("outside"));
    shell::run("a crate outside the workspace, default features, plain stable", &mut check)?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
