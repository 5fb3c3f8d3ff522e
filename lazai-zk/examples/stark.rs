//! Proves the dataset of `vectors/zk/` as one STARK and writes `vectors/zk/stark.bin`: another proof of the same statement.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;

use lazai_core::pov::{Contributor, Dataset, Record};
use lazai_core::{Address, Digest};
use lazai_zk::{Commitment, StarkProver, StarkVerifier, Statement};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut state = 1u64;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let records = (0..24).map(|i| {
        let tokens: Vec<u32> = (0..1 + random(256)).map(|_| random(49_152) as u32).collect();
        Record { contributor: (i % 2) as u8, loss_mask: vec![true; tokens.len()], tokens }
    });
    let contributor = |n: u8| Contributor {
        address: Address::from_bytes([n; 20]),
        name: format!("contributor {n}"),
        licence: "CC0-1.0".into(),
        consent: "training".into(),
    };
    let contributors = vec![contributor(1), contributor(2)];
    let dataset = Dataset::new(contributors, Digest::from_bytes([9; 32]), 49_152, 0, records.collect(), vec![])?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/zk");
    let statement = Statement::from_bytes(&std::fs::read(folder.join("statement.json"))?)?;
    let proof = StarkProver::new().prove(&dataset, &Commitment::of(&dataset)?, &statement)?;
    StarkVerifier::new().verify(&statement, &proof)?;
    std::fs::write(folder.join("stark.bin"), proof.to_bytes())?;
    println!("{} records, {} tokens: {} bytes", statement.records(), statement.tokens(), proof.to_bytes().len());
    Ok(())
}
