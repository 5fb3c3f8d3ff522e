//! Replies that are repeated, on a tiny model: honest ones under all settings, and every lie that there is a word for.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::message::{Message, Role};
use lazai_core::reply::ResponseFormat;
use lazai_lora::generate::{Dry, GenerateJob, Reply, Sampler};
use lazai_lora::recheck::{Claimed, PIECE_BYTES, RepeatSettings, Repeated, Repeater, Trail};
use lazai_lora::{
    Adapter, BaseModel, Compute, Engine, EngineSettings, GenerateError, Generator, LoraConfig, Targets, WeightFormat,
};
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3")
}

/// An engine, and a repeater of the same model and adapters.
struct Stage {
    engine: Engine,
    repeater: Repeater,
    adapters: [Digest; 2],
    machine: String,
    _folder: tempfile::TempDir,
}

fn stage() -> Stage {
    let base = BaseModel::open(&model(), &Compute::cpu(), WeightFormat::F32).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut repeater = Repeater::open(&model(), WeightFormat::F32, &RepeatSettings::default()).unwrap();
    let places = [1, 2].map(|seed| {
        let config = LoraConfig { rank: 2, alpha: 4, rank_stabilised: false, targets: Targets::AllLinear };
        let place = folder.path().join(seed.to_string());
        std::fs::create_dir_all(&place).unwrap();
        Adapter::new(&base, config, seed).unwrap().save(&place, "tiny").unwrap();
        // A new adapter changes nothing: all its `B` are zero.
        let (file, mut rng) = (place.join("adapter_model.safetensors"), ChaCha8Rng::seed_from_u64(seed));
        // In the order of their names: the library's map has another in each run, and these numbers would be other tensors'.
        let read = candle_core::safetensors::load(&file, &candle_core::Device::Cpu).unwrap();
        let mut tensors: BTreeMap<String, candle_core::Tensor> = read.into_iter().collect();
        for (_, tensor) in tensors.iter_mut().filter(|(name, _)| name.contains("lora_B")) {
            let values = (0..tensor.elem_count()).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.2);
            *tensor =
                candle_core::Tensor::from_vec(values.collect::<Vec<f32>>(), tensor.shape(), tensor.device()).unwrap();
        }
        candle_core::safetensors::save(&tensors.into_iter().collect(), &file).unwrap();
        place
    });
    let engine = Engine::new(Arc::new(base), EngineSettings::default()).unwrap();
    let adapters = places.map(|place| {
        let digest = engine.load_adapter(&place).unwrap();
        assert_eq!(repeater.load_adapter(&place).unwrap(), digest);
        digest
    });
    let machine = engine.about().machine.clone();
    Stage { engine, repeater, adapters, machine, _folder: folder }
}

fn job(adapter: Option<Digest>, sampler: Sampler, seed: u64) -> GenerateJob {
    let messages = vec![Message::new(Role::User, "Tell me of the sea, and of ships.")];
    let patience = GenerateJob::PATIENCE;
    GenerateJob { adapter, conversation: None, shared: Vec::new(), messages, sampler, seed, patience }
}

fn reply(engine: &Engine, job: &GenerateJob) -> Reply {
    block_on(engine.generate(job.clone()).reply()).unwrap()
}

fn claimed<'a>(job: &'a GenerateJob, reply: &'a Reply) -> Claimed<'a> {
    let Reply { tokens, text, trail, .. } = reply;
    let GenerateJob { adapter, messages, sampler, seed, .. } = job;
    let (adapter, seed, trail, machine) = (*adapter, *seed, trail.as_ref().unwrap(), "");
    Claimed { adapter, messages, sampler, seed, tokens, text, trail, machine }
}

fn long() -> Sampler {
    Sampler { max_tokens: 70, min_tokens: 70, temperature_milli: 1_000, ..Sampler::default() }
}

