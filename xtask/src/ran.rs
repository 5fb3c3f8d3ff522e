//! Which scenarios ran in which language: runners say so in a file, a line each, and the book's table is made of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::said::Said;
use crate::shell::{root, target};

/// What runners say that they ran.
pub const SAID: Said = Said { variable: "LAZAI_RAN", name: "scenarios.txt" };
/// In the table's order.
const LANGUAGES: &[&str] = &["Rust", "Python", "Swift", "Kotlin", "Node", "Chromium"];

/// Steps by language and scenario.
type Ran = BTreeMap<String, BTreeMap<String, u64>>;

/// Takes what a runner said elsewhere.
pub fn take(from: &Path) -> Result<()> {
    let all =
        std::fs::read_to_string(SAID.file()).unwrap_or_default() + &std::fs::read_to_string(from).unwrap_or_default();
    Ok(std::fs::write(SAID.file(), all)?)
}

/// Holds what ran to the files: every runner that ran has run all of all. Writes `target/reports/scenarios.json`.
pub fn end() -> Result<()> {
    let mut ran = Ran::new();
    for line in std::fs::read_to_string(SAID.file())?.lines() {
        let [language, scenario, steps] = line.split(' ').collect::<Vec<_>>()[..] else {
            anyhow::bail!("a runner said {line:?}, expected a language, a scenario and its steps");
        };
        ran.entry(language.to_owned()).or_default().insert(scenario.to_owned(), steps.parse()?);
    }
    let wanted: BTreeMap<_, _> = scenarios()?.into_iter().map(|(name, _, steps)| (name, steps)).collect();
    for (language, found) in &ran {
        ensure!(LANGUAGES.contains(&language.as_str()), "a runner for {language:?}?");
        ensure!(*found == wanted, "{language} ran {found:?}, the files have {wanted:?}");
    }
    let report = target().join("reports").join("scenarios.json");
    std::fs::write(&report, serde_json::to_string_pretty(&ran)? + "\n")?;
    println!("── scenarios ran in {}", ran.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    Ok(())
}

/// Name, purpose and number of steps of each scenario.
fn scenarios() -> Result<Vec<(String, String, u64)>> {
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("scenarios"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let read = |file: &PathBuf| {
        let scenario: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let text = |name: &str| {
            let text = scenario[name].as_str().map(str::to_owned);
            text.with_context(|| format!("{}: no {name}", file.display()))
        };
        Ok((text("name")?, text("says")?, scenario["steps"].as_array().map_or(0, Vec::len) as u64))
    };
    files.iter().map(read).collect()
}

/// The table, out of the committed result of a test run; a tick means that as many steps were passed as the file has now.
pub fn table() -> Result<String> {
    let committed = root().join("benches/results/scenarios.json");
    let committed: Value =
        serde_json::from_slice(&std::fs::read(&committed).context("benches/results/scenarios.json")?)?;
    let ran: Ran = serde_json::from_value(committed["ran"].clone())?;
    let mut table =
        format!("| scenario | steps | {} |\n|---|---{}|\n", LANGUAGES.join(" | "), "|---".repeat(LANGUAGES.len()));
    for (name, says, steps) in scenarios()? {
        table += &format!("| {name}: {says} | {steps} |");
        for language in LANGUAGES {
            let passed = ran.get(*language).and_then(|ran| ran.get(&name)) == Some(&steps);
            table += if passed { " ✓ |" } else { " – |" };
        }
        table += "\n";
    }
    Ok(table)
}
