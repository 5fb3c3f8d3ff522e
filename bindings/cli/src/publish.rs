//! `publish`: a character that was created is submitted, and followed until it is minted.

use std::time::Duration;

use lazai_facade::native::ExExContact;
use lazai_facade::native::market::Market;
use lazai_facade::native::prove::ProofFiles;
use lazai_facade::native::roles::{SubmissionFacts, SubmissionStatus};
use lazai_facade::{LazaiError, Signer};
use pollster::block_on;

use crate::acting::acting;
use crate::args;
use crate::create::Place;
use crate::local::Local;
use crate::trust::listener;
use crate::{Done, Output, read};

/// The pause before the ledger is looked at again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn publish(verb: &args::Publish, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "creator")?;
    let local = verb.acting.place.local.as_deref().map(Local::open).transpose()?;
    let place = Place(verb.folder.clone());
    if !place.has("dataset.safetensors") {
        let folder = verb.folder.display();
        return Err(LazaiError::new("file", format!("{folder}: no character is here; `lazai create` makes one")));
    }
    let proof = place.prove(market.ledger_id(), key.address(), verb.nonce, listener(out.json))?;
    let store = match (&verb.store, &local) {
        (None, Some(local)) => local.store(),
        // The parser lets no other through without a store.
        (store, _) => store.as_deref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    let exex: ExExContact = match (&verb.exex, &local) {
        (Some(path), _) => serde_json::from_slice(&read(path)?)?,
        (None, Some(local)) => local.contact(&market)?,
        (None, None) => return Err(LazaiError::new("file", "--exex is missing")),
    };
    let mut told = state(&market, &proof)?;
    if told.is_none() {
        let (dataset, public) = (place.of("dataset.safetensors"), place.of("public.json"));
        let contributors: Vec<std::sync::Arc<dyn Signer>> = vec![key.clone()];
        block_on(market.submit(key, store, verb.nonce, dataset, public, proof.clone(), exex, contributors, None))?;
        told = state(&market, &proof)?;
    }
    let unknown = || LazaiError::new("submission.unknown", format!("no submission {}", proof.submission));
    let mut facts = told.ok_or_else(unknown)?;
    tell(&facts, out)?;
    while !verb.no_wait && matches!(facts.status, SubmissionStatus::Pending | SubmissionStatus::Accepted) {
        std::thread::sleep(PAUSE);
        let now = state(&market, &proof)?.ok_or_else(unknown)?;
        if now != facts {
            tell(&now, out)?;
        }
        facts = now;
    }
    Ok(!matches!(facts.status, SubmissionStatus::Rejected | SubmissionStatus::Refused))
}

/// The submission as the ledger has it now, if it does.
fn state(market: &Market, proof: &ProofFiles) -> Result<Option<SubmissionFacts>, LazaiError> {
    block_on(market.refresh())?;
    match market.submission(proof.submission.clone()) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.code() == "submission.unknown" => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(facts: &SubmissionFacts, out: &mut Output<'_>) -> Result<(), LazaiError> {
    out.tell(facts, |facts| format!("{}: {} ({} tokens)", facts.submission, facts.status, facts.tokens))
}
