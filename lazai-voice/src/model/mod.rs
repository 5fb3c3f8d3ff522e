//! The networks of the base voice: phonemes to durations, pitch and strength, and these to the spectrum of each frame.
//!
//! The architecture and its weights are those of the package `hibari-tts` (M. Williams, Apache-2.0), a small model taught by
//! Kokoro-82M (hexgrad, Apache-2.0). A pass keeps what its backward pass wants; who only speaks drops it.

mod acoustic;
mod attention;
mod block;
pub(crate) mod layers;
mod prosody;
mod tensors;
mod text;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

pub(crate) use acoustic::Spectra;
pub(crate) use prosody::{Melody, Timing};
pub(crate) use tensors::{Stored, modules, tensors};

use crate::adapter::{Adapter, Gradients};
use crate::error::{Result, SpeechError};

/// Phonemes that the networks know, and marks; id 0 stands at both ends.
pub const VOCABULARY: usize = 178;
/// Frequencies of a spectrum.
pub(crate) const BINS: usize = 601;
/// Values of a frame: five parts of its spectrum.
pub(crate) const HEAD: usize = 5 * BINS;

const ACOUSTIC_TEXT: usize = 128;
const ACOUSTIC_WIDTH: usize = 256;
const ACOUSTIC_REPEATS: usize = 4;
const ACOUSTIC_BLOCKS: usize = 8;
const PROSODY_WIDTH: usize = 192;
const PROSODY_REPEATS: usize = 6;
const PROSODY_BLOCKS: usize = 6;
/// Linear modules of the acoustic network, which come first.
const ACOUSTIC_MODULES: usize = 4 + 4 * ACOUSTIC_REPEATS + 2 * ACOUSTIC_BLOCKS + 1;

/// Both networks.
#[derive(Clone)]
pub(crate) struct Network {
    prosody: prosody::Prosody,
    acoustic: acoustic::Acoustic,
}

/// The gradients of a loss by what the networks give.
pub(crate) struct ByOutput<'a> {
    /// By the spectral parts.
    pub(crate) parts: &'a [f32],
    /// By logarithms of durations.
    pub(crate) log_durations: &'a [f32],
    /// By pitch in hertz.
    pub(crate) f0: &'a [f32],
}

impl Network {
    pub(crate) fn load(from: &Weights<'_>) -> Result<Self> {
        let acoustic = acoustic::Acoustic::load(from, 0)?;
        Ok(Self { acoustic, prosody: prosody::Prosody::load(from, ACOUSTIC_MODULES)? })
    }

    /// How long phonemes last. Ids are below [`VOCABULARY`].
    pub(crate) fn timing(&self, ids: &[u32], low: Option<&Adapter>) -> Timing {
        self.prosody.timing(ids, low)
    }

    /// Pitch and strength of phonemes that last so many units of 25 ms.
    pub(crate) fn melody(&self, timing: &Timing, durations: &[usize], low: Option<&Adapter>) -> Melody {
        self.prosody.melody(timing, durations, low)
    }

    /// The spectra of these phonemes with this pitch and strength.
    pub(crate) fn spectra(
        &self,
        ids: &[u32],
        durations: &[usize],
        (f0, energy): (&[f32], &[f32]),
        low: Option<&Adapter>,
    ) -> Spectra {
        self.acoustic.forward(ids, durations, (f0, energy), low)
    }

    /// Their parts alone, in less memory.
    pub(crate) fn parts(
        &self,
        ids: &[u32],
        durations: &[usize],
        melody: (&[f32], &[f32]),
        low: Option<&Adapter>,
    ) -> Vec<f32> {
        self.acoustic.parts(ids, durations, melody, low)
    }

    /// Adds to `to` the gradients by an adapter's values, through both networks.
    pub(crate) fn backward(
        &self,
        (timing, melody, spectra): (&Timing, &Melody, &Spectra),
        durations: &[usize],
        by: &ByOutput<'_>,
        low: &Adapter,
        to: &mut Gradients,
    ) {
        let by_energy = self.acoustic.backward(spectra, durations, by.parts, low, to);
        self.prosody.backward((timing, melody, durations), (by.log_durations, by.f0, &by_energy), low, to);
    }
}

/// Each row as often as it lasts.
fn lasting(rows: &[f32], width: usize, durations: &[usize]) -> Vec<f32> {
    rows.chunks_exact(width).zip(durations).flat_map(|(row, &times)| row.repeat(times)).collect()
}

/// The gradient by the rows of [`lasting`].
fn lasting_backward(gradient: &[f32], width: usize, durations: &[usize]) -> Vec<f32> {
    let mut out = vec![0.0; durations.len() * width];
    let mut rows = gradient.chunks_exact(width);
    for (out, &times) in out.chunks_exact_mut(width).zip(durations) {
        for row in rows.by_ref().take(times) {
            for (out, value) in out.iter_mut().zip(row) {
                *out += value;
            }
        }
    }
    out
}

/// The tensors of a file, taken by name and shape.
pub(crate) struct Weights<'a>(pub(crate) SafeTensors<'a>);

impl Weights<'_> {
    pub(crate) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.0.tensor(name).map_err(|e| SpeechError::malformed(name, e))?;
        if view.shape() != shape || view.dtype() != Dtype::F32 {
            let found = format!("{:?} of {:?}, expected F32 of {shape:?}", view.dtype(), view.shape());
            return Err(SpeechError::malformed(name, found));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(SpeechError::malformed(name, "not finite")) }
    }
}
