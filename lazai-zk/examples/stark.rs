//! Proves the dataset of `vectors/zk/` as one STARK and writes `vectors/zk/stark.bin`: another proof of the same statement.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod garbage;

use std::path::Path;

use lazai_zk::{Commitment, StarkProver, StarkVerifier, Statement};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = garbage::dataset()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/zk");
    let statement = Statement::from_bytes(&std::fs::read(folder.join("statement.json"))?)?;
    let proof = StarkProver::new().prove(&dataset, &Commitment::of(&dataset)?, &statement)?;
    StarkVerifier::new().verify(&statement, &proof)?;
    std::fs::write(folder.join("stark.bin"), proof.to_bytes())?;
    println!("{} records, {} tokens: {} bytes", statement.records(), statement.tokens(), proof.to_bytes().len());
    Ok(())
}
