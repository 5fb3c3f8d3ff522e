//! A stand-in for a model: it says words that follow from seed and conversation, a word a token, so that whoever heard
//! them can count them again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lazai::consumer::TokenCounter;
use lazai::lora::generate::{GenerateJob, Generation, Reply};
use lazai::lora::{About, GenerateError, Generator};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::message::Message;

use super::dice::Dice;

/// Most tokens of a reply.
pub const MAX_TOKENS: u32 = 48;
/// A question that begins so is answered with long words: more than a line holds that nobody reads.
pub const AT_LENGTH: &str = "At length: ";
/// A question that begins so is answered slowly: whoever kills the node meets it in mid-reply.
pub const SLOWLY: &str = "Slowly: ";
/// Token ids from here on are long words.
const LONG: u32 = 1_000;
/// Bytes of a long word.
const LONG_BYTES: usize = 64 << 10;
/// Most microseconds between two words.
const PACE_US: u64 = 2_000;
/// The same, for who is answered slowly.
const SLOW_PACE_US: u64 = 80_000;

/// The stand-in.
#[derive(Debug)]
pub struct StandIn {
    about: About,
    /// Replies that were begun.
    pub begun: Arc<AtomicU64>,
    /// Replies that nobody waited for.
    pub left: Arc<AtomicU64>,
}

impl StandIn {
    pub fn new() -> Self {
        let about = About::new("stand-in".into(), sha256(b"base"), tokenizer(), "cpu".into());
        Self { about, begun: Arc::default(), left: Arc::default() }
    }
}

/// Counts as the stand-in does.
pub struct Words;

impl TokenCounter for Words {
    fn digest(&self) -> Digest {
        tokenizer()
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64> {
        Some(count(messages))
    }
    fn text(&self, tokens: &[u32]) -> Option<String> {
        Some(tokens.iter().map(|token| word(*token)).collect())
    }
    fn tokens(&self, text: &str) -> Option<u64> {
        Some(count_heard(text))
    }
}

fn tokenizer() -> Digest {
    sha256(b"words")
}

/// Tokens of a conversation: its words, and four for each message.
pub fn count(messages: &[Message]) -> u64 {
    messages.iter().map(|m| 4 + m.content.split_whitespace().count() as u64).sum()
}

/// Tokens of what was heard of a reply: whole words.
pub fn count_heard(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b' ').count() as u64
}

fn word(token: u32) -> String {
    if token < LONG { format!("w{token} ") } else { format!("w{token}{} ", "x".repeat(LONG_BYTES)) }
}

impl Generator for StandIn {
    fn about(&self) -> &About {
        &self.about
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        Ok(count(messages))
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let words = job.messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n");
        let long = if job.messages.last().is_some_and(|m| m.content.starts_with(AT_LENGTH)) { LONG } else { 0 };
        let slow = job.messages.last().is_some_and(|m| m.content.starts_with(SLOWLY));
        let pace_us = if slow { SLOW_PACE_US } else { PACE_US };
        let mut dice = Dice::of(job.seed, &words);
        let most = job.sampler.max_tokens.min(MAX_TOKENS).into();
        let wanted = if long > 0 { most } else { 1 + dice.below(most) };
        let left = self.left.clone();
        Generation::on_thread(move |on_text| {
            let mut reply = Reply { prompt_tokens: count(&job.messages), ..Reply::default() };
            for _ in 0..wanted {
                std::thread::sleep(Duration::from_micros(dice.below(pace_us)));
                let token = long + u32::try_from(dice.below(LONG.into())).unwrap_or_default();
                let text = word(token);
                reply.tokens.push(token);
                reply.text.push_str(&text);
                if !on_text(&text) {
                    left.fetch_add(1, Ordering::SeqCst);
                    break;
                }
            }
            Ok(reply)
        })
    }
}
