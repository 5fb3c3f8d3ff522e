//! Checkpoints: adapter, moments, losses and measurements in one safetensors file, replaced whole or not at all.

use std::collections::HashMap;
use std::path::Path;

use lazai_core::Digest;
use lazai_core::file::write_privately;
use lazai_core::record::{Evaluation, StateDigest};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::run::State;
use crate::error::{Result, SpeechError};
use crate::model::Weights;

const FILE: &str = "voice-checkpoint.safetensors";
/// Largest checkpoint that is read: 512 MiB.
const MAX_BYTES: u64 = 512 << 20;
/// The key of everything but tensors: one entry, so that equal states give equal files.
const HEADER: &str = "lazai.voice";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    run: Digest,
    step: u32,
    loss_micros: Vec<u64>,
    evaluations: Vec<Evaluation>,
    states: Vec<StateDigest>,
    /// How long the phonemes of each recording last, as they are aligned.
    durations: Vec<Vec<usize>>,
}

pub(super) fn save(folder: &Path, run: Digest, state: &State) -> Result<()> {
    let header = Header {
        run,
        step: state.optimiser.step,
        loss_micros: state.loss_micros.clone(),
        evaluations: state.evaluations.clone(),
        states: state.states.clone(),
        durations: state.takes.iter().map(|take| take.durations.clone()).collect(),
    };
    let malformed = |reason: String| SpeechError::malformed(FILE, reason);
    let header = serde_json::to_string(&header).map_err(|e| malformed(e.to_string()))?;
    let mut parts = vec![
        ("adapter", &state.adapter.values),
        ("first", &state.optimiser.first),
        ("second", &state.optimiser.second),
        ("average", &state.average),
    ];
    parts.extend(state.best.as_ref().map(|best| ("best", &best.values)));
    let bytes = parts.into_iter().map(|(name, values)| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        (name, values.len(), bytes)
    });
    let bytes: Vec<_> = bytes.collect();
    let views = bytes.iter().map(|(name, count, bytes)| {
        TensorView::new(Dtype::F32, vec![*count], bytes).map(|view| (*name, view)).map_err(|e| malformed(e.to_string()))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let metadata = Some(HashMap::from([(HEADER.to_owned(), header)]));
    let file = safetensors::serialize(views, metadata).map_err(|e| malformed(e.to_string()))?;
    let path = folder.join(FILE);
    write_privately(&path, &file).map_err(SpeechError::file(&path))
}

/// Restores the state of an interrupted run; leaves it as it is if there is no checkpoint or it is of another run.
pub(super) fn restore(folder: &Path, run: Digest, state: &mut State) -> Result<()> {
    let path = folder.join(FILE);
    let size = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(SpeechError::file(&path)(e)),
    };
    let malformed = |reason: String| SpeechError::malformed(FILE, reason);
    if size > MAX_BYTES {
        return Err(malformed(format!("{size} bytes exceed {MAX_BYTES}")));
    }
    let bytes = std::fs::read(&path).map_err(SpeechError::file(&path))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| malformed(e.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|m| m.get(HEADER));
    let header = header.ok_or_else(|| malformed(format!("no field {HEADER:?}")))?;
    let header: Header = serde_json::from_str(header).map_err(|e| malformed(e.to_string()))?;
    if header.run != run {
        return Ok(());
    }
    if header.loss_micros.len() != header.step as usize {
        return Err(malformed(format!("{} losses for {} steps", header.loss_micros.len(), header.step)));
    }
    let file = Weights(SafeTensors::deserialize(&bytes).map_err(|e| malformed(e.to_string()))?);
    let take = |name: &str| file.take(name, &[state.adapter.len()]);
    let (values, first, second, average) = (take("adapter")?, take("first")?, take("second")?, take("average")?);
    let best = if file.0.names().contains(&"best") { Some(take("best")?) } else { None };
    state.best = best.map(|values| {
        let mut best = state.adapter.clone();
        best.values = values;
        best
    });
    let found: Vec<usize> = header.durations.iter().map(Vec::len).collect();
    let fits = state.takes.iter().map(|take| take.ids.len()).eq(found)
        && state.takes.iter().zip(&header.durations).all(|(take, durations)| take.holds(durations));
    if !fits {
        return Err(malformed("durations of other recordings".to_owned()));
    }
    state.takes.iter_mut().zip(header.durations).for_each(|(take, durations)| take.lay(durations));
    state.adapter.values = values;
    state.average = average;
    state.optimiser.first = first;
    state.optimiser.second = second;
    state.optimiser.step = header.step;
    state.loss_micros = header.loss_micros;
    state.evaluations = header.evaluations;
    state.states = header.states;
    Ok(())
}
