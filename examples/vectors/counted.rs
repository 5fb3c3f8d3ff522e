//! Replies of a node that counts with a tiny tokenizer: an honest one, one that counts a token more than there is, and one
//! that names another adapter than the ledger does.

use std::path::Path;

use lazai::conversation::{Conversation, NamedModel, Talker};
use lazai::core::digest::sha256;
use lazai::core::message::{Message, Role};
use lazai::core::tokenizer::Counter;
use lazai::core::{Address, Amount, Asset, ClassId, Domain, LocalSigner, SessionId, Signer, VersionNumber, sign};
use lazai::node::{ChatRequest, ReplySettings, SignedOffer, SignedReceipt, reply_digest};
use lazai::settle::session::{Offer, Receipt, SessionPayment};
use lazai::wire::payment::ReplyDetails;
use lazai::wire::talk;
use pollster::block_on;
use serde_json::{Value, json};

/// Keys that everybody may know.
const KEYS: ([u8; 32], [u8; 32]) = ([7; 32], [8; 32]);
const REPLY: &str = "Hush, darling: the rain is early tonight. 🎷 Ünïcode,\n\n  12345 times!";

/// The domain of the vectors of chats.
pub fn domain() -> Domain {
    Domain {
        name: "LazAI Market".into(),
        version: "1".into(),
        chain_id: 1,
        verifying_contract: Address::from_bytes([9; 20]),
        salt: None,
    }
}

/// What their node offers.
pub fn offer(node: Address) -> Offer {
    Offer {
        node,
        class: ClassId(1),
        version: VersionNumber(1),
        asset: Asset::NATIVE,
        prompt_price: Amount::from_base_units(1),
        completion_price: Amount::from_base_units(5),
        prompt_ceiling: 200,
        completion_ceiling: 100,
        session_s: 600,
        valid_until_s: 600,
        min_deposit: Amount::ZERO,
        quota_deposit: Amount::ZERO,
        series: 0,
    }
}

/// Writes `chat/counted.json`.
pub fn write(vectors: &Path) -> anyhow::Result<()> {
    let read = |name: &str| std::fs::read(vectors.join("models/qwen2").join(name));
    let counter = Counter::from_json(&read("tokenizer.json")?, &read("tokenizer_config.json")?, None)?;
    let (app, node) = (LocalSigner::from_bytes(KEYS.0)?, LocalSigner::from_bytes(KEYS.1)?);
    let (domain, offer) = (domain(), offer(node.address()));
    let signature = block_on(sign::sign(&node, &domain, &offer))?;
    let model = NamedModel { base: sha256(b"base"), adapter: sha256(b"adapter") };
    let deposit = SessionPayment::Deposit(Amount::from_base_units(2_000));
    let mut conversation = Conversation::new(SessionId::from_bytes([3; 32]), SignedOffer { offer, signature }, deposit);
    conversation.model = Some(model);
    let begun = serde_json::to_value(&conversation)?;

    let messages = vec![
        Message::new(Role::System, "You are a singer.\nSay little."),
        Message::new(Role::User, "Who are you? e\u{301} 日本語, they'll ask 2024 times <|im_end|>"),
    ];
    let settings = ReplySettings { seed: Some(1), ..ReplySettings::default() };
    let talker = Talker::new(domain.clone(), std::sync::Arc::new(app));
    let request = block_on(talker.ask(&conversation, messages.clone(), settings))?;
    let mut tokens = counter.encode(REPLY);
    tokens.extend(counter.encode("<|im_end|>"));
    let prompt_tokens = counter.prompt_tokens(&messages)?;

    let signed = |prompt_tokens: u64, model: NamedModel| -> anyhow::Result<SignedReceipt> {
        let receipt = receipt(&conversation, &request, &tokens, prompt_tokens, model, counter.digest())?;
        let signature = block_on(sign::sign(&node, &domain, &receipt))?;
        Ok(SignedReceipt { receipt, signature })
    };
    let stream = |receipt: SignedReceipt| {
        let served = ReplyDetails {
            trail: None,
            receipt,
            tokens: tokens.clone(),
            text: None,
            adapter: "claimed".into(),
            device: "cpu".into(),
            payment: None,
            checked: None,
        };
        streamed(&served)
    };
    let lying = NamedModel { adapter: sha256(b"another"), ..model };
    let (honest, over, other) =
        (signed(prompt_tokens, model)?, signed(prompt_tokens + 1, model)?, signed(prompt_tokens, lying)?);
    let mut reader = talk::ReplyReader::default();
    reader.push(stream(honest.clone()).as_bytes())?;
    let reply = reader.finish()?;
    let counting = talker.with_counter(std::sync::Arc::new(counter));
    let mut paid = conversation.clone();
    let checked = block_on(counting.take(&mut paid, &request, &reply))?;
    let (name, header, body) = talk::chat(&request);
    let json_header = json!({"name": "content-type", "value": "application/json"});
    let vector = json!({
        "domain": {
            "name": domain.name, "version": domain.version, "chainId": domain.chain_id.to_string(),
            "verifyingContract": domain.verifying_contract, "salt": domain.salt,
        },
        "key": format!("0x{}", "07".repeat(32)),
        "conversation": begun.to_string(),
        "messages": messages,
        "settings": {"seed": 1},
        "request": {
            "path": "/v1/chat/completions", "body": body, "headers": [json_header, {"name": name, "value": header}],
        },
        "stream": stream(honest.clone()),
        "overcounted": stream(over),
        "otherAdapter": stream(other),
        "turn": {
            "text": REPLY, "finishReason": "stop", "promptTokens": prompt_tokens, "completionTokens": tokens.len(),
            "owed": honest.receipt.cumulative, "tokenCheck": checked.tokens, "modelChecked": checked.model,
            "payment": {
                "path": "/v1/lazai/vouchers", "body": serde_json::to_string(&paid.unpaid)?, "headers": [json_header],
            },
        },
    });
    std::fs::write(vectors.join("chat/counted.json"), serde_json::to_vec_pretty(&vector)?)?;
    Ok(())
}

fn receipt(
    conversation: &Conversation,
    request: &ChatRequest,
    tokens: &[u32],
    prompt_tokens: u64,
    model: NamedModel,
    tokenizer_digest: lazai::core::Digest,
) -> anyhow::Result<Receipt> {
    let completion_tokens = tokens.len() as u64;
    Ok(Receipt {
        session: request.session,
        turn: request.turn,
        request_digest: request.digest(),
        reply_digest: reply_digest(request.salt, tokens, REPLY),
        prompt_tokens,
        completion_tokens,
        tokenizer_digest,
        temperature_milli: 600,
        top_p_milli: 900,
        seed: 1,
        base_digest: model.base,
        adapter_digest: model.adapter,
        cumulative: conversation.offer.offer.price(prompt_tokens, completion_tokens)?,
    })
}

/// A reply as a node streams it.
fn streamed(served: &ReplyDetails) -> String {
    let piece = |delta: Value, finish: Value, lazai: Option<&ReplyDetails>| {
        let mut event = json!({
            "id": "counted", "object": "chat.completion.chunk", "created": 0, "model": "dat:1:1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        if let Some(served) = lazai {
            event["lazai"] = json!(served);
        }
        format!("data: {event}\n\n")
    };
    let middle = REPLY.char_indices().nth(20).map_or(0, |(at, _)| at);
    let said = |text: &str| piece(json!({"content": text}), Value::Null, None);
    let end = piece(json!({}), json!("stop"), Some(served));
    format!("{}{}{end}data: [DONE]\n\n", said(&REPLY[..middle]), said(&REPLY[middle..]))
}
