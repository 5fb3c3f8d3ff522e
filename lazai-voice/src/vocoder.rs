//! Spectra to sound: a train of pulses of the voice's pitch, shaped by the network's harmonic part, plus shaped noise, plus a
//! part with phases of its own; then an inverse transform with overlapping windows (24 kHz, 1,200 samples every 300).
//!
//! `S = exp(lh) e^(i pi tanh(theta)) STFT(pulses(f0)) + exp(ln) Z + exp(lr) e^(i phi)`, as the package `hibari-tts` defines it.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::math::{exp, ln, simd, tanh, turn};
use crate::model::{BINS, HEAD};

/// Samples per second.
pub const SAMPLE_RATE_HZ: u32 = 24_000;
pub(crate) const WINDOW: usize = 1_200;
/// Samples of a frame.
pub(crate) const HOP: usize = 300;
/// Windows over a sample.
const OVERLAP: usize = WINDOW / HOP;
/// A pitch up to this is no voice.
pub(crate) const VOICED_HZ: f32 = 40.0;
/// Harmonics of pulses end here.
const TOP_HZ: f32 = 11_000.0;
/// Logarithms of amplitudes are cut here.
pub(crate) const MAX_LOG: f32 = 7.0;
/// Least sum of squared windows that is divided by: only samples at the very ends have less.
const LEAST_SQUARES: f32 = 1e-11;

pub(crate) type Bin = Complex<f32>;

/// The windows and transforms, made once.
#[derive(Clone)]
pub(crate) struct Vocoder {
    pub(crate) forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    pub(crate) hann: Arc<[f32]>,
}

impl Vocoder {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let hann = (0..WINDOW).map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / WINDOW as f64).cos()) as f32);
        Self {
            forward: planner.plan_fft_forward(WINDOW),
            inverse: planner.plan_fft_inverse(WINDOW),
            hann: hann.collect(),
        }
    }

    /// The spectra of the pulses of a pitch, `[frames, BINS]`: a harmonic's magnitude is 1.
    pub(crate) fn excitation(&self, f0: &[f32]) -> Vec<Bin> {
        let train = pulses(f0);
        let mut out = vec![Bin::default(); f0.len() * BINS];
        let (mut input, mut scratch) = (vec![0.0; WINDOW], self.forward.make_scratch_vec());
        for (frame, spectrum) in out.chunks_exact_mut(BINS).enumerate() {
            let mut silent = true;
            for (i, (slot, hann)) in input.iter_mut().zip(&*self.hann).enumerate() {
                let sample = reflected(&train, frame * HOP + i);
                silent &= sample == 0.0;
                *slot = sample * hann / (WINDOW / 4) as f32;
            }
            if !silent {
                // The buffers have the lengths that the transform asks for.
                let _ = self.forward.process_with_scratch(&mut input, spectrum, &mut scratch);
            }
        }
        out
    }

    /// The sound of spectra `[frames, BINS]`, which are overwritten.
    pub(crate) fn sound(&self, spectra: &mut [Bin]) -> Vec<f32> {
        let frames = spectra.len() / BINS;
        let (mut piece, mut scratch) = (vec![0.0; WINDOW], self.inverse.make_scratch_vec());
        let mut out = vec![0.0; (frames + OVERLAP - 1) * HOP];
        for (frame, spectrum) in spectra.chunks_exact_mut(BINS).enumerate() {
            // The transform has no place for these.
            spectrum[0].im = 0.0;
            spectrum[BINS - 1].im = 0.0;
            let _ = self.inverse.process_with_scratch(spectrum, &mut piece, &mut scratch);
            for ((out, piece), hann) in out[frame * HOP..].iter_mut().zip(&piece).zip(&*self.hann) {
                *out += piece * hann / WINDOW as f32;
            }
        }
        for (out, squares) in out.iter_mut().zip(self.squares(frames)) {
            *out /= squares;
        }
        out[WINDOW / 2..WINDOW / 2 + frames * HOP].to_vec()
    }

    /// The sum of squared windows over each sample.
    pub(crate) fn squares(&self, frames: usize) -> Vec<f32> {
        let mut squares = vec![0.0f32; (frames + OVERLAP - 1) * HOP];
        for frame in 0..frames {
            for (sum, hann) in squares[frame * HOP..].iter_mut().zip(&*self.hann) {
                *sum += hann * hann;
            }
        }
        squares.iter_mut().for_each(|sum| *sum = sum.max(LEAST_SQUARES));
        squares
    }
}

/// The spectra that the network's parts make of pulses and noise.
pub(crate) fn mix(parts: &[f32], excitation: &[Bin], noise: &[Bin]) -> Vec<Bin> {
    let mut out = vec![Bin::default(); excitation.len()];
    simd(
        #[inline(always)]
        || {
            let given = parts.chunks_exact(HEAD).zip(excitation.chunks_exact(BINS)).zip(noise.chunks_exact(BINS));
            for (((parts, excitation), noise), out) in given.zip(out.chunks_exact_mut(BINS)) {
                let (mut re, mut im) = ([0f32; BINS], [0f32; BINS]);
                let part = |i: usize| &parts[i * BINS..][..BINS];
                let (harmonic, theta, noisy, free, phi) = (part(0), part(1), part(2), part(3), part(4));
                for i in 0..BINS {
                    let (cos, sin) = turn(0.5 * tanh(theta[i]));
                    let size = exp(harmonic[i].min(MAX_LOG));
                    let (e, z) = (excitation[i], noise[i]);
                    re[i] = size * (cos * e.re - sin * e.im);
                    im[i] = size * (cos * e.im + sin * e.re);
                    let size = exp(noisy[i].min(MAX_LOG));
                    re[i] += size * z.re;
                    im[i] += size * z.im;
                    let (cos, sin) = turn(phi[i] * (0.5 * std::f32::consts::FRAC_1_PI));
                    let size = exp(free[i].min(MAX_LOG));
                    re[i] += size * cos;
                    im[i] += size * sin;
                }
                for i in 0..BINS {
                    out[i] = Bin::new(re[i], im[i]);
                }
            }
        },
    );
    out
}

