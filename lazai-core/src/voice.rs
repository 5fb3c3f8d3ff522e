//! Voice: recordings turned into log-mel spectrograms with Whisper's parameters.
//!
//! 16 kHz mono; frames of 400 samples every 160 under a periodic Hann window, centred with reflected edges;
//! power spectrum; 80 Slaney mel bands; log10, clamped to 8 below the maximum, scaled by `(x + 4) / 4`.
//! Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, and the
//! reference implementation's `log_mel_spectrogram`.

use std::f64::consts::PI;

use rustfft::{FftPlanner, num_complex::Complex};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest recording that is read: 64 MiB.
pub const MAX_RECORDING_BYTES: usize = 64 << 20;

/// Why a recording could not be turned into a spectrogram.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoiceError {
    /// Not a WAV file, or a damaged one.
    #[error("not a readable WAV file: {reason}")]
    Malformed {
        /// What the reader said.
        reason: String,
    },
    /// More than [`MAX_RECORDING_BYTES`].
    #[error("recording of {bytes} bytes exceeds the limit of {MAX_RECORDING_BYTES}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Shorter than one window.
    #[error("recording of {samples} samples is shorter than one window of {window}")]
    TooShort {
        /// How many samples it has.
        samples: usize,
        /// How many one window needs.
        window: usize,
    },
    /// Another format than 16 kHz, mono, 16-bit integers.
    #[error("{sample_rate_hz} Hz, {channels} channels, {bits} bits: expected 16000 Hz, 1 channel, 16 bits")]
    Unsupported {
        /// What the file says.
        sample_rate_hz: u32,
        /// What the file says.
        channels: u16,
        /// What the file says.
        bits: u16,
    },
}

/// The parameters of a spectrogram, pinned in every manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelSpec {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Samples per frame, and length of its Fourier transform.
    pub window_samples: u32,
    /// Samples from frame to frame.
    pub hop_samples: u32,
    /// Mel bands per frame.
    pub bands: u32,
}

impl MelSpec {
    /// Whisper's parameters, the only ones of this version.
    pub const WHISPER: Self = Self { sample_rate_hz: 16_000, window_samples: 400, hop_samples: 160, bands: 80 };
}

/// Reads a 16 kHz mono WAV file of 16-bit integers into samples between -1 and 1.
///
/// # Errors
/// [`VoiceError`].
pub fn read_wav(bytes: &[u8]) -> Result<Vec<f32>, VoiceError> {
    if bytes.len() > MAX_RECORDING_BYTES {
        return Err(VoiceError::TooLarge { bytes: bytes.len() });
    }
    let malformed = |e: hound::Error| VoiceError::Malformed { reason: e.to_string() };
    let mut reader = hound::WavReader::new(bytes).map_err(malformed)?;
    let spec = reader.spec();
    let supported = (spec.sample_rate, spec.channels, spec.bits_per_sample, spec.sample_format)
        == (MelSpec::WHISPER.sample_rate_hz, 1, 16, hound::SampleFormat::Int);
    if !supported {
        return Err(VoiceError::Unsupported {
            sample_rate_hz: spec.sample_rate,
            channels: spec.channels,
            bits: spec.bits_per_sample,
        });
    }
    reader.samples::<i16>().map(|s| s.map(|s| f32::from(s) / 32_768.0).map_err(malformed)).collect()
}

/// The log-mel spectrogram of some samples: row-major `[frames, 80]`, one frame for each full hop.
///
/// # Errors
/// [`VoiceError::TooShort`] for less than one window.
pub fn log_mel(samples: &[f32]) -> Result<Vec<f32>, VoiceError> {
    let spec = MelSpec::WHISPER;
    let (window, hop, bands) = (spec.window_samples as usize, spec.hop_samples as usize, spec.bands as usize);
    if samples.len() < window {
        return Err(VoiceError::TooShort { samples: samples.len(), window });
    }
    let half = window / 2;
    let at = |i: usize| {
        // Reflected edges: -1 is sample 1, `len` is sample `len - 2`.
        let position = i.abs_diff(half);
        samples[if position < samples.len() { position } else { 2 * (samples.len() - 1) - position }]
    };
    let hann: Vec<f64> = (0..window).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / window as f64).cos()).collect();
    let filters = mel_filters(&spec);
    let fft = FftPlanner::<f64>::new().plan_fft_forward(window);
    let mut buffer = vec![Complex::default(); window];
    let mut mel = Vec::with_capacity(samples.len() / hop * bands);
    for frame in 0..samples.len() / hop {
        for (i, slot) in buffer.iter_mut().enumerate() {
            *slot = Complex::new(f64::from(at(frame * hop + i)) * hann[i], 0.0);
        }
        fft.process(&mut buffer);
        let power: Vec<f64> = buffer[..=half].iter().map(Complex::norm_sqr).collect();
        mel.extend(filters.iter().map(|filter| {
            let energy: f64 = filter.iter().zip(&power).map(|(weight, p)| weight * p).sum();
            energy.max(1e-10).log10()
        }));
    }
    let floor = mel.iter().copied().fold(f64::NEG_INFINITY, f64::max) - 8.0;
    Ok(mel.into_iter().map(|x| ((x.max(floor) + 4.0) / 4.0) as f32).collect())
}

/// Triangular filters on Slaney's mel scale, each of unit area: `bands` rows of `window / 2 + 1` weights.
fn mel_filters(spec: &MelSpec) -> Vec<Vec<f64>> {
    // Linear below 1 kHz (200/3 Hz per mel), logarithmic above (27 steps per factor 6.4).
    let to_mel = |hz: f64| if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4_f64.ln() };
    let to_hz =
        |mel: f64| if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() };
    let rate = f64::from(spec.sample_rate_hz);
    let bands = spec.bands as usize;
    let top = to_mel(rate / 2.0);
    let edges: Vec<f64> = (0..bands + 2).map(|i| to_hz(top * i as f64 / (bands + 1) as f64)).collect();
    let bins = spec.window_samples as usize / 2 + 1;
    (0..bands)
        .map(|band| {
            let (low, centre, high) = (edges[band], edges[band + 1], edges[band + 2]);
            (0..bins)
                .map(|bin| {
                    let hz = bin as f64 * rate / f64::from(spec.window_samples);
                    let rising = (hz - low) / (centre - low);
                    let falling = (high - hz) / (high - centre);
                    rising.min(falling).max(0.0) * 2.0 / (high - low)
                })
                .collect()
        })
        .collect()
}
