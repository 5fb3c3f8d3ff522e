//! Speech: a text in a character's voice, in the conversation that pays for it; and what a file of it says of itself.

use std::sync::Arc;

use lazai::consumer::ConsumerError;
use lazai::conversation::ReceivedSpeech;
use lazai::core::{Amount, Digest, Domain};
use lazai::node::NodeError;
use lazai::settle::speech::SpokenVoice as Voice;
use lazai::speech::{NotSpeech, SignedSpeechTerms, SpeechManifest, SpeechSettings};
use lazai::wire::speech::{SpeechReader, bytes};

use crate::chat::{Asked, Chat, Saying, no_request};
use crate::transport::{Distant, HttpRequest, Listener, SpeechListener, Transport, now_s, speech_post, voucher_post};
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
    /// A text that was spoken and checked.
    pub struct Spoken {
        /// A WAV file: one channel, 16 bits, with a signed note that it is synthetic ([`speech_note`]).
        #[serde(serialize_with = "as_bytes")]
        pub wav: Vec<u8>,
        /// Samples a second.
        pub sample_rate: u32,
        /// Characters that are paid for.
        pub characters: u64,
        /// The amount owed for the session by now, in base units.
        pub owed: BaseUnits,
        /// Whose voice it is, as the node claims.
        pub voice: SpokenVoice,
        /// The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        /// owed.
        pub payment: Option<HttpRequest>,
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

/// Bytes as one value, where a language has such: JavaScript's `Uint8Array`.
fn as_bytes<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
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

impl Spoken {
    /// The last speech of a conversation, with its samples.
    fn of(domain: Domain, received: &ReceivedSpeech, samples: &[i16], owed: Amount) -> Self {
        let ReceivedSpeech { terms, receipt, salt, .. } = received.clone();
        let (sample_rate, voice) = (terms.terms.sample_rate, terms.terms.voice.into());
        let characters = receipt.receipt.characters;
        let wav = SpeechManifest::new(domain, terms, receipt, salt).wav(samples);
        Self { wav, sample_rate, characters, owed: owed.to_string(), voice, payment: None }
    }
}

/// The settings and the limit of a request, as other languages give them.
pub(crate) fn asked_with(
    speed_milli: Option<u32>,
    most: Option<&BaseUnits>,
) -> Result<(SpeechSettings, Option<Amount>), LazaiError> {
    let speed_milli = speed_milli.unwrap_or(SpeechSettings::default().speed_milli);
    let settings = SpeechSettings { speed_milli, seed: None };
    settings.check().map_err(|bad| LazaiError::new("node.setting", bad))?;
    Ok((settings, most.map(|most| most.parse()).transpose()?))
}

/// A conversation that has speech in it has its receipt.
fn unkept() -> LazaiError {
    ConsumerError::from(NodeError::Transport { reason: "no receipt was kept".into() }).into()
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Chat {
    /// Signs a request for a text to be spoken with the character's voice, as the next turn, under a node's terms
    /// ([`ModelOffer::speech_terms`](crate::ModelOffer)): at most `most` is paid, in base units; none for what one reply may cost under the
    /// session's offer. The pace is in thousandths of the voice's own, from 500 to 2,000; none for its own.
    ///
    /// # Errors
    /// `chat.unpaid` if the last turn must be paid first, `consumer.price` if it costs more, `consumer.receipt` if the terms are not of this
    /// session or do not allow the text, `node.setting`, `json.malformed`, `money.not_decimal`, `signer.…`.
    pub async fn ask_speech(
        &self,
        text: String,
        speech_terms: String,
        speed_milli: Option<u32>,
        most: Option<BaseUnits>,
    ) -> Result<HttpRequest, LazaiError> {
        let (settings, most) = asked_with(speed_milli, most.as_ref())?;
        let terms: SignedSpeechTerms = serde_json::from_str(&speech_terms)?;
        let (talker, mut conversation) = self.now();
        let request = talker.ask_speech(&mut conversation, &terms, text, settings, most).await?;
        let post = speech_post(&request)?;
        let mut state = self.state();
        state.conversation = conversation;
        state.asked = Some(Asked::Speech(Box::new((request, SpeechReader::default()))));
        Ok(post)
    }

    /// Takes bytes of the answer's body as they come; returns the samples that they complete, not checked yet: one channel, 16 bits,
    /// little-endian.
    ///
    /// # Errors
    /// `chat.no_request`, `node.…`.
    pub fn hear_speech(&self, bytes: Vec<u8>) -> Result<Vec<u8>, LazaiError> {
        match &mut self.state().asked {
            Some(Asked::Speech(asked)) => Ok(self::bytes(asked.1.push(&bytes)?)),
            _ => Err(no_request()),
        }
    }

    /// Checks the received speech against request and terms, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// # Errors
    /// `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    pub async fn finish_speech(&self) -> Result<Spoken, LazaiError> {
        let asked = self.state().asked.take_if(|asked| matches!(asked, Asked::Speech(_)));
        let Some(Asked::Speech(asked)) = asked else { return Err(no_request()) };
        let (request, reader) = *asked;
        let reply = reader.finish()?;
        let (talker, mut conversation) = self.now();
        talker.take_speech(&mut conversation, &request, &reply).await?;
        mark_spoken(&mut conversation);
        let payment = conversation.unpaid.as_ref().map(voucher_post).transpose()?;
        let mut state = self.state();
        state.conversation = conversation;
        let received = state.conversation.spoken.last().ok_or_else(unkept)?;
        let spoken = Spoken::of(state.domain.clone(), received, &reply.samples, state.conversation.owed());
        Ok(Spoken { payment, ..spoken })
    }

    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character, over a
    /// transport. First sends a payment that did not get through. Terms, pace and limit are those of [`ask_speech`](Self::ask_speech).
    ///
    /// # Errors
    /// `consumer.price` if it costs more than `most`, `node.setting` for a pace or a text that it does not speak, other `node.…`,
    /// `consumer.…`, `json.malformed`, `signer.…`; the same can be asked for again.
    pub async fn speak(
        &self,
        text: String,
        speech_terms: String,
        transport: Arc<dyn Transport>,
        speed_milli: Option<u32>,
        most: Option<BaseUnits>,
        listener: Option<Arc<dyn SpeechListener>>,
    ) -> Result<Spoken, LazaiError> {
        let (settings, most) = asked_with(speed_milli, most.as_ref())?;
        let told: SignedSpeechTerms = serde_json::from_str(&speech_terms)?;
        let (talker, conversation) = self.now();
        let mut saying = Saying { chat: self, conversation };
        let conversation = &mut saying.conversation;
        let rate = conversation.speech_terms(&told, &text, &settings).terms.sample_rate;
        let listener = listener.map_or(Listener::Nobody, |listener| Listener::Speech(listener, rate));
        let node = Distant { transport, listener };
        let (reply, _) = talker.speak(conversation, &node, &told, text, settings, most, &mut |_| {}).await?;
        mark_spoken(conversation);
        let received = conversation.spoken.last().ok_or_else(unkept)?;
        let domain = self.state().domain.clone();
        Ok(Spoken::of(domain, received, &reply.samples, conversation.owed()))
    }
}

/// Notes when the last speech was received, where a clock is at hand.
fn mark_spoken(conversation: &mut lazai::Conversation) {
    if cfg!(feature = "native") {
        conversation.mark_spoken(now_s());
    }
}

/// What a WAV file (and, where files are at hand, a FLAC file) says of its sound. Its signatures and digests hold; that the node serves the version that it names, a ledger
/// says.
///
/// # Errors
/// `speech.unmarked` for a file that does not say that it is synthetic, `speech.format` for one that is no such file of one channel
/// and 16 bits, `speech.malformed` for a note that cannot be read, `speech.broken` for one that does not hold.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn speech_note(file: Vec<u8>) -> Result<SpeechNote, LazaiError> {
    let SpeechManifest { terms, receipt, .. } = SpeechManifest::of_file(&file).map_err(|error| {
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
