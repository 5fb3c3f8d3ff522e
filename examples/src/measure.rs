//! Measurements for the report.

use lazai::core::Digest;
use lazai::core::dialogue::Message;
use lazai::lora::LoraError;
use lazai::lora::backend::{Backend, Candle};
use lazai::lora::evaluate::Example;
use lazai::models::example;

/// Perplexity of what the character says in some dialogues, with a loaded adapter or the bare base.
///
/// # Errors
/// [`LoraError`].
pub fn perplexity_of(backend: &Candle, adapter: Option<Digest>, dialogues: &[Vec<Message>]) -> Result<f64, LoraError> {
    let (tokenizer, template) = (backend.base().tokenizer(), backend.base().template());
    let examples = dialogues.iter().map(|messages| example(tokenizer, template, messages));
    Ok(backend.mean_loss(adapter, &examples.collect::<Result<Vec<Example>, _>>()?)?.exp())
}

/// The most memory that this process has had, in MB; `None` where the system does not say.
#[must_use]
pub fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}
