//! OpenAI's speech: `POST /v1/audio/speech`, and what pays for it. Source: OpenAI's API reference, "Audio", "Create speech".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai_core::quiet::json_error;
use lazai_core::{Digest, SessionId, Signature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::openai::{ApiError, BadRequest, object};
use super::payment::{PAYMENT, encode};
use super::sse::Events;
use super::talk::{failed, refused};
use crate::node::{NodeError, SignedVoucher};
use crate::speech::{SignedSpeechReceipt, SignedSpeechTerms, SpeechReply, SpeechRequest, SpeechSettings};

/// Where speech is asked for.
pub const PATH: &str = "/v1/audio/speech";
/// The voice of a character, by the name that clients send. A character has one.
pub const VOICE: &str = "default";
/// Largest answer with sound that is read: 64 MiB, twenty minutes of samples as base64.
const MAX_SOUND_BYTES: usize = 64 << 20;
/// Fields that change no sound.
const HARMLESS: [&str; 2] = ["user", "metadata"];

/// The form of sound in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundFormat {
    /// A file of RIFF, 16 bits, with a signed note that it is synthetic.
    Wav,
    /// A file of FLAC with the same note: about half as large, and nothing is lost.
    Flac,
    /// Samples alone: 16 bits, little-endian, one channel.
    Pcm,
}

impl SoundFormat {
    /// Its media type.
    #[must_use]
    pub fn media_type(self, rate: u32) -> String {
        match self {
            Self::Wav => "audio/wav".into(),
            Self::Flac => "audio/flac".into(),
            Self::Pcm => format!("audio/pcm;rate={rate}"),
        }
    }

    /// Its name where a reply is spoken.
    #[must_use]
    pub fn in_replies(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Pcm => "pcm16",
        }
    }
}

/// A request for speech, as clients send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechCall {
    /// The model; empty if the session says it.
    pub model: String,
    /// The text.
    pub input: String,
    /// The settings.
    pub settings: SpeechSettings,
    /// The form of the sound.
    pub format: SoundFormat,
    /// True for server-sent events.
    pub events: bool,
}

impl SpeechCall {
    /// Reads the body of a request.
    ///
    /// ```
    /// use lazai::wire::speech::SpeechCall;
    /// let body = br#"{"model": "dat:1:1", "input": "Hello.", "voice": "default", "speed": 1.25}"#;
    /// assert_eq!(SpeechCall::parse(body)?.settings.speed_milli, 1_250);
    /// let other = br#"{"model": "dat:1:1", "input": "Hello.", "voice": "alloy"}"#;
    /// assert_eq!(SpeechCall::parse(other).unwrap_err().parameter, "voice");
    /// # Ok::<(), lazai::wire::openai::BadRequest>(())
    /// ```
    ///
    /// # Errors
    /// [`BadRequest`], which names the parameter.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let body = object(body)?;
        let known = ["model", "input", "voice", "instructions", "response_format", "speed", "stream_format", "seed"];
        if let Some(other) = body.keys().find(|key| !known.contains(&key.as_str()) && !HARMLESS.contains(&key.as_str()))
        {
            return Err(BadRequest::new(other, "is not heeded"));
        }
        let model = text(&body, "model")?.ok_or_else(|| BadRequest::new("model", "is not a string"))?;
        let input = text(&body, "input")?.ok_or_else(|| BadRequest::new("input", "is not a string"))?;
        let voice = text(&body, "voice")?.unwrap_or_default();
        if !(voice.is_empty() || voice == VOICE || voice == model) {
            let reason = format!("{voice:.40?} is none of a character, who has one voice: {VOICE:?}");
            return Err(BadRequest::new("voice", reason));
        }
        if text(&body, "instructions")?.is_some_and(|told| !told.is_empty()) {
            return Err(BadRequest::new("instructions", "a voice speaks as it was trained"));
        }
        let format = match text(&body, "response_format")?.unwrap_or("wav") {
            // OpenAI's default, which some clients always send; they play whatever sound it is, and the answer says which.
            "wav" | "mp3" => SoundFormat::Wav,
            "flac" => SoundFormat::Flac,
            "pcm" => SoundFormat::Pcm,
            other => {
                let reason = format!("{other:.40?} is not made here: \"wav\", \"flac\" and \"pcm\" are");
                return Err(BadRequest::new("response_format", reason));
            }
        };
        let events = match text(&body, "stream_format")?.unwrap_or("audio") {
            "audio" => false,
            "sse" => true,
            _ => return Err(BadRequest::new("stream_format", "is neither \"audio\" nor \"sse\"")),
        };
        let settings = settings(&body)?;
        Ok(Self { model: model.into(), input: input.into(), settings, format, events })
    }
}

