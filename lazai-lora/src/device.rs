//! Where to compute. A cargo feature only compiles a device in; which one is used is a value.

use candle_core::Device;

use crate::error::Result;

/// A compute device.
#[derive(Debug, Clone)]
pub struct Compute(Device);

impl Compute {
    /// The processor, with as many threads as it has cores.
    #[must_use]
    pub const fn cpu() -> Self {
        Self(Device::Cpu)
    }

    /// An NVIDIA card, counted from 0. Needs the feature `cuda`.
    ///
    /// # Errors
    /// [`LoraError::Compute`](crate::LoraError::Compute) if there is none, or without the feature.
    pub fn cuda(ordinal: usize) -> Result<Self> {
        Ok(Self(Device::new_cuda(ordinal)?))
    }

    /// An Apple graphics processor, counted from 0. Needs the feature `metal`.
    ///
    /// # Errors
    /// [`LoraError::Compute`](crate::LoraError::Compute) if there is none, or without the feature.
    pub fn metal(ordinal: usize) -> Result<Self> {
        Ok(Self(Device::new_metal(ordinal)?))
    }

    /// A name for records: `cpu`, `cuda` or `metal`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0 {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.0
    }
}
