//! The kernels out of candle's operators, for devices without kernels of their own.

use candle_core::{D, Device, Tensor};

use super::{Activation, AdamStep, Angles, Heads};
use crate::error::Result;

fn rms_scale(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    Ok((x.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?.recip()?)
}

pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    Ok(x.broadcast_mul(&rms_scale(x, epsilon)?)?.broadcast_mul(weight)?)
}

pub(super) fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    gradient: &Tensor,
    carried: Option<&Tensor>,
) -> Result<Tensor> {
    let scale = rms_scale(x, epsilon)?;
    let weighted = gradient.broadcast_mul(weight)?;
    let along = ((&weighted * x)?.mean_keepdim(D::Minus1)? * scale.sqr()?)?;
    let out = (weighted - x.broadcast_mul(&along)?)?.broadcast_mul(&scale)?;
    Ok(match carried {
        Some(carried) => (out + carried)?,
        None => out,
    })
}

fn halves(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let half = x.dim(D::Minus1)? / 2;
    Ok((x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?))
}

/// `z(x)` of an activation `x sigmoid(z(x))`, and its slope.
fn inner(x: &Tensor, activation: Activation) -> Result<(Tensor, Tensor)> {
    Ok(match activation {
        Activation::Silu => (x.clone(), x.ones_like()?),
        Activation::GeluTanh => {
            let (scale, cubic, square) = ((8.0 / std::f64::consts::PI).sqrt(), 0.044_715, x.sqr()?);
            let z = (x * ((&square * cubic)? + 1.0)?)? * scale;
            (z?, (((square * (3.0 * cubic))? + 1.0)? * scale)?)
        }
    })
}

fn sigmoid(z: &Tensor) -> Result<Tensor> {
    Ok(((z.neg()?.exp()? + 1.0)?).recip()?)
}

pub(super) fn gated(gate_up: &Tensor, activation: Activation) -> Result<Tensor> {
    let (gate, up) = halves(gate_up)?;
    let gate = gate.contiguous()?;
    let (z, _) = inner(&gate, activation)?;
    Ok(((gate * sigmoid(&z)?)? * up)?)
}

pub(super) fn gated_backward(gate_up: &Tensor, gradient: &Tensor, activation: Activation) -> Result<Tensor> {
    let (gate, up) = halves(gate_up)?;
    let gate = gate.contiguous()?;
    let (z, steep) = inner(&gate, activation)?;
    let sigmoid = sigmoid(&z)?;
    let value = (&gate * &sigmoid)?;
    let slope = (&sigmoid + ((&value * (1.0 - &sigmoid)?)? * steep)?)?;
    let to_gate = ((gradient * up)? * slope)?;
    let to_up = (gradient * value)?;
    Ok(Tensor::cat(&[to_gate, to_up], D::Minus1)?)
}

pub(super) fn rotate(x: &Tensor, angles: &Angles, heads: &Heads, sign: f64) -> Result<Tensor> {
    let (tokens, width) = x.dims2()?;
    let half = angles.cos.dim(1)?;
    let (turned, still) = (heads.query + heads.key, heads.width - 2 * half);
    let rotated = turned * heads.width;
    let (cos, sin) = (angles.cos.unsqueeze(1)?, (angles.sin.unsqueeze(1)? * sign)?);
    let all = x.narrow(1, 0, rotated)?.contiguous()?.reshape((tokens, turned, heads.width))?;
    let (low, high) = halves(&all.narrow(2, 0, 2 * half)?)?;
    let first = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
    let second = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
    let turned = match still {
        0 => Tensor::cat(&[first, second], D::Minus1)?,
        _ => Tensor::cat(&[first, second, all.narrow(2, 2 * half, still)?], D::Minus1)?,
    };
    let turned = turned.reshape((tokens, rotated))?;
    Ok(if rotated == width { turned } else { Tensor::cat(&[turned, x.narrow(1, rotated, width - rotated)?], 1)? })
}

/// `[tokens, heads * width]` as `[key heads, group * tokens, width]`: heads that share keys become rows of one product.
fn grouped(x: &Tensor, shared: usize, width: usize) -> Result<Tensor> {
    let tokens = x.dim(0)?;
    let heads = x.contiguous()?.reshape((tokens, (), width))?.transpose(0, 1)?;
    Ok(heads.contiguous()?.reshape((shared, (), width))?)
}

/// The reverse of [`grouped`].
fn ungrouped(x: &Tensor, tokens: usize) -> Result<Tensor> {
    let width = x.dim(2)?;
    let heads = x.contiguous()?.reshape(((), tokens, width))?.transpose(0, 1)?;
    Ok(heads.contiguous()?.reshape((tokens, ()))?)
}

fn mask(new: usize, all: usize, heads: &Heads, device: &Device) -> Result<Tensor> {
    let rows = (all - new..all).flat_map(|position| {
        let seen = heads.first_seen(position)..=position;
        (0..all).map(move |key| if seen.contains(&key) { 0.0 } else { f32::NEG_INFINITY })
    });
    Ok(Tensor::from_vec(rows.collect(), (new, all), device)?)
}

fn softmax(x: &Tensor) -> Result<Tensor> {
    let exp = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?.exp()?;
    Ok(exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)?)
}

