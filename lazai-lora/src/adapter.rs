//! LoRA adapters, in the files that PEFT reads and writes.
//!
//! E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021: `y = W x + (alpha / rank) B A x`,
//! with `A` drawn at random and `B` zero at first. Files: `adapter_config.json` and
//! `adapter_model.safetensors`, keys `base_model.model.<module>.lora_A.weight` and `.lora_B.weight`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::file::write_atomically;
pub use lazai_core::record::LoraConfig;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use crate::base::{BaseModel, LINEAR_MODULES};
use crate::error::{LoraError, Result};

/// File name of the weights, as PEFT names it.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// File name of the configuration, as PEFT names it.
pub const CONFIG_FILE: &str = "adapter_config.json";
/// Largest weights file that is read: 1 GiB.
pub const MAX_ADAPTER_BYTES: u64 = 1 << 30;

const MAX_RANK: usize = 256;

/// The two factors of one module.
pub(crate) struct Factors {
    pub(crate) a: Var,
    pub(crate) b: Var,
}

/// An adapter in memory.
pub struct Adapter {
    pub(crate) config: LoraConfig,
    /// One entry per layer, in the order of [`LINEAR_MODULES`].
    pub(crate) layers: Vec<[Factors; 7]>,
}

impl Adapter {
    /// A fresh adapter that changes nothing yet: `A` uniform as PEFT draws it (Kaiming, gain of `sqrt(5)`), `B`
    /// zero.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] for a rank of 0 or above 256.
    pub fn new(base: &BaseModel, config: LoraConfig, seed: u64) -> Result<Self> {
        if config.rank == 0 || config.rank > MAX_RANK || config.alpha == 0 {
            return Err(LoraError::malformed("LoRA configuration", "rank between 1 and 256, alpha above 0"));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self::build(base, config, |_, input, output| {
            // Kaiming uniform with a = sqrt(5) is uniform between -1/sqrt(input) and 1/sqrt(input).
            let bound = 1.0 / (input as f64).sqrt();
            let draw = |_| ((f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0) * bound) as f32;
            Ok(((0..config.rank * input).map(draw).collect(), vec![0.0; output * config.rank]))
        })
    }

    fn build(
        base: &BaseModel,
        config: LoraConfig,
        mut factors: impl FnMut(&str, usize, usize) -> Result<(Vec<f32>, Vec<f32>)>,
    ) -> Result<Self> {
        let device = &base.device;
        let mut layers = Vec::with_capacity(base.config.layers);
        for layer in 0..base.config.layers {
            let mut modules = Vec::with_capacity(LINEAR_MODULES.len());
            for (index, name) in LINEAR_MODULES.iter().enumerate() {
                let (input, output) = base.module_shape(index)?;
                let (a, b) = factors(&module_path(layer, name), input, output)?;
                modules.push(Factors {
                    a: Var::from_vec(a, (config.rank, input), device)?,
                    b: Var::from_vec(b, (output, config.rank), device)?,
                });
            }
            let modules = modules.try_into().map_err(|_| LoraError::NothingToLearn)?;
            layers.push(modules);
        }
        Ok(Self { config, layers })
    }

    /// The adapter's shape.
    #[must_use]
    pub fn config(&self) -> LoraConfig {
        self.config
    }

    /// Every factor with its PEFT key, in a fixed order.
    pub(crate) fn named(&self) -> impl Iterator<Item = (String, &Var)> {
        self.layers.iter().enumerate().flat_map(|(layer, modules)| {
            modules.iter().zip(LINEAR_MODULES).flat_map(move |(factors, name)| {
                let key = |ab: char| format!("base_model.model.{}.lora_{ab}.weight", module_path(layer, name));
                [(key('A'), &factors.a), (key('B'), &factors.b)]
            })
        })
    }

    /// The weights as a safetensors file; equal adapters give equal bytes.
    ///
    /// # Errors
    /// [`LoraError`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let named = self.named().map(|(key, var)| (key, var.as_tensor()));
        write_tensors(named, HashMap::from([("format".to_owned(), "pt".to_owned())]))
    }

