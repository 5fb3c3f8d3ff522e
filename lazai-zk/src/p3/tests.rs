//! Honest and cheating traces through the real prover and both verifiers.
#![allow(clippy::unwrap_used)]

use lazai_core::pov::{Contributor, Dataset, Record};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use p3_field::PrimeCharacteristicRing;
use p3_goldilocks::Goldilocks as F;

use super::prover::{StarkError, fill, prove};
use crate::chunk::state;
use crate::poseidon::{FULL_ROUNDS_EACH_SIDE, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH, linear_layer};
use crate::statement::{Prompts, Statement};
use crate::whole::{CUBES, Layout};
use crate::{Binding, Commitment, Proof, StarkProver, StarkVerifier, VerifyError};

/// Three contributors, records of any length in turn.
fn dataset(records: u32, vocab_size: u32) -> Dataset {
    let lengths = [1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 100, 31];
    let record = |i: u32| Record {
        contributor: (i % 3) as u8,
        tokens: (0..lengths[i as usize % lengths.len()])
            .map(|t| (i * 977 + vocab_size - 1 - 7 * t) % vocab_size)
            .collect(),
        loss_mask: (0..lengths[i as usize % lengths.len()]).map(|t| t % 2 == 0).collect(),
    };
    let contributor = |n: u8, licence: &str| Contributor {
        address: Address::from_bytes([n; 20]),
        name: format!("contributor {n}"),
        licence: licence.into(),
        consent: "training".into(),
    };
    let contributors = vec![contributor(11, "CC-BY-4.0"), contributor(12, "MIT"), contributor(13, "CC-BY-4.0")];
    let records = (0..records).map(record).collect();
    Dataset::new(contributors, Digest::from_bytes([9; 32]), vocab_size, 0, records, vec![]).unwrap()
}

fn stated(dataset: &Dataset) -> (Commitment, Statement) {
    let binding = Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    };
    let commitment = Commitment::of(dataset).unwrap();
    let statement = commitment.statement(dataset, Prompts::NONE, binding).unwrap();
    (commitment, statement)
}

fn refused(statement: &Statement, proof: &Proof) -> VerifyError {
    StarkVerifier::new().verify(statement, proof).unwrap_err()
}

#[test]
fn datasets_are_proved_in_either_packing() {
    for vocab_size in [49_152, 151_936] {
        let dataset = dataset(40, vocab_size);
        let (commitment, statement) = stated(&dataset);
        let proof = StarkProver::new().prove(&dataset, &commitment, &statement).unwrap();
        let again = Proof::from_bytes(&proof.to_bytes()).unwrap();
        assert_eq!(again, proof);
        StarkVerifier::new().verify(&statement, &again).unwrap();
        // It is of this statement, and of no other.
        let mut other = statement.clone();
        other.binding.submission = SubmissionId::from_bytes([4; 32]);
        assert!(matches!(refused(&other, &proof), VerifyError::Rejected { .. }));
        let mut other = statement.clone();
        other.proved.max_record_tokens = 512;
        assert!(matches!(refused(&other, &proof), VerifyError::Rejected { .. }));
        // Masks are new each time.
        assert_ne!(StarkProver::new().prove(&dataset, &commitment, &statement).unwrap(), proof);
        crate::Verifier::newest().verify(&statement, &proof).unwrap();
        let circuits = crate::Verifier::with_key(crate::VerifierKey::pinned().clone());
        assert!(matches!(circuits.verify(&statement, &proof), Err(VerifyError::OtherCircuit { .. })));
    }
}

#[test]
fn another_dataset_than_the_statement_is_about_has_no_proof() {
    let (one, two) = (dataset(20, 49_152), dataset(21, 49_152));
    let ((commitment, statement), (other, _)) = (stated(&one), stated(&two));
    let prover = StarkProver::new();
    let error = prover.prove(&one, &other, &statement).unwrap_err();
    assert!(matches!(error, StarkError::OtherDataset { field: "root" }), "{error}");
    let error = prover.prove(&two, &commitment, &statement).unwrap_err();
    assert!(matches!(error, StarkError::Unprovable { .. }), "{error}");
}

/// Every part of a proof is bound: bytes changed anywhere, cut or added.
#[test]
fn changed_proofs_are_refused() {
    let dataset = dataset(20, 49_152);
    let (commitment, statement) = stated(&dataset);
    let bytes = StarkProver::new().prove(&dataset, &commitment, &statement).unwrap().to_bytes();
    let check = |bytes: &[u8]| match Proof::from_bytes(bytes) {
        Ok(proof) => StarkVerifier::new().verify(&statement, &proof).is_ok(),
        Err(_) => false,
    };
    assert!(check(&bytes));
    // A prime step meets every part and every place within a word.
    for at in (0..bytes.len()).step_by(if bytes.len() > 200_000 { 997 } else { 499 }) {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(!check(&changed), "byte {at}, bit {bit}");
        }
    }
    for cut in [1, 8, 33, 1_000, bytes.len() - 40] {
        assert!(!check(&bytes[..bytes.len() - cut]), "cut by {cut}");
    }
    assert!(!check(&[&bytes[..], &[0]].concat()));
}

