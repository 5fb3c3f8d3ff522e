#![allow(clippy::unwrap_used)]

mod schedules;
mod steps;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::pages::{PAGE, Shape};
use super::{DiskRoom, Engine, EngineSettings};
use crate::adapter::{Adapter, LoraConfig, Targets};
use crate::base::{BaseModel, WeightFormat};
use crate::device::Compute;
use crate::error::GenerateError;
use crate::generate::{GenerateJob, Generator, Reply, Sampler, generate};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models")
}

fn base(name: &str, format: WeightFormat) -> BaseModel {
    BaseModel::open(&vectors().join(name), &Compute::cpu(), format).unwrap()
}

/// An adapter that changes something.
fn adapter(base: &BaseModel, seed: u64, rank: usize) -> Adapter {
    let config = LoraConfig { rank, alpha: 2 * rank, rank_stabilised: false, targets: Targets::AllLinear };
    let mut adapter = Adapter::new(base, config, seed).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let changed = adapter.parameters().iter().map(|parameter| {
        let values = (0..parameter.elem_count()).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.2);
        candle_core::Tensor::from_vec(values.collect::<Vec<_>>(), parameter.shape(), parameter.device()).unwrap()
    });
    let changed: Vec<_> = changed.collect();
    adapter.parameters_mut().clone_from_slice(&changed);
    adapter
}

fn job(words: &str, seed: u64) -> GenerateJob {
    let sampler = Sampler { max_tokens: 24, ..Sampler::default() };
    let messages = vec![Message::new(Role::User, words)];
    GenerateJob {
        adapter: None,
        conversation: None,
        shared: Vec::new(),
        messages,
        sampler,
        seed,
        patience: GenerateJob::PATIENCE,
    }
}

fn answered(engine: &Engine, job: GenerateJob) -> Result<Reply, GenerateError> {
    block_on(engine.generate(job).reply())
}

fn engine(settings: EngineSettings) -> Engine {
    Engine::new(Arc::new(base("llama3", WeightFormat::F32)), settings).unwrap()
}

/// A reply is the one that the generator of training makes, whoever else is answered, and whatever was said before.
#[test]
fn replies_are_the_same_beside_others() {
    let base = Arc::new(base("llama3", WeightFormat::F32));
    let settings = EngineSettings { replies: 3, step_tokens: 8, ..EngineSettings::default() };
    let engine = Engine::new(base.clone(), settings).unwrap();
    let jobs: Vec<_> = (0..12).map(|i| job(&"Who are you? ".repeat(1 + i % 4), i as u64)).collect();
    let running: Vec<_> = jobs.iter().map(|job| engine.generate(job.clone())).collect();
    // Some leave at once.
    drop(engine.generate(job("Nobody hears this.", 1)));
    for (job, running) in jobs.iter().zip(running) {
        let reply = block_on(running.reply()).unwrap();
        assert_eq!(reply, answered(&engine, job.clone()).unwrap());
        let expected = generate(&base, None, &job.messages, &job.sampler, job.seed, |_| true).unwrap();
        assert_eq!(reply.prompt_tokens, expected.prompt_tokens);
        if job.seed == 0 {
            assert_eq!(Reply { trail: None, ..reply }, expected);
        }
    }
}

/// What was computed for a conversation is found by its next turn, changes nothing, and is forgotten where room is small.
#[test]
fn conversations_go_on() {
    let page = Shape::new(base("llama3", WeightFormat::F32).config()).bytes();
    for conversation_bytes in [1 << 30, 12 * page] {
        let engine = engine(EngineSettings { conversation_bytes, ..EngineSettings::default() });
        let (mut named, mut unnamed) =
            (job("Tell me of the sea, and of ships.", 1), job("Tell me of the sea, and of ships.", 1));
        named.conversation = Some(sha256(b"a conversation"));
        for turn in 0..3 {
            let (with, without) =
                (answered(&engine, named.clone()).unwrap(), answered(&engine, unnamed.clone()).unwrap());
            assert_eq!(with, without, "turn {turn}");
            for job in [&mut named, &mut unnamed] {
                job.messages.push(Message::new(Role::Assistant, with.text.clone()));
                job.messages.push(Message::new(Role::User, "Go on."));
            }
        }
    }
}

