//! The scenario's smaller acts: what is kept between runs, and what is told and noted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use lazai::consumer::{Consumer, Conversation};
use lazai::core::dialogue::Message;
use lazai::core::pov::{Dataset, PublicPart};
use lazai::core::{Amount, Asset, ClassId, ParamsVersion, SessionId, Signer, SubmissionId, TokenId};
use lazai::creator::Creator;
use lazai::exex::{MintTerms, Minted};
use lazai::lora::BaseModel;
use lazai::lora::generate::{Sampler, generate};
use lazai::lora::train::Trained;
use lazai::models::prepare;
use lazai::node::SignedOffer;
use lazai::provenance::{Report, Trust};
use lazai::provider::Provider;
use lazai::settle::Split;
use lazai::settle::market::{Event, POOL, SubmissionStatus, Transaction};
use lazai::settle::notice::Notice;
use lazai::settle::session::{Offer, SessionPayment};
use lazai::store::{FolderStore, Store};
use lazai::validator::{ValidationError, Validator};
use lazai::zk::{Proof, Prover, Statement, Verifier};
use lazai_examples::diva::CONTRIBUTORS;
use lazai_examples::home::CONSUMER_FUNDS;
use lazai_examples::measure::{peak_rss_mb, perplexity_of};
use lazai_examples::{CyberDiva, Home, Tale};
use serde_json::json;

/// What the consumer asks.
pub const QUESTIONS: [&str; 4] = [
    "Who are you, and where do you live?",
    "I lost my umbrella today.",
    "What is a comet?",
    "Sing me two lines before I go.",
];

/// AI gas for one token of the conversation, and of a reply: 18 decimals.
const PROMPT_PRICE: u128 = 1_000_000_000_003;
const COMPLETION_PRICE: u128 = 4_000_000_000_007;

pub fn deposit() -> anyhow::Result<SessionPayment> {
    Ok(SessionPayment::Deposit("50000000000000000".parse()?))
}

/// The dataset, packed once; its salts must not change between runs.
pub fn dataset(tale: &Tale, home: &Home, diva: &CyberDiva, base: &BaseModel) -> anyhow::Result<Dataset> {
    let bytes = home.once("creator/dataset.safetensors", || {
        let contributors = diva.contributors(|name| home.address(name));
        let packed = tale.wait("tokenizing dialogues, computing spectrograms", || {
            let now = home.ledger().now_s();
            prepare(base.tokenizer(), base.template(), contributors, &diva.dialogues, &diva.recordings, now)
        });
        Ok(packed?.to_bytes()?)
    })?;
    Ok(Dataset::from_bytes(&bytes)?)
}

/// The proof, made once, and how long it took.
pub fn proof(
    tale: &Tale,
    home: &Home,
    creator: &Creator,
    dataset: &Dataset,
) -> anyhow::Result<(Statement, Proof, f64)> {
    let mut took = None;
    let bytes = home.once("creator/proof.bin", || {
        let prover = tale.wait("building the circuit", Prover::new)?;
        let started = Instant::now();
        let (_, proof) = tale.wait("proving in zero knowledge", || creator.prove(&prover, dataset, 1))?;
        took = Some(started.elapsed().as_secs_f64());
        Ok(proof.to_bytes())
    })?;
    let market = home.ledger().market();
    let statement = Statement::of(dataset, market.ledger(), home.address("creator"), creator.submission_id(1));
    if let Some(took) = took {
        home.keep("creator/prove_s.json", &took)?;
    }
    Ok((statement, Proof::from_bytes(&bytes)?, home.kept("creator/prove_s.json")?.unwrap_or(0.0)))
}

pub fn signers(home: &Home) -> Vec<Arc<dyn Signer>> {
    CONTRIBUTORS.iter().map(|name| home.signer(name)).collect()
}

