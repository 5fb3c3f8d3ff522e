//! Measurements for the report.

use std::path::Path;

use lazai::core::message::Message;
use lazai::lora::evaluate::Example;
use lazai::lora::train::LossJob;
use lazai::lora::{Candle, TrainError, Trainer};
use lazai::models::example;

/// Perplexity of what the character says in some dialogues, with the adapter in a folder or the bare base.
///
/// # Errors
/// [`TrainError`].
pub fn perplexity_of(model: &Candle, adapter: Option<&Path>, dialogues: &[Vec<Message>]) -> Result<f64, TrainError> {
    let (tokenizer, template) = (model.base().tokenizer(), model.base().template());
    let examples = dialogues.iter().map(|messages| example(tokenizer, template, messages));
    let examples = examples.collect::<Result<Vec<Example>, _>>()?;
    Ok(model.mean_loss(&LossJob { adapter, ..LossJob::bare(&examples) })?.exp())
}

/// The most memory that this process has had, in MB; `None` where the system does not say.
#[must_use]
pub fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}
