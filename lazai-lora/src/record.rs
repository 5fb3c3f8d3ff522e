//! The training record: everything needed to repeat a run, and who could read the data.

use lazai_core::digest::{CanonicalError, canonical_digest};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
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
    /// The digest that the ExEx signs (as a [`RecordClaim`](lazai_core::dat::RecordClaim)) and the DAT carries.
    ///
    /// # Errors
    /// Never for values built in Rust; [`CanonicalError`] is the type of canonical JSON.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical_digest("lazai.training.v1", self)
    }
}