pub fn tell_dataset(
    tale: &mut Tale,
    dataset: &Dataset,
    public: &PublicPart,
    statement: &Statement,
) -> anyhow::Result<()> {
    let public_bytes = public.to_bytes()?.len();
    let (records, tokens, frames) = (dataset.records().len(), dataset.tokens(), dataset.vocal_frames());
    tale.say(format!("{records} dialogues, {tokens} tokens, {frames} voice frames; {public_bytes} bytes are public"));
    tale.note(
        "dataset",
        json!({
            "records": records,
            "contributors": statement.shares.len(),
            "tokens": tokens,
            "vocal_frames": frames,
            "public_bytes": public_bytes,
            "root": statement.root,
        }),
    );
    Ok(())
}

/// Offers one validator a tampered proof and another a tampered ciphertext; counts those who refuse.
pub async fn offer_tampered(
    tale: &Tale,
    home: &Home,
    validators: &[Validator],
    submission: SubmissionId,
) -> anyhow::Result<usize> {
    let market = home.ledger().market();
    let submitted = &market.submission(submission).context("submission")?.submission;
    let mut rejected = 0;
    for (validator, (what, digest)) in
        validators.iter().zip([("proof", submitted.proof), ("ciphertext", submitted.ciphertext)])
    {
        let folder = home.path("tampered").join(what);
        let tampered = FolderStore::new(&folder);
        for object in [submitted.proof, submitted.statement, submitted.ciphertext] {
            tampered.put(&home.store().get(object).await?).await?;
        }
        let mut bytes = std::fs::read(tampered.path(digest))?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(tampered.path(digest), bytes)?;
        match validator.verify(submission, &tampered).await {
            Err(ValidationError::Store(e)) => {
                tale.say(format!("offered a tampered {what}, a validator refuses: {e}"));
                rejected += 1;
            }
            other => anyhow::bail!("a tampered {what} was not refused: {other:?}"),
        }
        std::fs::remove_dir_all(folder)?;
    }
    Ok(rejected)
}

pub fn tell_quorum(tale: &mut Tale, home: &Home, submission: SubmissionId, rejected: usize) -> anyhow::Result<()> {
    let market = home.ledger().market();
    let state = market.submission(submission).context("submission")?;
    let (attested, total) = state.weights();
    let accepted = matches!(state.status, SubmissionStatus::Accepted | SubmissionStatus::Minted { .. });
    tale.say(format!("{attested} of {total} attested: accepted"));
    tale.note(
        "quorum",
        json!({
            "validators": state.validators.len(),
            "attested": state.attested.len(),
            "accepted": accepted,
            "tampered_rejected": rejected,
        }),
    );
    Ok(())
}

pub fn tell_proof(tale: &mut Tale, statement: &Statement, proof: &Proof, prove_s: f64) -> anyhow::Result<()> {
    let verifier = Verifier::new();
    let started = Instant::now();
    verifier.verify(statement, proof)?;
    let verify_ms = started.elapsed().as_secs_f64() * 1e3;
    let bytes = proof.to_bytes().len();
    tale.say(format!("proof: {bytes} bytes, made in {prove_s:.1} s, verified in {verify_ms:.1} ms"));
    tale.note("proof", json!({ "bytes": bytes, "prove_s": prove_s, "verify_ms": verify_ms, "zero_knowledge": true }));
    Ok(())
}

/// Perplexity of held-out replies: bare base, base with card and examples in its prompt, tuned. Measured once.
pub fn measure(
    tale: &mut Tale,
    home: &Home,
    diva: &CyberDiva,
    base: &BaseModel,
    trained: &Trained,
) -> anyhow::Result<()> {
    let known: Option<serde_json::Value> = home.kept("exex/training.json")?;
    let noted = if let Some(noted) = known {
        noted
    } else {
        let bare: Vec<Vec<Message>> = diva.heldout.iter().map(|d| d.messages.clone()).collect();
        let prompted: Vec<_> = bare.iter().map(|messages| diva.prompted(messages)).collect();
        let tuned = tale.wait("measuring the tuned model", || perplexity_of(base, Some(&trained.adapter), &bare))?;
        let plain = tale.wait("measuring the bare base", || perplexity_of(base, None, &bare))?;
        let prompted = tale.wait("measuring the prompted base", || perplexity_of(base, None, &prompted))?;
        let loss = |loss: Option<&u64>| loss.map(|l| *l as f64 / 1e6);
        let noted = json!({
            "steps": trained.loss_micronats.len(),
            "tokens": trained.tokens,
            "tokens_per_s": trained.tokens_per_s,
            "loss_first": loss(trained.loss_micronats.first()),
            "loss_last": loss(trained.loss_micronats.last()),
            "heldout_perplexity_base": plain,
            "heldout_perplexity_prompted": prompted,
            "heldout_perplexity_tuned": tuned,
            "peak_rss_mb": peak_rss_mb(),
            "adapter_digest": trained.adapter.digest()?,
        });
        home.keep("exex/training.json", &noted)?;
        noted
    };
    tale.say(format!(
        "perplexity of held-out replies: {:.1} bare, {:.1} prompted, {:.1} tuned",
        noted["heldout_perplexity_base"].as_f64().unwrap_or_default(),
        noted["heldout_perplexity_prompted"].as_f64().unwrap_or_default(),
        noted["heldout_perplexity_tuned"].as_f64().unwrap_or_default(),
    ));
    tale.note("training", noted);
    Ok(())
}

