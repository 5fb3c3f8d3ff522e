//! Pitch out of spectrograms: datasets hold no waveform. A small network learns it from the base's own speech, whose pitch is known.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::adamw::{AdamW, Rate};
use super::ear::BANDS;
use crate::math::{exp, gelu, ln};
use crate::product::{Matrix, add, product};

/// Frames on each side of the one that is read.
const AROUND: usize = 2;
const INPUT: usize = (2 * AROUND + 1) * BANDS;
const INNER: usize = 128;
/// Steps of pitch; class 0 is no voice.
const CLASSES: usize = 97;
const LOWEST_HZ: f32 = 60.0;
const HIGHEST_HZ: f32 = 450.0;
/// How far a class's neighbours are right, too.
const SPREAD: f32 = 1.2;
const STEPS: u32 = 1_000;
const BATCH: usize = 256;
const RATE: Rate = Rate { rate: 2e-3, decay: 0.01, clip: 1.0 };

/// Reads the pitch of each frame.
pub(super) struct Reader {
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// `[INNER, INPUT]`, `[INNER]`, `[CLASSES, INNER]`, `[CLASSES]`.
    values: Vec<f32>,
}

const FIRST: usize = INNER * INPUT;
const SECOND: usize = FIRST + INNER;
const THIRD: usize = SECOND + CLASSES * INNER;
const ALL: usize = THIRD + CLASSES;

/// Frames whose pitch is known.
#[derive(Default)]
pub(super) struct Lessons {
    rows: Vec<f32>,
    classes: Vec<usize>,
}

impl Lessons {
    /// Adds a spectrogram, with the pitch of each frame in hertz.
    pub(super) fn add(&mut self, log_mel: &[f32], f0: impl Fn(usize) -> f32) {
        let log_mel = &centred(log_mel);
        let frames = log_mel.len() / BANDS;
        for frame in 0..frames {
            self.rows.extend(around(log_mel, frame));
            self.classes.push(class(f0(frame)));
        }
    }
}

/// Without each band's mean over the recording: loudness and a speaker's colour say nothing of pitch.
fn centred(log_mel: &[f32]) -> Vec<f32> {
    let frames = (log_mel.len() / BANDS).max(1) as f32;
    let mut means = [0f32; BANDS];
    for (i, x) in log_mel.iter().enumerate() {
        means[i % BANDS] += x / frames;
    }
    log_mel.iter().enumerate().map(|(i, x)| x - means[i % BANDS]).collect()
}

/// The class of a pitch in hertz.
fn class(f0: f32) -> usize {
    if f0 <= crate::vocoder::VOICED_HZ {
        return 0;
    }
    let place = ln(f0 / LOWEST_HZ) / step() + 1.0;
    (place as usize).clamp(1, CLASSES - 1)
}

/// Logarithm from one class to the next.
fn step() -> f32 {
    ln(HIGHEST_HZ / LOWEST_HZ) / (CLASSES - 1) as f32
}

/// A frame and its neighbours; those at the ends stand for what is beyond.
fn around(log_mel: &[f32], frame: usize) -> impl Iterator<Item = f32> {
    let last = (log_mel.len() / BANDS).saturating_sub(1);
    let frames = (0..=2 * AROUND).map(move |i| (frame + i).saturating_sub(AROUND).min(last));
    frames.flat_map(|frame| &log_mel[frame * BANDS..][..BANDS]).copied()
}

