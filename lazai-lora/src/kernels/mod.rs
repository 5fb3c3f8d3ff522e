//! The parts of a transformer layer, forward and backward, without a tape. The weights do not learn: each gradient is by
//! the input alone, and the arguments hold all that backward needs.
//!
//! On the processor each kernel is one pass over memory ([`cpu`]); on other devices it is put together from candle's
//! operators ([`portable`]). Both are held to each other by tests.

mod cpu;
mod linear;
mod portable;

pub(crate) use cpu::math::{dot, exp, max, simd, sum};
pub(crate) use cpu::product::{Matrix, Target, product};
pub(crate) use cpu::{gate, normalise};

use candle_core::{CpuStorage, Storage, Tensor};

use crate::error::{ModelError, Result};
pub(crate) use linear::{LowRank, LowRankGradient, linear, linear_backward};

/// The activation of a layer's gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x sigmoid(x)` (Llama and most others).
    Silu,
    /// The Gaussian error linear unit by its approximation with a hyperbolic tangent (Gemma).
    GeluTanh,
}

/// The division of a row of attention into heads, and what they see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) query: usize,
    /// Key heads, and as many value heads.
    pub(crate) key: usize,
    /// Width of each.
    pub(crate) width: usize,
    /// The factor of scores.
    pub(crate) scale: f32,
    /// Tokens that a token sees, itself included; `None` for all before it.
    pub(crate) window: Option<usize>,
}

impl Heads {
    /// Query heads that share a key head.
    pub(crate) fn group(&self) -> usize {
        self.query / self.key
    }

    /// The first token that the token at a position sees.
    pub(crate) fn first_seen(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.window.unwrap_or(usize::MAX))
    }

    /// Width of queries, keys and values side by side.
    pub(crate) fn joint(&self) -> usize {
        (self.query + 2 * self.key) * self.width
    }
}

/// Gives the values of tensors on the processor, laid out in order.
fn with_slices<const N: usize, R>(tensors: [&Tensor; N], body: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    let tensors = tensors.into_iter().map(Tensor::contiguous).collect::<candle_core::Result<Vec<_>>>()?;
    let guards: Vec<_> = tensors.iter().map(|t| t.storage_and_layout()).collect();
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(CpuStorage::F32(values)) = &**storage else {
            return Err(ModelError::Compute(crate::error::ComputeError::not_f32()));
        };
        *slice = &values[layout.start_offset()..][..layout.shape().elem_count()];
    }
    Ok(body(slices))
}

fn on_cpu(x: &Tensor) -> bool {
    x.device().is_cpu()
}

/// `x / rms(x) * weight` for each row of `x: [rows, width]` (B. Zhang, R. Sennrich, "Root Mean Square Layer
/// Normalization", 2019).
pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    if !on_cpu(x) {
        return portable::rms_norm(x, weight, epsilon);
    }
    let out = with_slices([x, weight], |[x, weight]| cpu::rms_norm(x, weight, epsilon))?;
    Ok(Tensor::from_vec(out, x.shape(), x.device())?)
}

/// The gradient by `x` of [`rms_norm`], plus `carried` if there is one.
pub(crate) fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    gradient: &Tensor,
    carried: Option<&Tensor>,
) -> Result<Tensor> {
    if !on_cpu(x) {
        return portable::rms_norm_backward(x, weight, epsilon, gradient, carried);
    }
    let out = match carried {
        Some(carried) => with_slices([x, weight, gradient, carried], |[x, weight, gradient, carried]| {
            cpu::rms_norm_backward(x, weight, epsilon, gradient, Some(carried))
        }),
        None => with_slices([x, weight, gradient], |[x, weight, gradient]| {
            cpu::rms_norm_backward(x, weight, epsilon, gradient, None)
        }),
    };
    Ok(Tensor::from_vec(out?, x.shape(), x.device())?)
}

/// `activation(gate) * up` for `gate_up: [rows, 2 width]` (N. Shazeer, "GLU Variants Improve Transformer", 2020).
pub(crate) fn gated(gate_up: &Tensor, activation: Activation) -> Result<Tensor> {
    let (rows, both) = gate_up.dims2()?;
    if !on_cpu(gate_up) {
        return portable::gated(gate_up, activation);
    }
    let out = with_slices([gate_up], |[x]| cpu::gated(x, both / 2, activation))?;
    Ok(Tensor::from_vec(out, (rows, both / 2), gate_up.device())?)
}

/// The gradient by `gate_up` of [`gated`].
pub(crate) fn gated_backward(gate_up: &Tensor, gradient: &Tensor, activation: Activation) -> Result<Tensor> {
    let both = gate_up.dims2()?.1;
    if !on_cpu(gate_up) {
        return portable::gated_backward(gate_up, gradient, activation);
    }
    let out = with_slices([gate_up, gradient], |[x, gradient]| cpu::gated_backward(x, gradient, both / 2, activation))?;
    Ok(Tensor::from_vec(out, gate_up.shape(), gate_up.device())?)
}

/// Sines and cosines by which the heads of each token are rotated: `[tokens, pairs]`.
pub(crate) struct Angles {
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
}

