//! The prover by Plonky3: a dataset of one chunk as one STARK, masked, without recursion, on plain stable Rust. It is the only place
//! that names Plonky3.

mod air;
mod bytes;
mod config;
mod prover;
#[cfg(test)]
mod tests;

pub use prover::{StarkError, StarkProver};
