//! Adapters in the files that PEFT reads and writes: `adapter_config.json` and `adapter_model.safetensors`, keys
//! `base_model.model.<module>.lora_A.weight` and `.lora_B.weight`.

use std::collections::HashMap;
use std::path::Path;

use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::file::write_privately;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::{Adapter, MAX_RANK};
use crate::base::SpeechBase;
use crate::error::{Result, SpeechError};
use crate::model::Weights;

/// File name of the weights, as PEFT names it.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// File name of the configuration, as PEFT names it.
pub const CONFIG_FILE: &str = "adapter_config.json";
/// Largest file of an adapter that is read: 64 MiB.
pub const MAX_ADAPTER_BYTES: usize = 64 << 20;
/// Our word in the file's metadata, which PEFT leaves alone: the digest of the base.
const BASE_KEY: &str = "lazai.base";

impl Adapter {
    /// The weights as a safetensors file; equal adapters give equal bytes.
    ///
    /// # Errors
    /// [`SpeechError::Malformed`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let views = self.tensors().map(|(key, shape, place)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes[4 * place.start..4 * place.end]);
            view.map(|view| (key, view)).map_err(|e| SpeechError::malformed(WEIGHTS_FILE, e))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        // One entry alone: the library writes several in any order, and the file's digest would follow.
        let base = HashMap::from([(BASE_KEY.to_owned(), self.base.to_string())]);
        safetensors::serialize(views, Some(base)).map_err(|e| SpeechError::malformed(WEIGHTS_FILE, e))
    }

    /// Key, shape and place of each factor.
    fn tensors(&self) -> impl Iterator<Item = (String, [usize; 2], std::ops::Range<usize>)> {
        self.modules.iter().enumerate().flat_map(|(i, module)| {
            let (a, b) = self.places(i);
            let key = |ab| format!("base_model.model.{}.lora_{ab}.weight", module.name);
            [(key('A'), [self.rank, module.input], a), (key('B'), [module.output, self.rank], b)]
        })
    }

    /// PEFT's configuration.
    #[must_use]
    pub fn config(&self, base_name: &str) -> String {
        let modules: Vec<&str> = self.modules.iter().map(|module| module.name.as_str()).collect();
        let config = json!({
            "peft_type": "LORA",
            "task_type": null,
            "base_model_name_or_path": base_name,
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "use_rslora": false,
            "target_modules": modules,
        });
        config.to_string()
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` into a folder, each whole or not at all, and returns the
    /// digest of the latter. On Unix only the process's own user can read them: the adapter is the product.
    ///
    /// # Errors
    /// [`SpeechError::File`].
    pub fn save(&self, folder: &Path, base_name: &str) -> Result<Digest> {
        let (config, bytes) = (self.config(base_name), self.to_bytes()?);
        for (name, bytes) in [(CONFIG_FILE, config.as_bytes()), (WEIGHTS_FILE, &bytes)] {
            let path = folder.join(name);
            write_privately(&path, bytes).map_err(SpeechError::file(&path))?;
        }
        Ok(sha256(&bytes))
    }

    /// Reads a folder that [`Adapter::save`] wrote, for a base.
    ///
    /// # Errors
    /// [`SpeechError::OtherBase`] if it is of another base, [`SpeechError::Malformed`] if it is no adapter,
    /// [`SpeechError::TooLarge`] over [`MAX_ADAPTER_BYTES`].
    pub fn load(folder: &Path, base: &dyn SpeechBase) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            let size = std::fs::metadata(&path).map_err(SpeechError::file(&path))?.len();
            check_size(usize::try_from(size).unwrap_or(usize::MAX))?;
            std::fs::read(&path).map_err(SpeechError::file(&path))
        };
        Self::from_bytes(&read(CONFIG_FILE)?, &read(WEIGHTS_FILE)?, base)
    }

    /// Reads the bytes of both files, for a base.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn from_bytes(config: &[u8], weights: &[u8], base: &dyn SpeechBase) -> Result<Self> {
        check_size(config.len().max(weights.len()))?;
        let config: Value = serde_json::from_slice(config).map_err(|e| SpeechError::malformed(CONFIG_FILE, e))?;
        let number = |key: &str, max: usize| {
            let found = config[key].as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=max).contains(n));
            let reason = || format!("field {key:?} is {}, expected a whole number of 1 to {max}", config[key]);
            found.ok_or_else(|| SpeechError::malformed(CONFIG_FILE, reason()))
        };
        for (key, known) in
            [("use_rslora", Value::Bool(false)), ("use_dora", Value::Bool(false)), ("bias", json!("none"))]
        {
            if !config[key].is_null() && config[key] != known {
                let reason = format!("field {key:?} is {}, expected {known}", config[key]);
                return Err(SpeechError::malformed(CONFIG_FILE, reason));
            }
        }
        let mut adapter = Self::zero(base, number("r", MAX_RANK)?, number("lora_alpha", 64 * MAX_RANK)?)?;
        let malformed = |e: safetensors::SafeTensorError| SpeechError::malformed(WEIGHTS_FILE, e);
        let (_, header) = SafeTensors::read_metadata(weights).map_err(malformed)?;
        let of = header.metadata().as_ref().and_then(|metadata| metadata.get(BASE_KEY));
        if let Some(of) = of.filter(|of| **of != base.digest().to_string()) {
            let found = of.parse().map_err(|e| SpeechError::malformed(WEIGHTS_FILE, e))?;
            return Err(SpeechError::OtherBase { adapter: found, base: base.digest() });
        }
        let file = Weights(SafeTensors::deserialize(weights).map_err(malformed)?);
        let tensors: Vec<_> = adapter.tensors().collect();
        if file.0.len() != tensors.len() {
            let reason = format!("{} tensors, expected {}", file.0.len(), tensors.len());
            return Err(SpeechError::malformed(WEIGHTS_FILE, reason));
        }
        for (key, shape, place) in tensors {
            adapter.values[place].copy_from_slice(&file.take(&key, &shape)?);
        }
        Ok(adapter)
    }
}

fn check_size(found: usize) -> Result<()> {
    match found {
        found if found > MAX_ADAPTER_BYTES => {
            Err(SpeechError::TooLarge { what: "bytes of an adapter", found, max: MAX_ADAPTER_BYTES })
        }
        _ => Ok(()),
    }
}
