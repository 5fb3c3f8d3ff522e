//! True if both sides compute the same: losses, adapters, logits, perplexities.

use std::path::Path;

use lazai::core::record::{LoraConfig, TrainConfig};
use lazai::lora::evaluate::{Example, perplexity, scores};
use lazai::lora::train::{Checkpoints, Data, plan, train};
use lazai::lora::{Adapter, BaseModel};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use super::{block_json, example_json, peer};
use crate::Failure;

const STEPS: u32 = 20;

/// Both kinds of scale.
///
/// # Errors
/// What either side says.
pub fn run(
    folder: &Path,
    model: &Path,
    base: &BaseModel,
    examples: &[Example],
    heldout: &[Example],
) -> Result<Value, Failure> {
    let mut report = json!({});
    for (name, rank_stabilised) in [("lora", false), ("rslora", true)] {
        let lora = LoraConfig { rank_stabilised, ..LoraConfig::default() };
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        report[name] = one(&folder, model, base, &lora, examples, heldout)?;
    }
    Ok(report)
}

fn one(
    folder: &Path,
    model: &Path,
    base: &BaseModel,
    lora: &LoraConfig,
    examples: &[Example],
    heldout: &[Example],
) -> Result<Value, Failure> {
    let config = TrainConfig { epochs: 3, max_steps: Some(STEPS), checkpoint_steps: STEPS, ..TrainConfig::default() };
    let (start, ours, theirs) = (folder.join("start"), folder.join("ours"), folder.join("theirs"));
    Adapter::new(base, lora.clone(), config.seed)?.save(&start, super::path(model)?)?;
    let data = Data::new(base.tokenizer().digest(), examples);
    let trained = train(base, lora, &config, &data, &Checkpoints::last(folder.join("checkpoints")), |_| true)?;
    trained.adapter.save(&ours, super::path(model)?)?;

    let steps = plan(&config, examples);
    let mut job = json!({
        "model": model,
        "adapter": start,
        "out": theirs,
        "double": false,
        "steps": steps.iter().map(|s| s.blocks.iter().map(|b| block_json(examples, b)).collect()).collect::<Vec<Value>>(),
        "rates": steps.iter().map(|s| s.learning_rate).collect::<Vec<_>>(),
        "clip": f64::from(config.clip_norm_milli) / 1e3,
        "decay": f64::from(config.weight_decay_micro) / 1e6,
        "heldout": heldout.iter().map(example_json).collect::<Vec<_>>(),
    });
    let peers = peer(folder, "agree", &job)?;
    let losses: Vec<f64> = serde_json::from_value(peers["losses"].clone())?;
    // The same in double precision: who of both is nearer to what it should be?
    let exact = folder.join("exact");
    job["out"] = json!(exact);
    job["double"] = json!(true);
    peer(folder, "agree", &job)?;
    let own: Vec<f64> = trained.loss_micronats.iter().map(|l| *l as f64 / 1e6).collect();
    let loss = own.iter().zip(&losses).map(|(a, b)| (a - b).abs() / b).fold(0.0, f64::max);
    let own_perplexity = perplexity(base, Some(&trained.adapter), heldout)?;
    let peers_perplexity = peers["heldout_perplexity"].as_f64().ok_or("no perplexity")?;

    // Files of each side, read by the other.
    let ids = &examples.iter().max_by_key(|e| e.tokens.len()).ok_or("no dialogue")?.tokens;
    let made = folder.join("made");
    peer(folder, "make", &json!({ "model": model, "out": made, "seed": 5, "stabilised": lora.rank_stabilised }))?;
    let (mut logits, mut own_error, mut peers_error): (f64, f64, f64) = (0.0, 0.0, 0.0);
    for adapter in [&ours, &made, &theirs] {
        let read = Adapter::load(adapter, base)?;
        let own = scores(base, Some(&read), ids)?;
        let told = |double: bool| -> Result<Vec<Vec<f64>>, Failure> {
            let job = json!({ "model": model, "adapter": adapter, "ids": ids, "double": double });
            Ok(serde_json::from_value(peer(folder, "logits", &job)?["logits"].take())?)
        };
        let (peers, exact) = (told(false)?, told(true)?);
        let all = own.iter().flatten().zip(peers.iter().flatten()).zip(exact.iter().flatten());
        for ((own, peers), exact) in all {
            let own = f64::from(*own);
            logits = logits.max((own - peers).abs());
            own_error = own_error.max((own - exact).abs());
            peers_error = peers_error.max((peers - exact).abs());
        }
    }
    Ok(json!({
        "steps": STEPS,
        "loss_max_rel_diff": loss,
        "adapter_max_rel_diff": frobenius(&ours, &theirs)?,
        "adapter_max_rel_error": frobenius(&ours, &exact)?,
        "peft_adapter_max_rel_error": frobenius(&theirs, &exact)?,
        "logits_max_abs_diff": logits,
        "logits_max_abs_error": own_error,
        "peft_logits_max_abs_error": peers_error,
        "heldout_perplexity": own_perplexity,
        "peft_heldout_perplexity": peers_perplexity,
        "heldout_perplexity_ratio": own_perplexity / peers_perplexity,
        "losses": own,
        "peft_losses": losses,
    }))
}

/// The greatest relative difference of a tensor of two adapters, in the Frobenius norm.
fn frobenius(a: &Path, b: &Path) -> Result<f64, Failure> {
    let read = |folder: &Path| std::fs::read(folder.join("adapter_model.safetensors"));
    let (a, b) = (read(a)?, read(b)?);
    let (a, b) = (SafeTensors::deserialize(&a)?, SafeTensors::deserialize(&b)?);
    let values = |file: &SafeTensors<'_>, name: &str| -> Result<Vec<f64>, Failure> {
        let tensor = file.tensor(name)?;
        let data = tensor.data();
        Ok(match tensor.dtype() {
            Dtype::F64 => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            _ => data.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        })
    };
    let mut worst: f64 = 0.0;
    for name in b.names() {
        let (a, b) = (values(&a, name)?, values(&b, name)?);
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let difference = norm(&mut a.iter().zip(&b).map(|(a, b)| a - b));
        worst = worst.max(difference / norm(&mut b.iter().copied()));
    }
    Ok(worst)
}
