//! Replies that anyone can check: the trail that a node signs beside a receipt, the evidence that a consumer keeps, and the repeat.
//!
//! A receipt names a base, an adapter and a seed, and only claims that they were used. Beside it, the node signs a [`SignedTrail`]: the
//! settings that the reply was drawn by, and a little of the states that its tokens were chosen by
//! ([`lazai_lora::recheck`](https://docs.rs/lazai-lora)). Whoever has [`ReplyEvidence`], base and adapter computes the reply once more in
//! one pass, and sees whether it was made as signed. Nodes that sign no trail, and consumers that read none, go on as before.
//!
//! Evidence has all words of the conversation: who gives it away, discloses them.
//!
//! A training record is repeated, too, by whoever may read the dataset (`RecordedTraining`, feature `train`): its steps, and its losses on records
//! that were held out.

mod evidence;
#[cfg(feature = "models")]
mod repeat;
#[cfg(feature = "train")]
mod training;

pub use evidence::{EVIDENCE_FORMAT, MAX_EVIDENCE_BYTES, ReplyEvidence};
#[cfg(feature = "models")]
pub use repeat::recheck;
#[cfg(feature = "train")]
pub use training::{QualityRepeat, RecordedTraining};

use std::path::PathBuf;

use lazai_core::character::CardError;
use lazai_core::digest::{DomainHasher, canonical_json};
use lazai_core::sign::{Encoder, SignatureError};
use lazai_core::{Address, Digest, Domain, Signature, TypedData};
use lazai_settle::session::Receipt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Largest sampler, as JSON: a schema may be in it.
const MAX_SAMPLER_BYTES: usize = 256 << 10;
/// Largest name of a kind of machine.
const MAX_MACHINE_BYTES: usize = 256;

/// A node's word on the making of one reply. Signed by the node, beside the receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTrail {
    /// The receipt's hash, as EIP-712 makes it.
    pub receipt: Digest,
    /// Salted digest of trail, sampler and machine.
    pub trail: Digest,
}

impl TypedData for ReplyTrail {
    const TYPE: &'static str = "ReplyTrail(bytes32 receipt,bytes32 trail)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(self.receipt);
        out.bytes32(self.trail);
    }
}

/// A reply's trail, and what a repeat needs beside the receipt, with the node's signature of a [`ReplyTrail`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTrail {
    /// The trail's bytes.
    #[serde(with = "hex::serde")]
    pub trail: Vec<u8>,
    /// All sampling parameters, those that the node chose too.
    pub sampler: Value,
    /// The kind of machine: on the same kind, a repeat has the same bits.
    pub machine: String,
    /// The node's signature.
    pub signature: Signature,
}

/// Trails tell what was said.
impl std::fmt::Debug for SignedTrail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedTrail {{ bytes: {}, machine: {:?} }}", self.trail.len(), self.machine)
    }
}

/// Why a reply cannot be checked, or its evidence is false.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecheckError {
    /// The character's card cannot be read.
    #[error("the character's card: {0}")]
    Card(#[from] CardError),
    /// A part of the evidence differs from what was signed.
    #[error("evidence: {field} is {found}, expected {expected}")]
    Evidence {
        /// The part.
        field: &'static str,
        /// The expected value.
        expected: String,
        /// The value found.
        found: String,
    },
    /// A file could not be written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The reply cannot be computed here.
    #[cfg(feature = "models")]
    #[error(transparent)]
    Generate(#[from] lazai_lora::GenerateError),
    /// It is no evidence of a reply.
    #[error("evidence: {reason}")]
    Malformed {
        /// The expectation.
        reason: String,
    },
    /// The node signed no trail: nothing but the receipt's word is there.
    #[error("evidence: the node signed no trail of this reply")]
    NoTrail,
    /// The base model at hand is another than the receipt names.
    #[error("base model {found}, the receipt names {expected}")]
    OtherBase {
        /// The receipt's.
        expected: Digest,
        /// The one at hand.
        found: Digest,
    },
    /// The node did not sign it.
    #[error("evidence: {what}: {source}")]
    Signature {
        /// The part that is signed.
        what: &'static str,
        /// The reason.
        source: SignatureError,
    },
    /// A training cannot be repeated here, or its record is not true.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(lazai_lora::TrainError),
}

/// Checks that a part of evidence has its expected value.
fn same<T: PartialEq + ToString>(field: &'static str, expected: T, found: T) -> Result<(), RecheckError> {
    if expected == found {
        return Ok(());
    }
    Err(RecheckError::Evidence { field, expected: expected.to_string(), found: found.to_string() })
}

fn malformed(reason: impl ToString) -> RecheckError {
    RecheckError::Malformed { reason: reason.to_string() }
}

/// Bytes of a trail of so many tokens, at most.
fn most_bytes(tokens: u64) -> u64 {
    tokens.saturating_mul(9).saturating_add(16)
}

impl SignedTrail {
    /// What the node signs for it.
    ///
    /// # Errors
    /// [`RecheckError::Malformed`] if the sampler holds fractions.
    pub fn claim(&self, receipt: &Receipt, salt: Digest) -> Result<ReplyTrail, RecheckError> {
        let sampler = canonical_json(&self.sampler).map_err(malformed)?;
        let hasher = DomainHasher::new("lazai.reply.trail.v1").part(salt.as_bytes()).part(&self.trail);
        let trail = hasher.part(&sampler).part(self.machine.as_bytes()).finish();
        Ok(ReplyTrail { receipt: receipt.hash_struct(), trail })
    }

    /// Checks that it is of a size that its reply may have, and that a node signed it for a receipt.
    ///
    /// # Errors
    /// [`RecheckError::Malformed`], [`RecheckError::Signature`].
    pub fn check(&self, domain: &Domain, node: Address, receipt: &Receipt, salt: Digest) -> Result<(), RecheckError> {
        let (bytes, most) = (self.trail.len() as u64, most_bytes(receipt.completion_tokens));
        if bytes > most {
            return Err(malformed(format!("a trail of {bytes} bytes, at most {most} for this reply")));
        }
        if self.machine.len() > MAX_MACHINE_BYTES || !self.sampler.is_object() {
            return Err(malformed("no kind of machine, or no sampler"));
        }
        let sampler = canonical_json(&self.sampler).map_err(malformed)?.len();
        if sampler > MAX_SAMPLER_BYTES {
            return Err(malformed(format!("a sampler of {sampler} bytes, at most {MAX_SAMPLER_BYTES} are read")));
        }
        let claim = self.claim(receipt, salt)?;
        self.signature.verify(domain, &claim, node).map_err(|source| RecheckError::Signature { what: "trail", source })
    }
}
