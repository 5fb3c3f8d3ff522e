//! The tokenizer that a GGUF file carries: byte-level BPE with the pre-tokenizer it names.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper};

use super::bpe::Bpe;
use super::gguf::{Metadata, wrong};
use crate::error::{LoraError, Result};

/// GGUF's token type for control tokens such as `<|im_end|>`.
const CONTROL: i64 = 3;
/// GGUF's token type for tokens that the model's author added.
const USER_DEFINED: i64 = 4;

/// A tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The fast way, where the vocabulary has the shape for it.
    fast: Option<Bpe>,
    vocab_size: usize,
    eos: u32,
    bos: Option<u32>,
    digest: Digest,
}

impl Tokenizer {
    pub(super) fn from_gguf(metadata: &Metadata<'_>) -> Result<Self> {
        let model = metadata.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(LoraError::Unsupported { what: "tokenizer.ggml.model", found: model.into(), known: "gpt2" });
        }
        let pre = metadata.text("tokenizer.ggml.pre")?;
        let texts = |key: &str| -> Result<Vec<&str>> {
            let values = metadata.array(key)?.iter();
            values.map(|v| v.to_string().map(String::as_str).map_err(|_| wrong(key, "strings"))).collect()
        };
        let tokens = texts("tokenizer.ggml.tokens")?;
        let merges = texts("tokenizer.ggml.merges")?;
        let kinds: Vec<i64> = metadata
            .array("tokenizer.ggml.token_type")?
            .iter()
            .map(|v| v.to_i32().map(i64::from).map_err(|_| wrong("tokenizer.ggml.token_type", "integers")))
            .collect::<Result<_>>()?;
        if kinds.len() != tokens.len() {
            return Err(wrong("tokenizer.ggml.token_type", "one entry per token"));
        }
        let vocab_size = tokens.len();
        let id = |key: &str| {
            let id = metadata.number(key).ok().filter(|&n| n < vocab_size);
            id.and_then(|n| u32::try_from(n).ok())
        };
        let eos =
            id("tokenizer.ggml.eos_token_id").ok_or_else(|| wrong("tokenizer.ggml.eos_token_id", "a token id"))?;
        let inner = build(pre, &tokens, &merges, &kinds)?;
        let added: Vec<(&str, u32)> = added(&tokens, &kinds).map(|(token, id, _)| (token, id)).collect();
        let fast = Bpe::new(pre == "smollm", &tokens, &merges, &added);
        let digest = digest(pre, &tokens, &merges, &kinds);
        Ok(Self { inner, fast, vocab_size, eos, bos: id("tokenizer.ggml.bos_token_id"), digest })
    }

    /// The token ids of a text; control tokens written out in it are recognised.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] if the tokenizer refuses.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match &self.fast {
            Some(fast) => fast.encode(text, |piece| self.encode_by_library(piece)),
            None => self.encode_by_library(text),
        }
    }

    /// Whether the fast way is taken.
    #[must_use]
    pub fn is_fast(&self) -> bool {
        self.fast.is_some()
    }

    /// The same by the `tokenizers` library, which is the reference.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] if the tokenizer refuses.
    pub fn encode_by_library(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| LoraError::malformed("text", e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of token ids, without control tokens. An incomplete character shows as U+FFFD.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] if the tokenizer refuses.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.inner.decode(tokens, true).map_err(|e| LoraError::malformed("token ids", e))
    }

    /// The tokenizer as Hugging Face's `tokenizer.json`.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] if it cannot be written.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(false).map_err(|e| LoraError::malformed("tokenizer", e))
    }

    /// Number of tokens.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The token that ends a reply.
    #[must_use]
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// Digest of vocabulary, merges, token types and pre-tokenizer.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn token_text(&self, id: Option<u32>) -> String {
        id.and_then(|id| self.inner.id_to_token(id)).unwrap_or_default()
    }

    pub(super) fn bos(&self) -> Option<u32> {
        self.bos
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer {{ vocab_size: {}, digest: {} }}", self.vocab_size, self.digest)
    }
}

/// Tokens that are found in a text before anything is split, with their ids and kinds.
fn added<'a>(tokens: &'a [&'a str], kinds: &'a [i64]) -> impl Iterator<Item = (&'a str, u32, i64)> {
    let all = tokens.iter().zip(0u32..).zip(kinds).map(|((token, id), kind)| (*token, id, *kind));
    all.filter(|(_, _, kind)| matches!(*kind, CONTROL | USER_DEFINED))
}

fn build(pre: &str, tokens: &[&str], merges: &[&str], kinds: &[i64]) -> Result<tokenizers::Tokenizer> {
    let byte_level = ByteLevel::new(false, true, true);
    let splitter = match pre {
        // Digits one by one, then GPT-2's expression.
        "smollm" => {
            let parts = vec![Digits::new(true).into(), byte_level.into()];
            PreTokenizerWrapper::Sequence(Sequence::new(parts))
        }
        "gpt-2" => byte_level.into(),
        _ => {
            let found = pre.to_owned();
            return Err(LoraError::Unsupported { what: "tokenizer.ggml.pre", found, known: "smollm, gpt-2" });
        }
    };
    let pairs = merges.iter().map(|merge| match merge.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(wrong("tokenizer.ggml.merges", "pairs with a space between")),
    });
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    // The ids are the positions; a vocabulary of 2^32 tokens would not have been read.
    let vocab: tokenizers::models::bpe::Vocab =
        tokens.iter().zip(0u32..).map(|(token, id)| ((*token).to_owned(), id)).collect();
    let model = BPE::builder().vocab_and_merges(vocab, pairs).build();
    let mut tokenizer = tokenizers::Tokenizer::new(model.map_err(|e| LoraError::malformed("GGUF vocabulary", e))?);
    tokenizer.with_pre_tokenizer(Some(splitter));
    tokenizer.with_decoder(Some(byte_level));
    let special: Vec<_> =
        added(tokens, kinds).map(|(token, _, kind)| AddedToken::from(token, kind == CONTROL)).collect();
    let added = tokenizer.add_special_tokens(special);
    added.map_err(|e| LoraError::malformed("GGUF control tokens", e))?;
    Ok(tokenizer)
}

fn digest(pre: &str, tokens: &[&str], merges: &[&str], kinds: &[i64]) -> Digest {
    let mut hasher = DomainHasher::new("lazai.tokenizer.v1").part(b"byte-level-bpe").part(pre.as_bytes());
    for (token, kind) in tokens.iter().zip(kinds) {
        hasher = hasher.part(token.as_bytes()).part(&kind.to_le_bytes());
    }
    for merge in merges {
        hasher = hasher.part(merge.as_bytes());
    }
    hasher.finish()
}
