//! Filling a chunk's trace from records.

use super::layout::{Columns, RATE, STACK, Shape, state};
use crate::commitment::{LEAF_LANES, Leaf, pack, token_bits};
use crate::field::{self, Ext};
use crate::poseidon::{FULL_ROUNDS_EACH_SIDE, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH, linear_layer};

/// An element of the Goldilocks field as some backend holds it.
pub(crate) trait Cell: Copy + Eq + std::fmt::Debug {
    /// The element that a word stands for.
    fn of(word: u64) -> Self;
    /// Its canonical word.
    fn word(self) -> u64;
}

/// The state that one chunk hands to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State<F>(pub(crate) [F; state::LENGTH]);

impl<F: Cell> State<F> {
    /// Before the first record, whose contributor and licence are given.
    pub(crate) fn start(contributor: u64, licence: u64) -> Self {
        let mut fields = state::start().map(F::of);
        fields[state::CONTRIBUTOR] = F::of(contributor);
        fields[state::LICENCE] = F::of(licence);
        Self(fields)
    }

    fn get(&self, field: usize) -> u64 {
        self.0[field].word()
    }

    fn set(&mut self, field: usize, value: u64) {
        self.0[field] = F::of(value);
    }

    fn four(&self, field: usize) -> [F; 4] {
        std::array::from_fn(|i| self.0[field + i])
    }

    fn put(&mut self, field: usize, values: [F; 4]) {
        self.0[field..field + 4].copy_from_slice(&values);
    }

    fn push(&mut self, node: [F; 4]) {
        self.0[state::STACKED..state::TABLE].rotate_right(4);
        self.put(state::STACKED, node);
        self.set(state::SIZE, self.get(state::SIZE) + 1);
    }

    fn pop(&mut self) {
        self.0[state::STACKED..state::TABLE].rotate_left(4);
        self.put(state::STACKED + 4 * (STACK - 1), [F::of(0); 4]);
        self.set(state::SIZE, self.get(state::SIZE) - 1);
    }
}

/// The rules' numbers that are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds<F> {
    /// Every token is below this.
    pub(crate) vocabulary: u64,
    /// No record has more tokens.
    pub(crate) max_length: u64,
    /// Number of allowed licences.
    pub(crate) licences: u64,
    /// Challenge of the comparison of keys.
    pub(crate) challenge: [F; 2],
}

/// A trace being filled.
pub(crate) struct Trace<F> {
    pub(crate) c: Columns,
    bounds: Bounds<F>,
    /// Row-major.
    pub(crate) cells: Vec<F>,
    pub(crate) used: usize,
    pub(crate) state: State<F>,
}

impl<F: Cell> Trace<F> {
    pub(crate) fn new(shape: Shape, bounds: Bounds<F>, state: State<F>) -> Self {
        Self::with(Columns::new(shape), bounds, state)
    }

    /// The same with columns of the caller's choice.
    pub(crate) fn with(c: Columns, bounds: Bounds<F>, state: State<F>) -> Self {
        Self { c, bounds, cells: vec![F::of(0); c.total * c.rows], used: 0, state }
    }

    /// Rows in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The state after the rows so far.
    pub(crate) fn state(&self) -> &State<F> {
        &self.state
    }

    /// Tells whether a record of `tokens` tokens still fits, with the padding that ends a chunk.
    pub(crate) fn has_room_for_record(&self, tokens: usize) -> bool {
        let joins = (self.state.get(state::RECORDS) + 1).trailing_zeros() as usize;
        self.has_room(tokens.div_ceil(RATE * self.c.packed) + 2 + joins)
    }

    /// Tells whether the end of a contributor still fits.
    pub(crate) fn has_room_for_close(&self) -> bool {
        self.has_room(self.state.get(state::SIZE) as usize)
    }

    fn has_room(&self, rows: usize) -> bool {
        self.used + rows < self.c.rows
    }

    /// Adds a record, and the next of the sorted keys.
    pub(crate) fn record(&mut self, leaf: &Leaf, sorted_key: u64) {
        self.record_claiming(leaf, leaf.tokens.len(), sorted_key);
    }

