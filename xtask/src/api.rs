//! `cargo xtask api`: the public names of every crate, committed as `docs/api/CRATE.txt`, so that a change of them is seen.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use public_api::Builder;

use crate::checks::FEATURES;
use crate::package::CRATES;
use crate::shell::{cargo, root, run, target};

pub fn start(args: &[&str]) -> Result<()> {
    let write = match args {
        [] => false,
        ["write"] => true,
        _ => bail!("cargo xtask api [write]"),
    };
    documented()?;
    for name in CRATES {
        let found = names(name)?;
        let path = root().join("docs/api").join(format!("{name}.txt"));
        if write {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(path, found)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
            bail!(
                "{} is not what {name} shows: `cargo xtask api write`, and say in the changelog what users see",
                path.display()
            );
        }
    }
    println!("── the crates' public names are as committed");
    Ok(())
}

/// A rustdoc that does what is not stable: JSON is not. Set for all of cargo, the variable would build every crate anew.
fn unstable() -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;

    let script = target().join("rustdoc-unstable");
    std::fs::write(&script, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// Has rustdoc write what it knows of the crates as JSON.
fn documented() -> Result<()> {
    let mut doc = cargo(&["doc", "--quiet", "--lib", "--no-deps", "--features", FEATURES]);
    CRATES.iter().for_each(|name| {
        doc.args(["--package", name]);
    });
    doc.env("RUSTDOC", unstable()?).env("RUSTDOCFLAGS", "-Zunstable-options --output-format json --cap-lints allow");
    run("public names", &mut doc)
}

/// The public names of a crate, a line each.
fn names(name: &str) -> Result<String> {
    let json: PathBuf = target().join("doc").join(format!("{}.json", name.replace('-', "_")));
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}
