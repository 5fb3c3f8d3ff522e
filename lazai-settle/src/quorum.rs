//! Attestations: validators sign that a submission is what it says.

use std::collections::BTreeMap;

use lazai_core::digest::DomainHasher;
use lazai_core::sign::Encoder;
use lazai_core::{Address, Digest, SubmissionId, TypedData};
use serde::{Deserialize, Serialize};

/// Validators and their weights.
pub type ValidatorSet = BTreeMap<Address, u64>;

/// What a validator signs: that she verified the proof of this statement, read this public part, and that the
/// ciphertext has this digest. She never saw the private data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The submission.
    pub submission: SubmissionId,
    /// Digest of the statement whose proof she verified.
    pub statement: Digest,
    /// Digest of the public part she read.
    pub public_part: Digest,
    /// SHA-256 of the ciphertext she fetched.
    pub ciphertext: Digest,
}

impl TypedData for Attestation {
    const TYPE: &'static str =
        "Attestation(bytes32 submission,bytes32 statement,bytes32 publicPart,bytes32 ciphertext)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.bytes32(self.statement);
        out.bytes32(self.public_part);
        out.bytes32(self.ciphertext);
    }
}

/// What a contributor signs: the root of her records, under which licence, and what she consents to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributorConsent<'a> {
    /// The submission her records are part of.
    pub submission: SubmissionId,
    /// Merkle root over her records alone.
    pub root: Digest,
    /// SPDX identifier of the licence she gives.
    pub licence: &'a str,
    /// What she consents to, in her words.
    pub consent: &'a str,
}

impl TypedData for ContributorConsent<'_> {
    const TYPE: &'static str = "ContributorConsent(bytes32 submission,bytes32 root,string licence,string consent)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.bytes32(self.root);
        out.string(self.licence);
        out.string(self.consent);
    }
}

/// Whether `attested` is at least two thirds of `total`: 3 attested >= 2 total.
#[must_use]
pub fn is_quorum(attested: u64, total: u64) -> bool {
    total > 0 && 3 * u128::from(attested) >= 2 * u128::from(total)
}

/// Digest of a validator set: part of every trust anchor.
#[must_use]
pub fn validator_set_digest(set: &ValidatorSet) -> Digest {
    let mut hasher = DomainHasher::new("lazai.validators.v1");
    for (validator, weight) in set {
        hasher = hasher.part(validator.as_bytes()).part(&weight.to_le_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_are_exact() {
        for (attested, total, accepted) in
            [(2, 3, true), (1, 3, false), (66, 100, false), (67, 100, true), (0, 0, false), (u64::MAX, u64::MAX, true)]
        {
            assert_eq!(is_quorum(attested, total), accepted, "{attested} of {total}");
        }
    }
}
