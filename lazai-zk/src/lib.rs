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
//! Only the outer proof leaves the prover's machine, and it is blinded: it is made to show nothing else of the records. That it
//! shows nothing else is not proven: see [below](#what-it-tells-beside).
//!
//! # What it does not say
//!
//! - **That the text is any good.** Random numbers have a valid proof: the committed one in `vectors/zk/` is of such a dataset.
//! - **That it is the contributor's own.** Contributors sign the roots of their records, and that signature is all there is.
//! - **That records differ in more than a token.** Only exact repetition is excluded: the same text with a token 0 behind it is
//!   another record. Near duplicates are removed when data is prepared, which nobody proves.
//! - **That a licence is true.** It is the one that was declared.
//! - **That anything [declared](statement::Declared) is true**: prompts, voice, tokenizer, accounts. The proof is bound to
//!   it; a party that holds the data can recompute it.
//! - **That a ciphertext holds these records.** Nothing proved binds the one to the other; who decrypts it recomputes the root.
//! - **That anything was trained on it.** The training record claims that, signed by the ExEx.
//!
//! A proof is no name of its statement: one statement has many proofs, and of several depths.
//!
//! # What it tells beside
//!
//! - The statement is public: for each contributor the numbers of records and tokens. The one record of a contributor with one record
//!   has as many tokens as the contributor. The longest record is told as a power of two.
//! - The voice's digest is salted, as leaves are; the number of its frames is not hidden.
//! - Blinding follows plonky2 1.1: random rows, salted leaves. Its authors have an open issue
//!   ([1605](https://github.com/0xPolygonZero/plonky2/issues/1605)) that this is not proven zero-knowledge: FRI's batch is not masked, parts of
//!   the quotient are not randomised, the count of random rows is to be examined again. No attack is published; a proof
//!   that there is none does not exist.
//!
//! # Who could cheat, and how
//!
//! | adversary | attempt | defence |
//! |---|---|---|
//! | creator | other records than committed, false totals, duplicates, foreign tokens | the circuits (see [`Statement`]) |
//! | creator | one contributor's records counted under two names | [`Statement`]: the circuits take contributors in any order |
//! | creator | a collision of the hash, a false proof | Poseidon and FRI: see below |
//! | contributor | two records that differ and have one key, so that the dataset has no proof | [`CommitError::Collision`] names them |
//! | anyone | to submit somebody else's proof as one's own, or again | the binding |
//! | anyone | another spelling of the same proof | canonical bytes only |
//! | anyone | bytes that crash or exhaust a verifier | sizes known before reading, no panics, fuzzing |
//! | reader of root and statement | to test guesses of a record or a recording | 192 bits of salt in each leaf, 256 in the voice's digest |
//! | reader of the proof | to learn of records from opened values | blinding, as far as above |
//! | helper who proves for the creator | to learn records | nothing: inner proofs are not blinded. Prove where the data may be |
//! | anyone who can write the circuits' cache | to have false proofs accepted | verifiers read nothing there; provers check the pinned key |
//!
//! # Security
//!
//! Bits of soundness, round by round, of each part; a test computes them from the circuits' parameters by `p3-security` 0.8.
//! *Conjectured* is up to the list-decoding capacity, as corrected in 2025 (ePrint 2025/2010): that each query gives
//! log2(1/rate) bits, as was believed, is known to be false. *Proven* is up to Johnson's bound, and up to unique decoding.
//!
//! | part | conjectured | proven, Johnson | proven, unique decoding |
//! |---|---|---|---|
//! | FRI of the outer proof | 98 | 57 | 39 |
//! | FRI of joins | 98 | 57 | 39 |
//! | FRI of chunks' circuits | 98 | 59 | 41 |
//! | FRI of chunks' STARKs | 97 | 57 | 50 |
//! | copies, chunks' circuits | 87 | 87 | 87 |
//! | copies, joins and the outer proof | 89 | 89 | 89 |
//! | lookups, three challenges | 122 | 122 | 122 |
//! | lookups, two challenges: the key of version 2 | 81 | 81 | 81 |
//! | a STARK of a whole dataset | 100 | 58 | 45 |
//!
//! Take the weakest for the whole: 87 bits conjectured (81 under the key of version 2), 57 proven. All of it rests on Poseidon of
//! width 12: transcript, Merkle trees and the commitment. Its digests have 256 bits, and generic collisions cost 2^128; by the analysis of
//! Bariant, Bouvier, Leurent and Perrin (2022), plonky2's authors put this instance at **about 95 bits**. The comparison of keys is
//! over the 128-bit extension: 2^-100 for 2^24 records.
//!
//! A proof that is one STARK ([`StarkVerifier`]) stands alone on its last line and on SHA-256; Poseidon is in its rules, for the commitment.
//!
//! The chain of a record ([`poseidon::absorb`]) is a sponge whose output is its whole inner state, without feed-forward: preimages
//! are found by meeting in the middle at the cost of collisions. That is enough under salts of 192 bits; do not use it where
//! preimages must be harder than collisions.
//!
//! Nothing here was audited by others. Verifiers' keys are pinned: [`verifier_key_digest`] gives the newest one's digest, which belongs
//! into every trust anchor; proofs name theirs, and those of earlier keys are verified, too
//! ([`Verifier::newest`] refuses them). An error tells *malformed*, *of another circuit* and *rejected* apart ([`VerifyError`]).
//!
//! | module | holds |
//! |---|---|
//! | [`statement`] | the proved and the declared part, free of any backend |
//! | [`commitment`], [`poseidon`] | leaves, trees and roots, computed without any prover |
//! | [`source`] | datasets in memory or on disk, committed to in one pass |
//! | [`opening`] | one record, prompt or contributor shown without the others |
//! | [`proof`], [`key`], [`verifier`] | bytes, the pinned key, and the verifier: plain Rust |
//! | `whole` | proofs that are one STARK: their layout and [their verifier](StarkVerifier), plain Rust |
//! | `p3` (feature) | [their prover](StarkProver), on plain stable: the only place that names Plonky3 |
//! | `plonky2` (feature) | circuits and prover: the only place that names plonky2 |

#[cfg_attr(not(feature = "plonky2"), allow(dead_code, reason = "plonky2 has shapes and states of its own"))]
mod chunk;
pub mod commitment;
mod field;
pub mod key;
pub mod opening;
#[cfg(feature = "p3")]
mod p3;
#[cfg(feature = "plonky2")]
mod plonky2;
pub mod poseidon;
pub mod proof;
pub mod source;
pub mod statement;
pub mod verifier;
mod whole;

#[cfg(feature = "p3")]
pub use crate::p3::{StarkError, StarkProver};
#[cfg(feature = "plonky2")]
pub use crate::plonky2::{Keys, Plonky2Verifier, ProveError, ProveProgress, ProveStage, Prover, build_keys};
pub use key::VerifierKey;
pub use proof::Proof;
pub use source::{CommitError, Commitment, RecordSource};
pub use statement::{Binding, Share, Statement, StatementError};
pub use verifier::{Verifier, VerifyError, verifier_key_digest};
pub use whole::StarkVerifier;
