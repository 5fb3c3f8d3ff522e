//! Spoken text: what a node wants for speaking with a character's voice, and its receipts, each signed under EIP-712.
//!
//! A session pays for what is spoken as it pays for replies: with the same vouchers, of which the ledger sees only sums. So the
//! ledger knows neither struct.

use lazai_core::sign::Encoder;
use lazai_core::{Address, Amount, Asset, ClassId, Digest, MoneyError, SessionId, TypedData, VersionNumber};
use serde::{Deserialize, Serialize};

use crate::session::Offer;

/// A node's price and limit for speaking with a version's voice. Signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechTerms {
    /// The node.
    pub node: Address,
    /// The class whose voice it is.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The asset of the price.
    pub asset: Asset,
    /// Price of one character: of one Unicode scalar value of the text that is spoken.
    pub character_price: Amount,
    /// Most characters of one request.
    pub character_ceiling: u32,
    /// Digest of the base voice.
    pub base_digest: Digest,
    /// What the node says that it speaks with.
    pub voice: SpokenVoice,
    /// SHA-256 of the file that makes the voice: its adapter, or pitch and pace; zero for the base's own voice.
    pub adapter_digest: Digest,
    /// Samples a second: one channel, 16 bits.
    pub sample_rate: u32,
    /// Requests may name it up to this time, seconds since 1970.
    pub valid_until_s: u64,
    /// The node's series of offers that it belongs to: beginning the next series revokes it.
    pub series: u64,
}

/// Whose voice it is, as the node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpokenVoice {
    /// The base's own, which is not the character's.
    Base,
    /// The base's, at the character's pitch and pace: it is not the character's either.
    PitchAndPace,
    /// The character's, by an adapter that was trained on recordings.
    Character,
}

impl SpokenVoice {
    /// Its number in what is signed.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Base => 0,
            Self::PitchAndPace => 1,
            Self::Character => 2,
        }
    }
}

/// The number of characters of a text that are paid for: its Unicode scalar values, spaces too.
///
/// ```
/// assert_eq!(lazai_settle::speech::characters("Grüß dich!"), 10);
/// ```
#[must_use]
pub fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

impl SpeechTerms {
    /// The price of so many characters.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn price(&self, characters: u64) -> Result<Amount, MoneyError> {
        self.character_price.checked_mul(characters)
    }

    /// Tells whether a session under an offer may be spoken to under these terms: same node, version and asset.
    #[must_use]
    pub fn belong_to(&self, offer: &Offer) -> bool {
        (self.node, self.class, self.version, self.asset) == (offer.node, offer.class, offer.version, offer.asset)
    }
}

impl TypedData for SpeechTerms {
    const TYPE: &'static str = "SpeechTerms(address node,uint64 class,uint32 version,address asset,\
                                uint128 characterPrice,uint32 characterCeiling,bytes32 baseDigest,\
                                uint8 voice,bytes32 adapterDigest,uint32 sampleRate,uint64 validUntil,uint64 series)";

    fn encode(&self, out: &mut Encoder) {
        out.address(self.node);
        out.uint(self.class.0.into());
        out.uint(self.version.0.into());
        out.address(self.asset.0);
        out.uint(self.character_price.base_units());
        out.uint(self.character_ceiling.into());
        out.bytes32(self.base_digest);
        out.uint(self.voice.code().into());
        out.bytes32(self.adapter_digest);
        out.uint(self.sample_rate.into());
        out.uint(self.valid_until_s.into());
        out.uint(self.series.into());
    }
}

/// A node's claim of what it spoke for one request. Signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechReceipt {
    /// The session.
    pub session: SessionId,
    /// The turn's number in the session, from 1: replies and what is spoken are counted together.
    pub turn: u32,
    /// Digest of the terms, as they were signed.
    pub terms_digest: Digest,
    /// Salted digest of the text and its settings.
    pub request_digest: Digest,
    /// Salted digest of the samples.
    pub audio_digest: Digest,
    /// Characters of the text.
    pub characters: u64,
    /// Samples that were made.
    pub samples: u64,
    /// Seed of the voice's noise.
    pub seed: u64,
    /// The amount owed for the session, this turn included.
    pub cumulative: Amount,
}

impl TypedData for SpeechReceipt {
    const TYPE: &'static str = "SpeechReceipt(bytes32 session,uint32 turn,bytes32 termsDigest,bytes32 requestDigest,\
                                bytes32 audioDigest,uint64 characters,uint64 samples,uint64 seed,uint128 cumulative)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.terms_digest);
        out.bytes32(self.request_digest);
        out.bytes32(self.audio_digest);
        out.uint(self.characters.into());
        out.uint(self.samples.into());
        out.uint(self.seed.into());
        out.uint(self.cumulative.base_units());
    }
}
