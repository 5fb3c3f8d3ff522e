//! The forward pass of a Llama-family model, with or without an adapter.
//!
//! Several sequences are computed as one row of tokens: the linear layers see them together, attention keeps
//! each to itself.

use candle_core::{D, DType, Device, Tensor};

use crate::adapter::{Adapter, Factors};
use crate::base::{BaseModel, ModelConfig};
use crate::error::{LoraError, Result};
use crate::frozen::FrozenLinear;

/// Keys and values of the tokens seen so far. A clone shares them.
#[derive(Clone)]
pub struct Cache {
    layers: Vec<Option<(Tensor, Tensor)>>,
    tokens: usize,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(base: &BaseModel) -> Self {
        Self { layers: vec![None; base.config.layers], tokens: 0 }
    }

    /// Tokens seen so far.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache {{ tokens: {} }}", self.tokens)
    }
}

/// Sines and cosines for the positions of some tokens: `[tokens, head_width / 2]`.
struct Rotary {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    fn new(config: &ModelConfig, positions: impl Iterator<Item = usize>, device: &Device) -> Result<Self> {
        let half = config.head_width / 2;
        let rate = |i: usize| config.rope_base.powf(-(i as f64) / half as f64);
        let rates: Vec<f64> = (0..half).map(rate).collect();
        let angles: Vec<f64> = positions.flat_map(|p| rates.iter().map(move |r| p as f64 * r)).collect();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&a| f(a) as f32).collect();
            Tensor::from_vec(values, (angles.len() / half, half), device)
        };
        Ok(Self { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    /// Rotates `[heads, tokens, head_width]`, halves apart as Hugging Face keeps them.
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let half = x.dim(D::Minus1)? / 2;
        let (low, high) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
        let first = (low.broadcast_mul(&self.cos)? - high.broadcast_mul(&self.sin)?)?;
        let second = (high.broadcast_mul(&self.cos)? + low.broadcast_mul(&self.sin)?)?;
        Ok(Tensor::cat(&[first, second], D::Minus1)?)
    }
}

/// Computes the last hidden states (after the final norm) of several sequences: `[all tokens, hidden]`.
///
/// # Errors
/// [`LoraError::ContextTooLong`], [`LoraError::Compute`].
pub(crate) fn hidden_states(base: &BaseModel, adapter: Option<&Adapter>, sequences: &[&[u32]]) -> Result<Tensor> {
    forward(base, adapter, sequences, None)
}

/// Computes the last hidden states of the next tokens of one sequence, and remembers their keys and values.
///
/// # Errors
/// As [`hidden_states`].
pub(crate) fn continue_states(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    tokens: &[u32],
    cache: &mut Cache,
) -> Result<Tensor> {
    forward(base, adapter, &[tokens], Some(cache))
}

/// Scores of every token of the vocabulary: `[rows, vocab]`.
pub(crate) fn logits(base: &BaseModel, hidden: &Tensor) -> Result<Tensor> {
    Ok(base.weights.output.forward(hidden)?)
}

fn forward(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    sequences: &[&[u32]],
    mut cache: Option<&mut Cache>,
) -> Result<Tensor> {
    let config = &base.config;
    let start = cache.as_ref().map_or(0, |c| c.tokens);
    for sequence in sequences {
        let tokens = start + sequence.len();
        if tokens > config.context {
            return Err(LoraError::ContextTooLong { tokens, max: config.context });
        }
    }
    let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
    let ids: Vec<u32> = sequences.concat();
    let ids = Tensor::from_vec(ids, lengths.iter().sum::<usize>(), &base.device)?;
    let rotary = Rotary::new(config, lengths.iter().flat_map(|&n| start..start + n), &base.device)?;

    let mut x = base.weights.embedding.index_select(&ids, 0)?;
    for (i, layer) in base.weights.layers.iter().enumerate() {
        let factors = adapter.map(|a| &a.layers[i]);
        let linear =
            |module: usize, input: &Tensor| project(&layer.linear[module], factors.map(|f| &f[module]), adapter, input);
        let normed = rms_norm(&x, &layer.attention_norm, config.norm_epsilon)?;
        let heads = |module: usize, count: usize| -> Result<Tensor> {
            let projected = linear(module, &normed)?;
            Ok(projected.reshape(((), count, config.head_width))?.transpose(0, 1)?)
        };
        let query = rotary.apply(&heads(0, config.heads)?)?;
        let key = rotary.apply(&heads(1, config.kv_heads)?)?;
        let value = heads(2, config.kv_heads)?;
        let attended = match cache.as_deref_mut() {
            None => attend_each(config, &query, &key, &value, &lengths)?,
            Some(cache) => {
                let (key, value) = match cache.layers[i].take() {
                    None => (key, value),
                    Some((k, v)) => (Tensor::cat(&[k, key], 1)?, Tensor::cat(&[v, value], 1)?),
                };
                let attended = attend(config, &query, &key, &value)?;
                cache.layers[i] = Some((key, value));
                attended
            }
        };
        x = (x + linear(3, &attended)?)?;
        let normed = rms_norm(&x, &layer.feed_forward_norm, config.norm_epsilon)?;
        let gated = (linear(4, &normed)?.silu()? * linear(5, &normed)?)?;
        x = (x + linear(6, &gated)?)?;
    }
    if let Some(cache) = cache {
        cache.tokens += lengths.iter().sum::<usize>();
    }
    rms_norm(&x, &base.weights.output_norm, config.norm_epsilon)
}

