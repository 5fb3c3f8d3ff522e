//! The kernels on the processor, over slices.

pub(crate) mod attention;
pub(crate) mod math;
pub(crate) mod product;

use math::{dot, exp, make_rows, max, simd, sum};
use product::{Matrix, Target, product};
use rayon::prelude::*;

use super::{Activation, Heads};

/// `x / rms(x) * weight` for each row.
pub(super) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f64) -> Vec<f32> {
    let width = weight.len();
    make_rows(
        x.len(),
        width,
        #[inline(always)]
        |row, out| normalise(&x[row * width..][..width], weight, epsilon, out),
    )
}

/// One row of [`rms_norm`].
#[inline(always)]
pub(crate) fn normalise(x: &[f32], weight: &[f32], epsilon: f64, out: &mut [f32]) {
    let scale = scale_of(x, epsilon);
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

#[inline(always)]
fn scale_of(x: &[f32], epsilon: f64) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + epsilon as f32).sqrt()
}

/// The gradient by `x` of [`rms_norm`], plus `carried` if there is one.
pub(super) fn rms_norm_backward(
    x: &[f32],
    weight: &[f32],
    epsilon: f64,
    gradient: &[f32],
    carried: Option<&[f32]>,
) -> Vec<f32> {
    let width = weight.len();
    make_rows(
        x.len(),
        width,
        #[inline(always)]
        |row, out| {
            let (x, gradient) = (&x[row * width..][..width], &gradient[row * width..][..width]);
            let scale = scale_of(x, epsilon);
            let along = sum(width, |i| gradient[i] * weight[i] * x[i]) / width as f32 * scale * scale;
            for i in 0..width {
                out[i] = scale * (gradient[i] * weight[i] - x[i] * along);
            }
            if let Some(carried) = carried {
                for (out, carried) in out.iter_mut().zip(&carried[row * width..]) {
                    *out += carried;
                }
            }
        },
    )
}

/// `z(x)` of an activation `x sigmoid(z(x))`, and its slope: both known ones are of this form.
#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    (x, 1.0)
}

/// `(1 + tanh(u)) / 2` is `sigmoid(2 u)`.
#[inline(always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    /// `2 sqrt(2 / pi)`.
    const SCALE: f32 = 1.595_769;
    const CUBIC: f32 = 0.044_715;
    let square = x * x;
    (SCALE * (x + CUBIC * square * x), SCALE * (1.0 + 3.0 * CUBIC * square))
}

/// One row of [`gated`].
#[inline(always)]
pub(crate) fn gate(gate: &[f32], up: &[f32], activation: Activation, out: &mut [f32]) {
    #[inline(always)]
    fn by(inner: impl Fn(f32) -> (f32, f32), gate: &[f32], up: &[f32], out: &mut [f32]) {
        for ((out, &gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-inner(gate).0)) * up;
        }
    }
    match activation {
        Activation::Silu => by(silu, gate, up, out),
        Activation::GeluTanh => by(gelu_tanh, gate, up, out),
    }
}

/// `activation(gate) * up`, where a row holds the gates and then the ups.
pub(super) fn gated(gate_up: &[f32], width: usize, activation: Activation) -> Vec<f32> {
    make_rows(
        gate_up.len() / 2,
        width,
        #[inline(always)]
        |row, out| {
            let (gates, up) = gate_up[row * 2 * width..][..2 * width].split_at(width);
            gate(gates, up, activation, out);
        },
    )
}

/// The gradient of [`gated`] by gates and ups.
pub(super) fn gated_backward(gate_up: &[f32], gradient: &[f32], width: usize, activation: Activation) -> Vec<f32> {
    match activation {
        Activation::Silu => gated_backward_by(silu, gate_up, gradient, width),
        Activation::GeluTanh => gated_backward_by(gelu_tanh, gate_up, gradient, width),
    }
}

fn gated_backward_by(
    inner: impl Fn(f32) -> (f32, f32) + Sync,
    gate_up: &[f32],
    gradient: &[f32],
    width: usize,
) -> Vec<f32> {
    make_rows(
        gate_up.len(),
        2 * width,
        #[inline(always)]
        |row, out| {
            let (gate, up) = gate_up[row * 2 * width..][..2 * width].split_at(width);
            let (to_gate, to_up) = out.split_at_mut(width);
            let gradient = &gradient[row * width..][..width];
            for i in 0..width {
                let (z, slope) = inner(gate[i]);
                let sigmoid = 1.0 / (1.0 + exp(-z));
                let value = gate[i] * sigmoid;
                to_gate[i] = gradient[i] * up[i] * (sigmoid + value * (1.0 - sigmoid) * slope);
                to_up[i] = gradient[i] * value;
            }
        },
    )
}

