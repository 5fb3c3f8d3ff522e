//! Traces of creators who cheat, filled by hand where the honest filling would stop: which rule or lookup refuses each, and that the
//! real STARK does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use plonky2::field::types::{Field, PrimeField64};
use starky::verifier::verify_stark_proof;

use super::cells::{name, row, values};
use super::tests::{leaf, sorted_keys};
use super::{Bounds, ChunkStark, State, Trace, stark_config};
use crate::chunk::{LIMBS, Shape, public, state};
use crate::commitment::Leaf;
use crate::plonky2::F;
use crate::plonky2::circuits::prove_stark;
use crate::poseidon::HashOut;

const VOCABULARY: u64 = 49_152;
const SHAPE: Shape = Shape { packed: 4, rows_log: 13 };

fn bounds(max_length: u64) -> Bounds {
    let challenge = [F::from_canonical_u64(0x1234_5678_9abc), F::from_canonical_u64(0xdef0_1234_5678)];
    Bounds { vocabulary: VOCABULARY, max_length, licences: 3, challenge }
}

/// A trace in the making, and where it began.
struct Cheat {
    start: State,
    bounds: Bounds,
    trace: Trace,
}

impl Cheat {
    fn new(contributor: u64, licence: u64) -> Self {
        Self::within(256, State::start(contributor, licence))
    }

    fn within(max_length: u64, start: State) -> Self {
        let bounds = bounds(max_length);
        Self { bounds, trace: Trace::new(SHAPE, bounds, start.clone()), start }
    }

    /// Records, each with its place among the sorted keys; `before` is done before each.
    fn records(mut self, leaves: &[Leaf], mut before: impl FnMut(usize, &mut Trace)) -> Self {
        for (i, (leaf, key)) in leaves.iter().zip(sorted_keys(leaves, 4)).enumerate() {
            before(i, &mut self.trace);
            self.trace.record(leaf, key);
        }
        self
    }

    fn close(mut self, contributor: u64, licence: u64) -> Self {
        self.trace.close(contributor, licence);
        self
    }

    fn filled(mut self) -> Self {
        self.trace.fill();
        self
    }

    fn cell(&mut self, row: usize, column: usize) -> &mut F {
        let width = self.trace.c.total;
        &mut self.trace.cells[row * width + column]
    }

    /// The rows of a kind.
    fn rows(&self, flag: usize) -> Vec<usize> {
        (0..self.trace.c.rows).filter(|&i| row(&self.trace, i)[flag] == F::ONE).collect()
    }

    fn inputs(&self) -> Vec<F> {
        let [c0, c1] = self.bounds.challenge;
        let numbers = [self.bounds.vocabulary, self.bounds.max_length, self.bounds.licences];
        [&self.start.0[..], &self.trace.state().0, &[c0, c1], &numbers.map(F::from_canonical_u64)].concat()
    }

    /// Whether the keys' products agree at the end, as the outer circuit asks.
    fn keys_agree(&self) -> bool {
        self.trace.state.0[state::RATIO..state::RATIO + 2] == [F::ONE, F::ZERO]
    }

    /// The rules that break somewhere, by number, and the columns whose value is in no table, by name.
    fn broken(&self) -> (BTreeSet<usize>, BTreeSet<String>) {
        let (c, inputs) = (&self.trace.c, self.inputs());
        let at = |i: usize| row(&self.trace, i % c.rows);
        // Padding repeats: of rows whose neighbours repeat too, one is enough.
        let differs = |i: usize| at(i)[..c.row] != at(i + c.rows - 1)[..c.row] || at(i)[..c.row] != at(i + 1)[..c.row];
        let mut rules = BTreeSet::new();
        for i in (0..c.rows).filter(|&i| i < 2 || i + 2 >= c.rows || differs(i)) {
            let found = values(&self.trace, i, &inputs).into_iter().enumerate();
            rules.extend(found.filter(|(_, value)| *value != F::ZERO).map(|(rule, _)| rule));
        }
        let table: BTreeSet<u64> =
            (0..c.rows).flat_map(|i| &at(i)[c.vocabulary..c.vocabulary_uses]).map(F::to_canonical_u64).collect();
        let mut lookups = BTreeSet::new();
        for i in 0..c.rows {
            let missing = |&column: &usize| {
                let value = at(i)[column].to_canonical_u64();
                if column < c.limb { !table.contains(&value) } else { value >= 1 << 16 }
            };
            lookups.extend((c.token..c.limb + LIMBS).filter(missing).map(|column| name(c, column)));
        }
        (rules, lookups)
    }

