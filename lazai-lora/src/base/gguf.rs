//! Reading GGUF: metadata, weights, and the permutation of query and key rows in files of the Llama family.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};

use super::config::{architecture, experts};
use super::load::Source;
use super::weight::Weight;
use super::{ChatTemplate, ModelConfig, RopeScaling, Tokenizer, gguf_config};
use crate::error::{ModelError, Result};

pub(super) struct Metadata<'a>(&'a Content);

impl<'a> Metadata<'a> {
    fn value(&self, key: &str) -> Result<&'a Value> {
        self.0.metadata.get(key).ok_or_else(|| ModelError::malformed(format!("GGUF metadata {key:?}"), "missing"))
    }

    pub(super) fn text(&self, key: &str) -> Result<&'a str> {
        self.value(key)?.to_string().map(String::as_str).map_err(|_| wrong(key, "a string"))
    }

    pub(super) fn array(&self, key: &str) -> Result<&'a [Value]> {
        self.value(key)?.to_vec().map(Vec::as_slice).map_err(|_| wrong(key, "an array"))
    }

    pub(super) fn number(&self, key: &str) -> Result<usize> {
        let number = self.value(key)?.to_u64().ok().and_then(|n| usize::try_from(n).ok());
        number.filter(|&n| n > 0 && n < 1 << 24).ok_or_else(|| wrong(key, "a number between 1 and 2^24"))
    }

    /// A number that may be nothing or missing.
    pub(super) fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.metadata.get(key)?.to_u64().ok()
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.0.metadata.get(key)?.to_bool().ok()
    }

    pub(super) fn float(&self, key: &str) -> Result<f64> {
        self.value(key)?.to_f32().map(f64::from).map_err(|_| wrong(key, "a float"))
    }

    /// A float that may be missing.
    pub(super) fn float_if_any(&self, key: &str) -> Result<Option<f64>> {
        self.0.metadata.contains_key(key).then(|| self.float(key)).transpose()
    }
}

pub(super) fn wrong(key: &str, expected: &str) -> ModelError {
    ModelError::malformed(format!("GGUF metadata {key:?}"), format!("expected {expected}"))
}

/// An open file of a family that is known.
pub(super) struct Gguf {
    content: Content,
    file: File,
    family: &'static str,
    /// Heads of queries and of keys, if their rows are permuted.
    permuted: Option<(usize, usize)>,
}

impl Gguf {
    /// Reads the part in front of the tensors. The family is checked first: a file of another one has other keys, and
    /// missing keys are not the reason.
    pub(super) fn open(mut file: File) -> Result<Self> {
        use std::io::Seek;
        file.rewind().map_err(|e| ModelError::malformed("GGUF file", e))?;
        // A vocabulary is a hundred thousand reads of a few bytes.
        let content = Content::read(&mut BufReader::new(&file)).map_err(|e| ModelError::malformed("GGUF file", e))?;
        let family = family(&Metadata(&content))?;
        Ok(Self { content, file, family, permuted: None })
    }

    pub(super) fn tokenizer(&self) -> Result<(Tokenizer, ChatTemplate)> {
        let metadata = Metadata(&self.content);
        let tokenizer = Tokenizer::from_gguf(&metadata)?;
        const KEY: &str = "tokenizer.chat_template";
        let published = || ChatTemplate::of_family(self.family, &tokenizer);
        let template = match self.content.metadata.contains_key(KEY) {
            false => published().transpose()?,
            true => None,
        };
        let template = template.map_or_else(|| ChatTemplate::new(metadata.text(KEY)?, &tokenizer), Ok)?;
        Ok((tokenizer, template))
    }

    pub(super) fn name(&self) -> String {
        Metadata(&self.content).text("general.name").unwrap_or("unnamed").to_owned()
    }

    pub(super) fn config(&mut self) -> Result<ModelConfig> {
        let embedding = self.content.tensor_infos.get("token_embd.weight");
        let embedding = embedding.ok_or_else(|| ModelError::malformed("token_embd.weight", "no such tensor"))?;
        let vocab_size = embedding.shape.dims().first().copied().unwrap_or(0);
        let mut config = gguf_config::read(&Metadata(&self.content), self.family, vocab_size)?;
        // Models with tied embeddings have no tensor of their own for the output.
        config.tied = !self.content.tensor_infos.contains_key("output.weight");
        if self.content.tensor_infos.contains_key("rope_freqs.weight") {
            let factors = self.tensor("rope_freqs.weight")?.dequantize(&Device::Cpu)?.to_vec1::<f32>()?;
            if factors.len() != config.head_width / 2 || !factors.iter().all(|f| *f >= 1.0) {
                return Err(ModelError::malformed("rope_freqs.weight", "expected a factor for each pair of a head"));
            }
            config.ropes[0].scaling = RopeScaling::Factors(factors.into_iter().map(f64::from).collect());
        }
        let config = config.checked("GGUF sizes")?;
        // Files of some families interleave the halves of each head's rows; Hugging Face keeps them apart, and so
        // every PEFT adapter does.
        let interleaved = matches!(self.family, "llama" | "mistral" | "smollm3" | "granite");
        self.permuted = interleaved.then_some((config.heads, config.kv_heads));
        Ok(config)
    }

