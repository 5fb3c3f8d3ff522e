//! The gates of the outer circuit: for each, the constraints that its wires satisfy.
//!
//! The gates are plonky2's standard ones for recursion; tests hold every one to plonky2's own evaluation.

use super::shape::GATE_CONSTANTS;
use crate::field::{self, Algebra, Ext, root_of_unity};
use crate::poseidon::{
    CIRCULANT, FIRST_DIAGONAL, FULL_ROUNDS_EACH_SIDE, HashOut, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH,
};

/// A gate of the outer circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Noop,
    Constant,
    PublicInput,
    BaseSum,
    ReducingExtension,
    Reducing,
    ArithmeticExtension,
    Arithmetic,
    MulExtension,
    RandomAccess,
    CosetInterpolation,
    PoseidonMds,
    Poseidon,
}

/// The values that constraints are over.
pub(super) struct Row<'a> {
    pub(super) constants: &'a [Ext],
    pub(super) wires: &'a [Ext],
    pub(super) public_inputs: HashOut,
}

impl Row<'_> {
    fn pair(&self, at: usize) -> Algebra {
        Algebra(self.wires[at], self.wires[at + 1])
    }
}

impl Gate {
    /// Adds `filter * constraint` to the sums, constraint by constraint.
    pub(super) fn add_to(self, sums: &mut [Ext], filter: Ext, row: &Row<'_>) {
        let constraints = self.constraints(row);
        for (sum, constraint) in sums.iter_mut().zip(constraints) {
            *sum = *sum + filter * constraint;
        }
    }

    pub(super) fn constraints(self, row: &Row<'_>) -> Vec<Ext> {
        match self {
            Self::Noop => Vec::new(),
            Self::Constant => (0..GATE_CONSTANTS).map(|i| row.constants[i] - row.wires[i]).collect(),
            Self::PublicInput => (0..4).map(|i| row.wires[i] - Ext::base(row.public_inputs.0[i])).collect(),
            Self::BaseSum => base_sum(row),
            Self::ReducingExtension => reducing_extension(row),
            Self::Reducing => reducing(row),
            Self::ArithmeticExtension => arithmetic_extension(row),
            Self::Arithmetic => arithmetic(row),
            Self::MulExtension => mul_extension(row),
            Self::RandomAccess => random_access(row),
            Self::CosetInterpolation => coset_interpolation(row),
            Self::PoseidonMds => poseidon_mds(row),
            Self::Poseidon => poseidon(row),
        }
    }
}

fn flat(pairs: impl IntoIterator<Item = Algebra>) -> Vec<Ext> {
    pairs.into_iter().flat_map(|p| [p.0, p.1]).collect()
}

/// 63 bits and their sum.
fn base_sum(row: &Row<'_>) -> Vec<Ext> {
    let bits = &row.wires[1..64];
    let sum = Ext::base(2).reduce(bits) - row.wires[0];
    std::iter::once(sum).chain(bits.iter().map(|&b| b * (b - Ext::ONE))).collect()
}

fn arithmetic(row: &Row<'_>) -> Vec<Ext> {
    let op = |w: &[Ext]| w[3] - (w[0] * w[1] * row.constants[0] + w[2] * row.constants[1]);
    row.wires[..80].chunks(4).map(op).collect()
}

fn arithmetic_extension(row: &Row<'_>) -> Vec<Ext> {
    flat((0..10).map(|i| {
        let [a, b, addend, out] = [0, 2, 4, 6].map(|at| row.pair(8 * i + at));
        out - ((a * b).scale(row.constants[0]) + addend.scale(row.constants[1]))
    }))
}

fn mul_extension(row: &Row<'_>) -> Vec<Ext> {
    flat((0..13).map(|i| {
        let [a, b, out] = [0, 2, 4].map(|at| row.pair(6 * i + at));
        out - (a * b).scale(row.constants[0])
    }))
}

/// `acc * alpha + coefficient`, again and again, over base coefficients.
fn reducing(row: &Row<'_>) -> Vec<Ext> {
    const COEFFICIENTS: usize = 43;
    let alpha = row.pair(2);
    let mut before = row.pair(4);
    flat((0..COEFFICIENTS).map(|i| {
        let after = row.pair(if i + 1 == COEFFICIENTS { 0 } else { 6 + COEFFICIENTS + 2 * i });
        let expected = before * alpha + Algebra(row.wires[6 + i], Ext::ZERO);
        before = after;
        expected - after
    }))
}

