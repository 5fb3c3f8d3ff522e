//! One token after another, on the caller's thread.

use lazai_core::message::Message;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::model::{Cache, extend, logits};

/// Sampling parameters. Integers, so that receipts can hold them exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampler {
    /// Temperature in thousandths; 0 takes the likeliest token.
    pub temperature_milli: u32,
    /// Nucleus: the likeliest tokens that together have this probability, in thousandths.
    pub top_p_milli: u32,
    /// Most tokens of a reply.
    pub max_tokens: u32,
    /// So many of the likeliest tokens at most; 0 for all.
    #[serde(default)]
    pub top_k: u32,
    /// Tokens at least so likely, in thousandths of the likeliest one's probability.
    #[serde(default)]
    pub min_p_milli: u32,
    /// Scores of tokens that conversation or reply hold are divided by it where they are positive, multiplied where they are not, in
    /// thousandths; 1000 changes nothing.
    #[serde(default = "one")]
    pub repetition_penalty_milli: u32,
    /// Taken from the scores of tokens that the reply holds, in thousandths.
    #[serde(default)]
    pub presence_penalty_milli: i32,
    /// Taken from them for each time that the reply holds them, in thousandths.
    #[serde(default)]
    pub frequency_penalty_milli: i32,
}

fn one() -> u32 {
    1_000
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            temperature_milli: 600,
            top_p_milli: 900,
            max_tokens: 64,
            top_k: 0,
            min_p_milli: 0,
            repetition_penalty_milli: one(),
            presence_penalty_milli: 0,
            frequency_penalty_milli: 0,
        }
    }
}

impl Sampler {
    fn penalises(&self) -> bool {
        self.repetition_penalty_milli != one() || self.presence_penalty_milli != 0 || self.frequency_penalty_milli != 0
    }

    /// Scores less the penalties; `None` if there are none.
    fn penalised(&self, scores: &[f32], prompt: &[u32], reply: &[u32]) -> Option<Vec<f32>> {
        if !self.penalises() {
            return None;
        }
        let milli = |value: f64| (value / 1_000.0) as f32;
        let mut scores = scores.to_vec();
        let mut times = std::collections::BTreeMap::<u32, u32>::new();
        prompt.iter().for_each(|token| {
            times.entry(*token).or_default();
        });
        reply.iter().for_each(|token| *times.entry(*token).or_default() += 1);
        // A penalty of nothing would make infinities.
        let repetition = milli(self.repetition_penalty_milli.max(1).into());
        for (token, times) in times {
            let Some(score) = scores.get_mut(token as usize) else { continue };
            *score = if *score > 0.0 { *score / repetition } else { *score * repetition };
            if times > 0 {
                *score -= milli(self.presence_penalty_milli.into());
                *score -= milli(self.frequency_penalty_milli.into()) * times as f32;
            }
        }
        Some(scores)
    }
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The reply's text.
    pub text: String,
    /// Its token ids, with the closing control token if it came.
    pub tokens: Vec<u32>,
    /// Tokens of the conversation before it.
    pub prompt_tokens: u64,
}

/// The token ids of a conversation, up to the beginning of the character's answer.
///
/// # Errors
/// [`ModelError`] if template or tokenizer refuse.
pub fn prompt_tokens(
    tokenizer: &crate::base::Tokenizer,
    template: &crate::base::ChatTemplate,
    messages: &[Message],
) -> Result<Vec<u32>> {
    tokenizer.encode(&template.render(messages, true)?)
}

