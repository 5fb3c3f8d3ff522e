//! A character's voice: a base, and what makes it the character's.

use std::path::Path;
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::file::write_privately;
use serde::{Deserialize, Serialize};

use crate::adapter::{Adapter, WEIGHTS_FILE};
use crate::base::{PITCHES, SPEEDS, SpeechBase, Utterance};
use crate::error::{Result, SpeechError};
use crate::speech::Speech;

/// File name of the pitch and the pace of a voice without an adapter.
pub const MANNER_FILE: &str = "voice_manner.json";
/// Largest such file that is read.
const MAX_MANNER_BYTES: u64 = 4_096;

/// The pace and the pitch of a voice beside the base's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manner {
    /// A factor of pitch.
    pub pitch: f32,
    /// A factor of pace: 2 speaks twice as fast.
    pub pace: f32,
}

/// How a voice differs from its base.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Character {
    /// It is the base.
    Base,
    /// By an adapter.
    Adapter(Arc<Adapter>),
    /// By pitch and pace alone: there was too little speech to learn more.
    Manner(Manner),
}

impl Character {
    /// Writes the voice's files into a folder, and returns the digest of the one that makes the voice: the adapter's weights, or
    /// pitch and pace. `None` for the base itself, which has no file. On Unix only the process's own user can read them.
    ///
    /// # Errors
    /// [`SpeechError::File`].
    pub fn save(&self, folder: &Path, base_name: &str) -> Result<Option<Digest>> {
        match self {
            Self::Base => Ok(None),
            Self::Adapter(adapter) => adapter.save(folder, base_name).map(Some),
            Self::Manner(manner) => {
                let bytes = serde_json::to_vec(manner).map_err(|e| SpeechError::malformed(MANNER_FILE, e))?;
                let path = folder.join(MANNER_FILE);
                write_privately(&path, &bytes).map_err(SpeechError::file(&path))?;
                Ok(Some(sha256(&bytes)))
            }
        }
    }

    /// The digest of the file that makes the voice, as [`Character::save`] writes it. `None` for the base itself.
    ///
    /// # Errors
    /// [`SpeechError`] if the adapter cannot be written.
    pub fn digest(&self) -> Result<Option<Digest>> {
        Ok(match self {
            Self::Base => None,
            Self::Adapter(adapter) => Some(sha256(&adapter.to_bytes()?)),
            Self::Manner(manner) => {
                let bytes = serde_json::to_vec(manner).map_err(|e| SpeechError::malformed(MANNER_FILE, e))?;
                Some(sha256(&bytes))
            }
        })
    }

    /// Reads a folder that [`Character::save`] wrote, for a base.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn load(folder: &Path, base: &dyn SpeechBase) -> Result<Self> {
        let path = folder.join(MANNER_FILE);
        if folder.join(WEIGHTS_FILE).is_file() || !path.is_file() {
            return Ok(Self::Adapter(Arc::new(Adapter::load(folder, base)?)));
        }
        let size = std::fs::metadata(&path).map_err(SpeechError::file(&path))?.len();
        if size > MAX_MANNER_BYTES {
            return Err(SpeechError::malformed(MANNER_FILE, format!("{size} bytes exceed {MAX_MANNER_BYTES}")));
        }
        let bytes = std::fs::read(&path).map_err(SpeechError::file(&path))?;
        let manner: Manner = serde_json::from_slice(&bytes).map_err(|e| SpeechError::malformed(MANNER_FILE, e))?;
        match PITCHES.contains(&manner.pitch) && SPEEDS.contains(&manner.pace) {
            true => Ok(Self::Manner(manner)),
            false => Err(SpeechError::malformed(MANNER_FILE, "pitch or pace out of range")),
        }
    }
}

/// A voice that speaks. A clone shares its memory.
#[derive(Debug, Clone)]
pub struct Voice {
    base: Arc<dyn SpeechBase>,
    character: Character,
}

impl Voice {
    /// A voice of a base.
    #[must_use]
    pub fn new(base: Arc<dyn SpeechBase>, character: Character) -> Self {
        Self { base, character }
    }

    /// Its base.
    #[must_use]
    pub fn base(&self) -> &Arc<dyn SpeechBase> {
        &self.base
    }

    /// How it differs from its base.
    #[must_use]
    pub fn character(&self) -> &Character {
        &self.character
    }

    /// Says sentences, each when it is asked for: the first can be heard while the next is made. `seed` is that of the whole; equal
    /// seeds give equal sound.
    ///
    /// Each item fails as [`SpeechBase::speak`] does.
    pub fn say<I>(&self, sentences: I, speed: f32, seed: [u8; 32]) -> impl Iterator<Item = Result<Speech>> + use<I>
    where
        I: IntoIterator,
        I::Item: AsRef<[u32]>,
    {
        let (adapter, Manner { pitch, pace }) = match &self.character {
            Character::Base => (None, Manner { pitch: 1.0, pace: 1.0 }),
            Character::Adapter(adapter) => (Some(adapter.clone()), Manner { pitch: 1.0, pace: 1.0 }),
            Character::Manner(manner) => (None, *manner),
        };
        let base = self.base.clone();
        // What is asked for is in range; with the voice's own pace it may be beyond, and is then cut.
        let asked = if SPEEDS.contains(&speed) { (speed * pace).clamp(*SPEEDS.start(), *SPEEDS.end()) } else { speed };
        sentences.into_iter().zip(0u64..).map(move |(ids, number)| {
            let utterance = Utterance { ids: ids.as_ref(), speed: asked, pitch, seed, number };
            base.speak(&utterance, adapter.as_deref())
        })
    }
}
