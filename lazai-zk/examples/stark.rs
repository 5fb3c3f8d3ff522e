//! Proves the records of `vectors/zk/`, under salts of their own, as one STARK, and writes `vectors/zk/stark.json` and `stark.bin`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod garbage;

use std::path::Path;

use lazai_zk::opening::prompts_root;
use lazai_zk::{Commitment, StarkProver, StarkVerifier};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = garbage::dataset()?;
    let commitment = Commitment::of(&dataset)?;
    let statement = commitment.statement(&dataset, prompts_root(&["Who are you?".into()]), garbage::binding())?;
    let proof = StarkProver::new().prove(&dataset, &commitment, &statement)?;
    StarkVerifier::new().verify(&statement, &proof)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/zk");
    std::fs::write(folder.join("stark.json"), statement.to_bytes())?;
    std::fs::write(folder.join("stark.bin"), proof.to_bytes())?;
    println!("{} records, {} tokens: {} bytes", statement.records(), statement.tokens(), proof.to_bytes().len());
    Ok(())
}
