//! The rules against honest traces and against every way we know to break one.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use plonky2::field::types::{Field, PrimeField64};
use starky::constraint_consumer::ConstraintConsumer;

use super::{Bounds, State, Trace};
use crate::chunk::{LIMBS, Shape, public, state};
use crate::commitment::{Leaf, TableEntry, Tree, dataset_root};
use crate::plonky2::F;
use crate::poseidon::HashOut;

pub(super) fn leaf(seed: u64, length: usize, vocabulary: u64) -> Leaf {
    let word = |i: u64| (seed * 1000 + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let tokens = (0..length as u64).map(|i| (word(i) % vocabulary) as u32).collect();
    Leaf { tokens, mask: HashOut([seed, 1, 2, 3]), salt: [word(999), 5, 6] }
}

fn bounds(vocabulary: u64) -> Bounds {
    let challenge = [F::from_canonical_u64(0x1234_5678_9abc), F::from_canonical_u64(0xdef0_1234_5678)];
    Bounds { vocabulary, max_length: 256, licences: 3, challenge }
}

pub(super) fn sorted_keys(leaves: &[Leaf], packed: usize) -> Vec<u64> {
    let mut keys: Vec<_> = leaves.iter().map(|l| l.content(packed).0[0]).collect();
    keys.sort_unstable();
    keys
}

/// Two contributors; the first has all records but three.
pub(super) fn honest(packed: usize, vocabulary: u64, records: usize) -> (Trace, Vec<F>) {
    let leaves: Vec<_> = (0..records as u64).map(|i| leaf(i, 1 + (i as usize * 37) % 256, vocabulary)).collect();
    filled(packed, vocabulary, &leaves, &sorted_keys(&leaves, packed))
}

fn filled(packed: usize, vocabulary: u64, leaves: &[Leaf], keys: &[u64]) -> (Trace, Vec<F>) {
    let bounds = bounds(vocabulary);
    let start = State::start(0, 2);
    let mut trace = Trace::new(Shape { packed, rows_log: 13 }, bounds, start.clone());
    for (i, (leaf, &key)) in leaves.iter().zip(keys).enumerate() {
        if i + 3 == leaves.len() {
            trace.close(5, 1);
        }
        assert!(trace.has_room_for_record(leaf.tokens.len()));
        trace.record(leaf, key);
    }
    trace.close(5, 1);
    trace.fill();
    let [c0, c1] = bounds.challenge;
    let numbers = [vocabulary, 256, 3].map(F::from_canonical_u64);
    let inputs = [&start.0[..], &trace.state().0, &[c0, c1], &numbers].concat();
    (trace, inputs)
}

/// Tells whether every rule holds on every row, and every lookup finds its entry.
fn holds(trace: &Trace, inputs: &[F]) -> bool {
    let c = trace.c;
    let rows = c.rows;
    let row = |i: usize| &trace.cells[(i % rows) * c.total..][..c.total];
    // Padding repeats: of the rows whose neighbours repeat too, one is enough.
    let interesting = (0..rows).filter(|&i| i < 2 || i + 2 >= rows || row(i)[..c.row] != row(i - 1)[..c.row]);
    let broken = interesting.filter(|&i| {
        let at = |yes: bool| F::from_bool(yes);
        let alphas = vec![F::from_canonical_u64(0x0123_4567_89ab_cdef)];
        let mut consumer = ConstraintConsumer::new(alphas, at(i + 1 != rows), at(i == 0), at(i + 1 == rows));
        crate::chunk::rules(&mut consumer, &c, row(i), row(i + 1), inputs);
        consumer.accumulators()[0] != F::ZERO
    });
    if broken.count() > 0 {
        return false;
    }
    let vocabulary: HashSet<u64> =
        (0..rows).flat_map(|i| &row(i)[c.vocabulary..c.vocabulary_uses]).map(|f| f.to_canonical_u64()).collect();
    (0..rows).all(|i| {
        let tokens = row(i)[c.token..c.limb].iter().all(|t| vocabulary.contains(&t.to_canonical_u64()));
        tokens && row(i)[c.limb..c.limb + LIMBS].iter().all(|l| l.to_canonical_u64() < 1 << 16)
    })
}

#[test]
fn honest_traces_hold_and_give_the_native_root() {
    for (packed, vocabulary) in [(4, 49_152), (4, 65_535), (3, 151_936), (3, 1 << 18)] {
        let records = 77;
        let (trace, inputs) = honest(packed, vocabulary, records);
        assert!(holds(&trace, &inputs), "{packed} {vocabulary}");
        let leaves: Vec<_> = (0..records as u64).map(|i| leaf(i, 1 + (i as usize * 37) % 256, vocabulary)).collect();
        let entry = |leaves: &[Leaf], contributor, licence| {
            let mut tree = Tree::default();
            leaves.iter().for_each(|l| tree.push(l.digest(l.content(packed), contributor, licence)));
            let tokens = leaves.iter().map(|l| l.tokens.len() as u64).sum();
            TableEntry { root: tree.root().unwrap(), records: leaves.len() as u64, tokens, contributor, licence }
        };
        let root = dataset_root(&[entry(&leaves[..74], 0, 2), entry(&leaves[74..], 5, 1)]);
        let end = trace.state().0;
        assert_eq!(root.0, std::array::from_fn(|i| end[state::TABLE + i].to_canonical_u64()));
        assert_eq!([end[state::RATIO], end[state::RATIO + 1]], [F::ONE, F::ZERO]);
        assert_eq!(end[state::SIZE], F::ZERO);
    }
}

/// One cell changed anywhere that rows are in use is found.
#[test]
fn any_changed_cell_is_found() {
    let (mut trace, inputs) = honest(4, 49_152, 9);
    let c = trace.c;
    assert!(holds(&trace, &inputs));
    let free: HashSet<usize> = {
        // Columns that a kind of row does not use: their values mean nothing.
        let counting = [c.count, c.odd, c.limb + 8, c.limb + 9];
        let sorting = (c.limb..c.limb + 8).chain([c.borrow, c.canonical]);
        counting.into_iter().chain(sorting).chain([c.length, c.left]).collect()
    };
    let used = (0..c.rows).take_while(|i| trace.cells[i * c.total..][..8].iter().any(|f| *f != F::ZERO)).count();
    let mut seed = 1u64;
    for _ in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (row, column) = ((seed >> 33) as usize % used, (seed >> 40) as usize % c.vocabulary_uses);
        let of_content = (c.active..c.limb).contains(&column);
        if free.contains(&column) || of_content && trace.cells[row * c.total] == F::ZERO {
            continue;
        }
        let leaf_lane = trace.cells[row * c.total + c.leaf] == F::ONE && (c.input..c.input + 7).contains(&column);
        let at = row * c.total + column;
        trace.cells[at] += F::ONE;
        // A leaf's mask and salt are free, but then the permutation's cells are others.
        assert!(!holds(&trace, &inputs), "row {row}, column {column}, {leaf_lane}");
        trace.cells[at] -= F::ONE;
    }
    assert!(holds(&trace, &inputs));
}

