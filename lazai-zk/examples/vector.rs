//! Proves a small dataset of garbage and writes `vectors/zk/`: random token ids have a valid proof, for a proof says
//! that the data is whole, not that it is any good.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;

use lazai_core::pov::{Contributor, Dataset, Record};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::opening::prompts_root;
use lazai_zk::{Binding, Commitment, Prover, Verifier, VerifierKey};

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
    let binding = Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    };
    let commitment = Commitment::of(&dataset)?;
    let statement = commitment.statement(&dataset, prompts_root(&["Who are you?".into()]), binding)?;
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
