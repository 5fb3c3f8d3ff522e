//! Writes what a server answers as an OpenAPI document: `openapi node`, or `openapi proxy`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::http::{Front, Loopback};

fn main() -> anyhow::Result<()> {
    let document = match std::env::args().nth(1).as_deref() {
        Some("node") => Front::openapi(),
        Some("proxy") => Loopback::openapi(),
        other => anyhow::bail!("node or proxy, not {other:?}"),
    };
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}