/// A published card is computed once for all who talk with its character, of the same adapter. Words that follow it are not.
#[test]
fn a_card_is_computed_once() {
    let base = Arc::new(base("llama3", WeightFormat::F32));
    let engine = Engine::new(base.clone(), EngineSettings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    adapter(&base, 1, 2).save(folder.path(), "tiny").unwrap();
    let digest = engine.load_adapter(folder.path()).unwrap();
    let card = Message::new(Role::System, "You sing in the harbour, every night. ".repeat(3));
    let known_of = |job: &GenerateJob| {
        let before = engine.counts().known_tokens;
        let reply = answered(&engine, job.clone()).unwrap();
        let alone = GenerateJob { conversation: None, shared: Vec::new(), ..job.clone() };
        assert_eq!(reply, answered(&engine, alone).unwrap());
        (engine.counts().known_tokens - before) as usize
    };
    let asked = |conversation: &[u8], words: &str| {
        let mut job = job(words, 1);
        job.messages.insert(0, card.clone());
        (job.conversation, job.shared) = (Some(sha256(conversation)), vec![card.clone()]);
        job
    };
    let words = "I am Ada, and I will not tell anybody. ".repeat(2);
    let card_tokens = base.tokenizer().encode(&card.content).unwrap().len();
    assert_eq!(known_of(&asked(b"one", &words)), 0);
    // The same words in another conversation: of the card alone, nothing is computed again.
    let known = known_of(&asked(b"another", &words));
    assert!(known >= card_tokens / PAGE * PAGE && known <= card_tokens + PAGE, "{known} of {card_tokens}");
    let own = known_of(&asked(b"one", &words));
    assert!(own > known, "{own} of a conversation, {known} of its card");
    let unnamed = GenerateJob { conversation: None, ..asked(b"", &words) };
    assert_eq!(known_of(&unnamed), known);
    // What is said to be shared and is not what the conversation begins with, is not shared.
    let mut other = asked(b"third", &words);
    other.messages[0] = Message::new(Role::System, "Nobody knows. ".repeat(6));
    assert!(known_of(&other) < PAGE);
    assert!(known_of(&GenerateJob { messages: other.messages.clone(), ..asked(b"fourth", "") }) < PAGE);
    assert_eq!(known_of(&GenerateJob { adapter: Some(digest), ..asked(b"one", &words) }), 0);
}

/// What there is no room for in memory is read from the disk: turns of two conversations that only one has room for, in any order.
#[test]
fn conversations_come_back_from_the_disk() {
    let page = Shape::new(base("llama3", WeightFormat::F32).config()).bytes();
    let folder = tempfile::tempdir().unwrap();
    let room = |pages| DiskRoom { folder: folder.path().join("pages"), bytes: (pages * page) as u64 };
    let alone = engine(EngineSettings::default());
    for disk_pages in [0, 3, 1_000] {
        let settings =
            EngineSettings { conversation_bytes: 24 * page, disk: Some(room(disk_pages)), ..EngineSettings::default() };
        let engine = engine(settings);
        let mut talks = [1, 2, 3].map(|n| {
            let mut job = job(&"Tell me of the sea, and of ships. ".repeat(3), n);
            job.conversation = Some(sha256(&[n as u8]));
            job
        });
        for turn in 0..3 {
            // All at once, and then one after another.
            let running: Vec<_> = talks.iter().map(|job| engine.generate(job.clone())).collect();
            for (job, running) in talks.iter_mut().zip(running) {
                let reply = block_on(running.reply()).unwrap();
                assert_eq!(reply, answered(&engine, job.clone()).unwrap());
                let expected = GenerateJob { conversation: None, ..job.clone() };
                assert_eq!(reply, answered(&alone, expected).unwrap(), "turn {turn}");
                job.messages.push(Message::new(Role::Assistant, reply.text));
                job.messages.push(Message::new(Role::User, "Go on."));
            }
        }
        let counts = engine.counts();
        assert_eq!(counts.disk_tokens > 0, disk_pages > 0, "{counts:?}");
        // Nobody else can open the file.
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(folder.path().join("pages")).unwrap().count(), 0);
    }
    std::fs::write(folder.path().join("file"), "no folder").unwrap();
    let disk = Some(DiskRoom { folder: folder.path().join("file"), bytes: 1 << 20 });
    let refused =
        Engine::new(Arc::new(base("llama3", WeightFormat::F32)), EngineSettings { disk, ..EngineSettings::default() });
    assert!(matches!(refused, Err(crate::ModelError::File { .. })));
}

