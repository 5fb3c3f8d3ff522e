//! A chunk's trace as a STARK of starky: 2^13 or 2^16 rows.

#[cfg(test)]
mod cells;
#[cfg(test)]
mod cheating;
mod stark;
#[cfg(test)]
mod tests;

use plonky2::field::polynomial::PolynomialValues;
use plonky2::field::types::{Field, PrimeField64};

pub(super) use crate::chunk::{Shape, public, state};
pub(super) use stark::{ChunkStark, stark_config};
#[cfg(test)]
pub(super) use stark::{lookup_terms, width};

use super::F;
use crate::chunk::Cell;

pub(super) type State = crate::chunk::State<F>;
pub(super) type Bounds = crate::chunk::Bounds<F>;
pub(super) type Trace = crate::chunk::Trace<F>;

impl Cell for F {
    fn of(word: u64) -> Self {
        Self::from_noncanonical_u64(word)
    }

    fn word(self) -> u64 {
        self.to_canonical_u64()
    }
}

/// A trace filled up, column by column, and the state at its end.
pub(super) fn finish(trace: Trace) -> (Vec<PolynomialValues<F>>, State) {
    let width = trace.c.total;
    let (cells, state) = trace.finish();
    let column = |column: usize| PolynomialValues::new(cells[column..].iter().step_by(width).copied().collect());
    ((0..width).map(column).collect(), state)
}