/// Whatever the settings, a reply is repeated bit by bit: on other threads, in one pass, by who knows nothing but what is claimed.
#[test]
fn a_reply_repeats_under_all_settings() {
    let mut stage = stage();
    let form = |format| Sampler { format: Some(format), ..long() };
    let samplers = [
        Sampler::default(),
        long(),
        Sampler { temperature_milli: 0, ..long() },
        Sampler { max_tokens: 1, ..Sampler::default() },
        Sampler { max_tokens: 0, ..Sampler::default() },
        Sampler { top_k: 40, min_p_milli: 20, typical_p_milli: 900, ..long() },
        Sampler {
            repetition_penalty_milli: 1_300,
            presence_penalty_milli: 300,
            frequency_penalty_milli: 200,
            ..long()
        },
        Sampler { dry: Dry { multiplier_milli: 800, ..Dry::default() }, ..long() },
        Sampler { stop: vec!["a".into(), "e".into()], ..long() },
        Sampler { stop_tokens: (0..200).collect(), min_tokens: 3, ..long() },
        Sampler { logit_bias_milli: [(65, 3_000), (66, -100_000)].into(), top_logprobs: Some(2), ..long() },
        Sampler { min_tokens: 0, ..form(ResponseFormat::Choice(vec!["yes".into(), "no, never".into()])) },
        Sampler { min_tokens: 0, ..form(ResponseFormat::Regex("[a-z ]{20}".into())) },
    ];
    let one = NonZeroUsize::new(1);
    let mut alone =
        Repeater::open(&model(), WeightFormat::F32, &RepeatSettings { threads: one, ..RepeatSettings::default() })
            .unwrap();
    for (i, sampler) in samplers.into_iter().enumerate() {
        for adapter in [None, Some(stage.adapters[0])] {
            let job = job(adapter, sampler.clone(), i as u64);
            let Ok(reply) = block_on(stage.engine.generate(job.clone()).reply()) else { panic!("sampler {i}") };
            // Of no tokens, nothing was computed.
            let Some(trail) = &reply.trail else {
                assert_eq!(job.sampler.max_tokens, 0);
                continue;
            };
            assert_eq!(trail.tokens(), reply.tokens.len());
            assert_eq!(stage.repeater.repeat(&claimed(&job, &reply)).unwrap(), Repeated::Same, "sampler {i}");
            if adapter.is_none() {
                assert_eq!(alone.repeat(&claimed(&job, &reply)).unwrap(), Repeated::Same, "sampler {i}");
            }
        }
    }
}

/// Plain loops round in other places, and the reply holds all the same.
#[test]
fn other_kernels_are_within_the_tolerance() {
    let stage = stage();
    let mut portable =
        Repeater::open(&model(), WeightFormat::F32, &RepeatSettings { portable: true, ..RepeatSettings::default() })
            .unwrap();
    for seed in 0..20 {
        let job = job(None, long(), seed);
        let reply = reply(&stage.engine, &job);
        let repeated = portable.repeat(&claimed(&job, &reply)).unwrap();
        assert!(repeated.holds(), "seed {seed}: {repeated}");
    }
}

/// What another adapter said is told from the first token on, and so is another conversation.
#[test]
fn other_scores_are_told() {
    let mut stage = stage();
    let [one, other] = stage.adapters;
    for seed in 0..10 {
        let job = job(Some(one), long(), seed);
        let reply = reply(&stage.engine, &job);
        for adapter in [Some(other), None] {
            let lie = Claimed { adapter, ..claimed(&job, &reply) };
            let repeated = stage.repeater.repeat(&lie).unwrap();
            assert!(matches!(repeated, Repeated::OtherScores { token: 0, .. }), "seed {seed}: {repeated}");
        }
        let messages = [Message::new(Role::User, "Tell me of the sea, and of boats.")];
        let lie = Claimed { messages: &messages, ..claimed(&job, &reply) };
        let repeated = stage.repeater.repeat(&lie).unwrap();
        assert!(matches!(repeated, Repeated::OtherScores { token: 0, .. }), "seed {seed}: {repeated}");
    }
}

/// Other settings, another seed, and every change of the words are told, even if who changed them made the trail anew.
#[test]
fn other_words_are_told() {
    let mut stage = stage();
    let job = job(Some(stage.adapters[0]), long(), 5);
    let good = reply(&stage.engine, &job);
    let honest = claimed(&job, &good);
    let hot = Sampler { temperature_milli: 1_400, ..long() };
    let narrow = Sampler { top_p_milli: 300, ..long() };
    for lie in [Claimed { sampler: &hot, ..honest.clone() }, Claimed { sampler: &narrow, ..honest.clone() }] {
        let repeated = stage.repeater.repeat(&lie).unwrap();
        assert!(matches!(repeated, Repeated::OtherWords { .. }), "{repeated}");
    }
    for position in [0, 1, 31, 32, 40, 69] {
        let mut tokens = good.tokens.clone();
        tokens[position] = if tokens[position] == 70 { 71 } else { 70 };
        let edited = Claimed { tokens: &tokens, ..honest.clone() };
        let expected = Repeated::OtherWords { token: position };
        // A cheat that computes the true trail of false words.
        let made_anew = stage.repeater.trail(&edited).unwrap();
        for trail in [edited.trail, &made_anew] {
            for machine in ["", &stage.machine] {
                let edited = Claimed { trail, machine, ..edited.clone() };
                assert_eq!(stage.repeater.repeat(&edited).unwrap(), expected);
            }
        }
    }
    // Cut, with a trail that is as short.
    let cut = &good.tokens[..40];
    let zeros = blank(40);
    let anew = stage.repeater.trail(&Claimed { tokens: cut, trail: &zeros, ..honest.clone() }).unwrap();
    let short = Claimed { tokens: cut, trail: &anew, ..honest.clone() };
    assert_eq!(stage.repeater.repeat(&short).unwrap(), Repeated::OtherWords { token: 40 });
    let other_text = Claimed { text: "Nobody said this.", ..honest.clone() };
    assert_eq!(stage.repeater.repeat(&other_text).unwrap(), Repeated::OtherWords { token: 70 });
    // Another seed has other places too: what is told is that it is not this reply.
    assert!(!stage.repeater.repeat(&Claimed { seed: 6, ..honest.clone() }).unwrap().holds());
    assert_eq!(stage.repeater.repeat(&honest).unwrap(), Repeated::Same);
}

