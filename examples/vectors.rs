//! Writes `vectors/provenance` and `vectors/chat`: a real market's evidence with the anchor to check it against and
//! the conversation that it is of, one reply as it went over the wire, replies of a node that counts with a tiny
//! tokenizer, honestly and otherwise, and a text that a node speaks.
//! `cargo run -p lazai-examples --example vectors` (`-- small`: the last two alone, which need no model)
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

#[path = "vectors/counted.rs"]
mod counted;
#[path = "vectors/speech.rs"]
mod speech;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use lazai::core::LocalSigner;
use lazai::core::message::{Message, Role};
use lazai::http::{Front, HttpNode};
use lazai::node::{Node, ReplySettings};
use lazai::provenance::{TrustAnchor, collect, verify};
use lazai::wire::talk;
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use serde_json::json;

/// The key of the app that talks: everybody may know it.
const KEY: [u8; 32] = [7; 32];

fn main() -> anyhow::Result<()> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    counted::write(&vectors)?;
    speech::write(&vectors)?;
    if std::env::args().any(|arg| arg == "small") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(write())
}

async fn write() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let stage = Stage::new()?;
    let minted = stage.minted().await?;
    let provider = Arc::new(stage.provider("node", &minted)?);
    let front = Front::new(provider.clone(), vec![Stage::offer_terms(&minted)]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, front.router()).await });

    let node = HttpNode::new(&url)?;
    let model = node.models().await?.remove(0);
    let app = Arc::new(LocalSigner::from_bytes(KEY)?);
    let consumer = lazai::consumer::Consumer::new(stage.home.account("consumer"), app.clone());
    let mut conversation = consumer.open(1, &model.offer, deposit(2_000)).await?;
    let domain = stage.home.ledger().market().domain().clone();
    let begun = serde_json::to_value(&conversation)?;

    let messages = vec![Message::new(Role::User, "Who are you?")];
    let settings = ReplySettings { seed: Some(1), ..ReplySettings::default() };
    let request = conversation.request(&domain, &*app, messages.clone(), settings).await?;
    let (name, header, body) = talk::chat(&request);
    let (path, sent) = ("/v1/chat/completions", body.clone());
    let sent_header = header.clone();
    let stream = tokio::task::spawn_blocking(move || {
        let post = ureq::post(format!("{url}{path}")).header("content-type", "application/json");
        post.header(name, sent_header).send(sent)?.body_mut().read_to_string()
    });
    let stream = stream.await??;
    let mut reader = talk::ReplyReader::default();
    reader.push(stream.as_bytes())?;
    let reply = reader.finish()?;
    let checked = consumer.talker().take(&mut conversation, &request, &reply).await?;
    let voucher = conversation.unpaid.context("the reply costs nothing")?;
    node.pay(&voucher).await?;
    conversation.mark_paid();
    provider.redeem(conversation.session).await?;
    let receipt = &reply.receipt.receipt;

    let chat = json!({
        "domain": {
            "name": domain.name, "version": domain.version, "chainId": domain.chain_id,
            "verifyingContract": domain.verifying_contract, "salt": domain.salt,
        },
        "key": format!("0x{}", "07".repeat(32)),
        "conversation": begun.to_string(),
        "messages": messages,
        "settings": {"seed": 1},
        "request": {
            "path": path, "body": body,
            "headers": [{"name": "content-type", "value": "application/json"}, {"name": name, "value": header}],
        },
        "stream": stream,
        "turn": {
            "text": reply.text, "promptTokens": receipt.prompt_tokens, "completionTokens": receipt.completion_tokens,
            "owed": receipt.cumulative, "tokenCheck": checked.tokens, "modelChecked": checked.model,
            "payment": {
                "path": "/v1/lazai/vouchers", "body": serde_json::to_string(&voucher)?,
                "headers": [{"name": "content-type", "value": "application/json"}],
            },
        },
    });
    std::fs::create_dir_all(folder.join("chat"))?;
    std::fs::write(folder.join("chat/reply.json"), serde_json::to_vec_pretty(&chat)?)?;

    let ledger = stage.home.ledger();
    let anchor = TrustAnchor::of(&*ledger, stage.base.digest());
    let (home, store) = (&stage.home, stage.home.store());
    let evidence = collect(&*ledger, home.genesis(), &*store, &minted.record, &conversation).await?;
    anyhow::ensure!(verify(&evidence, &anchor).holds(), "the evidence does not hold");
    evidence.clone().with_words(&conversation)?;
    std::fs::create_dir_all(folder.join("provenance"))?;
    std::fs::write(folder.join("provenance/evidence.json"), serde_json::to_vec(&evidence)?)?;
    std::fs::write(folder.join("provenance/conversation.json"), serde_json::to_vec(&conversation)?)?;
    std::fs::write(folder.join("provenance/anchor.json"), serde_json::to_vec_pretty(&anchor)?)?;
    println!("written to {}", folder.display());
    Ok(())
}
