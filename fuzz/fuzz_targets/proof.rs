//! Any bytes as a proof, and any damage to a good one: the verifier refuses without panicking.
#![no_main]

use std::sync::OnceLock;

use lazai::zk::{Proof, Statement, Verifier};
use libfuzzer_sys::fuzz_target;

struct Good {
    statement: Statement,
    proof: Vec<u8>,
    verifier: Verifier,
}

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| Good {
        statement: Statement::from_bytes(include_bytes!("../../vectors/zk/statement.json")).expect("a statement"),
        proof: include_bytes!("../../vectors/zk/proof.bin").to_vec(),
        verifier: Verifier::new(),
    })
}

fuzz_target!(|data: &[u8]| {
    let Good { statement, proof, verifier } = good();
    let refused = |bytes: &[u8]| {
        if let Ok(proof) = Proof::from_bytes(bytes) {
            assert!(verifier.verify(statement, &proof).is_err());
        }
    };
    refused(data);
    // After the good header, the body is read.
    refused(&[&proof[..37], data].concat());
    // Damage: a length to cut or extend to, then places with the bytes that go there.
    let Some((&[a, b, c, d], edits)) = data.split_first_chunk::<4>() else { return };
    let mut damaged = proof.clone();
    if d & 1 == 1 {
        damaged.resize(u32::from_le_bytes([a, b, c, 0]) as usize % (2 * proof.len()), d);
    }
    for edit in edits.chunks_exact(8) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], 0]) as usize;
        let length = damaged.len();
        for (i, &byte) in edit[3..].iter().enumerate() {
            if length > 0 {
                damaged[(place + i) % length] ^= byte;
            }
        }
    }
    if damaged != *proof {
        refused(&damaged);
    }
});
