//! Real proofs: the honest ones verify, everything else is refused for the right reason, and plonky2's own verifier
//! agrees each time.
#![allow(clippy::unwrap_used)]

mod support;

use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::{Plonky2Verifier, Proof, Statement, Verifier, VerifierKey, VerifyError};
use support::{dataset, dataset_of, prove, proved, record};

#[test]
fn honest_proof_verifies_and_its_bytes_round_trip() {
    let (statement, proof) = proved();
    Verifier::new().verify(statement, proof).unwrap();
    Plonky2Verifier::new().verify(statement, proof).unwrap();
    let again = Proof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(&again, proof);
    assert!(proof.to_bytes().len() <= 160_000);
    assert_eq!(statement.records(), 12);
    assert_eq!(statement.tokens(), 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 255 + 256 + 100 + 31);
    assert_eq!(statement.proved.shares.iter().map(|s| s.records).collect::<Vec<_>>(), [4, 4, 4]);
    assert_eq!(&Statement::from_bytes(&statement.to_bytes()).unwrap(), statement);
}

#[test]
fn a_proof_is_for_one_statement() {
    let (statement, proof) = proved();
    type Change = fn(&mut Statement);
    let changes: [Change; 19] = [
        |s| s.binding.ledger = LedgerId::from_bytes([7; 32]),
        |s| s.binding.submitter = Address::from_bytes([7; 20]),
        |s| s.binding.submission = SubmissionId::from_bytes([7; 32]),
        |s| s.declared.tokenizer = Digest::from_bytes([7; 32]),
        |s| s.declared.licences.push("Z".into()),
        |s| s.declared.licences[0] = "A".into(),
        |s| s.declared.prompts.count += 1,
        |s| s.declared.prompts.root = Digest::from_bytes([7; 32]),
        |s| s.declared.voice.frames += 1,
        |s| s.declared.voice.digest = Digest::from_bytes([7; 32]),
        |s| s.declared.contributors[0] = Address::from_bytes([7; 20]),
        |s| s.declared.contributors.swap(0, 1),
        |s| s.proved.vocab_size = 49_151,
        |s| s.proved.vocab_size = 65_536,
        |s| s.proved.max_record_tokens = 255,
        |s| s.proved.shares[0].tokens += 1,
        |s| s.proved.shares[1].records -= 1,
        |s| s.proved.shares.swap(0, 2),
        |s| s.proved.root = s.proved.shares[0].root,
    ];
    let (verifier, theirs) = (Verifier::new(), Plonky2Verifier::new());
    for (i, change) in changes.into_iter().enumerate() {
        let mut other = statement.clone();
        change(&mut other);
        let (ours, theirs) = (verifier.verify(&other, proof), theirs.verify(&other, proof));
        let expected = |e: &VerifyError| matches!(e, VerifyError::Rejected { .. } | VerifyError::Statement(_));
        assert!(ours.as_ref().is_err_and(expected), "change {i}: {ours:?}");
        assert!(theirs.is_err(), "change {i}");
    }
}

/// Swapped between datasets, between depths, and under another key.
#[test]
fn a_proof_of_something_else_is_refused() {
    let (statement, proof) = proved();
    let (other_statement, other) = prove(&dataset(7));
    let verifier = Verifier::new();
    verifier.verify(&other_statement, &other).unwrap();
    assert!(matches!(verifier.verify(statement, &other), Err(VerifyError::Rejected { .. })));
    assert!(matches!(verifier.verify(&other_statement, proof), Err(VerifyError::Rejected { .. })));
    let with = |at: usize, byte: u8| {
        let mut bytes = proof.to_bytes();
        bytes[at] = byte;
        verifier.verify(statement, &Proof::from_bytes(&bytes).unwrap())
    };
    assert!(matches!(with(36, 1), Err(VerifyError::Rejected { .. })), "of another depth");
    assert!(matches!(with(36, 11), Err(VerifyError::Malformed { .. })), "of no depth");
    let foreign = with(4, proof.to_bytes()[4] ^ 1);
    assert!(matches!(foreign, Err(VerifyError::OtherCircuit { .. })), "{foreign:?}");
}

/// The committed proof, of records that are random numbers: a proof says that data is whole, not that it is good.
#[test]
fn garbage_passes() {
    let statement = Statement::from_bytes(include_bytes!("../../vectors/zk/statement.json")).unwrap();
    let proof = Proof::from_bytes(include_bytes!("../../vectors/zk/proof.bin")).unwrap();
    Verifier::new().verify(&statement, &proof).unwrap();
    Plonky2Verifier::new().verify(&statement, &proof).unwrap();
}