    fn is_true(&self, what: &str) {
        let broken = self.broken();
        assert!(broken.0.is_empty() && broken.1.is_empty() && self.keys_agree(), "{what}: {broken:?}");
    }

    /// Some rule refuses it.
    fn breaks_a_rule(&self, what: &str) {
        assert!(!self.broken().0.is_empty(), "{what}");
    }

    /// Only a table that is looked up in refuses it.
    fn misses_a_table(&self, what: &str) {
        let (rules, lookups) = self.broken();
        assert!(rules.is_empty() && !lookups.is_empty(), "{what}: {rules:?}");
    }

    /// Whether the real STARK proves it, and its verifier agrees.
    fn proves(self) -> bool {
        let inputs = self.inputs();
        let (columns, _) = super::finish(self.trace);
        // The prover may panic over what is not true.
        let prove = std::panic::AssertUnwindSafe(|| prove_stark(SHAPE, columns, &inputs));
        let proof = std::panic::catch_unwind(prove).ok().and_then(Result::ok);
        proof.is_some_and(|proof| verify_stark_proof(ChunkStark::<0>, proof, &stark_config(), None).is_ok())
    }
}

fn leaves() -> Vec<Leaf> {
    (0..6).map(|i| leaf(i, 10 + i as usize, VOCABULARY)).collect()
}

/// Two records of the same tokens under other salts, masks, contributors; the second comparison of their key is forged.
fn duplicate() -> Cheat {
    let mut twice = leaves();
    twice[4] = Leaf { tokens: twice[1].tokens.clone(), mask: HashOut([9; 4]), salt: [8; 3] };
    let keys = sorted_keys(&twice, 4);
    let mut cheat = Cheat::new(0, 0).records(&twice, |i, trace| {
        if i == 3 {
            trace.close(1, 1);
        }
    });
    cheat = cheat.close(1, 1).filled();
    let second = (1..keys.len()).find(|&i| keys[i] == keys[i - 1]).unwrap();
    let (at, c) = (cheat.rows(cheat.trace.c.sort)[second], cheat.trace.c);
    // The gap is -1: its low half 2^32 - 1 with a borrow, its high half -1, which no two numbers below 2^16 make.
    *cheat.cell(at, c.borrow) = F::ONE;
    for (limb, value) in
        [(4, F::from_canonical_u64(0xffff)), (5, F::from_canonical_u64(0xffff)), (6, F::NEG_ONE), (7, F::ZERO)]
    {
        *cheat.cell(at, c.limb + limb) = value;
    }
    // The tables' uses are counted again.
    cheat.filled()
}

/// A token lent by its neighbour in the same element: one is below zero then.
fn lent() -> Cheat {
    let mut cheat = Cheat::new(0, 0).records(&leaves()[..1], |_, _| ()).close(0, 0).filled();
    let token = cheat.trace.c.token;
    *cheat.cell(0, token) -= F::from_canonical_u64(1 << 16);
    *cheat.cell(0, token + 1) += F::ONE;
    cheat.filled()
}

/// A thousand tokens more than there are.
fn more_tokens() -> Cheat {
    let mut cheat = Cheat::new(0, 0).records(&leaves(), |_, _| ());
    cheat.trace.state.0[state::TOKENS] += F::from_canonical_u64(1_000);
    cheat.close(0, 0).filled()
}