/// Those who leave make room for others, whether they are being answered or wait.
#[test]
fn places_are_given_back() {
    let settings =
        EngineSettings { replies: 1, waiting: 2, threads: NonZeroUsize::new(1), ..EngineSettings::default() };
    let engine = engine(settings);
    for round in 0..20 {
        let left: Vec<_> = (0..3).map(|seed| engine.generate(job("Who are you?", seed))).collect();
        drop(left);
        let reply = loop {
            match answered(&engine, job("Who are you?", 1)) {
                Err(GenerateError::Busy { .. }) => std::thread::sleep(std::time::Duration::from_millis(1)),
                reply => break reply,
            }
        };
        assert!(reply.is_ok(), "round {round}: {reply:?}");
    }
}

/// What a reply goes on with is guessed where it repeats itself. No token is another for it, with and without chance.
#[test]
fn guesses_change_nothing() {
    let base = Arc::new(base("llama3", WeightFormat::F32));
    let engine = Engine::new(base.clone(), EngineSettings::default()).unwrap();
    for temperature_milli in [0, 50, 600] {
        for seed in 0..3 {
            let mut asked = job("Gulls and ships, gulls and ships.", seed);
            asked.sampler = Sampler { max_tokens: 50, temperature_milli, min_tokens: 50, ..Sampler::default() };
            asked.conversation = Some(sha256(&[temperature_milli as u8, seed as u8]));
            let reply = answered(&engine, asked.clone()).unwrap();
            // Among many, nothing is guessed.
            let guessed = engine.counts().guessed_tokens;
            let many: Vec<_> = (0..8).map(|_| engine.generate(asked.clone())).collect();
            for other in many {
                assert_eq!(block_on(other.reply()).unwrap(), reply, "{temperature_milli} {seed}");
            }
            assert!(engine.counts().guessed_tokens - guessed < 100, "few are left at the end");
            if temperature_milli == 0 {
                let alone = generate(&base, None, &asked.messages, &asked.sampler, seed, |_| true).unwrap();
                assert_eq!(reply.tokens, alone.tokens);
            }
            // The pages that guesses wrote to are those of the reply.
            asked.messages.push(Message::new(Role::Assistant, reply.text));
            asked.messages.push(Message::new(Role::User, "Go on."));
            let named = answered(&engine, asked.clone()).unwrap();
            assert_eq!(named, answered(&engine, GenerateJob { conversation: None, ..asked }).unwrap());
        }
    }
    let counts = engine.counts();
    assert!(counts.right_guesses > 50, "{counts:?}");
    assert!(counts.steps < counts.reply_tokens, "{counts:?}");
}

/// Nothing to say is no reply at all, and a conversation beyond the bound is refused before it is computed.
#[test]
fn what_cannot_be_computed_is_told() {
    let page = Shape::new(base("llama3", WeightFormat::F32).config()).bytes();
    let engine = engine(EngineSettings { conversation_bytes: 4 * page, ..EngineSettings::default() });
    let refused = answered(&engine, job(&"Who are you? ".repeat(40), 1));
    let most = 4 * PAGE;
    assert!(matches!(refused, Err(GenerateError::Model(crate::ModelError::ContextTooLong { max, .. })) if max == most));
    let mut none = job("Who are you?", 1);
    none.sampler.max_tokens = 0;
    assert_eq!(answered(&engine, none).unwrap().tokens, Vec::<u32>::new());
    assert!(answered(&engine, job("Who?", 1)).is_ok());
}

