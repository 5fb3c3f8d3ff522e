//! Reading GGUF: metadata, weights, and the permutation of its query and key rows.

use std::fs::File;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};

use super::{ChatTemplate, LayerWeights, ModelConfig, Tokenizer, Weights};
use crate::error::{LoraError, Result};
use crate::frozen::FrozenLinear;

pub(super) struct Parts {
    pub(super) config: ModelConfig,
    pub(super) weights: Weights,
    pub(super) tokenizer: Tokenizer,
    pub(super) template: ChatTemplate,
    pub(super) name: String,
}

pub(super) struct Metadata<'a>(&'a Content);

impl<'a> Metadata<'a> {
    fn value(&self, key: &str) -> Result<&'a Value> {
        self.0.metadata.get(key).ok_or_else(|| LoraError::malformed(format!("GGUF metadata {key:?}"), "missing"))
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

    fn float(&self, key: &str) -> Result<f64> {
        self.value(key)?.to_f32().map(f64::from).map_err(|_| wrong(key, "a float"))
    }
}

pub(super) fn wrong(key: &str, expected: &str) -> LoraError {
    LoraError::malformed(format!("GGUF metadata {key:?}"), format!("expected {expected}"))
}

fn read_content(file: &mut File) -> Result<Content> {
    use std::io::Seek;
    file.rewind().map_err(|e| LoraError::malformed("GGUF file", e))?;
    Content::read(file).map_err(|e| LoraError::malformed("GGUF file", e))
}

pub(super) fn read_tokenizer(file: &mut File) -> Result<(Tokenizer, ChatTemplate)> {
    tokenizer_of(&Metadata(&read_content(file)?))
}

fn tokenizer_of(metadata: &Metadata<'_>) -> Result<(Tokenizer, ChatTemplate)> {
    let tokenizer = Tokenizer::from_gguf(metadata)?;
    let template = ChatTemplate::new(metadata.text("tokenizer.chat_template")?, &tokenizer)?;
    Ok((tokenizer, template))
}

pub(super) fn read(file: &mut File, device: &Device) -> Result<Parts> {
    let content = read_content(file)?;
    let metadata = Metadata(&content);
    let (tokenizer, template) = tokenizer_of(&metadata)?;
    let config = read_config(&metadata, tokenizer.vocab_size())?;
    let name = metadata.text("general.name").unwrap_or("unnamed").to_owned();
    let weights = Reader { content: &content, file, device }.weights(&config)?;
    Ok(Parts { config, weights, tokenizer, template, name })
}

fn read_config(metadata: &Metadata<'_>, vocab_size: usize) -> Result<ModelConfig> {
    let architecture = metadata.text("general.architecture")?;
    if architecture != "llama" {
        let found = architecture.to_owned();
        return Err(LoraError::Unsupported { what: "architecture", found, known: "llama" });
    }
    let heads = metadata.number("llama.attention.head_count")?;
    let hidden = metadata.number("llama.embedding_length")?;
    let kv_heads = metadata.number("llama.attention.head_count_kv")?;
    if hidden % heads != 0 || heads % kv_heads != 0 || (hidden / heads) % 2 != 0 {
        return Err(LoraError::malformed("GGUF sizes", format!("{hidden} wide, {heads} heads, {kv_heads} key heads")));
    }
    Ok(ModelConfig {
        layers: metadata.number("llama.block_count")?,
        hidden,
        heads,
        kv_heads,
        head_width: hidden / heads,
        intermediate: metadata.number("llama.feed_forward_length")?,
        vocab_size,
        context: metadata.number("llama.context_length")?,
        rope_base: metadata.float("llama.rope.freq_base").unwrap_or(10_000.0),
        norm_epsilon: metadata.float("llama.attention.layer_norm_rms_epsilon")?,
    })
}

struct Reader<'a> {
    content: &'a Content,
    file: &'a mut File,
    device: &'a Device,
}

impl Reader<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.content.tensor(self.file, name, self.device).map_err(|e| LoraError::malformed(name, e))?;
        if tensor.shape().dims() != shape {
            let found = tensor.shape().dims();
            return Err(LoraError::malformed(name, format!("shape {found:?}, expected {shape:?}")));
        }
        Ok(tensor.dequantize(self.device)?)
    }

    fn weights(mut self, config: &ModelConfig) -> Result<Weights> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let keys = config.kv_heads * config.head_width;
        let embedding = self.tensor("token_embd.weight", &[config.vocab_size, hidden])?;
        let layers = (0..config.layers).map(|i| {
            let mut read = |name: &str, shape: &[usize]| self.tensor(&format!("blk.{i}.{name}.weight"), shape);
            let query = unpermute(&read("attn_q", &[hidden, hidden])?, config.heads)?;
            let key = unpermute(&read("attn_k", &[keys, hidden])?, config.kv_heads)?;
            Ok(LayerWeights {
                attention_norm: read("attn_norm", &[hidden])?,
                feed_forward_norm: read("ffn_norm", &[hidden])?,
                linear: [
                    query,
                    key,
                    read("attn_v", &[keys, hidden])?,
                    read("attn_output", &[hidden, hidden])?,
                    read("ffn_gate", &[wide, hidden])?,
                    read("ffn_up", &[wide, hidden])?,
                    read("ffn_down", &[hidden, wide])?,
                ]
                .map(FrozenLinear),
            })
        });
        let layers = layers.collect::<Result<_>>()?;
        let output_norm = self.tensor("output_norm.weight", &[hidden])?;
        // Models with tied embeddings have no tensor of their own for the output.
        let output = if self.content.tensor_infos.contains_key("output.weight") {
            self.tensor("output.weight", &[config.vocab_size, hidden])?
        } else {
            embedding.clone()
        };
        Ok(Weights { embedding, layers, output_norm, output: FrozenLinear(output) })
    }
}

/// GGUF interleaves the two halves of each head's rows; Hugging Face keeps them apart.
fn unpermute(weight: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = weight.dims2()?;
    let halves = weight.reshape((heads, rows / heads / 2, 2, columns))?.transpose(1, 2)?;
    Ok(halves.contiguous()?.reshape((rows, columns))?)
}
