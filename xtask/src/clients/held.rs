//! Servers held to their OpenAPI documents, by schemathesis.

use std::process::Command;

use anyhow::Result;

use super::scripts;
use crate::peers;
use crate::shell::{cache, run};

/// Sends what a server's OpenAPI document allows, and what it does not, for a quarter of a minute: no answer may be one that the document
/// does not tell, and none may say that the server failed.
pub fn to_its_document(whose: &str, url: &str, key: Option<&str>) -> Result<()> {
    let mut schemathesis = Command::new(peers::python("schemathesis")?);
    schemathesis.args(["-m", "schemathesis.cli", "run"]).arg(format!("{url}/openapi.json"));
    schemathesis.args(["--seed", "1", "--max-time", "15", "--max-examples", "30", "--workers", "1", "--no-color"]);
    schemathesis.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--continue-on-failure",
        "--generation-database",
        "none",
    ]);
    schemathesis.args(["--warnings", "off", "--request-timeout", "60", "--checks"]);
    schemathesis.arg(
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
    );
    if let Some(key) = key {
        schemathesis.arg("--header").arg(format!("Authorization: Bearer {key}"));
    }
    // The example's one character.
    schemathesis.env("LAZAI_MODEL", "dat:1:1").env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
    schemathesis.env("PYTHONPATH", scripts()).env("PYTHONDONTWRITEBYTECODE", "1");
    schemathesis.current_dir(cache()?.join("clients"));
    run(&format!("schemathesis at {whose}"), &mut schemathesis)
}