    /// Adds a record as one of a length; any but its own breaks a rule.
    pub(crate) fn record_claiming(&mut self, leaf: &Leaf, claimed: usize, sorted_key: u64) {
        let c = self.c;
        let per_row = RATE * c.packed;
        let length = claimed as u64;
        let rows = leaf.tokens.len().div_ceil(per_row);
        let mut chain = [length, c.packed as u64, 0, 0].map(F::of);
        for (i, tokens) in leaf.tokens.chunks(per_row).enumerate() {
            let mut input = [F::of(0); WIDTH];
            for (lane, element) in input.iter_mut().zip(tokens.chunks(c.packed)) {
                *lane = F::of(pack(element, token_bits(c.packed)));
            }
            input[RATE..].copy_from_slice(&chain);
            let at = self.begin(c.content);
            self.flag(at + c.first, i == 0);
            self.flag(at + c.last, i + 1 == rows);
            self.put(at + c.length, length);
            self.put(at + c.left, length.saturating_sub((i * per_row) as u64));
            for (j, &token) in tokens.iter().enumerate() {
                self.put(at + c.token + j, token.into());
            }
            let held = claimed.saturating_sub(i * per_row).min(per_row);
            let elements = held.div_ceil(c.packed);
            for j in 0..RATE {
                self.flag(at + c.active + j, j < elements);
            }
            for j in 0..c.packed - 1 {
                self.flag(at + c.spare + j, j < elements * c.packed - held);
            }
            chain = self.permute(at, input);
        }

        let mut input = [F::of(0); WIDTH];
        let licence = self.state.get(state::LICENCE);
        for (lane, value) in input.iter_mut().zip(leaf.lanes()) {
            *lane = F::of(value);
        }
        let [contributor, licence_of] = [state::CONTRIBUTOR, state::LICENCE].map(|field| self.state.get(field));
        input[LEAF_LANES] = F::of(field::add(contributor, field::mul(256, licence_of)));
        input[RATE..].copy_from_slice(&chain);
        let at = self.begin(c.leaf);
        self.put(at + c.length, length);
        self.limb(at, 4, self.bounds.max_length.wrapping_sub(length));
        self.limb(at, 5, self.bounds.licences.wrapping_sub(licence + 1));
        self.limb(at, 6, licence);
        let node = self.permute(at, input);
        self.state.push(node);
        let (records, tokens) = (self.state.get(state::RECORDS) + 1, self.state.get(state::TOKENS) + length);
        self.state.set(state::RECORDS, records);
        self.state.set(state::TOKENS, tokens);
        self.multiply_ratio(chain[0], false);

        self.sorted_key(sorted_key, records);
        let mut count = records;
        while count % 2 == 0 {
            count /= 2;
            let at = self.begin(c.merge);
            self.count(at, count);
            self.join(at);
        }
    }

    /// Ends a contributor; the next has this number and licence.
    pub(crate) fn close(&mut self, contributor: u64, licence: u64) {
        while self.state.get(state::SIZE) > 1 {
            let at = self.begin(self.c.bag);
            self.join(at);
        }
        let mut input = [F::of(0); WIDTH];
        input[..4].copy_from_slice(&self.state.four(state::STACKED));
        let entry = [state::RECORDS, state::TOKENS, state::CONTRIBUTOR, state::LICENCE];
        for (lane, field) in input[4..].iter_mut().zip(entry) {
            *lane = self.state.0[field];
        }
        input[RATE..].copy_from_slice(&self.state.four(state::TABLE));
        let at = self.begin(self.c.close);
        let table = self.permute(at, input);
        self.state.pop();
        self.state.put(state::TABLE, table);
        for (field, value) in
            [(state::RECORDS, 0), (state::TOKENS, 0), (state::CONTRIBUTOR, contributor), (state::LICENCE, licence)]
        {
            self.state.set(field, value);
        }
    }

    /// Fills the rest with padding and the tables; returns the cells row by row, and the state at the end.
    pub(crate) fn finish(mut self) -> (Vec<F>, State<F>) {
        self.fill();
        (self.cells, self.state)
    }

    /// Padding and tables.
    pub(crate) fn fill(&mut self) {
        let c = self.c;
        if self.used < c.rows {
            let first = self.begin(c.total);
            self.permute(first, [F::of(0); WIDTH]);
            let padding = self.cells[first..first + c.total].to_vec();
            while self.used < c.rows {
                let at = self.begin(c.total);
                self.cells[at..at + c.total].copy_from_slice(&padding);
            }
        }
        let mut range = vec![0u64; 1 << 16];
        let mut vocabulary = vec![0u64; c.rows * c.vocabulary_per_row];
        for row in self.cells.chunks(c.total) {
            for cell in &row[c.token..c.limb] {
                count_use(&mut vocabulary, *cell);
            }
            for cell in &row[c.limb..c.borrow] {
                count_use(&mut range, *cell);
            }
        }
        let last = self.bounds.vocabulary.saturating_sub(1);
        for (i, row) in self.cells.chunks_mut(c.total).enumerate() {
            row[c.row] = F::of(i as u64);
            for j in 0..c.vocabulary_per_row {
                let entry = i * c.vocabulary_per_row + j;
                row[c.vocabulary + j] = F::of((entry as u64).min(last));
                row[c.vocabulary_uses + j] = F::of(vocabulary[entry]);
            }
            for j in 0..c.range_per_row {
                row[c.range_uses + j] = F::of(range[i * c.range_per_row + j]);
            }
        }
    }

