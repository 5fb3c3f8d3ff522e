//! Openings show one thing of a committed dataset, and nothing else passes for it.
#![allow(clippy::unwrap_used)]

mod support;

use lazai_zk::Commitment;
use lazai_zk::opening::{ContributorOpening, OpeningError, PromptOpening, RecordOpening, prompts_root};
use support::{binding, dataset, prompts};

#[test]
fn every_record_opens_and_nothing_else_does() {
    let dataset = dataset(49_151);
    let commitment = Commitment::of(&dataset).unwrap();
    let statement = commitment.statement(&dataset, prompts_root(&prompts()), binding()).unwrap();
    for number in 0..dataset.records().len() as u64 {
        let opening = RecordOpening::new(&dataset, &statement, number).unwrap();
        opening.verify(&statement).unwrap();
        assert_eq!(opening.tokens, dataset.records()[number as usize].tokens);
        let json = serde_json::to_vec(&opening).unwrap();
        assert_eq!(serde_json::from_slice::<RecordOpening>(&json).unwrap(), opening);
        type Change = fn(&mut RecordOpening);
        let changes: [Change; 5] = [
            |o| o.tokens[0] ^= 1,
            |o| o.loss_mask[0] ^= true,
            |o| o.index += 1,
            |o| o.contributor = (o.contributor + 1) % 3,
            |o| o.tokens.push(0),
        ];
        for (i, change) in changes.into_iter().enumerate() {
            let mut other = opening.clone();
            change(&mut other);
            assert!(matches!(other.verify(&statement), Err(OpeningError::NotUnderRoot { .. })), "change {i}");
        }
    }
    assert!(matches!(
        RecordOpening::new(&dataset, &statement, 12),
        Err(OpeningError::NoSuch { what: "record", index: 12, count: 12 })
    ));
}

#[test]
fn prompts_and_contributors_open() {
    let dataset = dataset(49_151);
    let commitment = Commitment::of(&dataset).unwrap();
    let statement = commitment.statement(&dataset, prompts_root(&prompts()), binding()).unwrap();
    for i in 0..prompts().len() {
        let opening = PromptOpening::new(&prompts(), i).unwrap();
        opening.verify(&statement).unwrap();
        let mut other = opening;
        other.prompt = "Who?".into();
        assert!(other.verify(&statement).is_err());
    }
    assert!(PromptOpening::new(&prompts(), 3).is_err());
    for contributor in 0..3u8 {
        let opening = ContributorOpening::new(&commitment, contributor).unwrap();
        let entry = opening.verify(commitment.digest()).unwrap();
        let share = statement.proved.shares[usize::from(contributor)];
        assert_eq!((entry.records, entry.tokens, entry.root.to_digest()), (share.records, share.tokens, share.root));
        assert!(opening.verify(share.root).is_err());
        let json = serde_json::to_string(&opening).unwrap().replace("\"records\":4", "\"records\":5");
        assert!(serde_json::from_str::<ContributorOpening>(&json).unwrap().verify(commitment.digest()).is_err());
    }
    assert!(ContributorOpening::new(&commitment, 3).is_err());
}
