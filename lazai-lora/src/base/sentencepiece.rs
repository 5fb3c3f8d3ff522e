//! SentencePiece's BPE, as GGUF files of Llama 2, TinyLlama and Mistral hold it: pieces with scores instead of merges.
//!
//! T. Kudo, J. Richardson, "SentencePiece", 2018. Of two neighbouring pieces those are joined whose union has the best
//! score; so the merges, in order, are all pairs of pieces that make a piece, by its score.

use std::collections::HashMap;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::prepend::Prepend;
use tokenizers::normalizers::replace::Replace;
use tokenizers::normalizers::utils::Sequence as Normalizers;
use tokenizers::{AddedToken, Tokenizer};

use super::gguf::wrong;
use crate::error::{ModelError, Result};

const SPACE: &str = "\u{2581}";
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The tokenizer and its digest.
pub(super) fn build(tokens: &[&str], scores: &[f32], kinds: &[i64], prefix: bool) -> Result<(Tokenizer, Digest)> {
    if scores.len() != tokens.len() {
        return Err(wrong("tokenizer.ggml.scores", "one entry per token"));
    }
    let refused = |e: tokenizers::Error| ModelError::malformed("GGUF vocabulary", e);
    let ids: HashMap<&str, usize> = tokens.iter().copied().zip(0..).collect();
    let mut merges = Vec::new();
    for (token, &score) in tokens.iter().zip(scores) {
        let splits = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
        let mut pairs: Vec<_> = splits.filter_map(|(l, r)| Some((*ids.get(l)?, *ids.get(r)?, l, r))).collect();
        pairs.sort_unstable();
        merges.extend(pairs.into_iter().map(|(_, _, left, right)| (score, left.to_owned(), right.to_owned())));
    }
    // A stable sort: pairs of equal score stay in the order of the vocabulary.
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let merges = merges.into_iter().map(|(_, left, right)| (left, right)).collect();
    let vocab: tokenizers::models::bpe::Vocab =
        tokens.iter().zip(0u32..).map(|(token, id)| ((*token).to_owned(), id)).collect();
    let unknown = tokens.iter().zip(kinds).find(|(_, kind)| **kind == UNKNOWN).map(|(token, _)| (*token).to_owned());
    let mut model = BPE::builder().vocab_and_merges(vocab, merges).byte_fallback(true).fuse_unk(true);
    if let Some(unknown) = unknown {
        model = model.unk_token(unknown);
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(refused)?);
    let spaces = Replace::new(" ", SPACE).map_err(refused)?.into();
    let mut normalizers = if prefix { vec![Prepend::new(SPACE.to_owned()).into()] } else { Vec::new() };
    normalizers.push(spaces);
    tokenizer.with_normalizer(Some(Normalizers::new(normalizers))).map_err(refused)?;
    let mut decoders =
        vec![Replace::new(SPACE, " ").map_err(refused)?.into(), ByteFallback::default().into(), Fuse::default().into()];
    if prefix {
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer.with_decoder(Some(Decoders::new(decoders)));
    let added = tokens.iter().zip(kinds).filter(|(_, kind)| matches!(**kind, UNKNOWN | CONTROL | USER_DEFINED));
    let added: Vec<_> =
        added.map(|(token, kind)| AddedToken::from(*token, *kind != USER_DEFINED).normalized(false)).collect();
    tokenizer.add_special_tokens(added).map_err(refused)?;

    let mut hasher = DomainHasher::new("lazai.tokenizer.v1").part(b"sentencepiece-bpe").part(&[prefix.into()]);
    for ((token, kind), score) in tokens.iter().zip(kinds).zip(scores) {
        hasher = hasher.part(token.as_bytes()).part(&kind.to_le_bytes()).part(&score.to_le_bytes());
    }
    Ok((tokenizer, hasher.finish()))
}
