//! Attestations: signed verdicts of validators on submissions, and the stakes behind them.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::digest::DomainHasher;
use lazai_core::sign::Encoder;
use lazai_core::{Address, Amount, Digest, Signature, SubmissionId, TypedData};
use serde::{Deserialize, Serialize};

use crate::lineage::Lineage;

/// Validators and their weights.
pub type ValidatorSet = BTreeMap<Address, u64>;

/// Members have a bit each in a submission's verdicts on chain.
pub const MAX_VALIDATORS: usize = 64;
/// Largest weight of a validator, so that all weights sum up.
pub const MAX_WEIGHT: u64 = u64::MAX / MAX_VALIDATORS as u64;

/// A validator's signed verdict on a whole submission. Acceptance says: the proof of the statement was verified, the public
/// part was read, and the ciphertext has its digest. It says nothing about the private data, which validators never see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The submission.
    pub submission: SubmissionId,
    /// Digest of everything in it: see [`Submission::content`](crate::market::Submission::content).
    pub content: Digest,
    /// The verdict.
    pub accepted: bool,
}

impl TypedData for Attestation {
    const TYPE: &'static str = "Attestation(bytes32 submission,bytes32 content,bool accepted)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.bytes32(self.content);
        out.boolean(self.accepted);
    }
}

/// An attestation with its signer. Two different ones by one validator on one submission cost the validator's stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The signer.
    pub validator: Address,
    /// The attestation.
    pub attestation: Attestation,
    /// The validator's signature.
    pub signature: Signature,
}

/// The stake of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stake {
    /// The part that counts.
    pub bonded: Amount,
    /// The part that is leaving, and can still be slashed.
    pub unbonding: Amount,
    /// The unbonding part stays locked up to this time, seconds since 1970.
    pub available_at_s: u64,
    /// Nothing leaves up to this time, seconds since 1970: until then, a verdict of this validator can be disputed.
    pub held_until_s: u64,
}

impl Stake {
    /// The last second, since 1970, in which the unbonding part cannot be withdrawn.
    #[must_use]
    pub fn leaves_after_s(&self) -> u64 {
        self.available_at_s.max(self.held_until_s)
    }
}

/// A challenge of an accepting verdict, and the votes of all other validators of the submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The challenger.
    pub challenger: Address,
    /// The challenger's bond, at risk.
    pub bond: Amount,
    /// The others vote up to this time, seconds since 1970. A missing vote denies.
    pub deadline_s: u64,
    /// True while it is undecided.
    pub open: bool,
    /// Weight of everybody but the accused.
    pub eligible: u64,
    /// Those who voted.
    pub voted: BTreeSet<Address>,
    /// Weight of those who uphold the challenge.
    pub upheld: u64,
    /// Weight of those who deny it.
    pub denied: u64,
}

/// A contributor's signed consent: the root of the own records, the licence, the consent in words, the weight in the
/// revenue out of the total, and the lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributorConsent<'a> {
    /// The submission that the records are part of.
    pub submission: SubmissionId,
    /// Merkle root over the contributor's records alone.
    pub root: Digest,
    /// SPDX identifier of the licence that is given.
    pub licence: &'a str,
    /// The consent, in the contributor's words.
    pub consent: &'a str,
    /// Tokens of the contributor's records.
    pub tokens: u64,
    /// Tokens of all contributors' records in the submission.
    pub total: u64,
    /// The class of the model, the version it comes after, and the part of revenue that version keeps.
    pub lineage: Lineage,
}

impl TypedData for ContributorConsent<'_> {
    const TYPE: &'static str = "ContributorConsent(bytes32 submission,bytes32 root,string licence,string consent,\
                                uint64 tokens,uint64 total,uint64 class,uint32 afterVersion,uint16 keepBps)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.bytes32(self.root);
        out.string(self.licence);
        out.string(self.consent);
        let (class, after, keep) = self.lineage.numbers();
        for number in [self.tokens.into(), self.total.into(), class.into(), after.into(), keep.into()] {
            out.uint(number);
        }
    }
}

/// Tells whether `attested` is at least two thirds of `total`: 3 attested >= 2 total.
#[must_use]
pub fn is_quorum(attested: u64, total: u64) -> bool {
    total > 0 && 3 * u128::from(attested) >= 2 * u128::from(total)
}

/// Tells whether a weight upholds a challenge: two thirds of everybody but the accused, and more than a third of all. The
/// second condition matters if the accused has more than half: thus, while less than a third of all weight lies, no honest
/// validator is ever punished.
#[must_use]
pub fn upholds(weight: u64, eligible: u64, total: u64) -> bool {
    is_quorum(weight, eligible) && 3 * u128::from(weight) > u128::from(total)
}

/// Digest of a validator set. The digest of the validators' history starts from that of the ledger's first set.
#[must_use]
pub fn validator_set_digest(set: &ValidatorSet) -> Digest {
    let mut hasher = DomainHasher::new("lazai.validators.v1");
    for (validator, weight) in set {
        hasher = hasher.part(validator.as_bytes()).part(&weight.to_le_bytes());
    }
    hasher.finish()
}

/// Digest of a history of validators with one more change: who has which weight from now on, 0 for who is dismissed. The last
/// one is part of every trust anchor: who knows it can be shown every set that ever was, and no other.
#[must_use]
pub fn validator_change_digest(before: Digest, validator: Address, weight: u64) -> Digest {
    let hasher = DomainHasher::new("lazai.validator-change.v1").part(before.as_bytes());
    hasher.part(validator.as_bytes()).part(&weight.to_le_bytes()).finish()
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

    #[test]
    fn less_than_a_third_of_all_punishes_nobody() {
        for accused in 0..=100_u64 {
            for others in 0..=100 - accused {
                let upheld = upholds(others, 100 - accused, 100);
                assert!(!upheld || others > 33, "{others} against {accused}");
            }
        }
        assert!(upholds(2, 3, 4) && !upholds(1, 3, 4) && !upholds(30, 45, 100) && upholds(34, 45, 100));
    }
}
