//! Speech: a text is spoken with a character's voice, for money, in the session that pays for replies.
//!
//! A node signs [`SpeechTerms`] beside its offer: a price for each character, and a limit. A consumer that agrees names them in a signed
//! [`SpeechRequest`], and knows the price before it asks: the characters are its own. The node's [`SpeechReceipt`] has the digest of
//! the samples, which the request's seed gives again, and the sum that is owed by then. Replies and speech share a session's turns, and
//! its vouchers.
//!
//! What a receipt says is claimed by the node: that the sound is the voice of the adapter it names, nobody proves.

use lazai_core::digest::DomainHasher;
use lazai_core::sign::Encoder;
use lazai_core::{Digest, SessionId, Signature, TypedData};
use lazai_settle::speech::{SpeechReceipt, SpeechTerms, SpokenVoice, characters};
use serde::{Deserialize, Serialize};

#[cfg(feature = "serve")]
use crate::node::Asked;
use crate::node::BadSetting;

/// The slowest and the fastest speech, in thousandths of the voice's own pace.
pub const SPEEDS: std::ops::RangeInclusive<u32> = 500..=2_000;

/// Terms with their node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSpeechTerms {
    /// The terms.
    pub terms: SpeechTerms,
    /// The node's signature.
    pub signature: Signature,
}

/// A receipt with its node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSpeechReceipt {
    /// The receipt.
    pub receipt: SpeechReceipt,
    /// The node's signature.
    pub signature: Signature,
}

/// What a consumer may set about speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechSettings {
    /// Pace, in thousandths of the voice's own: 500 to 2,000.
    #[serde(default = "own_pace")]
    pub speed_milli: u32,
    /// A number that makes the voice's noise: the same text with the same number sounds the same in any session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

fn own_pace() -> u32 {
    1_000
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self { speed_milli: own_pace(), seed: None }
    }
}

impl SpeechSettings {
    /// Checks that the pace is one of [`SPEEDS`].
    ///
    /// # Errors
    /// [`BadSetting`], which names the setting.
    pub fn check(&self) -> Result<(), BadSetting> {
        if SPEEDS.contains(&self.speed_milli) {
            return Ok(());
        }
        let reason =
            format!("{} thousandths, from {} to {} are spoken", self.speed_milli, SPEEDS.start(), SPEEDS.end());
        Err(BadSetting { setting: "speed", reason })
    }
}

/// A request for a text to be spoken, as the next turn of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechRequest {
    /// The session.
    pub session: SessionId,
    /// The turn's number, from 1. The same request again gives the same speech.
    pub turn: u32,
    /// The node's terms, to which the consumer agrees.
    pub terms: SignedSpeechTerms,
    /// The text.
    pub text: String,
    /// The settings.
    #[serde(default)]
    pub settings: SpeechSettings,
    /// The salt of the request's digest; hides the text from guesses.
    pub salt: Digest,
    /// The consumer's signature of a [`SpeechClaim`].
    pub signature: Signature,
}

impl SpeechRequest {
    /// The salted digest of text and settings: it is signed, and the receipt names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        request_digest(self.salt, &self.text, &self.settings)
    }

    /// What the consumer signs.
    #[must_use]
    pub fn claim(&self) -> SpeechClaim {
        let (session, turn, terms) = (self.session, self.turn, self.terms.terms.hash_struct());
        SpeechClaim { session, turn, terms, request: self.digest() }
    }

    /// The characters that are paid for.
    #[must_use]
    pub fn characters(&self) -> u64 {
        characters(&self.text)
    }

    /// The turn that it asks for: under newer terms, it is the same.
    #[cfg(feature = "serve")]
    pub(crate) fn asked(&self) -> Asked {
        Asked { session: self.session, turn: self.turn, digest: self.digest() }
    }
}

/// A consumer's signed request for speech: nobody else can run up the consumer's bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeechClaim {
    /// The session.
    pub session: SessionId,
    /// The turn's number.
    pub turn: u32,
    /// Digest of the terms.
    pub terms: Digest,
    /// Salted digest of text and settings.
    pub request: Digest,
}

