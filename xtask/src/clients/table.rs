//! What each client did: scripts say so in a file, a line each, and the book's table is made of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::CLIENTS;
use crate::shell::{root, target};
use crate::soak::{machine, today};

/// The variable that tells a script where to say what its client did.
const VARIABLE: &str = "LAZAI_CLIENTS_TOLD";

/// What a script says.
#[derive(Serialize, Deserialize)]
struct Told {
    client: String,
    version: String,
    does: Vec<String>,
    /// By what it does not: why.
    does_not: BTreeMap<String, String>,
}

fn file() -> PathBuf {
    target().join("reports").join("clients.txt")
}

/// Begins anew.
pub fn begin() -> Result<()> {
    let file = file();
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    Ok(std::fs::write(file, "")?)
}

/// Tells a script where to say it.
pub fn told(command: &mut Command) -> &mut Command {
    let file = file();
    // A script that cannot say it fails, and names the file.
    let _ = file.parent().map(std::fs::create_dir_all);
    command.env(VARIABLE, file)
}

/// Writes `target/reports/clients.json`: all clients have said what they did.
pub fn end() -> Result<()> {
    let lines = std::fs::read_to_string(file())?;
    let clients: Vec<Told> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    rows(&clients)?;
    let (report, command) = (target().join("reports").join("clients.json"), "cargo xtask clients all");
    let body = json!({"machine": machine(), "date": today()?, "command": command, "clients": clients});
    std::fs::write(&report, serde_json::to_string_pretty(&body)? + "\n")?;
    println!("── {} clients; {}", clients.len(), report.display());
    Ok(())
}

/// The table, out of the committed result of a run with the versions that are pinned now.
pub fn table() -> Result<String> {
    #[derive(Deserialize)]
    struct Committed {
        clients: Vec<Told>,
    }
    let committed = "benches/results/clients.json";
    let committed = std::fs::read(root().join(committed)).context(committed)?;
    rows(&serde_json::from_slice::<Committed>(&committed)?.clients)
}

fn rows(clients: &[Told]) -> Result<String> {
    let mut table = "| client | version | does | does not |\n|---|---|---|---|\n".to_owned();
    for client in &CLIENTS {
        let (package, pinned) = client.package()?;
        let told = clients.iter().find(|told| told.client == client.name);
        let Told { version, does, does_not, .. } =
            told.with_context(|| format!("{} said nothing: `cargo xtask clients all`", client.name))?;
        ensure!(version == pinned, "{package} {pinned} is pinned, and {version} ran: `cargo xtask clients all`");
        let not: Vec<String> = does_not.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        writeln!(table, "| {} | `{package}` {version} | {} | {} |", client.name, does.join("; "), not.join("; "))?;
    }
    Ok(table)
}
