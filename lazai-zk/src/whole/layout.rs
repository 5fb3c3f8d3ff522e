//! The trace of a dataset that is one chunk: which columns are committed to, and what is looked up.
//!
//! Columns that such a chunk does not need are not committed to: in the rules they are zero. These are the deeper places of
//! the stack, which no dataset of so few rows reaches (what is pushed off the last place left must be zero), and the product
//! over keys, for which a bus stands.

use std::ops::{Range, RangeInclusive};

use crate::chunk::{Columns, LIMBS, RATE, STACK, Shape, state};
use crate::statement::CONTEXT_WORDS;

/// Logarithm of the number of rows, smallest and largest.
pub(crate) const ROWS_LOG: RangeInclusive<usize> = 12..=16;
/// Public values: the statement's digest in words, the root, vocabulary, longest record, licences.
pub(crate) const PUBLIC_VALUES: usize = CONTEXT_WORDS + 4 + 3;
/// Buses: tokens, limbs, keys.
#[cfg(feature = "p3")]
pub(crate) const BUSES: [&str; 3] = ["tokens", "limbs", "keys"];

/// A value that goes over a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// That of a column.
    Column(usize),
    /// `row * factor + offset`.
    Row {
        /// The factor.
        factor: u64,
        /// The offset.
        offset: u64,
    },
}

/// The number of times that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Once.
    One,
    /// As often as a column says, which is a flag.
    Flag(usize),
    /// Taken back as often as a column says, which is a flag.
    Taken(usize),
    /// Provided for as many look-ups as a column says.
    Provided(usize),
}

/// One value on one bus, on every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// Place among buses: tokens, limbs, keys.
    pub(crate) bus: usize,
    pub(crate) value: Value,
    pub(crate) count: Count,
}

/// The layout of a shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) c: Columns,
    pub(crate) rows_log: usize,
    /// Places of the stack that exist.
    depth: usize,
}

impl Layout {
    pub(crate) const fn new(packed: usize, rows_log: usize, cubes: bool) -> Self {
        // A record takes three rows, and n records make at most log2(n) + 1 subtrees.
        let depth = if rows_log <= STACK { rows_log - 1 } else { STACK };
        Self { c: Columns::with(Shape { packed, rows_log }, cubes), rows_log, depth }
    }

    /// The most that a rule has: what leaves the quotient in as many parts as S-boxes need.
    pub(crate) const fn degree(&self) -> usize {
        if self.c.cubes { 4 } else { 8 }
    }

    /// The columns that are committed to.
    pub(crate) fn runs(&self) -> [Range<usize>; 3] {
        let at = |field: usize| self.c.state + field;
        [0..at(state::STACKED + 4 * self.depth), at(state::TABLE)..at(state::RATIO), at(state::RATIO + 2)..self.c.total]
    }

    /// Their number.
    pub(crate) fn width(&self) -> usize {
        self.runs().into_iter().map(|run| run.len()).sum()
    }

    /// A whole row out of the columns committed to.
    pub(crate) fn whole<T: Clone>(&self, row: &[impl Clone + Into<T>], zero: &T) -> Vec<T> {
        let mut whole = vec![zero.clone(); self.c.total];
        let mut from = 0;
        for run in self.runs() {
            let length = run.len();
            for (cell, value) in whole[run].iter_mut().zip(&row[from..from + length]) {
                *cell = value.clone().into();
            }
            from += length;
        }
        whole
    }

    /// All that goes over buses.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let c = &self.c;
        let column = |bus, column, count| Message { bus, value: Value::Column(column), count };
        let mut messages: Vec<_> = (c.token..c.limb).map(|token| column(0, token, Count::One)).collect();
        messages.extend(
            (0..c.vocabulary_per_row).map(|i| column(0, c.vocabulary + i, Count::Provided(c.vocabulary_uses + i))),
        );
        messages.extend((c.limb..c.limb + LIMBS).map(|limb| column(1, limb, Count::One)));
        messages.extend((0..c.range_per_row).map(|i| {
            let value = Value::Row { factor: c.range_per_row as u64, offset: i as u64 };
            Message { bus: 1, value, count: Count::Provided(c.range_uses + i) }
        }));
        // A leaf has its record's key in the first lane of the chain, a sort row in the first one absorbed.
        messages.push(column(2, c.input + RATE, Count::Flag(c.leaf)));
        messages.push(column(2, c.input, Count::Taken(c.sort)));
        messages
    }

    /// The messages whose fractions share a column: as many of one bus as the rules' degree allows.
    pub(crate) fn fractions(&self) -> Vec<Vec<Message>> {
        let mut columns: Vec<Vec<Message>> = Vec::new();
        for message in self.messages() {
            match columns.last_mut() {
                Some(column) if column.len() < self.degree() - 1 && column[0].bus == message.bus => {
                    column.push(message)
                }
                _ => columns.push(vec![message]),
            }
        }
        columns
    }
}
