//! Checkpoints: adapter, moments, losses and measurements in one safetensors file, replaced whole or not at all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use lazai_core::Digest;
use lazai_core::record::{Evaluation, StateDigest};
use lazai_core::seal::AtRest;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::run::State;
use crate::adapter::{Adapter, MAX_ADAPTER_BYTES, read_f32, write_tensors};
use crate::error::{ModelError, Result};

/// Largest checkpoint that is read: adapter, best adapter and two moments.
const MAX_BYTES: u64 = 5 * MAX_ADAPTER_BYTES;
const FILE: &str = "checkpoint.safetensors";
/// The key of everything but tensors: one entry, so that equal states give equal files.
const HISTORY: &str = "lazai.history";

/// The folder of checkpoints, and the number to keep. On Unix only the process's own user can read them.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep_all: bool,
    at_rest: AtRest,
}

impl Checkpoints {
    /// Keeps only the last one, to continue an interrupted run.
    pub fn last(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep_all: false, at_rest: AtRest::Clear }
    }

    /// Every one, so that any range of steps can be repeated from the one before it.
    pub fn all(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep_all: true, at_rest: AtRest::Clear }
    }

    /// Keeps them another way. Trainers keep the adapter the same way.
    #[must_use]
    pub fn at_rest(mut self, at_rest: AtRest) -> Self {
        self.at_rest = at_rest;
        self
    }

    /// How they are kept, and the adapter with them.
    #[must_use]
    pub fn kept(&self) -> &AtRest {
        &self.at_rest
    }

    /// Tells whether there is one.
    #[must_use]
    pub fn has_last(&self) -> bool {
        self.at_rest.has(&self.path())
    }

    /// The file of the last one.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The file of the one after a step, if all are kept.
    #[must_use]
    pub fn path_at(&self, step: u32) -> PathBuf {
        self.folder.join(format!("step-{step:06}.safetensors"))
    }
}

/// The run so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    pub(super) loss_micronats: Vec<u64>,
    pub(super) states: Vec<StateDigest>,
    pub(super) evaluations: Vec<Evaluation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    run: Digest,
    step: u32,
    history: History,
}

pub(super) fn save(checkpoints: &Checkpoints, run: Digest, state: &State) -> Result<()> {
    let header = Header { run, step: state.optimiser.step, history: state.history.clone() };
    let header = serde_json::to_string(&header).map_err(|e| ModelError::malformed(FILE, e))?;
    let adapter = &state.adapter;
    let mut tensors = adapter.named(adapter.parameters())?;
    let mut add = |prefix: &str, values: &[Tensor]| -> Result<()> {
        let named = adapter.named(values)?;
        tensors.extend(named.into_iter().map(|(key, tensor)| (format!("{prefix}.{key}"), tensor)));
        Ok(())
    };
    add("first", &state.optimiser.first)?;
    add("second", &state.optimiser.second)?;
    if let Some(best) = &state.best {
        add("best", best.parameters())?;
    }
    let bytes = write_tensors(tensors, HashMap::from([(HISTORY.to_owned(), header)]))?;
    let write = |path: &Path| checkpoints.at_rest.write(path, &bytes).map_err(ModelError::file(path));
    if checkpoints.keep_all {
        write(&checkpoints.path_at(state.optimiser.step))?;
    }
    write(&checkpoints.path())
}

/// Restores the state of an interrupted run; leaves it as it is if there is no checkpoint or it is of another run.
pub(super) fn restore(path: &Path, at_rest: &AtRest, run: Digest, state: &mut State) -> Result<()> {
    let bytes = match at_rest.read(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(ModelError::file(path)(e)),
    };
    let malformed = |reason: String| ModelError::malformed(path.display().to_string(), reason);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| malformed(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| malformed(e.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|m| m.get(HISTORY));
    let header = header.ok_or_else(|| malformed(format!("no field {HISTORY:?}")))?;
    let header: Header = serde_json::from_str(header).map_err(|e| malformed(e.to_string()))?;
    if header.run != run {
        tracing::info!(path = %path.display(), "checkpoint is of another run: starting over");
        return Ok(());
    }
    if header.history.loss_micronats.len() != header.step as usize {
        let losses = header.history.loss_micronats.len();
        return Err(malformed(format!("{losses} losses for {} steps", header.step)));
    }
    let read = |prefix: &str, adapter: &Adapter| -> Result<Vec<Tensor>> {
        let read = |key: &str, shape: &[usize]| read_f32(&file, &format!("{prefix}{key}"), shape).map_err(malformed);
        adapter.tensors_from(read)
    };
    let parameters = read("", &state.adapter)?;
    state.optimiser.first = read("first.", &state.adapter)?;
    state.optimiser.second = read("second.", &state.adapter)?;
    if file.names().iter().any(|name| name.starts_with("best.")) {
        let mut best = state.adapter.clone();
        best.parameters_mut().clone_from_slice(&read("best.", &state.adapter)?);
        state.best = Some(best);
    }
    state.adapter.parameters_mut().clone_from_slice(&parameters);
    state.optimiser.step = header.step;
    state.history = header.history;
    let found = state.digest()?;
    match state.history.states.iter().find(|s| s.step == header.step) {
        Some(told) if told.state != found => Err(malformed(format!("state has digest {found}, not {}", told.state))),
        _ => Ok(()),
    }
}
