//! A stand-in for a model that tells how many replies it makes at a time, speaks slowly, and fails on demand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lazai::consumer::TokenCounter as _;
use lazai::lora::generate::{GenerateJob, Generation, Reply};
use lazai::lora::{About, GenerateError, Generator};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::message::Message;

use super::stand_in::{Words, count};

/// Tokens of every reply.
pub const WORDS: u32 = 40;

/// What is seen of a speaker, and told it.
#[derive(Debug, Default)]
pub struct Seen {
    pub begun: AtomicU64,
    pub running: AtomicU64,
    pub most: AtomicU64,
    pub fails: AtomicBool,
}

#[derive(Debug)]
pub struct Speaker {
    about: About,
    pace: Duration,
    pub seen: Arc<Seen>,
}

impl Speaker {
    pub fn new(pace: Duration) -> Self {
        let about = About::new("speaker".into(), sha256(b"base"), Words.digest(), "cpu".into());
        Self { about, pace, seen: Arc::default() }
    }
}

impl Generator for Speaker {
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
        let (seen, pace) = (self.seen.clone(), self.pace);
        seen.begun.fetch_add(1, Ordering::SeqCst);
        if seen.fails.load(Ordering::SeqCst) {
            return Generation::failed(GenerateError::Backend { backend: "speaker".into(), reason: "told to".into() });
        }
        Generation::on_thread(move |on_text| {
            let running = seen.running.fetch_add(1, Ordering::SeqCst) + 1;
            seen.most.fetch_max(running, Ordering::SeqCst);
            let mut reply = Reply { prompt_tokens: count(&job.messages), ..Reply::default() };
            for place in 0..WORDS.min(job.sampler.max_tokens) {
                std::thread::sleep(pace);
                // Other seeds speak other words.
                let token = (u32::try_from(job.seed % 700).unwrap() + place * 7) % 999;
                let text = Words.text(&[token]).unwrap();
                reply.tokens.push(token);
                reply.text.push_str(&text);
                if !on_text(&text) {
                    break;
                }
            }
            seen.running.fetch_sub(1, Ordering::SeqCst);
            Ok(reply)
        })
    }
}
