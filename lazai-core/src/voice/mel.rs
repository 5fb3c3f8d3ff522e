//! Log-mel spectrograms.
//!
//! 16 kHz mono; frames of 400 samples every 160 under a periodic Hann window, centred with reflected edges;
//! power spectrum; 80 Slaney mel bands; log10, clamped to 8 below the maximum, scaled by `(x + 4) / 4`.
//! Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, and the
//! reference implementation's `log_mel_spectrogram`.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::{SAMPLE_RATE_HZ, VoiceError};
use crate::pov::MelSpec;

const WINDOW: usize = MelSpec::WHISPER.window_samples as usize;
const HOP: usize = MelSpec::WHISPER.hop_samples as usize;
const BINS: usize = WINDOW / 2 + 1;

/// The log-mel spectrogram of one recording; [`LogMel`] does many.
///
/// # Errors
/// [`VoiceError::TooShort`] for less than one window.
pub fn log_mel(samples: &[f32]) -> Result<Vec<f32>, VoiceError> {
    LogMel::new().compute(samples)
}

/// Computes log-mel spectrograms; window, transform and filters are made once.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    filters: Vec<Filter>,
}

/// One mel band: its weights over the bins where they are not zero.
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

impl LogMel {
    /// With Whisper's parameters.
    #[must_use]
    pub fn new() -> Self {
        let hann = (0..WINDOW).map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / WINDOW as f64).cos()) as f32).collect();
        Self { fft: RealFftPlanner::new().plan_fft_forward(WINDOW), hann, filters: filters() }
    }

    /// The spectrogram of some samples: row-major `[frames, 80]`, one frame for each full hop.
    ///
    /// # Errors
    /// [`VoiceError::TooShort`] for less than one window.
    pub fn compute(&self, samples: &[f32]) -> Result<Vec<f32>, VoiceError> {
        if samples.len() < WINDOW {
            return Err(VoiceError::TooShort { samples: samples.len(), window: WINDOW });
        }
        let half = WINDOW / 2;
        let mut input = vec![0.0; WINDOW];
        let mut spectrum = vec![Complex::default(); BINS];
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = [0.0; BINS];
        let frames = samples.len() / HOP;
        let mut mel = Vec::with_capacity(frames * self.filters.len());
        for frame in 0..frames {
            let start = frame * HOP;
            let inside = start.checked_sub(half).and_then(|start| samples.get(start..start + WINDOW));
            match inside {
                Some(inside) => {
                    for ((slot, &sample), hann) in input.iter_mut().zip(inside).zip(&self.hann) {
                        *slot = sample * hann;
                    }
                }
                None => {
                    for (i, (slot, hann)) in input.iter_mut().zip(&self.hann).enumerate() {
                        *slot = reflected(samples, start + i, half) * hann;
                    }
                }
            }
            // The buffers have the lengths that the transform asks for.
            let _ = self.fft.process_with_scratch(&mut input, &mut spectrum, &mut scratch);
            for (power, value) in power.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            mel.extend(self.filters.iter().map(|filter| {
                let bins = &power[filter.first..filter.first + filter.weights.len()];
                let energy: f32 = filter.weights.iter().zip(bins).map(|(weight, p)| weight * p).sum();
                energy.max(1e-10)
            }));
        }
        for value in &mut mel {
            *value = log10(*value);
        }
        let floor = mel.iter().copied().fold(f32::NEG_INFINITY, f32::max) - 8.0;
        for value in &mut mel {
            *value = (value.max(floor) + 4.0) / 4.0;
        }
        Ok(mel)
    }
}

impl Default for LogMel {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for LogMel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogMel")
    }
}

/// The decimal logarithm of a positive normal number, within 2e-7: without branches, so that many go at once.
fn log10(x: f32) -> f32 {
    // x = 2^exponent * m, with m between sqrt(1/2) and sqrt(2).
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(HALF_ROOT);
    let exponent = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + HALF_ROOT);
    // ln m = 2 artanh((m - 1) / (m + 1)), as a series.
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let ln = 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t / 9.0))));
    exponent * std::f32::consts::LOG10_2 + ln * std::f32::consts::LOG10_E
}