/// Every public input is bound.
#[test]
fn any_changed_public_input_is_found() {
    let (trace, inputs) = honest(4, 49_152, 9);
    for i in 0..public::LENGTH {
        let mut other = inputs.clone();
        other[i] += F::ONE;
        assert!(!holds(&trace, &other), "public input {i}");
    }
}

/// A trace built for a creator who cheats breaks a rule.
#[test]
fn cheating_traces_break_a_rule() {
    let leaves: Vec<_> = (0..20).map(|i| leaf(i, 10 + i as usize, 49_152)).collect();
    let keys = sorted_keys(&leaves, 4);
    let refused = |leaves: &[Leaf], keys: &[u64], what: &str| {
        let (trace, inputs) = filled(4, 49_152, leaves, keys);
        assert!(!holds(&trace, &inputs) || inputs[public::AFTER + state::RATIO] != F::ONE, "{what}");
    };
    let with = |change: &dyn Fn(&mut Vec<Leaf>)| {
        let mut leaves = leaves.clone();
        change(&mut leaves);
        leaves
    };
    let duplicate = with(&|l| l[7].tokens = l[3].tokens.clone());
    refused(&duplicate, &sorted_keys(&duplicate, 4), "duplicate");
    refused(&duplicate, &keys, "duplicate, keys of other records");
    let foreign = with(&|l| l[4].tokens[2] = 49_152);
    refused(&foreign, &sorted_keys(&foreign, 4), "token outside the vocabulary");
    let long = with(&|l| l[4].tokens = vec![1; 257]);
    refused(&long, &sorted_keys(&long, 4), "over length");
    let mut unsorted = keys.clone();
    unsorted.swap(3, 4);
    refused(&leaves, &unsorted, "keys out of order");
    // A longer record passed off as a shorter one (its last tokens are padding that is not zero), a shorter as a
    // longer, one of no tokens.
    for (tokens, claimed) in [(5, 4), (5, 3), (8, 7), (33, 32), (4, 5), (5, 6), (32, 33), (3, 0), (0, 0), (0, 1)] {
        let (trace, inputs) = one(Leaf { tokens: vec![7; tokens], ..leaves[0].clone() }, claimed, 0, |_| ());
        // A longer one is another record, with the token 0 at its end: its key is another.
        let keys_agree = inputs[public::AFTER + state::RATIO] == F::ONE;
        assert!(!keys_agree || !holds(&trace, &inputs), "{tokens} tokens as {claimed}");
    }
    let (trace, inputs) = one(leaves[0].clone(), 10, 0, |_| ());
    assert!(holds(&trace, &inputs));
    let (trace, inputs) = one(leaves[0].clone(), 10, 3, |_| ());
    assert!(!holds(&trace, &inputs), "licence 3 of 0 to 2");
    // A contributor's total that is not the sum of the records, and a record that is not counted.
    for field in [state::TOKENS, state::RECORDS] {
        let (trace, inputs) = one(leaves[0].clone(), 10, 0, |s| s.0[field] += F::ONE);
        assert!(!holds(&trace, &inputs), "{field}");
    }
    let (trace, inputs) = filled(4, 49_152, &leaves, &keys);
    assert!(holds(&trace, &inputs));
}

