//! Traces of a node: a collector on a socket reads what is sent by OTLP, and another server, which makes the replies, reads whose trace it
//! continues. No span holds a word of a request or a reply.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, missing_docs)]

mod collector;
#[path = "../soak/market.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod market;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use collector::Collector;
use lazai::Account;
use lazai::consumer::Consumer;
use lazai::core::message::{Message, Role};
use lazai::http::{Front, HttpNode, OpenAiGenerator, Server, Traces};
use lazai::models::ModelCounter;
use lazai::node::ReplySettings;
use lazai::provider::{Provider, VoiceTerms};
use lazai::settle::ledger::Ledger as _;
use lazai::settle::session::SessionPayment;
use lazai::settle::speech::SpokenVoice;
use lazai::settle::{EmbeddedLedger, SystemClock};
use lazai::speech::{AboutSpeaker, SpeakError, Speaker, SpeechJob, SpeechSettings};
use lazai::wire::talk;
use lazai_core::digest::sha256;
use lazai_core::{Amount, Asset, ClassId, Digest, LocalSigner, Signer as _, VersionNumber};
use pollster::block_on;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const PROMPT: &str = "zanzibarite heliotrope";
const REPLY: &str = "quixotically spoken";
const SPOKEN: &str = "susurrantly pronounced";
/// A client's trace and span.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// A stand-in for a voice: each word is a thousand samples.
#[derive(Debug)]
struct Tone(AboutSpeaker);

impl Speaker for Tone {
    fn about(&self) -> &AboutSpeaker {
        &self.0
    }

    fn load_voice(&self, _: &Path) -> Result<(SpokenVoice, Digest), SpeakError> {
        Ok((SpokenVoice::Character, sha256(b"voice")))
    }

    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError> {
        for _ in job.text.split_whitespace() {
            on_samples(&[7; 1_000]);
        }
        Ok(())
    }
}

/// A server that makes replies: it notes the `traceparent` of each request.
fn backend(parents: Arc<Mutex<Vec<String>>>) -> axum::Router {
    let chat = move |headers: HeaderMap, Json(_): Json<Value>| {
        let parent = headers.get("traceparent").map_or("none", |parent| parent.to_str().unwrap());
        parents.lock().unwrap().push(parent.to_owned());
        let piece = json!({"choices": [{"delta": {"content": REPLY}}]});
        std::future::ready(format!("data: {piece}\n\ndata: [DONE]\n\n"))
    };
    axum::Router::new()
        .route("/v1/models", get(|| async { Json(json!({"data": [{"id": "smol"}]})) }))
        .route("/v1/load_lora_adapter", post(|| async { "loaded" }))
        .route("/v1/chat/completions", post(chat))
}

/// The base model's file; `None`, with the reason, where it is not.
fn base() -> Option<PathBuf> {
    let found = std::env::var_os("LAZAI_BASE_MODEL").map(PathBuf::from).filter(|path| path.is_file());
    if found.is_none() {
        // A skipped test says so.
        let _ = writeln!(std::io::stderr(), "skipped: LAZAI_BASE_MODEL names no file");
    }
    found
}