#[test]
fn only_tables_refuse_repetitions_and_lent_tokens() {
    duplicate().misses_a_table("duplicate");
    lent().misses_a_table("a token lent by its neighbour");
}

/// A key written as itself plus the field's order would have two places among the sorted ones: one rule alone forbids it.
#[test]
fn keys_are_canonical() {
    let mut cheat = Cheat::new(0, 0);
    cheat.trace.record(&leaves()[0], 5);
    let mut cheat = cheat.close(0, 0).filled();
    let (at, c) = (cheat.rows(cheat.trace.c.sort)[0], cheat.trace.c);
    // 5 + p = 2^64 - 2^32 + 6.
    for (limb, value) in [(0, 6), (1, 0), (2, 0xffff), (3, 0xffff), (4, 6), (5, 0), (6, 0xffff), (7, 0xffff)] {
        *cheat.cell(at, c.limb + limb) = F::from_canonical_u64(value);
    }
    *cheat.cell(at, c.canonical) = F::from_canonical_u64(77);
    let previous = [(state::PREVIOUS, 0xffff_ffff), (state::PREVIOUS + 1, 6)];
    for (field, value) in previous {
        for row in at + 1..c.rows {
            *cheat.cell(row, c.state + field) = F::from_canonical_u64(value);
        }
        cheat.trace.state.0[field] = F::from_canonical_u64(value);
    }
    let (rules, lookups) = cheat.broken();
    assert_eq!((rules.len(), lookups.len()), (1, 0), "{rules:?} {lookups:?}");
}

#[test]
fn totals_are_counted() {
    let moved = Cheat::new(0, 0).records(&leaves(), |i, trace| {
        if i == 3 {
            trace.state.0[state::TOKENS] += F::from_canonical_u64(7);
            trace.close(1, 1);
            trace.state.0[state::TOKENS] -= F::from_canonical_u64(7);
        }
    });
    moved.close(1, 1).filled().breaks_a_rule("seven tokens moved between contributors");
    let less = Cheat::new(0, 0).records(&leaves(), |i, trace| {
        if i == 3 {
            trace.state.0[state::RECORDS] -= F::ONE;
        }
    });
    less.close(1, 1).filled().breaks_a_rule("a record less");
    more_tokens().breaks_a_rule("a thousand tokens more");
    // Six records are two subtrees: a root over the smaller one alone.
    let mut part = Cheat::new(0, 0).records(&leaves(), |_, _| ());
    part.trace.state.0[state::SIZE] = F::ONE;
    part.close(1, 1).filled().breaks_a_rule("ended with two subtrees");
}

#[test]
fn chunks_begin_where_a_record_may() {
    let whole = Cheat::new(0, 2).records(&leaves()[..4], |_, _| ()).close(5, 1).filled();
    let c = whole.trace.c;
    for flag in [c.merge, c.sort, c.leaf] {
        let first = whole.rows(flag)[0];
        let mut before = State::start(0, 2);
        before.0.copy_from_slice(&row(&whole.trace, first)[c.state..c.state + state::LENGTH]);
        let mut cheat = Cheat::within(256, before);
        let rows = c.rows - first;
        cheat.trace.cells[..rows * c.total].copy_from_slice(&whole.trace.cells[first * c.total..]);
        let padding = row(&whole.trace, c.rows - 1).to_vec();
        cheat.trace.cells[rows * c.total..].chunks_mut(c.total).for_each(|row| row.copy_from_slice(&padding));
        cheat.trace.state = whole.trace.state.clone();
        cheat.trace.used = c.rows;
        cheat.filled().breaks_a_rule(&name(&c, flag));
    }
}

