//! The commitment to a dataset: a Merkle tree of salted leaves for each contributor, and a chain over them.
//!
//! ```text
//! absorb(chain, block) = first four lanes of Poseidon(block[0..8] || chain[0..4])
//! element  = t0 + t1*2^16 + t2*2^32 + t3*2^48       four tokens, absent ones 0; from 2^16 on three of 18 bits
//! content  = absorb over the elements, eight at a time, from the chain (length, tokens per element, 0, 0)
//! leaf     = absorb(content, mask[0..4] || salt[0..3] || contributor + 256*licence)
//! node     = absorb(0, left || right)               the tree of RFC 6962, section 2.1
//! root     = absorb over the contributors' entries (tree root, records, tokens, contributor, licence), from (1, 0, 0, 0)
//! ```
//! `mask` is the SHA-256 of the loss mask, as four elements. The salt hides a record from guesses: without it anyone
//! could test a text against the public root. Contributors without records have no entry.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::pov::Record;

use crate::poseidon::{HashOut, RATE, absorb, two_to_one};

/// Deepest tree of a contributor: fewer than 2^20 records.
pub const MAX_TREE_DEPTH: usize = 20;
/// Most records of one contributor.
pub const MAX_TREE_RECORDS: u64 = (1 << MAX_TREE_DEPTH) - 1;
/// Largest vocabulary: 18 bits.
pub const MAX_VOCAB_SIZE: u32 = 1 << 18;

/// The start of the chain over contributors.
pub(crate) const TABLE_START: HashOut = HashOut([1, 0, 0, 0]);
/// The start of the chain over sorted keys.
pub(crate) const SORTED_START: HashOut = HashOut([2, 0, 0, 0]);
/// Lanes of a leaf's block that are the record's own.
pub(crate) const LEAF_LANES: usize = 7;

/// Tokens in one field element: four below 2^16, else three. (Four tokens of 0xffff would exceed the field's
/// order, so a vocabulary of exactly 2^16 takes three.)
#[must_use]
pub const fn tokens_per_element(vocab_size: u32) -> usize {
    if vocab_size < 1 << 16 { 4 } else { 3 }
}

/// Bits of one token in an element.
pub(crate) const fn token_bits(tokens_per_element: usize) -> usize {
    if tokens_per_element == 4 { 16 } else { 18 }
}

/// Tokens as one element, the first lowest.
pub(crate) fn pack(tokens: &[u32], bits: usize) -> u64 {
    tokens.iter().rev().fold(0, |packed, &token| (packed << bits) | u64::from(token))
}

/// The content of a record's leaf, without its contributor and licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Token ids, at least one.
    pub tokens: Vec<u32>,
    /// Digest of the loss mask.
    pub mask: HashOut,
    /// The salt: 192 bits.
    pub salt: [u64; 3],
}

impl Leaf {
    /// Of a record and its salt.
    #[must_use]
    pub fn new(record: &Record, salt: Digest) -> Self {
        let mask: Vec<u8> = record.loss_mask.iter().map(|&m| m.into()).collect();
        let mask = HashOut::reduced(DomainHasher::new("lazai.zk.loss_mask.v1").part(&mask).finish());
        let [a, b, c, _] = HashOut::reduced(salt).0;
        Self { tokens: record.tokens.clone(), mask, salt: [a, b, c] }
    }

    /// Digest of the tokens alone, unsalted: equal records have equal ones, and a proof shows there are none.
    #[must_use]
    pub fn content(&self, tokens_per_element: usize) -> HashOut {
        let bits = token_bits(tokens_per_element);
        let start = HashOut([self.tokens.len() as u64, tokens_per_element as u64, 0, 0]);
        self.tokens.chunks(RATE * tokens_per_element).fold(start, |chain, tokens| {
            let mut block = [0; RATE];
            for (element, tokens) in block.iter_mut().zip(tokens.chunks(tokens_per_element)) {
                *element = pack(tokens, bits);
            }
            absorb(chain, block)
        })
    }

    /// The leaf, over its content's digest.
    #[must_use]
    pub fn digest(&self, content: HashOut, contributor: u8, licence: u8) -> HashOut {
        let mut block = [0; RATE];
        block[..LEAF_LANES].copy_from_slice(&self.lanes());
        block[LEAF_LANES] = u64::from(contributor) + 256 * u64::from(licence);
        absorb(content, block)
    }

    pub(crate) fn lanes(&self) -> [u64; LEAF_LANES] {
        let mut lanes = [0; LEAF_LANES];
        lanes[..4].copy_from_slice(&self.mask.0);
        lanes[4..].copy_from_slice(&self.salt);
        lanes
    }
}

/// A Merkle tree that grows leaf by leaf and holds only the roots of its complete subtrees.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Largest first.
    subtrees: Vec<HashOut>,
    leaves: u64,
}

impl Tree {
    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: HashOut) {
        self.leaves += 1;
        let joined = (0..self.leaves.trailing_zeros()).fold(leaf, |right, _| match self.subtrees.pop() {
            Some(left) => two_to_one(left, right),
            None => right,
        });
        self.subtrees.push(joined);
    }

    /// Number of leaves.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root; `None` of an empty tree.
    #[must_use]
    pub fn root(&self) -> Option<HashOut> {
        self.subtrees.iter().rev().copied().reduce(|right, left| two_to_one(left, right))
    }
}

/// One contributor in the chain that ends in the dataset's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableEntry {
    /// Root of the contributor's tree.
    pub root: HashOut,
    /// The number of the contributor's records.
    pub records: u64,
    /// The number of their tokens.
    pub tokens: u64,
    /// The contributor's number.
    pub contributor: u8,
    /// Number of the licence that the contributor declares for every record.
    pub licence: u8,
}

/// The chain with one more contributor.
pub(crate) fn enter(chain: HashOut, entry: &TableEntry) -> HashOut {
    let [a, b, c, d] = entry.root.0;
    absorb(chain, [a, b, c, d, entry.records, entry.tokens, entry.contributor.into(), entry.licence.into()])
}

/// The root of a dataset.
#[must_use]
pub fn dataset_root(entries: &[TableEntry]) -> HashOut {
    entries.iter().fold(TABLE_START, enter)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn leaf(i: u64) -> HashOut {
        HashOut([i, i + 1, 0, 7])
    }

    /// The definition of RFC 6962, section 2.1, word for word.
    fn merkle_tree_hash(leaves: &[HashOut]) -> HashOut {
        if let [leaf] = leaves {
            return *leaf;
        }
        let k = leaves.len().next_power_of_two() / 2;
        two_to_one(merkle_tree_hash(&leaves[..k]), merkle_tree_hash(&leaves[k..]))
    }

    #[test]
    fn growing_equals_the_definition() {
        let mut tree = Tree::default();
        assert_eq!(tree.root(), None);
        let leaves: Vec<_> = (0..70).map(leaf).collect();
        for (i, &leaf) in leaves.iter().enumerate() {
            tree.push(leaf);
            assert_eq!(tree.root().unwrap(), merkle_tree_hash(&leaves[..=i]), "{} leaves", i + 1);
        }
    }
}