impl Reader {
    /// Learns, by draws of `rng`.
    pub(super) fn learn(lessons: &Lessons, rng: &mut ChaCha8Rng) -> Self {
        let (mean, scale) = moments(&lessons.rows);
        let mut uniform = |bound: f32| (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * bound;
        let mut values: Vec<f32> = (0..ALL)
            .map(|i| match i {
                0..FIRST => uniform(1.0 / (INPUT as f32).sqrt()),
                SECOND..THIRD => uniform(1.0 / (INNER as f32).sqrt()),
                _ => 0.0,
            })
            .collect();
        let mut optimiser = AdamW::new(ALL);
        for _ in 0..STEPS {
            let chosen: Vec<usize> =
                (0..BATCH).map(|_| rng.next_u32() as usize % lessons.classes.len().max(1)).collect();
            let reader = Self { mean: mean.clone(), scale: scale.clone(), values };
            let rows = chosen.iter().flat_map(|&row| lessons.rows[row * INPUT..][..INPUT].iter().copied());
            let rows = reader.whitened(rows);
            let classes: Vec<usize> = chosen.iter().map(|&row| lessons.classes[row]).collect();
            let gradient = reader.gradient(&rows, &classes);
            values = reader.values;
            let left = 1.0 - f64::from(optimiser.step) / f64::from(STEPS);
            optimiser.step(&mut values, &gradient, Rate { rate: RATE.rate * left, ..RATE });
        }
        Self { mean, scale, values }
    }

    fn whitened(&self, rows: impl Iterator<Item = f32>) -> Vec<f32> {
        rows.enumerate().map(|(i, x)| (x - self.mean[i % INPUT]) * self.scale[i % INPUT]).collect()
    }

    /// The inner layer before its activation, and the probability of each class.
    fn forward(&self, rows: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let count = rows.len() / INPUT;
        let mut wide = self.values[FIRST..SECOND].repeat(count);
        let first = Matrix::new(&self.values[..FIRST], INNER, INPUT).transposed();
        add(&mut wide, INNER, Matrix::new(rows, count, INPUT), first, 1.0);
        let active: Vec<f32> = wide.iter().map(|&x| gelu(x).0).collect();
        let mut shares = self.values[THIRD..].repeat(count);
        let second = Matrix::new(&self.values[SECOND..THIRD], CLASSES, INNER).transposed();
        add(&mut shares, CLASSES, Matrix::new(&active, count, INNER), second, 1.0);
        crate::model::layers::softmax(&mut shares, CLASSES);
        (wide, active, shares)
    }

    /// The gradient of the mean cross-entropy.
    fn gradient(&self, rows: &[f32], classes: &[usize]) -> Vec<f32> {
        let count = classes.len();
        let (wide, active, mut by) = self.forward(rows);
        for (row, &class) in by.chunks_exact_mut(CLASSES).zip(classes) {
            let wanted = wanted(class);
            for (by, wanted) in row.iter_mut().zip(&wanted) {
                *by = (*by - wanted) / count as f32;
            }
        }
        let mut out = vec![0.0; ALL];
        let by_out = Matrix::new(&by, count, CLASSES);
        add(&mut out[SECOND..THIRD], INNER, by_out.transposed(), Matrix::new(&active, count, INNER), 1.0);
        sum_rows(&by, &mut out[THIRD..]);
        let mut inner = product(by_out, Matrix::new(&self.values[SECOND..THIRD], CLASSES, INNER), 1.0);
        inner.iter_mut().zip(&wide).for_each(|(inner, &x)| *inner *= gelu(x).1);
        let by_inner = Matrix::new(&inner, count, INNER);
        add(&mut out[..FIRST], INPUT, by_inner.transposed(), Matrix::new(rows, count, INPUT), 1.0);
        sum_rows(&inner, &mut out[FIRST..SECOND]);
        out
    }

    /// The pitch of each frame in hertz, and whether there is a voice.
    pub(super) fn read(&self, log_mel: &[f32]) -> Vec<(f32, bool)> {
        let log_mel = &centred(log_mel);
        let frames = log_mel.len() / BANDS;
        let rows = self.whitened((0..frames).flat_map(|frame| around(log_mel, frame)));
        let (.., shares) = self.forward(&rows);
        shares.chunks_exact(CLASSES).map(pitch).collect()
    }
}

/// The pitch that a frame's classes speak for: the mean around the likeliest.
fn pitch(shares: &[f32]) -> (f32, bool) {
    let best = (1..CLASSES).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(1);
    let near = best.saturating_sub(2).max(1)..(best + 3).min(CLASSES);
    let all: f32 = shares[near.clone()].iter().sum();
    let middle: f32 = near.map(|class| shares[class] * (class as f32 - 0.5)).sum();
    (LOWEST_HZ * exp(middle / all.max(1e-9) * step()), shares[0] < 0.5)
}

/// The shares that a class's frame should have.
fn wanted(class: usize) -> [f32; CLASSES] {
    let mut out = [0.0; CLASSES];
    if class == 0 {
        out[0] = 1.0;
        return out;
    }
    for (i, out) in out.iter_mut().enumerate().skip(1) {
        let distance = (i as f32 - class as f32) / SPREAD;
        *out = exp(-0.5 * distance * distance);
    }
    let all: f32 = out.iter().sum();
    out.map(|share| share / all)
}

fn sum_rows(rows: &[f32], to: &mut [f32]) {
    for row in rows.chunks_exact(to.len()) {
        to.iter_mut().zip(row).for_each(|(to, value)| *to += value);
    }
}

/// Mean, and one over the deviation, of each column.
fn moments(rows: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let count = (rows.len() / INPUT).max(1) as f64;
    let (mut sums, mut squares) = (vec![0f64; INPUT], vec![0f64; INPUT]);
    for row in rows.chunks_exact(INPUT) {
        for ((sum, square), &x) in sums.iter_mut().zip(&mut squares).zip(row) {
            *sum += f64::from(x);
            *square += f64::from(x) * f64::from(x);
        }
    }
    let deviation = |(sum, square): (&f64, &f64)| (square / count - (sum / count).powi(2)).max(0.0).sqrt();
    let scale = sums.iter().zip(&squares).map(|both| (1.0 / (deviation(both) + 1e-3)) as f32).collect();
    (sums.iter().map(|sum| (sum / count) as f32).collect(), scale)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn classes_are_pitches() {
        for hertz in [61.0, 100.0, 196.0, 330.0, 440.0] {
            let mut shares = wanted(class(hertz));
            let (read, is_voiced) = pitch(&shares);
            assert!(is_voiced && (read / hertz).ln().abs() < step(), "{hertz}: {read}");
            shares[0] = 0.9;
            assert!(!pitch(&shares).1);
        }
        assert_eq!((class(0.0), class(39.0), class(1_000.0)), (0, 0, CLASSES - 1));
    }

    /// Each value's gradient beside the difference of the loss.
    #[test]
    fn the_gradient_is_the_slope() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut drawn = |count: usize| -> Vec<f32> {
            (0..count).map(|_| rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0).collect()
        };
        let rows = drawn(3 * INPUT);
        let values: Vec<f32> = drawn(ALL).iter().map(|x| x * 0.1).collect();
        let mut reader = Reader { mean: vec![0.0; INPUT], scale: vec![1.0; INPUT], values };
        let classes = [0, 40, 96];
        let loss = |reader: &Reader| -> f64 {
            let (.., shares) = reader.forward(&rows);
            let rows = shares.chunks_exact(CLASSES).zip(classes);
            rows.map(|(row, class)| -> f64 {
                let wanted = wanted(class);
                row.iter().zip(&wanted).map(|(&p, &w)| -f64::from(w) * f64::from(p.max(1e-30)).ln()).sum()
            })
            .sum::<f64>()
                / 3.0
        };
        let gradient = reader.gradient(&rows, &classes);
        for place in [5, FIRST - 1, FIRST + 3, SECOND + 130, THIRD - 2, THIRD + 40, ALL - 1] {
            let before = reader.values[place];
            let mut at = |value: f32| {
                reader.values[place] = value;
                loss(&reader)
            };
            let slope = (at(before + 5e-3) - at(before - 5e-3)) / 1e-2;
            reader.values[place] = before;
            let found = f64::from(gradient[place]);
            assert!((found - slope).abs() < 2e-3 * slope.abs() + 2e-5, "{place}: {found} and {slope}");
        }
    }
}
