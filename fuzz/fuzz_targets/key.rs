//! Any bytes as a verifier's key, and as a statement: what is read has one spelling and never panics.
#![no_main]

use lazai::zk::{Statement, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = VerifierKey::from_bytes(data) {
        assert_eq!(key.to_bytes(), data);
    }
    if let Ok(statement) = Statement::from_bytes(data) {
        assert_eq!(statement.to_bytes(), data);
        assert!(statement.public_inputs().is_ok());
    }
});
