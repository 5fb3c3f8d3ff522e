//! The training record: everything needed to repeat a run, and who could read the data.

use lazai_core::digest::{CanonicalError, canonical_digest};
use lazai_core::sign::Encoder;
use lazai_core::{Address, Digest, LedgerId, SubmissionId, TypedData};
use serde::{Deserialize, Serialize};

use crate::adapter::LoraConfig;
use crate::train::TrainConfig;

/// How an adapter came to be. Integers throughout, so that its canonical form is the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The ledger that the submission is on.
    pub ledger: LedgerId,
    /// What it was trained on.
    pub submission: SubmissionId,
    /// Root of the dataset, recomputed from the decrypted records.
    pub dataset_root: Digest,
    /// Contributors and the tokens each gave.
    pub contributors: Vec<(Address, u64)>,
    /// SHA-256 of the base model's file.
    pub base_digest: Digest,
    /// Digest of the tokenizer.
    pub tokenizer_digest: Digest,
    /// Shape of the adapter.
    pub lora: LoraConfig,
    /// Hyper-parameters and seed.
    pub train: TrainConfig,
    /// Steps that were made.
    pub steps: u32,
    /// Tokens that were seen, repeats included.
    pub tokens: u64,
    /// Mean loss of each step, in millionths of a nat per learnt token.
    pub loss_micronats: Vec<u64>,
    /// SHA-256 of the adapter's weights file.
    pub adapter_digest: Digest,
    /// Kind of device: `cpu`, `cuda` or `metal`.
    pub device: String,
    /// Version of this library.
    pub software: String,
    /// Accounts that could read the private data.
    pub readers: Vec<Address>,
}

impl TrainingRecord {
    /// The digest that the ExEx signs and the DAT carries.
    ///
    /// # Errors
    /// Never for values built in Rust; [`CanonicalError`] is the type of canonical JSON.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical_digest("lazai.training.v1", self)
    }
}

/// What the ExEx signs: that she made this record, for this submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordClaim {
    /// The submission.
    pub submission: SubmissionId,
    /// Digest of the record.
    pub record: Digest,
}

impl TypedData for RecordClaim {
    const TYPE: &'static str = "TrainingRecord(bytes32 submission,bytes32 record)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.bytes32(self.record);
    }
}
