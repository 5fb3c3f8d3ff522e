//! A reply in the making: what all generators of this crate do with the scores of the next token.

use lazai_core::reply::{FinishReason, ReplyNotes, TokenLogprobs, before_stop, before_stop_token};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::Reply;
use super::choose::{draw, greatest, is_near};
use super::constraint::{Constraint, Grammars};
use super::dry::Repetition;
use super::logprobs::logprobs;
use super::pieces::Pieces;
use super::sampler::Sampler;
use super::stops::Stops;
use crate::base::Tokenizer;
use crate::error::{GenerateError, Result};
use crate::recheck::{Drawn, TrailWriter};

/// A reply in the making.
#[derive(Debug)]
pub(crate) struct Writing {
    /// Conversation and reply.
    tokens: Vec<u32>,
    prompt: usize,
    sampler: Sampler,
    seed: u64,
    rng: ChaCha8Rng,
    pieces: Pieces,
    stops: Stops,
    repetition: Option<Repetition>,
    constraint: Option<Constraint>,
    /// Tokens that are not chosen before the reply has its least length.
    ends: Vec<u32>,
    logprobs: Vec<TokenLogprobs>,
    finished: Option<FinishReason>,
}

/// What a token did to a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The text that can be told now.
    pub(crate) text: String,
    /// True if the reply is whole.
    pub(crate) ended: bool,
}

impl Writing {
    /// Begins a reply. Everything that takes longer than a step is done here.
    ///
    /// # Errors
    /// [`GenerateError::Setting`] for a setting that this model cannot heed.
    pub(crate) fn begin(
        tokenizer: &Tokenizer,
        grammars: &Grammars,
        vocab_size: usize,
        prompt: Vec<u32>,
        sampler: Sampler,
        seed: u64,
    ) -> Result<Self, GenerateError> {
        GenerateError::check_tokens("logit_bias", sampler.logit_bias_milli.keys(), vocab_size)?;
        GenerateError::check_tokens("stop_token_ids", &sampler.stop_tokens, vocab_size)?;
        let constraint = sampler.format.as_ref().map(|format| grammars.constraint(tokenizer, format)).transpose()?;
        let mut ends = Vec::new();
        if sampler.min_tokens > 0 {
            #[allow(clippy::cast_possible_truncation, reason = "token ids have 32 bits")]
            let is_end = |token: &u32| {
                *token == tokenizer.eos() || tokenizer.is_control(*token) || sampler.stop_tokens.contains(token)
            };
            ends = (0..vocab_size as u32).filter(is_end).collect();
        }
        Ok(Self {
            prompt: prompt.len(),
            repetition: Repetition::new(&sampler.dry, tokenizer, &prompt)?,
            stops: Stops::new(&sampler.stop),
            tokens: prompt,
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            pieces: Pieces::default(),
            logprobs: Vec::new(),
            // A reply of no tokens is whole before it began.
            finished: (sampler.max_tokens == 0).then_some(FinishReason::Length),
            sampler,
            constraint,
            ends,
        })
    }