/// A trace in the making: its cells, and whether anybody takes the proof of it.
struct Cheat {
    layout: Layout,
    cells: Vec<F>,
    statement: Statement,
}

impl Cheat {
    fn new() -> Self {
        let dataset = dataset(20, 49_152);
        let (commitment, statement) = stated(&dataset);
        let layout = Layout::new(4, 12, CUBES);
        let cells = fill(&layout, &dataset, &commitment, &statement).unwrap();
        Self { layout, cells, statement }
    }

    /// The place of a column among those committed to.
    fn column(&self, column: usize) -> usize {
        let before = |run: std::ops::Range<usize>| run.end.min(column).saturating_sub(run.start);
        self.layout.runs().into_iter().map(before).sum()
    }

    fn cell(&mut self, row: usize, column: usize) -> &mut F {
        let at = row * self.layout.width() + self.column(column);
        &mut self.cells[at]
    }

    /// The first row of a kind.
    fn row(&mut self, kind: usize) -> usize {
        (0..1 << 12).find(|&row| *self.cell(row, kind) == F::ONE).unwrap()
    }

    /// The permutation's cells of a row, after its input was changed.
    fn permute(&mut self, row: usize) {
        let c = self.layout.c;
        let mut lanes: [u64; WIDTH] = std::array::from_fn(|i| crate::chunk::Cell::word(*self.cell(row, c.input + i)));
        let mut cell = c.s_box;
        for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
            let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
            for (i, (lane, &constant)) in lanes.iter_mut().zip(constants).enumerate() {
                let x = F::new(*lane) + F::new(constant);
                *lane = crate::chunk::Cell::word(x);
                if full || i == 0 {
                    let cube = x * x * x;
                    let seventh = cube * cube * x;
                    if c.cubes {
                        *self.cell(row, cell) = cube;
                        cell += 1;
                    }
                    *self.cell(row, cell) = seventh;
                    cell += 1;
                    *lane = crate::chunk::Cell::word(seventh);
                }
            }
            lanes = linear_layer(&lanes);
        }
    }

    fn taken(&self) -> bool {
        let inputs = self.statement.public_inputs().unwrap();
        let proof = prove(self.layout, &inputs, self.cells.clone());
        proof.is_ok_and(|proof| StarkVerifier::new().verify(&self.statement, &proof).is_ok())
    }
}

/// The real prover proves false traces like true ones, and the verifier refuses them: each rule's kind, and each bus.
#[test]
fn cheating_traces_are_refused() {
    type Lie<'a> = (&'a str, &'a dyn Fn(&mut Cheat));
    assert!(Cheat::new().taken());
    let c = Cheat::new().layout.c;
    let cheats: [Lie<'_>; 9] = [
        ("a token more than the vocabulary has", &|cheat| *cheat.cell(0, c.token) = F::new(49_152)),
        ("a limb out of its range, in a cell that no rule reads", &|cheat| {
            let row = cheat.row(c.content);
            *cheat.cell(row, c.limb + 3) = F::new(1 << 16);
        }),
        ("a length more", &|cheat| *cheat.cell(0, c.length) += F::ONE),
        ("another salt, with its permutation", &|cheat| {
            let row = cheat.row(c.leaf);
            *cheat.cell(row, c.input + 5) += F::ONE;
            cheat.permute(row);
        }),
        ("a sorted key that no record has, with its permutation", &|cheat| {
            let row = cheat.row(c.sort);
            *cheat.cell(row, c.input) += F::ONE;
            *cheat.cell(row, c.limb) += F::ONE;
            cheat.permute(row);
        }),
        ("a look-up that was not counted", &|cheat| *cheat.cell(5, c.range_uses) += F::ONE),
        ("more tokens at the end of a contributor", &|cheat| {
            let row = cheat.row(c.close);
            *cheat.cell(row, c.input + 5) += F::ONE;
            cheat.permute(row);
        }),
        ("another root", &|cheat| *cheat.cell((1 << 12) - 1, c.state + state::TABLE) += F::ONE),
        ("something left on the stack", &|cheat| *cheat.cell((1 << 12) - 1, c.state + state::SIZE) += F::ONE),
    ];
    for (what, cheat) in cheats {
        let mut trace = Cheat::new();
        cheat(&mut trace);
        assert!(!trace.taken(), "{what}");
    }
}
