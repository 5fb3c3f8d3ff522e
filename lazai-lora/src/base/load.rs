//! Putting a model's weights together, wherever they come from.

use candle_core::{Device, Tensor};

use super::weight::{Linear, Weight, WeightFormat};
use super::{LayerWeights, ModelConfig, Weights};
use crate::error::{LoraError, Result};

/// Where tensors are found, by their Hugging Face names.
pub(super) trait Source {
    fn has(&self, name: &str) -> bool;
    /// Reads one, onto the processor.
    fn read(&mut self, name: &str) -> Result<Weight>;
}

struct Loader<'a, S> {
    source: &'a mut S,
    format: WeightFormat,
    device: &'a Device,
}

impl<S: Source> Loader<'_, S> {
    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Weight> {
        let weight = self.source.read(name)?;
        if weight.dims() != shape {
            let reason = format!("shape {:?}, expected {shape:?}", weight.dims());
            return Err(LoraError::malformed(name, reason));
        }
        Ok(weight)
    }

    fn vector(&mut self, name: &str, width: usize) -> Result<Tensor> {
        self.weight(name, &[width])?.to_f32(self.device)
    }

    /// Modules that read the same input, with their biases if they have some.
    fn linear(&mut self, layer: usize, modules: &[(&str, usize)], input: usize) -> Result<Linear> {
        let path = |module: &str, what: &str| format!("model.layers.{layer}.{module}.{what}");
        let mut parts = Vec::with_capacity(modules.len());
        for (module, rows) in modules {
            let weight = self.weight(&path(module, "weight"), &[*rows, input])?;
            parts.push(weight.keep(self.format, self.device)?);
        }
        let biased = modules.iter().any(|(module, _)| self.source.has(&path(module, "bias")));
        let bias = biased.then(|| {
            let biases = modules.iter().map(|(module, rows)| self.vector(&path(module, "bias"), *rows));
            Ok::<_, LoraError>(Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?)
        });
        Linear::new(parts, bias.transpose()?)
    }

    fn layer(&mut self, config: &ModelConfig, i: usize) -> Result<LayerWeights> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let (queries, keys) = (config.heads * config.head_width, config.kv_heads * config.head_width);
        let name = |what: &str| format!("model.layers.{i}.{what}.weight");
        let mut head_norm = |what: &str| self.vector(&name(what), config.head_width);
        let head_norms = if config.head_norm {
            Some((head_norm("self_attn.q_norm")?, head_norm("self_attn.k_norm")?))
        } else {
            None
        };
        Ok(LayerWeights {
            attention_norm: self.vector(&name("input_layernorm"), hidden)?,
            feed_forward_norm: self.vector(&name("post_attention_layernorm"), hidden)?,
            head_norms,
            linear: [
                self.linear(
                    i,
                    &[("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)],
                    hidden,
                )?,
                self.linear(i, &[("self_attn.o_proj", hidden)], queries)?,
                self.linear(i, &[("mlp.gate_proj", wide), ("mlp.up_proj", wide)], hidden)?,
                self.linear(i, &[("mlp.down_proj", hidden)], wide)?,
            ],
        })
    }
}

/// Reads all weights.
pub(super) fn weights(
    source: &mut impl Source,
    config: &ModelConfig,
    format: WeightFormat,
    device: &Device,
) -> Result<Weights> {
    let mut loader = Loader { source, format, device };
    let shape = [config.vocab_size, config.hidden];
    let embedding = loader.weight("model.embed_tokens.weight", &shape)?.keep(format, device)?;
    let layers = (0..config.layers).map(|i| loader.layer(config, i)).collect::<Result<_>>()?;
    let output_norm = loader.vector("model.norm.weight", config.hidden)?;
    let output = if config.tied { None } else { Some(loader.weight("lm_head.weight", &shape)?.keep(format, device)?) };
    Ok(Weights { embedding, layers, output_norm, output })
}