pub fn terms(diva: &CyberDiva) -> MintTerms {
    MintTerms {
        base_name: "SmolLM2-135M-Instruct".into(),
        base_licence: "Apache-2.0".into(),
        policy: diva.policy(),
        endpoints: vec!["local:node".into()],
        class: None,
    }
}

/// An access token of two sessions for the consumer: a gift of the creator's, without shares.
pub async fn access_token(home: &Home, class: ClassId) -> anyhow::Result<TokenId> {
    let mint = Transaction::MintAccess { class, to: home.address("consumer"), value: 2, expire_at_s: 0 };
    let entry = home.account("creator").send("access for the consumer", mint).await?;
    let token = entry.events.iter().find_map(|event| match event {
        Event::Minted { token, .. } => Some(*token),
        _ => None,
    });
    token.context("no access token")
}

pub fn tell_dat(tale: &mut Tale, home: &Home, minted: &Minted) {
    let market = home.ledger().market();
    let tokens: Vec<_> = market.tokens_of(minted.class).collect();
    for (id, token) in &tokens {
        tale.say(format!("token {id}: {} shares, quota {}, owner {}", token.shares, token.value, token.owner));
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
            "endpoints": version.map(|v| v.metadata.endpoints.clone()),
        }),
    );
}

/// Holds a conversation of some questions, going on where an earlier run stopped.
#[allow(clippy::too_many_arguments, reason = "everyone who takes part")]
pub async fn talk(
    tale: &Tale,
    home: &Home,
    provider: &Provider,
    consumer: &Consumer,
    minted: &Minted,
    nonce: u64,
    payment: SessionPayment,
    questions: &[&str],
) -> anyhow::Result<Conversation> {
    let file = format!("consumer/conversation-{nonce}.json");
    let mut conversation = match home.kept(&file)? {
        Some(conversation) => conversation,
        None => consumer.open(nonce, &offer(home, provider, minted, nonce).await?, payment).await?,
    };
    for (turn, question) in questions.iter().enumerate() {
        if let Some(answer) = conversation.messages.get(2 * turn + 1) {
            tale.say(format!("you: {question}\n  she: {}", answer.content));
            continue;
        }
        tale.stream(&format!("  you: {question}\n  she: "));
        consumer.say(&mut conversation, provider, question, &mut |text| tale.stream(text)).await?;
        tale.stream("\n");
        home.keep(&file, &conversation)?;
    }
    consumer.settle(&mut conversation, provider).await?;
    home.keep(&file, &conversation)?;
    Ok(conversation)
}

/// The node's offer for a session, signed once.
async fn offer(home: &Home, provider: &Provider, minted: &Minted, nonce: u64) -> anyhow::Result<SignedOffer> {
    let file = format!("consumer/offer-{nonce}.json");
    if let Some(offer) = home.kept(&file)? {
        return Ok(offer);
    }
    let terms = Offer {
        node: provider.address(),
        class: minted.class,
        version: minted.version,
        asset: Asset::NATIVE,
        prompt_price: Amount::from_base_units(PROMPT_PRICE),
        completion_price: Amount::from_base_units(COMPLETION_PRICE),
        prompt_ceiling: 1_024,
        completion_ceiling: 0,
        session_s: 86_400,
        valid_until_s: home.ledger().now_s() + 86_400,
    };
    let offer = provider.offer(terms).await?;
    home.keep(&file, &offer)?;
    Ok(offer)
}

