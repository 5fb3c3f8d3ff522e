//! Measurements for the report.

use lazai::core::dialogue::Message;
use lazai::lora::evaluate::{Example, perplexity};
use lazai::lora::{Adapter, BaseModel, LoraError};
use lazai::models::example;

/// Perplexity of what the character says in some dialogues.
///
/// # Errors
/// [`LoraError`].
pub fn perplexity_of(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    dialogues: &[Vec<Message>],
) -> Result<f64, LoraError> {
    let examples: Result<Vec<Example>, _> =
        dialogues.iter().map(|messages| example(base.tokenizer(), base.template(), messages)).collect();
    perplexity(base, adapter, &examples?)
}

/// The most memory that this process has had, in MB; `None` where the system does not say.
#[must_use]
pub fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}