    fn sorted_key(&mut self, key: u64, records: u64) {
        let c = self.c;
        let at = self.begin(c.sort);
        let (high, low) = (key >> 32, key & 0xffff_ffff);
        let previous_high = self.state.get(state::PREVIOUS);
        // The first key follows -1: its low half lies one above.
        let previous_low = field::add(self.state.get(state::PREVIOUS + 1), 1);
        let gap_low = i128::from(low) - i128::from(previous_low);
        let borrow = gap_low < 0;
        let gap_low = (gap_low + if borrow { 1 << 32 } else { 0 }) as u64;
        let gap_high = high.wrapping_sub(previous_high).wrapping_sub(borrow.into());
        for (i, value) in [low, high, gap_low, gap_high].into_iter().enumerate() {
            // Anything above 32 bits is left in the upper limb, where no table has it.
            self.limb(at, 2 * i, value & 0xffff);
            self.limb(at, 2 * i + 1, value >> 16);
        }
        self.flag(at + c.borrow, borrow);
        self.put(at + c.canonical, field::inverse(0xffff_ffff - high).unwrap_or_default());
        self.count(at, records);
        let mut input = [F::of(0); WIDTH];
        input[0] = F::of(key);
        input[RATE..].copy_from_slice(&self.state.four(state::SORTED));
        let sorted = self.permute(at, input);
        self.state.put(state::SORTED, sorted);
        self.state.set(state::PREVIOUS, high);
        self.state.set(state::PREVIOUS + 1, low);
        self.multiply_ratio(F::of(key), true);
    }

    fn multiply_ratio(&mut self, key: F, divide: bool) {
        let [a, b] = self.bounds.challenge.map(F::word);
        let factor = Ext(field::sub(a, key.word()), b);
        // Only a challenge that equals a key has no inverse.
        let factor = if divide { factor.inverse().unwrap_or(factor) } else { factor };
        let ratio = Ext(self.state.get(state::RATIO), self.state.get(state::RATIO + 1)) * factor;
        self.state.set(state::RATIO, ratio.0);
        self.state.set(state::RATIO + 1, ratio.1);
    }

    /// `count` of the row, with its half and its lowest bit.
    fn count(&mut self, at: usize, count: u64) {
        let c = self.c;
        self.put(at + c.count, count);
        self.put(at + c.odd, count % 2);
        self.limb(at, 8, (count / 2) & 0xffff);
        self.limb(at, 9, (count / 2) >> 16);
    }

    /// Joins the two subtrees on top.
    fn join(&mut self, at: usize) {
        let mut input = [F::of(0); WIDTH];
        input[..4].copy_from_slice(&self.state.four(state::STACKED + 4));
        input[4..8].copy_from_slice(&self.state.four(state::STACKED));
        let node = self.permute(at, input);
        self.state.pop();
        self.state.put(state::STACKED, node);
    }

    /// A new row of a kind (any column beyond the last: padding), with the state; returns its beginning.
    fn begin(&mut self, kind: usize) -> usize {
        let at = self.used * self.c.total;
        self.used += 1;
        if kind < self.c.total {
            self.cells[at + kind] = F::of(1);
        }
        let from = at + self.c.state;
        self.cells[from..from + state::LENGTH].copy_from_slice(&self.state.0);
        at
    }

    fn put(&mut self, cell: usize, value: u64) {
        self.cells[cell] = F::of(value);
    }

    fn flag(&mut self, cell: usize, value: bool) {
        self.cells[cell] = F::of(value.into());
    }

    fn limb(&mut self, at: usize, limb: usize, value: u64) {
        self.put(at + self.c.limb + limb, value);
    }

    /// Fills in the permutation of a row; returns the first four lanes of its output.
    fn permute(&mut self, at: usize, input: [F; WIDTH]) -> [F; 4] {
        let c = self.c;
        self.cells[at + c.input..at + c.s_box].copy_from_slice(&input);
        let mut lanes = input.map(F::word);
        let mut cell = at + c.s_box;
        for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
            for (lane, &constant) in lanes.iter_mut().zip(constants) {
                *lane = field::add(*lane, constant);
            }
            let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
            for lane in &mut lanes[..if full { WIDTH } else { 1 }] {
                let x = *lane;
                let cube = field::mul(field::mul(x, x), x);
                *lane = field::mul(field::mul(cube, cube), x);
                if c.cubes {
                    self.cells[cell] = F::of(cube);
                    cell += 1;
                }
                self.cells[cell] = F::of(*lane);
                cell += 1;
            }
            lanes = linear_layer(&lanes);
        }
        std::array::from_fn(|i| F::of(lanes[i]))
    }
}

fn count_use<F: Cell>(uses: &mut [u64], cell: F) {
    // A value that is in no table has no count; the proof of such a trace fails.
    if let Some(count) = uses.get_mut(cell.word() as usize) {
        *count += 1;
    }
}
