//! The plonky2 backend. Nothing outside this folder names plonky2.

mod arithmetic;
mod circuit;
mod length_gate;
mod prover;
mod token_gate;
mod verifier;

pub use prover::{ProveError, Prover};
pub use verifier::{Verifier, VerifyError, verifier_key_digest};

use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::plonk::config::PoseidonGoldilocksConfig;

type F = GoldilocksField;
type C = PoseidonGoldilocksConfig;
const D: usize = 2;
