//! The weights of an encoder, each of the shape that its configuration says.

use candle_core::{Device, Tensor};

use super::config::EncoderConfig;
use crate::base::Source;
use crate::base::hub::Folder;
use crate::error::{ModelError, Result};

/// A linear layer. Its weight is kept `[in, out]`, which products read without packing it first.
pub(super) struct Linear {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// The weight and the bias of a layer's norm.
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

pub(super) struct Layer {
    /// Queries, keys and values side by side.
    pub(super) joint: Linear,
    pub(super) out: Linear,
    pub(super) attention_norm: Norm,
    pub(super) wide: Linear,
    pub(super) narrow: Linear,
    pub(super) norm: Norm,
}

pub(super) struct Weights {
    /// `[vocabulary, hidden]`.
    pub(super) words: Vec<f32>,
    /// `[positions, hidden]`, with the first token type's row added to each: no text here has another type.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

impl Weights {
    pub(super) fn read(folder: &mut Folder, config: &EncoderConfig) -> Result<Self> {
        let prefix = if folder.has("bert.embeddings.LayerNorm.weight") { "bert." } else { "" };
        let hidden = config.hidden;
        let mut reader = Reader { folder, prefix };
        let words = values(&reader.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?)?;
        let positions = reader.tensor("embeddings.position_embeddings.weight", &[config.positions, hidden])?;
        let types = reader.tensor("embeddings.token_type_embeddings.weight", &[config.types, hidden])?;
        let positions = values(&positions.broadcast_add(&types.narrow(0, 0, 1)?)?)?;
        let norm = reader.norm("embeddings.LayerNorm", hidden)?;
        let layers = (0..config.layers).map(|i| reader.layer(i, config)).collect::<Result<_>>()?;
        Ok(Self { words, positions, norm, layers })
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

struct Reader<'a> {
    folder: &'a mut Folder,
    prefix: &'static str,
}

impl Reader<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        let weight = self.folder.read(&name)?;
        if weight.dims() != shape {
            let reason = format!("shape {:?}, expected {shape:?}", weight.dims());
            return Err(ModelError::malformed(name, reason));
        }
        weight.to_f32(&Device::Cpu)
    }

    /// Linear layers that read the same input, as one.
    fn linear(&mut self, paths: &[&str], input: usize, output: usize) -> Result<Linear> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for path in paths {
            weights.push(self.tensor(&format!("{path}.weight"), &[output, input])?);
            biases.extend(values(&self.tensor(&format!("{path}.bias"), &[output])?)?);
        }
        let weight = Tensor::cat(&weights, 0)?.t()?.contiguous()?;
        Ok(Linear { weight: values(&weight)?, bias: biases })
    }

    fn norm(&mut self, path: &str, width: usize) -> Result<Norm> {
        let mut part = |what: &str| values(&self.tensor(&format!("{path}.{what}"), &[width])?);
        Ok(Norm { weight: part("weight")?, bias: part("bias")? })
    }

    fn layer(&mut self, index: usize, config: &EncoderConfig) -> Result<Layer> {
        let path = |what: &str| format!("encoder.layer.{index}.{what}");
        let (hidden, wide) = (config.hidden, config.intermediate);
        let joint = ["query", "key", "value"].map(|side| path(&format!("attention.self.{side}")));
        Ok(Layer {
            joint: self.linear(&joint.each_ref().map(String::as_str), hidden, hidden)?,
            out: self.linear(&[&path("attention.output.dense")], hidden, hidden)?,
            attention_norm: self.norm(&path("attention.output.LayerNorm"), hidden)?,
            wide: self.linear(&[&path("intermediate.dense")], hidden, wide)?,
            narrow: self.linear(&[&path("output.dense")], wide, hidden)?,
            norm: self.norm(&path("output.LayerNorm"), hidden)?,
        })
    }
}