#[test]
fn licences_are_of_the_allowed_ones_and_stay() {
    let changed = Cheat::new(0, 0).records(&leaves(), |i, trace| {
        if i == 3 {
            trace.state.0[state::LICENCE] = F::ONE;
        }
    });
    changed.close(1, 1).filled().breaks_a_rule("licence changed midway");
    // Beyond the three that are allowed, and numbers that stand for less than zero.
    for licence in [3, 1 << 16, 0xffff_ffff, 0xffff_ffff_0000_0000] {
        let mut cheat = Cheat::new(0, licence).records(&leaves()[..1], |_, _| ()).close(0, 0).filled();
        let (at, c) = (cheat.rows(cheat.trace.c.leaf)[0], cheat.trace.c);
        let number = F::from_canonical_u64(licence);
        *cheat.cell(at, c.limb + 5) = F::TWO - number;
        *cheat.cell(at, c.limb + 6) = number;
        let (rules, lookups) = cheat.broken();
        assert!(!rules.is_empty() || !lookups.is_empty(), "licence {licence:#x} of three");
    }
}

#[test]
fn the_table_of_tokens_has_no_gaps() {
    let mut foreign = leaves();
    foreign[0].tokens[2] = 60_000;
    let mut cheat = Cheat::new(0, 0).records(&foreign[..1], |_, _| ()).close(0, 0).filled();
    cheat.misses_a_table("token 60,000 of 49,152");
    let c = cheat.trace.c;
    *cheat.cell(c.rows - 1, c.vocabulary + c.vocabulary_per_row - 2) = F::from_canonical_u64(60_000);
    cheat.breaks_a_rule("and 60,000 put into the table");
}

/// What looks like cheating and is a true statement: contributors in any order are [`crate::Statement`]'s to refuse.
#[test]
fn true_statements_hold() {
    let twice = Cheat::new(0, 0).records(&leaves(), |i, trace| {
        if i == 3 {
            trace.close(0, 0);
        }
    });
    twice.close(0, 0).filled().is_true("a contributor twice");
    let falling = Cheat::new(9, 2).records(&leaves(), |i, trace| {
        if i == 3 {
            trace.close(1, 0);
        }
    });
    falling.close(0, 0).filled().is_true("contributor 9, then 1");
    Cheat::new(0, 0).filled().is_true("a chunk of padding: one statement has proofs of several depths");
    let mut longer = vec![leaf(1, 9, VOCABULARY)];
    for zeros in 1..5 {
        let mut more = longer[0].clone();
        more.tokens.extend(vec![0; zeros]);
        longer.push(more);
    }
    Cheat::new(0, 0).records(&longer, |_, _| ()).close(0, 0).filled().is_true("one text, with tokens 0 after it");
    let long = Cheat::within(65_535, State::start(0, 0)).records(&[leaf(1, 3_000, VOCABULARY)], |_, _| ());
    long.close(0, 0).filled().is_true("3,000 tokens");
    let long = Cheat::within(2_048, State::start(0, 0)).records(&[leaf(1, 3_000, VOCABULARY)], |_, _| ());
    long.close(0, 0).filled().breaks_a_rule("3,000 tokens of 2,048");
}

/// Rules and tables are what starky proves; public inputs are bound to its proof (an older starky left them out of its transcript).
#[test]
fn the_real_stark_refuses_the_same() {
    std::panic::set_hook(Box::new(|_| {}));
    let honest = || Cheat::new(0, 0).records(&leaves(), |_, _| ()).close(0, 0).filled();
    let inputs = honest().inputs();
    let proof = prove_stark(SHAPE, super::finish(honest().trace).0, &inputs).unwrap();
    verify_stark_proof(ChunkStark::<0>, proof.clone(), &stark_config(), None).unwrap();
    let after = public::AFTER;
    for input in
        [0, after + state::TABLE, after + state::TOKENS, public::CHALLENGE, public::VOCABULARY, public::MAX_LENGTH]
    {
        let mut moved = proof.clone();
        moved.public_inputs[input] += F::ONE;
        assert!(verify_stark_proof(ChunkStark::<0>, moved, &stark_config(), None).is_err(), "public input {input}");
    }
    for (what, cheat) in [("duplicate", duplicate()), ("lent token", lent()), ("more tokens", more_tokens())] {
        assert!(!cheat.proves(), "{what}");
    }
}
