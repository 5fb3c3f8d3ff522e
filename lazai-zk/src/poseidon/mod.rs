//! Poseidon over the Goldilocks field (p = 2^64 - 2^32 + 1), width 12, as plonky2 uses it.
//!
//! L. Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", USENIX Security 2021:
//! 4 full, 22 partial and 4 full rounds, S-box x^7, rate 8, capacity 4, overwriting sponge without padding.

mod constants;

use constants::ROUND_CONSTANTS;
use lazai_core::Digest;

/// The Goldilocks prime.
pub const ORDER: u64 = 0xffff_ffff_0000_0001;
/// Field elements of one hash.
pub const HASH_ELEMENTS: usize = 4;

const WIDTH: usize = 12;
const RATE: usize = 8;
const FULL_ROUNDS_EACH_SIDE: usize = 4;
const PARTIAL_ROUNDS: usize = 22;
const CIRCULANT: [u64; WIDTH] = [17, 15, 41, 16, 2, 28, 13, 13, 39, 18, 34, 20];
const FIRST_DIAGONAL: u64 = 8;

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

/// Hashes canonical field elements; the number of elements must be fixed by the context (there is no padding).
#[must_use]
pub fn hash(elements: &[u64]) -> HashOut {
    let mut state = [0; WIDTH];
    for chunk in elements.chunks(RATE) {
        state[..chunk.len()].copy_from_slice(chunk);
        permute(&mut state);
    }
    HashOut(std::array::from_fn(|i| state[i]))
}

/// The parent of two nodes of a Merkle tree.
#[must_use]
pub fn two_to_one(left: HashOut, right: HashOut) -> HashOut {
    let mut elements = [0; RATE];
    elements[..4].copy_from_slice(&left.0);
    elements[4..].copy_from_slice(&right.0);
    hash(&elements)
}

fn permute(state: &mut [u64; WIDTH]) {
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (element, constant) in state.iter_mut().zip(constants) {
            *element = reduce(u128::from(*element) + u128::from(*constant));
        }
        let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
        let boxes = if full { WIDTH } else { 1 };
        for element in &mut state[..boxes] {
            *element = seventh_power(*element);
        }
        *state = std::array::from_fn(|row| mds_row(state, row));
    }
}

fn mds_row(state: &[u64; WIDTH], row: usize) -> u64 {
    // Each product is below 2^70 and there are 13 of them: no overflow of 128 bits.
    let circulant = CIRCULANT.iter().enumerate();
    let sum: u128 = circulant.map(|(i, &c)| u128::from(state[(i + row) % WIDTH]) * u128::from(c)).sum();
    let diagonal = if row == 0 { u128::from(state[0]) * u128::from(FIRST_DIAGONAL) } else { 0 };
    reduce(sum + diagonal)
}

fn seventh_power(x: u64) -> u64 {
    let mul = |a: u64, b: u64| reduce(u128::from(a) * u128::from(b));
    let x2 = mul(x, x);
    let x4 = mul(x2, x2);
    mul(mul(x4, x2), x)
}

/// `x mod p`, by 2^64 = 2^32 - 1 and 2^96 = -1.
fn reduce(x: u128) -> u64 {
    const EPSILON: u64 = 0xffff_ffff;
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (top, middle) = (high >> 32, high & EPSILON);
    let (mut result, borrow) = low.overflowing_sub(top);
    if borrow {
        result = result.wrapping_sub(EPSILON);
    }
    // (2^32 - 1)^2 fits into 64 bits.
    let (mut sum, carry) = result.overflowing_add(middle * EPSILON);
    if carry {
        sum = sum.wrapping_add(EPSILON);
    }
    if sum >= ORDER { sum - ORDER } else { sum }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reduction_agrees_with_division() {
        let edges =
            [0, 1, u128::from(ORDER) - 1, ORDER.into(), u128::from(u64::MAX), 1 << 96, u128::MAX, u128::MAX - 1];
        let spread = (0..10_000u128).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        for x in edges.into_iter().chain(spread) {
            assert_eq!(u128::from(reduce(x)), x % u128::from(ORDER), "{x}");
        }
    }

    #[test]
    fn digests_round_trip_and_refuse_large_elements() {
        let out = hash(&[1, 2, 3]);
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
        for length in [1, 4, 8, 9, 14, 64] {
            let elements: Vec<u64> =
                (0..length).map(|i| 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i + 1) % ORDER).collect();
            let theirs =
                PoseidonHash::hash_no_pad(&elements.iter().map(|&e| F::from_canonical_u64(e)).collect::<Vec<_>>());
            assert_eq!(hash(&elements).0, theirs.elements.map(|e| e.to_canonical_u64()), "{length} elements");
        }
    }
}
