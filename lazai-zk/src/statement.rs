//! The content of a proof: bound, declared and proved parts, free of any backend.

use std::collections::BTreeSet;

use lazai_core::digest::{canonical_json, sha256};
use lazai_core::pov::MAX_CONTRIBUTORS;
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::commitment::{MAX_TREE_RECORDS, MAX_VOCAB_SIZE, TableEntry, dataset_root, tokens_per_element};
use crate::poseidon::HashOut;

/// Words of the statement's digest among the public inputs.
pub const CONTEXT_WORDS: usize = 8;
/// Number of public inputs of a proof.
pub const PUBLIC_INPUTS: usize = CONTEXT_WORDS + 4 + 4;
/// Most licences in the allowed set.
pub const MAX_LICENCES: usize = 64;
/// Longest record that a statement can allow.
pub const MAX_RECORD_TOKENS: u32 = 65_535;

/// Licences that a dataset's records may have unless its creator names others, as SPDX identifiers.
pub const LICENCES: [&str; 8] = [
    "Apache-2.0",
    "BSD-3-Clause",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "LicenseRef-LazAI-Creator",
    "MIT",
    "ODC-By-1.0",
];

/// The ledger, submitter and submission that a proof was made for. It holds for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The ledger it is submitted to.
    pub ledger: LedgerId,
    /// The submitter.
    pub submitter: Address,
    /// The submission it belongs to.
    pub submission: SubmissionId,
}

/// The published prompts, committed to beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// The number of prompts.
    pub count: u64,
    /// Root over them: [`prompts_root`](crate::opening::prompts_root); zero without any.
    pub root: Digest,
}

impl Prompts {
    /// Nothing is published.
    pub const NONE: Self = Self { count: 0, root: Digest::ZERO };
}

/// The vocal part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// Digest over a salt and the frames of all clips, in order: a holder of recordings cannot find out from it whether
    /// they are the character's. The salt is in the private part.
    pub digest: Digest,
    /// The number of frames.
    pub frames: u64,
}

/// The creator's declarations. The proof cannot be moved to other declarations, but does not make them true; a party that
/// holds the data can check each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The tokenizer that the token ids are of.
    pub tokenizer: Digest,
    /// The licences that records may have, as SPDX identifiers, sorted.
    pub licences: Vec<String>,
    /// The published prompts.
    pub prompts: Prompts,
    /// The voice.
    pub voice: Voice,
    /// The account of each contributor, by number.
    pub contributors: Vec<Address>,
}

/// A dataset's facts about one contributor. The contributor's signature over `root` is checked beside the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The number of the contributor's records.
    pub records: u64,
    /// The number of their tokens: revenue shares follow it.
    pub tokens: u64,
    /// Root of the Merkle tree over the contributor's salted records alone; zero without any.
    pub root: Digest,
    /// The licence of each of these records, as an index into the declared ones.
    pub licence: u8,
}

/// Facts about the records that the proof shows, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// Every token id is below this.
    pub vocab_size: u32,
    /// Every record has 1 to this many tokens.
    pub max_record_tokens: u32,
    /// One entry per contributor, in the order of [`Declared::contributors`].
    pub shares: Vec<Share>,
    /// Root over all contributors' entries, and so over all records, of which no two have the same tokens.
    pub root: Digest,
}

/// The format of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum StatementFormat {
    #[serde(rename = "lazai.zk.statement.v2")]
    V2,
}

/// A statement about a dataset, version 2.
///
/// | part | an attack | the defence |
/// |---|---|---|
/// | `binding` | to submit somebody else's proof as one's own, or again, or elsewhere | its digest is a public input |
/// | `declared.tokenizer` | to mean other words by the same ids | bound; a verifier of provenance compares it with the base model's |
/// | `declared.licences` | to allow licences that no market takes | bound, and public: a validator compares it with its own list |
/// | `declared.prompts` | to publish prompts of another character | bound; the root is over the public part |
/// | `declared.voice` | to swap recordings | bound; the trainer hashes salt and frames |
/// | `declared.contributors` | to name somebody who gave nothing | each contributor signs the root of the own records |
/// | `proved.vocab_size` | to hide numbers that are no tokens | each token is looked up in a table of that size |
/// | `proved.max_record_tokens` | to slip in a record that no model reads, or an empty one | counted in the circuit |
/// | `proved.shares` | to claim records or tokens that were not given | counted in the circuit, entered into the root |
/// | `proved.root` | to train on other records; to sell one record twice | every record is hashed to it; their digests increase strictly |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    format: StatementFormat,
    /// The ledger, submitter and submission that it is for.
    pub binding: Binding,
    /// The declarations.
    pub declared: Declared,
    /// The facts shown.
    pub proved: Proved,
}

/// Why bytes or parts are no statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not the canonical JSON of a statement.
    #[error("not the canonical JSON of a statement, version 2")]
    Format,
    /// A part that no circuit can have.
    #[error("statement: {field} is {found}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// The value found.
        found: String,
        /// The values allowed.
        expected: String,
    },
}

