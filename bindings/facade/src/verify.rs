//! Proofs of datasets, provenance of replies.

use lazai::consumer::Conversation;
use lazai::provenance::{Evidence, Trust, TrustAnchor};
use lazai::zk::{Proof, Statement, Verifier};

use crate::{LazaiError, record};

record! {
    /// What a proof shows of one contributor's part, and whose she says it is.
    pub struct ContributorFacts {
        /// Her account, as the creator declares it.
        pub address: String,
        /// How many records are hers.
        pub records: u64,
        /// How many tokens they have.
        pub tokens: u64,
        /// Root of the tree over her records.
        pub root: String,
    }
}

record! {
    /// What a proof that holds says of a dataset.
    pub struct ProofFacts {
        /// The ledger that it is bound to.
        pub ledger: String,
        /// Who submits it.
        pub submitter: String,
        /// The submission it belongs to.
        pub submission: String,
        /// Root over all records.
        pub root: String,
        /// How many records there are, no two alike.
        pub records: u64,
        /// How many tokens they have together.
        pub tokens: u64,
        /// Every token id is below this.
        pub vocab_size: u32,
        /// Each contributor's part.
        pub contributors: Vec<ContributorFacts>,
    }
}

/// On what a link rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "python", pyo3::pyclass(frozen, eq, from_py_object, rename_all = "UPPERCASE"))]
pub enum TrustLevel {
    /// A verifier checked it, here and now.
    Proved,
    /// A quorum signed it.
    Attested,
    /// One party signed it.
    Claimed,
    /// It does not hold.
    Broken,
}

record! {
    /// One link of a reply's provenance.
    pub struct ProvenanceLink {
        /// Its name.
        pub name: String,
        /// On what it rests.
        pub trust: TrustLevel,
        /// What it says, or why it is broken.
        pub says: String,
        /// What it does not say.
        pub not_said: String,
    }
}

record! {
    /// Where a reply comes from.
    pub struct Provenance {
        /// Whether no link is broken.
        pub holds: bool,
        /// The links, from the ledger to the split.
        pub links: Vec<ProvenanceLink>,
    }
}

/// Digest of the verifier's key that this library has: part of every trust anchor.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
pub fn verifier_key() -> String {
    lazai::zk::verifier_key_digest().to_string()
}

/// Verifies a proof of a dataset, and says what it shows.
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

/// Checks where a reply comes from: evidence (JSON, at most 4 MiB) against an anchor (JSON) that the caller has from
/// elsewhere, never from whoever gave the evidence. What does not hold is a broken link, not an error; but words that are
/// not those of the receipt are no evidence. Without words, the link `receipt` says that they are not said.
///
/// # Errors
/// `provenance.unreadable`, `provenance.words`, `json.malformed`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn verify_evidence(evidence: Vec<u8>, anchor: Vec<u8>) -> Result<Provenance, LazaiError> {
    let anchor: TrustAnchor = serde_json::from_slice(&anchor)?;
    let report = lazai::provenance::verify(&Evidence::from_json(&evidence)?, &anchor);
    let holds = report.holds();
    let links = report.links.into_iter().map(|link| ProvenanceLink {
        name: link.name,
        trust: match link.trust {
            Trust::Proved => TrustLevel::Proved,
            Trust::Attested => TrustLevel::Attested,
            Trust::Claimed => TrustLevel::Claimed,
            _ => TrustLevel::Broken,
        },
        says: link.says,
        not_said: link.not_said,
    });
    Ok(Provenance { holds, links: links.collect() })
}

/// Adds the words of a conversation's last reply to evidence of it: whoever gets what this gives, JSON, can read them.
///
/// # Errors
/// `provenance.words` if the evidence is of other words, `provenance.unreadable` also where the conversation holds none,
/// `json.malformed`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn evidence_with_words(evidence: Vec<u8>, conversation: String) -> Result<String, LazaiError> {
    let conversation: Conversation = serde_json::from_str(&conversation)?;
    Ok(serde_json::to_string(&Evidence::from_json(&evidence)?.with_words(&conversation)?)?)
}
