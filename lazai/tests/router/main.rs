//! A router over several generators: who answers, and what happens when one fails.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../simulation/dice.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod dice;
#[path = "../proxy/speaker.rs"]
#[allow(dead_code, reason = "the proxy's tests use all of it")]
mod speaker;
#[path = "../soak/stand_in.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod stand_in;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lazai::http::{RouterError, RouterGenerator};
use lazai::lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai::lora::{About, GenerateError, Generator};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use pollster::block_on;
use speaker::{Seen, Speaker};

fn job(conversation: &str) -> GenerateJob {
    GenerateJob {
        adapter: Some(sha256(b"adapter")),
        conversation: Some(sha256(conversation.as_bytes())),
        shared: Vec::new(),
        messages: vec![Message::new(Role::User, "Who are you?")],
        sampler: Sampler { max_tokens: 20, ..Sampler::default() },
        seed: 7,
        patience: GenerateJob::PATIENCE,
    }
}

/// A router over so many speakers, with the adapter.
fn router(count: usize, pace: Duration) -> (RouterGenerator, Vec<Arc<Seen>>) {
    let speakers: Vec<Speaker> = (0..count).map(|_| Speaker::new(pace)).collect();
    let seen = speakers.iter().map(|speaker| speaker.seen.clone()).collect();
    let backends = speakers.into_iter().map(|speaker| Arc::new(speaker) as Arc<dyn Generator>).collect();
    let router = RouterGenerator::new(backends).unwrap();
    router.load_adapter(Path::new("adapter")).unwrap();
    (router, seen)
}

fn begun(seen: &[Arc<Seen>]) -> Vec<u64> {
    seen.iter().map(|seen| seen.begun.load(Ordering::SeqCst)).collect()
}

fn reply(generation: Generation) -> Result<Reply, GenerateError> {
    block_on(generation.reply())
}

#[test]
fn replies_are_spread_over_those_that_have_least_to_do() {
    let (router, seen) = router(3, Duration::from_millis(10));
    let making: Vec<Generation> = (0..9).map(|number| router.generate(job(&number.to_string()))).collect();
    assert_eq!(begun(&seen), [3, 3, 3]);
    let replies: Vec<Reply> = making.into_iter().map(|generation| reply(generation).unwrap()).collect();
    assert!(replies.iter().all(|reply| *reply == replies[0]), "backends of one kind say the same");
    // Replies that nobody hears to their end are no longer under way either.
    drop(router.generate(job("dropped")));
    let again: Vec<Generation> = (9..12).map(|number| router.generate(job(&number.to_string()))).collect();
    let counts = begun(&seen);
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    drop(again);
}

#[test]
fn a_conversation_goes_on_where_it_was_unless_that_is_far_busier() {
    let (router, seen) = router(3, Duration::from_millis(5));
    for conversation in ["one", "two", "three"] {
        // The others are kept busy, so that each has a backend of its own.
        let busy: Vec<Generation> =
            (0..2).map(|number| router.generate(job(&format!("{conversation} {number}")))).collect();
        reply(router.generate(job(conversation))).unwrap();
        drop(busy);
    }
    let had = begun(&seen);
    for _ in 0..3 {
        reply(router.generate(job("one"))).unwrap();
    }
    let has = begun(&seen);
    let grown: Vec<u64> = has.iter().zip(&had).map(|(has, had)| has - had).filter(|more| *more > 0).collect();
    assert_eq!(grown, [3], "all at one backend");
    let making: Vec<Generation> = (0..12).map(|_| router.generate(job("one"))).collect();
    let spread = begun(&seen).iter().zip(&has).filter(|(now, before)| now > before).count();
    assert_eq!(spread, 3, "too much for one is shared");
    drop(making);
}

#[test]
fn a_backend_that_fails_is_left_for_a_while_and_the_next_answers() {
    let (router, seen) = router(2, Duration::ZERO);
    seen[0].fails.store(true, Ordering::SeqCst);
    for number in 0..4 {
        assert_eq!(reply(router.generate(job(&number.to_string()))).unwrap().tokens.len(), 20);
    }
    assert_eq!(begun(&seen), [1, 4], "one try");
    // When all fail, the reason is told; and one that is left is asked all the same.
    seen[1].fails.store(true, Ordering::SeqCst);
    let failed = reply(router.generate(job("none"))).unwrap_err();
    assert!(matches!(failed, GenerateError::Backend { .. }), "{failed}");
    assert_eq!(begun(&seen), [2, 5]);
    seen.iter().for_each(|seen| seen.fails.store(false, Ordering::SeqCst));
    reply(router.generate(job("again"))).unwrap();
}

#[test]
fn an_adapter_that_no_backend_has_is_refused() {
    let (router, seen) = router(2, Duration::ZERO);
    let unknown = GenerateJob { adapter: Some(Digest::ZERO), ..job("one") };
    let refused = reply(router.generate(unknown)).unwrap_err();
    assert!(matches!(refused, GenerateError::UnknownAdapter { digest } if digest == Digest::ZERO), "{refused}");
    assert_eq!(begun(&seen), [0, 0]);
}

/// A speaker on another base.
#[derive(Debug)]
struct Other(About);

impl Generator for Other {
    fn about(&self) -> &About {
        &self.0
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(Digest::ZERO)
    }
    fn prompt_tokens(&self, _: &[Message]) -> Result<u64, GenerateError> {
        Ok(0)
    }
    fn generate(&self, _: GenerateJob) -> Generation {
        Generation::failed(GenerateError::Busy { waiting: 0 })
    }
}

#[test]
fn backends_have_one_base_and_one_tokenizer() {
    assert_eq!(RouterGenerator::new(Vec::new()).unwrap_err(), RouterError::Empty);
    let first = Speaker::new(Duration::ZERO);
    let tokenizer = first.about().tokenizer_digest;
    let with = |base, tokenizer| {
        let other = Other(About::new("other".into(), base, tokenizer, "cpu".into()));
        let first: Arc<dyn Generator> = Arc::new(Speaker::new(Duration::ZERO));
        RouterGenerator::new(vec![first, Arc::new(other)]).map(|_| ())
    };
    with(sha256(b"base"), tokenizer).unwrap();
    let refused = with(sha256(b"another"), tokenizer).unwrap_err();
    assert!(matches!(refused, RouterError::Other { place: 1, what: "base model", .. }), "{refused}");
    let refused = with(sha256(b"base"), Digest::ZERO).unwrap_err();
    assert!(matches!(refused, RouterError::Other { what: "tokenizer", .. }), "{refused}");
}
