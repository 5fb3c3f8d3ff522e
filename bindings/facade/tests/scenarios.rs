//! Runs `scenarios/*.json` word for word; every other language has a runner like this.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use lazai_facade::HttpRequest;
use lazai_facade::{
    Blocklist, Character, Chat, Domain, LazaiError, LocalKey, MarketPlace, Message, Payer, ReplySettings, TokenCounter,
    begin_conversation, check_offer, check_receipt, check_voucher, close_session_call, error_codes,
    evidence_with_words, fail_with, offer_step, open_session_call, read_market_place, report_character, sign_offer,
    sign_receipt, sign_voucher, speech_note, split_revenue, verify_evidence, verify_proof, voucher_digest,
    withdraw_call,
};
use pollster::block_on;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Numbers of 64 bits stand in scenarios as text, since JavaScript would lose digits.
const U64: &[&str] = &[
    "chainId",
    "classId",
    "sessionS",
    "validUntilS",
    "series",
    "promptTokens",
    "completionTokens",
    "seed",
    "records",
    "tokens",
    "reportedAtS",
];

fn numbers(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let number = value.as_str().filter(|_| U64.contains(&key.as_str())).and_then(|t| t.parse::<u64>().ok());
                (key.clone(), number.map_or_else(|| numbers(value), Value::from))
            })
            .collect(),
        Value::Array(list) => list.iter().map(numbers).collect(),
        other => other.clone(),
    }
}

struct Args<'a>(&'a Value);

impl Args<'_> {
    fn record<T: DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_value(numbers(&self.0[name])).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned()
    }

    fn bps(&self, name: &str) -> u16 {
        self.0[name].as_u64().unwrap().try_into().unwrap()
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap()
    }

    fn place(&self) -> Result<MarketPlace, LazaiError> {
        read_market_place(self.bytes("place"))
    }

    fn counter(&self) -> Result<std::sync::Arc<TokenCounter>, LazaiError> {
        let source = Args(&self.0["counter"]);
        match source.0.get("gguf") {
            Some(_) => TokenCounter::from_gguf(source.bytes("gguf")),
            None => TokenCounter::from_json(source.bytes("tokenizer"), source.bytes("config"), None),
        }
    }

    /// A file's bytes, maybe with something replaced (once), flipped or cut off; or a text's.
    fn bytes(&self, name: &str) -> Vec<u8> {
        let source = &self.0[name];
        if let Some(text) = source["text"].as_str() {
            return text.as_bytes().to_vec();
        }
        let mut bytes = std::fs::read(root().join(source["file"].as_str().unwrap())).unwrap();
        if let Some([from, to]) = source["replace"].as_array().map(Vec::as_slice) {
            let text = String::from_utf8(bytes).unwrap();
            bytes = text.replacen(from.as_str().unwrap(), to.as_str().unwrap(), 1).into_bytes();
        }
        if let Some(at) = source["flip"].as_u64() {
            bytes[at as usize] ^= 1;
        }
        if let Some(length) = source["cut"].as_u64() {
            bytes.truncate(length as usize);
        }
        bytes
    }
}

fn character(card: Vec<u8>) -> Result<Value, LazaiError> {
    let character = Character::from_bytes(card)?;
    Ok(json!({"name": character.name(), "lorebookEntries": character.lorebook_entries()}))
}

/// The card in another form, read again.
fn copy(args: &Args<'_>) -> Result<Value, LazaiError> {
    let first = Character::from_bytes(args.bytes("card"))?;
    let copied = match args.text("form").as_str() {
        "v2" => first.to_v2_json().into_bytes(),
        "v3" => first.to_v3_json().into_bytes(),
        _ => first.to_png(args.bytes("image"))?,
    };
    let second = Character::from_bytes(copied)?;
    Ok(json!(if first.to_v3_json() == second.to_v3_json() { "same" } else { "different" }))
}

fn chat(args: &Args<'_>) -> (Value, std::sync::Arc<Chat>) {
    let vector: Value = serde_json::from_slice(&args.bytes("chat")).unwrap();
    let of = Args(&vector);
    let key = LocalKey::from_hex(of.text("key")).unwrap();
    let chat = Chat::new(of.text("conversation"), of.record::<Domain>("domain"), key).unwrap();
    (vector, chat)
}

fn count(args: &Args<'_>) -> Result<Value, LazaiError> {
    let counter = args.counter()?;
    let mut found = serde_json::to_value(counter.count(args.record("messages"), args.record("texts"))?).unwrap();
    found["digest"] = json!(counter.digest());
    Ok(found)
}

/// A request is the vector's.
fn assert_is_asked(request: &HttpRequest, wanted: &Value) {
    assert_eq!(json!(request.path), wanted["path"]);
    assert_eq!(json!(request.headers), wanted["headers"], "the same words are signed the same everywhere");
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        serde_json::from_str::<Value>(wanted["body"].as_str().unwrap()).unwrap()
    );
}

