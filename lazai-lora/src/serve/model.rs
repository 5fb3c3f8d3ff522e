//! A model's weights, packed.

use super::product::Instructions;
use super::weights::{Packed, vector};
use candle_core::Tensor;

use crate::base::{BaseModel, LayerWeights, Linear, ModelConfig, Rope, Weight};
use crate::error::{ModelError, Result};
use crate::kernels::Heads;

/// A model as the engine computes it.
pub(super) struct Model {
    pub(super) config: ModelConfig,
    pub(super) with: Instructions,
    pub(super) embedding: Packed,
    pub(super) layers: Vec<PackedLayer>,
    /// The last norm, by which scores of tokens are scaled too.
    pub(super) output_norm: Vec<f32>,
    /// `None` if it is the embedding.
    pub(super) output: Option<Packed>,
    /// By how much each pair of a head turns from one token to the next, for each rotary embedding.
    pub(super) ropes: Vec<Turning>,
}

/// A rotary embedding.
pub(super) struct Turning {
    pub(super) rates: Vec<f64>,
    /// The factor of sines and cosines.
    pub(super) magnitude: f64,
}

pub(super) struct PackedLayer {
    pub(super) heads: Heads,
    /// The rotary embedding of its heads.
    pub(super) rope: Option<usize>,
    pub(super) attention_norm: Vec<f32>,
    pub(super) feed_forward_norm: Vec<f32>,
    /// Norms of each query head and each key head.
    pub(super) head_norms: Option<(Vec<f32>, Vec<f32>)>,
    /// Norms of what attention and the feed-forward layer give.
    pub(super) after_norms: Option<(Vec<f32>, Vec<f32>)>,
    /// Queries keys values, output, gate and up, down.
    pub(super) linear: [PackedLinear; 4],
}

/// A linear layer: matrices one above another, where they are kept in different forms.
pub(super) struct PackedLinear {
    pub(super) parts: Vec<Packed>,
    pub(super) rows: usize,
    pub(super) bias: Option<Vec<f32>>,
}

impl PackedLinear {
    fn new(linear: &Linear) -> Result<Self> {
        let parts = linear.parts().iter().map(|part| Packed::new(&[part])).collect::<Result<Vec<_>>>()?;
        Self::of(parts, linear)
    }

    fn of(parts: Vec<Packed>, linear: &Linear) -> Result<Self> {
        let rows = parts.iter().map(|part| part.rows).sum();
        Ok(Self { parts, rows, bias: linear.bias.as_ref().map(vector).transpose()? })
    }
}

impl PackedLayer {
    fn new(config: &ModelConfig, index: usize, layer: &LayerWeights) -> Result<Self> {
        let [qkv, out, gate_up, down] = layer.linear.each_ref().map(PackedLinear::new);
        Self::of(config, index, layer, [qkv?, out?, gate_up?, down?])
    }

    fn of(config: &ModelConfig, index: usize, layer: &LayerWeights, linear: [PackedLinear; 4]) -> Result<Self> {
        let both = |norms: &Option<(Tensor, Tensor)>| {
            let norms = norms.as_ref().map(|(one, other)| Ok::<_, ModelError>((vector(one)?, vector(other)?)));
            norms.transpose()
        };
        Ok(Self {
            heads: config.attention_heads(index),
            rope: config.attention[index].rope,
            attention_norm: vector(&layer.attention_norm)?,
            feed_forward_norm: vector(&layer.feed_forward_norm)?,
            head_norms: both(&layer.head_norms)?,
            after_norms: both(&layer.after_norms)?,
            linear,
        })
    }
}

impl Model {
    /// Packs a model's weights.
    pub(super) fn new(base: &BaseModel) -> Result<Self> {
        let layers = base.weights.layers.iter().enumerate();
        let layers = layers.map(|(i, layer)| PackedLayer::new(&base.config, i, layer)).collect::<Result<_>>()?;
        let output = base.weights.output.as_ref().map(|output| Packed::new(&[output])).transpose()?;
        Self::of(base, Packed::new(&[&base.weights.embedding])?, layers, output)
    }

