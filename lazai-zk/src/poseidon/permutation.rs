//! The permutation, with partial rounds in the form that takes a sparse matrix each.
//!
//! L. Grassi et al., "Poseidon", appendix B: in a partial round only the first lane meets an S-box, so what the matrix does to
//! the other lanes can wait until the last of these rounds. `M = diag(1, N) S` with `S` sparse; `diag(1, N)` commutes with
//! the S-box and joins the next round's matrix. The matrices follow from `M` and are computed once.
//!
//! Values within are any 64 bits that stand for an element; those that leave are canonical.

use std::sync::LazyLock;

use super::{CIRCULANT, FIRST_DIAGONAL, FULL_ROUNDS_EACH_SIDE, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH};
use crate::field::{self, ORDER};

/// Lanes without an S-box in partial rounds.
const REST: usize = WIDTH - 1;
/// First entry of the matrix.
const CORNER: u64 = CIRCULANT[0] + FIRST_DIAGONAL;
/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;

/// What the partial rounds take instead of the matrix.
pub(super) struct Partial {
    /// For each round: the constant of the first lane, the rest of the matrix' first row, the rest of its first column.
    rounds: [Round; PARTIAL_ROUNDS],
    /// What the other lanes have waited for.
    rest: [[u64; REST]; REST],
    /// Constants of the first full round after, with those that have waited.
    after: [u64; WIDTH],
}

#[derive(Clone, Copy)]
struct Round {
    constant: u64,
    row: [u64; REST],
    column: [u64; REST],
}

static PARTIAL: LazyLock<Partial> = LazyLock::new(Partial::new);

impl Partial {
    fn new() -> Self {
        let matrix = |row: usize, column: usize| {
            let diagonal = if row == 0 && column == 0 { FIRST_DIAGONAL } else { 0 };
            CIRCULANT[(WIDTH + column - row) % WIDTH] + diagonal
        };
        // diag(1, waiting) is what has been put off so far; `carried` are constants that have.
        let mut waiting: [[u64; REST]; REST] = std::array::from_fn(|i| std::array::from_fn(|j| u64::from(i == j)));
        let mut carried = [0; WIDTH];
        let mut rounds = [Round { constant: 0, row: [0; REST], column: [0; REST] }; PARTIAL_ROUNDS];
        let mut own = ROUND_CONSTANTS[FULL_ROUNDS_EACH_SIDE];
        for (number, round) in rounds.iter_mut().enumerate() {
            let constants: [u64; WIDTH] = std::array::from_fn(|i| field::add(carried[i], own[i]));
            // The matrix times diag(1, waiting).
            let column: [u64; REST] = std::array::from_fn(|i| matrix(i + 1, 0));
            let times = |row: usize, j: usize| {
                (0..REST).fold(0, |sum, k| field::add(sum, field::mul(matrix(row, k + 1), waiting[k][j])))
            };
            let row: [u64; REST] = std::array::from_fn(|j| times(0, j));
            let next: [[u64; REST]; REST] = std::array::from_fn(|i| std::array::from_fn(|j| times(i + 1, j)));
            let following = &ROUND_CONSTANTS[FULL_ROUNDS_EACH_SIDE + number + 1];
            let [column, put_off] = solve(&next, [column, std::array::from_fn(|i| following[i + 1])]);
            *round = Round { constant: constants[0], row, column };
            carried = [0; WIDTH];
            for i in 0..REST {
                carried[0] = field::add(carried[0], field::mul(row[i], constants[i + 1]));
                carried[i + 1] = constants[i + 1];
            }
            waiting = next;
            own[0] = following[0];
            own[1..].copy_from_slice(&put_off);
        }
        // The next full round's constants are put off, too, and all of them come due together.
        let constants: [u64; WIDTH] = std::array::from_fn(|i| field::add(carried[i], own[i]));
        let due = |i: usize| (0..REST).fold(0, |sum, k| field::add(sum, field::mul(waiting[i][k], constants[k + 1])));
        let after = std::array::from_fn(|i| if i == 0 { constants[0] } else { due(i - 1) });
        Self { rounds, rest: waiting, after }
    }
}