/// The form of the sound that a request for a reply wants as well: its `modalities` and `audio`.
pub(super) fn of_reply(body: &Map<String, Value>) -> Result<Option<SoundFormat>, BadRequest> {
    let wanted = match body.get("modalities") {
        None | Some(Value::Null) => false,
        Some(list) if *list == json!(["text"]) => false,
        Some(list) if *list == json!(["text", "audio"]) || *list == json!(["audio", "text"]) => true,
        Some(_) => return Err(BadRequest::new("modalities", "is neither [\"text\"] nor [\"text\", \"audio\"]")),
    };
    let audio = match (body.get("audio"), wanted) {
        (None | Some(Value::Null), false) => return Ok(None),
        (Some(Value::Object(audio)), true) => audio,
        (_, true) => return Err(BadRequest::new("audio", "has to tell voice and format of the modality \"audio\"")),
        (_, false) => return Err(BadRequest::new("audio", "is heeded with the modality \"audio\"")),
    };
    let voice = text(audio, "voice").map_err(|_| BadRequest::new("audio.voice", "is not a string"))?;
    if voice.is_some_and(|voice| voice != VOICE) {
        return Err(BadRequest::new("audio.voice", format!("a character has one voice: {VOICE:?}")));
    }
    let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    match text(audio, "format").unwrap_or_default() {
        Some("pcm16") => Ok(Some(SoundFormat::Pcm)),
        Some("wav") if !streamed => Ok(Some(SoundFormat::Wav)),
        Some("flac") if !streamed => Ok(Some(SoundFormat::Flac)),
        _ if streamed => Err(BadRequest::new("audio.format", "of a streamed reply is \"pcm16\"")),
        _ => Err(BadRequest::new("audio.format", "is none of \"wav\", \"flac\" and \"pcm16\"")),
    }
}

fn text<'b>(body: &'b Map<String, Value>, name: &str) -> Result<Option<&'b str>, BadRequest> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadRequest::new(name, "is not a string")),
    }
}

fn settings(body: &Map<String, Value>) -> Result<SpeechSettings, BadRequest> {
    let speed = match body.get("speed") {
        None | Some(Value::Null) => 1.0,
        Some(speed) => speed.as_f64().ok_or_else(|| BadRequest::new("speed", "is not a number"))?,
    };
    let seed = match body.get("seed") {
        None | Some(Value::Null) => None,
        Some(seed) => Some(seed.as_u64().ok_or_else(|| BadRequest::new("seed", "is not a whole number from 0"))?),
    };
    // Out of range, a cast ends at the nearest number, which is refused below.
    let settings = SpeechSettings { speed_milli: (speed * 1_000.0).round() as u32, seed };
    settings.check().map_err(|bad| BadRequest::new(bad.setting, bad.reason))?;
    Ok(settings)
}

/// A request for speech, without its text: what the header [`PAYMENT`] has for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaidSpeech {
    /// The session.
    pub session: SessionId,
    /// The turn's number, from 1.
    pub turn: u32,
    /// The terms that are agreed to.
    pub terms: SignedSpeechTerms,
    /// The salt of its digests.
    pub salt: Digest,
    /// The consumer's signature of a [`SpeechClaim`](crate::speech::SpeechClaim).
    pub signature: Signature,
    /// Pays for the turns before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<SignedVoucher>,
}

/// A [`PaidSpeech`] as x402 (version 2) has payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpeechPayment {
    /// 2.
    pub x402_version: u32,
    /// The request.
    pub payload: PaidSpeech,
}

/// LazAI's fields of what was spoken, under `lazai`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenDetails {
    /// The receipt.
    pub receipt: SignedSpeechReceipt,
}

