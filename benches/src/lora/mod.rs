//! Training beside PEFT and PyTorch: the same numbers, the same files, and how fast. Each side runs in a process of its own,
//! so that its peak memory is its own; timings of both alternate.

mod agree;
mod part;

use std::path::{Path, PathBuf};
use std::process::Command;

use lazai::core::dialogue::{Options, read_all};
use lazai::core::record::TrainConfig;
use lazai::lora::evaluate::Example;
use lazai::lora::train::plan;
use lazai::lora::{BaseModel, Compute, WeightFormat};
use lazai::models::example;
use serde_json::{Value, json};

use crate::Failure;
use crate::data::output;
pub use part::part;

/// Rounds of timing, both sides one after the other.
const ROUNDS: usize = 3;
/// Seconds that each way of the peer's is timed.
const PEER_SECONDS: f64 = 12.0;

/// Runs it all in a folder.
///
/// # Errors
/// What either side says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let gguf = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    // One folder for both sides: what PyTorch reads is what we read.
    let model = folder.join("model");
    BaseModel::from_gguf(&gguf, &Compute::cpu())?.save_merged(None, &model, WeightFormat::F32)?;
    let base = BaseModel::open(&model, &Compute::cpu(), WeightFormat::F32)?;
    let (examples, heldout) = (dialogues(&base, "dialogues")?, dialogues(&base, "heldout")?);

    let mut report =
        json!({ "machine": base.compute().machine(), "cores": std::thread::available_parallelism()?.get() });
    report["agreement"] = agree::run(folder, &model, &base, &examples, &heldout)?;
    drop(base);
    report["speed"] = speed(folder, &model, &examples)?;
    report["memory"] = from_evm(&["memory", path(&model)?, path(folder)?])?;
    summarise(&mut report);
    Ok(report)
}

/// The figures that are asked for, first in the report.
fn summarise(report: &mut Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let (speed, agreement) = (&report["speed"], &report["agreement"]);
    let best = |side: &str| -> f64 {
        let ways = speed[side]["tokens_per_s"].as_object();
        ways.map_or(0.0, |ways| ways.values().map(number).fold(0.0, f64::max))
    };
    let (ours, f32s, bf16) = (number(&speed["ours"]["tokens_per_s"]), best("peft_f32"), best("peft_bf16"));
    let worst = |key: &str| number(&agreement["lora"][key]).max(number(&agreement["rslora"][key]));
    let step = &speed["ours"];
    let summary = json!({
        "tokens_per_s": ours,
        "peft_f32_tokens_per_s": f32s,
        "peft_bf16_tokens_per_s": bf16,
        "ratio_f32": ours / f32s,
        "ratio_bf16": ours / bf16,
        "peak_rss_mb": step["peak_rss_mb"],
        "peft_peak_rss_mb": speed["peft_bf16"]["peak_rss_mb"],
        "loss_max_rel_diff": worst("loss_max_rel_diff"),
        "adapter_max_rel_diff": worst("adapter_max_rel_diff"),
        "heldout_perplexity_ratio": agreement["lora"]["heldout_perplexity_ratio"],
        "logits_max_abs_diff": worst("logits_max_abs_diff"),
        "gemm_fraction": number(&step["gflop_per_s"]) / number(&step["largest_product_gflop_per_s"]),
        "rss_growth_500_steps": report["memory"]["rss_growth"],
    });
    if let (Value::Object(report), Value::Object(summary)) = (report, summary) {
        report.extend(summary);
    }
}