/// A trail of nothing but zeros.
fn blank(tokens: usize) -> Trail {
    let mut bytes = vec![0; 5 + tokens.div_ceil(32) * 4 + tokens * 8];
    bytes[0] = 1;
    bytes[1..5].copy_from_slice(&(tokens as u32).to_le_bytes());
    Trail::from_bytes(bytes).unwrap()
}

/// Bytes that are no trail of the reply never hold bit by bit, and nothing panics.
#[test]
fn false_trails_are_never_the_same() {
    let mut stage = stage();
    let job = job(None, long(), 3);
    let good = reply(&stage.engine, &job);
    let trail = good.trail.clone().unwrap();
    let honest = claimed(&job, &good);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut read = 0;
    for _ in 0..400 {
        let mut bytes = trail.as_bytes().to_vec();
        for _ in 0..1 + rng.next_u32() % 4 {
            let place = rng.next_u32() as usize % bytes.len();
            bytes[place] = rng.next_u32() as u8;
        }
        let Ok(other) = Trail::from_bytes(bytes) else { continue };
        if other.tokens() == trail.tokens() && other != trail {
            read += 1;
            let lie = Claimed { trail: &other, ..honest.clone() };
            assert_ne!(stage.repeater.repeat(&lie).unwrap(), Repeated::Same);
            // Where all bits have to be the same, they are looked for.
            let lie = Claimed { machine: &stage.machine, ..lie };
            let repeated = stage.repeater.repeat(&lie).unwrap();
            assert!(matches!(repeated, Repeated::OtherScores { .. }), "{repeated}");
        }
    }
    assert!(read > 100, "{read} were trails");
    // All marks copied, and no value: the values are looked at too.
    let mut bytes = trail.as_bytes().to_vec();
    for piece in bytes[5..].chunks_mut(PIECE_BYTES) {
        piece[4..].fill(0);
    }
    let unvalued = Trail::from_bytes(bytes).unwrap();
    let repeated = stage.repeater.repeat(&Claimed { trail: &unvalued, ..honest }).unwrap();
    assert_eq!(repeated, Repeated::OtherScores { token: 0, deviation_ppm: 1_000_000 });
}

/// What cannot be a reply of these settings is refused before anything is computed.
#[test]
fn what_is_no_reply_is_refused() {
    let mut stage = stage();
    let job = job(None, long(), 3);
    let good = reply(&stage.engine, &job);
    let honest = claimed(&job, &good);
    let refused = |repeater: &mut Repeater, lie: &Claimed<'_>| repeater.repeat(lie).unwrap_err();
    let unknown = Claimed { adapter: Some(Digest::ZERO), ..honest.clone() };
    assert!(matches!(refused(&mut stage.repeater, &unknown), GenerateError::UnknownAdapter { .. }));
    let short = Claimed { tokens: &good.tokens[..40], ..honest.clone() };
    assert!(refused(&mut stage.repeater, &short).to_string().starts_with("trail: of 70 tokens"));
    let few = Sampler { max_tokens: 10, ..long() };
    let many = Claimed { sampler: &few, ..honest.clone() };
    assert!(refused(&mut stage.repeater, &many).to_string().starts_with("reply: 70 tokens"));
    let mut tokens = good.tokens.clone();
    tokens[69] = u32::MAX;
    let strange = Claimed { tokens: &tokens, ..honest.clone() };
    assert!(refused(&mut stage.repeater, &strange).to_string().contains("4294967295"));
}