/// `matrix^-1` times each of two vectors, by elimination. The matrices here have inverses: Poseidon's is MDS.
fn solve(matrix: &[[u64; REST]; REST], vectors: [[u64; REST]; 2]) -> [[u64; REST]; 2] {
    let mut rows: [[u64; REST + 2]; REST] =
        std::array::from_fn(|i| std::array::from_fn(|j| if j < REST { matrix[i][j] } else { vectors[j - REST][i] }));
    for pivot in 0..REST {
        let found = (pivot..REST).find(|&row| rows[row][pivot] != 0).unwrap_or(pivot);
        rows.swap(pivot, found);
        let inverse = field::inverse(rows[pivot][pivot]).unwrap_or_default();
        rows[pivot] = rows[pivot].map(|x| field::mul(x, inverse));
        let by = rows[pivot];
        for (_, row) in rows.iter_mut().enumerate().filter(|(number, _)| *number != pivot) {
            let factor = row[pivot];
            for (x, y) in row.iter_mut().zip(by) {
                *x = field::sub(*x, field::mul(factor, y));
            }
        }
    }
    [0, 1].map(|vector| std::array::from_fn(|i| rows[i][REST + vector]))
}

/// The permutation; the lanes are canonical afterwards, whatever they were before. Each round adds the constants of the next one:
/// to sums that are not reduced yet.
pub(super) fn permute(state: &mut [u64; WIDTH]) {
    const NONE: [u64; WIDTH] = [0; WIDTH];
    let partial = &*PARTIAL;
    let (first, last) = ROUND_CONSTANTS.split_at(FULL_ROUNDS_EACH_SIDE);
    let last = &last[PARTIAL_ROUNDS..];
    for (lane, &constant) in state.iter_mut().zip(&first[0]) {
        *lane = reduce(u128::from(*lane) + u128::from(constant));
    }
    for next in &first[1..] {
        full_round(state, next);
    }
    full_round(state, &std::array::from_fn(|i| if i == 0 { partial.rounds[0].constant } else { 0 }));
    for (round, next) in partial.rounds.iter().zip(&partial.rounds[1..]) {
        partial_round(state, round, next.constant);
    }
    partial_round(state, &partial.rounds[PARTIAL_ROUNDS - 1], partial.after[0]);
    let rest = *state.last_chunk::<REST>().unwrap_or(&[0; REST]);
    for ((lane, row), &constant) in state[1..].iter_mut().zip(&partial.rest).zip(&partial.after[1..]) {
        *lane = dot(row, &rest, constant.into());
    }
    for next in last[1..].iter().chain([&NONE]) {
        full_round(state, next);
    }
    for lane in state {
        if *lane >= ORDER {
            *lane -= ORDER;
        }
    }
}

/// Written out, and once for all rounds: a loop over the lanes takes a tenth longer.
#[inline(never)]
fn full_round(state: &mut [u64; WIDTH], next: &[u64; WIDTH]) {
    let s = |lane: usize| seventh_power(state[lane]);
    *state = mds(&[s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7), s(8), s(9), s(10), s(11)], next);
}

#[inline(always)]
fn partial_round(state: &mut [u64; WIDTH], round: &Round, next: u64) {
    let first = seventh_power(state[0]);
    let rest = *state.last_chunk::<REST>().unwrap_or(&[0; REST]);
    state[0] = dot(&round.row, &rest, u128::from(first) * u128::from(CORNER) + u128::from(next));
    for (lane, &factor) in state[1..].iter_mut().zip(&round.column) {
        // The product of two words leaves room for a third.
        *lane = reduce(u128::from(first) * u128::from(factor) + u128::from(*lane));
    }
}

