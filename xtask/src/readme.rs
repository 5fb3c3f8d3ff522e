//! What is written into pages out of files that tests run or check: the README's programs, the book's tables of scenarios and clients and
//! its list of error codes. `cargo xtask readme` writes them, `cargo xtask test` checks that they are current.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell::root;
use crate::{clients, ran};

/// What the codes of a family are about. A code's family is what stands before its dot.
const FAMILIES: &[(&str, &str)] = &[
    ("address", "a text is no address to listen at, or no network"),
    ("cancelled", "the caller cancelled the work; what the function says is kept, is kept"),
    ("card", "a character card cannot be read"),
    ("chat", "a chat is asked for a turn that it does not have, or the last reply is not paid yet"),
    ("consumer", "a receipt or its signature is not what was agreed; the reply is not paid"),
    ("creator", "a contributor's signer is missing"),
    (
        "credits",
        "a purse is none, is full, has no credit that is good now, or was not delivered what was ordered; or terms of credits are over, forged, told to nobody else, or of two keys for one time",
    ),
    ("dat", "the ledger has no such class or version"),
    ("dialogue", "dialogues cannot be read, or none is left"),
    ("feature_missing", "this build lacks what is asked for"),
    ("file", "a file cannot be read or written"),
    ("hex", "a text is not hexadecimal, or has another length"),
    ("io", "the operating system refuses something other than a file: an address, an output"),
    ("json", "JSON, or a word in it, is not what is expected"),
    ("keystore", "a keystore file or its password is wrong"),
    ("ledger", "a ledger cannot be opened, read or written; or it is too early, or not confirmed yet"),
    ("market", "the market's rules refuse a transaction; or a place of a market is not consistent"),
    ("model", "a base model or an adapter cannot be loaded, trained or run"),
    (
        "memory",
        "a memory is sealed to another key, damaged or no memory; or an entry is empty, too large, not there, or no entry",
    ),
    ("money", "an amount is not a decimal number, or arithmetic has no result"),
    (
        "node",
        "a node does not answer, or what was to be said could not be sealed to it, and was not sent; other `node` codes come from the node itself",
    ),
    (
        "payment",
        "a server of x402 was not paid: it does not speak x402, wants more than the limits allow, or nothing that can be paid; or it changed its price, refused the payment, or did not answer to it",
    ),
    ("pov", "a dataset or its public part breaks the format"),
    ("provenance", "evidence cannot be read, or the words are not those of the reply"),
    ("report", "a report of a character is too long"),
    ("seal", "encryption or decryption fails"),
    ("signature", "a signature is malformed or of another signer"),
    ("signed", "a file's signature is of another format, of another key, or does not cover what is there"),
    ("signer", "a key is invalid, or its signer refuses or signs something else"),
    ("speech", "a file does not say that its sound is synthetic, or what it says does not hold"),
    ("split", "a split of revenue breaks the rules"),
    ("store", "the object store does not have an object, or gives another"),
    ("submission", "a submission is unknown, refused, withdrawn by a reorganisation, or not what was proved"),
    ("tls", "files are no certificate with its key, or no certificate authorities"),
    ("tokenizer", "a tokenizer cannot be read or is not supported"),
    ("voice", "a recording or its table cannot be read"),
    ("zk", "a statement or a proof is malformed, of another circuit, or rejected; or proving fails"),
];

/// Something that stands in a page between two comments.
struct Filled {
    page: &'static str,
    begin: &'static str,
    end: &'static str,
    content: fn() -> Result<String>,
}

const FILLED: &[Filled] = &[
    Filled {
        page: "README.md",
        begin: "<!-- program: client -->",
        end: "<!-- end of program -->",
        content: || program("rust", "examples/roles/client.rs"),
    },
    Filled {
        page: "README.md",
        begin: "<!-- program: talk.py -->",
        end: "<!-- end of talk.py -->",
        content: || program("python", "bindings/python/examples/talk.py"),
    },
    Filled {
        page: "README.md",
        begin: "<!-- program: talk.mjs -->",
        end: "<!-- end of talk.mjs -->",
        content: || program("js", "bindings/wasm/examples/talk.mjs"),
    },
    Filled {
        page: "docs/book/src/status/scenarios.md",
        begin: "<!-- scenarios -->",
        end: "<!-- end of scenarios -->",
        content: ran::table,
    },
    Filled {
        page: "docs/book/src/reference/clients.md",
        begin: "<!-- clients -->",
        end: "<!-- end of clients -->",
        content: clients::table::table,
    },
    Filled {
        page: "docs/book/src/reference/errors.md",
        begin: "<!-- codes -->",
        end: "<!-- end of codes -->",
        content: codes,
    },
];

/// A program of a file, as it stands.
fn program(language: &str, path: &str) -> Result<String> {
    Ok(format!("```{language}\n{}```\n", std::fs::read_to_string(root().join(path))?))
}

/// Writes what is filled in.
pub fn write() -> Result<()> {
    for filled in FILLED {
        let path = root().join(filled.page);
        std::fs::write(&path, filled.fill(&std::fs::read_to_string(&path)?)?)?;
    }
    Ok(())
}

/// Checks that the pages have what is filled in as it is.
pub fn check() -> Result<()> {
    for filled in FILLED {
        let text = std::fs::read_to_string(root().join(filled.page)).context(filled.page)?;
        ensure!(filled.fill(&text)? == text, "{} is not current: `cargo xtask readme`", filled.page);
    }
    println!("── the README's programs and the book's tables are current");
    Ok(())
}

impl Filled {
    fn fill(&self, text: &str) -> Result<String> {
        let Self { page, begin, end, content } = self;
        let (before, rest) = text.split_once(begin).with_context(|| format!("{page}: no {begin}"))?;
        let (_, after) = rest.split_once(end).with_context(|| format!("{page}: {begin} has no end"))?;
        let content = content().with_context(|| format!("{page}: {begin}"))?;
        Ok(format!("{before}{begin}\n\n{content}\n{end}{after}"))
    }
}

/// The error codes by family, out of the scenario that tries each of them in every language.
fn codes() -> Result<String> {
    let scenario: Value = serde_json::from_slice(&std::fs::read(root().join("scenarios/errors.json"))?)?;
    let about: BTreeMap<_, _> = FAMILIES.iter().copied().collect();
    let mut families = BTreeMap::<&str, Vec<String>>::new();
    for step in scenario["steps"].as_array().context("no steps")? {
        let code = step["fails"].as_str().context("a step that does not fail")?;
        let family = code.split('.').next().unwrap_or_default();
        families.entry(family).or_default().push(format!("`{code}`"));
    }
    let mut table = "| codes | when |\n|---|---|\n".to_owned();
    for (family, codes) in families {
        let when = about.get(family).with_context(|| format!("FAMILIES in readme.rs does not name {family:?}"))?;
        table += &format!("| {} | {when} |\n", codes.join(", "));
    }
    Ok(table)
}
