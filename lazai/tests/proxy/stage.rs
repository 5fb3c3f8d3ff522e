//! A market, its nodes behind fronts that can be killed, and a consumer with a proxy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use lazai::Account;
use lazai::consumer::Consumer;
use lazai::http::{Budget, Front, HttpNode, Loopback, Sealing};
use lazai::lora::generate::Sampler;
use lazai::provider::{OfferTerms, Provider};
use lazai::settle::session::Session;
use lazai::settle::{EmbeddedLedger, Ledger as _};
use lazai_core::digest::sha256;
use lazai_core::{Amount, ClassId, LocalSigner, SessionId, Signer as _, VersionNumber};
use serde_json::{Value, json};

pub use super::listening::{Hand, Listening};
use super::market;
use super::speaker::{Seen, Speaker, WORDS};
use super::stand_in::Words;

pub const UNITS: fn(u128) -> Amount = Amount::from_base_units;
/// The most that a reply may cost.
pub const STEP: u128 = PROMPT as u128 + 3 * WORDS as u128;
/// The most tokens of a conversation.
const PROMPT: u32 = 120;
pub const MODEL: &str = "dat:1:1";

pub struct Stage {
    folder: tempfile::TempDir,
    pub ledger: Arc<EmbeddedLedger>,
    pub hand: Hand,
}

/// A node, and what is seen of it.
pub struct NodeSeen {
    pub provider: Arc<Provider>,
    pub seen: Arc<Seen>,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        market::found(&path, 1);
        let hand = Hand::default();
        let ledger = Arc::new(EmbeddedLedger::open(&path, hand.clone()).unwrap());
        Self { folder, ledger, hand }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A node with a key of its own, that says a word in so much time.
    pub fn node(&self, name: &str, pace: Duration) -> NodeSeen {
        let key = LocalSigner::from_bytes(*sha256(name.as_bytes()).as_bytes()).unwrap();
        let speaker = Speaker::new(pace);
        let seen = speaker.seen.clone();
        let account = Account::new(self.ledger.clone(), Arc::new(key));
        let provider = Provider::new(account, Arc::new(speaker), self.path(name))
            .with_adapter(ClassId(1), VersionNumber(1), self.folder.path(), sha256(b"adapter"))
            .unwrap()
            .with_sampler(Sampler { max_tokens: WORDS, ..Sampler::default() });
        NodeSeen { provider: Arc::new(provider), seen }
    }

    pub fn consumer(&self) -> Consumer {
        let signer = market::signer(0);
        Consumer::new(Account::new(self.ledger.clone(), signer.clone()), signer).with_counter(Arc::new(Words))
    }

    /// A proxy on a folder, before some URLs. One that had the folder before may need a moment to be gone.
    pub fn proxy(&self, folder: &str, urls: &[&str], budget: Budget) -> Loopback {
        self.proxy_with(Sealing::default(), folder, urls, budget)
    }

    /// A proxy that seals what it sends, or does not: then a test can read it.
    pub fn proxy_with(&self, sealing: Sealing, folder: &str, urls: &[&str], budget: Budget) -> Loopback {
        for _ in 0..200 {
            let nodes = urls.iter().map(|url| HttpNode::new(url).unwrap().with_sealing(sealing)).collect();
            match Loopback::open(self.consumer(), nodes, budget, self.path(folder)) {
                Ok(proxy) => return proxy.without_key(),
                Err(error) => assert!(error.to_string().ends_with("another proxy has this folder"), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{folder} stays locked");
    }

    /// All sessions that the consumer opened.
    pub fn sessions(&self, folder: &str) -> Vec<(SessionId, Session)> {
        let market = self.ledger.market();
        let Ok(kept) = std::fs::read_dir(self.path(folder).join("conversations")) else { return Vec::new() };
        let names = kept.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
        let ids = names.filter_map(|name| name.parse().ok());
        ids.map(|id: SessionId| (id, market.session(id).unwrap().clone())).collect()
    }

    /// What the consumer has left.
    pub fn funds(&self) -> u128 {
        let payer = market::signer(0).address();
        self.ledger.market().balance(payer, lazai_core::Asset::NATIVE).base_units()
    }
}

/// A front of a node at a price per token of a reply.
pub fn front(node: &NodeSeen, completion_price: u128) -> Router {
    Front::new(node.provider.clone(), vec![terms(completion_price)]).router()
}

/// Answers every request late.
pub fn late(router: Router) -> Router {
    router.layer(axum::middleware::from_fn(|request: axum::extract::Request, next: axum::middleware::Next| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        next.run(request).await
    }))
}

pub fn terms(completion_price: u128) -> OfferTerms {
    OfferTerms {
        prompt_price: UNITS(1),
        completion_price: UNITS(completion_price),
        prompt_ceiling: PROMPT,
        session_s: 3_000,
        ..OfferTerms::free(ClassId(1), VersionNumber(1))
    }
}

/// A budget for replies of this market.
pub fn budget(total: u128, deposit: u128, sessions: u32) -> Budget {
    let (total, deposit, max_step) = (UNITS(total), UNITS(deposit), UNITS(10 * STEP));
    Budget { total, deposit, max_step, sessions, ..Budget::default() }
}

/// Asks a proxy: the status, and the answer.
pub fn ask(url: &str, messages: &Value) -> (u16, Value) {
    ask_with(url, messages, None)
}

/// Asks under an idempotency key, if there is one.
pub fn ask_with(url: &str, messages: &Value, key: Option<&str>) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let body = json!({"model": MODEL, "messages": messages}).to_string();
    let mut post = agent.post(format!("{url}/v1/chat/completions")).header("content-type", "application/json");
    if let Some(key) = key {
        post = post.header("idempotency-key", key);
    }
    match post.send(body) {
        Ok(mut answer) => {
            let status = answer.status().as_u16();
            let body = answer.body_mut().read_to_string().unwrap_or_default();
            (status, serde_json::from_str(&body).unwrap_or(Value::Null))
        }
        Err(_) => (0, Value::Null),
    }
}

pub fn said(words: &str) -> Value {
    json!([{"role": "user", "content": words}])
}

/// Asks the same so many times at once.
pub fn ask_at_once(url: &str, times: usize) -> Vec<(u16, Value)> {
    std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..times).map(|number| scope.spawn(move || ask(url, &said(&format!("Number {number}?"))))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

/// What a proxy says of its budget.
pub fn told(url: &str) -> Value {
    let said = ureq::get(format!("{url}/v1/lazai/budget")).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&said).unwrap()
}

pub fn number(value: &Value) -> u128 {
    value.as_str().unwrap_or_else(|| panic!("{value} is no amount")).parse().unwrap()
}

pub fn session_of(answer: &Value) -> String {
    answer["lazai"]["receipt"]["receipt"]["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

pub fn text_of(answer: &Value) -> String {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

/// Waits until something holds, ten seconds at most.
pub fn soon(mut holds: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        let held = holds();
        if !held {
            std::thread::sleep(Duration::from_millis(20));
        }
        held
    })
}
