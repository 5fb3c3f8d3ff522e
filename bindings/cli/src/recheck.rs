//! `recheck`: a reply is repeated.

use lazai_facade::native::receipts::domain_of;
use lazai_facade::native::recheck::{RecheckSettings, RecheckedReply, recheck_evidence};
use serde_json::Value;

use crate::args;
use crate::local::Local;
use crate::{Done, Output, read};

/// Repeats a reply out of its evidence. False if it was not made as it was signed.
pub(crate) fn recheck(verb: &args::Recheck, out: &mut Output<'_>) -> Done {
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
