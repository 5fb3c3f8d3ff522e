//! The plonky2 backend: the only place that names it.

use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::plonk::config::PoseidonGoldilocksConfig;

mod arithmetic;
mod cache;
mod chunk;
mod chunks;
mod circuits;
mod prover;
mod reference;
mod setup;
#[cfg(test)]
mod soundness;
mod work;

pub use prover::{ProveError, ProveProgress, ProveStage, Prover};
pub use reference::Plonky2Verifier;
pub use setup::{Keys, build_keys};

/// The field.
type F = GoldilocksField;
/// Poseidon for everything that recursion must hash.
type C = PoseidonGoldilocksConfig;
/// Degree of the extension that challenges come from.
const D: usize = 2;

/// The outer circuit as plonky2 describes it.
#[cfg(test)]
pub(crate) fn outer_common() -> plonky2::plonk::circuit_data::CommonCircuitData<F, D> {
    setup::Setup::pinned().outer
}
