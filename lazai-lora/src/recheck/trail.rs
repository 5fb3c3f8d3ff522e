//! The trail of a reply: a little of the state that each of its tokens was chosen by.
//!
//! ```text
//! version   1 byte, 1
//! tokens    4 bytes, little-endian
//! pieces    one for each 32 tokens, the last one shorter:
//!   mark    4 bytes: the beginning of a digest of all bits of the piece's states
//!   values  4 for each token, 2 bytes each: IEEE 754 binary16, little-endian, finite, no negative zero
//! ```
//!
//! The state is the last hidden one, after the final norm: scores are its product with the output matrix. The values' places in it
//! follow from the reply's seed. So a piece has 260 bytes, as many as with TOPLOC (arXiv:2501.16007), whose values are the greatest of a
//! piece, with their places: places that are known beforehand need no room and no search, and their deviation is that of the whole state.

use half::f16;
use lazai_core::digest::DomainHasher;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::error::{ModelError, Result};

/// Tokens of a piece.
pub const PIECE_TOKENS: usize = 32;
/// Bytes of a whole piece.
pub const PIECE_BYTES: usize = MARK_BYTES + PIECE_TOKENS * TOKEN_BYTES;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 5;
const MARK_BYTES: usize = 4;
/// Values that are kept of a state.
const VALUES: usize = 4;
const TOKEN_BYTES: usize = 2 * VALUES;
/// The stream of numbers, by the reply's seed, that places are taken from; tokens are drawn by stream 0.
const PLACES_STREAM: u64 = 1;

/// The trail of a reply: what a repeat of it is held to.
#[derive(Clone, PartialEq, Eq)]
pub struct Trail(Vec<u8>);

impl Trail {
    /// Reads a trail. There is one spelling of each.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] for any other bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let bad = |reason: &str| ModelError::malformed("trail", reason);
        let trail = Self(bytes);
        let version = trail.0.first().ok_or_else(|| bad("it is empty"))?;
        if *version != VERSION {
            return Err(bad(&format!("version {version}; known: {VERSION}")));
        }
        if trail.0.len() < HEAD_BYTES || trail.0.len() != bytes_of(trail.tokens()) {
            return Err(bad(&format!("{} bytes, of {} tokens", trail.0.len(), trail.tokens())));
        }
        let is_plain = |value: f16| value.is_finite() && value.to_bits() != f16::NEG_ZERO.to_bits();
        if trail.pieces().flat_map(|piece| piece.halves()).all(is_plain) {
            Ok(trail)
        } else {
            Err(bad("a value is not finite, or a negative zero"))
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tokens of the reply.
    #[must_use]
    pub fn tokens(&self) -> usize {
        let tokens = self.0.get(1..HEAD_BYTES).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        tokens.map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.0.get(HEAD_BYTES..).unwrap_or_default().chunks(PIECE_BYTES).map(Piece)
    }
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trail {{ tokens: {} }}", self.tokens())
    }
}

/// Bytes of a trail of so many tokens.
fn bytes_of(tokens: usize) -> usize {
    let (marks, values) =
        (tokens.div_ceil(PIECE_TOKENS).saturating_mul(MARK_BYTES), tokens.saturating_mul(TOKEN_BYTES));
    HEAD_BYTES.saturating_add(marks).saturating_add(values)
}

/// A piece of a trail.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'t>(&'t [u8]);

impl<'t> Piece<'t> {
    /// The mark of all bits of its states.
    pub(crate) fn mark(self) -> &'t [u8] {
        self.0.get(..MARK_BYTES).unwrap_or_default()
    }

    /// The values of its tokens, one after another.
    pub(crate) fn values(self) -> impl Iterator<Item = f64> + 't {
        self.halves().map(f64::from)
    }

    /// The values of its first tokens.
    pub(crate) fn values_to(self, tokens: usize) -> impl Iterator<Item = f64> + 't {
        self.values().take(tokens * VALUES)
    }

    fn halves(self) -> impl Iterator<Item = f16> + 't {
        let (halves, _) = self.0.get(MARK_BYTES..).unwrap_or_default().as_chunks::<2>();
        halves.iter().map(|bytes| f16::from_le_bytes(*bytes))
    }
}

/// Writes a trail while its reply is made.
pub(crate) struct TrailWriter {
    places: ChaCha8Rng,
    bytes: Vec<u8>,
    tokens: u32,
    /// The piece in the making: its values, and all bits of its states.
    values: Vec<u8>,
    mark: Option<DomainHasher>,
    state: Vec<u8>,
}

impl TrailWriter {
    pub(crate) fn new(seed: u64) -> Self {
        let mut places = ChaCha8Rng::seed_from_u64(seed);
        places.set_stream(PLACES_STREAM);
        let (bytes, values, state) = (vec![VERSION, 0, 0, 0, 0], Vec::new(), Vec::new());
        Self { places, bytes, tokens: 0, values, mark: None, state }
    }

