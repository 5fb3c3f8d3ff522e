//! Poseidon over the Goldilocks field (p = 2^64 - 2^32 + 1), width 12, as plonky2 uses it.
//!
//! L. Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", USENIX Security 2021:
//! 4 full, 22 partial and 4 full rounds, S-box x^7, rate 8, capacity 4, overwriting sponge without padding.

mod constants;
mod permutation;

pub use crate::field::ORDER;

pub(crate) use constants::ROUND_CONSTANTS;
use lazai_core::Digest;

/// Field elements of one hash.
pub const HASH_ELEMENTS: usize = 4;

pub(crate) const WIDTH: usize = 12;
/// Elements that one permutation absorbs.
pub const RATE: usize = 8;
pub(crate) const FULL_ROUNDS_EACH_SIDE: usize = 4;
pub(crate) const PARTIAL_ROUNDS: usize = 22;
pub(crate) const CIRCULANT: [u64; WIDTH] = [17, 15, 41, 16, 2, 28, 13, 13, 39, 18, 34, 20];
pub(crate) const FIRST_DIAGONAL: u64 = 8;

/// Four field elements, each below [`ORDER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HashOut(pub [u64; HASH_ELEMENTS]);

impl HashOut {
    /// The 32 bytes: each element little-endian.
    #[must_use]
    pub fn to_digest(self) -> Digest {
        let mut bytes = [0; 32];
        for (chunk, element) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *chunk = element.to_le_bytes();
        }
        Digest::from_bytes(bytes)
    }

    /// Reads 32 bytes; `None` if an element is not below [`ORDER`].
    #[must_use]
    pub fn from_digest(digest: Digest) -> Option<Self> {
        let out = Self(words(digest));
        out.0.iter().all(|&e| e < ORDER).then_some(out)
    }

    /// 32 arbitrary bytes as elements, each reduced below [`ORDER`]: for salts and digests that enter a hash.
    #[must_use]
    pub fn reduced(digest: Digest) -> Self {
        Self(words(digest).map(|w| if w >= ORDER { w - ORDER } else { w }))
    }
}

fn words(digest: Digest) -> [u64; 4] {
    let chunks = digest.as_bytes().as_chunks::<8>().0;
    std::array::from_fn(|i| u64::from_le_bytes(chunks[i]))
}

/// Absorbs eight canonical field elements into a chain of four: the first four lanes of one permutation.
///
/// The chain is all of the sponge's capacity, and nothing is fed forward: who knows an output can go backwards, so that
/// preimages cost no more than collisions (2^128, not 2^256).
#[must_use]
pub fn absorb(chain: HashOut, block: [u64; RATE]) -> HashOut {
    let mut state = [0; WIDTH];
    state[..RATE].copy_from_slice(&block);
    state[RATE..].copy_from_slice(&chain.0);
    permute(&mut state);
    HashOut(std::array::from_fn(|i| state[i]))
}

/// The parent of two nodes of a Merkle tree.
#[must_use]
pub fn two_to_one(left: HashOut, right: HashOut) -> HashOut {
    absorb(HashOut::default(), std::array::from_fn(|i| if i < 4 { left.0[i] } else { right.0[i - 4] }))
}

/// The sponge without padding: for inputs whose number is fixed.
pub(crate) fn sponge(elements: &[u64]) -> HashOut {
    let mut state = [0; WIDTH];
    for block in elements.chunks(RATE) {
        state[..block.len()].copy_from_slice(block);
        permute(&mut state);
    }
    HashOut(std::array::from_fn(|i| state[i]))
}

/// The permutation.
pub(crate) fn permute(state: &mut [u64; WIDTH]) {
    permutation::permute(state);
}

/// The linear layer alone: of any words, to canonical ones.
#[cfg(any(feature = "p3", feature = "plonky2"))]
#[inline]
pub(crate) fn linear_layer(lanes: &[u64; WIDTH]) -> [u64; WIDTH] {
    permutation::linear_layer(lanes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digests_round_trip_and_refuse_large_elements() {
        let out = absorb(HashOut::default(), [1, 2, 3, 0, 0, 0, 0, 0]);
        assert_eq!(HashOut::from_digest(out.to_digest()), Some(out));
        assert_eq!(HashOut::from_digest(Digest::from_bytes([255; 32])), None);
    }

    #[cfg(feature = "plonky2")]
    #[test]
    fn equals_plonky2() {
        use plonky2::field::goldilocks_field::GoldilocksField as F;
        use plonky2::field::types::{Field, PrimeField64};
        use plonky2::hash::poseidon::PoseidonHash;
        use plonky2::plonk::config::Hasher;
        let word = |i: u64| 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i + 1) % ORDER;
        for seed in 0..32 {
            let [left, right] = [0, 4].map(|at| HashOut(std::array::from_fn(|i| word(16 * seed + at + i as u64))));
            let theirs =
                [left, right].map(|h| plonky2::hash::hash_types::HashOut { elements: h.0.map(F::from_canonical_u64) });
            let theirs = PoseidonHash::two_to_one(theirs[0], theirs[1]);
            assert_eq!(two_to_one(left, right).0, theirs.elements.map(|e| e.to_canonical_u64()));
        }
    }
}
