//! The dataset of `vectors/zk/`: random token ids.

use lazai_core::pov::{Contributor, Dataset, PovError, Record};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::Binding;

pub fn binding() -> Binding {
    Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    }
}

/// Its salts are drawn anew each time, and so is its root.
pub fn dataset() -> Result<Dataset, PovError> {
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
    Dataset::new(contributors, Digest::from_bytes([9; 32]), 49_152, 0, records.collect(), vec![])
}
