//! Random numbers that follow from a seed (SplitMix64).

use lazai::core::digest::DomainHasher;

#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self::of(seed, "")
    }

    /// Numbers for one purpose: streams of neighbouring seeds would overlap, so both are hashed.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mixed = DomainHasher::new("dice").part(&seed.to_le_bytes()).part(purpose.as_bytes()).finish();
        Self(u64::from_le_bytes(*mixed.as_bytes().first_chunk().unwrap()))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
