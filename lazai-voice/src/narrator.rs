//! Texts spoken: a base voice with its text to phonemes, out of one package.

use std::path::Path;
use std::sync::Arc;

use crate::base::{Base, SpeechBase};
use crate::error::Result;
use crate::phonemes::{Accent, Phonemizer};
use crate::speech::Speech;
use crate::voice::{Character, Voice};

/// File name of the weights in the package's folder of assets.
pub const PACKAGE_FILE: &str = "hibari.onnx";
/// The files of the package's folder of assets that a narrator reads: its weights, and what makes phonemes of American English.
pub const ASSETS: [&str; 9] = [
    PACKAGE_FILE,
    "lexicon_us_gold.json.gz",
    "lexicon_us_silver.json.gz",
    "normalize.json",
    "oov.json",
    "oov.onnx",
    "tagger.json.gz",
    "tokenizer_exceptions.json",
    "vocab.json",
];

/// A base voice that reads texts. A clone shares its memory; threads may share it.
#[derive(Debug, Clone)]
pub struct Narrator {
    base: Arc<dyn SpeechBase>,
    phonemizer: Arc<Phonemizer>,
}

impl Narrator {
    /// A base voice and the phonemizer whose ids it knows.
    #[must_use]
    pub fn new(base: Arc<dyn SpeechBase>, phonemizer: Arc<Phonemizer>) -> Self {
        Self { base, phonemizer }
    }

    /// Opens the package's folder of assets: American English.
    ///
    /// # Errors
    /// Those of [`Base::from_package`] and [`Phonemizer::open`].
    pub fn open(package: &Path) -> Result<Self> {
        let base = Base::from_package(&package.join(PACKAGE_FILE))?;
        Ok(Self::new(Arc::new(base), Arc::new(Phonemizer::open(package)?)))
    }

    /// Reads the package's assets, whose bytes `asset` tells by their names, which are [`ASSETS`]: for places without a file system.
    ///
    /// # Errors
    /// Errors of `asset`; those of [`Base::from_package_bytes`] and [`Phonemizer::read`].
    pub fn read(mut asset: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let base = Base::from_package_bytes(&asset(PACKAGE_FILE)?)?;
        Ok(Self::new(Arc::new(base), Arc::new(Phonemizer::read(Accent::American, asset)?)))
    }

    /// Its base voice.
    #[must_use]
    pub fn base(&self) -> &Arc<dyn SpeechBase> {
        &self.base
    }

    /// Says a text with a character's voice, sentence by sentence, each when it is asked for. Equal seeds give equal sound.
    /// Nothing comes of a text of which nothing can be spoken.
    ///
    /// Each item fails as [`SpeechBase::speak`] does.
    pub fn say(
        &self,
        text: &str,
        character: Character,
        speed: f32,
        seed: [u8; 32],
    ) -> impl Iterator<Item = Result<Speech>> + use<> {
        let ids = |sentence: &String| self.phonemizer.ids(sentence);
        let sentences: Vec<Vec<u32>> = self.phonemizer.sentences(text).iter().map(ids).collect();
        let voice = Voice::new(self.base.clone(), character);
        // Marks alone have no sound.
        let spoken = sentences.into_iter().filter(|ids| ids.len() > 2);
        voice.say(spoken, speed, seed)
    }

    /// The ids of a recording's transcript, as one utterance: what [`Recording`](crate::train::Recording) names.
    #[must_use]
    pub fn transcript(&self, text: &str) -> Vec<u32> {
        self.phonemizer.ids(&self.phonemizer.sentences(text).join(" "))
    }
}
