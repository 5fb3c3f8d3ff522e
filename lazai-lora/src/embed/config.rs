//! The sizes of an encoder and its way from hidden states to a vector, out of the files that `sentence-transformers` writes.

use std::path::Path;

use lazai_core::tokenizer::MAX_TOKENS;
use serde::Deserialize;
use serde_json::Value;

use crate::base::hub::{self, CONFIG, TOKENIZER_CONFIG};
use crate::base::layers;
use crate::error::{ModelError, Result};

const MODULES: &str = "modules.json";
const SENTENCE: &str = "sentence_bert_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";
/// The greatest sizes that are read. Encoders of today have 1,024, 4,096 and 512.
const MAX_HIDDEN: usize = 8_192;
const MAX_INTERMEDIATE: usize = 65_536;
const MAX_POSITIONS: usize = 8_192;
const MAX_TYPES: usize = 16;

/// The way from the hidden states of a text to its vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The mean over all tokens.
    Mean,
    /// The state of the first token.
    First,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct EncoderConfig {
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) vocab_size: usize,
    pub(super) positions: usize,
    pub(super) types: usize,
    pub(super) epsilon: f32,
    pub(super) pooling: Pooling,
    /// Tokens of a text that are read, the first and the last included.
    pub(super) max_tokens: usize,
}

#[derive(Deserialize)]
struct Sizes {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
}

impl EncoderConfig {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let value = hub::json(&folder.join(CONFIG))?;
        supported(&value)?;
        let sizes = Sizes::deserialize(&value).map_err(|e| ModelError::malformed(CONFIG, e))?;
        let config = Self {
            layers: layers(sizes.num_hidden_layers, CONFIG)?,
            hidden: within("hidden_size", sizes.hidden_size, MAX_HIDDEN)?,
            heads: within("num_attention_heads", sizes.num_attention_heads, MAX_HIDDEN)?,
            intermediate: within("intermediate_size", sizes.intermediate_size, MAX_INTERMEDIATE)?,
            vocab_size: within("vocab_size", sizes.vocab_size, MAX_TOKENS)?,
            positions: within("max_position_embeddings", sizes.max_position_embeddings, MAX_POSITIONS)?,
            types: within("type_vocab_size", sizes.type_vocab_size, MAX_TYPES)?,
            epsilon: epsilon(sizes.layer_norm_eps)?,
            pooling: pooling(folder, sizes.hidden_size)?,
            max_tokens: max_tokens(folder, sizes.max_position_embeddings)?,
        };
        if !config.hidden.is_multiple_of(config.heads) {
            let reason = format!("{} heads of a hidden size of {}", config.heads, config.hidden);
            return Err(ModelError::malformed(CONFIG, reason));
        }
        Ok(config)
    }
}

