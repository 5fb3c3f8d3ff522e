//! Selective opening: shows that one record, one prompt or one contributor's part is in a committed dataset, without
//! showing the others.
//!
//! A record is opened with its salt: a reader of an opening can check that record, and no other.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::pov::Record;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::commitment::{Leaf, MAX_TREE_DEPTH, TABLE_START, TableEntry, Tree, dataset_root, tokens_per_element};
use crate::poseidon::{HashOut, two_to_one};
use crate::source::{CommitError, Commitment, RecordSource};
use crate::statement::{Prompts, Statement};

/// Why an opening does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// There is no such thing to open.
    #[error("no {what} {index}: there are {count}")]
    NoSuch {
        /// Record, prompt or contributor.
        what: &'static str,
        /// The requested index.
        index: u64,
        /// The number there is.
        count: u64,
    },
    /// The path does not lead to the root.
    #[error("{what} {index} is not under root {root}")]
    NotUnderRoot {
        /// Record, prompt or contributor.
        what: &'static str,
        /// The index that it claims.
        index: u64,
        /// The root.
        root: Digest,
    },
    /// The dataset could not be read.
    #[error("{reason}")]
    RecordSource {
        /// The reason.
        reason: String,
    },
}

impl From<CommitError> for OpeningError {
    fn from(e: CommitError) -> Self {
        Self::RecordSource { reason: e.to_string() }
    }
}

/// The siblings on the way from a leaf to the root, from below (RFC 9162, section 2.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<Digest>);

impl Path {
    /// The path of one of the leaves.
    fn of(leaves: &[HashOut], index: usize) -> Self {
        let mut siblings = Vec::new();
        let (mut leaves, mut index) = (leaves, index);
        // From above, then turned round.
        while leaves.len() > 1 {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let inner = if index < left.len() { (left, right) } else { (right, left) };
            siblings.push(root_of(inner.1).to_digest());
            index = if index < left.len() { index } else { index - left.len() };
            leaves = inner.0;
        }
        siblings.reverse();
        Self(siblings)
    }

    /// The root that a leaf at a place of a tree of `count` leaves has by this path; `None` if the path is of
    /// another length than that place has.
    fn root(&self, leaf: HashOut, index: u64, count: u64) -> Option<HashOut> {
        if index >= count || self.0.len() > MAX_TREE_DEPTH {
            return None;
        }
        let (mut place, mut last) = (index, count - 1);
        let mut node = leaf;
        for sibling in &self.0 {
            let sibling = HashOut::from_digest(*sibling)?;
            if last == 0 {
                return None;
            }
            if place & 1 == 1 || place == last {
                node = two_to_one(sibling, node);
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                node = two_to_one(node, sibling);
            }
            place >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(node)
    }
}

fn root_of(leaves: &[HashOut]) -> HashOut {
    let mut tree = Tree::default();
    leaves.iter().for_each(|&leaf| tree.push(leaf));
    tree.root().unwrap_or_default()
}

/// One record, with the proof that it is in the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordOpening {
    /// Number of its contributor.
    pub contributor: u8,
    /// Its place among the contributor's records.
    pub index: u64,
    /// Token ids.
    pub tokens: Vec<u32>,
    /// The tokens that the character says.
    pub loss_mask: Vec<bool>,
    salt: Digest,
    path: Path,
}

impl RecordOpening {
    /// Opens a record of a dataset, by its number there.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn new(source: &dyn RecordSource, statement: &Statement, number: u64) -> Result<Self, OpeningError> {
        let packed = tokens_per_element(statement.proved.vocab_size);
        let mut leaves = vec![Vec::new(); statement.proved.shares.len()];
        let mut opened = None;
        let read = source.records(&mut |i, record, salt| {
            let contributor = usize::from(record.contributor);
            let (Some(leaves), Some(share)) = (leaves.get_mut(contributor), statement.proved.shares.get(contributor))
            else {
                return false;
            };
            let leaf = Leaf::new(&record, salt);
            leaves.push(leaf.digest(leaf.content(packed), record.contributor, share.licence));
            if i == number {
                opened = Some((record, salt, leaves.len() - 1));
            }
            true
        });
        read.map_err(|e| OpeningError::RecordSource { reason: e.to_string() })?;
        let none = OpeningError::NoSuch { what: "record", index: number, count: statement.records() };
        let (record, salt, index) = opened.ok_or(none)?;
        let path = Path::of(&leaves[usize::from(record.contributor)], index);
        let Record { contributor, tokens, loss_mask } = record;
        Ok(Self { contributor, index: index as u64, tokens, loss_mask, salt, path })
    }

    /// Checks that the record is in the dataset of a statement.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn verify(&self, statement: &Statement) -> Result<(), OpeningError> {
        let Self { contributor, index, .. } = *self;
        let shares = &statement.proved.shares;
        let none = OpeningError::NoSuch { what: "contributor", index: contributor.into(), count: shares.len() as u64 };
        let share = shares.get(usize::from(contributor)).ok_or(none)?;
        let record = Record { contributor, tokens: self.tokens.clone(), loss_mask: self.loss_mask.clone() };
        let leaf = Leaf::new(&record, self.salt);
        let fits = record.tokens.iter().all(|&t| t < statement.proved.vocab_size);
        let content = leaf.content(tokens_per_element(statement.proved.vocab_size));
        let root = self.path.root(leaf.digest(content, contributor, share.licence), index, share.records);
        match root {
            Some(root) if fits && root.to_digest() == share.root => Ok(()),
            _ => Err(OpeningError::NotUnderRoot { what: "record", index, root: share.root }),
        }
    }
}