/// The same over coefficients in the extension.
fn reducing_extension(row: &Row<'_>) -> Vec<Ext> {
    const COEFFICIENTS: usize = 32;
    let alpha = row.pair(2);
    let mut before = row.pair(4);
    flat((0..COEFFICIENTS).map(|i| {
        let after = row.pair(if i + 1 == COEFFICIENTS { 0 } else { 6 + 2 * COEFFICIENTS + 2 * i });
        let expected = before * alpha + row.pair(6 + 2 * i);
        before = after;
        expected - after
    }))
}

/// Four times one of sixteen, chosen by four bits; two constants more.
fn random_access(row: &Row<'_>) -> Vec<Ext> {
    const BITS: usize = 4;
    const LIST: usize = 1 << BITS;
    const COPIES: usize = 4;
    const ROUTED: usize = (2 + LIST) * COPIES + 2;
    let mut constraints = Vec::new();
    for copy in 0..COPIES {
        let at = (2 + LIST) * copy;
        let bits = &row.wires[ROUTED + BITS * copy..][..BITS];
        constraints.extend(bits.iter().map(|&b| b * (b - Ext::ONE)));
        constraints.push(Ext::base(2).reduce(bits) - row.wires[at]);
        let mut items = row.wires[at + 2..at + 2 + LIST].to_vec();
        for &bit in bits {
            items = items.chunks(2).map(|pair| pair[0] + bit * (pair[1] - pair[0])).collect();
        }
        constraints.push(items[0] - row.wires[at + 1]);
    }
    constraints.extend((0..2).map(|i| row.constants[i] - row.wires[ROUTED - 2 + i]));
    constraints
}

/// Interpolation over a coset of sixteen points, in steps of degree six.
fn coset_interpolation(row: &Row<'_>) -> Vec<Ext> {
    const POINTS: usize = 16;
    const DEGREE: usize = 6;
    const INTERMEDIATES: usize = (POINTS - 2) / (DEGREE - 1);
    const POINT: usize = 1 + 2 * POINTS;
    const VALUE: usize = POINT + 2;
    const EVALUATIONS: usize = VALUE + 2;
    const PRODUCTS: usize = EVALUATIONS + 2 * INTERMEDIATES;
    const SHIFTED: usize = PRODUCTS + 2 * INTERMEDIATES;
    let root = root_of_unity(4);
    let weight = field::inverse(POINTS as u64).unwrap_or_default();
    let shifted = row.pair(SHIFTED);
    let mut constraints = vec![row.pair(POINT) - shifted.scale(row.wires[0])];
    let interpolate = |points: std::ops::Range<usize>, mut value: Algebra, mut product: Algebra| {
        for i in points {
            let x = field::pow(root, i as u64);
            let term = shifted - Algebra(Ext::base(x), Ext::ZERO);
            let weighted = row.pair(1 + 2 * i).scale(Ext::base(field::mul(x, weight)));
            value = value * term + weighted * product;
            product = product * term;
        }
        (value, product)
    };
    let (mut value, mut product) = interpolate(0..DEGREE, Algebra::ZERO, Algebra::ONE);
    for i in 0..INTERMEDIATES {
        let (held_value, held_product) = (row.pair(EVALUATIONS + 2 * i), row.pair(PRODUCTS + 2 * i));
        constraints.push(held_value - value);
        constraints.push(held_product - product);
        let start = 1 + (DEGREE - 1) * (i + 1);
        (value, product) = interpolate(start..(start + DEGREE - 1).min(POINTS), held_value, held_product);
    }
    constraints.push(row.pair(VALUE) - value);
    flat(constraints)
}

fn poseidon_mds(row: &Row<'_>) -> Vec<Ext> {
    let halves = [0, 1].map(|half| mds(std::array::from_fn(|i| row.wires[2 * i + half])));
    (0..2 * WIDTH).map(|i| row.wires[2 * WIDTH + i] - halves[i % 2][i / 2]).collect()
}

/// One permutation, whose first eight lanes may be swapped: inputs, outputs, the swap, four differences, and the
/// input of every S-box but those of the first round.
fn poseidon(row: &Row<'_>) -> Vec<Ext> {
    const SWAP: usize = 2 * WIDTH;
    const DELTA: usize = SWAP + 1;
    const S_BOXES: usize = DELTA + 4;
    let wires = row.wires;
    let swap = wires[SWAP];
    let mut constraints = vec![swap * (swap - Ext::ONE)];
    let mut lanes: [Ext; WIDTH] = std::array::from_fn(|i| wires[i]);
    for i in 0..4 {
        let delta = wires[DELTA + i];
        constraints.push(swap * (wires[i + 4] - wires[i]) - delta);
        lanes[i] = lanes[i] + delta;
        lanes[i + 4] = lanes[i + 4] - delta;
    }
    let mut s_box = S_BOXES;
    for (round, round_constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (lane, &constant) in lanes.iter_mut().zip(round_constants) {
            *lane = *lane + Ext::base(constant);
        }
        let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
        for lane in &mut lanes[..if full { WIDTH } else { 1 }] {
            if round > 0 {
                constraints.push(*lane - wires[s_box]);
                *lane = wires[s_box];
                s_box += 1;
            }
            let square = lane.square();
            *lane = square.square() * square * *lane;
        }
        lanes = mds(lanes);
    }
    constraints.extend((0..WIDTH).map(|i| lanes[i] - wires[WIDTH + i]));
    constraints
}

