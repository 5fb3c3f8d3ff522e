//! A stand-in for a model that repeats what it was asked wherever it can: in its reply, in its errors, in its last words.

use std::path::Path;

use lazai::consumer::TokenCounter;
use lazai::lora::generate::{GenerateJob, Generation, Reply};
use lazai::lora::{About, GenerateError, Generator};
use lazai::node::Moderator;
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::message::Message;

/// Words of every prompt.
pub const PROMPT: &str = "zanzibarite heliotrope";
/// The word of every reply.
pub const REPLY: &str = "quixotically";
/// Tokens of a reply.
pub const WORDS: u32 = 8;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Speak,
    Fail,
    Crash,
    Setting,
    Moderated,
    Long,
}

impl Ask {
    pub fn words(self) -> String {
        let words = format!("{self:?}: {PROMPT}");
        if self == Self::Long { format!("{words} {}", "again ".repeat(700)) } else { words }
    }
}

#[derive(Debug)]
pub struct Gossip(About);

impl Gossip {
    pub fn new() -> Self {
        Self(About::new("gossip".into(), sha256(b"base"), Counter.digest(), "cpu".into()))
    }
}

/// Counts as the stand-in does: a word is a token.
pub struct Counter;

impl TokenCounter for Counter {
    fn digest(&self) -> Digest {
        sha256(b"gossip")
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64> {
        Some(messages.iter().map(|m| 4 + m.content.split_whitespace().count() as u64).sum())
    }
    fn text(&self, tokens: &[u32]) -> Option<String> {
        Some(tokens.iter().map(|_| format!("{REPLY} ")).collect())
    }
    fn tokens(&self, text: &str) -> Option<u64> {
        Some(text.bytes().filter(|byte| *byte == b' ').count() as u64)
    }
}

impl Generator for Gossip {
    fn about(&self) -> &About {
        &self.0
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        Ok(Counter.prompt_tokens(messages).unwrap())
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        let said = job.messages.last().map(|message| message.content.clone()).unwrap_or_default();
        if said.starts_with("Crash") {
            panic!("byte index 1 is not a char boundary of `{said}`");
        }
        if said.starts_with("Setting") {
            return Generation::failed(GenerateError::Setting { setting: "stop".into(), reason: said });
        }
        if said.starts_with("Fail") {
            // A generator's own errors are its own; they may not repeat the words.
            return Generation::failed(GenerateError::Backend { backend: "gossip".into(), reason: "told to".into() });
        }
        Generation::on_thread(move |on_text| {
            let mut reply = Reply { prompt_tokens: Counter.prompt_tokens(&job.messages).unwrap(), ..Reply::default() };
            for token in 0..WORDS.min(job.sampler.max_tokens) {
                reply.tokens.push(token);
                let text = format!("{REPLY} ");
                reply.text.push_str(&text);
                if !on_text(&text) {
                    break;
                }
            }
            Ok(reply)
        })
    }
}

/// Stops some requests, and says why in their own words.
pub struct Strict;

impl Moderator for Strict {
    fn before(&self, messages: &[Message]) -> Option<String> {
        let last = messages.last().map(|message| message.content.clone()).unwrap_or_default();
        last.starts_with("Moderated").then_some(last)
    }
    fn after(&self, _: &str) -> Option<String> {
        None
    }
    fn is_live(&self) -> bool {
        true
    }
}