    /// Conversation and reply so far.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The conversation before the reply.
    pub(crate) fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt]
    }

    /// Most tokens of conversation and reply.
    pub(crate) fn most_tokens(&self) -> usize {
        self.prompt.saturating_add(self.sampler.max_tokens as usize)
    }

    /// True if the reply is whole.
    pub(crate) fn is_ended(&self) -> bool {
        self.finished.is_some()
    }

    /// A trail for it.
    pub(crate) fn trail(&self) -> TrailWriter {
        TrailWriter::new(self.seed)
    }

    fn reply_tokens(&self) -> &[u32] {
        &self.tokens[self.prompt..]
    }

    /// Chooses the next token by its scores.
    ///
    /// # Errors
    /// [`GenerateError`].
    pub(crate) fn choose(&mut self, tokenizer: &Tokenizer, scores: &[f32]) -> Result<Written, GenerateError> {
        // A failure after some words would cost nothing, and always come at the same place: the reply is cut instead.
        let Ok(changed) = self.changed(scores) else { return Ok(self.end(FinishReason::Length, String::new())) };
        let token = draw(changed.as_deref().unwrap_or(scores), &self.sampler, &mut self.rng);
        self.take(tokenizer, scores, token)
    }

    /// Goes on with a token that somebody says was chosen by these scores, and tells whether it would have been.
    ///
    /// # Errors
    /// [`GenerateError`].
    pub(crate) fn follow(&mut self, tokenizer: &Tokenizer, scores: &[f32], token: u32) -> Result<Drawn, GenerateError> {
        // Here, the reply is cut, and no token chosen.
        let Ok(changed) = self.changed(scores) else { return Ok(Drawn::Other) };
        let changed = changed.as_deref().unwrap_or(scores);
        let before = self.rng.clone();
        let drawn = if draw(changed, &self.sampler, &mut self.rng) == token {
            Drawn::Same
        } else if is_near(changed, &self.sampler, &before, token) {
            Drawn::Near
        } else {
            Drawn::Other
        };
        self.take(tokenizer, scores, token)?;
        Ok(drawn)
    }

    /// Takes the next token.
    fn take(&mut self, tokenizer: &Tokenizer, scores: &[f32], token: u32) -> Result<Written, GenerateError> {
        self.tokens.push(token);
        // A control token of another kind ends a reply too: after it, the model would speak for somebody else.
        let is_end = token == tokenizer.eos() || tokenizer.is_control(token);
        if let Some(top) = self.sampler.top_logprobs.filter(|_| !is_end) {
            self.logprobs.push(logprobs(tokenizer, scores, token, top)?);
        }
        if is_end || self.sampler.stop_tokens.contains(&token) {
            return Ok(self.end(FinishReason::Stop, String::new()));
        }
        if let Some(repetition) = &mut self.repetition {
            repetition.push(tokenizer, token)?;
        }
        let piece = self.pieces.next(tokenizer, &self.tokens[self.prompt..])?.unwrap_or_default();
        let (text, stopped) = self.stops.push(&piece);
        let complete = match &mut self.constraint {
            Some(constraint) => constraint.push(token),
            None => Ok(false),
        };
        if stopped || matches!(complete, Ok(true)) {
            return Ok(self.end(FinishReason::Stop, text));
        }
        if complete.is_err() || self.reply_tokens().len() >= self.sampler.max_tokens as usize {
            return Ok(self.end(FinishReason::Length, text));
        }
        Ok(Written { text, ended: false })
    }

    fn end(&mut self, reason: FinishReason, mut text: String) -> Written {
        self.finished = Some(reason);
        text += &self.stops.rest();
        Written { text, ended: true }
    }

    /// The scores with everything that changes them; `None` if nothing does.
    fn changed(&mut self, scores: &[f32]) -> Result<Option<Vec<f32>>, GenerateError> {
        let (prompt, reply) = self.tokens.split_at(self.prompt);
        let is_short = reply.len() < self.sampler.min_tokens as usize;
        if !self.sampler.changes_scores() && self.repetition.is_none() && self.constraint.is_none() && !is_short {
            return Ok(None);
        }
        let mut changed = scores.to_vec();
        if self.sampler.changes_scores() {
            self.sampler.bias_and_penalise(&mut changed, prompt, reply);
        }
        if let Some(repetition) = &self.repetition {
            repetition.penalise(&mut changed, &self.tokens);
        }
        if let Some(constraint) = &mut self.constraint {
            constraint.mask(&mut changed)?;
        }
        if is_short {
            let kept: Vec<f32> = self.ends.iter().map(|token| changed[*token as usize]).collect();
            self.ends.iter().for_each(|token| changed[*token as usize] = f32::NEG_INFINITY);
            if greatest(&changed) == f32::NEG_INFINITY {
                self.ends.iter().zip(kept).for_each(|(token, score)| changed[*token as usize] = score);
            }
        }
        Ok(Some(changed))
    }

    /// The reply as it is.
    ///
    /// # Errors
    /// [`ModelError::Malformed`](crate::ModelError::Malformed) if the tokenizer refuses.
    pub(crate) fn reply(&self, tokenizer: &Tokenizer) -> Result<Reply> {
        let tokens = self.reply_tokens();
        let whole = tokenizer.decode(before_stop_token(tokens, &self.sampler.stop_tokens))?;
        let text = before_stop(&whole, &self.sampler.stop);
        let cut = text.len() < whole.len();
        let finish_reason = if cut { FinishReason::Stop } else { self.finished.unwrap_or(FinishReason::Length) };
        let logprobs = self.sampler.top_logprobs.map(|_| self.logprobs.clone());
        let notes = ReplyNotes { finish_reason, logprobs };
        let prompt_tokens = self.prompt as u64;
        Ok(Reply { text: text.to_owned(), tokens: tokens.to_vec(), prompt_tokens, notes, trail: None })
    }
}