/// Rotates queries and keys of each row; `sign` of -1 turns back. What does not turn is copied.
pub(super) fn rotate(x: &[f32], width: usize, cos: &[f32], sin: &[f32], heads: &Heads, sign: f32) -> Vec<f32> {
    let rows = x.len() / width;
    let half = cos.len() / rows.max(1);
    make_rows(
        x.len(),
        width,
        #[inline(always)]
        |row, out| {
            let x = &x[row * width..][..width];
            let (cos, sin) = (&cos[row * half..][..half], &sin[row * half..][..half]);
            let rotated = (heads.query + heads.key) * heads.width;
            for (x, out) in x[..rotated].chunks_exact(heads.width).zip(out[..rotated].chunks_exact_mut(heads.width)) {
                let ((x, still), (out, copied)) = (x.split_at(2 * half), out.split_at_mut(2 * half));
                copied.copy_from_slice(still);
                let ((low, high), (to_low, to_high)) = (x.split_at(half), out.split_at_mut(half));
                for i in 0..half {
                    let sin = sin[i] * sign;
                    to_low[i] = low[i] * cos[i] - high[i] * sin;
                    to_high[i] = high[i] * cos[i] + low[i] * sin;
                }
            }
            out[rotated..].copy_from_slice(&x[rotated..]);
        },
    )
}

/// Adds a row to every row.
pub(super) fn add_bias(x: &mut [f32], bias: &[f32]) {
    x.par_chunks_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias));
}

/// Negative log-likelihood of each row's label; scores become the loss's gradient by them.
pub(super) fn cross_entropy(scores: &mut [f32], labels: &[u32]) -> Vec<f32> {
    let width = scores.len() / labels.len().max(1);
    let rows = scores.par_chunks_mut(width.max(1)).zip(labels);
    let losses = rows.map(|(row, &label)| {
        simd(
            #[inline(always)]
            || {
                let greatest = max(row);
                let chosen = row[label as usize] - greatest;
                for score in row.iter_mut() {
                    *score = exp(*score - greatest);
                }
                let total = sum(width, |i| row[i]);
                let scale = 1.0 / total;
                for score in row.iter_mut() {
                    *score *= scale;
                }
                row[label as usize] -= 1.0;
                total.ln() - chosen
            },
        )
    });
    losses.collect()
}

/// The output layer, the loss and the way back, `rows` rows at a time.
pub(super) fn scored_loss(
    hidden: &[f32],
    weight: Matrix<'_>,
    labels: &[u32],
    rows: usize,
    with_gradient: bool,
) -> (Vec<f32>, Vec<f32>) {
    let (vocabulary, width) = (weight.rows, weight.columns);
    let mut losses = Vec::with_capacity(labels.len());
    let mut gradient = vec![0.0; if with_gradient { hidden.len() } else { 0 }];
    let mut scores = vec![0.0; rows.min(labels.len()) * vocabulary];
    for (i, labels) in labels.chunks(rows).enumerate() {
        let start = i * rows * width;
        let scores = &mut scores[..labels.len() * vocabulary];
        let hidden = Matrix::new(&hidden[start..], labels.len(), width);
        product(Target { data: scores, row_stride: vocabulary, add: false }, hidden, weight.transposed(), 1.0, true);
        losses.extend(cross_entropy(scores, labels));
        if with_gradient {
            let target = Target { data: &mut gradient[start..], row_stride: width, add: false };
            product(target, Matrix::new(scores, labels.len(), vocabulary), weight, 1.0, true);
        }
    }
    (losses, gradient)
}

/// One AdamW step on one parameter: see [`AdamStep`](super::AdamStep).
pub(super) fn adam(
    step: &super::AdamStep,
    parameter: &[f32],
    gradient: &[f32],
    first: &[f32],
    second: &[f32],
) -> [Vec<f32>; 3] {
    let mut out = [parameter.to_vec(), first.to_vec(), second.to_vec()];
    let [to_parameter, to_first, to_second] = &mut out;
    let keep = 1.0 - step.rate * step.decay;
    let (rate, root2) = (step.rate / step.correction1, step.correction2.sqrt());
    let chunk = 1 << 14;
    let all =
        to_parameter.par_chunks_mut(chunk).zip(to_first.par_chunks_mut(chunk)).zip(to_second.par_chunks_mut(chunk));
    all.zip(gradient.par_chunks(chunk)).for_each(|(((parameter, first), second), gradient)| {
        simd(
            #[inline(always)]
            || {
                for i in 0..gradient.len() {
                    let gradient = gradient[i] * step.scale as f32;
                    first[i] = first[i] * step.beta1 as f32 + gradient * (1.0 - step.beta1) as f32;
                    second[i] = second[i] * step.beta2 as f32 + gradient * gradient * (1.0 - step.beta2) as f32;
                    let denominator = second[i].sqrt() / root2 as f32 + step.epsilon as f32;
                    parameter[i] = parameter[i] * keep as f32 - rate as f32 * first[i] / denominator;
                }
            },
        );
    });
    out
}
