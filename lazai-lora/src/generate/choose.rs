//! One token out of scores: what is added to them and taken from them, and the draw.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::sampler::{Sampler, one};
use crate::recheck::TOLERANCE_PPM;

/// More than a thousand tokens never share a nucleus worth sampling from.
const CANDIDATES: usize = 1000;

fn milli(value: impl Into<f64>) -> f32 {
    #[allow(clippy::cast_possible_truncation, reason = "scores are so")]
    let value = (value.into() / 1_000.0) as f32;
    value
}

impl Sampler {
    /// Tells whether scores are to be changed by [`bias_and_penalise`](Self::bias_and_penalise).
    pub(super) fn changes_scores(&self) -> bool {
        !self.logit_bias_milli.is_empty()
            || self.repetition_penalty_milli != one()
            || self.presence_penalty_milli != 0
            || self.frequency_penalty_milli != 0
    }

    /// Adds the biases, then takes the penalties.
    pub(super) fn bias_and_penalise(&self, scores: &mut [f32], prompt: &[u32], reply: &[u32]) {
        for (token, bias) in &self.logit_bias_milli {
            if let Some(score) = scores.get_mut(*token as usize) {
                *score += milli(*bias);
            }
        }
        let mut times = BTreeMap::<u32, u32>::new();
        prompt.iter().for_each(|token| {
            times.entry(*token).or_default();
        });
        reply.iter().for_each(|token| *times.entry(*token).or_default() += 1);
        // A penalty of nothing would make infinities.
        let repetition = milli(self.repetition_penalty_milli.max(1));
        for (token, times) in times {
            let Some(score) = scores.get_mut(token as usize) else { continue };
            *score = if *score > 0.0 { *score / repetition } else { *score * repetition };
            if times > 0 {
                *score -= milli(self.presence_penalty_milli);
                *score -= milli(self.frequency_penalty_milli) * times as f32;
            }
        }
    }
}

/// Draws a token by its scores. Tokens of a score of minus infinity are never drawn, unless there is no other.
pub(super) fn draw(scores: &[f32], sampler: &Sampler, rng: &mut ChaCha8Rng) -> u32 {
    let score = |token: u32| scores[token as usize];
    // Ties go to the lower id, so that the order is the same everywhere.
    let by_score = |a: &u32, b: &u32| score(*b).total_cmp(&score(*a)).then(a.cmp(b));
    let least = if sampler.temperature_milli == 0 { greatest(scores) } else { bound(scores, CANDIDATES) };
    let is_candidate = |token: &u32| score(*token).total_cmp(&least).is_ge() && score(*token) != f32::NEG_INFINITY;
    let mut order: Vec<u32> = (0..scores.len() as u32).filter(is_candidate).collect();
    let Some(first) = order.first().copied() else { return 0 };
    if sampler.temperature_milli == 0 {
        return first;
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
    let weight = |token: u32| ((f64::from(score(token)) - best) / temperature).exp();
    let mut weighed: Vec<(u32, f64)> = order.iter().map(|&token| (token, weight(token))).collect();
    if sampler.typical_p_milli < one() {
        weighed = typical(&weighed, f64::from(sampler.typical_p_milli) / 1000.0);
    }
    // Of the likeliest token's weight.
    let least = f64::from(sampler.min_p_milli.min(1_000)) / 1_000.0 * weighed[0].1;
    weighed.truncate(weighed.partition_point(|(_, weight)| *weight >= least));
    let nucleus =
        weighed.iter().map(|(_, weight)| weight).sum::<f64>() * f64::from(sampler.top_p_milli.min(1000)) / 1000.0;
    let mut kept = 0;
    let mut mass = 0.0;
    while kept < weighed.len() && (kept == 0 || mass < nucleus) {
        mass += weighed[kept].1;
        kept += 1;
    }
    let mut point = f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0) * mass;
    for (token, weight) in &weighed[..kept] {
        point -= weight;
        if point < 0.0 {
            return *token;
        }
    }
    weighed[kept - 1].0
}

/// Draws with other scores, within the tolerance, by which a token is looked for.
const BLURS: usize = 32;

/// Tells whether scores that deviate within the tolerance of a repeat draw a token, with the same chance.
pub(super) fn is_near(scores: &[f32], sampler: &Sampler, rng: &ChaCha8Rng, token: u32) -> bool {
    if scores.get(token as usize).is_none_or(|score| *score == f32::NEG_INFINITY) {
        return false;
    }
    let finite = || scores.iter().filter(|score| score.is_finite()).map(|score| f64::from(*score));
    let count = finite().count().max(1) as f64;
    let mean = finite().sum::<f64>() / count;
    let spread = (finite().map(|score| (score - mean) * (score - mean)).sum::<f64>() / count).sqrt();
    // The sum of four even chances has a third as its variance.
    let scale = (spread * f64::from(TOLERANCE_PPM) / 1e6 * 3.0_f64.sqrt()) as f32;
    let mut noise = ChaCha8Rng::seed_from_u64(token.into());
    let mut blurred = scores.to_vec();
    (0..BLURS).any(|_| {
        for (blurred, score) in blurred.iter_mut().zip(scores) {
            let four: f32 = (0..4).map(|_| noise.next_u32() as f32 / u32::MAX as f32 - 0.5).sum();
            *blurred = score + four * scale;
        }
        draw(&blurred, sampler, &mut rng.clone()) == token
    })
}

