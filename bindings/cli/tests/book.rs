//! The book's page from nothing to two replicas, as its reader runs it: every command of it, in order, in one shell and a fresh folder,
//! prints what the page shows. Only ports are others: several tests run on a machine.
#![cfg(unix)]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test")]

#[path = "page/reader.rs"]
mod reader;
#[path = "page/shown.rs"]
mod shown;

use std::path::{Path, PathBuf};

use reader::{Reader, find};
use shown::{Block, blocks};

const PAGE: &str = "../../docs/book/src/cookbook/one-machine.md";
/// What the page asks of a machine beside the command line.
const NEEDS: [&str; 3] = ["bash", "curl", "openssl"];
/// The ports that the page names.
const PORTS: [&str; 6] = ["8028", "8029", "8030", "9464", "9465", "5433"];

#[test]
fn the_page_from_nothing_to_two_replicas_runs_as_it_stands() {
    if let Some(missing) = NEEDS.into_iter().find(|program| find(program).is_none()) {
        println!("skipped: {missing} is not on this machine");
        return;
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let mut all = blocks(&with_other_ports(&page));
    assert!(all.len() > 12 && all.iter().filter(|block| block.shows.is_some()).count() > 12, "{all:?}");
    let reader = Reader::new(&base());
    let missing = |block: &Block| block.needs.iter().find_map(|program| reader.lacks(program));
    if let Some((first, reason)) = all.iter().enumerate().find_map(|(place, block)| Some((place, missing(block)?))) {
        println!("skipped from block {first} on: {reason}");
        all.truncate(first);
    }
    reader.runs(&all);
}

/// The page with ports that are free on this machine.
fn with_other_ports(page: &str) -> String {
    // Held until all are chosen: none comes twice.
    let held = PORTS.map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    PORTS.iter().zip(&held).fold(page.to_owned(), |page, (port, held)| {
        assert!(page.contains(port), "the page does not name port {port}");
        page.replace(port, &held.local_addr().unwrap().port().to_string())
    })
}

/// The base model that `cargo xtask fetch` gets.
fn base() -> PathBuf {
    let by_hand = std::env::var_os("LAZAI_BASE_MODEL").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/lazai"));
    let cache = std::env::var_os("LAZAI_CACHE").map(PathBuf::from).or_else(home);
    let fetched = cache.map(|cache| cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    by_hand.or(fetched).filter(|path| path.is_file()).expect("a base model: `cargo xtask fetch` gets it")
}
