//! `verify`, `evidence` and `prove`.

use std::path::Path;
use std::sync::Arc;

use lazai_facade::native::data::keep_file;
use lazai_facade::native::model::BaseModel;
use lazai_facade::native::prove::prove_dataset;
use lazai_facade::native::recheck::{RecheckSettings, verify_repeated};
use lazai_facade::native::{Progress, ProgressListener};
use lazai_facade::{LazaiError, evidence_with_words, verify_enclave, verify_evidence, verify_proof};

use pollster::block_on;
use serde_json::{Value, json};

use crate::acting::acting;
use crate::args;
use crate::local::Local;
use crate::{Done, Output, read};

pub(crate) fn verify(verb: &args::Verify, out: &mut Output<'_>) -> Done {
    match verb {
        args::Verify { proof: Some(proof), statement: Some(statement), .. } => {
            let facts = verify_proof(read(statement)?, read(proof)?)?;
            out.tell(&facts, |facts| {
                let (records, tokens) = (facts.records, facts.tokens);
                let mut told = format!("proved: {records} records, {tokens} tokens, no two alike, root {}", facts.root);
                told += &format!("\n  for ledger {}, by {}", facts.ledger, facts.submitter);
                for part in &facts.contributors {
                    told += &format!("\n  {}: {} records, {} tokens", part.address, part.records, part.tokens);
                }
                told
            })?;
            Ok(true)
        }
        args::Verify { evidence: Some(evidence), anchor: Some(anchor), words, .. } => {
            let mut evidence = read(evidence)?;
            if let Some(conversation) = words {
                let conversation = String::from_utf8(read(conversation)?);
                let conversation = conversation.map_err(|e| LazaiError::new("json.malformed", e))?;
                evidence = evidence_with_words(evidence, conversation)?.into_bytes();
            }
            let report = match (&verb.recheck, &verb.base, &verb.adapter) {
                (Some(reply), Some(base), Some(adapter)) => {
                    let text = |path: &Path| path.to_string_lossy().into_owned();
                    let how = RecheckSettings::default();
                    verify_repeated(evidence, read(anchor)?, read(reply)?, text(base), text(adapter), how)
                }
                _ => match &verb.enclave {
                    Some(path) => verify_enclave(evidence, read(anchor)?, crate::talk::policy(path)?),
                    None => verify_evidence(evidence, read(anchor)?),
                },
            };
            let report = report.map_err(|error| {
                let (evidence, anchor) = (verb.evidence.as_deref().unwrap_or(anchor), anchor);
                let files = format!("{} against the anchor {}", evidence.display(), anchor.display());
                LazaiError::new(error.code(), format!("{files}: {}", error.detail()))
            })?;
            let holds = report.holds;
            out.tell(&report, |report| {
                let line = |link: &lazai_facade::ProvenanceLink| {
                    let trust = format!("{:?}", link.trust).to_lowercase();
                    format!("{trust:9} {:18} {}\n", link.name, link.says)
                };
                let links: String = report.links.iter().map(line).collect();
                format!("{links}{}", if holds { "it holds" } else { "it does not hold" })
            })?;
            Ok(holds)
        }
        // The parser lets nothing else through.
        _ => Err(LazaiError::new("json.malformed", "neither evidence with an anchor, nor a proof with a statement")),
    }
}

/// Progress, on the error output.
struct OnScreen;

impl ProgressListener for OnScreen {
    fn on_progress(&self, progress: Progress) -> bool {
        match progress {
            // Work without a known end, or none of it.
            Progress { stage, done: done @ 1.., total: 0, .. } => eprintln!("{stage} {done}"),
            Progress { total: 0, .. } => {}
            Progress { stage, done, total, .. } => eprintln!("{stage} {done} of {total}"),
        }
        true
    }
}

/// Progress for people; none beside JSON.
pub(crate) fn listener(json: bool) -> Option<Arc<dyn ProgressListener>> {
    if json { None } else { Some(Arc::new(OnScreen)) }
}

pub(crate) fn prove(verb: args::Prove, out: &mut Output<'_>) -> Done {
    let args::Prove { dataset, public, ledger, submitter, nonce, out: folder } = verb;
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let told = listener(out.json);
    let files = prove_dataset(text(dataset), public.map(text), ledger, submitter, nonce, text(folder), told)?;
    out.tell(&files, |files| format!("{} and {}: root {}", files.statement, files.proof, files.root))?;
    Ok(true)
}

pub(crate) fn evidence(verb: &args::Evidence, out: &mut Output<'_>) -> Done {
    let (market, _) = acting(&verb.acting, "consumer")?;
    let local = verb.acting.place.local.as_deref().map(Local::open).transpose()?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let conversation = String::from_utf8_lossy(&read(&verb.conversation)?).into_owned();
    let (store, record) = match (&verb.store, &verb.record, &local) {
        (store, record, Some(local)) => {
            let of: Value = serde_json::from_str(&conversation)?;
            let number = |of: &Value| of.as_u64().unwrap_or_default();
            let offer = &of["offer"]["offer"];
            let version = u32::try_from(number(&offer["version"])).unwrap_or_default();
            let made = local.made(number(&offer["class"]), version)?;
            (store.as_deref().map_or(local.store(), text), record.as_deref().map_or(made.record, text))
        }
        // The parser lets no other through without both.
        (store, record, None) => {
            (store.as_deref().map(text).unwrap_or_default(), record.as_deref().map(text).unwrap_or_default())
        }
    };
    block_on(market.refresh())?;
    let evidence = block_on(market.evidence(store, record, conversation))?;
    let anchor = market.anchor(BaseModel::open(text(&verb.base))?.digest())?;
    std::fs::create_dir_all(&verb.out)
        .map_err(|error| LazaiError::new("file", format!("{}: {error}", verb.out.display())))?;
    let [to, against] = ["evidence.json", "anchor.json"].map(|name| text(&verb.out.join(name)));
    keep_file(&to, evidence.as_bytes())?;
    keep_file(&against, anchor.as_bytes())?;
    out.tell(&json!({"evidence": to, "anchor": against}), |_| format!("lazai verify {to} --anchor {against}"))?;
    Ok(true)
}
