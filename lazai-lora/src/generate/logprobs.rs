//! Logarithmic probabilities of tokens, as the model gives them.

use lazai_core::reply::{ScoredToken, TokenLogprobs};

use super::choose::greatest;
use crate::base::Tokenizer;
use crate::error::Result;

/// What stands for a probability of nothing, as OpenAI has it.
const LEAST: f64 = -9999.0;

/// The probability of a token and of so many of the likeliest, by the scores before any setting.
pub(super) fn logprobs(tokenizer: &Tokenizer, scores: &[f32], token: u32, top: u32) -> Result<TokenLogprobs> {
    let best = f64::from(greatest(scores));
    let sum = scores.iter().map(|score| (f64::from(*score) - best).exp()).sum::<f64>().ln() + best;
    let scored = |token: u32| {
        let logprob = scores.get(token as usize).map_or(LEAST, |score| (f64::from(*score) - sum).max(LEAST));
        #[allow(clippy::cast_possible_truncation, reason = "at least -9999 and at most 0")]
        let logprob_micro = (logprob * 1e6).round().min(0.0) as i64;
        Ok(ScoredToken { token, text: tokenizer.decode(&[token])?, logprob_micro })
    };
    let top = likeliest(scores, top as usize).into_iter().map(scored).collect::<Result<_>>()?;
    Ok(TokenLogprobs { chosen: scored(token)?, top })
}

/// The tokens of the greatest scores, the greatest first, of equal ones the lower id.
fn likeliest(scores: &[f32], count: usize) -> Vec<u32> {
    let by_score = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    if count == 0 {
        return Vec::new();
    }
    if count < order.len() {
        order.select_nth_unstable_by(count, by_score);
        order.truncate(count);
    }
    order.sort_unstable_by(by_score);
    order
}
