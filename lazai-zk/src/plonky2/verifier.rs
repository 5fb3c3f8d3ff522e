//! Verifying, with plonky2's own verifier behind a parser that bounds and checks everything first.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use plonky2::field::types::Field;
use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::base_sum::BaseSumGate;
use plonky2::gates::constant::ConstantGate;
use plonky2::gates::noop::NoopGate;
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::public_input::PublicInputGate;
use plonky2::plonk::circuit_data::VerifierCircuitData;
use plonky2::plonk::proof::ProofWithPublicInputs;
use plonky2::util::serialization::{Buffer, GateSerializer, Read, Write};
use plonky2::{get_gate_tag_impl, impl_gate_serializer, read_gate_impl};
use std::sync::OnceLock;
use thiserror::Error;

use super::length_gate::LengthGate;
use super::prover::ProveError;
use super::token_gate::TokenGate;
use super::{C, D, F};
use crate::proof::Proof;
use crate::statement::Statement;

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes are no proof of this circuit's shape, or not in canonical form.
    #[error("proof is malformed: {reason}")]
    Malformed {
        /// What was expected.
        reason: &'static str,
    },
    /// It was made for another verifier's key.
    #[error("proof is of circuit {found}, expected {expected}")]
    OtherCircuit {
        /// Key of this verifier.
        expected: Digest,
        /// Key that the proof names.
        found: Digest,
    },
    /// It does not prove this statement.
    #[error("proof is rejected: {reason}")]
    Rejected {
        /// Which check failed.
        reason: String,
    },
}

/// The verifier's key of the dataset circuit, version 1.
static KEY: &[u8] = include_bytes!("../../keys/dataset-v1.vk");

/// Digest of the verifier's key: part of every trust anchor.
#[must_use]
pub fn verifier_key_digest() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| key_digest(KEY))
}

pub(super) fn key_digest(key: &[u8]) -> Digest {
    DomainHasher::new("lazai.zk.key.v1").part(key).finish()
}

pub(super) fn key_bytes(data: &VerifierCircuitData<F, C, D>) -> Result<Vec<u8>, ProveError> {
    data.to_bytes(&Gates).map_err(|_| ProveError::Backend { reason: "key is not writable".into() })
}

/// A verifier of dataset proofs. It needs no circuit, only the key, and takes milliseconds.
pub struct Verifier {
    data: VerifierCircuitData<F, C, D>,
}

impl Verifier {
    /// The verifier for the key that this crate carries.
    #[must_use]
    pub fn new() -> Self {
        let data = VerifierCircuitData::from_bytes(KEY.to_vec(), &Gates)
            .expect("the key in this crate was written by the same code");
        Self { data }
    }

    /// Checks that a proof proves a statement, whatever its bytes.
    ///
    /// plonky2 panics on some malformed proofs (in builds with debug assertions, on field elements that are not below
    /// the order); such a panic is caught and given as [`VerifyError::Malformed`]. A program built with
    /// `panic = "abort"` cannot catch it.
    ///
    /// # Errors
    /// [`VerifyError`]: malformed, of another circuit, or rejected.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> Result<(), VerifyError> {
        let expected = verifier_key_digest();
        if proof.key_digest() != expected {
            return Err(VerifyError::OtherCircuit { expected, found: proof.key_digest() });
        }
        let inputs = statement
            .public_inputs()
            .ok_or_else(|| VerifyError::Rejected { reason: "the statement is of no circuit of this version".into() })?;
        // plonky2's reader and verifier check some shapes late; a panic there is a malformed proof.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.verify_body(&inputs, proof.body())))
            .unwrap_or(Err(VerifyError::Malformed { reason: "shape" }))
    }

    fn verify_body(&self, inputs: &[u64], body: &[u8]) -> Result<(), VerifyError> {
        // Lengths inside come from the key or are single bytes, so reading allocates within the proof's size.
        let mut buffer = Buffer::new(body);
        let parsed = buffer
            .read_proof::<F, C, D>(&self.data.common)
            .map_err(|_| VerifyError::Malformed { reason: "cut short" })?;
        // Writing it again finds trailing bytes and field elements that are not below the order: either would
        // give one proof many spellings.
        let mut again = Vec::with_capacity(body.len());
        again.write_proof(&parsed).map_err(|_| VerifyError::Malformed { reason: "not writable" })?;
        if again != body {
            return Err(VerifyError::Malformed { reason: "not in canonical form" });
        }
        let public_inputs = inputs.iter().map(|&i| F::from_canonical_u64(i)).collect();
        self.data
            .verify(ProofWithPublicInputs { proof: parsed, public_inputs })
            .map_err(|e| VerifyError::Rejected { reason: e.to_string() })
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier {{ key: {} }}", verifier_key_digest())
    }
}

/// The gates of the circuit, for writing and reading the key.
struct Gates;

impl GateSerializer<F, D> for Gates {
    impl_gate_serializer! {
        Gates,
        ArithmeticGate,
        BaseSumGate<4>,
        ConstantGate,
        LengthGate,
        NoopGate,
        PoseidonGate<F, D>,
        PublicInputGate,
        TokenGate
    }
}
