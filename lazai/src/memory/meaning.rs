//! Finding by meaning: a vector for each passage, of a model that the user's device runs, kept in a sealed file beside the memory.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::file::write_privately;
use lazai_core::seal::{DataKey, SealedKey};

use super::sealed::MemoryKey;
use super::{MAX_BYTES, MemoryError};

/// A model that turns texts into vectors whose angles tell how near they are in meaning, such as
#[cfg_attr(feature = "models", doc = "[`lazai_lora::Encoder`].")]
#[cfg_attr(not(feature = "models"), doc = "a sentence encoder.")]
pub trait Meaning: Send + Sync {
    /// Digest of all that a vector depends on: vectors of another model are made anew.
    fn digest(&self) -> Digest;

    /// Vectors of texts, in their order: all of one dimension, and of length 1.
    ///
    /// # Errors
    /// [`MemoryError::Meaning`].
    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError>;
}

#[cfg(feature = "models")]
impl Meaning for lazai_lora::Encoder {
    fn digest(&self) -> Digest {
        self.digest()
    }

    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError> {
        let made = self.encode(texts).map_err(|error| MemoryError::Meaning { reason: error.to_string() })?;
        Ok(made.into_iter().map(|embedding| embedding.vector).collect())
    }
}

/// First bytes of the file: format `LZN`, version 1.
const MAGIC: [u8; 4] = *b"LZN1";
const HEADER_BYTES: usize = 4 + 80;
const PURPOSE: &[u8] = b"lazai.memory.meaning.v1";
/// Bytes of a passage's name.
const NAME_BYTES: usize = 16;
/// Passages that are turned into vectors at a time.
const BATCH: usize = 64;
/// Texts that have little to do with each other are as near as this.
const FLOOR: f32 = 0.2;
/// So many new vectors are worth a new file; or an eighth of those in it.
const WORTH_A_FILE: usize = 16;
/// The scale of a value in a byte.
const SCALE: f32 = 127.0;

type Name = [u8; NAME_BYTES];

/// The vectors of passages, by digests of their words: what is said twice has one.
pub(super) struct Meanings {
    model: Arc<dyn Meaning>,
    file: Option<PathBuf>,
    key: MemoryKey,
    vectors: HashMap<Name, Box<[i8]>>,
    unsaved: usize,
}

impl Meanings {
    /// The vectors in the file, as far as it is of this model and key: others are made anew.
    pub fn open(model: Arc<dyn Meaning>, memory: Option<&Path>, key: MemoryKey) -> Self {
        let file = memory.map(beside);
        let kept = file.as_deref().and_then(|file| {
            let is_small = std::fs::metadata(file).is_ok_and(|about| about.len() <= MAX_BYTES);
            is_small.then(|| read(&std::fs::read(file).ok()?, &key, model.digest())).flatten()
        });
        Self { model, file, key, vectors: kept.unwrap_or_default(), unsaved: 0 }
    }