impl TypedData for SpeechClaim {
    const TYPE: &'static str = "SpeechRequest(bytes32 session,uint32 turn,bytes32 terms,bytes32 request)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.terms);
        out.bytes32(self.request);
    }
}

/// Spoken text: one channel, 16 bits, with its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechReply {
    /// The samples, at the rate of the terms.
    pub samples: Vec<i16>,
    /// The receipt, as the node claims it.
    pub receipt: SignedSpeechReceipt,
}

/// The salted digest of a text and its settings.
#[must_use]
pub fn request_digest(salt: Digest, text: &str, settings: &SpeechSettings) -> Digest {
    let hasher = DomainHasher::new("lazai.speech.request.v1").part(salt.as_bytes()).part(text.as_bytes());
    let hasher = hasher.part(&settings.speed_milli.to_le_bytes());
    match settings.seed {
        Some(number) => hasher.part(&number.to_le_bytes()).finish(),
        None => hasher.finish(),
    }
}

/// The salted digest of samples and their rate.
#[must_use]
pub fn audio_digest(salt: Digest, rate: u32, samples: &[i16]) -> Digest {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    DomainHasher::new("lazai.speech.audio.v1").part(salt.as_bytes()).part(&rate.to_le_bytes()).part(&bytes).finish()
}

/// A speaker's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutSpeaker {
    /// Digest of the base voice.
    pub base_digest: Digest,
    /// Samples a second.
    pub rate: u32,
}

/// A text for a speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechJob {
    /// The text.
    pub text: String,
    /// Digest of an adapter that is loaded; `None` for the base's own voice.
    pub adapter: Option<Digest>,
    /// Pace, in thousandths of the voice's own.
    pub speed_milli: u32,
    /// Seed of the voice's noise.
    pub seed: u64,
}

/// Why a text is not spoken.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct SpeakError {
    /// The reason.
    pub reason: String,
}

impl SpeakError {
    /// An error with its reason.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

/// What turns text into sound: a base voice with adapters.
///
/// The same job gives the same samples, whatever else is spoken, on one kind of machine: receipts have their digest.
pub trait Speaker: Send + Sync {
    /// Its description.
    fn about(&self) -> &AboutSpeaker;

    /// Loads a voice from a folder: an adapter in PEFT's files, or pitch and pace. Returns what it is, and the SHA-256 of the file that
    /// makes it.
    ///
    /// # Errors
    /// [`SpeakError`].
    fn load_voice(&self, folder: &std::path::Path) -> Result<(SpokenVoice, Digest), SpeakError>;

    /// Speaks, phrase by phrase, until `on_samples` returns false. Blocks while it computes.
    ///
    /// # Errors
    /// [`SpeakError`]: an adapter that is not loaded, a text of which nothing can be spoken.
    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError>;
}

#[cfg(feature = "flac")]
mod flac;
mod manifest;

pub use manifest::{NotSpeech, SpeechManifest};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_texts_salts_and_settings_apart() {
        let salt = |n: u8| Digest::from_bytes([n; 32]);
        let own = SpeechSettings::default();
        let others = [
            request_digest(salt(1), "hello", &own),
            request_digest(salt(2), "hello", &own),
            request_digest(salt(1), "hello!", &own),
            request_digest(salt(1), "hello", &SpeechSettings { speed_milli: 999, ..own }),
            request_digest(salt(1), "hello", &SpeechSettings { seed: Some(0), ..own }),
            audio_digest(salt(1), 24_000, &[1, 2]),
            audio_digest(salt(1), 16_000, &[1, 2]),
            audio_digest(salt(1), 24_000, &[2, 1]),
        ];
        let all: std::collections::BTreeSet<_> = others.iter().collect();
        assert_eq!(all.len(), others.len());
    }

    #[test]
    fn a_pace_out_of_range_is_refused_by_name() {
        let pace = |speed_milli| SpeechSettings { speed_milli, seed: None }.check();
        for speed in [0, 499, 2_001, u32::MAX] {
            assert_eq!(pace(speed).unwrap_err().setting, "speed", "{speed}");
        }
        for speed in [500, 1_000, 2_000] {
            pace(speed).unwrap();
        }
    }
}
