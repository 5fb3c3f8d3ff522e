//! Proving what is large, interrupted or untrue.
#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use lazai_core::Digest;
use lazai_core::pov::{Clip, Dataset, Manifest, PovError, Record};
use lazai_zk::{CommitError, Commitment, Plonky2Verifier, ProveError, ProveStage, Prover, RecordSource, Verifier};
use support::{binding, dataset_of, prompts, record};

/// Records of two tokens, none like another: two small chunks of them.
fn two_chunks() -> Dataset {
    let records = (0..2_100u32).map(|i| Record {
        contributor: u8::from(i > 2_000),
        tokens: vec![i, 49_151 - i],
        loss_mask: vec![false, true],
    });
    dataset_of(records.collect(), 49_152)
}

/// Cancelled, killed and damaged on the way, a run goes on from the chunks it had finished.
#[test]
fn interrupted_runs_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let circuits = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("circuits");
    let prover = || Prover::new().circuits_in(&circuits).work_in(folder.path()).max_memory_bytes(1 << 30);
    let dataset = two_chunks();
    let commitment = Commitment::of(&dataset).unwrap();
    let statement = commitment.statement(&dataset, lazai_zk::opening::prompts_root(&prompts()), binding()).unwrap();
    let parts = || {
        let run = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let mut parts: Vec<_> = std::fs::read_dir(run).unwrap().map(|f| f.unwrap().path()).collect();
        parts.sort();
        parts
    };

    let stop_after_first = &mut |p: lazai_zk::ProveProgress| {
        if p.stage == ProveStage::Chunks && p.done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let cancelled = prover().prove_with(&dataset, &commitment, &statement, stop_after_first);
    assert!(matches!(cancelled, Err(ProveError::Cancelled { stage: ProveStage::Chunks, .. })), "{cancelled:?}");
    assert_eq!(parts().len(), 1);
    #[cfg(unix)]
    {
        // Parts are not blinded.
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&parts()[0]), mode(parts()[0].parent().unwrap())), (0o600, 0o700));
    }
    let first = std::fs::read(&parts()[0]).unwrap();

    let stop_at_joins = &mut |p: lazai_zk::ProveProgress| {
        if p.stage == ProveStage::Joins { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let cancelled = prover().prove_with(&dataset, &commitment, &statement, stop_at_joins);
    assert!(
        matches!(cancelled, Err(ProveError::Cancelled { stage: ProveStage::Joins, done: 0, total: 1 })),
        "{cancelled:?}"
    );
    assert_eq!(std::fs::read(&parts()[0]).unwrap(), first, "the first chunk was not proved again");

    // A part cut off by a crash, and one with a flipped bit, are proved again.
    let [first_part, second_part] = parts().try_into().unwrap();
    let mut damaged = first;
    damaged[70_000] ^= 1;
    std::fs::write(first_part, damaged).unwrap();
    std::fs::File::options().write(true).open(second_part).unwrap().set_len(1000).unwrap();
    let proof = prover().threads(2).unwrap().prove(&dataset, &commitment, &statement).unwrap();
    assert_eq!(proof.depth(), 1);
    Verifier::new().verify(&statement, &proof).unwrap();
    Plonky2Verifier::new().verify(&statement, &proof).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "finished parts are removed");
}

/// A dataset that no honest library would make.
struct Liar {
    honest: Dataset,
    records: Vec<Record>,
}

impl RecordSource for Liar {
    fn manifest(&self) -> &Manifest {
        self.honest.manifest()
    }

    fn records(&self, each: &mut dyn FnMut(u64, Record, Digest) -> bool) -> Result<(), PovError> {
        let mut records = self.records.iter().cloned().enumerate();
        let _ = records.all(|(i, r)| each(i as u64, r, self.honest.salt(i)));
        Ok(())
    }

    fn clips(&self, _: &mut dyn FnMut(&Clip)) -> Result<(), PovError> {
        Ok(())
    }

    fn voice_salt(&self) -> Result<Digest, PovError> {
        Ok(self.honest.voice_salt())
    }
}

/// The whole prover on untrue records: there is no proof.
#[test]
fn untrue_records_have_no_proof() {
    std::panic::set_hook(Box::new(|_| {}));
    let honest = || (0..9).map(|i| record(i, 10 + i as u32, 40_000, 49_152)).collect::<Vec<_>>();
    let lie = |change: fn(&mut Vec<Record>)| {
        let mut records = honest();
        change(&mut records);
        Liar { honest: dataset_of(honest(), 49_152), records }
    };
    type Lie = fn(&mut Vec<Record>);
    let cases: [(&str, Lie); 3] = [
        ("token outside the vocabulary", |r| r[4].tokens[1] = 49_152),
        ("no tokens", |r| r[4].tokens.clear()),
        ("non-zero tokens beyond 16 bits", |r| r[4].tokens[0] = 1 << 16),
    ];
    for (what, change) in cases {
        let liar = lie(change);
        let commitment = Commitment::of(&liar).unwrap();
        let statement = commitment.statement(&liar, lazai_zk::opening::prompts_root(&[]), binding()).unwrap();
        let proof = support::prover().prove(&liar, &commitment, &statement);
        assert!(matches!(proof, Err(ProveError::Unprovable { .. })), "{what}: {proof:?}");
    }
    // A record over the length that the statement says.
    let long = lie(|r| r[4] = record(4, 257, 40_000, 49_152));
    let commitment = Commitment::of(&long).unwrap();
    let mut statement = commitment.statement(&long, lazai_zk::opening::prompts_root(&[]), binding()).unwrap();
    assert_eq!(statement.proved.max_record_tokens, 512);
    statement.proved.max_record_tokens = 256;
    let proof = support::prover().prove(&long, &commitment, &statement);
    assert!(matches!(proof, Err(ProveError::Unprovable { .. })), "over length: {proof:?}");
    // Two records alike, a licence that is not allowed: found before anything is proved.
    let duplicate = lie(|r| r[7].tokens = r[3].tokens.clone());
    let found = Commitment::of(&duplicate);
    assert!(matches!(found, Err(CommitError::Duplicate { first: 3, second: 7 })), "{found:?}");
    let foreign = Commitment::with_licences(&lie(|_| ()), &["MIT".into()]);
    assert!(matches!(foreign, Err(CommitError::Licence { contributor: 0, .. })), "{foreign:?}");
    // One record less than was committed to.
    let commitment = Commitment::of(&lie(|_| ())).unwrap();
    let statement = commitment.statement(&lie(|_| ()), lazai_zk::opening::prompts_root(&[]), binding()).unwrap();
    let missing = lie(|r| drop(r.pop()));
    let proof = support::prover().prove(&missing, &commitment, &statement);
    assert!(matches!(proof, Err(ProveError::Unprovable { .. })), "{proof:?}");
}

/// The longest records that there are, beside short ones.
#[test]
fn records_of_any_length_are_proved() {
    let tokens = |length: u32| (0..length).map(|t| (t * 13 + 5) % 49_152).collect::<Vec<_>>();
    let records = [1, 257, 3_000, 65_535].map(tokens).into_iter().enumerate();
    let records =
        records.map(|(i, tokens)| Record { contributor: (i % 3) as u8, loss_mask: vec![true; tokens.len()], tokens });
    let (statement, proof) = support::prove(&dataset_of(records.collect(), 49_152));
    assert_eq!((statement.proved.max_record_tokens, statement.tokens()), (65_535, 68_793));
    Verifier::new().verify(&statement, &proof).unwrap();
    Plonky2Verifier::new().verify(&statement, &proof).unwrap();
}
