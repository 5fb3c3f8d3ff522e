//! What is proved: the public inputs, free of any backend.

use lazai_core::digest::{canonical_json, sha256};
use lazai_core::pov::{Dataset, MAX_CONTRIBUTORS};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use serde::{Deserialize, Serialize};

use crate::commitment::{contributor_root, dataset_root};
use crate::poseidon::HashOut;

/// The vocabulary that this version's circuit knows: 3 * 4^7, that of the SmolLM2 tokenizer.
pub const VOCAB_SIZE: u32 = 49_152;
/// Number of public inputs of the circuit.
pub const PUBLIC_INPUTS: usize = 8 + 4 + 1 + 2 * MAX_CONTRIBUTORS;

/// What a dataset holds of one contributor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The contributor.
    pub contributor: Address,
    /// How many records are hers: proved.
    pub records: u64,
    /// How many tokens they have: proved. Revenue shares follow it.
    pub tokens: u64,
    /// Root over her records alone, which she signs: bound, and checked by the ExEx.
    pub root: Digest,
}

/// The format of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum StatementFormat {
    #[serde(rename = "lazai.zk.statement.v1")]
    V1,
}

/// A statement about a dataset, version 1.
///
/// | part | an adversary could try | what stops her |
/// |---|---|---|
/// | `ledger`, `submitter`, `submission` | to submit somebody's proof as her own, or again | bound into the proof |
/// | `tokenizer_digest` | to mean other words by the same ids | bound into the proof |
/// | `root` | to train on other records | the circuit hashes the records to it; the ExEx recomputes it |
/// | `shares` | to claim more tokens than she gave | counted in the circuit |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    format: StatementFormat,
    /// The ledger it is submitted to.
    pub ledger: LedgerId,
    /// Who submits it.
    pub submitter: Address,
    /// The submission it belongs to.
    pub submission: SubmissionId,
    /// Digest of the tokenizer.
    pub tokenizer_digest: Digest,
    /// Every token id is below this; [`VOCAB_SIZE`] in this version.
    pub vocab_size: u32,
    /// Merkle root over the salted leaves.
    pub root: Digest,
    /// One entry per contributor, in the order of the manifest.
    pub shares: Vec<Share>,
}

impl Statement {
    /// The statement that is true of a dataset.
    #[must_use]
    pub fn of(dataset: &Dataset, ledger: LedgerId, submitter: Address, submission: SubmissionId) -> Self {
        let share = |(index, contributor): (usize, &lazai_core::pov::Contributor)| {
            // A dataset has at most MAX_CONTRIBUTORS contributors.
            let index = index as u8;
            let own = dataset.records().iter().filter(|r| r.contributor == index);
            let (records, tokens) = own.fold((0, 0), |(n, t), r| (n + 1, t + r.tokens.len() as u64));
            Share { contributor: contributor.address, records, tokens, root: contributor_root(dataset, index) }
        };
        let manifest = dataset.manifest();
        Self {
            format: StatementFormat::V1,
            ledger,
            submitter,
            submission,
            tokenizer_digest: manifest.tokenizer_digest,
            vocab_size: manifest.vocab_size,
            root: dataset_root(dataset),
            shares: manifest.contributors.iter().enumerate().map(share).collect(),
        }
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.shares.iter().map(|s| s.records).fold(0, u64::saturating_add)
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.shares.iter().map(|s| s.tokens).fold(0, u64::saturating_add)
    }

    /// The canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(self).expect("a statement holds integers and hex only")
    }

    /// Reads the canonical JSON; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let statement: Self = serde_json::from_slice(bytes).ok()?;
        (statement.to_bytes() == bytes).then_some(statement)
    }

    /// SHA-256 of the canonical JSON: what submissions and attestations carry.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.to_bytes())
    }

    /// The circuit's public inputs: the digest in eight 32-bit words, the root, the number of records, records
    /// and tokens per contributor. `None` if no circuit of this version can have them.
    #[must_use]
    pub fn public_inputs(&self) -> Option<[u64; PUBLIC_INPUTS]> {
        if self.vocab_size != VOCAB_SIZE || self.shares.len() > MAX_CONTRIBUTORS {
            return None;
        }
        let mut inputs = [0; PUBLIC_INPUTS];
        for (input, word) in inputs.iter_mut().zip(self.digest().as_bytes().as_chunks::<4>().0) {
            *input = u32::from_le_bytes(*word).into();
        }
        inputs[8..12].copy_from_slice(&HashOut::from_digest(self.root)?.0);
        inputs[12] = self.records();
        for (i, share) in self.shares.iter().enumerate() {
            inputs[13 + i] = share.records;
            inputs[13 + MAX_CONTRIBUTORS + i] = share.tokens;
        }
        Some(inputs)
    }
}