/// `start + sum(a[i] * b[i])`, reduced once: 160 bits hold the sum. Two sums, whose carries do not wait for each other.
#[inline(always)]
fn dot(a: &[u64; REST], b: &[u64; REST], start: u128) -> u64 {
    let mut sums = [(start, 0u64), (0, 0)];
    for (i, (&x, &y)) in a.iter().zip(b).enumerate() {
        let (sum, carries) = &mut sums[i % 2];
        let (next, carry) = sum.overflowing_add(u128::from(x) * u128::from(y));
        *sum = next;
        *carries += u64::from(carry);
    }
    let [(even, carries), (odd, more)] = sums;
    let (sum, carry) = even.overflowing_add(odd);
    let carries = carries + more + u64::from(carry);
    // 2^128 = -2^32: (2^64)^2 = (2^32 - 1)^2 = 2^64 - 2^33 + 1 = -2^32. A borrow is so rare that a branch costs nothing.
    let (difference, borrow) = sum.overflowing_sub(u128::from(carries << 32));
    reduce(if borrow { difference.wrapping_add(ORDER.into()) } else { difference })
}

/// A word that stands for `x`, by 2^64 = 2^32 - 1 and 2^96 = -1.
#[inline(always)]
fn reduce(x: u128) -> u64 {
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (mut difference, borrow) = low.overflowing_sub(high >> 32);
    if borrow {
        // Once in 2^32 times: a branch, whatever the compiler makes of conditions.
        std::hint::black_box(());
        difference = difference.wrapping_sub(EPSILON);
    }
    add_product(difference, (high & EPSILON) * EPSILON)
}

/// `a + b` for a `b` that is a product of two 32-bit numbers: after a carry there is room for 2^32 - 1.
///
/// Half of all carries are set, and compilers that make branches of them make this three times slower. So the carry becomes a mask
/// by name.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn add_product(a: u64, b: u64) -> u64 {
    use std::arch::x86_64::{_addcarry_u64, _subborrow_u64};
    let (mut sum, mut mask) = (0, 0);
    let carry = _addcarry_u64(0, a, b, &mut sum);
    _subborrow_u64(carry, 0, 0, &mut mask);
    sum.wrapping_add(u64::from(mask as u32))
}

/// The same, by a multiplication.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn add_product(a: u64, b: u64) -> u64 {
    let sum = u128::from(a) + u128::from(b);
    (sum as u64).wrapping_add(((sum >> 64) as u64) * EPSILON)
}

#[inline(always)]
fn mul(a: u64, b: u64) -> u64 {
    reduce(u128::from(a) * u128::from(b))
}

#[inline(always)]
fn seventh_power(x: u64) -> u64 {
    let square = mul(x, x);
    mul(mul(square, square), mul(square, x))
}

/// The linear layer, a circulant matrix and one entry more, with the next round's constants: a cyclic convolution, of the 32-bit halves apart so that
/// every sum fits.
#[inline(always)]
fn mds(state: &[u64; WIDTH], next: &[u64; WIDTH]) -> [u64; WIDTH] {
    let low = convolve(&state.map(|x| (x & EPSILON) as i64));
    let high = convolve(&state.map(|x| (x >> 32) as i64));
    let diagonal = u128::from(state[0]) * u128::from(FIRST_DIAGONAL);
    // Both are sums of products of numbers that are not negative: below 2^40.
    std::array::from_fn(|i| {
        let sum = (low[i] as u128) + ((high[i] as u128) << 32) + u128::from(next[i]);
        reduce(if i == 0 { sum + diagonal } else { sum })
    })
}

/// The linear layer without constants, canonical afterwards.
#[cfg(any(feature = "p3", feature = "plonky2"))]
#[inline]
pub(super) fn linear_layer(state: &[u64; WIDTH]) -> [u64; WIDTH] {
    mds(state, &[0; WIDTH]).map(|lane| if lane >= ORDER { lane - ORDER } else { lane })
}

