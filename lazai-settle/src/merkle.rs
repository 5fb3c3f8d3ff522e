//! The log's Merkle tree (RFC 6962, section 2.1): a checkpoint commits to every entry, and a short path shows
//! that one entry is in it.

use lazai_core::digest::sha256;
use lazai_core::{Digest, LedgerId};
use serde::{Deserialize, Serialize};

/// A ledger at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The ledger.
    pub ledger: LedgerId,
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

/// Inclusion proof for one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The entry's index, from 0.
    pub index: u64,
    /// Siblings on the way to the root, from the leaf up.
    pub path: Vec<Digest>,
}

/// The hash of an entry's bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    sha256(&[&[0], entry].concat())
}

fn node_hash(left: Digest, right: Digest) -> Digest {
    sha256(&[&[1][..], left.as_bytes(), right.as_bytes()].concat())
}

/// The largest power of two below `n`, for `n > 1`.
fn split_point(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The root over leaf hashes; the hash of nothing for none.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split_point(leaves.len()));
            node_hash(root(left), root(right))
        }
    }
}

/// The path of one leaf; `None` beyond the end.
#[must_use]
pub fn prove(leaves: &[Digest], index: u64) -> Option<Inclusion> {
    let position = usize::try_from(index).ok().filter(|&i| i < leaves.len())?;
    let mut path = Vec::new();
    collect(leaves, position, &mut path);
    Some(Inclusion { index, path })
}

fn collect(leaves: &[Digest], position: usize, path: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let middle = split_point(leaves.len());
    let (left, right) = leaves.split_at(middle);
    if position < middle {
        collect(left, position, path);
        path.push(root(right));
    } else {
        collect(right, position - middle, path);
        path.push(root(left));
    }
}

/// Tells whether a path leads from a leaf to a checkpoint's root.
#[must_use]
pub fn verify(checkpoint: &Checkpoint, leaf: Digest, inclusion: &Inclusion) -> bool {
    // RFC 9162, section 2.1.3.2.
    if inclusion.index >= checkpoint.size {
        return false;
    }
    let (mut node, mut last) = (inclusion.index, checkpoint.size - 1);
    let mut hash = leaf;
    for &sibling in &inclusion.path {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, hash);
            while node % 2 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == checkpoint.root
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_every_small_tree_is_included_and_nothing_else_is() {
        for size in 1..40usize {
            let leaves: Vec<_> = (0..size).map(|i| leaf_hash(&[i as u8])).collect();
            let checkpoint = Checkpoint { ledger: LedgerId::ZERO, size: size as u64, root: root(&leaves) };
            for (i, &leaf) in leaves.iter().enumerate() {
                let inclusion = prove(&leaves, i as u64).unwrap();
                assert!(verify(&checkpoint, leaf, &inclusion), "{i} of {size}");
                assert!(!verify(&checkpoint, leaf_hash(b"other"), &inclusion));
                let elsewhere = Inclusion { index: (i as u64 + 1) % size as u64, ..inclusion.clone() };
                assert!(size == 1 || !verify(&checkpoint, leaf, &elsewhere), "{i} of {size} elsewhere");
                let mut longer = inclusion.clone();
                longer.path.push(leaf);
                assert!(!verify(&checkpoint, leaf, &longer));
                let larger = Checkpoint { size: checkpoint.size * 2 + 1, ..checkpoint };
                assert!(!verify(&larger, leaf, &inclusion));
            }
            assert!(prove(&leaves, size as u64).is_none());
        }
    }

    #[test]
    fn rfc_6962_empty_tree() {
        assert_eq!(root(&[]).to_string(), "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
