//! The base voice, as the roles use it: it reads texts, trains a character's voice, and speaks with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::Digest;
use lazai_settle::speech::SpokenVoice;
pub use lazai_voice as room;
use lazai_voice::narrator::{Narrator, PACKAGE_FILE};
use lazai_voice::phonemes::Phonemizer;
use lazai_voice::{Base, Character, SpeechBase as _, SpeechError};

use crate::speech::{AboutSpeaker, SpeakError, Speaker, SpeechJob};

/// A base voice that reads texts, and the characters' voices that were loaded. Clones share all of it.
///
/// ```no_run
/// use lazai::speech::{Speaker as _, SpeechJob};
/// use lazai::voice::BaseVoice;
///
/// let voice = BaseVoice::open("models/hibari".as_ref())?;
/// let job = SpeechJob { text: "The city never sleeps.".into(), adapter: None, speed_milli: 1_000, seed: 1 };
/// voice.speak(&job, &mut |samples| !samples.is_empty())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BaseVoice(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    about: AboutSpeaker,
    base: Arc<Base>,
    narrator: Narrator,
    characters: Mutex<BTreeMap<Digest, Character>>,
}

impl BaseVoice {
    /// Opens the assets of the pinned package (`hibari-tts` 0.2.1): its weights, and its tables for text to phonemes.
    ///
    /// # Errors
    /// [`SpeechError`]: a file that is missing, or another.
    pub fn open(package: &Path) -> Result<Self, SpeechError> {
        let base = Arc::new(Base::from_package(&package.join(PACKAGE_FILE))?);
        let narrator = Narrator::new(base.clone(), Arc::new(Phonemizer::open(package)?));
        let about = AboutSpeaker { base_digest: base.digest(), rate: base.sample_rate_hz() };
        Ok(Self(Arc::new(Inner { about, base, narrator, characters: Mutex::default() })))
    }

    /// The base.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.0.base
    }

    /// The base, as it reads texts.
    #[must_use]
    pub fn narrator(&self) -> &Narrator {
        &self.0.narrator
    }

    fn character(&self, adapter: Option<Digest>) -> Result<Character, SpeakError> {
        let Some(digest) = adapter else { return Ok(Character::Base) };
        let characters = self.0.characters.lock().unwrap_or_else(PoisonError::into_inner);
        characters.get(&digest).cloned().ok_or_else(|| SpeakError::new(format!("the voice {digest} is not loaded")))
    }
}

impl Speaker for BaseVoice {
    fn about(&self) -> &AboutSpeaker {
        &self.0.about
    }

    fn load_voice(&self, folder: &Path) -> Result<(SpokenVoice, Digest), SpeakError> {
        let character = Character::load(folder, &*self.0.base).map_err(SpeakError::new)?;
        let digest = character.digest().map_err(SpeakError::new)?.unwrap_or(Digest::ZERO);
        let is = match &character {
            Character::Adapter(_) => SpokenVoice::Character,
            Character::Manner(_) => SpokenVoice::PitchAndPace,
            _ => SpokenVoice::Base,
        };
        self.0.characters.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, character);
        Ok((is, digest))
    }

    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError> {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&job.seed.to_le_bytes());
        // Thousandths up to two are exact enough: the pace is the nearest float.
        let speed = job.speed_milli as f32 / 1_000.0;
        let character = self.character(job.adapter)?;
        for speech in self.0.narrator.say(&job.text, character, speed, seed) {
            if !on_samples(&speech.map_err(SpeakError::new)?.to_pcm16()) {
                break;
            }
        }
        Ok(())
    }
}
