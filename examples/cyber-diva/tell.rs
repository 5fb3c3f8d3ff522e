//! What the scenario tells, and notes in its report.

use std::time::{Duration, Instant};

use anyhow::Context;
use lazai::consumer::Conversation;
use lazai::core::{Amount, Asset, ParamsVersion, SessionId, SubmissionId, TokenId};
use lazai::creator::Proved;
use lazai::exex::Minted;
use lazai::lora::BaseModel;
use lazai::lora::generate::{Sampler, generate};
use lazai::provenance::{ReplyProvenance, Trust};
use lazai::settle::Split;
use lazai::settle::market::{Event, SubmissionStatus};
use lazai::settle::notice::Cursor;
use lazai::zk::{Proof, Statement, Verifier};
use lazai_examples::diva::CONTRIBUTORS;
use lazai_examples::home::CONSUMER_FUNDS;
use lazai_examples::tale::gas;
use lazai_examples::{Home, Tale};
use serde_json::json;

pub fn dataset(tale: &mut Tale, submitted: &Proved) -> anyhow::Result<()> {
    let (dataset, statement) = (submitted.dataset(), submitted.statement());
    let public_bytes = submitted.public_part().to_bytes()?.len();
    let (records, tokens, frames) = (dataset.records().len(), dataset.tokens(), dataset.vocal_frames());
    tale.say(format!("{records} dialogues, {tokens} tokens, {frames} voice frames; {public_bytes} bytes are public"));
    tale.note(
        "dataset",
        json!({
            "records": records,
            "contributors": statement.proved.shares.len(),
            "tokens": tokens,
            "vocal_frames": frames,
            "public_bytes": public_bytes,
            "root": statement.proved.root,
        }),
    );
    Ok(())
}

pub fn quorum(tale: &mut Tale, home: &Home, submission: SubmissionId, rejected: usize) -> anyhow::Result<()> {
    let market = home.ledger().market();
    let state = market.submission(submission).context("submission")?;
    let (attested, total) = state.weights();
    let accepted = matches!(state.status, SubmissionStatus::Accepted | SubmissionStatus::Minted { .. });
    tale.say(format!("{attested} of {total} attested: accepted"));
    tale.note(
        "quorum",
        json!({
            "validators": state.validators.len(),
            "attested": state.verdicts.len(),
            "accepted": accepted,
            "tampered_rejected": rejected,
        }),
    );
    Ok(())
}

pub fn proof(tale: &mut Tale, statement: &Statement, proof: &Proof, prove_s: f64) -> anyhow::Result<()> {
    let verifier = Verifier::new();
    let started = Instant::now();
    verifier.verify(statement, proof)?;
    let verify_ms = started.elapsed().as_secs_f64() * 1e3;
    let bytes = proof.to_bytes().len();
    tale.say(format!("proof: {bytes} bytes, made in {prove_s:.1} s, verified in {verify_ms:.1} ms"));
    tale.note("proof", json!({ "bytes": bytes, "prove_s": prove_s, "verify_ms": verify_ms, "zero_knowledge": true }));
    Ok(())
}

pub fn dat(tale: &mut Tale, home: &Home, minted: &Minted) {
    let market = home.ledger().market();
    let tokens: Vec<_> = market.tokens_of(minted.class).collect();
    for (id, token) in &tokens {
        let names = CONTRIBUTORS.into_iter().chain(["consumer"]);
        let owner = names.into_iter().find(|name| home.address(name) == token.owner).unwrap_or("somebody");
        tale.say(format!(
            "token {id}, {owner}'s: {} shares of revenue, quota of {} sessions",
            token.shares, token.value
        ));
    }
    if let Some(quality) = &minted.record.quality {
        tale.say(format!("the token says of the model: {}", quality.in_words()));
    }
    let ids: Vec<TokenId> = tokens.iter().map(|(id, _)| *id).collect();
    let version = market.class(minted.class).and_then(|c| c.version(minted.version));
    tale.note(
        "dat",
        json!({
            "class_id": minted.class,
            "token_ids": ids,
            "adapter_digest": minted.record.adapter_digest,
            "base_digest": minted.record.base_digest,
            "quality": minted.record.quality,
            "endpoints": version.map(|v| v.metadata.endpoints.clone()),
        }),
    );
}

pub fn chat(tale: &mut Tale, base: &BaseModel, conversation: &Conversation) -> anyhow::Result<()> {
    let tokens: u64 = conversation.receipts.iter().map(|r| r.receipt.receipt.completion_tokens).sum();
    let max_tokens = conversation.offer.offer.completion_ceiling;
    let question = conversation.messages.first().cloned().context("an empty conversation")?;
    let sampler = Sampler { max_tokens, ..Sampler::default() };
    let bare = generate(base, None, std::slice::from_ref(&question), &sampler, 7, |_| true)?;
    tale.say(format!("the bare base would have said: {}", bare.text));
    tale.note(
        "chat",
        json!({
            "turns": conversation.receipts.len(),
            "tokens": tokens,
            "sample_base": bare.text,
            "sample_tuned": conversation.messages.get(1).map(|m| m.content.clone()),
        }),
    );
    Ok(())
}