/// A proof that an earlier build made, under the key of its version: verified by whoever trusts that key or a later one.
#[test]
fn proofs_under_the_earlier_key_are_verified() {
    const STORE: &str = "../vectors/formats/0.1/market/store";
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(STORE);
    let files = std::fs::read_dir(folder).unwrap().filter_map(|entry| std::fs::read(entry.unwrap().path()).ok());
    let files: Vec<_> = files.collect();
    let statement = files.iter().find_map(|bytes| Statement::from_bytes(bytes).ok()).unwrap();
    let proof = files.iter().find_map(|bytes| Proof::from_bytes(bytes).ok()).unwrap();
    let [earlier, newest] = VerifierKey::known();
    assert_eq!((proof.key_digest(), newest), (earlier.digest(), VerifierKey::pinned()));
    Verifier::new().verify(&statement, &proof).unwrap();
    Plonky2Verifier::new().verify(&statement, &proof).unwrap();
    Verifier::trusting(earlier.digest()).unwrap().verify(&statement, &proof).unwrap();
    Verifier::trusting(newest.digest()).unwrap().verify(&statement, &proof).unwrap();
    // Who wants the strength of the newest circuits alone, and who has not heard of them.
    let refused = Verifier::newest().verify(&statement, &proof);
    assert!(matches!(refused, Err(VerifyError::OtherCircuit { .. })), "{refused:?}");
    let (new_statement, new_proof) = proved();
    Verifier::newest().verify(new_statement, new_proof).unwrap();
    let refused = Verifier::trusting(earlier.digest()).unwrap().verify(new_statement, new_proof);
    assert!(matches!(refused, Err(VerifyError::OtherCircuit { .. })), "{refused:?}");
    assert!(Verifier::trusting(Digest::ZERO).is_none());
    // The name of one key over a proof under the other.
    let mut renamed = proof.to_bytes();
    renamed[4..36].copy_from_slice(newest.digest().as_bytes());
    let refused = Verifier::new().verify(&statement, &Proof::from_bytes(&renamed).unwrap());
    assert!(matches!(refused, Err(VerifyError::Rejected { .. })), "{refused:?}");
}

/// Keys and statements, damaged: what is still read has one spelling, and is another.
#[test]
fn damaged_keys_and_statements_are_refused_or_others() {
    let (key, statement) = (VerifierKey::pinned().to_bytes(), proved().0.to_bytes());
    let mut seed = 3u64;
    let mut random = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    for _ in 0..20_000 {
        let mut bytes = key.clone();
        let at = random(bytes.len());
        bytes[at] ^= 1 << random(8);
        if random(10) == 0 {
            bytes.truncate(random(key.len()));
        }
        if let Ok(other) = VerifierKey::from_bytes(&bytes) {
            assert_eq!(other.to_bytes(), bytes);
            assert_ne!(other.digest(), VerifierKey::pinned().digest());
        }
        let mut bytes = statement.clone();
        let at = random(bytes.len());
        bytes[at] = random(256) as u8;
        if let Ok(other) = Statement::from_bytes(&bytes) {
            assert_eq!(other.to_bytes(), bytes);
            assert!(bytes == statement || other.digest() != proved().0.digest());
        }
    }
}

/// Blinding: two proofs of one statement have nothing in common but their header.
#[test]
fn proofs_are_blinded() {
    let (statement, proof) = proved();
    let (again, other) = prove(&dataset(49_151));
    // The salts differ from dataset to dataset, so the statement does too.
    assert_ne!(again.proved.root, statement.proved.root);
    let same = proof.body().chunks(8).zip(other.body().chunks(8)).filter(|(a, b)| a == b).count();
    assert!(same < proof.body().len() / 8 / 100, "{same} words in common");
}

/// Three tokens to an element: a vocabulary above 2^16, with tokens at both of its ends.
#[test]
fn large_vocabularies_are_proved() {
    let vocab_size = 151_936;
    let records = [1, 2, 3, 24, 25, 256].iter().enumerate();
    let records = records.map(|(i, &length)| record(i, length, vocab_size - 1 - i as u32, vocab_size)).collect();
    let (statement, proof) = prove(&dataset_of(records, vocab_size));
    Verifier::new().verify(&statement, &proof).unwrap();
    Plonky2Verifier::new().verify(&statement, &proof).unwrap();
    let mut other = statement;
    other.proved.vocab_size -= 1;
    assert!(Verifier::new().verify(&other, &proof).is_err());
}
