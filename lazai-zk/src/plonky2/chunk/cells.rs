//! What each cell is bound by: every column of every kind of row, changed; and, around a row, what a combination of cells could move.

use std::collections::{BTreeMap, BTreeSet};

use plonky2::field::types::{Field, PrimeField64};
use plonky2::hash::poseidon::Poseidon;

use super::Trace;
use super::tests::honest;
use crate::chunk::Constraints;
use crate::chunk::{Columns, LIMBS, state};
use crate::plonky2::F;
use crate::poseidon::{FULL_ROUNDS_EACH_SIDE, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH};

/// Every rule's value, in the rules' order.
struct Values {
    is_first: bool,
    is_last: bool,
    values: Vec<F>,
}

impl Constraints<F> for Values {
    fn constant(&mut self, value: u64) -> F {
        F::from_canonical_u64(value)
    }

    fn add(&mut self, a: F, b: F) -> F {
        a + b
    }

    fn sub(&mut self, a: F, b: F) -> F {
        a - b
    }

    fn mul(&mut self, a: F, b: F) -> F {
        a * b
    }

    fn add_scaled(&mut self, a: F, factor: u64, b: F) -> F {
        a + b * F::from_canonical_u64(factor)
    }

    fn mds(&mut self, lanes: [F; WIDTH]) -> [F; WIDTH] {
        F::mds_layer(&lanes)
    }

    fn always(&mut self, value: F) {
        self.values.push(value);
    }

    fn transition(&mut self, value: F) {
        self.values.push(if self.is_last { F::ZERO } else { value });
    }

    fn at_first(&mut self, value: F) {
        self.values.push(if self.is_first { value } else { F::ZERO });
    }

    fn at_last(&mut self, value: F) {
        self.values.push(if self.is_last { value } else { F::ZERO });
    }
}

/// The rules' values on a row and the one after it.
pub(super) fn values(trace: &Trace, number: usize, inputs: &[F]) -> Vec<F> {
    over(&trace.c, number, row(trace, number), row(trace, number + 1), inputs)
}

fn over(c: &Columns, number: usize, now: &[F], next: &[F], inputs: &[F]) -> Vec<F> {
    let mut rules = Values { is_first: number == 0, is_last: number + 1 == c.rows, values: Vec::new() };
    crate::chunk::rules(&mut rules, c, now, next, inputs);
    rules.values
}

pub(super) fn row(trace: &Trace, number: usize) -> &[F] {
    let c = &trace.c;
    &trace.cells[(number % c.rows) * c.total..][..c.total]
}

/// What a column is for, with its number among its like where rules tell them apart.
pub(super) fn name(c: &Columns, column: usize) -> String {
    let held = |field: usize| match field {
        field if field < state::TABLE => format!("stacked {}", field / 4),
        field if field < state::SORTED => "table".into(),
        field if field < state::RATIO => "sorted".into(),
        field if field < state::PREVIOUS => "ratio".into(),
        field if field < state::RECORDS => "previous".into(),
        state::RECORDS => "records".into(),
        state::TOKENS => "tokens".into(),
        state::SIZE => "size".into(),
        state::CONTRIBUTOR => "contributor".into(),
        _ => "licence".into(),
    };
    let limb = |column: usize| format!("limb {}", column - c.limb);
    match column {
        column if column >= c.total => format!("next {}", held(column - c.total)),
        column if column < c.length => {
            ["content", "first", "last", "leaf", "sort", "merge", "bag", "close"][column].into()
        }
        column if column == c.length => "length".into(),
        column if column == c.left => "left".into(),
        column if column < c.spare => "active".into(),
        column if column < c.token => "spare".into(),
        column if column < c.limb => "token".into(),
        column if column < c.limb + LIMBS => limb(column),
        column if column == c.borrow => "borrow".into(),
        column if column == c.canonical => "canonical".into(),
        column if column == c.count => "count".into(),
        column if column == c.odd => "odd".into(),
        column if column < c.row => held(column - c.state),
        column if column < c.input => "tables".into(),
        column if column < c.s_box => "input".into(),
        _ => "s-box".into(),
    }
}

