//! The committed spectrogram of speech, and backward through it: 24 kHz to 16 kHz, windows of 400 samples every 160, 80 mel
//! bands, logarithm. All of it is linear but the square and the logarithm.

use std::f64::consts::PI;
use std::sync::Arc;

use lazai_core::pov::MelSpec;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::math::ln;

pub(super) const BANDS: usize = MelSpec::WHISPER.bands as usize;
const WINDOW: usize = MelSpec::WHISPER.window_samples as usize;
const HOP: usize = MelSpec::WHISPER.hop_samples as usize;
const BINS: usize = WINDOW / 2 + 1;
/// Samples at 24 kHz on each side of one at 16 kHz that it is made of.
const REACH: usize = 24;
/// The least energy whose logarithm is taken.
const LEAST: f32 = 1e-10;
/// Decades below the greatest value that are kept.
const DECADES: f32 = 8.0;

pub(super) struct Ear {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    hann: Vec<f32>,
    /// For each band, its first bin and its weights.
    filters: Vec<(usize, Vec<f32>)>,
    /// Taps for samples that fall on one at 24 kHz, and for those between two.
    taps: [Vec<f32>; 2],
}

/// A spectrogram with the pass behind it.
pub(super) struct Heard {
    /// Row-major `[frames, 80]`.
    pub(super) log_mel: Vec<f32>,
    /// Samples that were heard, at 24 kHz and at 16 kHz.
    samples: [usize; 2],
    spectra: Vec<Complex<f32>>,
    energies: Vec<f32>,
    floor: f32,
}

impl Ear {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let hann = (0..WINDOW).map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / WINDOW as f64).cos()) as f32).collect();
        Self {
            forward: planner.plan_fft_forward(WINDOW),
            inverse: planner.plan_fft_inverse(WINDOW),
            hann,
            filters: filters(),
            taps: [taps(0.0), taps(0.5)],
        }
    }

    /// Hears samples at 24 kHz.
    pub(super) fn hear(&self, sound: &[f32]) -> Heard {
        let samples = self.resample(sound);
        let frames = samples.len() / HOP;
        let mut spectra = vec![Complex::default(); frames * BINS];
        let mut energies = Vec::with_capacity(frames * BANDS);
        let (mut input, mut scratch) = (vec![0.0; WINDOW], self.forward.make_scratch_vec());
        for (frame, spectrum) in spectra.chunks_exact_mut(BINS).enumerate() {
            for (i, (slot, hann)) in input.iter_mut().zip(&self.hann).enumerate() {
                *slot = samples[reflected(samples.len(), frame * HOP + i)] * hann;
            }
            // The buffers have the lengths that the transform asks for.
            let _ = self.forward.process_with_scratch(&mut input, spectrum, &mut scratch);
            energies.extend(self.filters.iter().map(|(first, weights)| -> f32 {
                weights.iter().zip(&spectrum[*first..]).map(|(weight, bin)| weight * bin.norm_sqr()).sum()
            }));
        }
        let log = |energy: f32| ln(energy.max(LEAST)) * std::f32::consts::LOG10_E;
        let floor = energies.iter().map(|&energy| log(energy)).fold(f32::NEG_INFINITY, f32::max) - DECADES;
        let log_mel = energies.iter().map(|&energy| (log(energy).max(floor) + 4.0) / 4.0).collect();
        Heard { log_mel, samples: [sound.len(), samples.len()], spectra, energies, floor }
    }

    /// The gradient by the samples at 24 kHz.
    pub(super) fn hear_backward(&self, heard: &Heard, gradient: &[f32]) -> Vec<f32> {
        let mut by_samples = vec![0.0; heard.samples[1]];
        let (mut bins, mut piece) = (vec![Complex::default(); BINS], vec![0.0; WINDOW]);
        let mut scratch = self.inverse.make_scratch_vec();
        let frames = heard.spectra.chunks_exact(BINS).zip(heard.energies.chunks_exact(BANDS));
        for (frame, ((spectrum, energies), gradient)) in frames.zip(gradient.chunks_exact(BANDS)).enumerate() {
            bins.fill(Complex::default());
            for (((first, weights), &energy), gradient) in self.filters.iter().zip(energies).zip(gradient) {
                // What is at the floor does not move.
                if *gradient == 0.0 || energy <= LEAST || ln(energy) * std::f32::consts::LOG10_E <= heard.floor {
                    continue;
                }
                let along = gradient * std::f32::consts::LOG10_E / (4.0 * energy);
                for ((weight, bin), spectrum) in weights.iter().zip(&mut bins[*first..]).zip(&spectrum[*first..]) {
                    // The square's slope is twice the value; inside, a bin stands for two frequencies of the transform.
                    *bin += spectrum * (weight * along);
                }
            }
            bins[0] = Complex::new(2.0 * bins[0].re, 0.0);
            bins[BINS - 1] = Complex::new(2.0 * bins[BINS - 1].re, 0.0);
            let _ = self.inverse.process_with_scratch(&mut bins, &mut piece, &mut scratch);
            for (i, (piece, hann)) in piece.iter().zip(&self.hann).enumerate() {
                by_samples[reflected(heard.samples[1], frame * HOP + i)] += piece * hann;
            }
        }
        self.resample_backward(&by_samples, heard.samples[0])
    }

    /// Two samples of 16 kHz for three of 24 kHz.
    fn resample(&self, sound: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; sound.len() + 2 * REACH + 2];
        padded[REACH..REACH + sound.len()].copy_from_slice(sound);
        let one = |i: usize| -> f32 {
            let taps = &self.taps[i % 2];
            taps.iter().zip(&padded[i * 3 / 2..]).map(|(tap, sample)| tap * sample).sum()
        };
        (0..sound.len() * 2 / 3).map(one).collect()
    }

    fn resample_backward(&self, gradient: &[f32], samples: usize) -> Vec<f32> {
        let mut padded = vec![0.0; samples + 2 * REACH + 2];
        for (i, gradient) in gradient.iter().enumerate() {
            for (tap, slot) in self.taps[i % 2].iter().zip(&mut padded[i * 3 / 2..]) {
                *slot += tap * gradient;
            }
        }
        padded[REACH..REACH + samples].to_vec()
    }
}

