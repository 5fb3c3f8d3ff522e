//! Our side of the measurements, in a process of its own.

use std::path::Path;
use std::time::Instant;

use candle_core::{Device, Tensor};
use lazai::core::record::{LoraConfig, TrainConfig};
use lazai::lora::evaluate::Example;
use lazai::lora::train::{Checkpoints, Data, plan, train};
use lazai::lora::{Adapter, BaseModel, Compute, WeightFormat};
use serde_json::{Value, json};

use super::dialogues;
use crate::Failure;

/// `speed MODEL FOLDER` or `memory MODEL FOLDER`.
///
/// # Errors
/// What the work says.
pub fn part(args: &[String]) -> Result<Value, Failure> {
    let [verb, model, folder] = args else { return Err("usage: lora-part speed|memory MODEL FOLDER".into()) };
    let base = BaseModel::open(model.as_ref(), &Compute::cpu(), WeightFormat::F32)?;
    let examples = dialogues(&base, "dialogues")?;
    let checkpoints = Path::new(folder).join("checkpoints");
    let _ = std::fs::remove_dir_all(&checkpoints);
    match verb.as_str() {
        "speed" => speed(&base, &examples, &Checkpoints::last(checkpoints)),
        "memory" => memory(&base, &examples, &Checkpoints::last(checkpoints)),
        _ => Err("usage: lora-part speed|memory MODEL FOLDER".into()),
    }
}

/// One epoch of blocks of 512 tokens, after one step of warm-up.
fn speed(base: &BaseModel, examples: &[Example], checkpoints: &Checkpoints) -> Result<Value, Failure> {
    let lora = LoraConfig::default();
    let config = TrainConfig { epochs: 1, checkpoint_steps: u32::MAX, ..TrainConfig::default() };
    let data = Data::new(base.tokenizer().digest(), examples);
    let steps = plan(&config, examples);
    let tokens_of = |step: usize| steps[step].blocks.iter().flatten().map(|&i| examples[i].tokens.len()).sum::<usize>();
    let labels_of = |step: usize| {
        let said = |i: usize| examples[i].mask.iter().skip(1).filter(|m| **m).count();
        steps[step].blocks.iter().flatten().map(|&i| said(i)).sum::<usize>()
    };
    let (mut started, mut seen, mut flop) = (None, 0, 0.0);
    let mut seconds = 0.0;
    let per_token = flop_per_token(base, &Adapter::new(base, lora.clone(), 1)?);
    train(base, &lora, &config, &data, checkpoints, |progress| {
        let step = progress.step as usize - 1;
        match started {
            None => started = Some(Instant::now()),
            Some(started) if progress.step < progress.steps => {
                seen += tokens_of(step);
                let head = 4.0 * (base.config().vocab_size * base.config().hidden) as f64;
                flop += tokens_of(step) as f64 * per_token + labels_of(step) as f64 * head;
                seconds = started.elapsed().as_secs_f64();
            }
            // The last block is not full, and the checkpoint is written after it.
            Some(_) => {}
        }
        true
    })?;
    Ok(json!({
        "tokens_per_s": seen as f64 / seconds,
        "tokens": seen,
        "seconds": seconds,
        "gflop_per_s": flop / seconds / 1e9,
        "largest_product_gflop_per_s": largest_product(base)?,
        "peak_rss_mb": status("VmHWM:")? / 1024.0,
    }))
}

/// Multiplications and additions of the products that a step needs for each token: forward, backward by the input, and the
/// adapter's; attention, which depends on lengths, is left out.
fn flop_per_token(base: &BaseModel, adapter: &Adapter) -> f64 {
    let config = base.config();
    let (queries, keys) = (config.heads * config.head_width, config.kv_heads * config.head_width);
    let attention = config.hidden * (queries + 2 * keys) + queries * config.hidden;
    let weights = config.layers * (attention + 3 * config.hidden * config.intermediate);
    4.0 * weights as f64 + 6.0 * adapter.parameter_count() as f64
}

/// The largest product of a layer alone: a block of tokens by gate and up.
fn largest_product(base: &BaseModel) -> Result<f64, Failure> {
    let (rows, inner, outer) = (512, base.config().hidden, 2 * base.config().intermediate);
    let x = Tensor::rand(-1f32, 1.0, (rows, inner), &Device::Cpu)?;
    let weight = Tensor::rand(-1f32, 1.0, (outer, inner), &Device::Cpu)?.t()?;
    let mut best = f64::MAX;
    for _ in 0..40 {
        let started = Instant::now();
        std::hint::black_box(x.matmul(&weight)?);
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(2.0 * (rows * inner * outer) as f64 / best / 1e9)
}

/// 500 steps of one dialogue each: memory in the first epoch and in the last.
fn memory(base: &BaseModel, examples: &[Example], checkpoints: &Checkpoints) -> Result<Value, Failure> {
    let config = TrainConfig {
        epochs: 10,
        max_steps: Some(500),
        block_tokens: 1,
        checkpoint_steps: 100,
        ..TrainConfig::default()
    };
    let data = Data::new(base.tokenizer().digest(), examples);
    let mut resident = Vec::new();
    train(base, &LoraConfig::default(), &config, &data, checkpoints, |_| {
        resident.push(status("VmRSS:").unwrap_or(0.0));
        true
    })?;
    // Dialogues differ in length, and memory with them: the greatest of an epoch, which sees each once.
    let greatest = |steps: &[f64]| steps.iter().copied().fold(0.0, f64::max);
    let epoch = examples.len().min(resident.len());
    let (early, late) = (greatest(&resident[..epoch]), greatest(&resident[resident.len() - epoch..]));
    Ok(json!({
        "steps": resident.len(),
        "rss_mb_first_epoch": early / 1024.0,
        "rss_mb_last_epoch": late / 1024.0,
        "rss_growth": late / early - 1.0,
    }))
}

/// A number of kibibytes that Linux tells of this process.
fn status(key: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
