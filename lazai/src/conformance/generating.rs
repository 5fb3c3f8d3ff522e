//! Rules of generators.

use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai_lora::{GenerateError, Generator};

const TOKENS: u32 = 12;

fn job(seed: u64) -> GenerateJob {
    let messages = vec![Message::new(Role::User, "Who are you?")];
    GenerateJob {
        adapter: None,
        conversation: None,
        shared: Vec::new(),
        messages,
        sampler: Sampler { max_tokens: TOKENS, ..Sampler::default() },
        seed,
        patience: GenerateJob::PATIENCE,
    }
}

async fn heard(mut generation: Generation) -> (String, Reply) {
    let mut heard = String::new();
    while let Some(piece) = generation.next().await {
        heard += &piece;
    }
    (heard, generation.reply().await.expect("a usual question is answered"))
}

pub async fn the_same_job_is_the_same_reply(generator: impl Generator) {
    let (first, second) = (generator.generate(job(7)), generator.generate(job(7)));
    let (first, second) = (heard(first).await.1, heard(second).await.1);
    // Who promises no kind of machine promises no bits.
    if !generator.about().machine.is_empty() {
        assert_eq!(first, second, "side by side or alone");
        assert_eq!(heard(generator.generate(job(7))).await.1, first);
    }
}

pub async fn pieces_are_the_text(generator: impl Generator) {
    for seed in 0..3 {
        let (heard, reply) = heard(generator.generate(job(seed))).await;
        // A character that its last token leaves incomplete comes with the whole alone.
        assert!(reply.text.starts_with(&heard), "heard {heard:?}, whole {:?}", reply.text);
    }
}

pub async fn a_reply_ends_before_a_stop_string(generator: impl Generator) {
    let whole = heard(generator.generate(job(7))).await.1.text;
    let mut letters: Vec<char> = whole.chars().filter(|letter| *letter != char::REPLACEMENT_CHARACTER).collect();
    let Some(stop) = letters.drain(..).nth(whole.chars().count() / 2).map(String::from) else { return };
    let mut job = job(7);
    job.sampler.stop = vec![stop.clone()];
    let (heard, reply) = heard(generator.generate(job)).await;
    assert!(!heard.contains(&stop) && !reply.text.contains(&stop), "{:?} with the stop string {stop:?}", reply.text);
}

pub async fn a_setting_that_cannot_be_heeded_is_refused(generator: impl Generator) {
    let mut job = job(1);
    job.sampler.logit_bias_milli = [(u32::MAX, 1)].into();
    let refused = generator.generate(job).reply().await;
    assert!(matches!(&refused, Err(GenerateError::Setting { setting, .. }) if setting == "logit_bias"), "{refused:?}");
}

pub async fn a_reply_is_no_longer_than_asked_for(generator: impl Generator) {
    for most in [1, TOKENS] {
        let mut job = job(1);
        job.sampler.max_tokens = most;
        let tokens = heard(generator.generate(job)).await.1.tokens.len();
        assert!((1..=most as usize).contains(&tokens), "{tokens} tokens, at most {most}");
    }
}

pub async fn the_prompt_is_counted_as_it_is_read(generator: impl Generator) {
    let counted = generator.prompt_tokens(&job(1).messages).expect("counted");
    assert_eq!(heard(generator.generate(job(1))).await.1.prompt_tokens, counted);
}

pub async fn an_adapter_that_was_not_loaded_is_refused(generator: impl Generator) {
    let digest = sha256(b"no adapter");
    let refused = generator.generate(GenerateJob { adapter: Some(digest), ..job(1) }).reply().await;
    assert!(matches!(refused, Err(GenerateError::UnknownAdapter { digest: found }) if found == digest), "{refused:?}");
}

pub async fn a_dropped_reply_hinders_none(generator: impl Generator) {
    let mut left = generator.generate(job(1));
    left.next().await;
    drop(left);
    drop(generator.generate(job(2)));
    heard(generator.generate(job(3))).await;
}
