//! What each client did: scripts say so in a file, a line each, and the book's table is made of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::CLIENTS;
use crate::said::Said;
use crate::shell::{root, target};
use crate::soak::{machine, today};

/// What scripts say that their clients did.
pub const SAID: Said = Said { variable: "LAZAI_CLIENTS_TOLD", name: "clients.txt" };

/// What a script says.
#[derive(Serialize, Deserialize)]
struct Told {
    client: String,
    version: String,
    does: Vec<String>,
    /// By what it does not: why.
    does_not: BTreeMap<String, String>,
}

/// Writes `target/reports/clients.json`: all clients have said what they did.
pub fn end() -> Result<()> {
    let lines = std::fs::read_to_string(SAID.file())?;
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
