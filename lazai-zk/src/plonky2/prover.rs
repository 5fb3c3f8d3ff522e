//! Proving: a dataset in, a blinded proof of its statement out.

use lazai_core::pov::Dataset;
use lazai_core::{Address, LedgerId, SubmissionId};
use plonky2::util::serialization::Write;
use thiserror::Error;

use super::circuit::DatasetCircuit;
use super::verifier::{key_bytes, key_digest, verifier_key_digest};
use crate::commitment::leaf_data;
use crate::proof::Proof;
use crate::statement::{Statement, VOCAB_SIZE};

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The backend refused: a fault of this library.
    #[error("prover: {reason}")]
    Backend {
        /// What it said.
        reason: String,
    },
    /// A tokenizer of another size than the circuit knows.
    #[error("vocabulary of {found} tokens, the circuit of this version is for {expected}")]
    UnsupportedVocabulary {
        /// Size of the dataset's vocabulary.
        found: u32,
        /// Size that the circuit is for.
        expected: u32,
    },
}

/// A prover: builds its circuit once (seconds), then proves any number of datasets.
pub struct Prover {
    circuit: DatasetCircuit,
}

impl Prover {
    /// Builds the circuit, and checks that it is the one whose key this crate pins.
    ///
    /// # Errors
    /// [`ProveError::Backend`] if the circuit came out different.
    pub fn new() -> Result<Self, ProveError> {
        let circuit = DatasetCircuit::build();
        tracing::debug!(rows_log2 = circuit.data.common.degree_bits(), "circuit built");
        let built = key_digest(&key_bytes(&circuit.data.verifier_data())?);
        let pinned = verifier_key_digest();
        if built != pinned {
            return Err(ProveError::Backend { reason: format!("circuit built with key {built}, pinned is {pinned}") });
        }
        Ok(Self { circuit })
    }

    /// Proves what is true of a dataset, bound to a ledger, a submitter and a submission.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn prove(
        &self,
        dataset: &Dataset,
        ledger: LedgerId,
        submitter: Address,
        submission: SubmissionId,
    ) -> Result<(Statement, Proof), ProveError> {
        let statement = Statement::of(dataset, ledger, submitter, submission);
        let found = statement.vocab_size;
        let unsupported = ProveError::UnsupportedVocabulary { found, expected: VOCAB_SIZE };
        let inputs = statement.public_inputs().ok_or(unsupported)?;
        let backend = |reason: String| ProveError::Backend { reason };
        let witness = self.circuit.witness(&leaf_data(dataset), &inputs).map_err(backend)?;
        let proved = self.circuit.data.prove(witness).map_err(|e| backend(e.to_string()))?;
        let mut body = Vec::new();
        body.write_proof(&proved.proof).map_err(|_| backend("proof is not writable".into()))?;
        Ok((statement, Proof::new(verifier_key_digest(), body)))
    }

    /// The bytes of the verifier's key: the file `keys/dataset-v1.vk`.
    ///
    /// # Errors
    /// [`ProveError::Backend`] if the key cannot be written.
    pub fn build_verifier_key() -> Result<Vec<u8>, ProveError> {
        key_bytes(&DatasetCircuit::build().data.verifier_data())
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prover {{ key: {} }}", verifier_key_digest())
    }
}
