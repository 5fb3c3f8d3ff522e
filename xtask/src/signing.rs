//! Signed folders, held to the OpenSSF's own program.

use anyhow::Result;

use crate::checks::FEATURES;
use crate::peers;
use crate::shell::{cargo, run};

/// `cargo xtask signing`: `model_signing` accepts what is signed here and refuses what was changed, and the other way round.
pub fn check() -> Result<()> {
    let program = peers::python("signing")?.with_file_name(format!("model_signing{}", std::env::consts::EXE_SUFFIX));
    let mut tests =
        cargo(&["test", "--workspace", "--features", FEATURES, "--test", "signed_folders", "--", "--include-ignored"]);
    run("OpenSSF's model_signing", tests.env("LAZAI_MODEL_SIGNING", program))
}
