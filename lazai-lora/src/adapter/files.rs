//! Adapters in the files that PEFT reads and writes: `adapter_config.json` and `adapter_model.safetensors`, keys
//! `base_model.model.<module>.lora_A.weight` and `.lora_B.weight`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::file::write_privately;
use lazai_core::record::{LoraConfig, Targets};
use lazai_core::seal::AtRest;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::options::read_config;
use super::targets::ALL_LINEAR;
use super::{Adapter, factor_key};
use crate::base::BaseModel;
use crate::error::{ModelError, Result};

/// File name of the weights, as PEFT names it.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// File name of the configuration, as PEFT names it.
pub const CONFIG_FILE: &str = "adapter_config.json";
/// Largest weights file that is read: 4 GiB.
pub const MAX_ADAPTER_BYTES: u64 = 4 << 30;
/// Our word in the file's metadata, which PEFT leaves alone: the digest of the base model.
const BASE_KEY: &str = "lazai.base";

/// The checks against the base model when an adapter is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BaseCheck {
    /// Shapes, and the base's digest if the file names one (those written here do).
    #[default]
    Digest,
    /// Shapes alone: for the same model in another file, such as its unquantised form.
    Shapes,
}

/// Writes `adapter_config.json` into a folder, for weights that are there.
///
/// # Errors
/// [`ModelError::File`].
pub fn write_config(folder: &Path, config: &LoraConfig, base_name: &str) -> Result<()> {
    let path = folder.join(CONFIG_FILE);
    let config = config_json(config, base_name, || json!(ALL_LINEAR));
    write_privately(&path, config.to_string().as_bytes()).map_err(ModelError::file(&path))
}

fn config_json(config: &LoraConfig, base_name: &str, all_linear: impl Fn() -> Value) -> Value {
    let targets = match &config.targets {
        Targets::AllLinear => all_linear(),
        Targets::Modules(names) => json!(names),
        Targets::Pattern(pattern) => json!(pattern),
    };
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "use_rslora": config.rank_stabilised,
        "target_modules": targets,
    })
}

