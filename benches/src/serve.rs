//! The engine beside llama.cpp: one stream, many adapters at once, earlier turns, and many characters on one machine.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lazai::lora::generate::{GenerateJob, Sampler};
use lazai::lora::{Adapter, BaseModel, Compute, Engine, EngineSettings, Generator, LoraConfig, Targets, WeightFormat};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use serde_json::{Value, json};

use crate::Failure;
use crate::data::output;

/// What prompts are made of.
const TEXT: &str = "The old lighthouse keeper walked down to the shore every morning, counting gulls and ships. ";
/// Tokens of a long prompt, roughly: the template adds some.
const LONG: usize = 1_000;
const REPLY: u32 = 128;
const ROUNDS: usize = 3;
/// Replies at once.
const BATCH: usize = 16;
/// Characters on one machine, and replies that they are asked for.
const HOSTED: usize = 1_000;
const ASKED: usize = 320;

/// Runs it all in a folder.
///
/// # Errors
/// What either side says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let gguf = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let base = BaseModel::open(&gguf, &Compute::cpu(), WeightFormat::AsStored)?;
    let cores = std::thread::available_parallelism()?.get();
    let adapters = adapters(&base, folder)?;
    drop(base);

    // Token by token, as the peer works; what guesses add stands apart.
    let mut plain = EngineSettings::default();
    plain.guessed_tokens = 0;
    let engine = Engine::open(&gguf, WeightFormat::AsStored, plain.clone())?;
    let (mut decode, mut prefill, mut peer) = (0.0_f64, 0.0_f64, json!({"decode": 0.0, "prefill": 0.0}));
    for _ in 0..ROUNDS {
        // In turns, so that both meet the same machine.
        let theirs = llama(&gguf, cores)?;
        for key in ["decode", "prefill"] {
            let best = number(&peer[key]).max(number(&theirs[key]));
            peer[key] = best.into();
        }
        let (ours_prefill, ours_decode) = alone(&engine)?;
        (prefill, decode) = (prefill.max(ours_prefill), decode.max(ours_decode));
    }
    let counts = [1, BATCH, 64];
    let mut many = [0.0_f64; 3];
    for _ in 0..ROUNDS {
        for (best, count) in many.iter_mut().zip(counts) {
            *best = best.max(together(&engine, &adapters[..count])?);
        }
    }
    let [one, sixteen, sixty_four] = many;
    let turns = second_turn(&engine)?;
    let repeating = repeating(&gguf)?;
    let peak = peak_rss_mb();
    let file = std::fs::metadata(&gguf)?.len() as f64;
    let weights = engine.weight_bytes() as f64 / file;
    drop(engine);

    let few = hosted(&gguf, &adapters[..BATCH])?;
    let all = hosted(&gguf, &adapters)?;

    let guessing = alone(&Engine::open(&gguf, WeightFormat::AsStored, EngineSettings::default())?)?.1;
    let floats = Engine::open(&gguf, WeightFormat::F32, plain)?;
    let (_, decode_f32) = alone(&floats)?;
    let bandwidth = bandwidth_gb_per_s(cores);
    let of_bandwidth = decode_f32 * floats.weight_bytes() as f64 / 1e9 / bandwidth;
    let peer_number = |key: &str| number(&peer[key]);
    Ok(json!({
        "decode_ratio": decode / peer_number("decode"),
        "decode_guessing_ratio": guessing / peer_number("decode"),
        "decode_f32_ratio": decode_f32 / peer_number("decode"),
        "prefill_ratio": prefill / peer_number("prefill"),
        "multi16_ratio": sixteen / peer_number("decode"),
        "adapters64_over_1": sixty_four / one,
        "adapters16_over_1": sixteen / one,
        "second_turn_ttft_ratio": turns.1 / turns.0,
        "hosted1000_over_16": all.tokens_per_s / few.tokens_per_s,
        "hosted1000_p95_ttft_ms": all.p95_ms,
        "hosted16_p95_ttft_ms": few.p95_ms,
        "guesses_ratio": repeating[1] / repeating[0],
        "guesses_ratio_without_repetition": repeating[3] / repeating[2],
        "repeating_tokens_per_s": repeating[1],
        "peak_rss_mb": peak,
        "weights_bytes_ratio": weights,
        "bandwidth_fraction": of_bandwidth,
        "decode_tokens_per_s": decode,
        "decode_f32_tokens_per_s": decode_f32,
        "prefill_tokens_per_s": prefill,
        "multi16_tokens_per_s": sixteen,
        "one_adapter_of_16_replies_tokens_per_s": one,
        "hosted1000_tokens_per_s": all.tokens_per_s,
        "hosted16_tokens_per_s": few.tokens_per_s,
        "first_turn_ttft_ms": turns.0 * 1e3,
        "second_turn_ttft_ms": turns.1 * 1e3,
        "bandwidth_gb_per_s": bandwidth,
        "peer": peer,
        "cores": cores,
        "machine": Compute::cpu().machine(),
    }))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn llama(gguf: &Path, threads: usize) -> Result<Value, Failure> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/llama.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(gguf).arg(TEXT).args([LONG.to_string(), REPLY.to_string(), "1".into()]);
    output(node.env("LAZAI_THREADS", threads.to_string()))
}

