//! What sealing and a relay cost: the same turns in clear text, sealed and by way of a relay, one after another in one run.
//! `cargo xtask bench private` writes the report; without it, a few turns show that all three ways give the same reply.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lazai::Session;
use lazai::credits::{Credit, CreditSecret, credit_message};
use lazai::http::{Front, HttpNode, Relay, Sealing};
use lazai::lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai::lora::{About, Engine, EngineSettings, GenerateError, Generator, WeightFormat};
use lazai::node::{ReplySettings, RequestClaim};
use lazai::provider::{OfferTerms, Provider};
use lazai::{Account, Client};
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_core::{Amount, ClassId, Digest, Domain, LocalSigner, SessionId, Signer as _, VersionNumber};
use pollster::block_on;
use serde_json::{Value, json};

use super::market;
use super::stage::Stage;

/// Tokens of a reply.
const TOKENS: u32 = 64;
const ROUNDS: usize = 60;

/// Says words as fast as they are taken.
#[derive(Debug)]
struct Fast(About);

impl Generator for Fast {
    fn about(&self) -> &About {
        &self.0
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, _: &[Message]) -> Result<u64, GenerateError> {
        Ok(8)
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        Generation::on_thread(move |on_text| {
            let mut reply = Reply { prompt_tokens: 8, ..Reply::default() };
            for token in 0..TOKENS.min(job.sampler.max_tokens) {
                let text = format!("word{token} ");
                on_text(&text);
                reply.tokens.push(token);
                reply.text.push_str(&text);
            }
            Ok(reply)
        })
    }
}

/// The base model without an adapter, which the market of this test has none of.
#[derive(Debug)]
struct Bare(Engine, About);

impl Generator for Bare {
    fn about(&self) -> &About {
        &self.1
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.0.prompt_tokens(messages)
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        self.0.generate(GenerateJob { adapter: None, ..job })
    }
}

