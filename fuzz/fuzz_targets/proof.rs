//! Any bytes as a proof's body: the verifier refuses without panicking.
#![no_main]

use std::sync::OnceLock;

use lazai::core::{Address, Digest, LedgerId, SubmissionId};
use lazai::zk::poseidon::hash;
use lazai::zk::{Proof, Statement, Verifier, verifier_key_digest};
use libfuzzer_sys::fuzz_target;

fn statement() -> &'static Statement {
    static STATEMENT: OnceLock<Statement> = OnceLock::new();
    STATEMENT.get_or_init(|| {
        let json = serde_json::json!({
            "format": "lazai.zk.statement.v1",
            "ledger": LedgerId::ZERO, "submitter": Address::ZERO, "submission": SubmissionId::ZERO,
            "tokenizer_digest": Digest::ZERO, "vocab_size": 49_152, "root": hash(&[1]).to_digest(),
            "shares": [{"contributor": Address::ZERO, "records": 1, "tokens": 1, "root": Digest::ZERO}],
        });
        serde_json::from_value(json).expect("a statement")
    })
}

fuzz_target!(|data: &[u8]| {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    let verifier = VERIFIER.get_or_init(Verifier::new);
    let _ = Proof::from_bytes(data);
    // With the right header, the body is read.
    let bytes = [b"LZP1", &verifier_key_digest().as_bytes()[..], data].concat();
    if let Ok(proof) = Proof::from_bytes(&bytes) {
        assert!(verifier.verify(statement(), &proof).is_err());
    }
});