fn mds(lanes: [Ext; WIDTH]) -> [Ext; WIDTH] {
    std::array::from_fn(|row| {
        let first = if row == 0 { lanes[0].scale(FIRST_DIAGONAL) } else { Ext::ZERO };
        CIRCULANT.iter().enumerate().fold(first, |sum, (i, &factor)| sum + lanes[(i + row) % WIDTH].scale(factor))
    })
}

#[cfg(all(test, feature = "plonky2"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use plonky2::field::extension::quadratic::QuadraticExtension;
    use plonky2::field::types::Field;
    use plonky2::hash::hash_types::HashOut as TheirHash;
    use plonky2::plonk::vars::EvaluationVars;

    use super::super::shape::{
        ARITY_LOG, CONSTANTS, DEGREE_LOG, GATE_CONSTRAINTS, GATES, GROUPS, PARTIAL_PRODUCTS, QUERIES, ROUTED, STEPS,
        WIRES,
    };
    use super::*;
    use crate::field::COSET_SHIFT;
    use crate::plonky2::outer_common;

    type Theirs = plonky2::field::goldilocks_field::GoldilocksField;

    /// Every gate of the outer circuit, on random wires outside of the base field, gives what plonky2's own does.
    #[test]
    fn every_gate_equals_plonky2s() {
        let common = outer_common();
        assert_eq!(common.gates.len(), GATES.len());
        let mut seed = 5u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            field::reduce(u128::from(seed) << 17)
        };
        let mut ext = || Ext(random(), random());
        for _ in 0..20 {
            let wires: Vec<_> = (0..WIRES).map(|_| ext()).collect();
            let constants: Vec<_> = (0..GATE_CONSTANTS).map(|_| ext()).collect();
            let Ext(a, b) = ext();
            let public_inputs = HashOut([a, b, b, a]);
            let theirs = |x: &Ext| QuadraticExtension([x.0, x.1].map(Theirs::from_canonical_u64));
            let (their_wires, their_constants): (Vec<_>, Vec<_>) =
                (wires.iter().map(theirs).collect(), constants.iter().map(theirs).collect());
            let their_hash = TheirHash { elements: public_inputs.0.map(Theirs::from_canonical_u64) };
            for (gate, their_gate) in GATES.iter().zip(&common.gates) {
                let row = Row { constants: &constants, wires: &wires, public_inputs };
                let ours: Vec<_> = gate.constraints(&row).iter().map(theirs).collect();
                let vars = EvaluationVars {
                    local_constants: &their_constants,
                    local_wires: &their_wires,
                    public_inputs_hash: &their_hash,
                };
                assert_eq!(ours, their_gate.0.eval_unfiltered(vars), "{gate:?} against {}", their_gate.0.id());
            }
        }
    }

    /// The constants of the shape are those of the circuit that the key is of.
    #[test]
    fn the_shape_is_the_outer_circuits() {
        let common = outer_common();
        assert_eq!(common.degree_bits(), DEGREE_LOG as usize);
        assert_eq!(common.num_constants, CONSTANTS);
        assert_eq!(common.num_gate_constraints, GATE_CONSTRAINTS);
        assert_eq!(common.num_partial_products, PARTIAL_PRODUCTS);
        assert_eq!((common.config.num_wires, common.config.num_routed_wires), (WIRES, ROUTED));
        assert_eq!(common.config.fri_config.num_query_rounds, QUERIES);
        assert_eq!(common.fri_params.reduction_arity_bits, [ARITY_LOG as usize; STEPS]);
        assert!(common.fri_params.hiding);
        let shifts = common.k_is.windows(2).all(|k| k[1] == k[0] * Theirs::from_canonical_u64(COSET_SHIFT));
        assert!(shifts && common.k_is[0] == Theirs::ONE);
        let groups = format!("groups: {GROUPS:?}");
        assert!(format!("{:?}", common.selectors_info).contains(&groups), "{:?}", common.selectors_info);
    }
}
