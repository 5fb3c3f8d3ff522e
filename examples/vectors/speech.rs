//! A text that a node speaks: as it is asked for, as the sound goes over the wire, and what is told of it; and a sound that is another than
//! its receipt says.

use std::path::Path;
use std::sync::Arc;

use lazai::conversation::{Conversation, Talker};
use lazai::core::digest::sha256;
use lazai::core::{Amount, Asset, LocalSigner, SessionId, Signer, TypedData as _, sign};
use lazai::node::SignedOffer;
use lazai::settle::session::SessionPayment;
use lazai::settle::speech::{SpeechReceipt, SpeechTerms, SpokenVoice};
use lazai::speech::{SignedSpeechReceipt, SignedSpeechTerms, SpeechReply, SpeechSettings, audio_digest};
use lazai::wire::speech::{PATH, SpokenDetails, delta, done, speak};
use lazai::wire::talk::model_id;
use pollster::block_on;
use serde_json::json;

use super::counted::{domain, offer};

/// Keys that everybody may know.
const KEYS: ([u8; 32], [u8; 32]) = ([7; 32], [8; 32]);
const TEXT: &str = "Hush, darling: the rain is early tonight. Ünïcode!";
const RATE: u32 = 24_000;
const PRICE: Amount = Amount::from_base_units(2);
/// Samples of a phrase.
const PHRASE: usize = 500;

/// Writes `chat/speech.json`.
pub fn write(vectors: &Path) -> anyhow::Result<()> {
    let (app, node) = (LocalSigner::from_bytes(KEYS.0)?, LocalSigner::from_bytes(KEYS.1)?);
    let (domain, offer) = (domain(), offer(node.address()));
    let (class, version) = (offer.class, offer.version);
    let terms = SpeechTerms {
        node: node.address(),
        class,
        version,
        asset: Asset::NATIVE,
        character_price: PRICE,
        character_ceiling: 200,
        base_digest: sha256(b"base voice"),
        voice: SpokenVoice::Character,
        adapter_digest: sha256(b"voice"),
        sample_rate: RATE,
        valid_until_s: 600,
        series: 0,
    };
    let offer = SignedOffer { signature: block_on(sign::sign(&node, &domain, &offer))?, offer };
    let terms = SignedSpeechTerms { signature: block_on(sign::sign(&node, &domain, &terms))?, terms };
    let deposit = SessionPayment::Deposit(Amount::from_base_units(2_000));
    let mut conversation = Conversation::new(SessionId::from_bytes([4; 32]), offer, deposit);
    let begun = serde_json::to_value(&conversation)?;

    let talker = Talker::new(domain.clone(), Arc::new(app));
    let settings = SpeechSettings { speed_milli: 1_250, seed: None };
    let request = block_on(talker.ask_speech(&mut conversation, &terms, TEXT.into(), settings, None))?;
    let samples: Vec<i16> = (0..3 * PHRASE as i32).map(|at| ((at % 200 - 100) * (at / 500 + 1) * 60) as i16).collect();
    let receipt = SpeechReceipt {
        session: request.session,
        turn: request.turn,
        terms_digest: terms.terms.hash_struct(),
        request_digest: request.digest(),
        audio_digest: audio_digest(request.salt, RATE, &samples),
        characters: request.characters(),
        samples: samples.len() as u64,
        seed: 1,
        cumulative: terms.terms.price(request.characters())?,
    };
    let receipt = SignedSpeechReceipt { signature: block_on(sign::sign(&node, &domain, &receipt))?, receipt };
    let stream = |samples: &[i16]| {
        let phrases: String = samples.chunks(PHRASE).map(|phrase| format!("data: {}\n\n", delta(phrase))).collect();
        let details = SpokenDetails { receipt: receipt.clone() };
        format!("{phrases}data: {}\n\n", done(receipt.receipt.characters, &details))
    };
    let mut other = samples.clone();
    other[PHRASE] += 1;
    let reply = SpeechReply { samples: samples.clone(), receipt: receipt.clone() };
    block_on(talker.take_speech(&mut conversation, &request, &reply))?;
    let (name, header, body) = speak(&request);
    let json_header = json!({"name": "content-type", "value": "application/json"});
    let vector = json!({
        "domain": {
            "name": domain.name, "version": domain.version, "chainId": domain.chain_id.to_string(),
            "verifyingContract": domain.verifying_contract, "salt": domain.salt,
        },
        "key": format!("0x{}", "07".repeat(32)),
        "conversation": begun.to_string(),
        "text": TEXT,
        "speedMilli": settings.speed_milli,
        "speechTerms": serde_json::to_string(&terms)?,
        "request": {"path": PATH, "body": body, "headers": [json_header, {"name": name, "value": header}]},
        "stream": stream(&samples),
        "otherSound": stream(&other),
        "spoken": {
            "sampleRate": RATE, "characters": receipt.receipt.characters, "owed": receipt.receipt.cumulative,
            "voice": terms.terms.voice,
            "payment": {
                "path": "/v1/lazai/vouchers", "body": serde_json::to_string(&conversation.unpaid)?,
                "headers": [json_header],
            },
        },
        "note": {
            "node": node.address(), "model": model_id(class, version), "voice": terms.terms.voice,
            "voiceDigest": terms.terms.adapter_digest, "characters": receipt.receipt.characters,
            "session": request.session,
        },
    });
    std::fs::write(vectors.join("chat/speech.json"), serde_json::to_vec_pretty(&vector)?)?;
    Ok(())
}
