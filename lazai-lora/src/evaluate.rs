//! Measures a model's prediction of the character's words.

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result, TrainError};
use crate::model::{Cache, cross_entropy, extend, logits};

/// Token ids of a dialogue, and which of them the character says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The token ids.
    pub tokens: Vec<u32>,
    /// As long as `tokens`: true for tokens that count.
    pub mask: Vec<bool>,
}

impl Example {
    /// Positions whose next token counts, with that token. The first token is never predicted.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (u32, u32)> {
        let next = self.tokens.iter().zip(&self.mask).zip(0u32..).skip(1);
        next.filter(|((_, said), _)| **said).map(|((&token, _), position)| (position - 1, token))
    }
}

/// Shortest prefix that is worth computing only once.
const MIN_SHARED: usize = 64;

/// The perplexity of the character's words in some dialogues: `exp` of their [`mean_loss`].
///
/// # Errors
/// As [`mean_loss`].
pub fn perplexity(base: &BaseModel, adapter: Option<&Adapter>, examples: &[Example]) -> Result<f64, TrainError> {
    Ok(mean_loss(base, adapter, examples)?.exp())
}

/// The mean negative log-likelihood of the character's words in some dialogues, in nats per token.
///
/// A long beginning that all of them share, such as a system prompt, is computed once.
///
/// # Errors
/// [`TrainError::NothingToLearn`] if the character says nothing in them.
pub fn mean_loss(base: &BaseModel, adapter: Option<&Adapter>, examples: &[Example]) -> Result<f64, TrainError> {
    let shared = shared_prefix(examples);
    let before = examples.first().map_or(&[][..], |first| &first.tokens[..shared]);
    measured(base, adapter, before, examples, shared)
}

/// As [`mean_loss`], of examples that go on from the same tokens.
pub(crate) fn mean_loss_after(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    before: &[u32],
    examples: &[Example],
) -> Result<f64, TrainError> {
    if before.is_empty() { mean_loss(base, adapter, examples) } else { measured(base, adapter, before, examples, 0) }
}

/// The mean loss of examples of which the first `shared` tokens stand in `before`.
fn measured(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    before: &[u32],
    examples: &[Example],
    shared: usize,
) -> Result<f64, TrainError> {
    let mut cache = Cache::new(base);
    if !before.is_empty() {
        extend(base, adapter, before, &mut cache)?;
    }
    let (mut sum, mut count) = (0.0, 0u64);
    for example in examples {
        let (rows, labels): (Vec<u32>, Vec<u32>) = example.targets().unzip();
        if rows.is_empty() {
            continue;
        }
        let hidden = extend(base, adapter, &example.tokens[shared..], &mut cache.clone())?;
        let rows: Vec<u32> = rows.into_iter().map(|row| row - shared as u32).collect();
        let rows = candle_core::Tensor::new(rows, &base.device)?;
        let (losses, _) = cross_entropy(base, &hidden.index_select(&rows, 0)?, &labels, false)?;
        count += losses.len() as u64;
        sum += losses.iter().copied().map(f64::from).sum::<f64>();
    }
    if count == 0 { Err(TrainError::NothingToLearn) } else { Ok(sum / count as f64) }
}

/// Scores (logits) of every token of the vocabulary after each token of a sequence: `[tokens][vocabulary]`.
///
/// # Errors
/// [`ModelError::ContextTooLong`], [`ModelError::TokenOutOfRange`], [`ModelError::Compute`].
pub fn scores(base: &BaseModel, adapter: Option<&Adapter>, tokens: &[u32]) -> Result<Vec<Vec<f32>>, ModelError> {
    let hidden = extend(base, adapter, tokens, &mut Cache::new(base))?;
    Ok(logits(base, &hidden)?.to_vec2::<f32>()?)
}

/// The number of first tokens that all examples share and of which none predicts a word that counts; 0 if few.
fn shared_prefix(examples: &[Example]) -> usize {
    let Some(first) = examples.first() else { return 0 };
    let shared = examples.iter().map(|example| {
        let equal = example.tokens.iter().zip(&first.tokens).take_while(|(a, b)| a == b).count();
        let counted = example.targets().next().map_or(usize::MAX, |(row, _)| row as usize);
        equal.min(counted)
    });
    shared.min().filter(|&n| n >= MIN_SHARED).unwrap_or(0)
}
