//! Statements about datasets, zero-knowledge proofs of them, and a verifier that anyone can embed.
//!
//! # What a proof says
//!
//! Somebody knows a dataset such that, in the words of [`Statement`],
//! - [`proved.root`](statement::Proved::root) is the commitment to exactly these records, each with a salt
//!   ([`commitment`]);
//! - the numbers of records and tokens of each contributor are the public ones, and the contributor's Merkle root is over
//!   the contributor's records alone;
//! - every record has at least one token and at most the public number, every token is below the public vocabulary size, and
//!   the padding of a record is zero;
//! - no two records have the same tokens, whoever contributed them;
//! - every record's licence is among the declared ones;
//! - and the proof is made for this ledger, this submitter, this submission and these declarations: it is refused for any
//!   other.
//!
//! The proof shows nothing else of the records: only the outer proof leaves the prover's machine, and it is blinded.
//!
//! # What it does not say
//!
//! - **That the text is any good.** Random numbers have a valid proof: the committed one in `vectors/zk/` is of such a dataset.
//! - **That it is the contributor's own.** Contributors sign the roots of their records, and that signature is all there is.
//! - **That records differ in more than a token.** Only exact repetition is excluded; near duplicates are removed when data
//!   is prepared, which nobody proves.
//! - **That a licence is true.** It is the one that was declared.
//! - **That anything [declared](statement::Declared) is true**: prompts, voice, tokenizer, accounts. The proof is bound to
//!   it; a party that holds the data can recompute it.
//! - **That anything was trained on it.** The training record claims that, signed by the ExEx.
//!
//! # Who could cheat, and how
//!
//! | adversary | attempt | defence |
//! |---|---|---|
//! | creator | other records than committed, false totals, duplicates, foreign tokens | the circuits (see [`Statement`]) |
//! | creator | a collision of the hash, a false proof | Poseidon and FRI: see below |
//! | anyone | to submit somebody else's proof as one's own, or again | the binding |
//! | anyone | another spelling of the same proof | canonical bytes only |
//! | anyone | bytes that crash or exhaust a verifier | sizes known before reading, no panics, fuzzing |
//! | reader of proof and root | to test guesses of a record | 192 bits of salt in each leaf, blinding of the outer proof |
//! | helper who proves for the creator | to learn records | nothing: inner proofs are not blinded. Prove where the data may be |
//! | anyone who can write the circuits' cache | to have false proofs accepted | verifiers read nothing there; provers check the pinned key |
//!
//! # Security
//!
//! Conjectured, as for every system of this family, that FRI's soundness is that of its rate: each query gives log2(1/rate)
//! bits. The outer proof: 28 queries of 3 bits and 16 bits of grinding, **100**. Joins: the same. Chunks' circuits: 27 queries of
//! 3 bits and 19 of grinding, 100. Chunks' STARKs: 84 queries of 1 bit and 16 of grinding, 100. (Proven bounds give about
//! half of that.) Lookups, copies and constraints are each checked at two independent challenges of the 64-bit field; the
//! weakest, lookups of a large chunk with 2^22 terms, fails with probability 2^-42 each, **2^-84** together, and copies in
//! plonky2 itself are near that: take **84 bits** for the whole. Poseidon of width 12 with 256-bit digests: 128 bits against
//! collisions. The comparison of keys is over the 128-bit extension: 2^-100 for 2^24 records.
//!
//! Nothing here was audited by others. The verifier's key is pinned: [`verifier_key_digest`] gives its digest, which belongs
//! into every trust anchor; an error tells *malformed*, *of another circuit* and *rejected* apart ([`VerifyError`]).
//!
//! | module | holds |
//! |---|---|
//! | [`statement`] | the proved and the declared part, free of any backend |
//! | [`commitment`], [`poseidon`] | leaves, trees and roots, computed without any prover |
//! | [`source`] | datasets in memory or on disk, committed to in one pass |
//! | [`opening`] | one record, prompt or contributor shown without the others |
//! | [`proof`], [`key`], [`verifier`] | bytes, the pinned key, and the verifier: plain Rust |
//! | `plonky2` (feature) | circuits and prover: the only place that names plonky2 |

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
pub use crate::plonky2::{Keys, Plonky2Verifier, ProveError, ProveProgress, ProveStage, Prover, build_keys};
pub use key::VerifierKey;
pub use proof::Proof;
pub use source::{CommitError, Commitment, RecordSource};
pub use statement::{Binding, Share, Statement, StatementError};
pub use verifier::{Verifier, VerifyError, verifier_key_digest};