/// A short conversation does not wait for a long one to be read.
#[test]
fn long_conversations_hold_nobody_up() {
    let settings = EngineSettings { step_tokens: 16, replies: 2, ..EngineSettings::default() };
    let engine = engine(settings);
    let (mut long, mut short) = (job(&"Who are you? ".repeat(30), 1), job("Who?", 1));
    (long.sampler.max_tokens, short.sampler.max_tokens) = (1, 1);
    for _ in 0..5 {
        let (order, ended) = std::sync::mpsc::channel();
        let running = [("long", engine.generate(long.clone())), ("short", engine.generate(short.clone()))];
        std::thread::scope(|scope| {
            for (name, generation) in running {
                let order = order.clone();
                scope.spawn(move || {
                    block_on(generation.reply()).unwrap();
                    order.send(name).unwrap();
                });
            }
        });
        assert_eq!(ended.recv().unwrap(), "short");
    }
}

/// A dropped engine answers what was asked, and its threads end.
#[test]
fn a_dropped_engine_ends() {
    let engine = engine(EngineSettings::default());
    let held = Arc::downgrade(&engine.base);
    let running: Vec<_> = (0..5).map(|seed| engine.generate(job("Who are you?", seed))).collect();
    drop(engine);
    running.into_iter().for_each(|running| assert!(block_on(running.reply()).is_ok()));
    for _ in 0..500 {
        if held.upgrade().is_none() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("a thread still holds the model");
}

#[test]
fn more_than_may_wait_are_refused() {
    let settings =
        EngineSettings { replies: 1, waiting: 2, threads: NonZeroUsize::new(1), ..EngineSettings::default() };
    let engine = engine(settings);
    let running: Vec<_> = (0..40).map(|seed| engine.generate(job("Who are you?", seed))).collect();
    let replies: Vec<_> = running.into_iter().map(|running| block_on(running.reply())).collect();
    let refused = replies.iter().filter(|reply| matches!(reply, Err(GenerateError::Busy { waiting: 2 }))).count();
    let answered = replies.iter().filter(|reply| reply.is_ok()).count();
    assert!(refused > 0 && answered >= 3 && refused + answered == 40, "{refused} refused, {answered} answered");
}

/// Adapters beyond the bound are read again, and answer as before; one whose file changed is refused.
#[test]
fn adapters_come_and_go() {
    let base = Arc::new(base("llama3", WeightFormat::F32));
    let folder = tempfile::tempdir().unwrap();
    let one = super::adapter::ServedAdapter::new(&adapter(&base, 1, 2)).unwrap().bytes;
    let settings = EngineSettings { adapter_bytes: 2 * one, ..EngineSettings::default() };
    let engine = Engine::new(base.clone(), settings).unwrap();
    let digests: Vec<_> = (0..5)
        .map(|i| {
            let path = folder.path().join(i.to_string());
            std::fs::create_dir(&path).unwrap();
            adapter(&base, i, 2).save(&path, "tiny").unwrap();
            engine.load_adapter(&path).unwrap()
        })
        .collect();
    let of = |digest| GenerateJob { adapter: Some(digest), ..job("Who are you?", 3) };
    let first: Vec<_> = digests.iter().map(|digest| answered(&engine, of(*digest)).unwrap()).collect();
    assert!(first.windows(2).any(|pair| pair[0].text != pair[1].text), "adapters change what is said");
    for (digest, reply) in digests.iter().zip(&first).rev() {
        assert_eq!(answered(&engine, of(*digest)).unwrap(), *reply);
    }
    // The digest is of the weights alone: others of the same are told apart by their configuration.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    for file in ["adapter_model.safetensors", "adapter_config.json"] {
        let text = std::fs::read(folder.path().join("0").join(file)).unwrap();
        let changed = String::from_utf8(text.clone()).map(|text| text.replace("\"lora_alpha\":4", "\"lora_alpha\":8"));
        std::fs::write(other.join(file), changed.map_or(text, String::into_bytes)).unwrap();
    }
    assert!(engine.load_adapter(&other).is_err());
    adapter(&base, 77, 2).save(&folder.path().join("4"), "tiny").unwrap();
    answered(&engine, of(digests[0])).unwrap();
    answered(&engine, of(digests[1])).unwrap();
    let refused = answered(&engine, of(digests[4]));
    assert!(matches!(refused, Err(GenerateError::Model(_))), "{refused:?}");
}
