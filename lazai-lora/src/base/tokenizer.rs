//! The model's tokenizer: byte-level BPE with a known pre-tokenizer, or SentencePiece's BPE, from a GGUF file; or any
//! tokenizer from `tokenizer.json`.

use aho_corasick::{AhoCorasick, Input, MatchKind};
use lazai_core::Digest;
use lazai_core::digest::{DomainHasher, canonical_json};
use lazai_core::tokenizer::{Bpe, Kind, MAX_TOKENS, Splitting, Vocabulary};
use lazai_core::tools::opens_a_call;
use tokenizers::AddedToken;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::gguf::{Metadata, wrong};
use super::{sentencepiece, splitter};
use crate::error::{ModelError, Result};

/// A tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The fast way, if the vocabulary has the shape for it.
    fast: Option<Bpe>,
    /// The control tokens: they are found in a text before it is split, and have no text themselves.
    control: AhoCorasick,
    /// The control tokens that have no text, in order.
    silent: Vec<u32>,
    /// Control tokens that open a call, in order: they have a text in replies.
    openers: Vec<u32>,
    /// True if a text, cut at control tokens and line ends, has the tokens of its parts.
    cuts_anywhere: bool,
    vocab_size: usize,
    eos: u32,
    bos: Option<u32>,
    digest: Digest,
}

impl Tokenizer {
    pub(super) fn from_gguf(metadata: &Metadata<'_>) -> Result<Self> {
        let model = metadata.text("tokenizer.ggml.model")?;
        let texts = |key: &str| -> Result<Vec<&str>> {
            let values = metadata.array(key)?.iter();
            values.map(|v| v.to_string().map(String::as_str).map_err(|_| wrong(key, "strings"))).collect()
        };
        let tokens = texts("tokenizer.ggml.tokens")?;
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
            let value = metadata.unsigned(key)?;
            u32::try_from(value).ok().filter(|&n| (n as usize) < vocab_size)
        };
        let eos =
            id("tokenizer.ggml.eos_token_id").ok_or_else(|| wrong("tokenizer.ggml.eos_token_id", "a token id"))?;
        let bos = id("tokenizer.ggml.bos_token_id");
        match model {
            "gpt2" => {
                let (pre, merges) = (metadata.text("tokenizer.ggml.pre")?, texts("tokenizer.ggml.merges")?);
                let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
                let kinds = kinds.into_iter().map(Kind).collect();
                let vocabulary = Vocabulary::new(pre.to_owned(), owned(tokens), owned(merges), kinds)?;
                let inner = build(&vocabulary)?;
                let (fast, digest) = (vocabulary.bpe().ok(), vocabulary.digest());
                Self::of(inner, fast, true, (vocab_size, eos, bos), digest)
            }
            "llama" => {
                let scores = metadata.array("tokenizer.ggml.scores")?.iter();
                let scores = scores.map(|v| v.to_f32().map_err(|_| wrong("tokenizer.ggml.scores", "floats")));
                let scores = scores.collect::<Result<Vec<_>>>()?;
                let prefix = metadata.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
                let (inner, digest) = sentencepiece::build(&tokens, &scores, &kinds, prefix)?;
                Self::of(inner, None, false, (vocab_size, eos, bos), digest)
            }
            _ => {
                let found = model.to_owned();
                Err(ModelError::Unsupported { what: "tokenizer.ggml.model", found, known: "gpt2, llama" })
            }
        }
    }

    /// Reads Hugging Face's `tokenizer.json`. A byte-level vocabulary with a known pre-tokenizer has the digest that it
    /// has in a GGUF file.
    pub(crate) fn from_json(bytes: &[u8], eos: &str, bos: Option<&str>) -> Result<Self> {
        const FILE: &str = "tokenizer.json";
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| ModelError::malformed(FILE, e))?;
        // The library panics if a file is JSON but describes no tokenizer; it has no state that could be left half done.
        let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes));
        let read = read.map_err(|_| ModelError::malformed(FILE, "describes no tokenizer"))?;
        let mut inner = read.map_err(|e| ModelError::malformed(FILE, e))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| ModelError::malformed(FILE, e))?;
        let missing = || ModelError::malformed(FILE, format!("no token {eos:?}"));
        let eos = inner.token_to_id(eos).ok_or_else(missing)?;
        let bos = bos.and_then(|token| inner.token_to_id(token));
        let highest = inner.get_vocab(true).into_values().max();
        let vocab_size = highest.map_or(0, |id| id as usize + 1);
        if vocab_size > MAX_TOKENS {
            return Err(ModelError::malformed(FILE, format!("token id {vocab_size}, at most {MAX_TOKENS} are read")));
        }
        if let Ok(vocabulary) = Vocabulary::from_json(bytes) {
            let (fast, digest) = (vocabulary.bpe().ok(), vocabulary.digest());
            return Self::of(inner, fast, true, (vocab_size, eos, bos), digest);
        }
        let cuts_anywhere = value["decoder"]["type"] == "ByteLevel";
        let canonical = canonical_json(&value).map_err(|e| ModelError::malformed(FILE, e))?;
        let digest = DomainHasher::new("lazai.tokenizer.json.v1").part(&canonical).finish();
        Self::of(inner, None, cuts_anywhere, (vocab_size, eos, bos), digest)
    }

    fn of(
        inner: tokenizers::Tokenizer,
        fast: Option<Bpe>,
        cuts_anywhere: bool,
        (vocab_size, eos, bos): (usize, u32, Option<u32>),
        digest: Digest,
    ) -> Result<Self> {
        let special = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let (mut openers, mut silent): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        special.for_each(|(id, token)| if opens_a_call(&token.content) { &mut openers } else { &mut silent }.push(id));
        openers.sort_unstable();
        silent.sort_unstable();
        let control = control(&inner)?;
        Ok(Self { inner, fast, control, silent, openers, cuts_anywhere, vocab_size, eos, bos, digest })
    }

    /// The token ids of a text; control tokens written out in it are recognised.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the tokenizer refuses.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match &self.fast {
            Some(fast) => Ok(fast.encode(text)),
            None => self.encode_by_library(text),
        }
    }

    /// Tells whether the fast way is used.
    #[must_use]
    pub fn is_fast(&self) -> bool {
        self.fast.is_some()
    }

    /// The same by the `tokenizers` library, which is the reference.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the tokenizer refuses.
    pub fn encode_by_library(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| ModelError::malformed("text", e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The tokens that the library puts around a text where a model asks for them: those of an empty one.
    pub(crate) fn frame(&self) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast("", true).map_err(|e| ModelError::malformed("tokenizer", e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids with the place in the text where each begins, in bytes.
    pub(super) fn encode_with_places(&self, text: &str) -> Result<Vec<(u32, usize)>> {
        let encoding = self.inner.encode(text, false).map_err(|e| ModelError::malformed("text", e))?;
        let starts = encoding.get_offsets().iter().map(|(start, _)| *start);
        Ok(encoding.get_ids().iter().copied().zip(starts).collect())
    }

    /// The text with `mark` behind the first character of each control token that it writes out; `None` if it writes none.
    pub(super) fn cut_control(&self, text: &str, mark: char) -> Option<String> {
        let (mut cut, mut from) = (String::new(), 0);
        // Tokens may overlap: the next may begin within this one.
        while let Some(hit) = self.control.find(Input::new(text).range(from..)) {
            let first = text[hit.start()..].chars().next().map_or(1, char::len_utf8);
            cut.push_str(&text[from..hit.start() + first]);
            cut.push(mark);
            from = hit.start() + first;
        }
        (from > 0).then(|| cut + &text[from..])
    }

    /// Tells whether a text, cut between the template's text and a message's, has the tokens of its parts.
    pub(super) fn cuts_anywhere(&self) -> bool {
        self.cuts_anywhere
    }

    /// The text of token ids, without control tokens that open no call. An incomplete character shows as U+FFFD.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the tokenizer refuses.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        let decode =
            |tokens: &[u32]| self.inner.decode(tokens, true).map_err(|e| ModelError::malformed("token ids", e));
        let mut text = String::new();
        let mut rest = tokens;
        while let Some(place) = rest.iter().position(|token| self.openers.contains(token)) {
            text += &decode(&rest[..place])?;
            text += &self.token_text(Some(rest[place]));
            rest = &rest[place + 1..];
        }
        Ok(text + &decode(rest)?)
    }

    /// Control tokens that open a call.
    pub(crate) fn openers(&self) -> &[u32] {
        &self.openers
    }

    /// The tokenizer as Hugging Face's `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if it cannot be written.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(false).map_err(|e| ModelError::malformed("tokenizer", e))
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

    /// Tells whether a token is a control token such as `<|im_end|>`, which has no text. One that opens a call has.
    #[must_use]
    pub fn is_control(&self, token: u32) -> bool {
        self.silent.binary_search(&token).is_ok()
    }

    /// Tells whether a control token has this text.
    pub(super) fn has_control(&self, text: &str) -> bool {
        self.inner.get_added_vocabulary().is_special_token(text)
    }

    /// Digest of vocabulary, merges, token types and pre-tokenizer.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The text of a token; empty if there is none.
    #[must_use]
    pub fn token_text(&self, id: Option<u32>) -> String {
        id.and_then(|id| self.inner.id_to_token(id)).unwrap_or_default()
    }

    /// The token that begins a text, if the model has one.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer {{ vocab_size: {}, digest: {} }}", self.vocab_size, self.digest)
    }
}

/// Finds the control tokens that a text writes out.
fn control(inner: &tokenizers::Tokenizer) -> Result<AhoCorasick> {
    let mut texts: Vec<String> =
        inner.get_added_tokens_decoder().into_values().filter(|t| t.special).map(|t| t.content).collect();
    texts.retain(|text| !text.is_empty());
    texts.sort_unstable();
    let matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&texts);
    matcher.map_err(|e| ModelError::malformed("control tokens", e))
}

