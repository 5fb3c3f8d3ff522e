//! Repeating a reply out of its evidence.

use lazai_lora::GenerateError;
use lazai_lora::generate::Sampler;
use lazai_lora::recheck::{Claimed, Repeated, Repeater, Trail};

use super::{RecheckError, ReplyEvidence, malformed, same};

/// Repeats a reply on the base and the adapter that its receipt names; the adapter must be loaded. Signatures, digests and settings are
/// checked first.
///
/// # Errors
/// [`RecheckError`]. What a repeat comes to is no error.
///
/// # Example
/// ```no_run
/// use lazai::lora::WeightFormat;
/// use lazai::lora::recheck::{RepeatSettings, Repeater};
/// use lazai::recheck::{ReplyEvidence, recheck};
///
/// let evidence = ReplyEvidence::from_bytes(&std::fs::read("evidence.json")?)?;
/// let mut repeater = Repeater::open("base.gguf".as_ref(), WeightFormat::AsStored, &RepeatSettings::default())?;
/// repeater.load_adapter("adapter".as_ref())?;
/// println!("{}", recheck(&evidence, &mut repeater)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn recheck(evidence: &ReplyEvidence, repeater: &mut Repeater) -> Result<Repeated, RecheckError> {
    evidence.check()?;
    let receipt = &evidence.reply.receipt.receipt;
    let found = repeater.about().base_digest;
    if found != receipt.base_digest {
        return Err(RecheckError::OtherBase { expected: receipt.base_digest, found });
    }
    same("tokenizer", receipt.tokenizer_digest, repeater.about().tokenizer_digest)?;
    let signed = evidence.trail()?;
    let sampler: Sampler = serde_json::from_value(signed.sampler.clone()).map_err(|_| malformed("no sampler"))?;
    check_sampler(evidence, &sampler)?;
    let trail = Trail::from_bytes(signed.trail.clone()).map_err(GenerateError::from)?;
    let messages = evidence.prompt()?;
    Ok(repeater.repeat(&Claimed {
        adapter: Some(receipt.adapter_digest),
        messages: &messages,
        sampler: &sampler,
        seed: receipt.seed,
        tokens: &evidence.reply.tokens,
        text: &evidence.text,
        trail: &trail,
        machine: &signed.machine,
    })?)
}

/// Holds the settings that the node says it drew by to those that were asked for, and to the receipt.
fn check_sampler(evidence: &ReplyEvidence, sampler: &Sampler) -> Result<(), RecheckError> {
    let (receipt, asked) = (&evidence.reply.receipt.receipt, &evidence.reply.settings);
    same("temperature", receipt.temperature_milli, sampler.temperature_milli)?;
    same("nucleus", receipt.top_p_milli, sampler.top_p_milli)?;
    let ceiling = evidence.offer.offer.completion_ceiling;
    let most = asked.max_tokens.map_or(ceiling, |tokens| tokens.clamp(1, ceiling.max(1)));
    same("most tokens", most, sampler.max_tokens)?;
    let kept = Sampler { max_tokens: most, ..asked.sampler(sampler) };
    same("settings that were asked for", true, kept == *sampler)
}
