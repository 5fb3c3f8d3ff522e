//! Base voices: the trait that speech is made by, and the one that this crate computes itself.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::file::write_atomically;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::adapter::{Adapter, Module};
use crate::error::{Result, SpeechError};
use crate::model::{Melody, Network, Stored, VOCABULARY, Weights, modules, tensors};
use crate::onnx::Graph;
use crate::speech::Speech;
use crate::vocoder::{SAMPLE_RATE_HZ, Vocoder, mix, noise};

/// SHA-256 of the ONNX file in the package `hibari-tts` 0.2.1: the voice "heart", Apache-2.0.
pub const PACKAGE_SHA256: &str = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8";
/// The name of a base voice's file in a folder of models.
pub const BASE_FILE: &str = "hibari-heart.safetensors";
/// Largest file of a base voice: 64 MiB.
pub const MAX_BASE_BYTES: usize = 64 << 20;
/// Most phonemes of one utterance, the marks at both ends included. Longer texts are several utterances.
pub const MAX_PHONEMES: usize = 512;
/// The paces that can be asked for.
pub const SPEEDS: std::ops::RangeInclusive<f32> = 0.5..=2.0;
/// The factors of pitch that can be asked for.
pub const PITCHES: std::ops::RangeInclusive<f32> = 0.25..=4.0;
/// Longest phoneme, in units of 25 ms: five seconds.
const MAX_DURATION: f32 = 200.0;
/// Longest utterance, in units of 25 ms: two minutes.
const MAX_UNITS: usize = 4_800;

/// What is said, and how: usually one sentence.
#[derive(Clone, Copy)]
pub struct Utterance<'a> {
    /// Phonemes as the base's ids, with id 0 at both ends.
    pub ids: &'a [u32],
    /// The pace: 1 as the voice has learnt it, 2 twice as fast.
    pub speed: f32,
    /// A factor of the pitch: 1 as the voice has learnt it.
    pub pitch: f32,
    /// The seed of the noise in the voice: equal seeds give equal sound.
    pub seed: [u8; 32],
    /// The number of the utterance under its seed.
    pub number: u64,
}

impl<'a> Utterance<'a> {
    /// Phonemes at the voice's own pace and pitch, with a seed of zeros.
    #[must_use]
    pub fn new(ids: &'a [u32]) -> Self {
        Self { ids, speed: 1.0, pitch: 1.0, seed: [0; 32], number: 0 }
    }
}

impl std::fmt::Debug for Utterance<'_> {
    /// Without the phonemes: they say what is said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Utterance({} phonemes at {})", self.ids.len(), self.speed)
    }
}

/// The outputs of a voice's networks.
#[derive(Clone, PartialEq)]
pub struct Outputs {
    /// How long each phoneme lasts, in units of 25 ms: two frames.
    pub durations: Vec<usize>,
    /// The pitch of each frame in hertz; up to 40 is no voice.
    pub f0: Vec<f32>,
    /// The strength of each frame.
    pub energy: Vec<f32>,
    /// For each frame, five parts of 601 frequencies: the harmonics' size and phase, the noise's size, the rest's size and phase.
    pub parts: Vec<f32>,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outputs({} frames)", self.f0.len())
    }
}

/// A base voice. Another family of voices implements it; adapters name the base that they are of.
pub trait SpeechBase: Send + Sync + std::fmt::Debug {
    /// The digest of its weights.
    fn digest(&self) -> Digest;

    /// Samples per second of its speech.
    fn sample_rate_hz(&self) -> u32;

    /// The linear modules that an adapter changes.
    fn modules(&self) -> &[Module];

    /// Speaks: as the base itself, or as an adapter of it.
    ///
    /// # Errors
    /// [`SpeechError`]: ids or a pace that the base does not know, an adapter of another base.
    fn speak(&self, utterance: &Utterance<'_>, adapter: Option<&Adapter>) -> Result<Speech>;
}

/// The base voice that this crate computes itself, on the caller's thread.
#[derive(Clone)]
pub struct Base {
    digest: Digest,
    pub(crate) network: Network,
    pub(crate) vocoder: Vocoder,
    modules: Arc<[Module]>,
}

impl std::fmt::Debug for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Base({})", self.digest)
    }
}