#[test]
fn a_collector_sees_the_spans_of_a_request_and_no_words() {
    let Some(base) = base() else { return };
    let collector = Collector::listen();
    let traces = Traces::to(&collector.url).unwrap();
    tracing_subscriber::registry().with(traces.layer()).init();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    market::found(&path, 1);
    let ledger = Arc::new(EmbeddedLedger::open(&path, SystemClock).unwrap());
    let parents = Arc::default();
    let url = collector.serve(backend(Arc::clone(&parents)));
    let counter = Arc::new(ModelCounter::from_gguf(&base).unwrap());
    let generator = OpenAiGenerator::connect(&url, "smol", Server::Vllm, sha256(b"base"), counter).unwrap();
    let adapter = folder.path().join("adapter");
    std::fs::create_dir(&adapter).unwrap();
    std::fs::write(adapter.join("adapter_model.safetensors"), b"adapter").unwrap();
    let account = Account::new(ledger.clone(), Arc::new(LocalSigner::from_bytes([7; 32]).unwrap()));
    let provider = Provider::new(account, Arc::new(generator), folder.path().join("node"));
    let provider = provider.with_adapter(ClassId(1), VersionNumber(1), &adapter, sha256(b"adapter")).unwrap();
    let spoken = VoiceTerms {
        class: ClassId(1),
        version: VersionNumber(1),
        asset: Asset::NATIVE,
        character_price: Amount::from_base_units(2),
        character_ceiling: 60,
    };
    let about = AboutSpeaker { base_digest: sha256(b"base voice"), rate: 24_000 };
    let provider = provider.with_voice(Arc::new(Tone(about)), None, spoken).unwrap();
    let serving = Front::new(Arc::new(provider), vec![market::terms(3_000)]).spawn("127.0.0.1:0").unwrap();

    let signer = market::signer(0);
    let consumer = Consumer::new(Account::new(ledger.clone(), signer.clone()), signer.clone());
    let node = HttpNode::new(&serving.url()).unwrap();
    let model = block_on(node.models()).unwrap().remove(0);
    let open = |nonce| {
        let deposit = SessionPayment::Deposit(Amount::from_base_units(100_000));
        block_on(consumer.open(nonce, &model.offer, deposit)).unwrap()
    };
    let conversation = open(1);
    let settings = ReplySettings { max_tokens: Some(20), temperature_milli: Some(700), ..ReplySettings::default() };
    let messages = vec![Message::new(Role::User, PROMPT)];
    let request = block_on(consumer.talker().ask(&conversation, messages, settings)).unwrap();
    let ask = |parent: Option<&str>, body: &str| {
        let (name, header, _) = talk::chat(&request);
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned()), (name.to_owned(), header)];
        headers.extend(parent.map(|parent| ("traceparent".to_owned(), parent.to_owned())));
        let mut answer = Vec::new();
        let status = block_on(node.post("/v1/chat/completions", headers, body.to_owned(), &mut |bytes| {
            answer.extend_from_slice(bytes);
        }));
        (status.unwrap(), String::from_utf8(answer).unwrap())
    };
    let (_, _, body) = talk::chat(&request);
    let (status, answer) = ask(Some(&format!("00-{TRACE}-{SPAN}-01")), &body);
    assert!(status == 200 && answer.contains("quixotically"), "{status} {answer}");
    // Signed for other words: refused, under a trace of its own, since this header is none.
    let (status, answer) = ask(Some("00-zz-zz-01"), &body.replace("heliotrope", "heliograph"));
    assert_eq!(status, 403, "{answer}");
    let (mut conversation, terms) = (open(2), model.speech.unwrap());
    let settings = SpeechSettings::default();
    let talker = consumer.talker();
    block_on(talker.speak(&mut conversation, &node, &terms, SPOKEN.into(), settings, None, &mut |_| {})).unwrap();
    drop(serving);
    traces.flush();

    let spans = collector.spans();
    let all = format!("{spans:?}");
    for word in PROMPT.split(' ').chain(REPLY.split(' ')).chain(SPOKEN.split(' ')).chain(["heliograph"]) {
        assert!(!all.contains(word), "{word} is in a span: {all}");
    }
    let account = signer.address().to_string();
    assert!(!all.contains(&account) && !all.contains(&request.session.to_string()), "{all}");
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {all}"));
    let reply = named("chat dat:1:1");
    assert_eq!((hex::encode(&reply.trace_id), hex::encode(&reply.parent_span_id)), (TRACE.into(), SPAN.into()));
    assert_eq!(reply.kind, 2, "a server's");
    let tokens = answer_tokens(reply);
    assert!(tokens.0 > 2 && tokens.1 > 2, "{all}");
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "lazai"),
        ("gen_ai.request.model", "dat:1:1"),
        ("gen_ai.request.max_tokens", "20"),
        ("gen_ai.request.temperature", "0.7"),
        ("gen_ai.response.finish_reasons", "stop"),
        ("http.response.status_code", "200"),
        ("http.route", "/v1/chat/completions"),
    ] {
        assert_eq!(collector::attribute(reply, key).as_deref(), Some(value), "{key}: {all}");
    }
    let speech = named("speech dat:1:1");
    for (key, value) in [
        ("gen_ai.request.model", "dat:1:1"),
        ("lazai.speech.characters", "22"),
        ("lazai.speech.samples", "2000"),
        ("http.response.status_code", "200"),
        ("http.route", "/v1/audio/speech"),
    ] {
        assert_eq!(collector::attribute(speech, key).as_deref(), Some(value), "{key}: {all}");
    }
    // In order, inside the request.
    let of_reply = ["admission", "preparation", "waiting", "generation", "receipt"];
    for (whole, parts) in [(reply, &of_reply[..]), (speech, &["admission", "waiting", "generation", "receipt"])] {
        let mut last = whole.start_time_unix_nano;
        for &name in parts {
            let part = spans.iter().find(|span| span.name == name && span.trace_id == whole.trace_id);
            let part = part.unwrap_or_else(|| panic!("{name}: {all}"));
            assert_eq!(part.parent_span_id, whole.span_id, "{name}");
            assert!(
                part.start_time_unix_nano >= last && part.end_time_unix_nano <= whole.end_time_unix_nano,
                "{name}: {all}"
            );
            last = part.start_time_unix_nano;
        }
    }
    // The backend continues the trace, below the request.
    let expected = format!("00-{TRACE}-{}-01", hex::encode(&reply.span_id));
    assert_eq!(*parents.lock().unwrap(), [expected]);
    let refused = spans.iter().find(|span| span.name.starts_with("chat") && span.trace_id != reply.trace_id).unwrap();
    assert!(refused.parent_span_id.iter().all(|byte| *byte == 0), "{all}");
    assert_eq!(collector::attribute(refused, "error.type").as_deref(), Some("node.market"));
    assert_eq!(collector::attribute(refused, "http.response.status_code").as_deref(), Some("403"));
    assert_eq!(collector.service().as_deref(), Some("lazai"));
    // A collector that is away disturbs nobody.
    collector.stop();
    drop(traces);
    let market = ledger.market();
    assert!(market.session(request.session).is_some());
}

fn answer_tokens(span: &collector::Span) -> (i64, i64) {
    let count = |key| collector::attribute(span, key).and_then(|value| value.parse().ok()).unwrap_or_default();
    (count("gen_ai.usage.input_tokens"), count("gen_ai.usage.output_tokens"))
}