pub fn tell_chat(tale: &mut Tale, base: &BaseModel, conversation: &Conversation) -> anyhow::Result<()> {
    let tokens: u64 = conversation.receipts.iter().map(|r| r.receipt.receipt.completion_tokens).sum();
    let max_tokens = conversation.offer.offer.completion_ceiling;
    let question = conversation.messages.first().cloned().context("an empty conversation")?;
    let sampler = Sampler { max_tokens, ..Sampler::default() };
    let bare = generate(base, None, std::slice::from_ref(&question), sampler, 7, |_| true)?;
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

/// Every contributor claims what her token earned.
pub async fn claim(home: &Home, class: ClassId, label: &str) -> anyhow::Result<()> {
    for name in CONTRIBUTORS {
        let market = home.ledger().market();
        let own = market.tokens_of(class).find(|(_, t)| t.owner == home.address(name) && t.shares > 0);
        let (token, _) = own.context("a contributor without a token")?;
        let transaction = Transaction::Claim { token, asset: Asset::NATIVE };
        home.account(name).send(&format!("claim {token} {label}"), transaction).await?;
    }
    Ok(())
}

/// What a session brought, and how it was split.
fn settled(home: &Home, session: SessionId) -> anyhow::Result<(Amount, Split)> {
    let mut gross = Amount::ZERO;
    let mut sum = Split { creator: Amount::ZERO, node: Amount::ZERO, pool: Amount::ZERO };
    for notice in pollster::block_on(home.ledger().notices(0))? {
        let Notice::ChainCommitted { new } = notice else { continue };
        for event in new.iter().flat_map(|entry| &entry.events) {
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

/// Whether the parts sum to the whole, and no base unit of the ledger appeared or vanished.
fn conserved(home: &Home, gross: Amount, split: &Split) -> anyhow::Result<bool> {
    let sum = split.creator.checked_add(split.node)?.checked_add(split.pool)?;
    let total = home.ledger().market().total(Asset::NATIVE)?;
    Ok(sum == gross && total.base_units() == CONSUMER_FUNDS)
}

pub fn tell_settlement(tale: &mut Tale, home: &Home, session: SessionId) -> anyhow::Result<()> {
    let (gross, split) = settled(home, session)?;
    let params = home.ledger().market().session(session).map_or(ParamsVersion(1), |s| s.params);
    let bps = home.ledger().market().params_of(params).map(|p| p.split.bps());
    let conserved = conserved(home, gross, &split)?;
    tale.say(format!("{gross} = {} creator's class + {} node + {} pool", split.creator, split.node, split.pool));
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

pub fn tell_governance(
    tale: &mut Tale,
    home: &Home,
    executed: Option<ParamsVersion>,
    session: SessionId,
) -> anyhow::Result<()> {
    let (gross, split) = settled(home, session)?;
    let bps = home.ledger().market().params().1.split.bps();
    let conserved = conserved(home, gross, &split)?;
    tale.say(format!("under the new split: {gross} = {} + {} + {}", split.creator, split.node, split.pool));
    tale.note("governance", json!({ "executed": executed.is_some(), "split_bps_after": bps, "conserved": conserved }));
    Ok(())
}

pub fn tell_provenance(tale: &mut Tale, report: &Report, took: Duration) {
    for link in &report.links {
        let mark = match link.trust {
            Trust::Proved => "proved  ",
            Trust::Attested => "attested",
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
pub fn tell_totals(tale: &mut Tale, home: &Home) -> anyhow::Result<()> {
    let market = home.ledger().market();
    let mut balances = serde_json::Map::new();
    for name in ["consumer", "node"].into_iter().chain(CONTRIBUTORS) {
        balances.insert(name.into(), json!(market.balance(home.address(name), Asset::NATIVE)));
    }
    balances.insert("pool".into(), json!(market.balance(POOL, Asset::NATIVE)));
    tale.note("balances", balances.into());
    Ok(())
}