fn kind(c: &Columns, row: &[F]) -> &'static str {
    let is = |flag: usize| row[flag] == F::ONE;
    match () {
        () if is(c.content) => match (is(c.first), is(c.last)) {
            (true, true) => "content, only",
            (true, false) => "content, first",
            (false, true) => "content, last",
            (false, false) => "content, inner",
        },
        () if is(c.leaf) => "leaf",
        () if is(c.sort) => "sort",
        () if is(c.merge) => "merge",
        () if is(c.bag) => "bag",
        () if is(c.close) => "close",
        () => "padding",
    }
}

/// The permutation's cells, after its input was changed.
fn permute(c: &Columns, row: &mut [F]) {
    let mut lanes: [F; WIDTH] = std::array::from_fn(|i| row[c.input + i]);
    let mut cell = c.s_box;
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (lane, &constant) in lanes.iter_mut().zip(constants) {
            *lane += F::from_canonical_u64(constant);
        }
        let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
        for lane in &mut lanes[..if full { WIDTH } else { 1 }] {
            let x = *lane;
            row[cell] = x.cube();
            *lane = row[cell] * row[cell] * x;
            row[cell + 1] = *lane;
            cell += 2;
        }
        lanes = F::mds_layer(&lanes);
    }
}

/// Columns that a kind of row does not use: what they hold means nothing, and nothing notices it.
fn unused(kind: &str) -> BTreeSet<String> {
    let limbs = |which: &[usize]| which.iter().map(|limb| format!("limb {limb}")).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let comparing = ["borrow", "canonical", "count", "odd"];
    let of_records = ["active", "spare", "length", "left"];
    let parts = match kind {
        "padding" => [words(&comparing), words(&of_records), limbs(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), words(&["input"])],
        "leaf" => [words(&comparing), words(&["active", "spare", "left"]), limbs(&[0, 1, 2, 3, 7, 8, 9]), vec![]],
        "sort" => [words(&of_records), vec![], vec![], vec![]],
        "merge" => [words(&["borrow", "canonical"]), words(&of_records), limbs(&[0, 1, 2, 3, 4, 5, 6, 7]), vec![]],
        "bag" | "close" => [words(&comparing), words(&of_records), limbs(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), vec![]],
        _ => [words(&comparing), limbs(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), vec![], vec![]],
    };
    parts.into_iter().flatten().collect()
}

/// Every column of rows of every kind is changed by several amounts; nothing passes unnoticed but what its row does not use.
#[test]
fn every_cell_is_bound() {
    const AMOUNTS: [u64; 5] = [1, 0xffff_ffff_0000_0000, 1 << 16, 1 << 32, 12_345];
    const ROWS: usize = 4;
    let mut tried = 0;
    for (packed, vocabulary) in [(4, 49_152), (3, 151_936)] {
        let (mut trace, inputs) = honest(packed, vocabulary, 20);
        let c = trace.c;
        let used = (0..c.rows).take_while(|&i| row(&trace, i)[..8].iter().any(|flag| *flag != F::ZERO)).count();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for number in 0..used + 2 {
            let kind = kind(&c, row(&trace, number));
            let of_kind = seen.entry(kind).or_default();
            *of_kind += 1;
            if *of_kind > ROWS {
                continue;
            }
            let (at, unused) = (number * c.total, unused(kind));
            let saved = trace.cells[at..at + c.total].to_vec();
            for column in (0..c.vocabulary).chain(c.input..c.total) {
                for amount in AMOUNTS {
                    let cells = &mut trace.cells[at..at + c.total];
                    cells[column] += F::from_canonical_u64(amount);
                    if (c.input..c.s_box).contains(&column) {
                        permute(&c, cells);
                    }
                    let value = cells[column].to_canonical_u64();
                    let looked_up = (c.token..c.limb).contains(&column) && value >= vocabulary
                        || (c.limb..c.limb + LIMBS).contains(&column) && value >= 1 << 16;
                    let around = [number.checked_sub(1), Some(number)].into_iter().flatten();
                    let broken = looked_up
                        || around.into_iter().any(|i| values(&trace, i, &inputs).iter().any(|value| *value != F::ZERO));
                    let name = name(&c, column);
                    assert!(broken || unused.contains(&name), "{packed}: {kind} (row {number}): {name} + {amount}");
                    trace.cells[at..at + c.total].copy_from_slice(&saved);
                    tried += 1;
                }
            }
        }
        let kinds =
            ["bag", "close", "content, first", "content, last", "content, only", "leaf", "merge", "padding", "sort"];
        assert!(kinds.iter().all(|kind| seen.contains_key(kind)), "{seen:?}");
    }
    assert!(tried > 130_000, "{tried}");
}