    /// Adds the state that the next token was chosen by.
    pub(crate) fn push(&mut self, state: &[f32]) {
        for _ in 0..VALUES {
            let place = self.places.next_u32() as usize % state.len().max(1);
            let value = f16::from_f32(state.get(place).copied().unwrap_or_default());
            self.values.extend(plain(value).to_le_bytes());
        }
        self.state.clear();
        self.state.extend(state.iter().flat_map(|value| value.to_le_bytes()));
        let mark = self.mark.take().unwrap_or_else(|| DomainHasher::new("lazai.trail.piece.v1"));
        self.mark = Some(mark.part(&self.state));
        self.tokens += 1;
        if (self.tokens as usize).is_multiple_of(PIECE_TOKENS) {
            self.end_piece();
        }
    }

    fn end_piece(&mut self) {
        let Some(mark) = self.mark.take() else { return };
        self.bytes.extend(mark.finish().as_bytes().iter().take(MARK_BYTES));
        self.bytes.append(&mut self.values);
    }

    /// The trail of all tokens so far; there may be more.
    pub(crate) fn trail(&self) -> Trail {
        let mut bytes = self.bytes.clone();
        if let Some(mark) = self.mark.clone() {
            bytes.extend(mark.finish().as_bytes().iter().take(MARK_BYTES));
            bytes.extend(&self.values);
        }
        for (byte, of_tokens) in bytes.iter_mut().skip(1).zip(self.tokens.to_le_bytes()) {
            *byte = of_tokens;
        }
        Trail(bytes)
    }
}

/// The value in its one spelling.
fn plain(value: f16) -> f16 {
    if value.is_nan() || value == f16::ZERO {
        f16::ZERO
    } else if value.is_infinite() {
        if value.is_sign_positive() { f16::MAX } else { f16::MIN }
    } else {
        value
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn trail(tokens: usize) -> Trail {
        let mut writer = TrailWriter::new(7);
        for token in 0..tokens {
            let state: Vec<f32> = (0..50).map(|i| ((token * 31 + i * 17) % 97) as f32 - 48.0).collect();
            writer.push(&state);
        }
        writer.trail()
    }

    #[test]
    fn a_trail_has_one_spelling_and_a_stated_size() {
        for tokens in [0, 1, 31, 32, 33, 64, 100] {
            let trail = trail(tokens);
            assert_eq!(trail.tokens(), tokens);
            assert_eq!(trail.pieces().count(), tokens.div_ceil(PIECE_TOKENS));
            assert_eq!(trail.pieces().map(|piece| piece.values().count()).sum::<usize>(), tokens * VALUES);
            assert_eq!(Trail::from_bytes(trail.as_bytes().to_vec()).unwrap(), trail);
        }
        assert_eq!(trail(64).as_bytes().len(), HEAD_BYTES + 2 * 260);
    }

    /// Whatever is changed in the bytes: another trail, or an error; never the same trail twice.
    #[test]
    fn changed_bytes_are_another_trail_or_none() {
        let good = trail(40);
        for place in 0..good.as_bytes().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = good.as_bytes().to_vec();
                bytes[place] ^= change;
                if let Ok(other) = Trail::from_bytes(bytes.clone()) {
                    assert!(place >= HEAD_BYTES && other != good && other.as_bytes() == bytes, "{place}");
                }
            }
        }
        for cut in 0..good.as_bytes().len() {
            assert!(Trail::from_bytes(good.as_bytes()[..cut].to_vec()).is_err(), "{cut}");
        }
        assert!(Trail::from_bytes([good.as_bytes(), &[0]].concat()).is_err());
        // More tokens than any memory has bytes for.
        assert!(Trail::from_bytes(vec![1, 255, 255, 255, 255]).is_err());
        let halves = [f16::NAN, f16::INFINITY, f16::NEG_INFINITY, f16::NEG_ZERO];
        for half in halves {
            let mut bytes = good.as_bytes().to_vec();
            bytes[HEAD_BYTES + MARK_BYTES..][..2].copy_from_slice(&half.to_le_bytes());
            assert!(Trail::from_bytes(bytes).is_err(), "{half}");
        }
    }

    /// States that no model should have still have a trail.
    #[test]
    fn every_state_has_a_trail() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, -0.0, 1e-30, -1e-30] {
            let mut writer = TrailWriter::new(1);
            writer.push(&[value; 8]);
            let trail = writer.trail();
            assert_eq!(Trail::from_bytes(trail.as_bytes().to_vec()).unwrap(), trail, "{value}");
        }
        let mut writer = TrailWriter::new(1);
        writer.push(&[]);
        assert!(Trail::from_bytes(writer.trail().as_bytes().to_vec()).is_ok());
    }

    /// A bit of a state that no kept value shows changes its piece's mark, and no other piece.
    #[test]
    fn a_mark_is_of_all_bits() {
        let written = |changed: Option<usize>| {
            let mut writer = TrailWriter::new(3);
            for token in 0..70 {
                let mut state = vec![1.5_f32; 4_096];
                if changed == Some(token) {
                    state[11] = f32::from_bits(1.5_f32.to_bits() ^ 1);
                }
                writer.push(&state);
            }
            writer.trail()
        };
        let (same, other) = (written(None), written(Some(40)));
        let marks = |trail: &Trail| trail.pieces().map(|piece| piece.mark().to_vec()).collect::<Vec<_>>();
        let differ: Vec<bool> = marks(&same).iter().zip(marks(&other)).map(|(a, b)| *a != b).collect();
        assert_eq!(differ, [false, true, false]);
    }
}
