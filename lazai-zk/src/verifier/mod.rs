//! The verifier: plain Rust, no backend, no threads, nothing allocated beyond the proof's own fixed size, no panic.
//!
//! It checks the outer proof alone; that one vouches for all that is inside. Field elements must be canonical, so a
//! proof has one spelling. Tests run plonky2's own verifier beside it on every proof, honest and damaged.

mod body;
#[cfg(test)]
mod damage;
mod fri;
mod gates;
mod plonk;
mod shape;
mod transcript;

use lazai_core::Digest;
use thiserror::Error;

use crate::key::{OuterKey, VerifierKey};
use crate::poseidon::{HashOut, sponge};
use crate::proof::Proof;
use crate::statement::{PUBLIC_INPUTS, Statement, StatementError};
use body::Body;
use plonk::Challenges;
use shape::{ARITY_LOG, CHALLENGES, DEGREE_LOG, FINAL_POLY_LOG, POW_BITS, QUERIES, STEPS};
use transcript::Transcript;

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes are no proof of this circuit's shape, or not in canonical form.
    #[error("proof is malformed: {reason}")]
    Malformed {
        /// The expectation.
        reason: &'static str,
    },
    /// It was made for another verifier's key.
    #[error("proof is of key {found}, expected {expected}")]
    OtherCircuit {
        /// Newest key of this verifier.
        expected: Digest,
        /// Key that the proof names.
        found: Digest,
    },
    /// The statement is one that no circuit can have.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It does not prove this statement.
    #[error("proof is rejected: {reason}")]
    Rejected {
        /// The failed check.
        reason: &'static str,
    },
}

/// Digest of the pinned verifier's key: part of every trust anchor.
#[must_use]
pub fn verifier_key_digest() -> Digest {
    let [.., newest] = known_digests();
    *newest
}

/// Digests of [`VerifierKey::known`].
fn known_digests() -> &'static [Digest; 2] {
    use std::sync::OnceLock;
    static DIGESTS: OnceLock<[Digest; 2]> = OnceLock::new();
    DIGESTS.get_or_init(|| VerifierKey::known().each_ref().map(VerifierKey::digest))
}

/// A verifier of dataset proofs. It takes milliseconds.
///
/// ```
/// use lazai_zk::{Proof, Statement, Verifier, VerifyError};
///
/// let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/zk/");
/// let statement = Statement::from_bytes(&std::fs::read(format!("{vectors}statement.json"))?)?;
/// let mut bytes = std::fs::read(format!("{vectors}proof.bin"))?;
/// let verifier = Verifier::new();
/// verifier.verify(&statement, &Proof::from_bytes(&bytes)?)?;
/// assert_eq!(statement.records(), 24);
///
/// bytes[100_000] ^= 1;
/// let refused = verifier.verify(&statement, &Proof::from_bytes(&bytes)?);
/// assert!(matches!(refused, Err(VerifyError::Rejected { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    newest: (Digest, VerifierKey),
    earlier: Vec<(Digest, VerifierKey)>,
}

impl Verifier {
    /// The verifier for the keys that this crate carries: proofs of the circuits in it, and of those before them.
    #[must_use]
    pub fn new() -> Self {
        Self::of(VerifierKey::known().len() - 1)
    }

    /// The verifier for proofs of the circuits in this crate alone.
    #[must_use]
    pub fn newest() -> Self {
        Self::with_key(VerifierKey::pinned().clone())
    }

    /// The verifier for a key that this crate carries, and those before it; `None` for a digest of another key.
    #[must_use]
    pub fn trusting(digest: Digest) -> Option<Self> {
        known_digests().iter().position(|known| *known == digest).map(Self::of)
    }

    /// For the key at a place among those known, and the ones before it.
    fn of(place: usize) -> Self {
        let mut keys: Vec<_> =
            known_digests().iter().copied().zip(VerifierKey::known().iter().cloned()).take(place + 1).collect();
        let newest = keys.pop().unwrap_or_else(|| (verifier_key_digest(), VerifierKey::pinned().clone()));
        Self { newest, earlier: keys }
    }

    /// A verifier for a key that the caller trusts, of circuits of the same shape.
    #[must_use]
    pub fn with_key(key: VerifierKey) -> Self {
        Self { newest: (key.digest(), key), earlier: Vec::new() }
    }

    /// Digest of its newest key.
    #[must_use]
    pub fn key_digest(&self) -> Digest {
        self.newest.0
    }

    /// Checks that a proof proves a statement; any bytes are safe.
    ///
    /// # Errors
    /// [`VerifyError`]: malformed, of another circuit, of an impossible statement, or rejected.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> Result<(), VerifyError> {
        let (expected, found) = (self.newest.0, proof.key_digest());
        let named = std::iter::once(&self.newest).chain(&self.earlier).find(|(digest, _)| *digest == found);
        let (_, key) = named.ok_or(VerifyError::OtherCircuit { expected, found })?;
        let key = key.at(proof.depth()).ok_or(VerifyError::Malformed { reason: "depth beyond the key's" })?;
        let inputs = statement.public_inputs()?;
        verify_body(key, &inputs, proof.body())
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// plonky2's verification of a proof of the outer circuit's shape.
fn verify_body(key: &OuterKey, inputs: &[u64; PUBLIC_INPUTS], bytes: &[u8]) -> Result<(), VerifyError> {
    let body = Body::read(bytes)?;
    let inputs = sponge(inputs);
    let (challenges, transcript) = draw(key, inputs, &body);
    if !plonk::holds(&body.openings, &challenges, inputs) {
        return Err(VerifyError::Rejected { reason: "constraints" });
    }
    fri::check(&body, &key.cap, challenges.zeta, transcript).map_err(|reason| VerifyError::Rejected { reason })
}

/// The challenges of the identity, and the transcript after them.
fn draw(key: &OuterKey, inputs: HashOut, body: &Body) -> (Challenges, Transcript) {
    let mut transcript = Transcript::default();
    // The parameters of FRI: rate, cap, grinding, how it folds, queries; blinding, rows, each fold.
    transcript.observe_all(&[3, 4, POW_BITS.into(), 1, ARITY_LOG.into(), FINAL_POLY_LOG, QUERIES as u64]);
    transcript.observe_all(&[1, DEGREE_LOG.into()]);
    transcript.observe_all(&[u64::from(ARITY_LOG); STEPS]);
    transcript.observe_hashes(&[key.digest, inputs]);
    transcript.observe_hashes(&body.wires_cap);
    let pair = |transcript: &mut Transcript| -> [u64; CHALLENGES] { [transcript.challenge(), transcript.challenge()] };
    let betas = pair(&mut transcript);
    let gammas = pair(&mut transcript);
    transcript.observe_hashes(&body.zs_cap);
    let alphas = pair(&mut transcript);
    transcript.observe_hashes(&body.quotient_cap);
    let zeta = transcript.extension_challenge();
    (Challenges { betas, gammas, alphas, zeta }, transcript)
}
