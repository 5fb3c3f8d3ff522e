//! The training record: everything needed to repeat a run, and the accounts that could read the data.
//!
//! Plain data, so that a page or a phone can check it without any model code.

use serde::{Deserialize, Serialize};

use crate::digest::{CanonicalError, canonical_digest};
use crate::id::{Address, Digest, LedgerId, SubmissionId};
use crate::money::BasisPoints;
use crate::sign::{Encoder, TypedData};

mod quality;

pub use quality::{MAX_HELD_OUT, Quality, held_out};

/// The linear layers of a model that an adapter changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// Every linear layer but the output (PEFT: `all-linear`).
    #[default]
    AllLinear,
    /// Layers whose path is one of these, or ends in one of them after a dot, such as `q_proj`.
    Modules(Vec<String>),
    /// Layers whose whole path matches this regular expression.
    Pattern(String),
}

/// The shape of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the update.
    pub rank: usize,
    /// Scale: the update is multiplied by [`LoraConfig::scale`].
    pub alpha: usize,
    /// Rank-stabilised LoRA (D. Kalajdzievski, 2023, arXiv:2312.03732).
    #[serde(default, skip_serializing_if = "is_default")]
    pub rank_stabilised: bool,
    /// The layers that it changes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub targets: Targets,
}

impl LoraConfig {
    /// The factor of the update: `alpha / rank`, or `alpha / sqrt(rank)` if rank-stabilised.
    #[must_use]
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha as f64 / if self.rank_stabilised { rank.sqrt() } else { rank }
    }
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { rank: 8, alpha: 16, rank_stabilised: false, targets: Targets::AllLinear }
    }
}

/// The course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// Half a cosine, down to a tenth of the peak.
    #[default]
    Cosine,
    /// A straight line, down to nothing.
    Linear,
    /// The peak throughout.
    Constant,
}

/// Hyper-parameters. Integers, so that records can hold them exactly. Newer fields are not written if they have their old,
/// implicit values, so that the digests of old records hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The number of passes over each dialogue.
    pub epochs: u32,
    /// Most steps, whatever the epochs; `None` for no limit.
    pub max_steps: Option<u32>,
    /// Tokens of one block: dialogues are packed without padding and cannot attend to each other.
    pub block_tokens: u32,
    /// Blocks of one step, whose gradients are added up (gradient accumulation).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub blocks_per_step: u32,
    /// Peak learning rate, in millionths.
    pub learning_rate_micro: u32,
    /// Steps of linear warm-up, before the schedule.
    pub warmup_steps: u32,
    /// The schedule after the warm-up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// Weight decay, in millionths.
    pub weight_decay_micro: u32,
    /// Gradients are scaled down to this norm, in thousandths.
    pub clip_norm_milli: u32,
    /// Seed of the adapter's initial values and of the order of dialogues.
    pub seed: u64,
    /// The number of steps between checkpoints.
    pub checkpoint_steps: u32,
    /// The number of steps between measurements of held-out dialogues; 0 for never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evaluate_steps: u32,
    /// Training ends after this many measurements in a row without a better one, with the best adapter; 0 for never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patience: u32,
    /// Keep only the input of each layer and compute the rest again: less memory, a third more work (T. Chen et al.,
    /// "Training Deep Nets with Sublinear Memory Cost", 2016). Results are the same, bit for bit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checkpoint_activations: bool,
    /// The share of the dataset's records that is not trained on, and measured instead ([`held_out`] draws it). Fewer than 20 records at
    /// the usual 5 % are all trained on.
    #[serde(default = "no_share", skip_serializing_if = "is_no_share")]
    pub held_out: BasisPoints,
}

/// Older records held nothing out.
fn no_share() -> BasisPoints {
    BasisPoints::ZERO
}

fn is_no_share(share: &BasisPoints) -> bool {
    *share == BasisPoints::ZERO
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3,
            max_steps: None,
            block_tokens: 512,
            blocks_per_step: 1,
            learning_rate_micro: 2_000,
            warmup_steps: 5,
            schedule: Schedule::Cosine,
            weight_decay_micro: 0,
            clip_norm_milli: 1_000,
            seed: 1,
            checkpoint_steps: 5,
            evaluate_steps: 0,
            patience: 0,
            checkpoint_activations: false,
            held_out: BasisPoints::FIVE_PERCENT,
        }
    }
}

/// A moment of a run that can be checked: all that the next step starts from, digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateDigest {
    /// Steps that were done.
    pub step: u32,
    /// Digest of the adapter and the optimiser's moments.
    pub state: Digest,
}

