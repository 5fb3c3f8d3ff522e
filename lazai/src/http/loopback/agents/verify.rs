//! What is known of a reply, or of a version, checked again: without the store and the training record, which `lazai evidence` reads.

use lazai_core::SessionId;
use lazai_settle::market::{Market, Version};
use serde::Deserialize;
use serde_json::json;

use super::super::Loopback;
use super::named;
use super::tools::{Answer, meant};
use crate::http::front::no_model;
use crate::provenance::{Link, ReplyProvenance, Trust};
use crate::wire::openai::ApiError;
use crate::wire::talk::model_id;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    session: Option<String>,
    turn: Option<u32>,
    character: Option<String>,
}

fn link(name: &str, outcome: Result<(Trust, String), String>, not_said: &str) -> Link {
    let (trust, says) = outcome.unwrap_or_else(|reason| (Trust::Broken, reason));
    Link { name: name.into(), trust, says, not_said: not_said.into() }
}

pub(super) async fn verify(proxy: &Loopback, wanted: Verify) -> Result<Answer, ApiError> {
    let (mut links, about) = match (&wanted.session, &wanted.turn) {
        (Some(session), turn) => receipt(proxy, session, *turn).await?,
        (None, Some(_)) => return Err(ApiError::new(400, "request.invalid", "`turn` is one of a session: name it")),
        (None, None) => (Vec::new(), meant(proxy, wanted.character.as_deref()).await?),
    };
    if wanted.session.is_some() && wanted.character.as_deref().is_some_and(|said| said != about) {
        return Err(ApiError::new(400, "request.model", format!("the session is with {about}")));
    }
    let (class, version) = named(&about).ok_or_else(|| no_model(&about))?;
    let market = proxy.inner.consumer.account().ledger().market();
    let found = market.class(class).and_then(|class| class.version(version)).ok_or_else(|| no_model(&about))?;
    links.extend(walk(&market, found));
    let provenance = ReplyProvenance { links };
    let holds = provenance.holds();
    let line = |link: &Link| {
        let trust = json!(link.trust);
        format!("{} ({}): {}", link.name, trust.as_str().unwrap_or_default(), link.says)
    };
    let lines: Vec<String> = provenance.links.iter().map(line).collect();
    let end = if holds { "All links hold." } else { "It does not hold." };
    let facts = json!({"character": about, "session": wanted.session, "holds": holds, "links": provenance.links});
    Ok(Answer::new(format!("{}\n{end}", lines.join("\n")), facts))
}

/// The receipt of a reply, and the version that it is of.
async fn receipt(proxy: &Loopback, session: &str, turn: Option<u32>) -> Result<(Vec<Link>, String), ApiError> {
    let unknown = || ApiError::new(404, "agent.receipt", "no reply of this session and turn was paid for here");
    let session: SessionId = session.parse().map_err(|_| unknown())?;
    let talk = proxy.inner.book.lock().await.conversation(session).ok_or_else(unknown)?;
    let (account, offer) = (proxy.inner.consumer.account(), &talk.offer.offer);
    let mut all = talk.kept_receipts(Some(&account.domain()));
    let wanted = turn.or_else(|| all.last().map(|last| last.turn));
    let place = all.iter().position(|kept| Some(kept.turn) == wanted).ok_or_else(unknown)?;
    let found = all.swap_remove(place);
    let on_ledger = account.ledger().market().session(session).map(|session| session.offer == *offer);
    let links = vec![
        link(
            "session",
            match on_ledger {
                Some(true) => Ok((Trust::Proved, "it is on the ledger, under this offer".into())),
                Some(false) => Err("the ledger has it under another offer".into()),
                None => Err("it is not on the ledger".into()),
            },
            "that whoever keeps the ledger follows its rules",
        ),
        link(
            "receipt",
            match found.wrong {
                None => Ok((
                    Trust::Claimed,
                    format!(
                        "node {} signed {} + {} tokens for {} base units; its signature, place and sum hold",
                        found.node, found.prompt_tokens, found.completion_tokens, found.price
                    ),
                )),
                Some(wrong) => Err(wrong),
            },
            "that the node generated these words as it says",
        ),
    ];
    Ok((links, model_id(offer.class, offer.version)))
}

/// What the ledger says of a version.
fn walk(market: &Market, version: &Version) -> Vec<Link> {
    let about = &version.metadata;
    let submission = market.submission(about.submission);
    let is_whole = about.digest() == version.digest;
    let of_dataset = submission.map(|state| {
        let shares = &state.submission.shares;
        format!("root {}, of {} contributors who signed for it", state.submission.root, shares.len())
    });
    let attested = submission.map(|state| {
        let (weight, total) = state.weights();
        format!("validators with {weight} of {total} checked dataset and proof")
    });
    let anchored = || "the class is not of a submission: nothing of a dataset is on the ledger".to_owned();
    let withdrawn = if version.withdrawn { "; it is withdrawn, and takes no new sessions" } else { "" };
    vec![
        link(
            "version",
            if is_whole {
                Ok((
                    Trust::Proved,
                    format!("{}; its metadata is what the ledger's digest says{withdrawn}", about.character),
                ))
            } else {
                Err("its metadata has another digest than the ledger's".into())
            },
            "that what the metadata names is so",
        ),
        link(
            "adapter and base",
            Ok((Trust::Claimed, format!("adapter {} on {}", about.adapter_digest, about.base.name))),
            "that a node really runs this adapter: it is the node's word",
        ),
        link(
            "training record",
            Ok((
                Trust::Claimed,
                format!("record {}, signed by the execution node {}", about.record_digest, about.exex),
            )),
            "that training was done as recorded: it is the execution node's word",
        ),
        link(
            "dataset",
            Ok((Trust::Claimed, of_dataset.unwrap_or_else(anchored))),
            "that contributors are who their names say, and wrote what they signed",
        ),
        link(
            "quorum",
            Ok(attested.map_or_else(|| (Trust::Claimed, anchored()), |says| (Trust::Attested, says))),
            "that validators are independent of each other",
        ),
    ]
}
