//! DRY: a penalty on tokens that go on as the text went on before.

use std::collections::{BTreeMap, HashMap};

use super::sampler::Dry;
use crate::base::Tokenizer;
use crate::error::Result;

/// The greatest penalty: scores stay finite.
const MOST: f64 = 1e30;

/// The state of the penalty over a growing text.
#[derive(Debug)]
pub(super) struct Repetition {
    dry: Dry,
    /// For each token of the text: whether a repetition ends there.
    breaks: Vec<bool>,
    known: HashMap<u32, bool>,
}

impl Repetition {
    /// The state after a conversation; `None` if nothing is penalised.
    pub(super) fn new(dry: &Dry, tokenizer: &Tokenizer, prompt: &[u32]) -> Result<Option<Self>> {
        if dry.multiplier_milli == 0 {
            return Ok(None);
        }
        let mut new = Self { dry: dry.clone(), breaks: Vec::new(), known: HashMap::new() };
        prompt.iter().try_for_each(|token| new.push(tokenizer, *token))?;
        Ok(Some(new))
    }

    /// Takes the next token.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> Result<()> {
        let breaks = match self.known.get(&token) {
            Some(breaks) => *breaks,
            None => {
                let text = tokenizer.decode(&[token])?;
                // A control token stands between messages: what another said is not gone on with.
                let found = text.is_empty() && tokenizer.is_control(token)
                    || self.dry.sequence_breakers.iter().any(|breaker| text.contains(breaker));
                *self.known.entry(token).or_insert(found)
            }
        };
        self.breaks.push(breaks);
        Ok(())
    }

    /// Takes the penalties from the scores of tokens that would go on with a repetition in `text`, all of whose tokens were taken.
    pub(super) fn penalise(&self, scores: &mut [f32], text: &[u32]) {
        let factor = f64::from(self.dry.multiplier_milli) / 1_000.0;
        let base = f64::from(self.dry.base_milli) / 1_000.0;
        for (token, length) in repeated(text, &self.breaks, self.dry.allowed_length.max(1) as usize) {
            let Some(score) = scores.get_mut(token as usize) else { continue };
            let beyond = length - self.dry.allowed_length.max(1) as usize;
            let penalty = factor * base.powi(i32::try_from(beyond).unwrap_or(i32::MAX));
            #[allow(clippy::cast_possible_truncation, reason = "scores are so")]
            let penalty = penalty.min(MOST) as f32;
            *score -= penalty;
        }
    }
}

/// Tokens that followed, earlier in the text, what the text ends with, and for how many tokens it was the same; not less than `least`.
fn repeated(text: &[u32], breaks: &[bool], least: usize) -> BTreeMap<u32, usize> {
    let mut found = BTreeMap::new();
    let len = text.len();
    let most = breaks.iter().rev().position(|breaks| *breaks).unwrap_or(len);
    if most < least {
        return found;
    }
    // The Z algorithm over the reversed text: in linear time, whatever is said.
    let at = |place: usize| text[len - 1 - place];
    let (mut same, mut left, mut right) = (vec![0; len], 0, 0);
    for place in 1..len {
        let mut length: usize = if place < right { (right - place).min(same[place - left]) } else { 0 };
        while place + length < len && at(length) == at(place + length) {
            length += 1;
        }
        same[place] = length;
        if place + length > right {
            (left, right) = (place, place + length);
        }
        let (length, next) = (length.min(most), len - place);
        if length >= least && !breaks[next] {
            let longest = found.entry(text[next]).or_insert(0);
            *longest = length.max(*longest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    /// As its author wrote it, in quadratic time.
    fn slowly(text: &[u32], breaks: &[bool], least: usize) -> BTreeMap<u32, usize> {
        let (mut found, len) = (BTreeMap::new(), text.len());
        for next in 1..len {
            if breaks[next] {
                continue;
            }
            let same = |back: usize| back <= next && text[next - back] == text[len - back] && !breaks[len - back];
            let length = (1..).take_while(|back| same(*back)).count();
            if length >= least {
                let longest = found.entry(text[next]).or_insert(0);
                *longest = length.max(*longest);
            }
        }
        found
    }

    #[test]
    fn repetitions_are_found_as_slowly() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..3_000 {
            let (len, kinds) = (rng.next_u32() % 40, 1 + rng.next_u32() % 4);
            let text: Vec<u32> = (0..len).map(|_| rng.next_u32() % kinds).collect();
            let breaker = rng.next_u32() % 6;
            let breaks: Vec<bool> = text.iter().map(|token| *token == breaker).collect();
            let least = 1 + rng.next_u32() as usize % 3;
            assert_eq!(repeated(&text, &breaks, least), slowly(&text, &breaks, least), "{text:?} {breaker} {least}");
        }
    }

    #[test]
    fn the_penalty_grows_with_the_length() {
        let dry = Dry { multiplier_milli: 800, base_milli: 2_000, allowed_length: 2, sequence_breakers: Vec::new() };
        let text = [1, 2, 3, 4, 9, 2, 3, 5, 9, 1, 2, 3];
        let repetition = Repetition { dry, breaks: vec![false; text.len()], known: HashMap::new() };
        let mut scores = [1.0; 10];
        repetition.penalise(&mut scores, &text);
        // After "1 2 3" came 4; after "2 3" came 5.
        assert_eq!(scores, [1.0, 1.0, 1.0, 1.0, 1.0 - 1.6, 1.0 - 0.8, 1.0, 1.0, 1.0, 1.0]);
        let long: Vec<u32> = vec![7; 4_000];
        let repetition = Repetition { breaks: vec![false; long.len()], ..repetition };
        repetition.penalise(&mut scores, &long);
        assert!(scores[7].is_finite() && scores[7] < -1e29);
    }
}