impl Base {
    /// Reads a base voice's file.
    ///
    /// # Errors
    /// [`SpeechError::File`], or as [`Base::from_bytes`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_bytes(&read(path)?)
    }

    /// Reads the bytes of a base voice's file.
    ///
    /// # Errors
    /// [`SpeechError::TooLarge`] over [`MAX_BASE_BYTES`], [`SpeechError::Malformed`] if a tensor is missing or of another shape.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BASE_BYTES {
            return Err(too_large(bytes.len()));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| SpeechError::malformed("base voice", e))?;
        Ok(Self {
            digest: sha256(bytes),
            network: Network::load(&Weights(file))?,
            vocoder: Vocoder::new(),
            modules: modules().into(),
        })
    }

    /// Makes a base voice's file out of the package's ONNX file: weights as 32-bit floats. Equal files give equal bytes.
    ///
    /// # Errors
    /// [`SpeechError::Malformed`] if it is no voice of this kind.
    pub fn convert(onnx: &[u8]) -> Result<Vec<u8>> {
        let graph = Graph::parse(onnx)?;
        let read = tensors().into_iter().map(|(name, shape, stored)| {
            let values = match &stored {
                Stored::Floats => graph.floats(&name, &shape)?,
                Stored::Quantised(source) => {
                    let (output, input) = (shape[0], shape[1]);
                    let values = graph.dequantised(source, [input, output])?;
                    (0..values.len()).map(|i| values[i % input * output + i / input]).collect()
                }
            };
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            Ok((name, shape, bytes))
        });
        let read = read.collect::<Result<Vec<_>>>()?;
        let views = read.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            view.map(|view| (name.as_str(), view)).map_err(|e| SpeechError::malformed(name.as_str(), e))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        // One entry alone: the library writes several in any order, and the file's digest would follow.
        let source = HashMap::from([("lazai.source".to_owned(), sha256(onnx).to_string())]);
        safetensors::serialize(views, Some(source)).map_err(|e| SpeechError::malformed("base voice", e))
    }

    /// Opens the base voice in the package's ONNX file, which must be the pinned one; [`Base::convert`] takes any voice of this kind.
    ///
    /// # Errors
    /// [`SpeechError::OtherSource`] if it is another file, or as [`Base::open`] and [`Base::convert`].
    pub fn from_package(onnx: &Path) -> Result<Self> {
        Self::from_package_bytes(&read(onnx)?)
    }

    /// As [`Base::from_package`], of the file's bytes: for places without a file system.
    ///
    /// # Errors
    /// As [`Base::from_package`].
    pub fn from_package_bytes(onnx: &[u8]) -> Result<Self> {
        Self::from_bytes(&Self::converted(onnx)?)
    }

    /// Makes [`BASE_FILE`] in a folder out of the package's ONNX file, whole or not at all, and opens it.
    ///
    /// # Errors
    /// As [`Base::from_package`].
    pub fn import(onnx: &Path, folder: &Path) -> Result<Self> {
        let converted = Self::converted(&read(onnx)?)?;
        let path = folder.join(BASE_FILE);
        write_atomically(&path, &converted).map_err(SpeechError::file(&path))?;
        Self::from_bytes(&converted)
    }

    fn converted(onnx: &[u8]) -> Result<Vec<u8>> {
        let found = sha256(onnx).to_string();
        match found.ends_with(PACKAGE_SHA256) {
            true => Self::convert(onnx),
            false => Err(SpeechError::OtherSource { found, expected: PACKAGE_SHA256 }),
        }
    }

    /// The networks' outputs, before they become sound.
    ///
    /// # Errors
    /// As [`SpeechBase::speak`].
    pub fn outputs(&self, utterance: &Utterance<'_>, adapter: Option<&Adapter>) -> Result<Outputs> {
        Self::check_ids(utterance.ids)?;
        adapter.map_or(Ok(()), |adapter| self.check(adapter))?;
        if !SPEEDS.contains(&utterance.speed) {
            return Err(SpeechError::Speed { found: utterance.speed });
        }
        if !PITCHES.contains(&utterance.pitch) {
            return Err(SpeechError::Pitch { found: utterance.pitch });
        }
        let timing = self.network.timing(utterance.ids, adapter);
        let durations = durations(&timing.log_durations, utterance.speed)?;
        let Melody { f0, energy, .. } = self.network.melody(&timing, &durations, adapter);
        drop(timing);
        let f0: Vec<f32> = f0.iter().map(|f0| f0 * utterance.pitch).collect();
        let parts = self.network.parts(utterance.ids, &durations, (&f0, &energy), adapter);
        Ok(Outputs { durations, f0, energy, parts })
    }

    /// Checks that an adapter is of this base.
    pub(crate) fn check(&self, adapter: &Adapter) -> Result<()> {
        if adapter.base != self.digest {
            return Err(SpeechError::OtherBase { adapter: adapter.base, base: self.digest });
        }
        Ok(())
    }

    /// Checks ids, and that there are enough of them.
    pub(crate) fn check_ids(ids: &[u32]) -> Result<()> {
        if ids.len() > MAX_PHONEMES {
            return Err(SpeechError::TooLarge { what: "phonemes", found: ids.len(), max: MAX_PHONEMES });
        }
        match ids.iter().find(|&&id| id as usize >= VOCABULARY) {
            Some(&id) => Err(SpeechError::Phoneme { id, known: VOCABULARY }),
            None if ids.len() < 3 => Err(SpeechError::Empty),
            None => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).map_err(SpeechError::file(path))?.len();
    if size > MAX_BASE_BYTES as u64 {
        return Err(too_large(usize::try_from(size).unwrap_or(usize::MAX)));
    }
    std::fs::read(path).map_err(SpeechError::file(path))
}

fn too_large(found: usize) -> SpeechError {
    SpeechError::TooLarge { what: "bytes of a base voice", found, max: MAX_BASE_BYTES }
}

/// Durations in units of 25 ms, each at least one.
pub(crate) fn durations(log_durations: &[f32], speed: f32) -> Result<Vec<usize>> {
    let unit = |log: &f32| (((log.exp() - 1.0) / speed).round_ties_even().clamp(1.0, MAX_DURATION)) as usize;
    let units: Vec<usize> = log_durations.iter().map(|log| unit(log).max(1)).collect();
    match units.iter().sum::<usize>() {
        all if all > MAX_UNITS => Err(SpeechError::TooLarge { what: "units of 25 ms", found: all, max: MAX_UNITS }),
        _ => Ok(units),
    }
}

impl SpeechBase for Base {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    fn modules(&self) -> &[Module] {
        &self.modules
    }

    fn speak(&self, utterance: &Utterance<'_>, adapter: Option<&Adapter>) -> Result<Speech> {
        let Outputs { f0, parts, .. } = self.outputs(utterance, adapter)?;
        let noise = noise(&utterance.seed, utterance.number, f0.len());
        let mut mixed = mix(&parts, &self.vocoder.excitation(&f0), &noise);
        Ok(Speech { samples: self.vocoder.sound(&mut mixed), sample_rate_hz: SAMPLE_RATE_HZ })
    }
}
