//! The commitment to a dataset: a Merkle tree of depth 8 over salted leaves.
//!
//! ```text
//! element  = t0 + t1*2^16 + t2*2^32 + t3*2^48         four tokens, absent ones 0
//! content  = Poseidon(element[0..64])
//! about    = SHA-256 of the loss mask, as four elements
//! leaf     = Poseidon(content, about, salt, contributor, length)
//! root     = Merkle root over 256 leaves, absent ones four zeros
//! ```
//! The salt hides a record from guesses; without it anyone could test a text against the public root.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::pov::{Dataset, MAX_RECORD_TOKENS, Record};

use crate::poseidon::{HashOut, hash, two_to_one};

/// Tokens in one field element.
pub const TOKENS_PER_ELEMENT: usize = 4;
/// Field elements of one record.
pub const ELEMENTS: usize = MAX_RECORD_TOKENS / TOKENS_PER_ELEMENT;
/// Leaves of the tree: the next power of two above the number of records.
pub const LEAVES: usize = 256;

/// What enters a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafData {
    /// The tokens, packed.
    pub elements: [u64; ELEMENTS],
    /// Number of tokens.
    pub length: u64,
    /// Whose record it is.
    pub contributor: u64,
    /// Digest of the loss mask.
    pub about: HashOut,
    /// The salt.
    pub salt: HashOut,
}

impl LeafData {
    /// The leaf data of a record of a checked dataset: at most 256 tokens below 2^16.
    #[must_use]
    pub fn new(record: &Record, salt: Digest) -> Self {
        let mut elements = [0; ELEMENTS];
        for (element, tokens) in elements.iter_mut().zip(record.tokens.chunks(TOKENS_PER_ELEMENT)) {
            *element = tokens.iter().rev().fold(0, |packed, &token| (packed << 16) | u64::from(token));
        }
        let mask: Vec<u8> = record.loss_mask.iter().map(|&m| m.into()).collect();
        let about = DomainHasher::new("lazai.zk.loss_mask.v1").part(&mask).finish();
        Self {
            elements,
            length: record.tokens.len() as u64,
            contributor: record.contributor.into(),
            about: HashOut::reduced(about),
            salt: HashOut::reduced(salt),
        }
    }

    /// The leaf.
    #[must_use]
    pub fn leaf(&self) -> HashOut {
        let content = hash(&self.elements);
        let parts = [&content.0[..], &self.about.0, &self.salt.0, &[self.contributor, self.length]];
        hash(&parts.concat())
    }
}

/// The leaf data of every record, in order.
#[must_use]
pub fn leaf_data(dataset: &Dataset) -> Vec<LeafData> {
    dataset.records().iter().enumerate().map(|(i, record)| LeafData::new(record, dataset.salt(i))).collect()
}

/// The root over leaves; at most [`LEAVES`], which a checked dataset never exceeds.
#[must_use]
pub fn merkle_root(leaves: &[HashOut]) -> HashOut {
    let mut level: Vec<HashOut> = leaves.to_vec();
    level.resize(LEAVES, HashOut::default());
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| two_to_one(pair[0], pair[1])).collect();
    }
    level[0]
}

/// The root of a dataset.
#[must_use]
pub fn dataset_root(dataset: &Dataset) -> Digest {
    let leaves: Vec<_> = leaf_data(dataset).iter().map(LeafData::leaf).collect();
    merkle_root(&leaves).to_digest()
}

/// The root over one contributor's records alone, in their order: what she signs.
#[must_use]
pub fn contributor_root(dataset: &Dataset, contributor: u8) -> Digest {
    let own = leaf_data(dataset).into_iter().filter(|leaf| leaf.contributor == u64::from(contributor));
    let leaves: Vec<_> = own.map(|leaf| leaf.leaf()).collect();
    merkle_root(&leaves).to_digest()
}