/// The taps around a sample that stands `offset` behind the middle one: a sinc up to 7.6 kHz under a Hann window.
fn taps(offset: f64) -> Vec<f32> {
    const CUT: f64 = 2.0 * 7_600.0 / 24_000.0;
    let tap = |i: usize| {
        let x = i as f64 - REACH as f64 - offset;
        let sinc = if x == 0.0 { 1.0 } else { (PI * CUT * x).sin() / (PI * CUT * x) };
        let hann = 0.5 + 0.5 * (PI * x / (REACH as f64 + 1.0)).cos();
        CUT * sinc * hann
    };
    let taps: Vec<f64> = (0..2 * REACH + 2).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// The place of a window's sample; windows begin half a window early, and the ends are mirrored.
fn reflected(samples: usize, position: usize) -> usize {
    let position = position.abs_diff(WINDOW / 2);
    let mirrored = (2 * samples).saturating_sub(2 + position);
    if position < samples { position } else { mirrored.min(samples.saturating_sub(1)) }
}

/// Triangular filters on Slaney's mel scale, each of unit area: those of `lazai_core::voice`.
fn filters() -> Vec<(usize, Vec<f32>)> {
    // Linear below 1 kHz (200/3 Hz per mel), logarithmic above (27 steps per factor 6.4).
    let to_mel = |hz: f64| if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4_f64.ln() };
    let to_hz =
        |mel: f64| if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() };
    let rate = f64::from(MelSpec::WHISPER.sample_rate_hz);
    let top = to_mel(rate / 2.0);
    let edges: Vec<f64> = (0..BANDS + 2).map(|i| to_hz(top * i as f64 / (BANDS + 1) as f64)).collect();
    let filter = |band: usize| {
        let (low, centre, high) = (edges[band], edges[band + 1], edges[band + 2]);
        let weight = |bin: usize| {
            let hz = bin as f64 * rate / WINDOW as f64;
            let (rising, falling) = ((hz - low) / (centre - low), (high - hz) / (high - centre));
            rising.min(falling).max(0.0) * 2.0 / (high - low)
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        (first, (first..BINS).map(weight).take_while(|&w| w > 0.0).map(|w| w as f32).collect())
    };
    (0..BANDS).map(filter).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sound(count: usize) -> Vec<f32> {
        let at = |i: usize| i as f32;
        (0..count).map(|i| 0.4 * (at(i) * 0.11).sin() + 0.2 * (at(i) * 0.57 + 1e-5 * at(i) * at(i)).sin()).collect()
    }

    /// What datasets commit to, of the same sound at 16 kHz.
    #[test]
    fn it_hears_what_datasets_hold() {
        let ear = Ear::new();
        let samples = ear.resample(&sound(24_000));
        assert_eq!(samples.len(), 16_000);
        // A sample at 16 kHz is the tone at its own moment.
        let tone: Vec<f32> = (0..24_000).map(|i| (i as f32 * 0.2).sin()).collect();
        for (i, sample) in ear.resample(&tone).iter().enumerate().take(15_900).skip(100) {
            assert!((sample - (i as f32 * 0.3).sin()).abs() < 2e-3, "{i}");
        }
        let expected = lazai_core::voice::log_mel(&samples).unwrap();
        let heard = ear.hear(&sound(24_000));
        assert_eq!(heard.log_mel.len(), expected.len());
        let worst = heard.log_mel.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }

    /// The gradient beside differences of the values.
    #[test]
    fn the_gradient_is_the_slope() {
        let ear = Ear::new();
        // Energy in all bands: the logarithm bends little over a step.
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        let sound: Vec<f32> = (0..2_400).map(|_| noise()).collect();
        let weight = |i: usize| ((i * 7 % 13) as f32 - 6.0) / 6.0;
        let loss = |sound: &[f32]| -> f64 {
            let log_mel = ear.hear(sound).log_mel;
            log_mel.iter().enumerate().map(|(i, &v)| f64::from(v) * f64::from(weight(i))).sum()
        };
        let heard = ear.hear(&sound);
        let by: Vec<f32> = (0..heard.log_mel.len()).map(weight).collect();
        let gradient = ear.hear_backward(&heard, &by);
        for place in [0, 1, 77, 600, 1_201, 1_999, 2_398] {
            let step = 1e-3;
            let moved = |by: f32| {
                let mut sound = sound.clone();
                sound[place] += by;
                loss(&sound)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            let found = f64::from(gradient[place]);
            assert!((found - slope).abs() < 0.02 * slope.abs() + 0.02, "{place}: {found} and {slope}");
        }
    }
}
