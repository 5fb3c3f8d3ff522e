//! Real proofs: the honest one verifies, everything else is refused for the right reason.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use lazai_core::pov::{Contributor, Dataset, Record};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::{Proof, Prover, Statement, Verifier, VerifyError};

const LEDGER: LedgerId = LedgerId::from_bytes([1; 32]);
const SUBMITTER: Address = Address::from_bytes([2; 20]);
const SUBMISSION: SubmissionId = SubmissionId::from_bytes([3; 32]);

/// Lengths at every remainder of 4 and at both ends; tokens at both ends of the vocabulary.
fn dataset(first_token: u32) -> Dataset {
    let lengths = [1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 100, 31];
    let records = lengths.iter().enumerate().map(|(i, &length)| Record {
        contributor: (i % 3) as u8,
        tokens: (0..length).map(|t| if t == 0 { first_token } else { (49_151 - 7 * t) % 49_152 }).collect(),
        loss_mask: (0..length).map(|t| t % 2 == 0).collect(),
    });
    let contributor = |n: u8| Contributor {
        address: Address::from_bytes([n; 20]),
        name: format!("contributor {n}"),
        licence: "CC-BY-4.0".into(),
        consent: "training".into(),
    };
    let contributors = vec![contributor(11), contributor(12), contributor(13)];
    Dataset::new(contributors, Digest::from_bytes([9; 32]), 49_152, 0, records.collect(), vec![]).unwrap()
}

fn proved() -> &'static (Statement, Proof) {
    static PROVED: OnceLock<(Statement, Proof)> = OnceLock::new();
    PROVED.get_or_init(|| {
        let prover = Prover::new().expect("the circuit is the one whose key is pinned");
        prover.prove(&dataset(49_151), LEDGER, SUBMITTER, SUBMISSION).unwrap()
    })
}

#[test]
fn honest_proof_verifies_and_its_bytes_round_trip() {
    let (statement, proof) = proved();
    Verifier::new().verify(statement, proof).unwrap();
    let again = Proof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(&again, proof);
    assert_eq!(statement.records(), 12);
    assert_eq!(statement.tokens(), 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 255 + 256 + 100 + 31);
    assert_eq!(statement.shares.iter().map(|s| s.records).collect::<Vec<_>>(), [4, 4, 4]);
}

#[test]
fn a_proof_is_for_one_statement() {
    let (statement, proof) = proved();
    let changes: [fn(&mut Statement); 9] = [
        |s| s.ledger = LedgerId::from_bytes([7; 32]),
        |s| s.submitter = Address::from_bytes([7; 20]),
        |s| s.submission = SubmissionId::from_bytes([7; 32]),
        |s| s.tokenizer_digest = Digest::from_bytes([7; 32]),
        |s| s.vocab_size = 65_536,
        |s| s.shares[0].tokens += 1,
        |s| s.shares[1].root = Digest::ZERO,
        |s| s.shares.swap(0, 1),
        |s| s.root = lazai_zk::commitment::dataset_root(&dataset(5)),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut other = statement.clone();
        change(&mut other);
        let verdict = Verifier::new().verify(&other, proof);
        assert!(matches!(verdict, Err(VerifyError::Rejected { .. })), "change {i}: {verdict:?}");
    }
}

#[test]
fn flipped_cut_and_padded_proofs_are_refused_without_panic() {
    std::panic::set_hook(Box::new(|_| {}));
    let (statement, proof) = proved();
    let verifier = Verifier::new();
    let bytes = proof.to_bytes();
    // A prime stride visits every part of the proof.
    for i in (0..bytes.len()).step_by(3001).chain([0, 4, 35, 36, bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[i] ^= 1 << (i % 8);
        let verdict = Proof::from_bytes(&flipped).ok().map(|p| verifier.verify(statement, &p));
        match verdict {
            None => assert!(i < 4),
            Some(Err(VerifyError::OtherCircuit { .. })) => assert!((4..36).contains(&i)),
            Some(Err(VerifyError::Malformed { .. } | VerifyError::Rejected { .. })) => assert!(i >= 36),
            other => panic!("flip at {i}: {other:?}"),
        }
        let verdict = Proof::from_bytes(&bytes[..i]).ok().map(|p| verifier.verify(statement, &p));
        assert!(matches!(verdict, None | Some(Err(VerifyError::Malformed { .. }))), "cut at {i}");
    }
    let mut padded = bytes.clone();
    padded.push(0);
    let padded = Proof::from_bytes(&padded).unwrap();
    assert!(matches!(verifier.verify(statement, &padded), Err(VerifyError::Malformed { .. })));
    // A field element that is not below the order: p + x for some small x in the body.
    let body = 36;
    let small = (body..bytes.len() - 8).step_by(8).find(|&i| bytes[i + 4..i + 8] == [0; 4]);
    if let Some(i) = small {
        let value = u64::from_le_bytes(bytes[i..i + 8].try_into().unwrap());
        let mut spelled = bytes.clone();
        spelled[i..i + 8].copy_from_slice(&(value + lazai_zk::poseidon::ORDER).to_le_bytes());
        let verdict = verifier.verify(statement, &Proof::from_bytes(&spelled).unwrap());
        assert!(matches!(verdict, Err(VerifyError::Malformed { .. })), "{verdict:?}");
    }
}
