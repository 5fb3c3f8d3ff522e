//! Repeating a reply: whether it was made as somebody says, by one pass over words that are there already.
//!
//! While a reply is made, its generator writes a [`Trail`]. Whoever has base and adapter computes conversation and reply once more, many
//! tokens at a time, which takes a fraction of what making the reply took. Two things are compared: the states with the trail, and each
//! token with the one that seed and settings draw from these states' scores.
//!
//! On the same kind of machine (same kernels, same form of weights) all bits are the same: [`Repeated::Same`], and any other bit and token
//! is told. Elsewhere states deviate by rounding, within [`TOLERANCE_PPM`] of their size: [`Repeated::Within`].

mod trail;

use lazai_core::Digest;
use lazai_core::message::Message;
use serde::Serialize;

pub(crate) use self::trail::TrailWriter;
pub use self::trail::{PIECE_BYTES, PIECE_TOKENS, Trail};
use crate::generate::Sampler;
pub use crate::serve::{RepeatSettings, Repeater};

/// The greatest deviation of a piece's states from the trail that other kernels explain, in millionths of the states' size. Activations of
/// eight bits round elsewhere: plain loops against AVX-512 were seen to deviate by 2.3 to 3.9 %.
pub const TOLERANCE_PPM: u32 = 60_000;

/// A reply, as somebody says that it was made.
#[derive(Debug, Clone)]
pub struct Claimed<'a> {
    /// Digest of the adapter; `None` for the bare base.
    pub adapter: Option<Digest>,
    /// The conversation.
    pub messages: &'a [Message],
    /// The sampling parameters.
    pub sampler: &'a Sampler,
    /// Seed of the choice.
    pub seed: u64,
    /// The reply's token ids.
    pub tokens: &'a [u32],
    /// The reply's text.
    pub text: &'a str,
    /// Its trail.
    pub trail: &'a Trail,
    /// The kind of machine that it was made on, as [`About::machine`](crate::About) names it: on the same kind, nothing may deviate. Empty
    /// if it is not known.
    pub machine: &'a str,
}

/// What a repeat of a reply came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "repeated", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repeated {
    /// All bits are the same, and so is every token.
    Same,
    /// The states deviate no more than other kernels explain, and so do the tokens.
    Within {
        /// The greatest deviation of a piece's states, in millionths of their size.
        worst_ppm: u32,
    },
    /// The states are others: another adapter, another base, another form of its weights, or another conversation.
    OtherScores {
        /// The first token of the first piece of 32 whose states are others, from 0.
        token: usize,
        /// How far they are off, in millionths of their size.
        deviation_ppm: u32,
    },
    /// The states are the same, and the settings draw other words from them: the words were changed, or drawn by other settings.
    OtherWords {
        /// The first token that is another, from 0; that after the last one if the reply was cut, or if only its text is another.
        token: usize,
    },
}

impl Repeated {
    /// Tells whether the reply was made as it is said.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Self::Same | Self::Within { .. })
    }
}

impl std::fmt::Display for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
        match *self {
            Self::Same => f.write_str("repeated: the same, bit by bit"),
            Self::Within { worst_ppm } => {
                write!(f, "repeated: within tolerance, states deviate by {:.2} %", percent(worst_ppm))
            }
            Self::OtherScores { token, deviation_ppm } => {
                write!(f, "other scores: from token {token} on, states deviate by {:.2} %", percent(deviation_ppm))
            }
            Self::OtherWords { token } => {
                write!(f, "other words: these settings do not draw token {token} of the reply from these scores")
            }
        }
    }
}

/// What became of a token that is drawn once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    Same,
    /// Scores that deviate within the tolerance draw it.
    Near,
    Other,
}

/// The repeat of a reply, as far as it went.
pub(crate) struct Findings {
    /// The trail of the repeat.
    pub(crate) own: Trail,
    /// The first token that was not drawn.
    pub(crate) first_odd: Option<usize>,
    /// The first that was not drawn within the tolerance either.
    pub(crate) first_other: Option<usize>,
}

impl Findings {
    /// Compares with the trail that was claimed, of as many tokens.
    pub(crate) fn judge(&self, claimed: &Trail, same_machine: bool) -> Repeated {
        let pieces = || claimed.pieces().zip(self.own.pieces());
        let in_all = self.own.pieces().count();
        let same = pieces().take_while(|(claimed, own)| claimed.mark() == own.mark()).count();
        // Where all bits are the same, so is the draw.
        let exact = same * PIECE_TOKENS;
        if let Some(token) = self.first_odd.filter(|odd| same == in_all || *odd < exact) {
            return Repeated::OtherWords { token };
        }
        let tolerance = if same_machine { 0 } else { TOLERANCE_PPM };
        // A mark may be copied; values that are not the claimed model's may not.
        let is_far = |(place, deviation): (usize, &u32)| *deviation > tolerance || (same_machine && place == same);
        let deviations: Vec<u32> =
            pieces().map(|(claimed, own)| deviation_ppm(claimed.values(), own.values())).collect();
        let far = deviations.iter().enumerate().position(is_far);
        let first_other = if same_machine { self.first_odd } else { self.first_other };
        if let Some(token) = first_other {
            let (piece, tokens) = (token / PIECE_TOKENS, token % PIECE_TOKENS + 1);
            let until = pieces()
                .nth(piece)
                .map_or(0, |(claimed, own)| deviation_ppm(claimed.values_to(tokens), own.values_to(tokens)));
            if until <= tolerance && far.is_none_or(|far| far >= piece) {
                return Repeated::OtherWords { token };
            }
        }
        if let Some((piece, deviation)) = far.and_then(|far| Some((far, deviations.get(far)?))) {
            return Repeated::OtherScores { token: piece * PIECE_TOKENS, deviation_ppm: *deviation };
        }
        let worst_ppm = deviations.into_iter().max().unwrap_or(0);
        if same == in_all && worst_ppm == 0 { Repeated::Same } else { Repeated::Within { worst_ppm } }
    }
}

/// The root of the squares of what is between, over that of what is expected, in millionths.
fn deviation_ppm(claimed: impl Iterator<Item = f64>, own: impl Iterator<Item = f64>) -> u32 {
    let (off, size) = claimed
        .zip(own)
        .fold((0.0, 0.0), |(off, size), (claimed, own)| (off + (claimed - own) * (claimed - own), size + own * own));
    let ratio = if off == 0.0 { 0.0 } else { (off / size).sqrt() };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
    let ppm = (ratio * 1e6).ceil() as u32;
    ppm
}