/// The tokens whose surprise is nearest to the expected one, as many as have the probability together; in their order, one at least.
fn typical(weighed: &[(u32, f64)], probability: f64) -> Vec<(u32, f64)> {
    let sum: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    let surprise = |weight: f64| -(weight / sum).ln();
    let expected: f64 =
        weighed.iter().filter(|(_, w)| *w > 0.0).map(|(_, weight)| weight / sum * surprise(*weight)).sum();
    let distance = |place: usize| (surprise(weighed[place].1) - expected).abs();
    let mut places: Vec<usize> = (0..weighed.len()).collect();
    places.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
    let mut mass = 0.0;
    let mut kept = 0;
    while kept < places.len() && (kept == 0 || mass < probability) {
        mass += weighed[places[kept]].1 / sum;
        kept += 1;
    }
    places.truncate(kept);
    places.sort_unstable();
    places.into_iter().map(|place| weighed[place]).collect()
}

/// The greatest score, in the order of [`f32::total_cmp`].
pub(super) fn greatest(scores: &[f32]) -> f32 {
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

    fn sample(scores: &[f32], sampler: &Sampler, prompt: &[u32], reply: &[u32], rng: &mut ChaCha8Rng) -> u32 {
        let mut scores = scores.to_vec();
        sampler.bias_and_penalise(&mut scores, prompt, reply);
        draw(&scores, sampler, rng)
    }

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
            assert_eq!(Some(draw(&scores, &greedy, &mut rng) as usize), best, "the first of the greatest");
        }
    }

    /// What is drawn under each setting, of four tokens with the probabilities 0.4, 0.3, 0.2 and 0.1.
    #[test]
    fn settings_leave_out_what_they_say() {
        let scores: Vec<f32> = [0.2_f32, 0.4, 0.1, 0.3].iter().map(|p| p.ln()).collect();
        let usual = || Sampler { temperature_milli: 1_000, top_p_milli: 1_000, ..Sampler::default() };
        let drawn = |sampler: Sampler, prompt: &[u32], reply: &[u32]| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let drawn: Vec<u32> = (0..400).map(|_| sample(&scores, &sampler, prompt, reply, &mut rng)).collect();
            [0, 1, 2, 3].map(|token| drawn.iter().filter(|drawn| **drawn == token).count())
        };
        let none = |counts: [usize; 4]| counts.map(|count| count > 0);
        assert_eq!(none(drawn(usual(), &[], &[])), [true; 4]);
        assert_eq!(none(drawn(Sampler { top_k: 2, ..usual() }, &[], &[])), [false, true, false, true]);
        assert_eq!(none(drawn(Sampler { min_p_milli: 450, ..usual() }, &[], &[])), [true, true, false, true]);
        assert_eq!(none(drawn(Sampler { min_p_milli: 1_000, ..usual() }, &[], &[])), [false, true, false, false]);
        assert_eq!(none(drawn(Sampler { top_p_milli: 650, ..usual() }, &[], &[])), [false, true, false, true]);
        // Penalties of what the reply holds, as OpenAI has them; of what either holds, as Hugging Face has it.
        let presence = Sampler { presence_penalty_milli: 20_000, ..usual() };
        assert_eq!(none(drawn(presence, &[1], &[3, 3])), [true, true, true, false]);
        let frequency = Sampler { frequency_penalty_milli: 10_000, ..usual() };
        assert_eq!(none(drawn(frequency, &[], &[0, 1, 1, 1])), [false, false, true, true]);
        let repetition = Sampler { repetition_penalty_milli: 20_000, ..usual() };
        assert_eq!(none(drawn(repetition, &[1], &[0])), [false, false, true, true]);
        let wanted = Sampler { presence_penalty_milli: -20_000, temperature_milli: 0, ..usual() };
        assert_eq!(drawn(wanted, &[], &[2]), [0, 0, 400, 0], "a negative penalty asks for it");

        let bias = Sampler { logit_bias_milli: [(2, 100_000), (1, -100_000)].into(), ..usual() };
        assert_eq!(drawn(bias, &[], &[]), [0, 0, 400, 0]);
        // Surprises are 1.61, 0.92, 2.30 and 1.20, expected are 1.28: the nearest are token 3, then 0, then 1.
        let typical = |typical_p_milli| Sampler { typical_p_milli, ..usual() };
        assert_eq!(none(drawn(typical(290), &[], &[])), [false, false, false, true]);
        assert_eq!(none(drawn(typical(310), &[], &[])), [true, false, false, true]);
        assert_eq!(none(drawn(typical(600), &[], &[])), [true, true, false, true]);
        assert_eq!(none(drawn(typical(950), &[], &[])), [true; 4]);
    }

    /// A score of minus infinity is never drawn, whatever the settings, and there may be nothing to draw.
    #[test]
    fn what_is_masked_is_never_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for round in 0..2_000 {
            let len = 1 + rng.next_u32() as usize % 3_000;
            let open = rng.next_u32() as usize % 4;
            let mut scores = vec![f32::NEG_INFINITY; len];
            for _ in 0..open {
                scores[rng.next_u32() as usize % len] = (rng.next_u32() % 100) as f32 - 200.0;
            }
            let sampler = Sampler {
                temperature_milli: rng.next_u32() % 3 * 500,
                top_p_milli: rng.next_u32() % 1_001,
                typical_p_milli: rng.next_u32() % 1_001,
                min_p_milli: rng.next_u32() % 1_001,
                top_k: rng.next_u32() % 3,
                ..Sampler::default()
            };
            let token = draw(&scores, &sampler, &mut rng) as usize;
            assert!(open == 0 || scores[token] > f32::NEG_INFINITY, "round {round}");
        }
    }
}
