//! Splitting of texts before byte-level BPE merges, with the `tokenizers` library.

use lazai_core::tokenizer::Splitting;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::error::{ModelError, Result};

/// Normaliser and pre-tokenizer of a known way.
pub(super) fn known(splitting: Splitting) -> Result<(Option<NormalizerWrapper>, PreTokenizerWrapper)> {
    let sequence = |parts: [PreTokenizerWrapper; 2]| PreTokenizerWrapper::Sequence(Sequence::new(parts.into()));
    let splitter = match splitting.published() {
        Some(expression) => {
            let pattern = SplitPattern::Regex(expression.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
            let split = split.map_err(|e| ModelError::malformed("pattern of the pre-tokenizer", e))?;
            sequence([split.into(), ByteLevel::new(false, true, false).into()])
        }
        None if splitting == Splitting::SmolLm => {
            sequence([Digits::new(true).into(), ByteLevel::new(false, true, true).into()])
        }
        None => ByteLevel::new(false, true, true).into(),
    };
    Ok(((splitting == Splitting::Qwen2).then(|| NFC.into()), splitter))
}
