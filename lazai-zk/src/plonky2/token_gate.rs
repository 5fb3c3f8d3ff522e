//! `TokenGate`: four field elements a row, each of four tokens below 49,152 = 3 * 4^7.
//!
//! A token is eight base-4 digits, the highest of which is at most 2: that is the vocabulary exactly. An element
//! is `sum(token[j] * 2^(16 j))`, at most 0xBFFF…BFFF < p, so the digits are unique.

use super::arithmetic::prelude::*;

/// Elements in one row.
pub(super) const ELEMENTS_PER_ROW: usize = 4;
/// Base-4 digits of one element.
pub(super) const DIGITS: usize = 32;
const DIGITS_PER_TOKEN: usize = 8;
const WIRES: usize = ELEMENTS_PER_ROW * (1 + DIGITS);

#[derive(Debug, Clone, Copy)]
pub(super) struct TokenGate;

impl TokenGate {
    /// The wire of element `i` (routed).
    pub(super) const fn element(i: usize) -> usize {
        i
    }

    /// The wire of digit `d` of element `i`.
    pub(super) const fn digit(i: usize, d: usize) -> usize {
        ELEMENTS_PER_ROW + i * DIGITS + d
    }
}

fn constraints<T: Copy, A: Arithmetic<T>>(arithmetic: &mut A, wires: &[T], emit: &mut dyn FnMut(T)) {
    for i in 0..ELEMENTS_PER_ROW {
        let digits = &wires[TokenGate::digit(i, 0)..TokenGate::digit(i, DIGITS)];
        let sum = arithmetic.weighted_sum(digits, 4);
        emit(arithmetic.sub(sum, wires[TokenGate::element(i)]));
        for (d, &digit) in digits.iter().enumerate() {
            let highest = d % DIGITS_PER_TOKEN == DIGITS_PER_TOKEN - 1;
            emit(arithmetic.vanishing(digit, if highest { 3 } else { 4 }));
        }
    }
}

impl_gate!(TokenGate, wires: WIRES, constraints: ELEMENTS_PER_ROW * (1 + DIGITS), degree: 4);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{C, D, F};
    use super::*;
    use plonky2::field::types::{Field, Field64};
    use plonky2::gates::gate_testing::{test_eval_fns, test_low_degree};

    #[test]
    fn the_three_readings_agree() {
        test_low_degree::<F, _, D>(TokenGate);
        test_eval_fns::<F, C, _, D>(TokenGate).unwrap();
    }

    fn holds(tokens: [u64; 4]) -> bool {
        let mut wires = vec![F::ZERO; WIRES];
        let element = tokens.iter().rev().fold(0, |sum, token| (sum << 16) | token);
        wires[TokenGate::element(2)] = F::from_canonical_u64(element);
        for d in 0..DIGITS {
            wires[TokenGate::digit(2, d)] = F::from_canonical_u64((element >> (2 * d)) & 3);
        }
        let mut broken = 0;
        constraints(&mut Elements, &wires, &mut |c: F| broken += usize::from(c != F::ZERO));
        broken == 0
    }

    #[test]
    fn the_vocabulary_is_exact() {
        assert!(holds([0; 4]) && holds([49_151; 4]) && holds([1, 2, 3, 49_151]));
        for position in 0..4 {
            for token in [49_152, 50_000, 65_535] {
                let mut tokens = [7; 4];
                tokens[position] = token;
                // An element above the field's order has no wires at all.
                let fits = tokens.iter().rev().fold(0u128, |s, t| (s << 16) | u128::from(*t)) < u128::from(F::ORDER);
                assert!(!fits || !holds(tokens), "token {token} at {position}");
            }
        }
    }
}
