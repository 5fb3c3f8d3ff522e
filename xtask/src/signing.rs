//! Signed folders and descriptions of datasets, held to the programs of those who made the formats.

use anyhow::Result;

use crate::checks::FEATURES;
use crate::peers;
use crate::shell::{cargo, run};

/// `cargo xtask signing`: `model_signing` accepts what is signed here and refuses what was changed, and the other way round; `mlcroissant`
/// reads what datasets say of themselves.
pub fn check() -> Result<()> {
    let program = |set: &str, name: &str| {
        Ok::<_, anyhow::Error>(peers::python(set)?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    };
    let (signing, croissant) = (program("signing", "model_signing")?, program("croissant", "mlcroissant")?);
    let mut tests =
        cargo(&["test", "--workspace", "--features", FEATURES, "--test", "signed_folders", "--test", "pov"]);
    let tests = tests.args(["--", "--include-ignored"]);
    run("model_signing, mlcroissant", tests.env("LAZAI_MODEL_SIGNING", signing).env("LAZAI_MLCROISSANT", croissant))
}
