//! How texts are split before byte-level BPE merges, by the names that GGUF gives to the ways.

use serde_json::Value;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::error::{LoraError, Result};

/// GGUF's name for the way of Llama 3, whose whole pieces win over merges.
pub(super) const LLAMA3: &str = "llama-bpe";
const KNOWN: [&str; 4] = ["smollm", "gpt-2", LLAMA3, "qwen2"];

/// The expressions that the models' own tokenizers are published with; they differ in how many digits stand together.
const LLAMA3_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2_PATTERN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Normaliser and pre-tokenizer of a known way.
pub(super) fn known(pre: &str) -> Result<(Option<NormalizerWrapper>, PreTokenizerWrapper)> {
    let by_pattern = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
        let split = split.map_err(|e| LoraError::malformed("pattern of the pre-tokenizer", e))?;
        Ok::<_, LoraError>(sequence(vec![split.into(), ByteLevel::new(false, true, false).into()]))
    };
    Ok(match pre {
        // Digits one by one, then GPT-2's expression.
        "smollm" => (None, sequence(vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()])),
        "gpt-2" => (None, ByteLevel::new(false, true, true).into()),
        LLAMA3 | "llama3" => (None, by_pattern(LLAMA3_PATTERN)?),
        "qwen2" => (Some(NFC.into()), by_pattern(QWEN2_PATTERN)?),
        _ => {
            let known = "smollm, gpt-2, llama-bpe, qwen2";
            return Err(LoraError::Unsupported { what: "tokenizer.ggml.pre", found: pre.into(), known });
        }
    })
}

fn sequence(parts: Vec<PreTokenizerWrapper>) -> PreTokenizerWrapper {
    PreTokenizerWrapper::Sequence(Sequence::new(parts))
}

/// The known way that a `tokenizer.json` describes, if it is one.
pub(super) fn recognise(file: &Value) -> Option<&'static str> {
    if file["model"]["type"] != "BPE" || !empty(&file["model"]["dropout"]) {
        return None;
    }
    // Offsets in the text are nothing that ids depend on.
    let plain = |value: &Value| {
        let mut value = value.clone();
        strip(&mut value);
        value
    };
    KNOWN.into_iter().find(|pre| {
        let Ok((normalizer, pre_tokenizer)) = known(pre) else { return false };
        let same_normalizer = match normalizer {
            Some(normalizer) => serde_json::to_value(normalizer).is_ok_and(|n| n == file["normalizer"]),
            None => empty(&file["normalizer"]),
        };
        let ignores = file["model"]["ignore_merges"].as_bool().unwrap_or(false);
        let same = serde_json::to_value(pre_tokenizer).is_ok_and(|p| plain(&p) == plain(&file["pre_tokenizer"]));
        same && same_normalizer && ignores == (*pre == LLAMA3)
    })
}

fn empty(value: &Value) -> bool {
    value.is_null()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("trim_offsets");
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