    /// How near a text is to each of some passages: from 0, for those that have nothing to do with it, to 1.
    pub fn near(&mut self, passages: &[&str], text: &str) -> Result<Vec<f32>, MemoryError> {
        let names: Vec<Name> = passages.iter().map(|passage| name(passage)).collect();
        let mut wanted = HashSet::new();
        let new: Vec<(Name, &str)> = names
            .iter()
            .zip(passages)
            .filter(|(name, _)| !self.vectors.contains_key(*name) && wanted.insert(**name))
            .map(|(name, passage)| (*name, *passage))
            .collect();
        for batch in new.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|(_, text)| *text).collect();
            let vectors = self.model.vectors(&texts)?;
            for ((name, _), vector) in batch.iter().zip(vectors) {
                self.vectors.insert(*name, vector.iter().map(|value| (value * SCALE).round() as i8).collect());
                self.unsaved += 1;
            }
        }
        if self.unsaved >= WORTH_A_FILE.max(self.vectors.len() / 8) {
            self.save(&names)?;
        }
        let asked = self.model.vectors(&[text])?;
        let asked = asked.first().map(Vec::as_slice).unwrap_or_default();
        let near = |name: &Name| {
            let vector = self.vectors.get(name).filter(|vector| vector.len() == asked.len());
            let cosine = vector
                .map_or(0.0, |vector| vector.iter().zip(asked).map(|(a, b)| f32::from(*a) * b).sum::<f32>() / SCALE);
            ((cosine - FLOOR) / (1.0 - FLOOR)).clamp(0.0, 1.0)
        };
        Ok(names.iter().map(near).collect())
    }

    /// Forgets the vectors of what is no longer among the passages, and writes the file anew.
    pub fn keep_only(&mut self, passages: &[&str]) -> Result<(), MemoryError> {
        let names: Vec<Name> = passages.iter().map(|passage| name(passage)).collect();
        let wanted: HashSet<&Name> = names.iter().collect();
        self.vectors.retain(|name, _| wanted.contains(name));
        self.save(&names)
    }

    /// Writes the vectors of some passages, those without one left out, under a fresh data key.
    fn save(&mut self, names: &[Name]) -> Result<(), MemoryError> {
        self.unsaved = 0;
        let Some(file) = &self.file else { return Ok(()) };
        let names: HashSet<&Name> = names.iter().filter(|name| self.vectors.contains_key(*name)).collect();
        let dimensions = names.iter().next().and_then(|name| self.vectors.get(*name)).map_or(0, |vector| vector.len());
        let mut plain = self.model.digest().as_bytes().to_vec();
        plain.extend_from_slice(&u32::try_from(dimensions).unwrap_or_default().to_le_bytes());
        for name in names {
            let Some(vector) = self.vectors.get(name).filter(|vector| vector.len() == dimensions) else { continue };
            plain.extend_from_slice(name);
            plain.extend(vector.iter().map(|value| value.to_le_bytes()[0]));
        }
        let data = DataKey::random()?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.key.seal(&data, PURPOSE)?.to_bytes());
        let sealed = data.encrypt(&plain, context(&bytes).as_bytes())?;
        bytes.extend_from_slice(&sealed);
        write_privately(file, &bytes).map_err(|source| MemoryError::File { path: file.clone(), source })
    }
}

/// The file of the vectors of a memory.
pub(super) fn beside(memory: &Path) -> PathBuf {
    let mut name = memory.as_os_str().to_owned();
    name.push(".meaning");
    name.into()
}

/// The vectors in a file's bytes; none if they are of another key or model, or damaged.
fn read(bytes: &[u8], key: &MemoryKey, model: Digest) -> Option<HashMap<Name, Box<[i8]>>> {
    let (header, sealed) = bytes.split_at_checked(HEADER_BYTES)?;
    let data = key.open(&SealedKey::from_bytes(header.strip_prefix(&MAGIC)?)?, PURPOSE).ok()?;
    let plain = data.decrypt(sealed, context(header).as_bytes()).ok()?;
    let (of, rest) = plain.split_at_checked(32)?;
    let (dimensions, rest) = rest.split_first_chunk::<4>()?;
    if of != model.as_bytes() {
        return None;
    }
    let each = NAME_BYTES + u32::from_le_bytes(*dimensions) as usize;
    let vector = |bytes: &[u8]| {
        let (name, vector) = bytes.split_first_chunk()?;
        Some((*name, vector.iter().map(|value| i8::from_le_bytes([*value])).collect()))
    };
    rest.chunks_exact(each).map(vector).collect()
}

fn context(header: &[u8]) -> Digest {
    DomainHasher::new("lazai.memory.meanings.v1").part(header).finish()
}

fn name(passage: &str) -> Name {
    let digest = DomainHasher::new("lazai.memory.passage.v1").part(passage.trim().as_bytes()).finish();
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}
