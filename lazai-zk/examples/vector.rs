//! Proves a small dataset of garbage and writes `vectors/zk/`: random token ids have a valid proof, for a proof says
//! that the data is whole, not that it is any good.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod garbage;

use std::path::Path;

use lazai_zk::opening::prompts_root;
use lazai_zk::{Commitment, Prover, Verifier, VerifierKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = garbage::dataset()?;
    let commitment = Commitment::of(&dataset)?;
    let statement = commitment.statement(&dataset, prompts_root(&["Who are you?".into()]), garbage::binding())?;
    let proof = Prover::new().prove(&dataset, &commitment, &statement)?;
    Verifier::new().verify(&statement, &proof)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/zk");
    std::fs::create_dir_all(folder.join("key"))?;
    std::fs::write(folder.join("statement.json"), statement.to_bytes())?;
    std::fs::write(folder.join("proof.bin"), proof.to_bytes())?;
    std::fs::write(folder.join("key/outer-v3.vk"), VerifierKey::pinned().to_bytes())?;
    println!("garbage, and proved: {} records, {} tokens", statement.records(), statement.tokens());
    Ok(())
}