/// Adapters of two modules in each layer, as many as are hosted, each with its folder.
fn adapters(base: &BaseModel, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let targets = Targets::Modules(vec!["q_proj".into(), "v_proj".into()]);
    let config = LoraConfig { rank: 8, alpha: 16, rank_stabilised: false, targets };
    let place = |i: usize| folder.join(format!("adapter-{i}"));
    for i in 0..HOSTED {
        std::fs::create_dir_all(place(i))?;
        // Nothing is learnt: `B` is zero, and costs what any costs.
        Adapter::new(base, config.clone(), i as u64)?.save(&place(i), "base")?;
    }
    Ok((0..HOSTED).map(place).collect())
}

fn job(words: String, adapter: Option<Digest>, tokens: u32) -> GenerateJob {
    let sampler = Sampler { max_tokens: tokens, temperature_milli: 0, ..Sampler::default() };
    GenerateJob {
        adapter,
        conversation: None,
        shared: Vec::new(),
        messages: vec![Message::new(Role::User, words)],
        sampler,
        seed: 0,
        patience: GenerateJob::PATIENCE,
    }
}

/// Seconds to the first piece and for the rest, tokens of the prompt and of the reply.
struct Timed {
    first_s: f64,
    rest_s: f64,
    prompt: u64,
    tokens: usize,
    text: String,
}

fn timed(engine: &Engine, job: GenerateJob) -> Result<Timed, Failure> {
    let begun = Instant::now();
    let mut generation = engine.generate(job);
    pollster::block_on(async {
        // An empty piece says that the reply is still to come.
        while generation.next().await.is_some_and(|piece| piece.is_empty()) {}
        let first = Instant::now();
        let reply = generation.reply().await?;
        let (first_s, rest_s) = ((first - begun).as_secs_f64(), first.elapsed().as_secs_f64());
        Ok(Timed { first_s, rest_s, prompt: reply.prompt_tokens, tokens: reply.tokens.len(), text: reply.text })
    })
}

/// Tokens a second of one stream that are chosen.
fn chosen(engine: &Engine, words: &str) -> Result<f64, Failure> {
    let told = timed(engine, job(words.into(), None, REPLY))?;
    Ok((told.tokens - 1) as f64 / told.rest_s)
}

/// Tokens a second of one stream: read, and chosen.
fn alone(engine: &Engine) -> Result<(f64, f64), Failure> {
    let long = timed(engine, job(TEXT.repeat(LONG / 19), None, 1))?;
    Ok((long.prompt as f64 / long.first_s, chosen(engine, "Tell me of the sea, and of all that lives there.")?))
}

/// Tokens a second of all replies, with as many at once as there is room for; adapters take turns.
fn together(engine: &Engine, folders: &[PathBuf]) -> Result<f64, Failure> {
    let digests = folders.iter().map(|folder| engine.load_adapter(folder)).collect::<Result<Vec<_>, _>>()?;
    let jobs: Vec<_> = (0..64)
        .map(|i| job("Tell me of the sea, and of all that lives there.".into(), Some(digests[i % digests.len()]), 64))
        .collect();
    let begun = Instant::now();
    let replies: Vec<_> = jobs.into_iter().map(|job| engine.generate(job)).collect();
    let mut tokens = 0;
    for reply in replies {
        tokens += pollster::block_on(reply.reply())?.tokens.len();
    }
    Ok(tokens as f64 / begun.elapsed().as_secs_f64())
}

