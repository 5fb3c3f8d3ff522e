//! Proofs of datasets, provenance of replies.

use lazai::consumer::Conversation;
use lazai::enclave::EnclavePolicy;
use lazai::provenance::{Evidence, ReplyProvenance, Trust, TrustAnchor};
use lazai::zk::{Proof, Statement, Verifier};

use crate::{JsonBytes, LazaiError, record, words};

record! {
    /// A proof's facts about one contributor's part, and the address that the creator declares for it.
    pub struct ContributorFacts {
        /// The contributor's account, as the creator declares it.
        pub address: String,
        /// The number of the contributor's records.
        pub records: u64,
        /// The number of their tokens.
        pub tokens: u64,
        /// Root of the tree over the contributor's records.
        pub root: String,
    }
}

record! {
    /// Facts about a dataset, from a proof that holds.
    pub struct ProofFacts {
        /// The ledger that it is bound to.
        pub ledger: String,
        /// The submitter.
        pub submitter: String,
        /// The submission it belongs to.
        pub submission: String,
        /// Root over all records.
        pub root: String,
        /// The number of records, no two alike.
        pub records: u64,
        /// The number of their tokens.
        pub tokens: u64,
        /// Every token id is below this.
        pub vocab_size: u32,
        /// Each contributor's part.
        pub contributors: Vec<ContributorFacts>,
    }
}

words! {
    /// The kind of trust that a link rests on.
    pub enum TrustLevel {
        /// A verifier checked it, here and now.
        Proved,
        /// A quorum signed it.
        Attested,
        /// Named parties computed it again: two thirds of the validators in a dispute, or the reader.
        Repeated,
        /// One party signed it.
        Claimed,
        /// It does not hold.
        Broken,
    }
}

record! {
    /// One link of a reply's provenance.
    pub struct ProvenanceLink {
        /// Its name.
        pub name: String,
        /// The trust it rests on.
        pub trust: TrustLevel,
        /// The finding, or the reason why it is broken.
        pub says: String,
        /// A limit of the finding: the facts that it does not show.
        pub not_said: String,
    }
}

record! {
    /// The provenance of a reply.
    pub struct Provenance {
        /// True if no link is broken.
        pub holds: bool,
        /// The links, from the ledger to the split.
        pub links: Vec<ProvenanceLink>,
    }
}

/// Digest of this library's verifier's key: part of every trust anchor.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
pub fn verifier_key() -> String {
    lazai::zk::verifier_key_digest().to_string()
}

/// Verifies a proof of a dataset, and returns the facts that it shows.
///
/// # Errors
/// `zk.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn verify_proof(statement: Vec<u8>, proof: Vec<u8>) -> Result<ProofFacts, LazaiError> {
    let statement = Statement::from_bytes(&statement)?;
    Verifier::new().verify(&statement, &Proof::from_bytes(&proof)?)?;
    let contributors = statement.shares().map(|(address, share)| ContributorFacts {
        address: address.to_string(),
        records: share.records,
        tokens: share.tokens,
        root: share.root.to_string(),
    });
    Ok(ProofFacts {
        ledger: statement.binding.ledger.to_string(),
        submitter: statement.binding.submitter.to_string(),
        submission: statement.binding.submission.to_string(),
        root: statement.proved.root.to_string(),
        records: statement.records(),
        tokens: statement.tokens(),
        vocab_size: statement.proved.vocab_size,
        contributors: contributors.collect(),
    })
}

/// Checks the provenance of a reply: evidence (JSON, at most 4 MiB) against an anchor (JSON) that the caller has from
/// elsewhere, never from the evidence's source. A check that does not hold is a broken link, not an error; but words that
/// do not match the receipt are an error. Without words, the link `receipt` says that they are missing.
///
/// # Errors
/// `provenance.unreadable`, `provenance.words`, `json.malformed`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn verify_evidence(evidence: JsonBytes, anchor: JsonBytes) -> Result<Provenance, LazaiError> {
    let anchor: TrustAnchor = serde_json::from_slice(&anchor)?;
    Ok(told(lazai::provenance::verify(&Evidence::from_json(&evidence)?, &anchor)))
}

/// As [`verify_evidence`], of a reader who asks for an attested enclave, by a policy (JSON of `lazai::enclave::EnclavePolicy`): evidence of
/// anything else has a broken link.
///
/// # Errors
/// As [`verify_evidence`].
pub fn verify_enclave(evidence: JsonBytes, anchor: JsonBytes, policy: JsonBytes) -> Result<Provenance, LazaiError> {
    let (anchor, policy): (TrustAnchor, EnclavePolicy) =
        (serde_json::from_slice(&anchor)?, serde_json::from_slice(&policy)?);
    Ok(told(lazai::provenance::verify_with(&Evidence::from_json(&evidence)?, &anchor, Some(&policy))))
}

/// A report, for all languages.
pub(crate) fn told(report: ReplyProvenance) -> Provenance {
    let holds = report.holds();
    let links = report.links.into_iter().map(|link| ProvenanceLink {
        name: link.name,
        trust: match link.trust {
            Trust::Proved => TrustLevel::Proved,
            Trust::Attested => TrustLevel::Attested,
            Trust::Repeated => TrustLevel::Repeated,
            Trust::Claimed => TrustLevel::Claimed,
            _ => TrustLevel::Broken,
        },
        says: link.says,
        not_said: link.not_said,
    });
    Provenance { holds, links: links.collect() }
}

/// Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.
///
/// # Errors
/// `provenance.words` if the evidence is of other words, `provenance.unreadable` also if the conversation holds none,
/// `json.malformed`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn evidence_with_words(evidence: JsonBytes, conversation: String) -> Result<String, LazaiError> {
    let conversation: Conversation = serde_json::from_str(&conversation)?;
    Ok(serde_json::to_string(&Evidence::from_json(&evidence)?.with_words(&conversation)?)?)
}