/// The library's tokenizer for a vocabulary.
fn build(vocabulary: &Vocabulary) -> Result<tokenizers::Tokenizer> {
    let splitting = Splitting::named(vocabulary.pre())?;
    let (normalizer, pre_tokenizer) = splitter::known(splitting)?;
    let pairs = vocabulary.merges().iter().map(|merge| match merge.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(wrong("tokenizer.ggml.merges", "pairs with a space between")),
    });
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    // The ids are the positions.
    let vocab: tokenizers::models::bpe::Vocab = vocabulary.tokens().iter().cloned().zip(0u32..).collect();
    let model = BPE::builder().vocab_and_merges(vocab, pairs).ignore_merges(splitting == Splitting::Llama3).build();
    let mut tokenizer = tokenizers::Tokenizer::new(model.map_err(|e| ModelError::malformed("GGUF vocabulary", e))?);
    tokenizer.with_normalizer(normalizer).map_err(|e| ModelError::malformed("GGUF vocabulary", e))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, true)));
    let added = vocabulary.tokens().iter().zip(vocabulary.kinds());
    let added = added.filter(|(_, kind)| matches!(**kind, Kind::CONTROL | Kind::USER_DEFINED));
    let added: Vec<_> = added.map(|(token, kind)| AddedToken::from(token.as_str(), *kind == Kind::CONTROL)).collect();
    let added = tokenizer.add_special_tokens(added);
    added.map_err(|e| ModelError::malformed("GGUF control tokens", e))?;
    Ok(tokenizer)
}