    fn tensor(&mut self, name: &str) -> Result<QTensor> {
        // Blocks are turned into floats on use, so they are kept on the processor.
        self.content.tensor(&mut self.file, name, &Device::Cpu).map_err(|e| ModelError::malformed(name, e))
    }
}

/// The family of a file that holds a whole model without experts.
fn family(metadata: &Metadata<'_>) -> Result<&'static str> {
    let family = architecture(metadata.text("general.architecture")?)?;
    if let Some(found) = metadata.text("general.type").ok().filter(|kind| *kind != "model") {
        return Err(ModelError::Unsupported { what: "general.type", found: found.into(), known: "model" });
    }
    experts(family, metadata.unsigned(&format!("{family}.expert_count")))?;
    Ok(family)
}

/// GGUF's name for a tensor of Hugging Face's.
fn gguf_name(family: &str, name: &str) -> Option<String> {
    let (path, what) = name.rsplit_once('.')?;
    let known = match path {
        "model.embed_tokens" => "token_embd",
        "model.norm" => "output_norm",
        "lm_head" => "output",
        _ => {
            let (layer, module) = path.strip_prefix("model.layers.")?.split_once('.')?;
            let module = match module {
                "input_layernorm" => "attn_norm",
                "post_attention_layernorm" if family == "gemma3" => "post_attention_norm",
                "post_attention_layernorm" | "pre_feedforward_layernorm" => "ffn_norm",
                "post_feedforward_layernorm" => "post_ffw_norm",
                "self_attn.q_proj" => "attn_q",
                "self_attn.k_proj" => "attn_k",
                "self_attn.v_proj" => "attn_v",
                "self_attn.o_proj" => "attn_output",
                "self_attn.q_norm" => "attn_q_norm",
                "self_attn.k_norm" => "attn_k_norm",
                "mlp.gate_proj" => "ffn_gate",
                "mlp.up_proj" => "ffn_up",
                "mlp.down_proj" => "ffn_down",
                _ => return None,
            };
            return Some(format!("blk.{layer}.{module}.{what}"));
        }
    };
    Some(format!("{known}.{what}"))
}

impl Source for Gguf {
    fn has(&self, name: &str) -> bool {
        gguf_name(self.family, name).is_some_and(|name| self.content.tensor_infos.contains_key(&name))
    }

    /// The converter adds what Hugging Face's files leave out.
    fn norm_offset(&self) -> f64 {
        0.0
    }

    fn read(&mut self, name: &str) -> Result<Weight> {
        let stored = gguf_name(self.family, name).ok_or_else(|| ModelError::malformed(name, "no such tensor"))?;
        let tensor = self.tensor(&stored)?;
        let heads = self.permuted.and_then(|(queries, keys)| {
            let module = name.rsplit('.').nth(1)?;
            match module {
                "q_proj" => Some(queries),
                "k_proj" => Some(keys),
                _ => None,
            }
        });
        let tensor = match heads {
            Some(heads) => unpermute(&tensor, heads)?,
            None => tensor,
        };
        Ok(match tensor.dtype() {
            GgmlDType::F32 => Weight::Dense(tensor.dequantize(&Device::Cpu)?),
            GgmlDType::F16 => Weight::Dense(tensor.dequantize_f16(&Device::Cpu)?),
            _ => Weight::Quantised(Arc::new(tensor)),
        })
    }
}

/// Puts the rows of each head back in order. Blocks lie along rows, so rows move whole.
fn unpermute(tensor: &QTensor, heads: usize) -> Result<QTensor> {
    let shape = tensor.shape().clone();
    let rows = shape.dims().first().copied().unwrap_or(0);
    let data = tensor.data()?;
    let (head_rows, row_bytes) = (rows / heads, data.len() / rows.max(1));
    let mut out = Vec::with_capacity(data.len());
    for row in 0..rows {
        let (head, place) = (row / head_rows, row % head_rows);
        let (half, pair) = (place / (head_rows / 2), place % (head_rows / 2));
        let from = (head * head_rows + 2 * pair + half) * row_bytes;
        out.extend_from_slice(&data[from..from + row_bytes]);
    }
    let storage = QStorage::from_data(Cow::Owned(out), &Device::Cpu, tensor.dtype())?;
    Ok(QTensor::new(storage, shape)?)
}