impl Statement {
    /// A statement of its parts.
    ///
    /// # Errors
    /// [`StatementError::Field`] for values that no circuit can have.
    pub fn new(binding: Binding, declared: Declared, proved: Proved) -> Result<Self, StatementError> {
        let statement = Self { format: StatementFormat::V2, binding, declared, proved };
        statement.check()?;
        Ok(statement)
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.proved.shares.iter().map(|s| s.records).fold(0, u64::saturating_add)
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.proved.shares.iter().map(|s| s.tokens).fold(0, u64::saturating_add)
    }

    /// The contributors with their shares.
    pub fn shares(&self) -> impl Iterator<Item = (Address, &Share)> {
        self.declared.contributors.iter().copied().zip(&self.proved.shares)
    }

    /// The canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(self).expect("a statement holds integers, strings and hex only")
    }

    /// Reads the canonical JSON.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement: Self = serde_json::from_slice(bytes).map_err(|_| StatementError::Format)?;
        if statement.to_bytes() != bytes {
            return Err(StatementError::Format);
        }
        statement.check()?;
        Ok(statement)
    }

    /// SHA-256 of the canonical JSON, as submissions and attestations carry it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.to_bytes())
    }

    /// The entries that the root is over: contributors with records.
    ///
    /// # Errors
    /// [`StatementError::Field`] for a root that is no digest of this hash.
    pub fn entries(&self) -> Result<Vec<TableEntry>, StatementError> {
        let with_records = self.proved.shares.iter().enumerate().filter(|(_, share)| share.records > 0);
        with_records
            .map(|(contributor, share)| {
                let root = HashOut::from_digest(share.root);
                let root = root.ok_or_else(|| field("share's root", share.root, "four elements below the order"))?;
                // At most MAX_CONTRIBUTORS shares: see `check`.
                let contributor = contributor as u8;
                Ok(TableEntry {
                    root,
                    records: share.records,
                    tokens: share.tokens,
                    contributor,
                    licence: share.licence,
                })
            })
            .collect()
    }

    /// The public inputs of its proof: the digest in eight 32-bit words, the root in four elements, vocabulary size,
    /// longest record, number of licences, tokens per element.
    ///
    /// # Errors
    /// [`StatementError::Field`].
    pub fn public_inputs(&self) -> Result<[u64; PUBLIC_INPUTS], StatementError> {
        self.check()?;
        let mut inputs = [0; PUBLIC_INPUTS];
        for (input, word) in inputs.iter_mut().zip(self.digest().as_bytes().as_chunks::<4>().0) {
            *input = u32::from_le_bytes(*word).into();
        }
        let root = HashOut::from_digest(self.proved.root);
        let root = root.ok_or_else(|| field("root", self.proved.root, "four elements below the order"))?;
        inputs[CONTEXT_WORDS..CONTEXT_WORDS + 4].copy_from_slice(&root.0);
        inputs[CONTEXT_WORDS + 4..].copy_from_slice(&[
            self.proved.vocab_size.into(),
            self.proved.max_record_tokens.into(),
            self.declared.licences.len() as u64,
            tokens_per_element(self.proved.vocab_size) as u64,
        ]);
        Ok(inputs)
    }

    fn check(&self) -> Result<(), StatementError> {
        let Declared { licences, contributors, .. } = &self.declared;
        let Proved { vocab_size, max_record_tokens, shares, root } = &self.proved;
        let within = |name, found: u64, max: u64| {
            if (1..=max).contains(&found) { Ok(()) } else { Err(field(name, found, format!("1 to {max}"))) }
        };
        within("vocab_size", (*vocab_size).into(), MAX_VOCAB_SIZE.into())?;
        within("max_record_tokens", (*max_record_tokens).into(), MAX_RECORD_TOKENS.into())?;
        within("number of licences", licences.len() as u64, MAX_LICENCES as u64)?;
        within("number of contributors", contributors.len() as u64, MAX_CONTRIBUTORS as u64)?;
        within("number of records", self.records(), MAX_TREE_RECORDS * MAX_CONTRIBUTORS as u64)?;
        if !licences.is_sorted_by(|a, b| a < b) {
            return Err(field("licences", licences.join(", "), "sorted, each once"));
        }
        if contributors.iter().collect::<BTreeSet<_>>().len() != contributors.len() {
            return Err(field("contributors", contributors.len(), "each once"));
        }
        if shares.len() != contributors.len() {
            return Err(field("number of shares", shares.len(), contributors.len()));
        }
        for share in shares {
            if share.records > MAX_TREE_RECORDS {
                return Err(field("records of a share", share.records, format!("at most {MAX_TREE_RECORDS}")));
            }
            let most = share.records * u64::from(*max_record_tokens);
            if share.tokens > most || share.tokens < share.records {
                return Err(field("tokens of a share", share.tokens, format!("{} to {most}", share.records)));
            }
            if usize::from(share.licence) >= licences.len() {
                return Err(field("licence of a share", share.licence, format!("below {}", licences.len())));
            }
            if share.records == 0 && share.root != Digest::ZERO {
                return Err(field("root of a share without records", share.root, Digest::ZERO));
            }
        }
        let expected = dataset_root(&self.entries()?).to_digest();
        if *root != expected {
            return Err(field("root", root, format!("{expected}, that of its shares")));
        }
        Ok(())
    }
}

fn field(field: &'static str, found: impl ToString, expected: impl ToString) -> StatementError {
    StatementError::Field { field, found: found.to_string(), expected: expected.to_string() }
}