/// Both sides' steps over the same packed blocks, alternating; the best round of each counts.
fn speed(folder: &Path, model: &Path, examples: &[Example]) -> Result<Value, Failure> {
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let blocks: Vec<Value> = plan(&config, examples).iter().map(|step| block_json(examples, &step.blocks[0])).collect();
    let mut report = json!({ "ours": null, "peft_f32": null, "peft_bf16": null, "rounds": [] });
    for round in 0..ROUNDS {
        let found = from_evm(&["speed", path(model)?, path(folder)?])?;
        let mut told = json!({ "ours": found["tokens_per_s"] });
        keep_best(&mut report["ours"], found, |v| v["tokens_per_s"].as_f64().unwrap_or(0.0));
        for dtype in ["f32", "bf16"] {
            // Every way in the first round; afterwards the one that was best.
            let side = format!("peft_{dtype}");
            let ways = if round == 0 { (vec![1, 2, 4], vec![4, 8, 16]) } else { best_way(&report[&side]) };
            let job = json!({
                "model": model, "dtype": dtype, "blocks": blocks, "seconds": PEER_SECONDS,
                "batches": ways.0, "rows": ways.1,
            });
            let found = peer(folder, "speed", &job)?;
            told[&side] = found["tokens_per_s"].clone();
            keep_best(&mut report[&side], found, fastest);
        }
        if let Some(rounds) = report["rounds"].as_array_mut() {
            rounds.push(told);
        }
    }
    Ok(report)
}

fn fastest(run: &Value) -> f64 {
    let ways = run["tokens_per_s"].as_object();
    ways.map_or(0.0, |ways| ways.values().filter_map(Value::as_f64).fold(0.0, f64::max))
}

/// Keeps the faster run, and the peak of memory of the last, which did nothing but the best way.
fn keep_best(best: &mut Value, mut run: Value, rate: impl Fn(&Value) -> f64) {
    let peak = run["peak_rss_mb"].clone();
    if best.is_null() || rate(&run) > rate(best) {
        std::mem::swap(best, &mut run);
    }
    best["peak_rss_mb"] = peak;
}

/// Batches and rows that name the fastest way.
fn best_way(run: &Value) -> (Vec<u32>, Vec<u32>) {
    let rate = |way: &(&String, &Value)| way.1.as_f64().unwrap_or(0.0);
    let ways = run["tokens_per_s"].as_object().into_iter().flatten();
    let name = ways.max_by(|a, b| rate(a).total_cmp(&rate(b))).map_or("1 packed", |(name, _)| name.as_str());
    let size = name.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(1);
    if name.contains("packed") { (vec![size], vec![]) } else { (vec![], vec![size]) }
}

/// The Cyber Diva's dialogues as token ids.
pub(crate) fn dialogues(base: &BaseModel, name: &str) -> Result<Vec<Example>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cyber-diva/data");
    let (dialogues, _) = read_all(&std::fs::read(folder.join(format!("{name}.jsonl")))?, &Options::default())?;
    let examples = dialogues.iter().map(|d| example(base.tokenizer(), base.template(), &d.messages));
    Ok(examples.collect::<Result<_, _>>()?)
}

fn example_json(example: &Example) -> Value {
    json!({ "tokens": example.tokens, "mask": example.mask })
}

fn block_json(examples: &[Example], block: &[usize]) -> Value {
    block.iter().map(|&i| example_json(&examples[i])).collect()
}

fn path(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| "a path that is not Unicode".into())
}

/// This program again, with another verb.
fn from_evm(args: &[&str]) -> Result<Value, Failure> {
    output(Command::new(std::env::current_exe()?).arg("lora-part").args(args))
}

fn peer(folder: &Path, verb: &str, job: &Value) -> Result<Value, Failure> {
    let python = std::env::var_os("LAZAI_PEER_PYTHON").ok_or("LAZAI_PEER_PYTHON is not set")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("lora.py");
    let (job_path, out) = (folder.join("job.json"), folder.join("out.json"));
    std::fs::write(&job_path, job.to_string())?;
    let mut command = Command::new(python);
    command.arg(script).arg(verb).arg(job_path).arg(&out);
    // Settings for an old linear algebra library slow a current one.
    command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE").env("HF_HUB_OFFLINE", "1");
    let status = command.stdout(std::process::Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{verb} of the peer: {status}").into());
    }
    Ok(serde_json::from_slice(&std::fs::read(out)?)?)
}