/// Answers a conversation. `on_text` is given each piece of text as it comes, and stops the reply by `false`.
///
/// # Errors
/// [`ModelError::ContextTooLong`] if conversation and reply do not fit, [`ModelError::Compute`].
pub fn generate(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    messages: &[Message],
    sampler: Sampler,
    seed: u64,
    mut on_text: impl FnMut(&str) -> bool,
) -> Result<Reply> {
    let prompt = prompt_tokens(base.tokenizer(), base.template(), messages)?;
    let total = prompt.len() + sampler.max_tokens as usize;
    if total > base.config.context {
        return Err(ModelError::ContextTooLong { tokens: total, max: base.config.context });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cache = Cache::new(base);
    let mut tokens = Vec::new();
    let mut said = String::new();
    let mut next = prompt.clone();
    while tokens.len() < sampler.max_tokens as usize {
        let hidden = extend(base, adapter, &next, &mut cache)?;
        let last = hidden.narrow(0, hidden.dim(0)? - 1, 1)?;
        let scores = logits(base, &last)?.squeeze(0)?.to_vec1::<f32>()?;
        let token = sample(&scores, sampler, &prompt, &tokens, &mut rng);
        tokens.push(token);
        // A control token of another kind ends a reply too: after it, the model would speak for somebody else.
        if token == base.tokenizer().eos() || base.tokenizer().is_control(token) {
            break;
        }
        // Whole characters only: a piece that ends inside one waits for the next token.
        let text = base.tokenizer().decode(&tokens)?;
        if !text.ends_with('\u{fffd}') {
            let go_on = text.strip_prefix(said.as_str()).is_none_or(&mut on_text);
            said = text;
            if !go_on {
                break;
            }
        }
        next = vec![token];
    }
    let text = base.tokenizer().decode(&tokens)?;
    Ok(Reply { text, tokens, prompt_tokens: prompt.len() as u64 })
}

/// Chooses the token after a conversation and the beginning of a reply, by its scores.
pub(crate) fn sample(scores: &[f32], sampler: Sampler, prompt: &[u32], reply: &[u32], rng: &mut ChaCha8Rng) -> u32 {
    let penalised = sampler.penalised(scores, prompt, reply);
    let scores = penalised.as_deref().unwrap_or(scores);
    // More than a thousand tokens never share a nucleus worth sampling from.
    const CANDIDATES: usize = 1000;
    let score = |token: u32| scores[token as usize];
    // Ties go to the lower id, so that the order is the same everywhere.
    let by_score = |a: &u32, b: &u32| score(*b).total_cmp(&score(*a)).then(a.cmp(b));
    let least = if sampler.temperature_milli == 0 { greatest(scores) } else { bound(scores, CANDIDATES) };
    let mut order: Vec<u32> =
        (0..scores.len() as u32).filter(|token| score(*token).total_cmp(&least).is_ge()).collect();
    if sampler.temperature_milli == 0 {
        return order.first().copied().unwrap_or(0);
    }
    if order.len() > CANDIDATES {
        order.select_nth_unstable_by(CANDIDATES, by_score);
        order.truncate(CANDIDATES);
    }
    order.sort_unstable_by(by_score);
    if sampler.top_k > 0 {
        order.truncate(sampler.top_k as usize);
    }
    let temperature = f64::from(sampler.temperature_milli) / 1000.0;
    let best = f64::from(score(order[0]));
    let mut weights: Vec<f64> = order.iter().map(|&t| ((f64::from(score(t)) - best) / temperature).exp()).collect();
    // The likeliest token's weight is 1.
    let least = f64::from(sampler.min_p_milli.min(1_000)) / 1_000.0;
    weights.truncate(weights.partition_point(|weight| *weight >= least));
    let nucleus = weights.iter().sum::<f64>() * f64::from(sampler.top_p_milli.min(1000)) / 1000.0;
    let mut kept = 0;
    let mut mass = 0.0;
    while kept < weights.len() && (kept == 0 || mass < nucleus) {
        mass += weights[kept];
        kept += 1;
    }
    let mut point = rng.next_u32() as f64 / (f64::from(u32::MAX) + 1.0) * mass;
    for (token, weight) in order[..kept].iter().zip(&weights) {
        point -= weight;
        if point < 0.0 {
            return *token;
        }
    }
    order[kept - 1]
}

/// The greatest score, in the order of [`f32::total_cmp`].
fn greatest(scores: &[f32]) -> f32 {
    scores.iter().copied().max_by(f32::total_cmp).unwrap_or(0.0)
}

/// A score that at least so many others reach, found without sorting all: each of as many parts has one.
fn bound(scores: &[f32], count: usize) -> f32 {
    let part = scores.len() / count;
    if part < 2 {
        return scores.iter().copied().min_by(f32::total_cmp).unwrap_or(0.0);
    }
    scores.chunks_exact(part).map(greatest).min_by(f32::total_cmp).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bound leaves out is never among the greatest.
    #[test]
    fn the_greatest_are_kept() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for len in [1, 5, 999, 1_000, 1_001, 2_500, 49_152] {
            let scores: Vec<f32> = (0..len).map(|_| (rng.next_u32() % 5_000) as f32 - 2_000.0).collect();
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            for count in [1, 10, 1_000] {
                assert!(bound(&scores, count) <= sorted[count.min(len) - 1], "{count} of {len}");
            }
            let best = scores.iter().position(|score| *score == sorted[0]);
            let greedy = Sampler { temperature_milli: 0, ..Sampler::default() };
            assert_eq!(Some(sample(&scores, greedy, &[], &[], &mut rng) as usize), best, "the first of the greatest");
        }
    }

    /// What is drawn under each setting, of four tokens with the probabilities 0.4, 0.3, 0.2 and 0.1.
    #[test]
    fn settings_leave_out_what_they_say() {
        let scores: Vec<f32> = [0.2_f32, 0.4, 0.1, 0.3].iter().map(|p| p.ln()).collect();
        let usual = Sampler { temperature_milli: 1_000, top_p_milli: 1_000, ..Sampler::default() };
        let drawn = |sampler: Sampler, prompt: &[u32], reply: &[u32]| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let drawn: Vec<u32> = (0..400).map(|_| sample(&scores, sampler, prompt, reply, &mut rng)).collect();
            [0, 1, 2, 3].map(|token| drawn.iter().filter(|drawn| **drawn == token).count())
        };
        let none = |counts: [usize; 4]| counts.map(|count| count > 0);
        assert_eq!(none(drawn(usual, &[], &[])), [true; 4]);
        assert_eq!(none(drawn(Sampler { top_k: 2, ..usual }, &[], &[])), [false, true, false, true]);
        assert_eq!(none(drawn(Sampler { min_p_milli: 450, ..usual }, &[], &[])), [true, true, false, true]);
        assert_eq!(none(drawn(Sampler { min_p_milli: 1_000, ..usual }, &[], &[])), [false, true, false, false]);
        assert_eq!(none(drawn(Sampler { top_p_milli: 650, ..usual }, &[], &[])), [false, true, false, true]);
        // Penalties of what the reply holds, as OpenAI has them; of what either holds, as Hugging Face has it.
        let presence = Sampler { presence_penalty_milli: 20_000, ..usual };
        assert_eq!(none(drawn(presence, &[1], &[3, 3])), [true, true, true, false]);
        let frequency = Sampler { frequency_penalty_milli: 10_000, ..usual };
        assert_eq!(none(drawn(frequency, &[], &[0, 1, 1, 1])), [false, false, true, true]);
        let repetition = Sampler { repetition_penalty_milli: 20_000, ..usual };
        assert_eq!(none(drawn(repetition, &[1], &[0])), [false, false, true, true]);
        let wanted = Sampler { presence_penalty_milli: -20_000, temperature_milli: 0, ..usual };
        assert_eq!(drawn(wanted, &[], &[2]), [0, 0, 400, 0], "a negative penalty asks for it");
    }
}
