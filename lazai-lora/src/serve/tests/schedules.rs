//! Random schedules of whole replies: who comes when, who leaves, what room there is. Each reply is the one that is made alone.
#![allow(clippy::print_stdout, reason = "the soak reads the counts")]

use std::collections::HashMap;

use lazai_core::Digest;

use super::*;
use crate::generate::Generation;

/// Schedules that the test runs; `LAZAI_SCHEDULES_SEEDS` for more, from the seed `LAZAI_SCHEDULES_FIRST` on.
const SCHEDULES: u64 = 20;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// What can be asked for: few kinds, so that each is asked for often, beside others.
struct Kinds {
    jobs: Vec<GenerateJob>,
    alone: HashMap<usize, Reply>,
}

impl Kinds {
    fn new(adapters: &[Digest]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut below = move |n: usize| rng.next_u32() as usize % n;
        let words = ["Who are you? ", "Gulls and ships, gulls and ships. ", "Sing! "];
        let jobs = (0..24_u64).map(|seed| {
            let mut job = job(&words[below(3)].repeat(1 + below(6)), seed);
            job.adapter = adapters.get(below(adapters.len() + 2)).copied();
            if below(2) == 0 {
                let card = Message::new(Role::System, "You sing in the harbour. ".repeat(2));
                job.messages.insert(0, card.clone());
                job.shared = vec![card];
            }
            job.conversation = (below(2) == 0).then(|| sha256(&seed.to_le_bytes()));
            let sampler = &mut job.sampler;
            sampler.max_tokens = 1 + below(40) as u32;
            sampler.temperature_milli = [0, 50, 900][below(3)];
            sampler.repetition_penalty_milli = [1_000, 1_200][below(2)];
            sampler.top_logprobs = (below(4) == 0).then_some(2);
            job
        });
        Self { jobs: jobs.collect(), alone: HashMap::new() }
    }
}

/// The reply, or nothing if its asker leaves after so many pieces.
fn hear(mut generation: Generation, leaves_after: Option<usize>) -> Option<Reply> {
    block_on(async {
        let mut heard = 0;
        while leaves_after.is_none_or(|most| heard < most) {
            if generation.next().await.is_none() {
                return Some(generation.reply().await.unwrap());
            }
            heard += 1;
        }
        None
    })
}

#[test]
fn no_reply_depends_on_the_schedule() {
    let base = Arc::new(base("llama3", WeightFormat::F32));
    let folder = tempfile::tempdir().unwrap();
    let save = |i: u64| {
        let path = folder.path().join(i.to_string());
        std::fs::create_dir(&path).unwrap();
        adapter(&base, i, 1 + i as usize % 3).save(&path, "tiny").unwrap();
        path
    };
    let folders: Vec<_> = (0..6).map(save).collect();
    let load = |engine: &Engine| -> Vec<Digest> { folders.iter().map(|f| engine.load_adapter(f).unwrap()).collect() };
    let one = EngineSettings { replies: 1, threads: NonZeroUsize::new(1), ..EngineSettings::default() };
    let alone = Engine::new(base.clone(), one).unwrap();
    let mut kinds = Kinds::new(&load(&alone));
    for (i, job) in kinds.jobs.iter().enumerate() {
        // Alone, and never from what was kept.
        let job = GenerateJob { conversation: None, shared: Vec::new(), ..job.clone() };
        kinds.alone.insert(i, answered(&alone, job).unwrap());
    }
    let page = Shape::new(base.config()).bytes();
    let first = number("LAZAI_SCHEDULES_FIRST").unwrap_or(0);
    let seeds = number("LAZAI_SCHEDULES_SEEDS").unwrap_or(SCHEDULES);
    let (mut replies, mut left) = (0, 0);
    for seed in first..first + seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |n: usize| rng.next_u32() as usize % n;
        let settings = EngineSettings {
            threads: NonZeroUsize::new(1 + below(3)),
            replies: 1 + below(6),
            step_tokens: 1 + below(40),
            guessed_tokens: below(20),
            conversation_bytes: page * (14 + below(60)),
            disk: (below(2) == 0)
                .then(|| DiskRoom { folder: folder.path().join("pages"), bytes: (page * below(60)) as u64 }),
            adapter_bytes: 1 + below(40_000),
            ..EngineSettings::default()
        };
        let engine = Engine::new(base.clone(), settings.clone()).unwrap();
        load(&engine);
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..12)
                .map(|_| {
                    let kind = below(kinds.jobs.len());
                    let leaves_after = (below(4) == 0).then(|| below(8));
                    let generation = engine.generate(kinds.jobs[kind].clone());
                    // Some come while others are answered.
                    if below(3) == 0 {
                        std::thread::sleep(std::time::Duration::from_micros(below(3_000) as u64));
                    }
                    (kind, scope.spawn(move || hear(generation, leaves_after)))
                })
                .collect();
            for (kind, heard) in asked {
                match heard.join().unwrap() {
                    Some(reply) => {
                        assert_eq!(reply, kinds.alone[&kind], "seed {seed}, kind {kind}, {settings:?}");
                        replies += 1;
                    }
                    None => left += 1,
                }
            }
        });
    }
    println!("schedules: {seeds} with {replies} replies, and {left} that were left");
}
