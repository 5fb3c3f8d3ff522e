//! Checkpoints: adapter, moments and losses in one safetensors file, replaced atomically.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use lazai_core::Digest;
use lazai_core::file::write_atomically;
use safetensors::SafeTensors;

use super::adamw::AdamW;
use crate::adapter::{Adapter, read_f32, write_tensors};
use crate::error::{LoraError, Result};

const FILE: &str = "checkpoint.safetensors";

pub(super) fn save(folder: &Path, run: Digest, adapter: &Adapter, optimiser: &AdamW, losses: &[u64]) -> Result<()> {
    let state = adapter.named().zip(&optimiser.moments).flat_map(|((key, var), (first, second))| {
        [(format!("first.{key}"), first), (format!("second.{key}"), second), (key, var.as_tensor())]
    });
    let losses = serde_json::to_string(losses).map_err(|e| LoraError::malformed(FILE, e))?;
    let metadata = HashMap::from([
        ("run".to_owned(), run.to_string()),
        ("step".to_owned(), optimiser.step.to_string()),
        ("loss_micronats".to_owned(), losses),
    ]);
    let bytes = write_tensors(state, metadata)?;
    let path = folder.join(FILE);
    write_atomically(&path, &bytes).map_err(LoraError::file(&path))
}

/// Restores the state of an interrupted run, and gives the losses of its steps; nothing, if there is no
/// checkpoint or it is of another run.
pub(super) fn restore(folder: &Path, run: Digest, adapter: &Adapter, optimiser: &mut AdamW) -> Result<Vec<u64>> {
    let path = folder.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(LoraError::file(&path)(e)),
    };
    let malformed = |reason: String| LoraError::malformed(path.display().to_string(), reason);
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| malformed(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| malformed(e.to_string()))?;
    let empty = HashMap::new();
    let metadata = header.metadata().as_ref().unwrap_or(&empty);
    if metadata.get("run") != Some(&run.to_string()) {
        tracing::info!(path = %path.display(), "checkpoint is of another run: starting over");
        return Ok(Vec::new());
    }
    let field = |key: &str| metadata.get(key).ok_or_else(|| malformed(format!("no field {key:?}")));
    let step: u32 = field("step")?.parse().map_err(|_| malformed("field \"step\"".into()))?;
    let losses: Vec<u64> = serde_json::from_str(field("loss_micronats")?).map_err(|e| malformed(e.to_string()))?;
    if losses.len() != step as usize {
        return Err(malformed(format!("{} losses for {step} steps", losses.len())));
    }
    for ((key, var), (first, second)) in adapter.named().zip(&mut optimiser.moments) {
        let read = |key: &str| -> Result<Tensor> {
            let values = read_f32(&file, key, var.dims()).map_err(malformed)?;
            Ok(Tensor::from_vec(values, var.shape(), var.device())?)
        };
        var.set(&read(&key)?)?;
        *first = read(&format!("first.{key}"))?;
        *second = read(&format!("second.{key}"))?;
    }
    optimiser.step = step;
    Ok(losses)
}
