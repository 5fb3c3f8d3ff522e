//! `LengthGate`: ties a record's 64 elements to its length, one row a record.
//!
//! `active[i]` says that element i holds a token. Activity never resumes, inactive elements are zero, and
//! `length = 4 * sum(active) - spare` with `spare` in 0..4. That the spare tokens of the last active element are
//! zero is left to the circuit, which gets that element as `last`.

use super::arithmetic::prelude::*;
use crate::commitment::{ELEMENTS, TOKENS_PER_ELEMENT};

const WIRES: usize = 2 * ELEMENTS + 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct LengthGate;

impl LengthGate {
    /// Number of tokens (routed).
    pub(super) const LENGTH: usize = ELEMENTS;
    /// The last active element, or zero (routed).
    pub(super) const LAST: usize = ELEMENTS + 1;
    /// The two bits of `spare`, low first (routed).
    pub(super) const SPARE: [usize; 2] = [ELEMENTS + 2, ELEMENTS + 3];

    /// The wire of element `i` (routed).
    pub(super) const fn element(i: usize) -> usize {
        i
    }

    /// The wire of `active[i]`; the first is routed.
    pub(super) const fn active(i: usize) -> usize {
        ELEMENTS + 4 + i
    }
}

fn constraints<T: Copy, A: Arithmetic<T>>(arithmetic: &mut A, wires: &[T], emit: &mut dyn FnMut(T)) {
    let one = arithmetic.constant(1);
    let zero = arithmetic.constant(0);
    let active = &wires[LengthGate::active(0)..LengthGate::active(ELEMENTS)];
    let (mut count, mut last) = (zero, zero);
    for i in 0..ELEMENTS {
        let element = wires[LengthGate::element(i)];
        emit(arithmetic.vanishing(active[i], 2));
        let inactive = arithmetic.sub(one, active[i]);
        emit(arithmetic.mul(inactive, element));
        let next = active.get(i + 1).copied().unwrap_or(zero);
        if i + 1 < ELEMENTS {
            emit(arithmetic.mul(inactive, next));
        }
        let is_last = arithmetic.sub(active[i], next);
        let term = arithmetic.mul(is_last, element);
        last = arithmetic.add(last, term);
        count = arithmetic.add(count, active[i]);
    }
    emit(arithmetic.sub(last, wires[LengthGate::LAST]));

    let empty = arithmetic.sub(one, active[0]);
    let mut length = arithmetic.constant(TOKENS_PER_ELEMENT as u64);
    length = arithmetic.mul(length, count);
    for (wire, weight) in LengthGate::SPARE.into_iter().zip([1, 2]) {
        let bit = wires[wire];
        emit(arithmetic.vanishing(bit, 2));
        // An empty record spares nothing, or its length would be negative.
        emit(arithmetic.mul(empty, bit));
        let weight = arithmetic.constant(weight);
        let spared = arithmetic.mul(weight, bit);
        length = arithmetic.sub(length, spared);
    }
    emit(arithmetic.sub(length, wires[LengthGate::LENGTH]));
}

impl_gate!(LengthGate, wires: WIRES, constraints: 3 * ELEMENTS - 1 + 1 + 4 + 1, degree: 2);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{C, D, F};
    use super::*;
    use plonky2::gates::gate_testing::{test_eval_fns, test_low_degree};

    #[test]
    fn the_three_readings_agree() {
        test_low_degree::<F, _, D>(LengthGate);
        test_eval_fns::<F, C, _, D>(LengthGate).unwrap();
    }
}