/// One record of a claimed length under a licence, with the state changed before the contributor ends.
fn one(leaf: Leaf, claimed: usize, licence: u64, change: impl Fn(&mut State)) -> (Trace, Vec<F>) {
    let bounds = bounds(49_152);
    let start = State::start(0, licence);
    let mut trace = Trace::new(Shape { packed: 4, rows_log: 13 }, bounds, start.clone());
    trace.record_claiming(&leaf, claimed, leaf.content(4).0[0]);
    change(&mut trace.state);
    trace.close(0, licence);
    trace.fill();
    let [c0, c1] = bounds.challenge;
    let numbers = [49_152, 256, 3].map(F::from_canonical_u64);
    let inputs = [&start.0[..], &trace.state().0, &[c0, c1], &numbers].concat();
    (trace, inputs)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// For any records and contributors, the state at the end equals the commitment computed without a circuit.
    #[test]
    fn the_root_is_the_native_one(lengths in proptest::collection::vec(1usize..300, 1..60), cut in 0usize..60) {
        let leaves: Vec<_> = lengths.iter().enumerate().map(|(i, &n)| leaf(i as u64, n, 49_152)).collect();
        let (cut, bounds) = (cut % leaves.len(), bounds(49_152));
        let first = u64::from(cut == 0);
        let mut trace = Trace::new(Shape { packed: 4, rows_log: 13 }, bounds, State::start(first, 0));
        let mut entries = Vec::new();
        let mut keys = sorted_keys(&leaves, 4).into_iter();
        for (contributor, part) in [(0u8, &leaves[..cut]), (1, &leaves[cut..])] {
            let mut tree = Tree::default();
            for leaf in part {
                tree.push(leaf.digest(leaf.content(4), contributor, 0));
                trace.record(leaf, keys.next().unwrap());
            }
            if let Some(root) = tree.root() {
                let tokens = part.iter().map(|l| l.tokens.len() as u64).sum();
                entries.push(TableEntry { root, records: tree.leaves(), tokens, contributor, licence: 0 });
                trace.close(1, 0);
            }
        }
        let end = trace.state().0;
        let root: [u64; 4] = std::array::from_fn(|i| end[state::TABLE + i].to_canonical_u64());
        proptest::prop_assert_eq!(root, dataset_root(&entries).0);
        proptest::prop_assert_eq!(end[state::RATIO], F::ONE);
    }
}
