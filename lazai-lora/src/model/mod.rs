//! The forward pass of a model with or without an adapter, and the backward pass for the adapter's factors.
//!
//! Several sequences are computed as one row of tokens: the linear layers see them together, attention keeps them apart.
//! Backward is written out, layer by layer, without a tape of operations: a layer needs its input, or that and five more
//! tensors.

mod layer;
mod loss;

use candle_core::Tensor;

use crate::adapter::{Adapter, Gradients};
use crate::base::{BaseModel, ModelConfig, Rope};
use crate::error::{ModelError, Result};
use crate::kernels::{Angles, rms_norm, rms_norm_backward};
use layer::{Kept, Layer, Remembered, Sequences};
pub(crate) use loss::{cross_entropy, logits};

/// Keys and values of the tokens seen so far. A clone shares them.
#[derive(Clone)]
pub struct Cache {
    layers: Vec<Remembered>,
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

/// Sines and cosines for the positions of some tokens, for each rotary embedding.
fn angles(base: &BaseModel, positions: impl Iterator<Item = usize> + Clone) -> Result<Vec<Angles>> {
    let of = |rope: &Rope| {
        let (rates, magnitude) = (rope.rates(base.config.head_width), rope.magnitude());
        let angles: Vec<f64> = positions.clone().flat_map(|p| rates.iter().map(move |r| p as f64 * r)).collect();
        let shape = (angles.len() / rates.len(), rates.len());
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&a| (f(a) * magnitude) as f32).collect();
            Tensor::from_vec(values, shape, &base.device)
        };
        Ok(Angles { cos: table(f64::cos)?, sin: table(f64::sin)? })
    };
    base.config.ropes.iter().map(of).collect()
}

/// The first input of the layers.
fn embedded(base: &BaseModel, tokens: &[u32]) -> Result<Tensor> {
    let x = base.weights.embedding.select(tokens, &base.device)?;
    Ok(if base.config.embedding_scale == 1.0 { x } else { (x * base.config.embedding_scale)? })
}

/// Weights of the last norm, by which scores of tokens are scaled too.
fn output_norm(base: &BaseModel) -> Result<Tensor> {
    let (weight, scale) = (&base.weights.output_norm, base.config.logit_scale);
    Ok(if scale == 1.0 { weight.clone() } else { (weight * scale)? })
}

fn check_length(config: &ModelConfig, tokens: usize) -> Result<()> {
    if tokens > config.context { Err(ModelError::ContextTooLong { tokens, max: config.context }) } else { Ok(()) }
}

fn check_vocabulary(config: &ModelConfig, tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|token| **token as usize >= config.vocab_size) {
        Some(&token) => Err(ModelError::TokenOutOfRange { token, vocab_size: config.vocab_size }),
        None => Ok(()),
    }
}

fn layer<'a>(base: &'a BaseModel, adapter: Option<&'a Adapter>, index: usize) -> Layer<'a> {
    let updates = adapter.map_or([const { None }; 4], |adapter| adapter.updates(index));
    Layer::new(base, index, updates)
}

/// Computes the last hidden states (after the final norm) of the next tokens of one sequence, and remembers their keys
/// and values: `[tokens, hidden]`.
///
/// # Errors
/// [`ModelError::ContextTooLong`], [`ModelError::TokenOutOfRange`], [`ModelError::Compute`].
pub(crate) fn extend(base: &BaseModel, adapter: Option<&Adapter>, tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
    check_length(&base.config, cache.tokens + tokens.len())?;
    check_vocabulary(&base.config, tokens)?;
    base.compute().install(|| {
        let angles = angles(base, cache.tokens..cache.tokens + tokens.len())?;
        let mut x = embedded(base, tokens)?;
        for (i, remembered) in cache.layers.iter_mut().enumerate() {
            x = layer(base, adapter, i).extend(&x, &angles, remembered)?;
        }
        cache.tokens += tokens.len();
        rms_norm(&x, &output_norm(base)?, base.config.norm_epsilon)
    })
}

/// A forward pass that can be gone back through.
pub(crate) struct Tape {
    sequences: Sequences,
    /// Input of each layer from the first that learns on, and the rest if it was kept.
    layers: Vec<(Tensor, Option<Kept>)>,
    /// Number of the first.
    first: usize,
    /// The input of the final norm.
    last: Tensor,
}

/// Computes the last hidden states of several sequences, `[all tokens, hidden]`, and keeps what [`backward`] needs; with
/// `recompute`, only the inputs of layers. If there is something `before` them, it stands first, and all go on from it.
///
/// # Errors
/// As [`extend`].
pub(crate) fn forward(
    base: &BaseModel,
    adapter: &Adapter,
    before: &[u32],
    sequences: &[&[u32]],
    recompute: bool,
) -> Result<(Tensor, Tape)> {
    check_vocabulary(&base.config, before)?;
    for sequence in sequences {
        check_length(&base.config, before.len() + sequence.len())?;
        check_vocabulary(&base.config, sequence)?;
    }
    let shared = before.len();
    let first = (shared > 0).then_some(before);
    let tokens: Vec<u32> = first.iter().chain(sequences).copied().flatten().copied().collect();
    let lengths: Vec<usize> = first.iter().chain(sequences).map(|s| s.len()).collect();
    base.compute().install(|| {
        let own = lengths.iter().skip(usize::from(shared > 0));
        let angles = angles(base, (0..shared).chain(own.flat_map(|&n| shared..shared + n)))?;
        let rows = Sequences { angles, lengths, shared };
        let first = adapter.first_layer();
        let mut x = embedded(base, &tokens)?;
        let mut layers = Vec::with_capacity(base.config.layers);
        for i in 0..base.config.layers {
            let (out, kept) = layer(base, Some(adapter), i).forward(&x, &rows)?;
            let input = std::mem::replace(&mut x, out);
            if i >= first {
                layers.push((input, (!recompute).then_some(kept)));
            }
        }
        let hidden = rms_norm(&x, &output_norm(base)?, base.config.norm_epsilon)?;
        Ok((hidden, Tape { sequences: rows, layers, first, last: x }))
    })
}

/// Adds the gradients of the adapter's factors, given that by the hidden states.
///
/// # Errors
/// [`ModelError::Compute`].
pub(crate) fn backward(
    base: &BaseModel,
    adapter: &Adapter,
    tape: Tape,
    gradient: &Tensor,
    gradients: &mut Gradients,
) -> Result<()> {
    let Tape { sequences, mut layers, first, last } = tape;
    base.compute().install(|| {
        let mut gradient = rms_norm_backward(&last, &output_norm(base)?, base.config.norm_epsilon, gradient, None)?;
        // Each layer's memory is given back as soon as it was gone through.
        while let Some((input, kept)) = layers.pop() {
            let index = first + layers.len();
            let layer = layer(base, Some(adapter), index);
            let kept = match kept {
                Some(kept) => kept,
                None => layer.forward(&input, &sequences)?.1,
            };
            let by_input = !layers.is_empty();
            let found = |group: usize, factors| gradients.add(adapter, index, group, factors);
            match layer.backward(&input, &kept, &sequences, gradient, by_input, found)? {
                Some(next) => gradient = next,
                None => break,
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
