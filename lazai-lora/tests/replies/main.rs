//! Settings and forms of replies, by both generators: what is asked for holds, and changes nothing else.
#![allow(clippy::unwrap_used, reason = "a test")]

mod schemas;
mod settings;

use std::path::Path;
use std::sync::Arc;

use lazai_core::message::{Message, Role};
use lazai_lora::generate::{GenerateJob, Reply, Sampler};
use lazai_lora::{BaseModel, Candle, Compute, Engine, EngineSettings, GenerateError, Generator, WeightFormat};
use pollster::block_on;

/// A model of a few hundred tokens, among them one for each byte, and of random weights.
fn base() -> Arc<BaseModel> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
    Arc::new(BaseModel::open(&path, &Compute::cpu(), WeightFormat::F32).unwrap())
}

fn engine() -> Engine {
    Engine::new(base(), EngineSettings::default()).unwrap()
}

fn candle() -> Candle {
    Candle::new(base())
}

fn job(sampler: Sampler, seed: u64) -> GenerateJob {
    let messages = vec![Message::new(Role::User, "Who are you?")];
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

/// The reply, and its pieces as they came.
fn heard(generator: &dyn Generator, job: GenerateJob) -> Result<(Reply, String), GenerateError> {
    let mut generation = generator.generate(job);
    let mut heard = String::new();
    block_on(async {
        while let Some(piece) = generation.next().await {
            heard += &piece;
        }
    });
    Ok((block_on(generation.reply())?, heard))
}

fn reply(generator: &dyn Generator, job: GenerateJob) -> Reply {
    let (reply, heard) = heard(generator, job).unwrap();
    assert!(reply.text.starts_with(&heard), "heard {heard:?} of {:?}", reply.text);
    reply
}