/// Complex Gaussian noise of a seed, each component of variance 1 (G. Box and M. Muller, 1958).
pub(crate) fn noise(seed: &[u8; 32], stream: u64, frames: usize) -> Vec<Bin> {
    /// The step of 24-bit uniform numbers.
    const STEP: f32 = 1.0 / 16_777_216.0;
    let mut rng = ChaCha8Rng::from_seed(*seed);
    rng.set_stream(stream);
    let mut bytes = vec![0; frames * BINS * 8];
    rng.fill_bytes(&mut bytes);
    let mut out = vec![Bin::default(); frames * BINS];
    simd(
        #[inline(always)]
        || {
            for (out, drawn) in out.iter_mut().zip(bytes.as_chunks::<8>().0) {
                let [a, b, c, d, e, f, g, h] = *drawn;
                let (size, angle) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                let size = (-2.0 * ln(((size >> 8) + 1) as f32 * STEP)).max(0.0).sqrt();
                let (cos, sin) = turn((angle >> 8) as f32 * STEP);
                *out = Bin::new(size * cos, size * sin);
            }
        },
    );
    out
}

/// Every harmonic of the pitch below [`TOP_HZ`] at an amplitude of 1, in closed form:
/// `sum of cos(h t) = sin((H + 1/2) t) / (2 sin(t / 2)) - 1/2`. Silence where there is no voice.
fn pulses(f0: &[f32]) -> Vec<f32> {
    let Some(last) = f0.len().checked_sub(1) else { return Vec::new() };
    let mut out = Vec::with_capacity(f0.len() * HOP);
    // In turns.
    let mut phase = 0.0f64;
    for frame in 0..f0.len() {
        for sample in 0..HOP {
            // A frame's pitch stands at its middle; between two, it is interpolated.
            let place = (sample as f32 + 0.5) / HOP as f32;
            let (from, to, share) = match sample < HOP / 2 {
                true => (frame.saturating_sub(1), frame, place + 0.5),
                false => (frame, (frame + 1).min(last), place - 0.5),
            };
            let pitch = f0[from] * (1.0 - share) + f0[to] * share;
            let is_voiced = pitch > VOICED_HZ;
            let pitch = pitch.max(VOICED_HZ);
            phase = (phase + f64::from(pitch) / f64::from(SAMPLE_RATE_HZ)).fract();
            out.push(if is_voiced { pulse(phase, (TOP_HZ / pitch).floor() + 0.5) } else { 0.0 });
        }
    }
    out
}

/// The sum of so many harmonics (and a half) at a phase.
fn pulse(phase: f64, harmonics: f32) -> f32 {
    let below = 2.0 * turn((0.5 * phase) as f32).1;
    if below.abs() <= 2e-3 {
        return harmonics - 0.5;
    }
    turn((f64::from(harmonics) * phase).fract() as f32).1 / below - 0.5
}

/// A sample of a window that begins half a window before the sound; the ends are mirrored.
fn reflected(samples: &[f32], position: usize) -> f32 {
    let position = position.abs_diff(WINDOW / 2);
    let mirrored = (2 * samples.len()).saturating_sub(2 + position);
    samples.get(position).or_else(|| samples.get(mirrored)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_normal_and_repeats() {
        let drawn = noise(&[7; 32], 1, 200);
        assert_eq!(drawn, noise(&[7; 32], 1, 200));
        assert_ne!(drawn, noise(&[7; 32], 2, 200));
        let count = (2 * drawn.len()) as f64;
        let moment = |power: i32| {
            let sum: f64 = drawn.iter().flat_map(|z| [z.re, z.im]).map(|x| f64::from(x).powi(power)).sum();
            sum / count
        };
        assert!(moment(1).abs() < 0.01 && (moment(2) - 1.0).abs() < 0.02 && (moment(4) - 3.0).abs() < 0.1);
        let cross: f64 = drawn.iter().map(|z| f64::from(z.re * z.im)).sum();
        assert!(cross.abs() / count < 0.01);
    }

    #[test]
    fn pulses_are_harmonics() {
        let train = pulses(&[240.0; 20]);
        assert_eq!(train.len(), 20 * HOP);
        // A hundred samples a period, 45 harmonics up to 11 kHz.
        for (i, sample) in train.iter().enumerate().take(1_400).skip(1_000) {
            let phase = (i + 1) as f64 * 0.01;
            let exact: f64 = (1..=45).map(|h| (std::f64::consts::TAU * phase * f64::from(h)).cos()).sum();
            assert!((f64::from(*sample) - exact).abs() < 2e-3, "{i}: {sample} and {exact}");
        }
        assert!(pulses(&[0.0; 5]).iter().all(|&x| x == 0.0));
        assert!(pulses(&[]).is_empty());
    }

    /// What was a sound is that sound again: the windows sum to one.
    #[test]
    fn transforms_are_each_other_s_inverse() {
        let vocoder = Vocoder::new();
        let f0: Vec<f32> = (0..30).map(|i| 180.0 + 3.0 * i as f32).collect();
        let mut spectra = vocoder.excitation(&f0);
        spectra.iter_mut().for_each(|bin| *bin *= (WINDOW / 4) as f32);
        let (sound, train) = (vocoder.sound(&mut spectra), pulses(&f0));
        assert_eq!(sound.len(), train.len());
        let worst = sound.iter().zip(&train).take(27 * HOP).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-3, "{worst}");
    }
}
