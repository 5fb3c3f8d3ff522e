//! Putting a model's weights together, wherever they come from.

use candle_core::{Device, Tensor};

use super::weight::{Linear, Weight, WeightFormat};
use super::{LayerWeights, ModelConfig, Weights};
use crate::error::{ModelError, Result};

/// A source of tensors, by their Hugging Face names.
pub(crate) trait Source {
    fn has(&self, name: &str) -> bool;
    /// Reads one, onto the processor.
    fn read(&mut self, name: &str) -> Result<Weight>;
    /// What the weights of its norms leave out.
    fn norm_offset(&self) -> f64;
}

struct Loader<'a, S> {
    source: &'a mut S,
    format: WeightFormat,
    device: &'a Device,
    /// False if matrices are left out.
    matrices: bool,
}

impl<S: Source> Loader<'_, S> {
    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Weight> {
        let weight = self.source.read(name)?;
        if weight.dims() != shape {
            let reason = format!("shape {:?}, expected {shape:?}", weight.dims());
            return Err(ModelError::malformed(name, reason));
        }
        Ok(weight)
    }

    fn vector(&mut self, name: &str, width: usize) -> Result<Tensor> {
        self.weight(name, &[width])?.to_f32(self.device)
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<Tensor> {
        let weight = self.vector(&format!("{name}.weight"), width)?;
        Ok(match self.source.norm_offset() {
            0.0 => weight,
            offset => (weight + offset)?,
        })
    }

    /// A group of modules that read the same input, with their biases if they have some.
    fn linear(&mut self, config: &ModelConfig, layer: usize, (first, count): (usize, usize)) -> Result<Linear> {
        let path = |module: usize, what: &str| format!("model.layers.{layer}.{}.{what}", config.modules()[module]);
        let modules = first..first + count;
        let mut parts = Vec::with_capacity(count);
        let read = if self.matrices { modules.clone() } else { 0..0 };
        for module in read {
            let (input, output) = config.module_shape(module);
            let weight = self.weight(&path(module, "weight"), &[output, input])?;
            parts.push(weight.keep(self.format, self.device)?);
        }
        let biased = modules.clone().any(|module| self.source.has(&path(module, "bias")));
        let bias = biased.then(|| {
            let biases = modules.map(|module| self.vector(&path(module, "bias"), config.module_shape(module).1));
            Ok::<_, ModelError>(Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?)
        });
        Linear::new(parts, bias.transpose()?)
    }

    fn layer(&mut self, config: &ModelConfig, i: usize) -> Result<LayerWeights> {
        let mut norm = |what: &str, width| self.norm(&format!("model.layers.{i}.{what}"), width);
        let (hidden, width) = (config.hidden, config.head_width);
        let head_norms = if config.head_norm {
            Some((norm("self_attn.q_norm", width)?, norm("self_attn.k_norm", width)?))
        } else {
            None
        };
        let attention_norm = norm("input_layernorm", hidden)?;
        // With norms behind the layers too, the name of the one between means the one behind attention.
        let (before, after_norms) = if config.after_norms {
            let after = (norm("post_attention_layernorm", hidden)?, norm("post_feedforward_layernorm", hidden)?);
            ("pre_feedforward_layernorm", Some(after))
        } else {
            ("post_attention_layernorm", None)
        };
        let feed_forward_norm = norm(before, hidden)?;
        let [qkv, out, gate_up, down] = config.groups().map(|group| self.linear(config, i, group));
        Ok(LayerWeights {
            attention_norm,
            feed_forward_norm,
            head_norms,
            after_norms,
            linear: [qkv?, out?, gate_up?, down?],
        })
    }
}

/// Reads all weights; without `matrices`, those of norms and biases.
pub(super) fn weights(
    source: &mut impl Source,
    config: &ModelConfig,
    format: WeightFormat,
    device: &Device,
    matrices: bool,
) -> Result<Weights> {
    let mut loader = Loader { source, format, device, matrices };
    let matrix = |loader: &mut Loader<'_, _>, name: &str| {
        if !matrices {
            return Ok(Weight::Dense(Tensor::zeros((0, 1), candle_core::DType::F32, &Device::Cpu)?));
        }
        loader.weight(name, &[config.vocab_size, config.hidden])?.keep(format, device)
    };
    let embedding = matrix(&mut loader, "model.embed_tokens.weight")?;
    let layers = (0..config.layers).map(|i| loader.layer(config, i)).collect::<Result<_>>()?;
    let output_norm = loader.norm("model.norm", config.hidden)?;
    let output = if config.tied { None } else { Some(matrix(&mut loader, "lm_head.weight")?) };
    Ok(Weights { embedding, layers, output_norm, output })
}
