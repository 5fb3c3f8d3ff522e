//! The shape of the outer circuit: the same at every depth, and checked against plonky2's own description in tests.

use super::gates::Gate;

/// Logarithm of the number of rows.
pub(super) const DEGREE_LOG: u32 = 13;
/// Logarithm of the blow-up: rate 1/8.
const RATE_LOG: u32 = 3;
/// Logarithm of the evaluation domain.
pub(super) const DOMAIN_LOG: u32 = DEGREE_LOG + RATE_LOG;
/// Height of Merkle caps: 16 hashes.
const CAP_LOG: u32 = 4;
/// FRI queries: three bits each, with grinding 100.
pub(super) const QUERIES: usize = 28;
/// Bits of grinding.
pub(super) const POW_BITS: u32 = 16;
/// Logarithm of the factor by which each step folds.
pub(super) const ARITY_LOG: u32 = 2;
/// The factor by which each step folds.
pub(super) const ARITY: usize = 1 << ARITY_LOG;
/// Steps of folding.
pub(super) const STEPS: usize = 5;
/// Coefficients of the polynomial that is left.
pub(super) const FINAL_POLY: usize = 1 << (DEGREE_LOG - ARITY_LOG * STEPS as u32);
/// Siblings in the path of a committed polynomial's leaf.
pub(super) const PATH: usize = (DOMAIN_LOG - CAP_LOG) as usize;
/// Siblings in the path of each step's leaf.
pub(super) const STEP_PATHS: [usize; STEPS] = [PATH - 2, PATH - 4, PATH - 6, PATH - 8, PATH - 10];
/// The bound at which folding stops: no more coefficients than 2^4.
pub(super) const FINAL_POLY_LOG: u64 = 4;
/// Random elements at the end of each blinded leaf.
pub(super) const SALT: usize = 4;

/// Wires of a row.
pub(super) const WIRES: usize = 135;
/// Wires that copies can connect.
pub(super) const ROUTED: usize = 80;
/// Selectors, then the gates' constants.
pub(super) const CONSTANTS: usize = GROUPS.len() + GATE_CONSTANTS;
/// Constants of a gate.
pub(super) const GATE_CONSTANTS: usize = 2;
/// Independent challenges: each check is made twice.
pub(super) const CHALLENGES: usize = 2;
/// Degree bound of constraints, and so parts of the quotient.
pub(super) const MAX_DEGREE: usize = 8;
/// Intermediate products of the permutation argument.
pub(super) const PARTIAL_PRODUCTS: usize = ROUTED.div_ceil(MAX_DEGREE) - 1;
/// Polynomials of the permutation argument.
pub(super) const ZS: usize = CHALLENGES * (1 + PARTIAL_PRODUCTS);
/// Parts of all quotients.
pub(super) const QUOTIENT: usize = CHALLENGES * MAX_DEGREE;
/// Most constraints of a gate.
pub(super) const GATE_CONSTRAINTS: usize = 123;

/// The gates, by degree.
pub(super) const GATES: [Gate; 13] = [
    Gate::Noop,
    Gate::Constant,
    Gate::PoseidonMds,
    Gate::PublicInput,
    Gate::BaseSum,
    Gate::ReducingExtension,
    Gate::Reducing,
    Gate::ArithmeticExtension,
    Gate::Arithmetic,
    Gate::MulExtension,
    Gate::RandomAccess,
    Gate::CosetInterpolation,
    Gate::Poseidon,
];
/// The gates that share a selector.
pub(super) const GROUPS: [std::ops::Range<usize>; 3] = [0..7, 7..11, 11..13];