fn prompt_leaf(prompt: &str) -> HashOut {
    HashOut::reduced(DomainHasher::new("lazai.zk.prompt.v1").part(prompt.as_bytes()).finish())
}

/// The commitment to published prompts: a Merkle tree over their digests.
#[must_use]
pub fn prompts_root(prompts: &[String]) -> Prompts {
    let leaves: Vec<_> = prompts.iter().map(|p| prompt_leaf(p)).collect();
    let root = if leaves.is_empty() { Digest::ZERO } else { root_of(&leaves).to_digest() };
    Prompts { count: leaves.len() as u64, root }
}

/// One prompt, with the proof that it is among those published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptOpening {
    /// Its place.
    pub index: u64,
    /// Its text.
    pub prompt: String,
    path: Path,
}

impl PromptOpening {
    /// Opens one of the prompts.
    ///
    /// # Errors
    /// [`OpeningError::NoSuch`].
    pub fn new(prompts: &[String], index: usize) -> Result<Self, OpeningError> {
        let none = OpeningError::NoSuch { what: "prompt", index: index as u64, count: prompts.len() as u64 };
        let prompt = prompts.get(index).ok_or(none)?.clone();
        let leaves: Vec<_> = prompts.iter().map(|p| prompt_leaf(p)).collect();
        Ok(Self { index: index as u64, prompt, path: Path::of(&leaves, index) })
    }

    /// Checks that the prompt is among those of a statement.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn verify(&self, statement: &Statement) -> Result<(), OpeningError> {
        let Prompts { count, root } = statement.declared.prompts;
        let found = self.path.root(prompt_leaf(&self.prompt), self.index, count);
        if found.map(HashOut::to_digest) == Some(root) {
            return Ok(());
        }
        Err(OpeningError::NotUnderRoot { what: "prompt", index: self.index, root })
    }
}

/// One contributor's part under a root, for a reader who knows only the root: earlier contributors stay hidden; of later
/// ones, only totals and roots are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContributorOpening {
    before: Digest,
    part: EntryOpening,
    after: Vec<EntryOpening>,
}

/// A [`TableEntry`] as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryOpening {
    root: Digest,
    records: u64,
    tokens: u64,
    contributor: u8,
    licence: u8,
}

impl From<TableEntry> for EntryOpening {
    fn from(e: TableEntry) -> Self {
        let TableEntry { root, records, tokens, contributor, licence } = e;
        Self { root: root.to_digest(), records, tokens, contributor, licence }
    }
}

impl EntryOpening {
    fn entry(self) -> Option<TableEntry> {
        let Self { root, records, tokens, contributor, licence } = self;
        Some(TableEntry { root: HashOut::from_digest(root)?, records, tokens, contributor, licence })
    }
}

impl ContributorOpening {
    /// Opens a contributor's entry.
    ///
    /// # Errors
    /// [`OpeningError::NoSuch`] of a contributor without records.
    pub fn new(commitment: &Commitment, contributor: u8) -> Result<Self, OpeningError> {
        let entries = &commitment.entries;
        let place = entries.iter().position(|e| e.contributor == contributor);
        let count = entries.len() as u64;
        let none = OpeningError::NoSuch { what: "contributor", index: contributor.into(), count };
        let place = place.ok_or(none)?;
        let after = entries[place + 1..].iter().map(|&e| e.into()).collect();
        Ok(Self { before: dataset_root(&entries[..place]).to_digest(), part: entries[place].into(), after })
    }

    /// The entry, if it is under a dataset's root.
    ///
    /// # Errors
    /// [`OpeningError::NotUnderRoot`].
    pub fn verify(&self, root: Digest) -> Result<TableEntry, OpeningError> {
        let index = self.part.contributor.into();
        let not = OpeningError::NotUnderRoot { what: "contributor", index, root };
        let before = HashOut::from_digest(self.before).ok_or_else(|| not.clone())?;
        let entry = self.part.entry().ok_or_else(|| not.clone())?;
        let mut chain = crate::commitment::enter(before, &entry);
        for after in &self.after {
            chain = crate::commitment::enter(chain, &after.entry().ok_or_else(|| not.clone())?);
        }
        if chain.to_digest() == root { Ok(entry) } else { Err(not) }
    }
}

const _: () = assert!(TABLE_START.0[0] == 1);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_root_and_nowhere_else() {
        for count in 1..40u64 {
            let leaves: Vec<_> = (0..count).map(|i| HashOut([i, 3, 1, 4])).collect();
            let root = root_of(&leaves);
            for index in 0..count {
                let path = Path::of(&leaves, index as usize);
                assert_eq!(path.root(leaves[index as usize], index, count), Some(root), "{index} of {count}");
                let other = (index + 1) % count;
                let found = path.root(leaves[index as usize], other, count);
                assert!(other == index || found != Some(root), "{index} of {count} as {other}");
                let longer = Path([path.0.clone(), vec![Digest::ZERO]].concat());
                assert_eq!(longer.root(leaves[index as usize], index, count), None);
            }
        }
    }
}