/// What a session brought, and how it was split.
fn settled(home: &Home, session: SessionId) -> anyhow::Result<(Amount, Split)> {
    let mut gross = Amount::ZERO;
    let mut sum = Split { creator: Amount::ZERO, node: Amount::ZERO, pool: Amount::ZERO };
    for notice in pollster::block_on(home.ledger().notices(&Cursor::new()))? {
        let (_, Some(new)) = notice.parts() else { continue };
        for event in new.entries.iter().flat_map(|entry| &entry.events) {
            match event {
                Event::VoucherRedeemed { session: s, increment, split, .. } if *s == session => {
                    gross = gross.checked_add(*increment)?;
                    sum.creator = sum.creator.checked_add(split.creator)?;
                    sum.node = sum.node.checked_add(split.node)?;
                    sum.pool = sum.pool.checked_add(split.pool)?;
                }
                _ => {}
            }
        }
    }
    Ok((gross, sum))
}

fn parts(split: &Split) -> [(Amount, &'static str); 3] {
    [(split.creator, "the creator's class"), (split.node, "the node"), (split.pool, "the governance pool")]
}

/// True if the parts sum to the whole, and no base unit of the ledger appeared or vanished.
fn conserved(home: &Home, gross: Amount, split: &Split) -> anyhow::Result<bool> {
    let sum = split.creator.checked_add(split.node)?.checked_add(split.pool)?;
    let total = home.ledger().market().total(Asset::NATIVE)?;
    let nothing_lost = match home.chain() {
        Some(chain) => chain.is_covered(total)?,
        None => total.base_units() == CONSUMER_FUNDS,
    };
    Ok(sum == gross && nothing_lost)
}

pub fn settlement(tale: &mut Tale, home: &Home, session: SessionId) -> anyhow::Result<()> {
    let (gross, split) = settled(home, session)?;
    let params = home.ledger().market().session(session).map_or(ParamsVersion(1), |s| s.params);
    let bps = home.ledger().market().params_of(params).map(|p| p.split.bps());
    let conserved = conserved(home, gross, &split)?;
    tale.say(format!("{} AI gas were paid:", gas(gross)));
    for (part, whose) in parts(&split) {
        tale.say(format!("  {} for {whose}", gas(part)));
    }
    tale.note(
        "settlement",
        json!({
            "gross": gross,
            "creator": split.creator,
            "node": split.node,
            "pool": split.pool,
            "split_bps": bps,
            "conserved": conserved,
        }),
    );
    Ok(())
}

pub fn governance(
    tale: &mut Tale,
    home: &Home,
    executed: Option<ParamsVersion>,
    session: SessionId,
) -> anyhow::Result<()> {
    let (gross, split) = settled(home, session)?;
    let bps = home.ledger().market().params().1.split.bps();
    let conserved = conserved(home, gross, &split)?;
    tale.say(format!("a session opened after the vote brought {}, split anew:", gas(gross)));
    for (part, whose) in parts(&split) {
        tale.say(format!("  {} for {whose}", gas(part)));
    }
    tale.note("governance", json!({ "executed": executed.is_some(), "split_bps_after": bps, "conserved": conserved }));
    Ok(())
}

pub fn provenance(tale: &mut Tale, report: &ReplyProvenance, took: Duration) {
    for link in &report.links {
        let mark = match link.trust {
            Trust::Proved => "proved  ",
            Trust::Attested => "attested",
            Trust::Repeated => "repeated",
            Trust::Claimed => "claimed ",
            _ => "BROKEN  ",
        };
        tale.say(format!("{mark}  {:17} {}", link.name, link.says));
    }
    tale.note(
        "provenance",
        json!({
            "verified": report.holds(),
            "links": report.links,
            "verify_ms": took.as_secs_f64() * 1e3,
        }),
    );
}

/// Who has what at the end.
pub fn totals(tale: &mut Tale, home: &Home) -> anyhow::Result<()> {
    let market = home.ledger().market();
    let mut balances = serde_json::Map::new();
    for name in ["consumer", "node"].into_iter().chain(CONTRIBUTORS) {
        balances.insert(name.into(), json!(market.balance(home.address(name), Asset::NATIVE)));
    }
    balances.insert("pool".into(), json!(market.balance(market.pool(), Asset::NATIVE)));
    tale.note("balances", balances.into());
    Ok(())
}

/// Which chain it was on, and what that cost.
pub fn chain(tale: &mut Tale, home: &Home) -> anyhow::Result<()> {
    let Some(chain) = home.chain() else { return Ok(()) };
    let gas = chain.gas()?;
    tale.phase("What the chain asked for it");
    for (kind, cost) in gas.as_object().into_iter().flatten() {
        tale.say(format!("{kind:18} {:>2} times, {:>9} gas each", cost["times"], cost["gas"]));
    }
    tale.note("chain", json!({ "deployment": chain.ledger.deployment(), "gas": gas }));
    Ok(())
}
