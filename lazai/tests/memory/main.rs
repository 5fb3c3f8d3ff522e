//! Memory that the user owns: what is found again, and what holds of its file.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::print_stdout, missing_docs)]

#[path = "../simulation/dice.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod dice;
mod facts;
mod file;
mod meaning;
mod planted;
mod prompts;
mod small_talk;

use std::path::PathBuf;

use lazai::memory::MemoryKey;
use lazai_core::tokenizer::Counter;

fn key(number: u8) -> MemoryKey {
    MemoryKey::from_bytes(&[number; 32])
}

/// The tokenizer of the base model, without its weights.
fn counter() -> Counter {
    let path = std::env::var_os("LAZAI_BASE_MODEL").map(PathBuf::from).unwrap_or_else(|| {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap());
        home.join(".cache/lazai/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    });
    let file = std::fs::File::open(&path);
    let file = file.unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask fetch`", path.display()));
    Counter::read_gguf(std::io::BufReader::new(file)).unwrap()
}

fn percentile(numbers: &mut [u128], percent: usize) -> u128 {
    numbers.sort_unstable();
    numbers[(numbers.len() * percent / 100).min(numbers.len() - 1)]
}
