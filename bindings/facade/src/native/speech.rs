//! Speech: a text in a character's voice, out of a session; and what a file of it says of itself.

use lazai::core::Digest;
use lazai::settle::speech::SpokenVoice as Voice;
use lazai::speech::{NotSpeech, SpeechManifest, SpeechSettings};

use super::session::Session;
use crate::{BaseUnits, LazaiError, record, words};

words! {
    /// Whose voice it is, as the node says.
    pub enum SpokenVoice {
        /// The base's own, which is not the character's.
        Base,
        /// The base's, at the character's pitch and pace: it is not the character's either.
        PitchAndPace,
        /// The character's, by an adapter that was trained on recordings.
        Character,
    }
}

record! {
    /// A text that was spoken, checked and paid.
    pub struct Spoken {
        /// A WAV file: one channel, 16 bits, with a signed note that it is synthetic ([`speech_note`]).
        pub wav: Vec<u8>,
        /// Samples a second.
        pub sample_rate: u32,
        /// Characters that were paid for.
        pub characters: u64,
        /// The amount owed for the session by now, in base units.
        pub owed: BaseUnits,
        /// Whose voice it is, as the node claims.
        pub voice: SpokenVoice,
    }
}

record! {
    /// What a file says of its sound: it is synthetic, and a node signed for it.
    pub struct SpeechNote {
        /// The node's address.
        pub node: String,
        /// The character's model: `dat:CLASS:VERSION`.
        pub model: String,
        /// Whose voice it is, as the node claims.
        pub voice: SpokenVoice,
        /// SHA-256 of the file that makes the voice; none of the base's own.
        pub voice_digest: Option<String>,
        /// Characters of the text.
        pub characters: u64,
        /// The session in which it was spoken.
        pub session: String,
    }
}

impl From<Voice> for SpokenVoice {
    fn from(voice: Voice) -> Self {
        match voice {
            Voice::Base => Self::Base,
            Voice::PitchAndPace => Self::PitchAndPace,
            Voice::Character => Self::Character,
        }
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character: at most
    /// `most`, in base units; none for what one reply may cost under the session's offer. The pace is in thousandths of the voice's
    /// own, from 500 to 2,000; none for its own.
    ///
    /// # Errors
    /// `consumer.price` if it costs more, `node.not_served` if the node has no voice for it, `node.setting` for a pace or a text that it does not speak, other
    /// `node.…`, `consumer.…`, `signer.…`; the same can be asked for again.
    pub async fn speak(
        &self,
        text: String,
        speed_milli: Option<u32>,
        most: Option<BaseUnits>,
    ) -> Result<Spoken, LazaiError> {
        let most = most.map(|most| most.parse()).transpose()?;
        let speed_milli = speed_milli.unwrap_or(SpeechSettings::default().speed_milli);
        let settings = SpeechSettings { speed_milli, seed: None };
        let session = self.now();
        let speech = session.speak(&text, settings, most, &mut |_| {}).await?;
        Ok(Spoken {
            wav: speech.wav(),
            sample_rate: speech.rate(),
            characters: speech.received.receipt.receipt.characters,
            owed: session.owed().to_string(),
            voice: speech.voice.into(),
        })
    }

    /// What the node asks for speaking a text, in base units.
    ///
    /// # Errors
    /// `node.not_served` if it does not speak for this character, other `node.…`, `money.overflow`.
    pub async fn speech_price(&self, text: String) -> Result<BaseUnits, LazaiError> {
        let silent = || LazaiError::new("node.not_served", "the node has no voice for this character");
        let signed = self.now().speech_terms().await?.ok_or_else(silent)?;
        Ok(signed.terms.price(lazai::settle::speech::characters(&text))?.to_string())
    }
}

/// What a WAV file says of its sound. Its signatures and digests hold; that the node serves the version that it names, a ledger
/// says.
///
/// # Errors
/// `speech.unmarked` for a file that does not say that it is synthetic, `speech.format` for one that is no WAV file of one channel
/// and 16 bits, `speech.malformed` for a note that cannot be read, `speech.broken` for one that does not hold.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn speech_note(file: Vec<u8>) -> Result<SpeechNote, LazaiError> {
    let SpeechManifest { terms, receipt, .. } = SpeechManifest::of_wav(&file).map_err(|error| {
        let code = match error {
            NotSpeech::NoManifest => "speech.unmarked",
            NotSpeech::Manifest { .. } => "speech.malformed",
            NotSpeech::Broken { .. } => "speech.broken",
            _ => "speech.format",
        };
        LazaiError::new(code, error)
    })?;
    let (terms, receipt) = (terms.terms, receipt.receipt);
    Ok(SpeechNote {
        node: terms.node.to_string(),
        model: lazai::wire::talk::model_id(terms.class, terms.version),
        voice: terms.voice.into(),
        voice_digest: (terms.adapter_digest != Digest::ZERO).then(|| terms.adapter_digest.to_string()),
        characters: receipt.characters,
        session: receipt.session.to_string(),
    })
}
