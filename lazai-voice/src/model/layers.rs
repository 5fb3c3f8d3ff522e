//! The parts of the networks, forward and backward, over rows of values: one row for each moment, its channels side by side.
//!
//! Weights of the base stand still, so a backward pass gives gradients by inputs and by an adapter's factors alone.

use crate::adapter::{Factors, FactorsMut};
use crate::error::Result;
use crate::math::{gelu, simd, sum};
use crate::model::Weights;
use crate::product::{Matrix, add, product, write};

const EPSILON: f32 = 1e-5;

/// A matrix of `[output, input]` and a bias.
#[derive(Clone)]
pub(crate) struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
    pub(crate) input: usize,
    pub(crate) output: usize,
}

impl Linear {
    pub(crate) fn load(from: &Weights<'_>, weight: &str, bias: &str, input: usize, output: usize) -> Result<Self> {
        let weight = from.take(weight, &[output, input])?;
        Ok(Self { weight, bias: from.take(bias, &[output])?, input, output })
    }

    /// `x W^T + bias`, plus the adapter's `scale x A^T B^T`; beside it `x A^T`, which the backward pass wants.
    pub(crate) fn forward(&self, x: &[f32], low: Option<Factors<'_>>) -> (Vec<f32>, Vec<f32>) {
        let rows = x.len() / self.input;
        let mut out = self.bias.repeat(rows);
        let x = Matrix::new(x, rows, self.input);
        add(&mut out, self.output, x, Matrix::new(&self.weight, self.output, self.input).transposed(), 1.0);
        let Some(low) = low else { return (out, Vec::new()) };
        let hidden = product(x, Matrix::new(low.a, low.rank, self.input).transposed(), 1.0);
        let (narrow, b) = (Matrix::new(&hidden, rows, low.rank), Matrix::new(low.b, self.output, low.rank));
        add(&mut out, self.output, narrow, b.transposed(), low.scale);
        (out, hidden)
    }

    /// The gradient by `x`; those by the factors are added to `to`.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        hidden: &[f32],
        gradient: &[f32],
        low: Factors<'_>,
        to: FactorsMut<'_>,
    ) -> Vec<f32> {
        let rows = x.len() / self.input;
        let along = Matrix::new(gradient, rows, self.output);
        let mut out = product(along, Matrix::new(&self.weight, self.output, self.input), 1.0);
        let narrow = product(along, Matrix::new(low.b, self.output, low.rank), low.scale);
        let narrow = Matrix::new(&narrow, rows, low.rank);
        add(&mut out, self.input, narrow, Matrix::new(low.a, low.rank, self.input), 1.0);
        add(to.a, self.input, narrow.transposed(), Matrix::new(x, rows, self.input), 1.0);
        add(to.b, low.rank, along.transposed(), Matrix::new(hidden, rows, low.rank), low.scale);
        out
    }
}

/// A convolution over neighbouring rows, as a product: a row's neighbourhood lies in one piece of a padded copy.
#[derive(Clone)]
pub(crate) struct Convolution {
    /// `[output, width * input]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
    input: usize,
    output: usize,
    width: usize,
}

impl Convolution {
    /// Of an odd width.
    pub(crate) fn load(from: &Weights<'_>, name: &str, input: usize, output: usize, width: usize) -> Result<Self> {
        let stored = from.take(&format!("{name}.weight"), &[output, input, width])?;
        let place = |i: usize| {
            let (row, rest) = (i / (width * input), i % (width * input));
            stored[row * width * input + rest % input * width + rest / input]
        };
        let weight = (0..stored.len()).map(place).collect();
        Ok(Self { weight, bias: from.take(&format!("{name}.bias"), &[output])?, input, output, width })
    }

    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (rows, edge) = (x.len() / self.input, self.width / 2 * self.input);
        let mut padded = vec![0.0; x.len() + 2 * edge];
        padded[edge..edge + x.len()].copy_from_slice(x);
        let mut out = self.bias.repeat(rows);
        let around = Matrix::strided(&padded, rows, self.width * self.input, self.input);
        add(&mut out, self.output, around, self.matrix().transposed(), 1.0);
        out
    }

    /// The gradient by the input.
    pub(crate) fn backward(&self, gradient: &[f32]) -> Vec<f32> {
        let (rows, span) = (gradient.len() / self.output, self.width * self.input);
        let around = product(Matrix::new(gradient, rows, self.output), self.matrix(), 1.0);
        let edge = self.width / 2 * self.input;
        let mut padded = vec![0.0; rows * self.input + 2 * edge];
        for (row, around) in around.chunks_exact(span).enumerate() {
            for (slot, value) in padded[row * self.input..][..span].iter_mut().zip(around) {
                *slot += value;
            }
        }
        padded[edge..edge + rows * self.input].to_vec()
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.weight, self.output, self.width * self.input)
    }
}

/// A convolution of each channel by itself, over rows that are `dilation` apart.
#[derive(Clone)]
pub(crate) struct Depthwise {
    /// `[taps, channels]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
    dilation: usize,
}