    /// Packs a model's weights, and frees what was packed: the model keeps its tokenizer and sizes.
    pub(super) fn take(base: &mut BaseModel) -> Result<Self> {
        let layers = std::mem::take(&mut base.weights.layers);
        let layers = layers.into_iter().enumerate();
        let layers = layers.map(|(i, layer)| PackedLayer::new(&base.config, i, &layer)).collect::<Result<_>>()?;
        let output = base.weights.output.as_ref().map(|output| Packed::new(&[output])).transpose()?;
        let model = Self::of(base, Packed::new(&[&base.weights.embedding])?, layers, output)?;
        let nothing = Tensor::zeros((0, 1), candle_core::DType::F32, &candle_core::Device::Cpu)?;
        base.weights.embedding = Weight::Dense(nothing);
        base.weights.output = None;
        Ok(model)
    }

    /// A model whose matrices were packed before, in the order of [`packed`](Self::packed); everything else is the base's.
    pub(super) fn mapped(base: &mut BaseModel, parts: &mut dyn Iterator<Item = Packed>) -> Result<Self> {
        let config = base.config.clone();
        let mut next = |columns: usize, rows: usize| -> Result<Vec<Packed>> {
            let (mut found, mut sum) = (Vec::new(), 0);
            while sum < rows {
                let fits = |part: &Packed| part.columns == columns && (1..=rows - sum).contains(&part.rows);
                let part = parts.next().filter(fits);
                let part = part.ok_or_else(|| ModelError::malformed("packed weights", "matrices of other sizes"))?;
                sum += part.rows;
                found.push(part);
            }
            Ok(found)
        };
        let mut whole = |rows| match <[Packed; 1]>::try_from(next(config.hidden, rows)?) {
            Ok([one]) => Ok(one),
            Err(_) => Err(ModelError::malformed("packed weights", "matrices of other sizes")),
        };
        let embedding = whole(config.vocab_size)?;
        let output = if config.tied { None } else { Some(whole(config.vocab_size)?) };
        let weights = std::mem::take(&mut base.weights.layers);
        let mut layers = Vec::with_capacity(weights.len());
        for (i, layer) in weights.iter().enumerate() {
            let [qkv, out, gate_up, down] = std::array::from_fn(|place| {
                let (first, count) = config.groups()[place];
                let rows = (first..first + count).map(|module| config.module_shape(module).1).sum();
                PackedLinear::of(next(config.module_shape(first).0, rows)?, &layer.linear[place])
            });
            layers.push(PackedLayer::of(&config, i, layer, [qkv?, out?, gate_up?, down?])?);
        }
        Self::of(base, embedding, layers, output)
    }

    /// Its matrices: the embedding, the output if it is another, the layers' in order.
    pub(super) fn packed(&self) -> Vec<&Packed> {
        let linear = self.layers.iter().flat_map(|layer| &layer.linear).flat_map(|linear| &linear.parts);
        std::iter::once(&self.embedding).chain(&self.output).chain(linear).collect()
    }

    /// The same, to be replaced.
    pub(super) fn packed_mut(&mut self) -> Vec<&mut Packed> {
        let linear = self.layers.iter_mut().flat_map(|layer| &mut layer.linear).flat_map(|linear| &mut linear.parts);
        std::iter::once(&mut self.embedding).chain(&mut self.output).chain(linear).collect()
    }

    fn of(base: &BaseModel, embedding: Packed, layers: Vec<PackedLayer>, output: Option<Packed>) -> Result<Self> {
        let config = &base.config;
        let turning = |rope: &Rope| Turning { rates: rope.rates(config.head_width), magnitude: rope.magnitude() };
        let mut output_norm = vector(&base.weights.output_norm)?;
        output_norm.iter_mut().for_each(|weight| *weight *= config.logit_scale as f32);
        Ok(Self {
            config: config.clone(),
            with: Instructions::detect(),
            embedding,
            layers,
            output_norm,
            output,
            ropes: config.ropes.iter().map(turning).collect(),
        })
    }

    /// Bytes of its weights.
    pub(super) fn bytes(&self) -> usize {
        self.packed().into_iter().map(Packed::bytes).sum()
    }
}