/// Refuses by name what would be computed otherwise.
fn supported(config: &Value) -> Result<()> {
    let fields: [(&str, &[Value], &str); 4] = [
        ("model_type", &["bert".into()], "bert"),
        ("hidden_act", &["gelu".into()], "gelu"),
        ("position_embedding_type", &[Value::Null, "absolute".into()], "absolute"),
        ("is_decoder", &[Value::Null, false.into()], "false"),
    ];
    for (what, values, known) in fields {
        let value = &config[what];
        if !values.contains(value) {
            return Err(ModelError::Unsupported { what, found: shown(value), known });
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn within(field: &str, size: usize, most: usize) -> Result<usize> {
    let error = || ModelError::malformed(CONFIG, format!("{field} of {size}, expected 1 to {most}"));
    if (1..=most).contains(&size) { Ok(size) } else { Err(error()) }
}

fn epsilon(epsilon: f64) -> Result<f32> {
    let error = || ModelError::malformed(CONFIG, format!("layer_norm_eps of {epsilon}, expected 1e-30 to 1"));
    if (1e-30..=1.0).contains(&epsilon) { Ok(epsilon as f32) } else { Err(error()) }
}

/// A file that may be missing.
fn optional(path: &Path) -> Result<Value> {
    if path.is_file() { hub::json(path) } else { Ok(Value::Null) }
}

/// The least of what the files say: `sentence-transformers` once had a file for it, and uses the tokenizer's today.
fn max_tokens(folder: &Path, positions: usize) -> Result<usize> {
    let sentence = optional(&folder.join(SENTENCE))?;
    if sentence["do_lower_case"] == true {
        return Err(ModelError::Unsupported { what: "do_lower_case", found: "true".into(), known: "false" });
    }
    let (file, value) = match &sentence["max_seq_length"] {
        Value::Null => (TOKENIZER_CONFIG, hub::json(&folder.join(TOKENIZER_CONFIG))?["model_max_length"].clone()),
        value => (SENTENCE, value.clone()),
    };
    let most = match &value {
        Value::Null => positions,
        // Without a limit, the tokenizer's file says 10^30.
        value => value.as_f64().map_or(0, |n| n as usize).min(positions),
    };
    // The first token, the last, and one of the text.
    let error = || ModelError::malformed(file, format!("texts of {value} tokens, {positions} positions"));
    if most >= 3 { Ok(most) } else { Err(error()) }
}

/// The pooling of a folder. One without `modules.json` takes the mean, as in `sentence-transformers`.
fn pooling(folder: &Path, hidden: usize) -> Result<Pooling> {
    if let prompt @ Value::String(_) = &optional(&folder.join(PROMPTS))?["default_prompt_name"] {
        return Err(ModelError::Unsupported { what: "default_prompt_name", found: shown(prompt), known: "null" });
    }
    let modules = match optional(&folder.join(MODULES))? {
        Value::Null => return Ok(Pooling::Mean),
        modules => modules,
    };
    let kind = |module: &Value| module["type"].as_str().and_then(|path| path.rsplit('.').next()).map(str::to_owned);
    let modules = modules.as_array().map_or(&[][..], Vec::as_slice);
    let kinds: Option<Vec<String>> = modules.iter().map(kind).collect();
    let kinds = kinds.unwrap_or_default().join(", ");
    if !matches!(&*kinds, "Transformer, Pooling" | "Transformer, Pooling, Normalize") {
        return Err(ModelError::Unsupported {
            what: "modules",
            found: kinds,
            known: "Transformer, Pooling, Normalize",
        });
    }
    // The transformer is in the folder itself, the pooling in one beside its files.
    let (own, path) = (modules[0]["path"].as_str(), modules[1]["path"].as_str().unwrap_or_default());
    if own != Some("") || Path::new(path).file_name() != Some(path.as_ref()) {
        return Err(ModelError::malformed(MODULES, format!("paths {own:?} and {path:?}")));
    }
    let config = hub::json(&folder.join(path).join(CONFIG))?;
    let width = [&config["word_embedding_dimension"], &config["embedding_dimension"]];
    if let Some(width) = width.into_iter().find(|width| !width.is_null() && width.as_u64() != Some(hidden as u64)) {
        return Err(ModelError::malformed("pooling", format!("dimension {width}, expected {hidden}")));
    }
    mode(&config)
}

/// The mode of a pooling: by its name, or by a flag for each as older files have them.
fn mode(config: &Value) -> Result<Pooling> {
    let flags = config.as_object().into_iter().flatten();
    let flags = flags.filter(|(_, value)| **value == true).filter_map(|(key, _)| key.strip_prefix("pooling_mode_"));
    let found = match &config["pooling_mode"] {
        Value::Null => flags.collect::<Vec<_>>().join(", "),
        mode => shown(mode),
    };
    match &*found {
        "mean" | "mean_tokens" => Ok(Pooling::Mean),
        "cls" | "cls_token" => Ok(Pooling::First),
        _ => Err(ModelError::Unsupported { what: "pooling_mode", found, known: "mean, cls" }),
    }
}