/// The header [`PAYMENT`] and the body of `POST /v1/audio/speech` for a request; the sound is streamed.
#[must_use]
pub fn speak(request: &SpeechRequest) -> (&'static str, String, String) {
    let SpeechRequest { session, turn, ref terms, ref text, settings, salt, signature } = *request;
    let claim = PaidSpeech { session, turn, terms: terms.clone(), salt, signature, voucher: None };
    let mut body = json!({
        "model": "", "input": text, "voice": VOICE, "speed": f64::from(settings.speed_milli) / 1_000.0,
        "response_format": "pcm", "stream_format": "sse",
    });
    if let Some(seed) = settings.seed {
        body["seed"] = seed.into();
    }
    (PAYMENT, encode(&SpeechPayment { x402_version: 2, payload: claim }), body.to_string())
}

/// The event that has some samples.
#[must_use]
pub fn delta(samples: &[i16]) -> Value {
    json!({"type": "speech.audio.delta", "audio": STANDARD.encode(bytes(samples))})
}

/// The event that ends speech.
#[must_use]
pub fn done(characters: u64, details: &SpokenDetails) -> Value {
    let usage = json!({"input_tokens": characters, "output_tokens": 0, "total_tokens": characters});
    json!({"type": "speech.audio.done", "usage": usage, "lazai": details})
}

/// Samples as bytes, little-endian.
#[must_use]
pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Reads streamed speech as it comes.
#[derive(Debug)]
pub struct SpeechReader {
    events: Events,
    samples: Vec<i16>,
    spoken: Option<SpokenDetails>,
}

impl Default for SpeechReader {
    fn default() -> Self {
        Self { events: Events::with_limit(MAX_SOUND_BYTES), samples: Vec::new(), spoken: None }
    }
}

impl SpeechReader {
    /// Takes bytes of the answer's body; returns the samples that they complete.
    ///
    /// # Errors
    /// [`NodeError::Refused`] if the node says that it failed, [`NodeError::Transport`] for anything but its events.
    pub fn push(&mut self, bytes: &[u8]) -> Result<&[i16], NodeError> {
        let before = self.samples.len();
        for event in self.events.push(bytes).map_err(|e| failed(&e))? {
            let event: Value = serde_json::from_str(&event).map_err(|e| failed(&json_error(&e)))?;
            if event.get("error").is_some() {
                return Err(refused(ApiError::read(500, event.to_string().as_bytes())));
            }
            match event["type"].as_str() {
                Some("speech.audio.delta") => {
                    let sound = STANDARD.decode(event["audio"].as_str().unwrap_or_default()).map_err(|e| failed(&e))?;
                    let (pairs, rest) = sound.as_chunks::<2>();
                    if !rest.is_empty() {
                        return Err(failed(&"half a sample"));
                    }
                    self.samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
                }
                Some("speech.audio.done") => {
                    let details = SpokenDetails::deserialize(&event["lazai"]).map_err(|e| failed(&json_error(&e)))?;
                    self.spoken = Some(details);
                }
                _ => {}
            }
        }
        Ok(&self.samples[before..])
    }

