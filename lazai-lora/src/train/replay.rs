//! Repeats parts of a recorded run, to check its training record.

use std::ops::Range;
use std::path::Path;

use lazai_core::Digest;
use lazai_core::record::TrainingRecord;

use super::run::Run;
use super::{Data, checkpoint};
use crate::base::BaseModel;
use crate::error::{ModelError, Result, TrainError};

/// The largest difference of a loss on another machine, in millionths: ten times the difference seen between this library
/// and PyTorch.
pub const TOLERANCE_PPM: u64 = 1_000;

/// The agreement of a repeat with the record.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Agreement {
    /// Same kind of machine and version: the state after the last step is the recorded one, bit for bit.
    Exact,
    /// Another machine: each loss is within the tolerance of the recorded one.
    Within {
        /// Greatest difference of a loss, in millionths of the recorded one.
        difference_ppm: u64,
    },
}

/// A repeat.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Replay {
    /// Steps that were repeated: from a state of the record (or the start) to a state of the record.
    pub steps: Range<u32>,
    /// The result of the comparison.
    pub agreement: Agreement,
}

/// Repeats steps of a recorded run. The range is widened to the recorded states around it; the state to start from is read
/// from a kept checkpoint, unless it is the start.
///
/// On the same kind of machine ([`Compute::machine`](crate::Compute::machine)) with the same version, the state at the end
/// must be the recorded one, bit for bit, and so must be the adapter if the range ends with the run (unless training may have
/// ended early, with an adapter of before). Elsewhere each loss must be within `tolerance_ppm` of the recorded one: sums run in
/// another order there.
///
/// # Errors
/// [`TrainError::ReplayDiffers`] with the first step that disagrees, [`ModelError::Malformed`] if base, data, checkpoint or
/// adapter are not those of the record, or it has no state to compare with.
pub fn replay(
    base: &BaseModel,
    record: &TrainingRecord,
    software: &str,
    data: &Data<'_>,
    checkpoints: Option<&super::Checkpoints>,
    steps: Range<u32>,
    tolerance_ppm: u64,
) -> Result<Replay, TrainError> {
    let same = |what: &'static str, found: Digest, recorded: Digest| {
        if found == recorded {
            return Ok(());
        }
        Err(ModelError::malformed(what, format!("digest {found}, the record is of {recorded}")))
    };
    same("base model", base.digest(), record.base_digest)?;
    same("tokenizer", data.tokenizer, record.tokenizer_digest)?;
    let run = Run::new(base, &record.lora, &record.train, data)?;
    let known = |step: u32| record.states.iter().find(|s| s.step == step);
    let start = record.states.iter().map(|s| s.step).filter(|s| *s <= steps.start && checkpoints.is_some()).max();
    let start = start.unwrap_or(0);
    let end = record.states.iter().map(|s| s.step).filter(|s| *s >= steps.end).min().unwrap_or(record.steps);
    if start >= end || end > run.steps || steps.end > record.steps || record.loss_micronats.len() < end as usize {
        let reason = format!("steps {} to {} of {}", steps.start, steps.end, record.steps);
        return Err(ModelError::malformed("range of the repeat", reason).into());
    }
    let mut state = run.start(&record.lora)?;
    if let (Some(checkpoints), true) = (checkpoints, start > 0) {
        let path = checkpoints.path_at(start);
        checkpoint::restore(&path, checkpoints.kept(), run.digest, &mut state)?;
        check_start(&path, state.optimiser.step, start)?;
        if let Some(recorded) = known(start) {
            same("checkpoint", state.digest()?, recorded.state)?;
        }
    }
    let exact = base.compute().machine() == record.machine && software == record.software;
    if exact && known(end).is_none() {
        // Losses alone are rounded: they cannot say that all bits are the same.
        return Err(ModelError::malformed("training record", format!("no state after step {end}")).into());
    }
    let mut greatest = 0;
    for step in start..end {
        run.step(&mut state)?;
        let recorded = record.loss_micronats[step as usize];
        let found = state.history.loss_micronats.last().copied().unwrap_or_default();
        let difference_ppm = found.abs_diff(recorded).saturating_mul(1_000_000) / recorded.max(1);
        greatest = greatest.max(difference_ppm);
        let agrees = match known(step + 1) {
            _ if !exact => difference_ppm <= tolerance_ppm,
            Some(told) => found == recorded && told.state == state.digest()?,
            None => found == recorded,
        };
        if !agrees {
            return Err(TrainError::ReplayDiffers { step: step + 1, recorded, found });
        }
    }
    if exact && end == record.steps && record.train.patience == 0 {
        same("adapter", state.adapter.digest()?, record.adapter_digest)?;
    }
    let agreement = if exact { Agreement::Exact } else { Agreement::Within { difference_ppm: greatest } };
    Ok(Replay { steps: start..end, agreement })
}

fn check_start(path: &Path, found: u32, expected: u32) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let reason = format!("no checkpoint of this run after step {expected}");
    Err(ModelError::malformed(path.display().to_string(), reason))
}