impl Adapter {
    /// The weights as a safetensors file; equal adapters of one base give equal bytes.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // One entry alone: the library writes several in any order, and the file's digest would follow.
        let metadata = HashMap::from([(BASE_KEY.to_owned(), self.base.to_string())]);
        write_tensors(self.named(self.parameters())?, metadata)
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` into a folder, each whole or not at all, and returns
    /// the digest of the latter. On Unix only the process's own user can read them: the adapter is the product.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn save(&self, folder: &Path, base_name: &str) -> Result<Digest> {
        self.save_at(folder, base_name, &AtRest::Clear)
    }

    /// As [`Adapter::save`], with the weights kept as told; the configuration says nothing of what was learnt.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn save_at(&self, folder: &Path, base_name: &str, at_rest: &AtRest) -> Result<Digest> {
        // By name: PEFT replaces the short word by these when it writes files itself.
        let all = || json!(self.modules.iter().filter_map(|m| m.rsplit('.').next()).collect::<Vec<_>>());
        let config = config_json(&self.config, base_name, all);
        let bytes = self.to_bytes()?;
        let (described, weights) = (folder.join(CONFIG_FILE), folder.join(WEIGHTS_FILE));
        write_privately(&described, config.to_string().as_bytes()).map_err(ModelError::file(&described))?;
        at_rest.write(&weights, &bytes).map_err(ModelError::file(&weights))?;
        Ok(sha256(&bytes))
    }

    /// Reads a folder that PEFT or [`Adapter::save`] wrote, for a base.
    ///
    /// # Errors
    /// [`ModelError::OtherBase`] or [`ModelError::AdapterMismatch`] if it is for another base,
    /// [`ModelError::Unsupported`] for features that this version lacks, [`ModelError::Malformed`] if it is no adapter.
    pub fn load(folder: &Path, base: &BaseModel) -> Result<Self> {
        Self::load_checked(folder, base, BaseCheck::Digest)
    }

    /// [`Adapter::load`], of weights that are kept as told.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn load_at(folder: &Path, base: &BaseModel, at_rest: &AtRest) -> Result<Self> {
        Self::load_kept(folder, base, BaseCheck::Digest, at_rest)
    }

    /// [`Adapter::load`], with a choice of checks against the base.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn load_checked(folder: &Path, base: &BaseModel, check: BaseCheck) -> Result<Self> {
        Self::load_kept(folder, base, check, &AtRest::Clear)
    }

    fn load_kept(folder: &Path, base: &BaseModel, check: BaseCheck, at_rest: &AtRest) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            at_rest.read(&path, MAX_ADAPTER_BYTES).map_err(ModelError::file(&path))
        };
        let value: Value =
            serde_json::from_slice(&read(CONFIG_FILE)?).map_err(|e| ModelError::malformed(CONFIG_FILE, e))?;
        let named = value["base_model_name_or_path"].as_str().unwrap_or("unnamed").to_owned();
        Self::parse(&read(WEIGHTS_FILE)?, read_config(&value)?, base, &named, check)
    }

    /// Reads a weights file.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn from_bytes(bytes: &[u8], config: LoraConfig, base: &BaseModel) -> Result<Self> {
        Self::parse(bytes, config, base, "unnamed", BaseCheck::Digest)
    }

    fn parse(bytes: &[u8], config: LoraConfig, base: &BaseModel, named: &str, check: BaseCheck) -> Result<Self> {
        let malformed = |e: safetensors::SafeTensorError| ModelError::malformed(WEIGHTS_FILE, e);
        let file = SafeTensors::deserialize(bytes).map_err(malformed)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
        let of = header.metadata().as_ref().and_then(|m| m.get(BASE_KEY));
        if let Some(found) = of.filter(|of| check == BaseCheck::Digest && **of != base.digest().to_string()) {
            return Err(ModelError::OtherBase {
                adapter: format!("{named} {found}"),
                base: format!("{} {}", base.name(), base.digest()),
            });
        }
        let rank = config.rank;
        let mismatch = |module: &str, reason| ModelError::AdapterMismatch {
            module: module.to_owned(),
            adapter_base: named.to_owned(),
            base: base.name().to_owned(),
            reason,
        };
        let adapter = Self::build(base, config, |path, input, output| {
            let read = |ab: char, shape: [usize; 2]| {
                read_f32(&file, &factor_key(path, ab), &shape).map_err(|reason| mismatch(path, reason))
            };
            Ok((read('A', [rank, input])?, read('B', [output, rank])?))
        })?;
        let known = adapter.named(adapter.parameters())?;
        if let Some(extra) = file.names().into_iter().find(|name| !known.iter().any(|(key, _)| key == name)) {
            return Err(mismatch(extra, "no such module is targeted".into()));
        }
        Ok(adapter)
    }
}

/// A safetensors file.
pub(crate) fn write_tensors(tensors: Vec<(String, Tensor)>, metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    let stored = tensors.into_iter().map(|(key, tensor)| {
        let (shape, flat) = (tensor.dims().to_vec(), tensor.to_device(&Device::Cpu)?.flatten_all()?);
        let (dtype, bytes): (_, Vec<u8>) = match tensor.dtype() {
            DType::BF16 => (Dtype::BF16, flat.to_vec1::<half::bf16>()?.iter().flat_map(|v| v.to_le_bytes()).collect()),
            DType::F16 => (Dtype::F16, flat.to_vec1::<half::f16>()?.iter().flat_map(|v| v.to_le_bytes()).collect()),
            _ => (Dtype::F32, flat.to_vec1::<f32>()?.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        Ok((key, dtype, shape, bytes))
    });
    let stored = stored.collect::<Result<Vec<_>>>()?;
    let views = stored.iter().map(|(key, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        view.map(|v| (key.as_str(), v)).map_err(|e| ModelError::malformed(key.as_str(), e))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, Some(metadata)).map_err(|e| ModelError::malformed("safetensors", e))
}

/// A tensor of finite floats of a given shape, as 32-bit ones.
pub(crate) fn read_f32(file: &SafeTensors<'_>, key: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, String> {
    let view = file.tensor(key).map_err(|_| format!("no tensor {key:?}"))?;
    if view.shape() != shape {
        return Err(format!("{key:?} is {:?}, expected {shape:?}", view.shape()));
    }
    let data = view.data();
    let halves = || data.as_chunks::<2>().0.iter();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::BF16 => halves().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F16 => halves().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
        other => return Err(format!("{key:?} is {other:?}, expected F32, BF16 or F16")),
    };
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(format!("{key:?} is not finite")) }
}
