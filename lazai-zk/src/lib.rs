//! Statements about datasets, and zero-knowledge proofs of them.
//!
//! # What a proof says
//!
//! Somebody knows a dataset of at most [`MAX_RECORDS`](lazai_core::pov::MAX_RECORDS) records such that
//! - the public root is the Merkle root over salted leaves of exactly these records;
//! - every record holds 1 to 256 tokens, and every one of them lies inside the vocabulary of 49,152;
//! - the numbers of records and of tokens per contributor are the public ones;
//! - and she made the proof for this ledger, this submitter, this submission, this tokenizer and this table of
//!   contributors: the same proof is refused for any other.
//!
//! # What it does not say
//!
//! That the text is any good, that it is hers, that no record stands there twice, that the contributors agreed
//! (their signatures say so, checked by the ExEx, which sees the records), or that training used it. A dataset
//! of random tokens has a valid proof.
//!
//! # Security
//!
//! plonky2's standard recursion configuration with blinding: 100 bits conjectured (28 FRI queries at rate 1/8,
//! 16 bits of grinding), over the Goldilocks field with Poseidon. The verifier's key is a file in this crate,
//! pinned by digest.
//!
//! | module | holds |
//! |---|---|
//! | [`poseidon`] | the hash of the commitment |
//! | [`commitment`] | leaves and roots of a dataset, computed without any prover |
//! | [`statement`] | the public inputs, free of any backend |
//! | [`proof`] | versioned bytes, capped |
//! | `plonky2` (feature) | circuit, prover, verifier: the only place that names plonky2 |

pub mod commitment;
mod field;
pub mod key;
pub mod opening;
#[cfg(feature = "plonky2")]
mod plonky2;
pub mod poseidon;
pub mod proof;
pub mod source;
pub mod statement;
pub mod verifier;

#[cfg(feature = "plonky2")]
pub use crate::plonky2::{Keys, Plonky2Verifier, Progress, ProveError, Prover, Stage, build_keys};
pub use key::VerifierKey;
pub use proof::Proof;
pub use source::{CommitError, Commitment, Source};
pub use statement::{Binding, Share, Statement, StatementError};
pub use verifier::{Verifier, VerifyError, verifier_key_digest};