/// Weights of grouped queries over keys: `[key heads, group * new, all]`.
fn weights(query: &Tensor, key: &Tensor, heads: &Heads) -> Result<Tensor> {
    let (all, rows) = (key.dim(1)?, query.dim(1)?);
    let new = rows / heads.group();
    let scale = f64::from(heads.scale);
    let scores = (query.matmul(&key.transpose(1, 2)?.contiguous()?)? * scale)?;
    let scores = scores.reshape((heads.key, heads.group(), new, all))?;
    Ok(softmax(&scores.broadcast_add(&mask(new, all, heads, query.device())?)?)?.reshape((heads.key, rows, all))?)
}

pub(super) fn attention_over(query: &Tensor, key: &Tensor, value: &Tensor, heads: &Heads) -> Result<Tensor> {
    let side = |x: &Tensor| grouped(x, heads.key, heads.width);
    let weights = weights(&side(query)?, &side(key)?, heads)?;
    ungrouped(&weights.matmul(&side(value)?)?, query.dim(0)?)
}

/// Queries, keys and values of one sequence.
fn parts(joint: &Tensor, start: usize, length: usize, heads: &Heads) -> Result<[Tensor; 3]> {
    let rows = joint.narrow(0, start, length)?;
    let part = |from: usize, count: usize| rows.narrow(1, from * heads.width, count * heads.width);
    let (query, key) = (heads.query, heads.key);
    Ok([part(0, query)?, part(query, key)?, part(query + key, key)?])
}

pub(super) fn attention(joint: &Tensor, lengths: &[usize], shared: usize, heads: &Heads) -> Result<Tensor> {
    let mut start = 0;
    let mut out = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let [query, mut key, mut value] = parts(joint, start, length, heads)?;
        if start > 0 && shared > 0 {
            let [_, key_before, value_before] = parts(joint, 0, shared, heads)?;
            (key, value) = (Tensor::cat(&[key_before, key], 0)?, Tensor::cat(&[value_before, value], 0)?);
        }
        out.push(attention_over(&query, &key, &value, heads)?);
        start += length;
    }
    Ok(Tensor::cat(&out, 0)?)
}

pub(super) fn attention_backward(
    joint: &Tensor,
    gradient: &Tensor,
    lengths: &[usize],
    shared: usize,
    heads: &Heads,
) -> Result<Tensor> {
    let side = |x: &Tensor| grouped(x, heads.key, heads.width);
    let scale = f64::from(heads.scale);
    let mut start = 0;
    let mut out: Vec<[Tensor; 3]> = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let [query, mut key, mut value] = parts(joint, start, length, heads)?;
        let before = if start > 0 { shared } else { 0 };
        if before > 0 {
            let [_, key_before, value_before] = parts(joint, 0, shared, heads)?;
            (key, value) = (Tensor::cat(&[key_before, key], 0)?, Tensor::cat(&[value_before, value], 0)?);
        }
        let (query, key, value) = (side(&query)?, side(&key)?, side(&value)?);
        let gradient = side(&gradient.narrow(0, start, length)?)?;
        let weights = weights(&query, &key, heads)?;
        let to_value = weights.transpose(1, 2)?.contiguous()?.matmul(&gradient)?;
        let by_weight = gradient.matmul(&value.transpose(1, 2)?.contiguous()?)?;
        let mean = (&weights * &by_weight)?.sum_keepdim(D::Minus1)?;
        let scores = ((weights * by_weight.broadcast_sub(&mean)?)? * scale)?;
        let to_query = ungrouped(&scores.matmul(&key)?, length)?;
        let to_key = ungrouped(&scores.transpose(1, 2)?.contiguous()?.matmul(&query)?, before + length)?;
        let to_value = ungrouped(&to_value, before + length)?;
        if let (Some([_, key, value]), true) = (out.first_mut(), before > 0) {
            *key = (&*key + to_key.narrow(0, 0, before)?)?;
            *value = (&*value + to_value.narrow(0, 0, before)?)?;
        }
        out.push([to_query, to_key.narrow(0, before, length)?, to_value.narrow(0, before, length)?]);
        start += length;
    }
    let rows = out.into_iter().map(|sides| Tensor::cat(&sides, 1)).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&rows, 0)?)
}

pub(super) fn cross_entropy(scores: &Tensor, labels: &[u32]) -> Result<(Vec<f32>, Tensor)> {
    let index = Tensor::new(labels, scores.device())?.unsqueeze(1)?;
    let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?;
    let exp = shifted.exp()?;
    let total = exp.sum_keepdim(D::Minus1)?;
    let losses = (total.log()? - shifted.gather(&index, 1)?)?.squeeze(1)?.to_vec1::<f32>()?;
    let minus_one = Tensor::full(-1f32, (labels.len(), 1), scores.device())?;
    Ok((losses, exp.broadcast_div(&total)?.scatter_add(&index, &minus_one, 1)?))
}

pub(super) fn adam(
    step: &AdamStep,
    [parameter, first, second]: [&Tensor; 3],
    gradient: &Tensor,
) -> Result<[Tensor; 3]> {
    let gradient = (gradient * step.scale)?;
    let first = ((first * step.beta1)? + (&gradient * (1.0 - step.beta1))?)?;
    let second = ((second * step.beta2)? + (gradient.sqr()? * (1.0 - step.beta2))?)?;
    let denominator = ((second.sqrt()? / step.correction2.sqrt())? + step.epsilon)?;
    let update = ((&first * (step.rate / step.correction1))? / denominator)?;
    let kept = (parameter * (1.0 - step.rate * step.decay))?;
    Ok([(kept - update)?, first, second])
}
