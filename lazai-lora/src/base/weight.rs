//! Weights in the form in which they are kept: floats, half-precision floats, or the blocks of a quantised file. They
//! become 32-bit floats when they are used, a layer at a time.

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Tensor};

use crate::error::Result;

/// The format of a base model's weights in memory. Computation uses 32-bit floats in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightFormat {
    /// 32-bit floats: 4 bytes a weight, the fastest.
    #[default]
    F32,
    /// bfloat16: 2 bytes a weight. A file of 32-bit or 16-bit floats is rounded.
    Bf16,
    /// As the file has them: quantised blocks stay quantised, 16-bit floats stay such.
    AsStored,
}

/// A matrix or vector of weights.
#[derive(Clone)]
pub(crate) enum Weight {
    Dense(Tensor),
    Quantised(std::sync::Arc<QTensor>),
}

impl Weight {
    /// Puts a weight into the form it is to be kept in, on a device.
    pub(crate) fn keep(self, format: WeightFormat, device: &Device) -> Result<Self> {
        let dense = |tensor: Tensor, dtype| -> Result<Self> {
            Ok(Self::Dense(tensor.to_dtype(dtype)?.to_device(device)?.contiguous()?))
        };
        match (self, format) {
            (Self::Dense(tensor), WeightFormat::AsStored) => {
                let dtype = tensor.dtype();
                dense(tensor, dtype)
            }
            (Self::Dense(tensor), WeightFormat::F32) => dense(tensor, DType::F32),
            (Self::Dense(tensor), WeightFormat::Bf16) => dense(tensor, DType::BF16),
            (Self::Quantised(tensor), WeightFormat::AsStored) => Ok(Self::Quantised(tensor)),
            (Self::Quantised(tensor), WeightFormat::F32) => dense(tensor.dequantize(&Device::Cpu)?, DType::F32),
            (Self::Quantised(tensor), WeightFormat::Bf16) => dense(tensor.dequantize(&Device::Cpu)?, DType::BF16),
        }
    }

    pub(crate) fn dims(&self) -> &[usize] {
        match self {
            Self::Dense(tensor) => tensor.dims(),
            Self::Quantised(tensor) => tensor.shape().dims(),
        }
    }

    /// All of it as 32-bit floats.
    pub(crate) fn to_f32(&self, device: &Device) -> Result<Tensor> {
        Ok(match self {
            Self::Dense(tensor) => tensor.to_dtype(DType::F32)?.to_device(device)?,
            Self::Quantised(tensor) => tensor.dequantize(device)?,
        })
    }

    /// Some rows as 32-bit floats, by their numbers.
    pub(crate) fn select(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        Ok(match self {
            Self::Dense(tensor) => {
                let ids = Tensor::new(ids, tensor.device())?;
                tensor.index_select(&ids, 0)?.to_dtype(DType::F32)?.to_device(device)?
            }
            Self::Quantised(tensor) => {
                let ids = Tensor::new(ids, &tensor.device())?;
                tensor.embedding(&ids)?.to_dtype(DType::F32)?.to_device(device)?
            }
        })
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Dense(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
            Self::Quantised(tensor) => tensor.storage_size_in_bytes(),
        }
    }
}

/// A linear layer: the weights of one or more modules, one above another.
pub(crate) struct Linear {
    parts: Vec<Weight>,
    pub(crate) bias: Option<Tensor>,
}

impl Linear {
    /// Puts modules that read the same input together. Their order is that of the rows.
    pub(crate) fn new(parts: Vec<Weight>, bias: Option<Tensor>) -> Result<Self> {
        let dense: Option<Vec<&Tensor>> = parts
            .iter()
            .map(|part| match part {
                Weight::Dense(tensor) => Some(tensor),
                Weight::Quantised(_) => None,
            })
            .collect();
        let same = dense.filter(|parts| parts.iter().all(|p| p.dtype() == parts[0].dtype()));
        let parts = match same {
            Some(tensors) if tensors.len() > 1 => vec![Weight::Dense(Tensor::cat(&tensors, 0)?)],
            _ => parts,
        };
        Ok(Self { parts, bias })
    }

    /// The matrices, one above another.
    pub(crate) fn parts(&self) -> &[Weight] {
        &self.parts
    }

    /// The weight as 32-bit floats, `[out, in]`.
    pub(crate) fn weight(&self, device: &Device) -> Result<Tensor> {
        if let [part] = &self.parts[..] {
            return part.to_f32(device);
        }
        let parts = self.parts.iter().map(|part| part.to_f32(device));
        Ok(Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(Weight::bytes).sum()
    }
}
