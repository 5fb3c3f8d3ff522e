//! A speaker that delegates speech to another server: any with OpenAI's `POST /v1/audio/speech`.

use std::io::Read;
use std::path::Path;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_settle::speech::SpokenVoice;
use serde_json::json;

use super::client::{agent, refused_or, without_userinfo, without_v1};
use super::{quiet, traces};
use crate::speech::{AboutSpeaker, SpeakError, Speaker, SpeechJob};
use crate::wire::speech::PATH;

/// Samples a second of OpenAI's `pcm`, which has no header that would say it: 16 bits, little-endian, one channel. Source: OpenAI's
/// guide, "Text to speech", "Supported output formats".
const RATE: u32 = 24_000;
/// Bytes that are read at a time: a tenth of a second.
const PIECE: usize = RATE as usize / 5;

/// A speaker behind an OpenAI-compatible URL, for a node that speaks with another base voice than this library's.
///
/// The server's voice is nobody's adapter: terms and receipts say that it is a base's own voice, which is not the character's, and
/// their digest of the base is one of the names of model and voice. Nothing here can check what the server runs. Whether the same text
/// sounds the same again is the server's matter too: a node that is asked to speak a text again signs for what it hears then.
///
/// ```no_run
/// use lazai::http::OpenAiSpeaker;
/// use lazai::speech::{Speaker as _, SpeechJob};
///
/// let speaker = OpenAiSpeaker::new("http://127.0.0.1:8880", "kokoro", "af_heart");
/// let job = SpeechJob { text: "The city never sleeps.".into(), adapter: None, speed_milli: 1_000, seed: 1 };
/// speaker.speak(&job, &mut |samples| !samples.is_empty())?;
/// # Ok::<(), lazai::speech::SpeakError>(())
/// ```
pub struct OpenAiSpeaker {
    url: String,
    model: String,
    voice: String,
    about: AboutSpeaker,
    agent: ureq::Agent,
}

impl OpenAiSpeaker {
    /// A speaker with a voice of a model, at a URL such as `http://127.0.0.1:8880`. Nothing is asked yet.
    #[must_use]
    pub fn new(url: &str, model: &str, voice: &str) -> Self {
        let hasher = DomainHasher::new("lazai.speech.remote.v1").part(model.as_bytes()).part(voice.as_bytes());
        let about = AboutSpeaker { base_digest: hasher.finish(), rate: RATE };
        let url = without_v1(url).to_owned();
        Self { url, model: model.into(), voice: voice.into(), about, agent: agent(ureq::tls::RootCerts::WebPki) }
    }

    fn failed(&self, reason: impl std::fmt::Display) -> SpeakError {
        SpeakError::new(format!("{}: {reason}", without_userinfo(&self.url)))
    }
}

impl Speaker for OpenAiSpeaker {
    fn about(&self) -> &AboutSpeaker {
        &self.about
    }

    fn load_voice(&self, folder: &Path) -> Result<(SpokenVoice, Digest), SpeakError> {
        Err(self.failed(format!("the voice in {} is of another base: this server has its own", folder.display())))
    }

    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError> {
        if let Some(adapter) = job.adapter {
            return Err(self.failed(format!("the voice {adapter} is not loaded")));
        }
        let body = json!({
            "model": self.model, "voice": self.voice, "input": job.text, "response_format": "pcm",
            "speed": f64::from(job.speed_milli) / 1_000.0,
        });
        let post = self.agent.post(format!("{}{PATH}", self.url)).header("content-type", "application/json");
        let post = traces::outgoing().iter().fold(post, |post, (name, value)| post.header(name, value));
        // Its message may repeat the words.
        let answer = refused_or(post.send(body.to_string())).map_err(|e| self.failed(quiet::node(&e)))?;
        let form = answer.headers().get("content-type").and_then(|form| form.to_str().ok()).unwrap_or_default();
        if let Some(rate) = other_than_samples(form) {
            return Err(self.failed(format!("answers {rate:.60?}, samples at {RATE} a second are expected")));
        }
        let (mut sound, mut piece) = (answer.into_body().into_reader(), Vec::with_capacity(PIECE));
        loop {
            piece.clear();
            let read = sound.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            let count = read.map_err(|e| self.failed(format!("the sound broke off: {}", e.kind())))?;
            if count % 2 != 0 {
                return Err(self.failed("the sound broke off within a sample"));
            }
            let samples: Vec<i16> = piece.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
            if samples.is_empty() || !on_samples(&samples) || count < PIECE {
                return Ok(());
            }
        }
    }
}

/// The type of an answer that is not samples at [`RATE`]: a file, words, or samples at another rate. Many servers give no type of any
/// use with samples.
fn other_than_samples(form: &str) -> Option<&str> {
    let form = form.trim();
    let (name, parameters) = form.split_once(';').unwrap_or((form, ""));
    let is_raw = matches!(
        name.trim().to_ascii_lowercase().as_str(),
        "" | "application/octet-stream" | "audio/pcm" | "audio/l16" | "audio/raw"
    );
    let rates = parameters.split(';').filter_map(|part| part.trim().strip_prefix("rate="));
    let mut others = rates.filter(|rate| rate.trim().parse() != Ok(RATE));
    (!is_raw || others.next().is_some()).then_some(form)
}

impl std::fmt::Debug for OpenAiSpeaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (url, model, voice) = (without_userinfo(&self.url), &self.model, &self.voice);
        write!(f, "OpenAiSpeaker {{ url: {url:?}, model: {model:?}, voice: {voice:?} }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_samples_at_the_rate_are_taken_for_samples() {
        for form in
            ["", "application/octet-stream", "audio/pcm", "audio/PCM; rate=24000", "audio/L16;rate=24000;channels=1"]
        {
            assert_eq!(other_than_samples(form), None, "{form}");
        }
        for form in
            ["audio/wav", "audio/mpeg", "application/json", "text/html", "audio/pcm;rate=16000", "audio/pcm;rate=x"]
        {
            assert_eq!(other_than_samples(form), Some(form));
        }
    }
}
