//! The training record: everything needed to repeat a run, and who could read the data.
//!
//! Plain data, so that a page or a phone can check it without any model code.

use serde::{Deserialize, Serialize};

use crate::digest::{CanonicalError, canonical_digest};
use crate::id::{Address, Digest, LedgerId, SubmissionId};
use crate::sign::{Encoder, TypedData};

/// The shape of an adapter on all linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the update.
    pub rank: usize,
    /// Scale: the update is multiplied by `alpha / rank`.
    pub alpha: usize,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { rank: 8, alpha: 16 }
    }
}

/// Hyper-parameters. Integers, so that records can hold them exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// How often each dialogue is seen.
    pub epochs: u32,
    /// Most steps, whatever the epochs; `None` for as many as there are.
    pub max_steps: Option<u32>,
    /// Tokens of one block: a step sees one block, dialogues packed without padding.
    pub block_tokens: u32,
    /// Peak learning rate, in millionths.
    pub learning_rate_micro: u32,
    /// Steps of linear warm-up, followed by a cosine down to a tenth.
    pub warmup_steps: u32,
    /// Weight decay, in millionths.
    pub weight_decay_micro: u32,
    /// Gradients are scaled down to this norm, in thousandths.
    pub clip_norm_milli: u32,
    /// Seed of the adapter's initial values and of the order of dialogues.
    pub seed: u64,
    /// A checkpoint is written every so many steps.
    pub checkpoint_steps: u32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3,
            max_steps: None,
            block_tokens: 512,
            learning_rate_micro: 2_000,
            warmup_steps: 5,
            weight_decay_micro: 0,
            clip_norm_milli: 1_000,
            seed: 1,
            checkpoint_steps: 5,
        }
    }
}

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
    /// The digest that the ExEx signs (as a [`RecordClaim`]) and the DAT carries.
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