/// A turn: milliseconds to the first words, and for each token after them; and the reply.
fn turn(session: &Session) -> (f64, f64, String) {
    let settings = ReplySettings { seed: Some(7), ..ReplySettings::default() };
    let asked = vec![Message::new(Role::User, "Tell of the city at night.")];
    let (begun, mut first) = (Instant::now(), None);
    let mut hear = |_: &str| {
        first.get_or_insert_with(|| begun.elapsed());
    };
    let reply = block_on(session.answer(asked, settings, &mut hear)).unwrap();
    let (whole, first) = (begun.elapsed().as_secs_f64() * 1e3, first.unwrap().as_secs_f64() * 1e3);
    (first, (whole - first) / reply.tokens.len().max(2) as f64, reply.text)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The three ways with one generator.
fn compare(generator: Arc<dyn Generator>, rounds: usize) -> Value {
    let stage = Stage::new();
    let key = LocalSigner::from_bytes(*sha256(b"measured").as_bytes()).unwrap();
    let provider = Provider::new(Account::new(stage.ledger.clone(), Arc::new(key)), generator, stage.path("measured"))
        .with_adapter(ClassId(1), VersionNumber(1), Path::new("."), sha256(b"adapter"))
        .unwrap()
        .with_sampler(Sampler { max_tokens: TOKENS, ..Sampler::default() });
    let terms = OfferTerms { completion_price: Amount::from_base_units(1), ..market::terms(3_000) };
    let serving = Front::new(Arc::new(provider), vec![terms]).spawn("127.0.0.1:0").unwrap();
    let relay = Relay::new([serving.url()]).unwrap();
    relay.limit(0, Vec::new());
    let relay = relay.spawn("127.0.0.1:0").unwrap();
    let line = HttpNode::new(&serving.url()).unwrap();
    let ways = [line.clone().with_sealing(Sealing::Off), line.clone(), line.with_relay(&relay.url()).unwrap()];
    let account = stage.account();
    let sessions = ways.map(|way| {
        let client = Client::of(way, account.clone());
        let model = block_on(client.models()).unwrap().remove(0);
        block_on(client.open(&model, Amount::from_base_units(1_000_000))).unwrap()
    });
    let mut times: [(Vec<f64>, Vec<f64>); 3] = Default::default();
    for round in 0..=rounds {
        // Each is first, second and third as often.
        for place in 0..3 {
            let way = (place + round) % 3;
            let (first, token, text) = turn(&sessions[way]);
            assert!(!text.is_empty());
            // The first round warms up.
            if round > 0 {
                times[way].0.push(first);
                times[way].1.push(token);
            }
        }
    }
    let [clear, sealed, relayed] = times.map(|(first, token)| (median(first), median(token)));
    let round = |value: f64| (value * 1e4).round() / 1e4;
    let way = |(first, token): (f64, f64)| json!({"ttft_ms": round(first), "per_token_ms": round(token)});
    json!({
        "clear": way(clear), "sealed": way(sealed), "relayed": way(relayed), "rounds": rounds, "reply_tokens": TOKENS,
        "ttft_added_ms": round(sealed.0 - clear.0),
        "per_token_added_ms": round(sealed.1 - clear.1),
        "per_token_added_percent": round((sealed.1 / clear.1 - 1.0) * 100.0),
        "relay_added_ms": round(relayed.0 - sealed.0),
    })
}

/// Credits that one core verifies in a second; beside it, blind signatures and blindings, and the signatures of sessions' requests, which a
/// node recovers an address from for each.
fn credits(time: Duration) -> Value {
    let secret = CreditSecret::generate().unwrap();
    let key = secret.public().unwrap();
    let (number, terms) = (Digest::random().unwrap(), sha256(b"terms"));
    let message = credit_message(terms, number);
    let blinded = key.blind(number, message.as_bytes()).unwrap();
    let signed = secret.sign(&blinded.message).unwrap();
    let signature = key.unblind(&blinded, &signed, message.as_bytes()).unwrap();
    let credit = Credit { terms, number, prefix: blinded.prefix, signature };
    let (signer, domain) = (LocalSigner::random().unwrap(), Domain::random("measured", "1").unwrap());
    let claim = RequestClaim { session: SessionId::from_bytes([1; 32]), turn: 1, request: terms };
    let of_session = block_on(lazai_core::sign::sign(&signer, &domain, &claim)).unwrap();
    let per_s = |act: &dyn Fn()| {
        let (begun, mut count) = (Instant::now(), 0_u32);
        while begun.elapsed() < time {
            act();
            count += 1;
        }
        (f64::from(count) / begun.elapsed().as_secs_f64()).round()
    };
    json!({
        "credit_verify_per_s": per_s(&|| credit.verify(&key).unwrap()),
        "credit_sign_per_s": per_s(&|| drop(secret.sign(&blinded.message).unwrap())),
        "credit_blind_per_s": per_s(&|| drop(key.blind(number, message.as_bytes()).unwrap())),
        "session_verify_per_s": per_s(&|| of_session.verify(&domain, &claim, signer.address()).unwrap()),
    })
}

#[test]
fn all_ways_give_a_reply_and_what_each_costs_is_counted() {
    let report = std::env::var_os("LAZAI_PRIVATE_REPORT");
    let rounds = if report.is_some() { ROUNDS } else { 2 };
    let about = About::new("fast".into(), sha256(b"base"), sha256(b"fast"), "cpu".into());
    let fast = compare(Arc::new(Fast(about)), rounds);
    let credits = credits(if report.is_some() { Duration::from_secs(2) } else { Duration::from_millis(50) });
    let Some(report) = report else { return };
    let base = std::env::var_os("LAZAI_BASE_MODEL").unwrap();
    let engine = Engine::open(Path::new(&base), WeightFormat::AsStored, EngineSettings::default()).unwrap();
    // The market of this test names another base.
    let about = About::new("base".into(), sha256(b"base"), sha256(b"tokenizer"), "cpu".into());
    let mut told = compare(Arc::new(Bare(engine, about)), rounds / 2);
    told["without_a_model"] = fast;
    if let (Some(told), Value::Object(credits)) = (told.as_object_mut(), credits) {
        told.extend(credits);
    }
    std::fs::write(report, told.to_string()).unwrap();
}
