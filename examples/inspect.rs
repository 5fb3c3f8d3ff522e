//! Says as JSON what a file is and holds: a card, dialogues, a recording, a lorebook, a POV container.
//!
//! `cargo run --release -p lazai-examples --example inspect -- FILE`; exit code 0, or 2 with `error{code,message}`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::process::ExitCode;

use lazai::core::inspect::inspect;
use serde_json::json;

fn main() -> ExitCode {
    let answer = match std::env::args_os().nth(1).map(PathBuf::from) {
        None => Err(("usage", "usage: inspect FILE".to_owned())),
        Some(path) => match inspect(&path) {
            Ok(inspection) => serde_json::to_value(inspection).map_err(|e| ("internal", e.to_string())),
            Err(error) => Err((error.code(), error.to_string())),
        },
    };
    match answer {
        Ok(found) => {
            println!("{found:#}");
            ExitCode::SUCCESS
        }
        Err((code, message)) => {
            println!("{:#}", json!({"error": {"code": code, "message": message}}));
            ExitCode::from(2)
        }
    }
}
