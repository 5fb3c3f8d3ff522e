//! `cargo xtask surface`: the facade's names, committed as `bindings/facade/api.txt`, and whether every language has them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell::root;

/// What only some languages have: each with what has it instead.
const ELSEWHERE: &[(&str, &[&str])] = &[
    // Listeners, sinks and transports are callables and iterators in Python, and fetch in JavaScript.
    ("python", &["BodySink", "LocalKey.signer", "ProgressListener", "ReplyListener", "Signer", "Transport"]),
    ("javascript", &["BodySink", "LocalKey.signer", "ProgressListener", "ReplyListener", "Transport"]),
];
/// What files, threads and sockets are needed for: in Python, and in Rust.
const NATIVE: &str = "native ";

pub fn start(args: &[&str]) -> Result<()> {
    let found = facade()?;
    let path = root().join("bindings/facade/api.txt");
    match args {
        ["write"] => std::fs::write(path, found.join("\n") + "\n")?,
        _ => {
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            ensure!(
                committed.lines().eq(found.iter().map(String::as_str)),
                "bindings/facade/api.txt is not the facade's surface: `cargo xtask surface write`, and think of who uses it"
            );
            languages(&found)?;
            println!("── the facade's surface is as committed, and every language has it");
        }
    }
    Ok(())
}

/// The exported names: `function`, `Record.field`, `Handle.method`; those that need a machine of their own are marked.
fn facade() -> Result<Vec<String>> {
    let source = root().join("bindings/facade/src");
    let mut names = BTreeSet::new();
    for (folder, mark) in [(source.clone(), ""), (source.join("native"), NATIVE)] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path)?;
                exported(&text, mark, &mut names).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(names.into_iter().collect())
}

fn exported(text: &str, mark: &str, names: &mut BTreeSet<String>) -> Result<()> {
    let (mut owner, mut export, mut record) = (None::<String>, false, false);
    // Which keys are for machines with files stands before the export.
    let mut native_here = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let word = |after: &str| -> String {
            trimmed
                .split(after)
                .nth(1)
                .unwrap_or_default()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        if line == "}" {
            (owner, record) = (None, false);
        } else if trimmed == "#[cfg(feature = \"native\")]" {
            native_here = true;
        } else if trimmed.contains("uniffi::export") || trimmed.contains("uniffi::Enum") {
            export = true;
        } else if ["record! {", "choices! {"].contains(&trimmed) {
            record = true;
        } else if record && trimmed.starts_with("pub struct ") {
            owner = Some(word("pub struct "));
        } else if record && trimmed.starts_with("pub ") {
            let field: String = word("pub ");
            names.insert(format!("{mark}{}.{field}", owner.as_deref().context("a field without a record")?));
        } else if export && (line.starts_with("pub fn ") || line.starts_with("pub async fn ")) {
            names.insert(format!("{mark}{}", word("fn ")));
            (export, native_here) = (false, false);
        } else if export && line.starts_with("impl ") {
            owner = Some(word("impl "));
            export = false;
        } else if export && line.starts_with("pub trait ") {
            names.insert(format!("{mark}{}", word("pub trait ")));
            export = false;
        } else if export && line.starts_with("pub enum ") {
            names.insert(format!("{mark}{}", word("pub enum ")));
            export = false;
        } else if let (Some(owner), true) = (&owner, line.starts_with("    pub ") && trimmed.contains("fn ")) {
            let mark = if native_here { NATIVE } else { mark };
            names.insert(format!("{mark}{owner}.{}", word("fn ")));
        } else if line.starts_with("impl ") {
            native_here = false;
        }
    }
    Ok(())
}

/// Looks for every name in what each language shows. (Swift's and Kotlin's are generated from the facade itself.)
fn languages(names: &[String]) -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned());
    let python = read("bindings/python/python/lazai/_lazai.pyi")?;
    let wasm = root().join("bindings/wasm/src");
    let mut javascript = String::new();
    for file in ["handles.rs", "lib.rs", "records.rs", "records.ts", "verifier.ts", "wallet.rs"] {
        javascript += &std::fs::read_to_string(wasm.join(Path::new(file)))?;
    }
    for (language, shown, folded) in
        [("python", &python, (|name| name) as fn(String) -> String), ("javascript", &javascript, camel)]
    {
        let (_, elsewhere) = ELSEWHERE.iter().find(|(of, _)| *of == language).context("no such language")?;
        for name in names {
            let native = name.starts_with(NATIVE);
            let name = name.strip_prefix(NATIVE).unwrap_or(name);
            let left_out =
                elsewhere.iter().any(|e| name == *e || name.strip_prefix(e).is_some_and(|r| r.starts_with('.')));
            if left_out || native && language != "python" {
                continue;
            }
            let last = name.rsplit('.').next().unwrap_or(name);
            let wanted = folded(last.to_owned());
            // A constructor is called by its class's name.
            let constructor = last == "new";
            let there = constructor || words(shown).any(|word| word == wanted || word == last);
            ensure!(there, "{language} has no {name}");
        }
    }
    Ok(())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn camel(name: String) -> String {
    let mut upper = false;
    name.chars()
        .filter_map(|c| {
            let raised = std::mem::replace(&mut upper, c == '_');
            (c != '_').then(|| if raised { c.to_ascii_uppercase() } else { c })
        })
        .collect()
}