    /// Tells whether the speech has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.spoken.is_some()
    }

    /// The speech.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if it is cut short: there is no receipt.
    pub fn finish(self) -> Result<SpeechReply, NodeError> {
        let SpokenDetails { receipt } = self.spoken.ok_or_else(|| failed(&"the speech broke off"))?;
        Ok(SpeechReply { samples: self.samples, receipt })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_request_is_ignored() {
        let asked = |body: &str| SpeechCall::parse(body.as_bytes());
        let whole = asked(
            r#"{"model":"m","input":"Hi.","voice":"m","speed":0.5,"seed":7,"response_format":"pcm","stream_format":"sse","user":"me"}"#,
        );
        let settings = SpeechSettings { speed_milli: 500, seed: Some(7) };
        let (model, input) = ("m".to_owned(), "Hi.".to_owned());
        assert_eq!(whole, Ok(SpeechCall { model, input, settings, format: SoundFormat::Pcm, events: true }));
        for (body, parameter) in [
            ("[]", "body"),
            (r#"{"input":"Hi."}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":["Hi."]}"#, "input"),
            (r#"{"model":"m","input":"Hi.","voice":"alloy"}"#, "voice"),
            (r#"{"model":"m","input":"Hi.","voice":{"id":"alloy"}}"#, "voice"),
            (r#"{"model":"m","input":"Hi.","instructions":"sadly"}"#, "instructions"),
            (r#"{"model":"m","input":"Hi.","response_format":"opus"}"#, "response_format"),
            (r#"{"model":"m","input":"Hi.","stream_format":"video"}"#, "stream_format"),
            (r#"{"model":"m","input":"Hi.","speed":"fast"}"#, "speed"),
            (r#"{"model":"m","input":"Hi.","speed":2.001}"#, "speed"),
            (r#"{"model":"m","input":"Hi.","speed":-1}"#, "speed"),
            (r#"{"model":"m","input":"Hi.","speed":1e300}"#, "speed"),
            (r#"{"model":"m","input":"Hi.","seed":-1}"#, "seed"),
            (r#"{"model":"m","input":"Hi.","pitch":2}"#, "pitch"),
        ] {
            assert_eq!(asked(body).unwrap_err().parameter, parameter, "{body}");
        }
    }

    #[test]
    fn what_sillytavern_sends_is_understood() {
        // What its server sends for its "OpenAI Compatible" provider, with this model and "default" among the available voices.
        let body =
            br#"{"input":"Hello there.","response_format":"mp3","voice":"default","speed":1.25,"model":"dat:1:1"}"#;
        let asked = SpeechCall::parse(body).unwrap();
        let settings = SpeechSettings { speed_milli: 1_250, seed: None };
        let (model, input) = ("dat:1:1".to_owned(), "Hello there.".to_owned());
        assert_eq!(asked, SpeechCall { model, input, settings, format: SoundFormat::Wav, events: false });
    }

    #[test]
    fn a_reply_is_spoken_if_it_is_asked_for_in_full() {
        let asked = |modalities: Value, audio: Value, stream: bool| {
            let body = json!({"modalities": modalities, "audio": audio, "stream": stream});
            of_reply(body.as_object().unwrap()).map_err(|bad| bad.parameter)
        };
        let (both, wav, pcm) =
            (json!(["text", "audio"]), json!({"voice": "default", "format": "wav"}), json!({"format": "pcm16"}));
        assert_eq!(asked(Value::Null, Value::Null, false), Ok(None));
        assert_eq!(asked(json!(["text"]), Value::Null, true), Ok(None));
        assert_eq!(asked(both.clone(), wav.clone(), false), Ok(Some(SoundFormat::Wav)));
        assert_eq!(asked(both.clone(), pcm, true), Ok(Some(SoundFormat::Pcm)));
        for (modalities, audio, stream, parameter) in [
            (json!(["audio"]), wav.clone(), false, "modalities"),
            (json!("audio"), wav.clone(), false, "modalities"),
            (both.clone(), Value::Null, false, "audio"),
            (both.clone(), json!("wav"), false, "audio"),
            (json!(["text"]), wav.clone(), false, "audio"),
            (both.clone(), json!({"voice": "alloy", "format": "wav"}), false, "audio.voice"),
            (both.clone(), json!({"format": "mp3"}), false, "audio.format"),
            (both, wav, true, "audio.format"),
        ] {
            assert_eq!(asked(modalities, audio, stream), Err(parameter.into()));
        }
    }

    #[test]
    fn every_pace_in_thousandths_comes_through() {
        for speed_milli in crate::speech::SPEEDS {
            let body = json!({"model": "m", "input": "a", "speed": f64::from(speed_milli) / 1_000.0}).to_string();
            assert_eq!(SpeechCall::parse(body.as_bytes()).unwrap().settings.speed_milli, speed_milli);
        }
    }

    #[test]
    fn samples_are_read_as_they_were_sent_however_they_are_cut() {
        let samples = [1, -2, 300, i16::MIN, i16::MAX];
        let stream = format!("data: {}\n\ndata: {}\n\n", delta(&samples[..2]), delta(&samples[2..]));
        for size in [1, 7, 1_000] {
            let mut reader = SpeechReader::default();
            let mut heard = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                heard.extend_from_slice(reader.push(piece).unwrap());
            }
            assert_eq!(heard, samples);
            // Without its end, it is none.
            assert!(matches!(reader.finish(), Err(NodeError::Transport { .. })));
        }
        let mut reader = SpeechReader::default();
        assert!(
            reader.push(b"data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n").is_err(),
            "half a sample"
        );
    }
}