    /// Digest of the weights file.
    ///
    /// # Errors
    /// [`LoraError`].
    pub fn digest(&self) -> Result<Digest> {
        Ok(sha256(&self.to_bytes()?))
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` into a folder, and gives the digest of the
    /// latter.
    ///
    /// # Errors
    /// [`LoraError::File`].
    pub fn save(&self, folder: &Path, base_name: &str) -> Result<Digest> {
        let targets: Vec<_> = LINEAR_MODULES.iter().filter_map(|m| m.rsplit('.').next()).collect();
        let config = json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base_name,
            "r": self.config.rank,
            "lora_alpha": self.config.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "use_rslora": false,
            "target_modules": targets,
        });
        let bytes = self.to_bytes()?;
        for (name, bytes) in [(CONFIG_FILE, config.to_string().as_bytes()), (WEIGHTS_FILE, &bytes)] {
            let path = folder.join(name);
            write_atomically(&path, bytes).map_err(LoraError::file(&path))?;
        }
        Ok(sha256(&bytes))
    }

    /// Reads a folder that PEFT or [`Adapter::save`] wrote.
    ///
    /// # Errors
    /// [`LoraError::AdapterMismatch`] if it is for another base, [`LoraError::Malformed`] if it is no adapter.
    pub fn load(folder: &Path, base: &BaseModel) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            let size = std::fs::metadata(&path).map_err(LoraError::file(&path))?.len();
            if size > MAX_ADAPTER_BYTES {
                return Err(LoraError::malformed(name, format!("{size} bytes exceed {MAX_ADAPTER_BYTES}")));
            }
            std::fs::read(&path).map_err(LoraError::file(&path))
        };
        let config: serde_json::Value =
            serde_json::from_slice(&read(CONFIG_FILE)?).map_err(|e| LoraError::malformed(CONFIG_FILE, e))?;
        let number = |key: &str| {
            let number = config[key].as_u64().filter(|n| (1..=MAX_RANK as u64 * 16).contains(n));
            number.map(|n| n as usize).ok_or_else(|| LoraError::malformed(CONFIG_FILE, format!("field {key:?}")))
        };
        if config["peft_type"] != "LORA" || config["use_rslora"].as_bool().unwrap_or(false) {
            let found = config["peft_type"].to_string();
            return Err(LoraError::Unsupported { what: "peft_type", found, known: "LORA without rsLoRA" });
        }
        Self::from_bytes(&read(WEIGHTS_FILE)?, LoraConfig { rank: number("r")?, alpha: number("lora_alpha")? }, base)
    }

    /// Reads a weights file.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn from_bytes(bytes: &[u8], config: LoraConfig, base: &BaseModel) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| LoraError::malformed(WEIGHTS_FILE, e))?;
        let adapter = Self::build(base, config, |module, input, output| {
            let read = |ab: char, shape: [usize; 2]| {
                let key = format!("base_model.model.{module}.lora_{ab}.weight");
                read_f32(&file, &key, &shape)
                    .map_err(|reason| LoraError::AdapterMismatch { module: module.to_owned(), reason })
            };
            Ok((read('A', [config.rank, input])?, read('B', [output, config.rank])?))
        })?;
        let known = adapter.named().count();
        if file.len() != known {
            let reason = format!("{} tensors, expected {known}", file.len());
            return Err(LoraError::AdapterMismatch { module: "adapter".into(), reason });
        }
        Ok(adapter)
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adapter {{ config: {:?}, layers: {} }}", self.config, self.layers.len())
    }
}

fn module_path(layer: usize, name: &str) -> String {
    format!("model.layers.{layer}.{name}")
}

/// A safetensors file of 32-bit floats.
pub(crate) fn write_tensors<'a>(
    tensors: impl Iterator<Item = (String, &'a Tensor)>,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>> {
    let tensors = tensors.map(|(key, tensor)| {
        let values = tensor.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Ok((key, tensor.dims().to_vec(), bytes))
    });
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let views = tensors.iter().map(|(key, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        view.map(|v| (key.as_str(), v)).map_err(|e| LoraError::malformed(key.as_str(), e))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, Some(metadata)).map_err(|e| LoraError::malformed("safetensors", e))
}

/// A tensor of finite 32-bit floats of a given shape.
pub(crate) fn read_f32(file: &SafeTensors<'_>, key: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, String> {
    let view = file.tensor(key).map_err(|_| format!("no tensor {key:?}"))?;
    if view.dtype() != Dtype::F32 || view.shape() != shape {
        return Err(format!("{key:?} is {:?} {:?}, expected F32 {shape:?}", view.dtype(), view.shape()));
    }
    let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(format!("{key:?} is not finite")) }
}