/// Rotates queries and keys of each row, as many pairs of a head as there are angles, their halves apart as Hugging Face keeps
/// them (J. Su et al., "RoFormer", 2021); backward it turns them back, which is the gradient.
pub(crate) fn rotate(x: &Tensor, angles: &Angles, heads: &Heads, backward: bool) -> Result<Tensor> {
    let width = x.dims2()?.1;
    let sign: f32 = if backward { -1.0 } else { 1.0 };
    if !on_cpu(x) {
        return portable::rotate(x, angles, heads, sign.into());
    }
    let out = with_slices([x, &angles.cos, &angles.sin], |[x, cos, sin]| cpu::rotate(x, width, cos, sin, heads, sign))?;
    Ok(Tensor::from_vec(out, x.shape(), x.device())?)
}

/// Causal attention inside each sequence of a row of tokens. `joint: [tokens, queries keys values]`; returns `[tokens,
/// queries]`. If `shared` is not 0, the first sequence has so many tokens, and all others go on from it.
pub(crate) fn attention(joint: &Tensor, lengths: &[usize], shared: usize, heads: &Heads) -> Result<Tensor> {
    if !on_cpu(joint) {
        return portable::attention(joint, lengths, shared, heads);
    }
    let out = with_slices([joint], |[joint]| cpu::attention::within(joint, lengths, shared, heads))?;
    Ok(Tensor::from_vec(out, (joint.dim(0)?, heads.query * heads.width), joint.device())?)
}

/// The gradient by `joint` of [`attention`].
pub(crate) fn attention_backward(
    joint: &Tensor,
    gradient: &Tensor,
    lengths: &[usize],
    shared: usize,
    heads: &Heads,
) -> Result<Tensor> {
    if !on_cpu(joint) {
        return portable::attention_backward(joint, gradient, lengths, shared, heads);
    }
    let out = with_slices([joint, gradient], |[joint, gradient]| {
        cpu::attention::within_backward(joint, gradient, lengths, shared, heads)
    })?;
    Ok(Tensor::from_vec(out, joint.shape(), joint.device())?)
}

/// Attention of the last tokens over everything before them, themselves included. `query: [new, queries]`, `key, value:
/// [all, keys]`; returns `[new, queries]`.
pub(crate) fn attention_over(query: &Tensor, key: &Tensor, value: &Tensor, heads: &Heads) -> Result<Tensor> {
    if !on_cpu(query) {
        return portable::attention_over(query, key, value, heads);
    }
    let out = with_slices([query, key, value], |[query, key, value]| cpu::attention::over(query, key, value, heads))?;
    Ok(Tensor::from_vec(out, query.shape(), query.device())?)
}

/// Negative log-likelihood of each label under `scores: [rows, vocabulary]`, and its gradient by the scores.
pub(crate) fn cross_entropy(scores: &Tensor, labels: &[u32]) -> Result<(Vec<f32>, Tensor)> {
    if !on_cpu(scores) {
        return portable::cross_entropy(scores, labels);
    }
    let mut values = scores.flatten_all()?.to_vec1::<f32>()?;
    let losses = cpu::cross_entropy(&mut values, labels);
    Ok((losses, Tensor::from_vec(values, scores.shape(), scores.device())?))
}

/// The output layer and [`cross_entropy`] on the processor, some rows at a time in one piece of memory. Gives each label's
/// loss, and if asked for the gradient by `hidden: [rows, width]`; `weight: [vocabulary, width]`.
pub(crate) fn scored_loss(
    hidden: &Tensor,
    weight: &Tensor,
    labels: &[u32],
    rows: usize,
    with_gradient: bool,
) -> Result<(Vec<f32>, Option<Tensor>)> {
    let (vocabulary, width) = weight.dims2()?;
    let (losses, gradient) = with_slices([hidden, weight], |[hidden, weight]| {
        cpu::scored_loss(hidden, Matrix::new(weight, vocabulary, width), labels, rows, with_gradient)
    })?;
    let gradient = with_gradient.then(|| Tensor::from_vec(gradient, (labels.len(), width), hidden.device()));
    Ok((losses, gradient.transpose()?))
}

/// One step of AdamW on every parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    /// Learning rate.
    pub(crate) rate: f64,
    /// Decoupled weight decay.
    pub(crate) decay: f64,
    /// By which gradients are scaled first.
    pub(crate) scale: f64,
    /// `1 - beta1^t` and `1 - beta2^t`.
    pub(crate) correction1: f64,
    pub(crate) correction2: f64,
}

/// Gives the new `[parameter, first moment, second moment]`.
pub(crate) fn adam(step: &AdamStep, state: [&Tensor; 3], gradient: &Tensor) -> Result<[Tensor; 3]> {
    let [parameter, first, second] = state;
    if !on_cpu(parameter) {
        return portable::adam(step, state, gradient);
    }
    let [parameter, first, second] =
        with_slices([parameter, gradient, first, second], |[p, g, m, v]| cpu::adam(step, p, g, m, v))?;
    let tensor = |values| Tensor::from_vec(values, gradient.shape(), gradient.device());
    Ok([tensor(parameter)?, tensor(first)?, tensor(second)?])
}

/// The sum of squares.
pub(crate) fn square_sum(x: &Tensor) -> Result<f64> {
    if !on_cpu(x) {
        return Ok(x.sqr()?.sum_all()?.to_scalar::<f32>()?.into());
    }
    // A row at a time in double precision: the norm of millions of values.
    with_slices([x], |[x]| x.chunks(4096).map(|x| f64::from(simd(|| dot(x, x)))).sum())
}

#[cfg(test)]
mod tests;