/// Seconds to the first piece of a conversation's first turn and of its second.
fn second_turn(engine: &Engine) -> Result<(f64, f64), Failure> {
    let mut asked = job(TEXT.repeat(LONG / 19), None, 16);
    asked.conversation = Some(sha256(b"a conversation"));
    let first = timed(engine, asked.clone())?;
    asked.messages.push(Message::new(Role::Assistant, first.text));
    asked.messages.push(Message::new(Role::User, "Go on."));
    Ok((first.first_s, timed(engine, asked)?.first_s))
}

/// Tokens a second of one stream that repeats itself, without guesses and with them; then of one that does not.
fn repeating(gguf: &Path) -> Result<[f64; 4], Failure> {
    let words = format!("Say this three times, word for word: {}", TEXT.repeat(2));
    let mut found = [0.0_f64; 4];
    for (place, guessed_tokens) in [0, EngineSettings::default().guessed_tokens].into_iter().enumerate() {
        let mut settings = EngineSettings::default();
        settings.guessed_tokens = guessed_tokens;
        let engine = Engine::open(gguf, WeightFormat::AsStored, settings)?;
        for _ in 0..ROUNDS {
            found[place] = found[place].max(chosen(&engine, &words)?);
            found[place + 2] =
                found[place + 2].max(chosen(&engine, "Tell me of the sea, and of all that lives there.")?);
        }
    }
    Ok(found)
}

struct Hosted {
    tokens_per_s: f64,
    p95_ms: f64,
}

/// Characters that are asked for by Zipf's law, sixteen conversations at a time, with room for a quarter of them.
fn hosted(gguf: &Path, folders: &[PathBuf]) -> Result<Hosted, Failure> {
    let room = std::fs::metadata(folders[0].join("adapter_model.safetensors"))?.len() as usize * HOSTED / 4;
    let mut settings = EngineSettings::default();
    settings.adapter_bytes = room;
    let engine = Engine::open(gguf, WeightFormat::AsStored, settings)?;
    let digests = folders.iter().map(|folder| engine.load_adapter(folder)).collect::<Result<Vec<_>, _>>()?;
    let drawn = zipf(digests.len());
    let (next, firsts, tokens) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..BATCH {
            scope.spawn(|| {
                while let Some(which) = drawn.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked =
                        job("Tell me of the sea, and of all that lives there.".into(), Some(digests[*which]), 32);
                    if let (Ok(heard), Ok(mut firsts)) = (timed(&engine, asked), firsts.lock()) {
                        tokens.fetch_add(heard.tokens, Ordering::Relaxed);
                        firsts.push(heard.first_s * 1e3);
                    }
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut firsts = firsts.into_inner().map_err(|_| "a thread panicked")?;
    if firsts.len() < ASKED {
        return Err(format!("{} of {ASKED} replies came", firsts.len()).into());
    }
    firsts.sort_by(f64::total_cmp);
    Ok(Hosted { tokens_per_s: tokens.into_inner() as f64 / seconds, p95_ms: firsts[firsts.len() * 95 / 100] })
}

/// Which character each reply is of: the k-th is asked for with a likelihood of 1/k.
fn zipf(characters: usize) -> Vec<usize> {
    let weights: Vec<f64> = (1..=characters).map(|k| 1.0 / k as f64).collect();
    let all: f64 = weights.iter().sum();
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..ASKED)
        .map(|_| {
            let mut point = draw() * all;
            weights
                .iter()
                .position(|weight| {
                    point -= weight;
                    point < 0.0
                })
                .unwrap_or(0)
        })
        .collect()
}

/// What reading memory gives, with all threads, the best of three.
fn bandwidth_gb_per_s(threads: usize) -> f64 {
    let values = vec![1.0_f32; 1 << 27];
    let chunk = values.len() / NonZeroUsize::new(threads).map_or(1, NonZeroUsize::get);
    let pass = || {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for part in values.chunks(chunk) {
                scope.spawn(|| {
                    let mut sums = [0.0_f32; 64];
                    for chunk in part.as_chunks::<64>().0 {
                        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
                    }
                    std::hint::black_box(sums);
                });
            }
        });
        values.len() as f64 * 4.0 / 1e9 / begun.elapsed().as_secs_f64()
    };
    (0..3).map(|_| pass()).fold(0.0, f64::max)
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kb.map_or(f64::NAN, |kb| kb / 1e3)
}
