//! Writing a model, with an adapter merged into its weights or without, as a folder that `transformers` reads.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use lazai_core::file::write_privately;
use serde_json::{Map, Value, json};

use super::{BaseModel, LINEAR_MODULES, ModelConfig, RopeScaling, WeightFormat};
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
        let config = &self.config;
        let (class, mut extra) = match config.architecture {
            "mistral" => ("MistralForCausalLM", json!({ "sliding_window": null })),
            "qwen2" => ("Qwen2ForCausalLM", json!({ "use_sliding_window": false })),
            "qwen3" => ("Qwen3ForCausalLM", json!({ "use_sliding_window": false, "attention_bias": false })),
            _ => ("LlamaForCausalLM", json!({ "attention_bias": false, "mlp_bias": false })),
        };
        if let Some(bias) = extra.get_mut("attention_bias") {
            *bias = json!(self.weights.layers.iter().any(|layer| layer.linear[0].bias.is_some()));
        }
        if let Some(scaling) = scaling(config)? {
            extra["rope_scaling"] = scaling;
        }
        let mut all = json!({
            "architectures": [class],
            "model_type": config.architecture,
            "hidden_size": config.hidden,
            "intermediate_size": config.intermediate,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_width,
            "vocab_size": config.vocab_size,
            "max_position_embeddings": config.context,
            "rms_norm_eps": config.norm_epsilon,
            "rope_theta": config.rope_base,
            "hidden_act": "silu",
            "tie_word_embeddings": config.tied,
            "eos_token_id": self.tokenizer().eos(),
            "bos_token_id": self.tokenizer().bos(),
            "torch_dtype": if dtype == DType::BF16 { "bfloat16" } else { "float32" },
        });
        if let (Value::Object(all), Value::Object(extra)) = (&mut all, extra) {
            all.extend(extra);
        }
        Ok(all)
    }

    /// Names of all tensors.
    fn tensor_names(&self) -> Vec<String> {
        let mut names = vec!["model.embed_tokens.weight".to_owned()];
        for layer in 0..self.config.layers {
            let path = |what: &str| format!("model.layers.{layer}.{what}");
            names.push(path("input_layernorm.weight"));
            names.push(path("post_attention_layernorm.weight"));
            if self.config.head_norm {
                names.extend([path("self_attn.q_norm.weight"), path("self_attn.k_norm.weight")]);
            }
            for module in LINEAR_MODULES {
                names.push(path(&format!("{module}.weight")));
            }
            let groups = super::GROUPS.into_iter().zip(&self.weights.layers[layer].linear);
            for ((first, count), _) in groups.filter(|(_, linear)| linear.bias.is_some()) {
                names.extend(LINEAR_MODULES[first..first + count].iter().map(|m| path(&format!("{m}.bias"))));
            }
        }
        names.push("model.norm.weight".to_owned());
        if !self.config.tied {
            names.push("lm_head.weight".to_owned());
        }
        names
    }

    fn tensor(&self, name: &str, adapter: Option<&Adapter>) -> Result<Tensor> {
        let cpu = &Device::Cpu;
        let weights = &self.weights;
        match (name, &weights.output) {
            ("model.embed_tokens.weight", _) => return weights.embedding.to_f32(cpu),
            ("model.norm.weight", _) => return Ok(weights.output_norm.to_device(cpu)?),
            ("lm_head.weight", Some(output)) => return output.to_f32(cpu),
            _ => {}
        }
        let missing = || ModelError::malformed(name, "no such tensor");
        let (layer, rest) = name.strip_prefix("model.layers.").and_then(|n| n.split_once('.')).ok_or_else(missing)?;
        let index: usize = layer.parse().map_err(|_| missing())?;
        let layer = weights.layers.get(index).ok_or_else(missing)?;
        let norm = match (rest, &layer.head_norms) {
            ("input_layernorm.weight", _) => Some(&layer.attention_norm),
            ("post_attention_layernorm.weight", _) => Some(&layer.feed_forward_norm),
            ("self_attn.q_norm.weight", Some((queries, _))) => Some(queries),
            ("self_attn.k_norm.weight", Some((_, keys))) => Some(keys),
            _ => None,
        };
        if let Some(norm) = norm {
            return Ok(norm.to_device(cpu)?);
        }
        let (path, what) = rest.rsplit_once('.').ok_or_else(missing)?;
        let module = LINEAR_MODULES.iter().position(|m| *m == path).ok_or_else(missing)?;
        let group = super::GROUPS.iter().position(|(first, count)| (*first..first + count).contains(&module));
        let group = group.ok_or_else(missing)?;
        let start: usize = (super::GROUPS[group].0..module).map(|m| self.config.module_shape(m).1).sum();
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
        let module = LINEAR_MODULES.iter().position(|m| name.strip_suffix(".weight").is_some_and(|n| n.ends_with(m)));
        match module.map(|m| self.config.module_shape(m)) {
            Some((input, output)) => input * output,
            None if name.starts_with("model.layers.") || name == "model.norm.weight" => self.config.intermediate,
            None => self.config.vocab_size * self.config.hidden,
        }
    }
}

fn scaling(config: &ModelConfig) -> Result<Option<Value>> {
    Ok(match &config.rope_scaling {
        RopeScaling::None => None,
        RopeScaling::Linear { factor } => Some(json!({ "rope_type": "linear", "factor": factor })),
        RopeScaling::Llama3 { factor, low, high, original } => Some(json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": original,
        })),
        RopeScaling::Factors(_) => {
            let found = "factors of a GGUF file".to_owned();
            return Err(ModelError::Unsupported { what: "rope scaling to be written", found, known: "linear, llama3" });
        }
    })
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| ModelError::malformed("JSON", e))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    write_privately(&path, bytes).map_err(ModelError::file(&path))
}
