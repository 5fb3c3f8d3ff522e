//! The committed proof that is one STARK, and everything near it: the verifier alone, without any backend.
#![allow(clippy::unwrap_used)]

use lazai_core::SubmissionId;
use lazai_zk::{Proof, StarkVerifier, Statement, Verifier, VerifierKey, VerifyError, verifier_key_digest};

const STATEMENT: &[u8] = include_bytes!("../../vectors/zk/stark.json");
const PROOF: &[u8] = include_bytes!("../../vectors/zk/stark.bin");
/// Magic, digest of the parameters, logarithm of the rows.
const HEADER: usize = 4 + 32 + 1;

fn statement() -> Statement {
    Statement::from_bytes(STATEMENT).unwrap()
}

fn verify(bytes: &[u8]) -> Result<(), VerifyError> {
    let proof = Proof::from_bytes(bytes).map_err(|_| VerifyError::Malformed { reason: "no proof" })?;
    StarkVerifier::new().verify(&statement(), &proof)
}

#[test]
fn the_vector_verifies_and_names_its_parameters() {
    let proof = Proof::from_bytes(PROOF).unwrap();
    assert!(proof.is_stark());
    assert_eq!((proof.depth(), proof.key_digest()), (0, StarkVerifier::new().digest()));
    assert_eq!(proof.to_bytes(), PROOF);
    StarkVerifier::new().verify(&statement(), &proof).unwrap();
    Verifier::new().verify(&statement(), &proof).unwrap();
    Verifier::newest().verify(&statement(), &proof).unwrap();
    Verifier::trusting(verifier_key_digest()).unwrap().verify(&statement(), &proof).unwrap();
    // Whoever trusts circuits alone has not agreed to it.
    let circuits = VerifierKey::pinned();
    for verifier in [Verifier::trusting(circuits.digest()).unwrap(), Verifier::with_key(circuits.clone())] {
        let refused = verifier.verify(&statement(), &proof);
        assert!(matches!(refused, Err(VerifyError::OtherCircuit { .. })), "{refused:?}");
    }
    let joined = Proof::from_bytes(include_bytes!("../../vectors/zk/proof.bin")).unwrap();
    assert!(!joined.is_stark());
    let refused = StarkVerifier::new().verify(&statement(), &joined);
    assert!(matches!(refused, Err(VerifyError::OtherCircuit { .. })), "{refused:?}");
    // Under the other's name, too.
    let renamed = [b"LZP2", &PROOF[4..]].concat();
    assert!(matches!(verify(&renamed), Err(VerifyError::OtherCircuit { .. })));
    let renamed = Proof::from_bytes(&renamed).unwrap();
    let refused = Verifier::new().verify(&statement(), &renamed);
    assert!(matches!(refused, Err(VerifyError::OtherCircuit { .. })), "{refused:?}");
}

#[test]
fn it_proves_no_other_statement() {
    let proof = Proof::from_bytes(PROOF).unwrap();
    let changes: [fn(&mut Statement); 4] = [
        |s| s.binding.submission = SubmissionId::from_bytes([4; 32]),
        |s| s.proved.vocab_size += 1,
        |s| s.proved.max_record_tokens *= 2,
        |s| s.declared.licences.push("ZZZ".into()),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut other = statement();
        change(&mut other);
        let refused = StarkVerifier::new().verify(&other, &proof);
        assert!(matches!(refused, Err(VerifyError::Rejected { .. })), "{i}: {refused:?}");
    }
    // Three tokens to an element make another layout.
    let mut other = statement();
    other.proved.vocab_size = 1 << 17;
    assert!(matches!(StarkVerifier::new().verify(&other, &proof), Err(VerifyError::Malformed { .. })));
}

/// Places a prime apart meet every part, and every place within a word.
#[test]
fn any_damage_is_refused() {
    for at in (0..PROOF.len()).step_by(251) {
        let mut damaged = PROOF.to_vec();
        damaged[at] ^= 1 << (at % 8);
        assert!(verify(&damaged).is_err(), "byte {at}");
    }
    for length in [0, 4, HEADER, HEADER + 1, HEADER + 128, PROOF.len() / 2, PROOF.len() - 1] {
        assert!(verify(&PROOF[..length]).is_err(), "{length} bytes");
    }
    assert!(matches!(verify(&[PROOF, &[0]].concat()), Err(VerifyError::Malformed { .. })));
    for rows_log in (0..=255).filter(|&log| log != PROOF[HEADER - 1]) {
        let mut damaged = PROOF.to_vec();
        damaged[HEADER - 1] = rows_log;
        assert!(matches!(verify(&damaged), Err(VerifyError::Malformed { .. })), "2^{rows_log} rows");
    }
}

/// A word has one spelling: `word + p` stands for the same element, where that fits into 64 bits.
#[test]
fn words_are_below_the_order() {
    const ORDER: u64 = 0xffff_ffff_0000_0001;
    // Roots first, then nothing but words up to the folds' roots.
    let words = HEADER + 4 * 32;
    let mut tried = 0;
    for at in (words..words + 8 * 2_000).step_by(8) {
        let word = u64::from_le_bytes(PROOF[at..at + 8].try_into().unwrap());
        if let Some(other) = word.checked_add(ORDER) {
            let mut respelt = PROOF.to_vec();
            respelt[at..at + 8].copy_from_slice(&other.to_le_bytes());
            assert!(matches!(verify(&respelt), Err(VerifyError::Malformed { .. })), "byte {at}");
            tried += 1;
        }
    }
    // A random word is that small once in 2^32 times: zero and the like are tried by hand.
    let mut zero = PROOF.to_vec();
    zero[words..words + 8].copy_from_slice(&ORDER.to_le_bytes());
    assert!(matches!(verify(&zero), Err(VerifyError::Malformed { .. })), "{tried}");
}
