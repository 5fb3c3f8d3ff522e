//! Quotes of confidential hardware. What vendors' hardware signed is checked under the vendors' roots; what a quote holds a key to is
//! checked by quotes under roots of the tests' own, with real keys, since no vendor's quote is of a key of ours.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation, reason = "lengths in formats of the vendors")]

mod amd;
mod binding;
mod intel;
mod mutated;
mod vendors;

use std::path::Path;

use lazai::enclave::{EnclavePolicy, Measurement, SnpMeasurement, SnpProduct, TdxMeasurement};
use lazai::seal::SealTerms;
use lazai_core::seal::UnsealingKey;
use lazai_core::{Address, Domain};

fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/quotes").join(name)).unwrap()
}

/// The words of an error.
fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A key that a node could tell, and the domain of its ledger.
fn key() -> (SealTerms, Domain) {
    let public_key = UnsealingKey::random().unwrap().public();
    let terms = SealTerms { node: Address::from_bytes([7; 20]), key_id: 9, public_key, valid_until_s: 2_000_000_000 };
    (terms, Domain::random("quotes", "1").unwrap())
}

/// Accepts the test's machine and guest.
fn policy(roots: lazai::enclave::EnclaveRoots) -> EnclavePolicy {
    let (machine, guest) = (intel::Machine::default(), amd::Guest::default());
    let tdx = TdxMeasurement {
        mr_td: Measurement(machine.mr_td),
        rt_mr: machine.rt_mr.map(|digest| Some(Measurement(digest))),
        mr_config_id: None,
    };
    let sev_snp = SnpMeasurement {
        product: SnpProduct::Milan,
        measurement: Measurement(guest.measurement),
        least_tcb: amd::TCB,
        host_data: None,
        vmpl: 0,
    };
    EnclavePolicy { tdx: vec![tdx], tdx_tcb: Vec::new(), sev_snp: vec![sev_snp], roots: Some(roots) }
}

const NOW_S: u64 = 1_800_000_000;
