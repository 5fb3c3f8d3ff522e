//! A byte-level vocabulary: tokens by id, merges in order, kinds by id.

use std::collections::HashMap;

use super::bpe::{Bpe, alphabet};
use super::{MAX_TOKENS, Result, Splitting, TokenizerError};
use crate::Digest;
use crate::digest::DomainHasher;
use crate::tools::opens_a_call;

/// Longest token.
const MAX_TOKEN_BYTES: usize = 4_096;

/// The kind of a token, by GGUF's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(pub i64);

impl Kind {
    /// Control tokens such as `<|im_end|>`: they have no text, but for those that open a call.
    pub const CONTROL: Self = Self(3);
    /// Tokens that the model's author added: found in a text before it is split.
    pub const USER_DEFINED: Self = Self(4);
    /// All others.
    pub const NORMAL: Self = Self(1);
}

/// A byte-level vocabulary.
#[derive(Clone)]
pub struct Vocabulary {
    pre: String,
    tokens: Vec<String>,
    merges: Vec<String>,
    kinds: Vec<Kind>,
}

impl Vocabulary {
    /// A vocabulary: the name of its splitting, tokens by id, merges in order as `left right`, kinds by id.
    ///
    /// # Errors
    /// [`TokenizerError::TooLarge`]; [`TokenizerError::Malformed`] if there is not one kind for each token.
    pub fn new(pre: String, tokens: Vec<String>, merges: Vec<String>, kinds: Vec<Kind>) -> Result<Self> {
        if kinds.len() != tokens.len() {
            let reason = format!("{} kinds for {} tokens", kinds.len(), tokens.len());
            return Err(TokenizerError::malformed("vocabulary", reason));
        }
        if tokens.len().max(merges.len()) > MAX_TOKENS {
            return Err(TokenizerError::too_large("vocabulary", MAX_TOKENS));
        }
        if tokens.iter().any(|token| token.len() > MAX_TOKEN_BYTES) {
            return Err(TokenizerError::too_large("token", MAX_TOKEN_BYTES));
        }
        Ok(Self { pre, tokens, merges, kinds })
    }

    /// The name of its splitting.
    #[must_use]
    pub fn pre(&self) -> &str {
        &self.pre
    }

    /// Tokens by id.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Merges in order, each as `left right`.
    #[must_use]
    pub fn merges(&self) -> &[String] {
        &self.merges
    }

    /// Kinds by id.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The text of a token.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    /// The id of a token.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokens.iter().zip(0..).filter(|(t, _)| *t == token).map(|(_, id)| id).last()
    }

    /// The encoder of texts to token ids.
    ///
    /// # Errors
    /// [`TokenizerError`] for an unknown splitting, and for merges of things that are not tokens.
    pub fn bpe(&self) -> Result<Bpe> {
        let tokens: Vec<&str> = self.tokens.iter().map(String::as_str).collect();
        let merges: Vec<&str> = self.merges.iter().map(String::as_str).collect();
        let of_kind = |kind: Kind| {
            let all = self.tokens.iter().zip(0u32..).zip(&self.kinds);
            let found = all.filter(move |((token, _), k)| **k == kind && !token.is_empty());
            found.map(|((token, id), _)| (token.as_str(), id)).collect::<Vec<_>>()
        };
        let (control, added) = (of_kind(Kind::CONTROL), of_kind(Kind::USER_DEFINED));
        Bpe::new(Splitting::named(&self.pre)?, &tokens, &merges, &control, &added)
    }

    /// Digest of vocabulary, merges, token types and pre-tokenizer.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = DomainHasher::new("lazai.tokenizer.v1").part(b"byte-level-bpe").part(self.pre.as_bytes());
        for (token, kind) in self.tokens.iter().zip(&self.kinds) {
            hasher = hasher.part(token.as_bytes()).part(&kind.0.to_le_bytes());
        }
        for merge in &self.merges {
            hasher = hasher.part(merge.as_bytes());
        }
        hasher.finish()
    }

    /// The text of a reply's token ids; see [`Counter::text`](super::Counter::text).
    pub(super) fn text(&self, ids: &[u32]) -> Option<String> {
        let letters: HashMap<char, u8> = alphabet().into_iter().zip(0..=255).collect();
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for (place, &id) in ids.iter().enumerate() {
            let token = self.token(id)?;
            if self.kinds[id as usize] == Kind::CONTROL && !opens_a_call(token) {
                // Only the end of the reply may be a token without text.
                if place + 1 < ids.len() {
                    return None;
                }
                continue;
            }
            let before = bytes.len();
            for letter in token.chars() {
                match letters.get(&letter) {
                    Some(byte) => bytes.push(*byte),
                    // A token that is spelled in other letters stands for itself.
                    None => {
                        bytes.truncate(before);
                        bytes.extend_from_slice(token.as_bytes());
                        break;
                    }
                }
            }
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vocabulary {{ pre: {:?}, tokens: {}, merges: {} }}", self.pre, self.tokens.len(), self.merges.len())
    }
}
