//! The sketch of a dialogue, to find similar ones: a digest, and a MinHash signature.

use std::hash::{DefaultHasher, Hash, Hasher};

use gaoya::minhash::{MinHasher, MinHasher32};

use crate::digest::DomainHasher;
use crate::message::{Dialogue, Role};

/// Hashes of a signature: twelve bands of five.
pub(super) const BANDS: usize = 12;
const ROWS: usize = 5;
pub(super) const HASHES: usize = BANDS * ROWS;
/// Words that count as one feature.
const SHINGLE: usize = 3;

/// A digest of the text and a MinHash signature of its words.
///
/// Source: A. Broder, "On the resemblance and containment of documents", 1997.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sketch {
    pub digest: [u8; 16],
    pub signature: [u32; HASHES],
}

impl Sketch {
    /// The bands: two dialogues that are alike share at least one, almost surely.
    pub(super) fn bands(&self) -> impl Iterator<Item = u64> {
        self.signature.chunks_exact(ROWS).enumerate().map(|(band, rows)| {
            let mut hasher = DefaultHasher::new();
            (band, rows).hash(&mut hasher);
            hasher.finish()
        })
    }

    /// The estimated similarity, in hashes that agree.
    pub(super) fn agreeing(&self, other: &Self) -> usize {
        self.signature.iter().zip(&other.signature).filter(|(a, b)| a == b).count()
    }
}

pub(super) struct Sketcher(MinHasher32<pass::Build>);

/// The library's hasher of features: they are hashes already, and only folded to half their length.
mod pass {
    #[derive(Clone, Default)]
    pub(in super::super) struct Build;

    pub(in super::super) struct Pass(u64);

    impl std::hash::BuildHasher for Build {
        type Hasher = Pass;

        fn build_hasher(&self) -> Pass {
            Pass(0)
        }
    }

    impl std::hash::Hasher for Pass {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(byte);
            }
        }

        fn write_u64(&mut self, value: u64) {
            // The library takes the lower half.
            self.0 = value ^ value >> 32;
        }
    }
}

impl Sketcher {
    pub(super) fn new() -> Self {
        Self(MinHasher32::new_with_hasher(HASHES, pass::Build))
    }

    pub(super) fn sketch(&self, dialogue: &Dialogue) -> Sketch {
        let mut hasher = DomainHasher::new("lazai.prepare.dialogue.v1");
        let mut words = Vec::new();
        for message in &dialogue.messages {
            hasher = hasher.part(&[message.role as u8]).part(message.content.as_bytes());
            if message.role != Role::System {
                words.extend(word_hashes(&message.content));
            }
        }
        let digest = hasher.finish();
        let features: Vec<u64> = match words.len() {
            0..=SHINGLE => vec![grouped(&words)],
            _ => words.windows(SHINGLE).map(grouped).collect(),
        };
        let mut signature = [0; HASHES];
        signature.copy_from_slice(&self.0.create_signature(features.into_iter()));
        Sketch { digest: *digest.as_bytes().first_chunk().unwrap_or(&[0; 16]), signature }
    }
}

/// The words of a text in lower case, hashed: runs of letters and digits.
pub(super) fn word_hashes(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        // FNV-1a, with a last mixing step.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        if word.is_ascii() {
            word.bytes().for_each(|b| add(b.to_ascii_lowercase()));
        } else {
            word.to_lowercase().bytes().for_each(add);
        }
        mixed(hash)
    })
}

/// The hash of some words in their order.
pub(super) fn grouped(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, &word| mixed(hash.rotate_left(5) ^ word))
}

/// A bijection in which every bit of the input moves every bit of the output (the finaliser of SplitMix64).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn dialogue(text: &str) -> Dialogue {
        let messages = vec![Message::new(Role::Assistant, text)];
        Dialogue { id: String::new(), contributor: String::new(), messages, context: Vec::new() }
    }

    #[test]
    fn the_estimate_is_near_the_truth() {
        let sketcher = Sketcher::new();
        let words: Vec<String> = (0..400).map(|i| format!("w{i}")).collect();
        let base = sketcher.sketch(&dialogue(&words.join(" ")));
        for share in [0usize, 100, 200, 300, 360, 400] {
            let other: Vec<String> =
                (0..400).map(|i| if i < share { format!("w{i}") } else { format!("v{i}") }).collect();
            let common = share.saturating_sub(2) as f64;
            let truth = common / (2.0 * 398.0 - common);
            let estimate = base.agreeing(&sketcher.sketch(&dialogue(&other.join(" ")))) as f64 / HASHES as f64;
            assert!((truth - estimate).abs() < 0.2, "{share}: {truth} {estimate}");
        }
        assert_eq!(
            word_hashes("Ünder the TOWER").collect::<Vec<_>>(),
            word_hashes("ünder, the tower!").collect::<Vec<_>>()
        );
    }
}
