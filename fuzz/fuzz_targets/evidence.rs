//! Any JSON as evidence: nothing panics, and without the trusted ledger nothing holds.
#![no_main]

use lazai::core::{Digest, LedgerId};
use lazai::provenance::{Evidence, TrustAnchor, verify};
use lazai::settle::merkle::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(evidence) = Evidence::from_json(data) else { return };
    let anchor = TrustAnchor {
        ledger: LedgerId::from_bytes([1; 32]),
        validator_set: Digest::ZERO,
        verifier_key: Digest::ZERO,
        base: Digest::ZERO,
        checkpoint: Checkpoint { ledger: LedgerId::from_bytes([1; 32]), size: 1, root: Digest::ZERO },
    };
    assert!(!verify(&evidence, &anchor).holds());
});