/// What a vector's node says, as the step changes and cuts it.
fn said(args: &Args<'_>, vector: &Value) -> Vec<Vec<u8>> {
    let mut stream = Args(vector).text(args.0["says"].as_str().unwrap_or("stream"));
    if let Some([from, to]) = args.0["replace"].as_array().map(Vec::as_slice) {
        stream = stream.replacen(from.as_str().unwrap(), to.as_str().unwrap(), 1);
    }
    let chunk = args.0["chunk"].as_u64().unwrap() as usize;
    stream.as_bytes().chunks(chunk).map(<[u8]>::to_vec).collect()
}

fn turn(args: &Args<'_>) -> Result<Value, LazaiError> {
    let (vector, chat) = chat(args);
    let counts = args.0.get("counter").is_some();
    if counts {
        chat.recount_with(args.counter()?);
    }
    let of = Args(&vector);
    let messages: Vec<Message> = of.record("messages");
    let settings = ReplySettings { seed: vector["settings"]["seed"].as_u64(), ..ReplySettings::default() };
    let request = block_on(chat.ask(messages, settings))?;
    assert_is_asked(&request, &vector["request"]);
    let mut heard = String::new();
    for chunk in said(args, &vector) {
        heard.extend(chat.hear(chunk)?);
    }
    let turn = block_on(chat.finish())?;
    chat.paid();
    let mut agreed = vector["turn"].clone();
    agreed["tokenCheck"] = json!(if counts { "counted" } else { "bounded" });
    assert_eq!(serde_json::to_value(&turn).unwrap(), agreed);
    assert_eq!((&heard, chat.owed()), (&turn.text, turn.owed));
    Ok(json!("*"))
}

fn speech(args: &Args<'_>) -> Result<Value, LazaiError> {
    let (vector, chat) = chat(args);
    let of = Args(&vector);
    let speed_milli = vector["speedMilli"].as_u64().map(|speed| speed as u32);
    let most = args.0["most"].as_str().map(str::to_owned);
    let request = block_on(chat.ask_speech(of.text("text"), of.text("speechTerms"), speed_milli, most))?;
    assert_is_asked(&request, &vector["request"]);
    let mut heard = Vec::new();
    for chunk in said(args, &vector) {
        heard.extend(chat.hear_speech(chunk)?);
    }
    let spoken = block_on(chat.finish_speech())?;
    chat.paid();
    assert_eq!(spoken.wav[44..44 + heard.len()], heard);
    assert_eq!(serde_json::to_value(speech_note(spoken.wav.clone())?).unwrap(), vector["note"]);
    let mut told = serde_json::to_value(&spoken).unwrap();
    told.as_object_mut().unwrap().remove("wav");
    assert_eq!((told, chat.owed()), (vector["spoken"].clone(), spoken.owed));
    Ok(json!("*"))
}

/// A payer that is asked for a payment, maybe once more, and maybe told what became of it.
fn pay(args: &Args<'_>) -> Result<Value, LazaiError> {
    let payer = Payer::new(LocalKey::from_hex(args.text("key"))?, args.record("limits"), None)?;
    let (request, now_s) = (args.text("request"), args.number("nowS"));
    let said = |name: &str| {
        let answer = args.0.get(name).map(Args)?;
        Some((answer.record("headers"), answer.text("body").into_bytes()))
    };
    let (headers, body) = said("asked").unwrap();
    let payment = block_on(payer.pay(request.clone(), headers, body, now_s))?;
    let again = said("again").map(|(headers, body)| block_on(payer.pay(request.clone(), headers, body, now_s)));
    let same = again.transpose()?.map(|again| again == payment);
    let status = args.0["answered"]["status"].as_u64().map(|status| status as u16);
    let outcome = match status.zip(said("answered")) {
        Some((status, (headers, body))) => payer.answered(payment.clone(), status, headers, body)?,
        None => None,
    };
    let limit = &args.0["limits"][0];
    let of_limit = |name: &str| limit[name].as_str().unwrap().to_owned();
    let spent = payer.spent(of_limit("network"), of_limit("asset"))?;
    // What was signed outlives the app.
    let key = LocalKey::from_hex(args.text("key"))?;
    let payer = Payer::new(key, args.record("limits"), Some(payer.to_json()?))?;
    let open = payer.open(request, now_s).is_some();
    Ok(json!({"header": payment.header.name, "network": payment.network, "amount": payment.amount,
        "payTo": payment.pay_to, "spent": spent, "same": same, "open": open, "outcome": outcome}))
}

fn blocklist(args: &Args<'_>) -> Result<Value, LazaiError> {
    let list = Blocklist::from_json(args.text("list"))?;
    let classes = |name: &str| -> Vec<u64> {
        args.0[name].as_array().unwrap().iter().map(|c| c.as_str().unwrap().parse().unwrap()).collect()
    };
    let (block, unblock) = (classes("block"), classes("unblock"));
    block.iter().for_each(|class| list.block(*class));
    unblock.iter().for_each(|class| list.unblock(*class));
    let blocked: Vec<bool> = unblock.iter().chain(block.iter().take(1)).map(|class| list.is_blocked(*class)).collect();
    Ok(json!({"list": list.to_json()?, "blocked": blocked}))
}