impl Depthwise {
    /// With an odd number of taps.
    pub(crate) fn load(from: &Weights<'_>, name: &str, channels: usize, taps: usize, dilation: usize) -> Result<Self> {
        let stored = from.take(&format!("{name}.weight"), &[channels, 1, taps])?;
        let weight = (0..stored.len()).map(|i| stored[i % channels * taps + i / channels]).collect();
        Ok(Self { weight, bias: from.take(&format!("{name}.bias"), &[channels])?, dilation })
    }

    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut out = self.bias.repeat(x.len() / self.bias.len());
        self.spread(x, &mut out, false);
        out
    }

    /// Adds the gradient by the input to `to`.
    pub(crate) fn backward(&self, gradient: &[f32], to: &mut [f32]) {
        self.spread(gradient, to, true);
    }

    /// Adds each tap's product to the row that it reaches; backwards, the taps are mirrored.
    fn spread(&self, x: &[f32], out: &mut [f32], mirrored: bool) {
        let channels = self.bias.len();
        let (rows, taps) = (x.len() / channels, self.weight.len() / channels);
        simd(
            #[inline(always)]
            || {
                for (row, out) in out.chunks_exact_mut(channels).enumerate() {
                    for tap in 0..taps {
                        let place = row + tap * self.dilation;
                        let Some(from) = place.checked_sub(taps / 2 * self.dilation).filter(|&from| from < rows) else {
                            continue;
                        };
                        let tap = if mirrored { taps - 1 - tap } else { tap };
                        let (x, weight) =
                            (&x[from * channels..][..channels], &self.weight[tap * channels..][..channels]);
                        for i in 0..channels {
                            out[i] += x[i] * weight[i];
                        }
                    }
                }
            },
        );
    }
}

/// A row less its mean, over its deviation, times a weight, plus a bias.
#[derive(Clone)]
pub(crate) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// The part of a norm's forward pass that its backward pass wants.
pub(crate) struct Normed {
    /// Rows of mean 0 and deviation 1.
    whitened: Vec<f32>,
    /// One over each row's deviation.
    scales: Vec<f32>,
}

impl Norm {
    pub(crate) fn load(from: &Weights<'_>, name: &str, channels: usize) -> Result<Self> {
        let part = |part: &str| from.take(&format!("{name}.{part}"), &[channels]);
        Ok(Self { weight: part("weight")?, bias: part("bias")? })
    }

    pub(crate) fn forward(&self, x: &[f32]) -> (Vec<f32>, Normed) {
        let width = self.weight.len();
        let mut normed = Normed { whitened: vec![0.0; x.len()], scales: Vec::with_capacity(x.len() / width) };
        let mut out = vec![0.0; x.len()];
        simd(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(width).zip(normed.whitened.chunks_exact_mut(width));
                for ((x, whitened), out) in rows.zip(out.chunks_exact_mut(width)) {
                    let mean = sum(width, |i| x[i]) / width as f32;
                    let variance = sum(width, |i| (x[i] - mean) * (x[i] - mean)) / width as f32;
                    let scale = 1.0 / (variance + EPSILON).sqrt();
                    for i in 0..width {
                        whitened[i] = (x[i] - mean) * scale;
                        out[i] = whitened[i] * self.weight[i] + self.bias[i];
                    }
                    normed.scales.push(scale);
                }
            },
        );
        (out, normed)
    }

    /// The gradient by the input.
    pub(crate) fn backward(&self, normed: &Normed, gradient: &[f32]) -> Vec<f32> {
        let width = self.weight.len();
        let mut out = vec![0.0; gradient.len()];
        simd(
            #[inline(always)]
            || {
                let rows = gradient.chunks_exact(width).zip(normed.whitened.chunks_exact(width));
                for (((gradient, white), scale), out) in rows.zip(&normed.scales).zip(out.chunks_exact_mut(width)) {
                    let mean = sum(width, |i| gradient[i] * self.weight[i]) / width as f32;
                    let along = sum(width, |i| gradient[i] * self.weight[i] * white[i]) / width as f32;
                    for i in 0..width {
                        out[i] = scale * (gradient[i] * self.weight[i] - mean - white[i] * along);
                    }
                }
            },
        );
        out
    }
}

/// [`gelu`] of each value.
pub(crate) fn activate(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    simd(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = gelu(x).0;
            }
        },
    );
    out
}

/// Turns the gradient by [`activate`]'s result into that by its input.
pub(crate) fn activate_backward(x: &[f32], gradient: &mut [f32]) {
    simd(
        #[inline(always)]
        || {
            for (gradient, &x) in gradient.iter_mut().zip(x) {
                *gradient *= gelu(x).1;
            }
        },
    );
}

/// The greatest of each row becomes the exponential's origin, and rows sum to 1.
pub(crate) fn softmax(rows: &mut [f32], width: usize) {
    simd(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(width) {
                let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for value in &mut *row {
                    *value = crate::math::exp(*value - greatest);
                }
                let scale = 1.0 / sum(width, |i| row[i]);
                for value in row {
                    *value *= scale;
                }
            }
        },
    );
}

/// Turns the gradient by [`softmax`]'s result, whose rows are `shares`, into that by its input.
pub(crate) fn softmax_backward(shares: &[f32], gradient: &mut [f32], width: usize) {
    simd(
        #[inline(always)]
        || {
            for (shares, gradient) in shares.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
                let along = sum(width, |i| shares[i] * gradient[i]);
                for i in 0..width {
                    gradient[i] = shares[i] * (gradient[i] - along);
                }
            }
        },
    );
}

/// Overwrites a part of each row by a product: rows of `target` are `stride` apart.
pub(crate) fn product_into(target: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    write(target, stride, false, a, b, scale);
}
