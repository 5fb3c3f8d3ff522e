//! The verifier: plain Rust, no backend, no threads, nothing allocated beyond the proof's own fixed size, no panic.
//!
//! Of joined proofs it checks the outer one alone; that one vouches for all that is inside. Proofs of one STARK it leaves to
//! [`StarkVerifier`]. Field elements must be canonical, so a
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
use crate::whole::{self, StarkVerifier};
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
    /// It was made for another verifier's key, or another's parameters.
    #[error("proof is of key {found}, expected {expected}")]
    OtherCircuit {
        /// The newest that this verifier takes.
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

/// Digest of the newest that verifiers take: part of every trust anchor. It stands for the parameters of one STARK, and for the pinned
/// keys before them.
#[must_use]
pub fn verifier_key_digest() -> Digest {
    whole::digest()
}

/// What proofs are made for.
#[derive(Debug, Clone)]
enum Taken {
    /// Circuits, by their key.
    Joined(VerifierKey),
    /// The rules of one STARK, which have no key.
    Stark,
}

/// All that this crate takes, the oldest first.
fn known() -> &'static [(Digest, Taken)] {
    use std::sync::OnceLock;
    static KNOWN: OnceLock<Vec<(Digest, Taken)>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let joined = VerifierKey::known().iter().map(|key| (key.digest(), Taken::Joined(key.clone())));
        joined.chain([(whole::digest(), Taken::Stark)]).collect()
    })
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
    /// The oldest first.
    taken: Vec<(Digest, Taken)>,
}

impl Verifier {
    /// The verifier of all that this crate knows: proofs of the circuits in it, of those before them, and of one STARK.
    #[must_use]
    pub fn new() -> Self {
        Self { taken: known().to_vec() }
    }

    /// The verifier of what this crate's provers make, and nothing earlier.
    #[must_use]
    pub fn newest() -> Self {
        let pinned = VerifierKey::pinned().digest();
        Self { taken: known().iter().skip_while(|(digest, _)| *digest != pinned).cloned().collect() }
    }

    /// The verifier for a digest that this crate knows, and those before it; `None` for any other.
    #[must_use]
    pub fn trusting(digest: Digest) -> Option<Self> {
        let place = known().iter().position(|(known, _)| *known == digest)?;
        Some(Self { taken: known().iter().take(place + 1).cloned().collect() })
    }

    /// A verifier for a key that the caller trusts, of circuits of the same shape.
    #[must_use]
    pub fn with_key(key: VerifierKey) -> Self {
        Self { taken: vec![(key.digest(), Taken::Joined(key))] }
    }

    /// Digest of the newest that it takes.
    #[must_use]
    pub fn key_digest(&self) -> Digest {
        self.taken.last().map_or(Digest::ZERO, |(digest, _)| *digest)
    }

    /// Checks that a proof proves a statement; any bytes are safe.
    ///
    /// # Errors
    /// [`VerifyError`]: malformed, of another circuit, of an impossible statement, or rejected.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> Result<(), VerifyError> {
        let found = proof.key_digest();
        let named = self.taken.iter().find(|(digest, taken)| *digest == found && taken.is_stark() == proof.is_stark());
        let (_, taken) = named.ok_or_else(|| VerifyError::OtherCircuit { expected: self.key_digest(), found })?;
        let Taken::Joined(key) = taken else { return StarkVerifier::new().verify(statement, proof) };
        let key = key.at(proof.depth()).ok_or(VerifyError::Malformed { reason: "depth beyond the key's" })?;
        let inputs = statement.public_inputs()?;
        verify_body(key, &inputs, proof.body())
    }
}

impl Taken {
    fn is_stark(&self) -> bool {
        matches!(self, Self::Stark)
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