/// Reflected edges: -1 is sample 1, `len` is sample `len - 2`.
fn reflected(samples: &[f32], position: usize, half: usize) -> f32 {
    let position = position.abs_diff(half);
    samples[if position < samples.len() { position } else { 2 * (samples.len() - 1) - position }]
}

/// Triangular filters on Slaney's mel scale, each of unit area.
fn filters() -> Vec<Filter> {
    // Linear below 1 kHz (200/3 Hz per mel), logarithmic above (27 steps per factor 6.4).
    let to_mel = |hz: f64| if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4_f64.ln() };
    let to_hz =
        |mel: f64| if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() };
    let rate = f64::from(SAMPLE_RATE_HZ);
    let bands = MelSpec::WHISPER.bands as usize;
    let top = to_mel(rate / 2.0);
    let edges: Vec<f64> = (0..bands + 2).map(|i| to_hz(top * i as f64 / (bands + 1) as f64)).collect();
    let filter = |band: usize| {
        let (low, centre, high) = (edges[band], edges[band + 1], edges[band + 2]);
        let weight = |bin: usize| {
            let hz = bin as f64 * rate / WINDOW as f64;
            let (rising, falling) = ((hz - low) / (centre - low), (high - hz) / (high - centre));
            rising.min(falling).max(0.0) * 2.0 / (high - low)
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        Filter { first, weights: (first..BINS).map(weight).take_while(|&w| w > 0.0).map(|w| w as f32).collect() }
    };
    (0..bands).map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_library() {
        let mut x = 1e-10f32;
        while x < 1e12 {
            assert!((f64::from(log10(x)) - f64::from(x).log10()).abs() < 1.5e-6, "{x}: {}", log10(x));
            x *= 1.000_1;
        }
        assert!(log10(1.0).abs() < 1e-7);
    }

    /// Single precision suffices where it is hardest: beside a loud tone, at the floor.
    #[test]
    fn quiet_bands_beside_a_loud_tone() {
        let samples: Vec<f32> = (0..16_000).map(|i| (0.9 * (f64::from(i) * 0.3).sin()) as f32).collect();
        let ours = LogMel::new().compute(&samples).unwrap_or_default();
        let exact = exactly(&samples);
        let worst = ours.iter().zip(&exact).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-4, "{worst}");
    }

    /// The definition, in double precision, with a plain transform.
    fn exactly(samples: &[f32]) -> Vec<f64> {
        let filters = filters();
        let table: Vec<(f64, f64)> = (0..WINDOW).map(|i| (2.0 * PI * i as f64 / WINDOW as f64).sin_cos()).collect();
        let mut mel = Vec::new();
        for frame in 0..samples.len() / HOP {
            let hann = |i: usize| 0.5 - 0.5 * table[i].1;
            let windowed: Vec<f64> =
                (0..WINDOW).map(|i| f64::from(reflected(samples, frame * HOP + i, WINDOW / 2)) * hann(i)).collect();
            let power: Vec<f64> = (0..BINS)
                .map(|bin| {
                    let (re, im) = windowed.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, x)| {
                        let (sin, cos) = table[bin * i % WINDOW];
                        (re + x * cos, im - x * sin)
                    });
                    re * re + im * im
                })
                .collect();
            mel.extend(filters.iter().map(|filter| {
                let bins = power[filter.first..].iter().zip(&filter.weights);
                bins.map(|(p, &w)| p * f64::from(w)).sum::<f64>().max(1e-10).log10()
            }));
        }
        let floor = mel.iter().copied().fold(f64::NEG_INFINITY, f64::max) - 8.0;
        mel.into_iter().map(|x| (x.max(floor) + 4.0) / 4.0).collect()
    }
}