/// A linear layer and its low-rank update.
fn project(
    linear: &FrozenLinear,
    factors: Option<&Factors>,
    adapter: Option<&Adapter>,
    input: &Tensor,
) -> Result<Tensor> {
    let output = linear.forward(input)?;
    let (Some(factors), Some(adapter)) = (factors, adapter) else {
        return Ok(output);
    };
    let scale = adapter.config.alpha as f64 / adapter.config.rank as f64;
    let narrow = input.matmul(&factors.a.t()?)?;
    let update = narrow.matmul(&factors.b.t()?)?;
    Ok((output + (update * scale)?)?)
}

fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    let scale = (mean_square + epsilon)?.sqrt()?.recip()?;
    Ok(x.broadcast_mul(&scale)?.broadcast_mul(weight)?)
}

/// Causal attention inside each sequence of a row: `[tokens, hidden]`.
fn attend_each(
    config: &ModelConfig,
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    lengths: &[usize],
) -> Result<Tensor> {
    let mut start = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let part = |x: &Tensor| x.narrow(1, start, length);
        parts.push(attend(config, &part(query)?, &part(key)?, &part(value)?)?);
        start += length;
    }
    Ok(Tensor::cat(&parts, 0)?)
}

/// Causal attention of the last `query` tokens over all `key` tokens: `[query tokens, hidden]`.
fn attend(config: &ModelConfig, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
    let (new, all) = (query.dim(1)?, key.dim(1)?);
    // Heads that share keys become rows of one product.
    let group = config.heads / config.kv_heads;
    let grouped = query.contiguous()?.reshape((config.kv_heads, group * new, config.head_width))?;
    let scale = 1.0 / (config.head_width as f64).sqrt();
    let scores = (grouped.matmul(&key.transpose(1, 2)?.contiguous()?)? * scale)?;
    let scores = scores.reshape((config.kv_heads, group, new, all))?;
    let scores = if new > 1 { scores.broadcast_add(&causal_mask(new, all, query.device())?)? } else { scores };
    let weights = softmax(&scores)?.reshape((config.kv_heads, group * new, all))?;
    let out = weights.matmul(&value.contiguous()?)?;
    let out = out.reshape((config.heads, new, config.head_width))?.transpose(0, 1)?;
    Ok(out.contiguous()?.reshape((new, config.hidden))?)
}

fn causal_mask(new: usize, all: usize, device: &Device) -> Result<Tensor> {
    let first = all - new;
    let values: Vec<f32> =
        (0..new).flat_map(|i| (0..all).map(move |j| if j <= first + i { 0.0 } else { f32::NEG_INFINITY })).collect();
    Ok(Tensor::from_vec(values, (new, all), device)?)
}

pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    // The maximum only guards against overflow; it does not change the result, so it needs no gradient.
    let max = x.detach().max_keepdim(D::Minus1)?;
    let exp = x.broadcast_sub(&max)?.exp()?;
    let sum = exp.sum_keepdim(D::Minus1)?;
    Ok(exp.broadcast_div(&sum)?)
}

/// Negative log-likelihood of each label, and if asked for its gradient by the hidden state, in chunks of rows so
/// that the matrix of scores is never whole. `hidden: [rows, hidden]`; one label per row.
pub(crate) fn cross_entropy(
    base: &BaseModel,
    hidden: &Tensor,
    labels: &[u32],
    with_gradient: bool,
) -> Result<(Vec<f32>, Option<Tensor>)> {
    const ROWS: usize = 64;
    let hidden = hidden.detach();
    let mut losses = Vec::with_capacity(labels.len());
    let mut gradients = Vec::new();
    for (chunk, labels) in labels.chunks(ROWS).enumerate() {
        let rows = hidden.narrow(0, chunk * ROWS, labels.len())?;
        let probabilities = softmax(&logits(base, &rows)?.to_dtype(DType::F32)?)?;
        let index = Tensor::new(labels, &base.device)?.unsqueeze(1)?;
        let chosen = probabilities.gather(&index, 1)?.squeeze(1)?;
        losses.extend(chosen.to_vec1::<f32>()?.into_iter().map(|p| -p.max(f32::MIN_POSITIVE).ln()));
        if with_gradient {
            // d(-log p[label]) / d scores = p - onehot(label); then back through the output layer.
            let minus_one = Tensor::full(-1f32, (labels.len(), 1), &base.device)?;
            let scores = probabilities.scatter_add(&index, &minus_one, 1)?;
            gradients.push(scores.matmul(&base.weights.output.0)?);
        }
    }
    let gradient = if with_gradient { Some(Tensor::cat(&gradients, 0)?) } else { None };
    Ok((losses, gradient))
}
