//! Poseidon over the Goldilocks field (p = 2^64 - 2^32 + 1), width 12, as plonky2 uses it.
//!
//! L. Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", USENIX Security 2021:
//! 4 full, 22 partial and 4 full rounds, S-box x^7, rate 8, capacity 4, overwriting sponge without padding.

mod constants;

use crate::field;
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
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (element, constant) in state.iter_mut().zip(constants) {
            *element = field::add(*element, *constant);
        }
        let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
        let boxes = if full { WIDTH } else { 1 };
        for element in &mut state[..boxes] {
            *element = seventh_power(*element);
        }
        *state = mds(state);
    }
}

/// The linear layer, a circulant matrix and one entry more: a cyclic convolution, of the 32-bit halves apart so that
/// every sum fits. `x^12 - 1 = (x^3 - 1)(x^3 + 1)(x^6 + 1)` takes 54 products instead of 144.
fn mds(state: &[u64; WIDTH]) -> [u64; WIDTH] {
    let low = convolve(&state.map(|x| (x & 0xffff_ffff) as i64));
    let high = convolve(&state.map(|x| (x >> 32) as i64));
    let mut out = [0; WIDTH];
    for (i, out) in out.iter_mut().enumerate() {
        // Both are sums of products of numbers that are not negative: below 2^40.
        let mut sum = (low[i] as u128) + ((high[i] as u128) << 32);
        if i == 0 {
            sum += u128::from(state[0]) * u128::from(FIRST_DIAGONAL);
        }
        *out = field::reduce(sum);
    }
    out
}

/// The kernel modulo the three factors: row `r` of the matrix is the convolution's coefficient `r`.
const KERNELS: ([i64; 3], [i64; 3], [i64; 6]) = {
    let mut kernel = [0i64; WIDTH];
    let mut i = 0;
    while i < WIDTH {
        kernel[(WIDTH - i) % WIDTH] = CIRCULANT[i] as i64;
        i += 1;
    }
    let (mut minus, mut plus, mut six) = ([0; 3], [0; 3], [0; 6]);
    let mut i = 0;
    while i < 6 {
        let sum = kernel[i] + kernel[i + 6];
        six[i] = kernel[i] - kernel[i + 6];
        minus[i % 3] += sum;
        plus[i % 3] += if i < 3 { sum } else { -sum };
        i += 1;
    }
    (minus, plus, six)
};

fn convolve(s: &[i64; WIDTH]) -> [i64; WIDTH] {
    let (minus, plus, six) = KERNELS;
    let sum: [i64; 6] = std::array::from_fn(|i| s[i] + s[i + 6]);
    let difference: [i64; 6] = std::array::from_fn(|i| s[i] - s[i + 6]);
    let a: [i64; 3] = std::array::from_fn(|i| sum[i] + sum[i + 3]);
    let b: [i64; 3] = std::array::from_fn(|i| sum[i] - sum[i + 3]);
    let a = [
        a[0] * minus[0] + a[1] * minus[2] + a[2] * minus[1],
        a[0] * minus[1] + a[1] * minus[0] + a[2] * minus[2],
        a[0] * minus[2] + a[1] * minus[1] + a[2] * minus[0],
    ];
    let b = [
        b[0] * plus[0] - b[1] * plus[2] - b[2] * plus[1],
        b[0] * plus[1] + b[1] * plus[0] - b[2] * plus[2],
        b[0] * plus[2] + b[1] * plus[1] + b[2] * plus[0],
    ];
    let mut c = [0i64; 6];
    for (i, &x) in difference.iter().enumerate() {
        for (j, &k) in six.iter().enumerate() {
            if i + j < 6 {
                c[i + j] += x * k;
            } else {
                c[i + j - 6] -= x * k;
            }
        }
    }
    // Undone in two steps; both halvings are exact.
    std::array::from_fn(|i| {
        let cyclic = if i % 6 < 3 { a[i % 3] + b[i % 3] } else { a[i % 3] - b[i % 3] } / 2;
        (if i < 6 { cyclic + c[i] } else { cyclic - c[i - 6] }) / 2
    })
}

fn seventh_power(x: u64) -> u64 {
    let x2 = field::mul(x, x);
    let x4 = field::mul(x2, x2);
    field::mul(field::mul(x4, x2), x)
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