/// The circulant matrix times a vector: transforms of length four over every third lane, and a convolution of length three of
/// each of their coefficients, whose factors are small powers of two (as in winterfell and plonky2).
#[inline(always)]
fn convolve(s: &[i64; WIDTH]) -> [i64; WIDTH] {
    type Pair = (i64, i64);
    let (mut zeroth, mut first, mut second) = ([0; 3], [(0, 0); 3], [0; 3]);
    for j in 0..3 {
        let (even, odd) = (s[j] + s[j + 6], s[j + 3] + s[j + 9]);
        zeroth[j] = even + odd;
        second[j] = even - odd;
        first[j] = (s[j] - s[j + 6], s[j + 9] - s[j + 3]);
    }
    let [a, b, c] = zeroth.map(|x| 16 * x);
    let zeroth = [a + b + 2 * c, 2 * a + b + c, a + 2 * b + c];
    let [a, b, c] = second;
    let second = [-a - 2 * b + 8 * c, -8 * a - b - 2 * c, 2 * a - 8 * b - c];
    let times = |(a, b): Pair, (c, d): Pair| (a * c - b * d, a * d + b * c);
    let add = |(a, b): Pair, (c, d): Pair| (a + c, b + d);
    // Minus the imaginary unit.
    let turned = |(a, b): Pair| (b, -a);
    const KERNEL: [Pair; 3] = [(2, -1), (-4, 1), (16, 1)];
    let [x, y, z] = first;
    let [k, l, m] = KERNEL;
    let first = [
        add(times(x, k), turned(add(times(y, m), times(z, l)))),
        add(add(times(x, l), times(y, k)), turned(times(z, m))),
        add(add(times(x, m), times(y, l)), times(z, k)),
    ];
    // The factors hold the division by four.
    let mut out = [0; WIDTH];
    for j in 0..3 {
        let (even, odd) = (zeroth[j] + second[j], zeroth[j] - second[j]);
        let (real, imaginary) = first[j];
        out[j] = even + real;
        out[j + 6] = even - real;
        out[j + 3] = odd - imaginary;
        out[j + 9] = odd + imaginary;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word.
    fn defined(mut state: [u64; WIDTH]) -> [u64; WIDTH] {
        for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
            for (lane, &constant) in state.iter_mut().zip(constants) {
                *lane = field::add(*lane, constant);
            }
            let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
            for lane in &mut state[..if full { WIDTH } else { 1 }] {
                *lane = field::pow(*lane, 7);
            }
            state = std::array::from_fn(|row| {
                let first = if row == 0 { field::mul(state[0], FIRST_DIAGONAL) } else { 0 };
                CIRCULANT
                    .iter()
                    .enumerate()
                    .fold(first, |sum, (i, &factor)| field::add(sum, field::mul(factor, state[(i + row) % WIDTH])))
            });
        }
        state
    }

    #[test]
    fn equals_the_definition() {
        let edges = [0, 1, 7, 1 << 32, EPSILON, (1 << 32) + 1, 1 << 63, ORDER - (1 << 32), ORDER - 2, ORDER - 1];
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            field::reduce(u128::from(seed) * u128::from(seed ^ 0x9e37_79b9_7f4a_7c15))
        };
        for round in 0..2_000 {
            let mut state: [u64; WIDTH] = std::array::from_fn(|_| random());
            // A third of all states is made of values at the ends of what words and limbs hold.
            if round % 3 == 0 {
                state = state.map(|x| edges[(x >> 20) as usize % edges.len()]);
            }
            let expected = defined(state);
            permute(&mut state);
            assert_eq!(state, expected, "{round}");
        }
    }

    /// Words that stand for the same elements, above the order, give the same.
    #[test]
    fn any_words_are_taken() {
        let canonical: [u64; WIDTH] = std::array::from_fn(|i| (i as u64) * 0x0fff_ffff % EPSILON);
        let (mut one, mut other) = (canonical, canonical.map(|x| x + ORDER));
        permute(&mut one);
        permute(&mut other);
        assert_eq!(one, other);
    }
}
