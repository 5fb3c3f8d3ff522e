//! `tokenizer.json` and `tokenizer_config.json`, as Hugging Face has them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kind, MAX_BYTES, MAX_TOKENS, Parts, Result, Splitting, TokenizerError, Vocabulary};

const FILE: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
    decoder: Option<Value>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<Value>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    vocab: HashMap<String, u32>,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// As one text, or as two.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

pub(super) fn read(tokenizer: &[u8], config: &[u8], template: Option<&str>) -> Result<Parts> {
    let vocabulary = Vocabulary::from_json(tokenizer)?;
    if config.len() > MAX_BYTES {
        return Err(TokenizerError::too_large(CONFIG, MAX_BYTES));
    }
    let config: Value = serde_json::from_slice(config).map_err(|e| TokenizerError::malformed(CONFIG, e))?;
    let text = |key: &str| config[key].as_str().or(config[key]["content"].as_str());
    let eos = text("eos_token").ok_or_else(|| TokenizerError::malformed(CONFIG, "field \"eos_token\""))?;
    let missing =
        || TokenizerError::malformed(FILE, format!("no token {:?}", eos.chars().take(80).collect::<String>()));
    let eos = vocabulary.id(eos).ok_or_else(missing)?;
    let bos = text("bos_token").and_then(|bos| vocabulary.id(bos));
    let template = template.or_else(|| template_in(&config["chat_template"]));
    let template = template.ok_or_else(|| TokenizerError::malformed(CONFIG, "no chat template here nor beside it"))?;
    Ok(Parts { vocabulary, template: template.to_owned(), bos, eos })
}

/// One template, or the default of several.
fn template_in(value: &Value) -> Option<&str> {
    match value {
        Value::String(template) => Some(template),
        Value::Array(list) => {
            let default = list.iter().position(|t| t["name"] == "default").unwrap_or(0);
            list.get(default)?["template"].as_str()
        }
        _ => None,
    }
}

impl Vocabulary {
    /// The vocabulary in a `tokenizer.json`: it has the digest that it has in a GGUF file.
    ///
    /// # Errors
    /// [`TokenizerError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(TokenizerError::too_large(FILE, MAX_BYTES));
        }
        serde_json::from_slice::<File>(bytes).map_err(|e| TokenizerError::malformed(FILE, e))?.vocabulary()
    }
}

impl File {
    fn vocabulary(self) -> Result<Vocabulary> {
        let Self { model, added_tokens, decoder, normalizer, pre_tokenizer } = self;
        let is_byte_level = decoder.is_some_and(|decoder| decoder["type"] == "ByteLevel");
        let is_bpe = model.kind.as_deref() == Some("BPE") && model.dropout.is_none_or(|d| d.is_null()) && is_byte_level;
        let ignores = model.ignore_merges.unwrap_or(false);
        let (normalizer, pre_tokenizer) = (normalizer.unwrap_or_default(), pre_tokenizer.unwrap_or_default());
        let splitting = if is_bpe { described_by(&normalizer, &pre_tokenizer, ignores) } else { None };
        let splitting = splitting.ok_or_else(|| TokenizerError::Unsupported {
            what: "tokenizer.json",
            found: pre_tokenizer.to_string().chars().take(200).collect(),
            known: "byte-level BPE, split as smollm, gpt-2, llama-bpe or qwen2",
        })?;
        let ids = model.vocab.values().copied().chain(added_tokens.iter().map(|added| added.id));
        let size = match ids.max() {
            Some(id) if id as usize >= MAX_TOKENS => return Err(TokenizerError::too_large(FILE, MAX_TOKENS)),
            highest => highest.map_or(0, |id| id as usize + 1),
        };
        let mut tokens = vec![String::new(); size];
        let mut kinds = vec![Kind::NORMAL; size];
        for (token, id) in model.vocab {
            tokens[id as usize] = token;
        }
        for added in added_tokens {
            // Tokens that absorb white space, or count only as whole words, would be counted wrongly.
            if added.single_word || added.lstrip || added.rstrip {
                let found = added.content.chars().take(80).collect();
                return Err(TokenizerError::Unsupported { what: "added token", found, known: "plain ones" });
            }
            kinds[added.id as usize] = if added.special { Kind::CONTROL } else { Kind::USER_DEFINED };
            tokens[added.id as usize] = added.content;
        }
        let merges = model.merges.into_iter().map(|merge| match merge {
            Merge::Text(text) => text,
            Merge::Pair(left, right) => format!("{left} {right}"),
        });
        Vocabulary::new(splitting.name().to_owned(), tokens, merges.collect(), kinds)
    }
}

/// The known way of splitting that a file describes, if it is one.
fn described_by(normalizer: &Value, pre_tokenizer: &Value, ignores_merges: bool) -> Option<Splitting> {
    let found = without_offsets(pre_tokenizer.clone());
    Splitting::ALL.into_iter().find(|splitting| {
        let byte_level = |splits: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": splits});
        let sequence = |parts: [Value; 2]| json!({"type": "Sequence", "pretokenizers": parts});
        let wanted = match (splitting.published(), splitting.digits_alone()) {
            (None, false) => byte_level(true),
            (None, true) => sequence([json!({"type": "Digits", "individual_digits": true}), byte_level(true)]),
            (Some(expression), _) => sequence([
                json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false}),
                byte_level(false),
            ]),
        };
        let same_normalizer =
            if splitting.composes() { *normalizer == json!({"type": "NFC"}) } else { normalizer.is_null() };
        found == wanted && same_normalizer && ignores_merges == splitting.whole_wins()
    })
}

/// Offsets in the text are nothing that ids depend on.
fn without_offsets(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| key != "trim_offsets");
            kept.map(|(key, value)| (key, without_offsets(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_offsets).collect(),
        other => other,
    }
}
