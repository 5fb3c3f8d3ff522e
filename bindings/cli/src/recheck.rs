//! `recheck`: a reply is repeated, or a training.

use lazai_facade::native::receipts::domain_of;
use lazai_facade::native::recheck::{RecheckSettings, RecheckedReply, recheck_evidence};
use lazai_facade::native::retraining::{QualityFacts, RecheckedTraining, recheck_training};
use serde_json::Value;
use std::path::Path;

use crate::args;
use crate::local::Local;
use crate::{Done, Output, read};

/// Repeats a training out of its record and dataset. False if the record is not true.
fn training(verb: &args::Recheck, dataset: &Path, out: &mut Output<'_>) -> Done {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    // The parser lets none through without one.
    let adapter = verb.adapter.as_deref().unwrap_or(Path::new(""));
    let told = recheck_training(text(&verb.evidence), text(dataset), text(&verb.base), text(adapter), verb.steps)?;
    out.tell(&told, |told| {
        let RecheckedTraining { says, submission, adapter, quality, machine, machine_here, .. } = told;
        let mut text = format!("{says}\n  training of submission {submission}, adapter {adapter}");
        if let Some(quality) = quality {
            text += &format!("\n  recorded: {}", perplexities(quality));
        }
        if machine != machine_here {
            text += &format!("\n  trained on {machine}, repeated on {machine_here}: bits may differ");
        }
        text
    })?;
    Ok(told.holds)
}

fn perplexities(quality: &QualityFacts) -> String {
    let QualityFacts { records, tokens, base_perplexity, prompted_perplexity, tuned_perplexity } = quality;
    let prompted = prompted_perplexity.map(|prompted| format!(", {prompted:.1} behind its card")).unwrap_or_default();
    format!(
        "perplexity {base_perplexity:.1} of the base{prompted}, {tuned_perplexity:.1} tuned; {tokens} tokens in {records} held-out records"
    )
}

/// Repeats a reply out of its evidence. False if it was not made as it was signed.
pub(crate) fn recheck(verb: &args::Recheck, out: &mut Output<'_>) -> Done {
    if let Some(dataset) = &verb.dataset {
        return training(verb, dataset, out);
    }
    let evidence = read(&verb.evidence)?;
    let local = verb.local.as_deref().map(Local::open).transpose()?;
    let domain = domain_of(verb.local.as_deref().or(verb.market.as_deref()), verb.deployment.as_deref())?;
    let adapter = match (&verb.adapter, &local) {
        (Some(adapter), _) => adapter.clone(),
        (None, Some(local)) => {
            let of: Value = serde_json::from_slice(&evidence)?;
            let number = |name: &str| of["offer"]["offer"][name].as_u64().unwrap_or_default();
            let version = u32::try_from(number("version")).unwrap_or_default();
            local.made(number("class"), version)?.adapter.into()
        }
        // The parser lets none through without either.
        (None, None) => std::path::PathBuf::new(),
    };
    let settings = RecheckSettings { threads: verb.threads, floats: Some(verb.floats), portable: Some(verb.portable) };
    let told = recheck_evidence(&evidence, &verb.base, &adapter, settings, domain.as_ref())?;
    out.tell(&told, for_people)?;
    Ok(told.holds)
}

fn for_people(told: &RecheckedReply) -> String {
    let RecheckedReply { says, node, session, turn, adapter, machine, machine_here, .. } = told;
    let mut text = format!("{says}\n  reply {turn} of session {session}, signed by {node}, adapter {adapter}");
    if machine != machine_here {
        text += &format!("\n  made on {machine}, repeated on {machine_here}: bits may differ");
    }
    text
}