/// Which parts of the next state a combination of a row's cells could move, to first order: the null space of all rules around the
/// row, over its cells and the next row's state.
#[test]
fn what_moves_the_next_state_is_what_should() {
    let (trace, inputs) = honest(4, 49_152, 20);
    let c = trace.c;
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for number in 1..trace.c.rows - 1 {
        let kind = kind(&c, row(&trace, number));
        if found.contains_key(kind) {
            if kind == "padding" {
                break;
            }
            continue;
        }
        let columns: Vec<usize> =
            (0..c.state).chain(c.input..c.total).chain(c.total..c.total + state::LENGTH).collect();
        let moved = null_space(&trace, number, &inputs, &columns);
        let next = moved.into_iter().filter_map(|column| name(&c, column).strip_prefix("next ").map(str::to_owned));
        found.insert(kind, next.collect());
    }
    let moves = |kind: &str| found[kind].iter().map(String::as_str).collect::<Vec<_>>();
    // Mask and salt make another leaf; a key has its place among the sorted ones; who comes next is for the prover to say.
    assert_eq!(moves("leaf"), ["stacked 0"]);
    assert_eq!(moves("sort"), ["previous", "ratio", "sorted"]);
    assert_eq!(moves("close"), ["contributor", "licence"]);
    for kind in ["content, first", "content, last", "content, only", "merge", "bag", "padding"] {
        assert!(found[kind].is_empty(), "{kind}: {:?}", found[kind]);
    }
}

/// The columns that some vector of the null space moves.
fn null_space(trace: &Trace, number: usize, inputs: &[F], columns: &[usize]) -> BTreeSet<usize> {
    let c = &trace.c;
    let rules = |column: usize, by: F| {
        let (mut now, mut next) = (row(trace, number).to_vec(), row(trace, number + 1).to_vec());
        if column < c.total {
            now[column] += by;
        } else {
            next[c.state + column - c.total] += by;
        }
        let before = over(c, number - 1, row(trace, number - 1), &now, inputs);
        [before, over(c, number, &now, &next, inputs)].concat()
    };
    // Rules are of degree three: four points give the derivative exactly.
    let (eight, twelfth) = (F::from_canonical_u64(8), F::from_canonical_u64(12).inverse());
    let derivatives: Vec<Vec<F>> = columns
        .iter()
        .map(|&column| {
            let [a, b, c, d] = [F::ONE, F::NEG_ONE, F::TWO, -F::TWO].map(|by| rules(column, by));
            (0..a.len()).map(|i| (eight * (a[i] - b[i]) - (c[i] - d[i])) * twelfth).collect()
        })
        .collect();
    let mut rows: Vec<Vec<F>> =
        (0..derivatives[0].len()).map(|rule| derivatives.iter().map(|column| column[rule]).collect()).collect();
    let mut pivots = Vec::new();
    for variable in 0..columns.len() {
        let rank = pivots.len();
        let Some(found) = (rank..rows.len()).find(|&i| rows[i][variable] != F::ZERO) else { continue };
        rows.swap(rank, found);
        let inverse = rows[rank][variable].inverse();
        rows[rank].iter_mut().for_each(|x| *x *= inverse);
        let by = rows[rank].clone();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[variable];
            if i != rank && factor != F::ZERO {
                row.iter_mut().zip(&by).for_each(|(x, y)| *x -= factor * *y);
            }
        }
        pivots.push(variable);
    }
    let free: Vec<usize> = (0..columns.len()).filter(|variable| !pivots.contains(variable)).collect();
    let dependent = pivots.iter().enumerate().filter(|(i, _)| free.iter().any(|&f| rows[*i][f] != F::ZERO));
    dependent.map(|(_, &pivot)| pivot).chain(free.iter().copied()).map(|variable| columns[variable]).collect()
}
