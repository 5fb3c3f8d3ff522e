//! Writing a model, with an adapter merged into its weights or without, as a folder that `transformers` reads.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use lazai_core::file::write_privately;
use serde_json::{Map, Value, json};

use super::hub_config::norm_offset;
use super::hub_write;
use super::{BaseModel, WeightFormat};
use crate::adapter::{Adapter, write_tensors};
use crate::error::{ModelError, Result};

/// Weights of one file.
const SHARD_BYTES: usize = 2 << 30;

impl BaseModel {
    /// Writes `config.json`, safetensors (in several files if they are large), `tokenizer.json`, `tokenizer_config.json` and
    /// the chat template; with an adapter, each weight `W` as `W + scale B A`. Weights are written as 32-bit floats, or as
    /// bfloat16 for [`WeightFormat::Bf16`]. On Unix they are for the process's own user alone.
    ///
    /// # Errors
    /// [`ModelError::OtherBase`] for an adapter of another base, [`ModelError::Unsupported`] for a rotary embedding that
    /// `config.json` has no words for, [`ModelError::File`].
    ///
    /// # Example
    /// ```no_run
    /// use lazai_lora::{Adapter, BaseModel, Compute, WeightFormat};
    ///
    /// let base = BaseModel::open("model.gguf".as_ref(), &Compute::cpu(), WeightFormat::F32)?;
    /// let adapter = Adapter::load("adapter".as_ref(), &base)?;
    /// base.save_merged(Some(&adapter), "merged".as_ref(), WeightFormat::Bf16)?;
    /// # Ok::<(), lazai_lora::ModelError>(())
    /// ```
    pub fn save_merged(&self, adapter: Option<&Adapter>, folder: &Path, format: WeightFormat) -> Result<()> {
        if let Some(adapter) = adapter.filter(|adapter| adapter.base_digest() != self.digest()) {
            let (adapter, base) = (adapter.base_digest().to_string(), self.digest().to_string());
            return Err(ModelError::OtherBase { adapter, base });
        }
        let dtype = if format == WeightFormat::Bf16 { DType::BF16 } else { DType::F32 };
        let config = self.hub_config(dtype)?;
        self.save_weights(adapter, folder, dtype)?;
        let token = |id: Option<u32>| self.tokenizer().token_text(id);
        let settings = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": token(Some(self.tokenizer().eos())),
            "bos_token": self.tokenizer().bos().map(|id| token(Some(id))),
            "chat_template": self.template().source(),
            "model_max_length": self.config.context,
            "clean_up_tokenization_spaces": false,
        });
        let files = [
            ("config.json", pretty(&config)?),
            ("tokenizer.json", self.tokenizer().to_json()?),
            ("tokenizer_config.json", pretty(&settings)?),
        ];
        files.iter().try_for_each(|(name, text)| write(folder, name, text.as_bytes()))
    }

    fn hub_config(&self, dtype: DType) -> Result<Value> {
        let biased = self.weights.layers.iter().any(|layer| layer.linear[0].bias.is_some());
        let mut all = hub_write::fields(&self.config, biased)?;
        all["eos_token_id"] = json!(self.tokenizer().eos());
        all["bos_token_id"] = json!(self.tokenizer().bos());
        all["torch_dtype"] = json!(if dtype == DType::BF16 { "bfloat16" } else { "float32" });
        Ok(all)
    }

    /// Names of all tensors.
    fn tensor_names(&self) -> Vec<String> {
        let mut names = vec!["model.embed_tokens.weight".to_owned()];
        for layer in 0..self.config.layers {
            let path = |what: &str| format!("model.layers.{layer}.{what}");
            names.extend(
                self.weights.layers[layer].norms().into_iter().map(|(norm, _)| path(&format!("{norm}.weight"))),
            );
            for module in self.config.modules() {
                names.push(path(&format!("{module}.weight")));
            }
            let groups = self.config.groups().into_iter().zip(&self.weights.layers[layer].linear);
            for ((first, count), _) in groups.filter(|(_, linear)| linear.bias.is_some()) {
                names.extend(self.config.modules()[first..first + count].iter().map(|m| path(&format!("{m}.bias"))));
            }
        }
        names.push("model.norm.weight".to_owned());
        if !self.config.tied {
            names.push("lm_head.weight".to_owned());
        }
        names
    }

    /// A norm's weights as the family's files keep them.
    fn norm(&self, weight: &Tensor) -> Result<Tensor> {
        let weight = weight.to_device(&Device::Cpu)?;
        Ok(match norm_offset(self.config.architecture) {
            0.0 => weight,
            offset => (weight - offset)?,
        })
    }

    fn tensor(&self, name: &str, adapter: Option<&Adapter>) -> Result<Tensor> {
        let cpu = &Device::Cpu;
        let weights = &self.weights;
        match (name, &weights.output) {
            ("model.embed_tokens.weight", _) => return weights.embedding.to_f32(cpu),
            ("model.norm.weight", _) => return self.norm(&weights.output_norm),
            ("lm_head.weight", Some(output)) => return output.to_f32(cpu),
            _ => {}
        }
        let missing = || ModelError::malformed(name, "no such tensor");
        let (layer, rest) = name.strip_prefix("model.layers.").and_then(|n| n.split_once('.')).ok_or_else(missing)?;
        let index: usize = layer.parse().map_err(|_| missing())?;
        let layer = weights.layers.get(index).ok_or_else(missing)?;
        let (path, what) = rest.rsplit_once('.').ok_or_else(missing)?;
        if let Some((_, norm)) = layer.norms().into_iter().find(|(name, _)| *name == path) {
            return self.norm(norm);
        }
        let (modules, groups) = (self.config.modules(), self.config.groups());
        let module = modules.iter().position(|m| *m == path).ok_or_else(missing)?;
        let group = groups.iter().position(|(first, count)| (*first..first + count).contains(&module));
        let group = group.ok_or_else(missing)?;
        let start: usize = (groups[group].0..module).map(|m| self.config.module_shape(m).1).sum();
        let rows = self.config.module_shape(module).1;
        let linear = &layer.linear[group];
        if what == "bias" {
            return Ok(linear.bias.as_ref().ok_or_else(missing)?.narrow(0, start, rows)?.to_device(cpu)?);
        }
        let weight = linear.weight(cpu)?.narrow(0, start, rows)?;
        match adapter.map(|a| a.update(index, module)).transpose()?.flatten() {
            Some(update) => Ok((weight + update.to_device(cpu)?)?),
            None => Ok(weight.contiguous()?),
        }
    }

    fn save_weights(&self, adapter: Option<&Adapter>, folder: &Path, dtype: DType) -> Result<()> {
        // Names contain the number of files, so the contents of each are decided first.
        let mut shards: Vec<Vec<String>> = vec![Vec::new()];
        let mut size = 0;
        for name in self.tensor_names() {
            let bytes = self.elements(&name) * dtype.size_in_bytes();
            if size > 0 && size + bytes > SHARD_BYTES {
                shards.push(Vec::new());
                size = 0;
            }
            size += bytes;
            if let Some(shard) = shards.last_mut() {
                shard.push(name);
            }
        }
        let count = shards.len();
        let (mut map, mut total) = (Map::new(), 0);
        for (i, names) in shards.into_iter().enumerate() {
            let file = match count {
                1 => "model.safetensors".to_owned(),
                _ => format!("model-{:05}-of-{count:05}.safetensors", i + 1),
            };
            let mut tensors = Vec::with_capacity(names.len());
            for name in names {
                let tensor = self.tensor(&name, adapter)?.to_dtype(dtype)?;
                total += tensor.elem_count() * dtype.size_in_bytes();
                map.insert(name.clone(), json!(file));
                tensors.push((name, tensor));
            }
            let bytes = write_tensors(tensors, HashMap::from([("format".to_owned(), "pt".to_owned())]))?;
            write(folder, &file, &bytes)?;
        }
        if count > 1 {
            let index = json!({ "metadata": { "total_size": total }, "weight_map": map });
            write(folder, "model.safetensors.index.json", pretty(&index)?.as_bytes())?;
        }
        Ok(())
    }

    fn elements(&self, name: &str) -> usize {
        let module =
            self.config.modules().iter().position(|m| name.strip_suffix(".weight").is_some_and(|n| n.ends_with(m)));
        match module.map(|m| self.config.module_shape(m)) {
            Some((input, output)) => input * output,
            None if name.starts_with("model.layers.") || name == "model.norm.weight" => self.config.intermediate,
            None => self.config.vocab_size * self.config.hidden,
        }
    }
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| ModelError::malformed("JSON", e))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    write_privately(&path, bytes).map_err(ModelError::file(&path))
}
