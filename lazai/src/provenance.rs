//! Provenance of a reply: evidence that anyone can check against anchors of their own.
//!
//! [`collect`] gathers evidence from a ledger; [`verify`] walks it link by link. The verifier trusts a [`TrustAnchor`] that
//! the caller has from elsewhere, never from the evidence: a complete but made-up market is refused.

mod enclave;
mod evidence;
mod links;
mod repeated;
mod turns;
mod words;

pub use evidence::{CollectError, Evidence, IncludedEntry, MAX_EVIDENCE_BYTES, Spoken, collect};
pub use repeated::OtherReceipt;
pub use words::{Words, WordsError};

use lazai_core::{Digest, LedgerId};
use lazai_settle::Ledger;
use lazai_settle::merkle::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::enclave::EnclavePolicy;

/// The caller's prior knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchor {
    /// The ledger.
    pub ledger: LedgerId,
    /// Digest of the validators and their weights: of the ledger's first set, and of each change up to the checkpoint
    /// ([`Market::validator_history`]). A submission is held to the set in force when it was submitted.
    ///
    /// [`Market::validator_history`]: lazai_settle::Market::validator_history
    pub validator_set: Digest,
    /// Digest of the verifier's key for dataset proofs: proofs under it or a key before it are accepted.
    pub verifier_key: Digest,
    /// SHA-256 of the base model.
    pub base: Digest,
    /// The ledger at some moment after the reply was settled.
    pub checkpoint: Checkpoint,
}

impl TrustAnchor {
    /// The anchor that a local copy of the ledger gives now, for a trusted base model.
    #[must_use]
    pub fn of(ledger: &dyn Ledger, base: Digest) -> Self {
        let market = ledger.market();
        Self {
            ledger: market.ledger(),
            validator_set: market.validator_history(),
            verifier_key: lazai_zk::verifier_key_digest(),
            base,
            checkpoint: ledger.checkpoint(),
        }
    }
}

/// The kind of trust that a link rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trust {
    /// A verifier checked it, here and now.
    Proved,
    /// A quorum signed it; or, of an enclave, the hardware of a vendor.
    Attested,
    /// Named parties computed it again: two thirds of the validators in a dispute, or the reader.
    Repeated,
    /// One party signed it.
    Claimed,
    /// It does not hold.
    Broken,
}

/// One link of a reply's provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The trust it rests on.
    pub trust: Trust,
    /// The finding, or the reason why it is broken.
    pub says: String,
    /// The limit of the finding: what it does not show.
    pub not_said: String,
}

/// All links of a reply's provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyProvenance {
    /// The links, from the ledger to the split.
    pub links: Vec<Link>,
}

impl ReplyProvenance {
    /// Tells whether no link is broken.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.links.iter().all(|link| link.trust != Trust::Broken)
    }
}

/// Checks evidence against an anchor. Never fails: a check that does not hold is a broken link.
#[must_use]
pub fn verify(evidence: &Evidence, anchor: &TrustAnchor) -> ReplyProvenance {
    verify_with(evidence, anchor, None)
}

/// As [`verify`], of a reader who asks for an attested enclave: evidence without a quote for its last reply, or with one that the policy
/// does not accept, has a broken link. Quotes are checked as of the time when the consumer did.
#[must_use]
pub fn verify_with(evidence: &Evidence, anchor: &TrustAnchor, enclave: Option<&EnclavePolicy>) -> ReplyProvenance {
    ReplyProvenance { links: links::walk(evidence, anchor, enclave) }
}