fn call(name: &str, args: &Args<'_>) -> Result<Value, LazaiError> {
    let key = || LocalKey::from_hex(args.text("key"));
    Ok(match name {
        "split_revenue" => json!(split_revenue(
            args.text("amount"),
            args.bps("creator_bps"),
            args.bps("node_bps"),
            args.bps("pool_bps")
        )?),
        "key_address" => json!(key()?.address()),
        "voucher_digest" => json!(voucher_digest(args.record("domain"), args.record("voucher"))?),
        "sign_voucher" => json!(block_on(sign_voucher(args.record("domain"), args.record("voucher"), key()?))?),
        "check_voucher" => json!(check_voucher(
            args.record("domain"),
            args.record("voucher"),
            args.text("signature"),
            args.text("signer")
        )?),
        "sign_offer" => json!(block_on(sign_offer(args.record("domain"), args.record("offer"), key()?))?),
        "check_offer" => json!(check_offer(args.record("domain"), args.record("offer"), args.text("signature"))?),
        "offer_step" => json!(offer_step(args.record("offer"))?),
        "sign_receipt" => json!(block_on(sign_receipt(args.record("domain"), args.record("receipt"), key()?))?),
        "check_receipt" => json!(check_receipt(
            args.record("domain"),
            args.record("receipt"),
            args.text("signature"),
            args.text("node")
        )?),
        "open_character" => character(args.bytes("card"))?,
        "copy_character" => copy(args)?,
        "verify_evidence" => json!(verify_evidence(args.bytes("evidence"), args.bytes("anchor"))?),
        "verify_words" => {
            let conversation = String::from_utf8(args.bytes("conversation")).unwrap();
            let evidence = evidence_with_words(args.bytes("evidence"), conversation)?;
            json!(verify_evidence(evidence.into_bytes(), args.bytes("anchor"))?)
        }
        "verify_proof" => json!(verify_proof(args.bytes("statement"), args.bytes("proof"))?),
        "report_character" => {
            json!(block_on(report_character(args.record("domain"), args.record("report"), key()?))?)
        }
        "blocklist" => blocklist(args)?,
        "fail_with" => json!(fail_with(args.text("code"))?),
        "open_session_call" => json!(open_session_call(
            args.place()?,
            args.number("nonce"),
            args.text("consumer"),
            args.record("model"),
            args.text("deposit")
        )?),
        "begin_conversation" => json!(begin_conversation(
            args.place()?,
            args.text("payer"),
            args.number("nonce"),
            args.text("consumer"),
            args.record("model"),
            args.text("deposit")
        )?),
        "close_session_call" => json!(close_session_call(
            args.place()?,
            args.text("payer"),
            args.number("nonce"),
            args.text("consumer"),
            args.record("model")
        )?),
        "withdraw_call" => {
            json!(withdraw_call(args.place()?, args.text("asset"), args.text("to"), args.text("amount"))?)
        }
        "pay" => pay(args)?,
        "chat_turn" => turn(args)?,
        "chat_speech" => speech(args)?,
        "count_tokens" => count(args)?,
        "chat_refusal" => {
            let body = args.text("body").into_bytes();
            return Err(chat(args).1.refusal(args.0["status"].as_u64().unwrap() as u16, body));
        }
        other => panic!("no call {other:?}"),
    })
}

/// True if something is what a scenario says; `"*"` is anything.
fn agrees(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (_, Value::String(any)) if any == "*" => true,
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && wanted.iter().all(|(key, value)| found.get(key).is_some_and(|f| agrees(f, value)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| agrees(f, w))
        }
        _ => found == wanted,
    }
}

fn run(path: &Path) {
    let scenario: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    for (number, step) in steps.iter().enumerate() {
        let name = step["call"].as_str().unwrap();
        let done = call(name, &Args(&step["args"]));
        match (step.get("fails").and_then(Value::as_str), done) {
            (Some(code), Err(error)) => assert_eq!(error.code(), code, "step {number}, {name}: {error}"),
            (Some(code), Ok(found)) => panic!("step {number}, {name}: {found}, expected {code}"),
            (None, Ok(found)) => {
                assert!(agrees(&found, &numbers(&step["gives"])), "step {number}, {name}: {found}");
            }
            (None, Err(error)) => panic!("step {number}, {name}: {error}"),
        }
    }
    say(scenario["name"].as_str().unwrap(), steps.len());
}

/// Says what was run, to whoever asks.
fn say(name: &str, steps: usize) {
    println!("scenario {name}: {steps} steps");
    if let Some(file) = std::env::var_os("LAZAI_RAN") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "Rust {name} {steps}").unwrap();
    }
}

#[test]
fn scenarios() {
    let mut files: Vec<_> = std::fs::read_dir(root().join("scenarios")).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));
    files.sort();
    assert!(files.len() >= 5);
    files.iter().for_each(|file| run(file));
}

/// A code that is added must cross to every language.
#[test]
fn every_code_is_a_step() {
    let scenario: Value =
        serde_json::from_slice(&std::fs::read(root().join("scenarios/errors.json")).unwrap()).unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    let codes: Vec<_> = steps.iter().map(|step| step["fails"].as_str().unwrap()).collect();
    assert_eq!(codes, error_codes());
}