/// The loss of the adapter on held-out dialogues at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Steps that were done.
    pub step: u32,
    /// Mean loss, in millionths of a nat per token that counts.
    pub loss_micronats: u64,
}

/// Hyper-parameters of a voice's training. Integers, so that records can hold them exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceConfig {
    /// Rank of the adapter's factors.
    pub rank: u32,
    /// The factors' products are scaled by `alpha / rank`.
    pub alpha: u32,
    /// Steps, of one recording each.
    pub steps: u32,
    /// Peak learning rate, in millionths; it falls linearly to a tenth.
    pub learning_rate_micro: u32,
    /// Steps of linear warm-up.
    pub warmup_steps: u32,
    /// Gradients are scaled down to this norm, in thousandths.
    pub clip_norm_milli: u32,
    /// Seed of the adapter's initial values, the order of recordings and the noise.
    pub seed: u64,
    /// The number of steps between measurements of held-out recordings, and between checkpoints.
    pub evaluate_steps: u32,
    /// Training ends after this many measurements in a row without a better one, with the best adapter; 0 for never.
    pub patience: u32,
    /// The version of the method: [`VoiceConfig::METHOD`]. A record of another version cannot be repeated by this one; records that
    /// name none are of version 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub method: u32,
    /// The number of steps between alignments of the recordings by the voice as it is; 0 for never again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub align_steps: u32,
    /// The weight of the base's articulation on new texts beside the recording's spectrogram, in thousandths; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep_milli: u32,
    /// The share that the mean of the adapter's values keeps of itself in each step, in thousandths; 0 for the last values alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub average_milli: u32,
}

impl VoiceConfig {
    /// The version of the method that this library trains by. Equal settings of one version give equal adapters.
    pub const METHOD: u32 = 1;
}

/// True for 0, which older records leave out.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16,
            steps: 800,
            learning_rate_micro: 2_000,
            warmup_steps: 20,
            clip_norm_milli: 1_000,
            seed: 0,
            evaluate_steps: 50,
            patience: 5,
            method: Self::METHOD,
            align_steps: 75,
            keep_milli: 150,
            average_milli: 980,
        }
    }
}

/// What of a voice was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceKind {
    /// An adapter of the base voice.
    Adapter,
    /// The speaker's pitch and pace alone, of too little speech: it is not the character's voice.
    PitchAndPace,
}

/// How a character's voice was trained, beside its words: a part of the [`TrainingRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceRecord {
    /// Digest of the base voice.
    pub base_digest: Digest,
    /// What was learnt.
    pub kind: VoiceKind,
    /// SHA-256 of the file that makes the voice: the adapter's weights, or pitch and pace.
    pub adapter_digest: Digest,
    /// Hyper-parameters and seed.
    pub config: VoiceConfig,
    /// Digest of the run: of configuration, base, and the recordings with their phonemes.
    pub run_digest: Digest,
    /// Recordings that were learnt from, or measured. Others are too long, too short, or their consent names no voice.
    pub recordings: u32,
    /// Milliseconds of speech in them.
    pub speech_ms: u64,
    /// Loss of each step, in millionths.
    pub loss_micros: Vec<u64>,
    /// Losses on held-out recordings during the run, in millionths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// States of the run by which it can be repeated and compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateDigest>,
}

/// The training record of an adapter. Integers throughout, so that its canonical form is the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The ledger that the submission is on.
    pub ledger: LedgerId,
    /// The submission it was trained on.
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
    /// States of the run by which a part of it can be repeated and compared; the last is the end's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateDigest>,
    /// Losses on held-out dialogues during the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// Losses on the records that were held out, of base and tuned model. `None` if none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// The recipe of the prompts that the model was trained behind, by the submission's public part: `card.v1`. Empty if it was
    /// trained on dialogues alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The voice that was trained in the same job, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceRecord>,
    /// Kind of device: `cpu`, `cuda` or `metal`.
    pub device: String,
    /// Kind of machine. On the same kind, a repeat gives the same bits; elsewhere, close ones.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// Version of this library.
    pub software: String,
    /// Accounts that could read the private data.
    pub readers: Vec<Address>,
    /// How the execution node kept checkpoints, adapter and voice on its disk, by its own word. Older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// How an execution node keeps what it learns of private data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Some of it lay on a disk as it is.
    InClear,
    /// All of it was encrypted before it was written.
    Sealed,
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

/// The execution node's signed claim that it made this record, for this submission.
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
