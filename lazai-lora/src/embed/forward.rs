//! One text through an encoder (J. Devlin et al., "BERT", 2019). A text is computed by itself: nothing is padded, and no bit
//! depends on what stands beside it.

use super::config::EncoderConfig;
use super::weights::{Layer, Linear, Norm, Weights};
use crate::kernels::{Matrix, Target, exp, max, product, simd, sum};

/// Queries that are weighed at once, so that no matrix of all scores is kept.
const TILE: usize = 64;

/// The last hidden states of a text, `[tokens, hidden]`. The caller has checked that all tokens are known, and that there are
/// as many positions.
pub(super) fn hidden(weights: &Weights, config: &EncoderConfig, tokens: &[u32], parallel: bool) -> Vec<f32> {
    let width = config.hidden;
    let mut x = Vec::with_capacity(tokens.len() * width);
    for (token, position) in tokens.iter().zip(weights.positions.chunks_exact(width)) {
        let word = &weights.words[*token as usize * width..][..width];
        x.extend(word.iter().zip(position).map(|(word, position)| word + position));
    }
    normalise(&mut x, &weights.norm, config.epsilon);
    for layer in &weights.layers {
        x = through(layer, config, x, parallel);
    }
    x
}

fn through(layer: &Layer, config: &EncoderConfig, x: Vec<f32>, parallel: bool) -> Vec<f32> {
    let rows = x.len() / config.hidden;
    let joint = linear(&layer.joint, &x, rows, None, parallel);
    let seen = attention(&joint, rows, config);
    let mut x = linear(&layer.out, &seen, rows, Some(x), parallel);
    normalise(&mut x, &layer.attention_norm, config.epsilon);
    let mut wide = linear(&layer.wide, &x, rows, None, parallel);
    simd(
        #[inline(always)]
        || wide.iter_mut().for_each(|x| *x = gelu(*x)),
    );
    let mut x = linear(&layer.narrow, &wide, rows, Some(x), parallel);
    normalise(&mut x, &layer.norm, config.epsilon);
    x
}

/// A linear layer, added to `carried` if there is something.
fn linear(layer: &Linear, x: &[f32], rows: usize, carried: Option<Vec<f32>>, parallel: bool) -> Vec<f32> {
    let (inner, outer) = (x.len() / rows, layer.bias.len());
    let mut out = carried.unwrap_or_else(|| vec![0.0; rows * outer]);
    for row in out.chunks_exact_mut(outer) {
        row.iter_mut().zip(&layer.bias).for_each(|(out, bias)| *out += bias);
    }
    let target = Target { data: &mut out, row_stride: outer, add: true };
    product(target, Matrix::new(x, rows, inner), Matrix::new(&layer.weight, inner, outer), 1.0, parallel);
    out
}

/// Attention of every token over all of them, head by head.
fn attention(joint: &[f32], rows: usize, config: &EncoderConfig) -> Vec<f32> {
    let (hidden, width) = (config.hidden, config.hidden / config.heads);
    let stride = 3 * hidden;
    let scale = 1.0 / (width as f32).sqrt();
    let mut out = vec![0.0; rows * hidden];
    let mut scores = vec![0.0; TILE.min(rows) * rows];
    for column in (0..hidden).step_by(width) {
        let key = Matrix::strided(&joint[hidden + column..], rows, width, stride);
        let value = Matrix::strided(&joint[2 * hidden + column..], rows, width, stride);
        for start in (0..rows).step_by(TILE) {
            let queries = TILE.min(rows - start);
            let query = Matrix::strided(&joint[start * stride + column..], queries, width, stride);
            let scores = &mut scores[..queries * rows];
            let target = Target { data: scores, row_stride: rows, add: false };
            product(target, query, key.transposed(), scale, false);
            softmax(scores, rows);
            let target = Target { data: &mut out[start * hidden + column..], row_stride: hidden, add: false };
            product(target, Matrix::new(scores, queries, rows), value, 1.0, false);
        }
    }
    out
}

fn softmax(scores: &mut [f32], width: usize) {
    simd(
        #[inline(always)]
        || {
            for row in scores.chunks_exact_mut(width) {
                let greatest = max(row);
                row.iter_mut().for_each(|score| *score = exp(*score - greatest));
                let scale = 1.0 / sum(width, |i| row[i]);
                row.iter_mut().for_each(|weight| *weight *= scale);
            }
        },
    );
}

/// Layer normalisation of each row (J. L. Ba et al., 2016).
fn normalise(x: &mut [f32], norm: &Norm, epsilon: f32) {
    let width = norm.weight.len();
    simd(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(width) {
                let mean = sum(width, |i| row[i]) / width as f32;
                let variance = sum(width, |i| (row[i] - mean) * (row[i] - mean)) / width as f32;
                let scale = 1.0 / (variance + epsilon).sqrt();
                for (x, (weight, bias)) in row.iter_mut().zip(norm.weight.iter().zip(&norm.bias)) {
                    *x = (*x - mean) * scale * weight + bias;
                }
            }
        },
    );
}

/// The Gaussian error linear unit, exact but for the error function: within 1.5e-7 (M. Abramowitz, I. Stegun, "Handbook of
/// Mathematical Functions", 1964, 7.1.26).
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_8 + t * (-1.453_152 + t * 1.061_405_4))));
    // The part of the normal distribution beyond `|x|`.
    let beyond = 0.5 * series * exp(-z * z);
    x * if x > 0.0 { 1.0 - beyond } else { beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x (1 + erf(x / sqrt 2)) / 2` by Python's `math.erf`.
    #[test]
    fn gelu_is_that_of_the_error_function() {
        for (x, expected) in [
            (-6.0, -5.919_526e-9),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_25),
            (-0.1, -0.046_017_216),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (1.0, 0.841_344_8),
            (2.5, 2.484_475_8),
            (9.0, 9.0),
        ] {
            let found = gelu(x);
            assert!((found - expected).abs() < 3e-7, "gelu({x}) is {found}, expected {expected}");
        }
        assert!(gelu(f32::NAN).is_nan());
    }
}
