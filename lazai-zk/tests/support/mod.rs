//! Datasets and proofs that several tests share.
#![allow(clippy::unwrap_used, dead_code)]

use std::sync::OnceLock;

use lazai_core::pov::{Contributor, Dataset, Record};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::opening::prompts_root;
use lazai_zk::{Binding, Commitment, Proof, Prover, Statement};

pub fn binding() -> Binding {
    Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    }
}

pub fn prompts() -> Vec<String> {
    ["Who are you?", "Sing!", "What is love?"].map(String::from).to_vec()
}

/// Lengths at every remainder of 4 and at both ends; tokens at both ends of the vocabulary; three contributors.
pub fn dataset(first_token: u32) -> Dataset {
    let lengths = [1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 100, 31];
    let records = lengths.iter().enumerate().map(|(i, &length)| record(i, length, first_token, 49_152));
    dataset_of(records.collect(), 49_152)
}

pub fn record(number: usize, length: u32, first_token: u32, vocab_size: u32) -> Record {
    Record {
        contributor: (number % 3) as u8,
        tokens: (0..length).map(|t| if t == 0 { first_token } else { (vocab_size - 1 - 7 * t) % vocab_size }).collect(),
        loss_mask: (0..length).map(|t| t % 2 == 0).collect(),
    }
}

pub fn dataset_of(records: Vec<Record>, vocab_size: u32) -> Dataset {
    let contributor = |n: u8, licence: &str| Contributor {
        address: Address::from_bytes([n; 20]),
        name: format!("contributor {n}"),
        licence: licence.into(),
        consent: "training".into(),
    };
    let contributors = vec![contributor(11, "CC-BY-4.0"), contributor(12, "MIT"), contributor(13, "CC-BY-4.0")];
    Dataset::new(contributors, Digest::from_bytes([9; 32]), vocab_size, 0, records, vec![]).unwrap()
}

/// The folder that circuits are kept in between tests: in `target`, where everything built is.
pub fn prover() -> &'static Prover {
    static PROVER: OnceLock<Prover> = OnceLock::new();
    PROVER.get_or_init(|| Prover::new().circuits_in(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("circuits")))
}

pub fn proved() -> &'static (Statement, Proof) {
    static PROVED: OnceLock<(Statement, Proof)> = OnceLock::new();
    PROVED.get_or_init(|| prove(&dataset(49_151)))
}

pub fn prove(dataset: &Dataset) -> (Statement, Proof) {
    let commitment = Commitment::of(dataset).unwrap();
    let statement = commitment.statement(dataset, prompts_root(&prompts()), binding()).unwrap();
    let proof = prover().prove(dataset, &commitment, &statement).unwrap();
    (statement, proof)
}
