//! Who keeps the machine, the node's account or the place of an enclave: what they get of a consumer who asks for an enclave.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use lazai::enclave::report_data;
use lazai::http::{Budget, HttpNode, Loopback, Sealing};
use lazai::provider::SEAL_PERIOD_S;
use lazai::seal::{SealTerms, SignedSealTerms};
use lazai::settle::ledger::{Clock as _, Ledger as _};
use lazai::wire::sealed::{ANSWER_TYPE, AnswerWriter, GATEWAY, QUOTE, SealedRequest};
use lazai_core::digest::sha256;
use lazai_core::sign::sign;
use lazai_core::{Amount, LocalSigner};
use pollster::block_on;
use serde_json::{Value, json};

use super::enclave::{enclave, policy, quote_of};
use super::gossip::{Ask, REPLY};
use super::intel::{Intel, Machine, Signed};
use super::stage::{Listening, Node, Stage, code};

/// A node whose keeper answers for its quote as they like; and what was asked of it.
fn kept_by(node: &Node, status: u16, told: Vec<u8>) -> (Router, Arc<Mutex<Vec<SealedRequest>>>) {
    let (provider, heard) = (node.provider.clone(), Arc::<Mutex<Vec<_>>>::default());
    let hears = heard.clone();
    let gateway = post(move |body: Bytes| async move {
        let (opened, secret) = provider.unseal(&body).unwrap();
        hears.lock().unwrap().push(SealedRequest::parse(&opened).unwrap());
        let (mut writer, begin) = AnswerWriter::begin(&secret, status, []).unwrap();
        let answer = [begin, writer.body(&told).unwrap(), writer.end().unwrap()].concat();
        ([(header::CONTENT_TYPE, ANSWER_TYPE)], answer).into_response()
    });
    (Router::new().route(GATEWAY, gateway).fallback_service(node.front.router()), heard)
}

/// A place whose node may be replaced, as by a restart.
#[derive(Clone)]
struct Place(Arc<Mutex<Router>>);

impl Place {
    fn of(node: &Node) -> Self {
        Self(Arc::new(Mutex::new(node.front.router())))
    }

    fn now(&self, node: &Node) {
        *self.0.lock().unwrap() = node.front.router();
    }

    fn router(&self) -> Router {
        let place = self.0.clone();
        Router::new().fallback(move |request: Request| {
            let node = TowerToHyperService::new(place.lock().unwrap().clone());
            async move { node.call(request).await.unwrap_or_else(|never| match never {}) }
        })
    }
}

/// The node's keeper has its account's key outside the enclave, signs a sealing key of their own, and shows what they have for it.
#[test]
fn a_keeper_who_shows_the_enclaves_quote_for_another_key_reads_nothing() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let inside = enclave(&stage, "node", &intel, Machine::default());
    let genuine = serde_json::to_vec(&quote_of(&inside)).unwrap();
    // The same account, with other keys.
    let outside = stage.node("node");
    assert_eq!(outside.provider.address(), inside.provider.address());
    // What the enclave itself showed for its key of another day, before its keeper had it by whatever means.
    stage.hand.forward(SEAL_PERIOD_S);
    let later = serde_json::to_vec(&quote_of(&inside)).unwrap();
    assert_ne!(genuine, later);
    for (node, status, told, says) in [
        (&outside, 200, later.clone(), "another key"),
        (&inside, 200, genuine, "another key"),
        (&inside, 404, later, "no quote"),
        (&inside, 200, b"{}".to_vec(), "not a quote"),
    ] {
        let (router, heard) = kept_by(node, status, told);
        let at = Listening::on(router);
        let open = stage.session(&HttpNode::new(&at.url).unwrap().with_sealing(Sealing::Off)).conversation();
        let strict = stage.resume(&HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel)), open);
        let error = block_on(strict.say(&Ask::Speak.words())).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(code(error), "node.not_attested");
        let heard = heard.lock().unwrap();
        assert!(!heard.is_empty() && heard.iter().all(|request| *request == SealedRequest::get(QUOTE)));
    }
}

/// A key that is over, with the quote that it had: whoever broke it since reads nothing that is sealed today.
#[test]
fn a_key_that_is_over_is_not_taken_with_its_quote() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let node = enclave(&stage, "node", &intel, Machine::default());
    let domain = stage.ledger.market().domain().clone();
    let now = block_on(node.provider.seal_terms()).unwrap().unwrap().terms;
    let key = LocalSigner::from_bytes(*sha256(b"node").as_bytes()).unwrap();
    for (valid_until_s, is_taken) in [(stage.hand.now_s() + 600, true), (stage.hand.now_s() - 1, false)] {
        let terms = SealTerms { valid_until_s, ..now };
        let signed = SignedSealTerms { signature: block_on(sign(&key, &domain, &terms)).unwrap(), terms };
        let quote = intel.quote(&Machine::default(), report_data(&domain, &terms), Signed::default());
        let (router, heard) = kept_by(&node, 200, serde_json::to_vec(&quote).unwrap());
        let at = Listening::on(router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
            let is_list = request.uri().path() == "/v1/models";
            let response = next.run(request).await;
            if is_list { telling(response, &signed).await } else { response }
        })));
        let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel)).held_to(&domain, terms.node);
        let found = block_on(line.who_reads());
        if is_taken {
            assert_eq!(found.unwrap().to_string(), "attested enclave");
        } else {
            let error = found.unwrap_err();
            assert!(error.code() == "node.unsealed" && error.to_string().contains("was valid until"), "{error}");
            assert!(heard.lock().unwrap().is_empty());
        }
    }
}

/// A list of models that tells another key.
async fn telling(response: Response, seal: &SignedSealTerms) -> Response {
    let (mut parts, body) = response.into_parts();
    let mut list: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    list["data"][0]["lazai"]["seal"] = serde_json::to_value(seal).unwrap();
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(list.to_string()))
}

#[test]
fn a_node_that_leaves_its_enclave_loses_who_asked_for_one() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let inside = enclave(&stage, "node", &intel, Machine::default());
    let place = Place::of(&inside);
    let at = Listening::on(place.router());
    let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel));
    let session = stage.session(&line);
    block_on(session.say(&Ask::Speak.words())).unwrap();
    // The same account and folder, no enclave: between the check of the quote and what is said next.
    let outside = stage.node("node");
    place.now(&outside);
    let error = block_on(session.say(&Ask::Speak.words())).unwrap_err();
    assert!(error.to_string().contains("no quote"), "{error}");
    assert_eq!((code(error).as_str(), outside.asked.load(Ordering::SeqCst)), ("node.not_attested", 0));
    assert_eq!(code(block_on(session.who_reads()).unwrap_err()), "node.not_attested");
    // Sealing without an enclave goes on: that is what is lost.
    let sealed = stage.resume(&HttpNode::new(&at.url).unwrap(), session.conversation());
    block_on(sealed.say(&Ask::Speak.words())).unwrap();
    // Back in an enclave, with a key of its own.
    let again = enclave(&stage, "node", &intel, Machine::default());
    place.now(&again);
    let session = stage.resume(&line, sealed.conversation());
    block_on(session.say(&Ask::Speak.words())).unwrap();
    let quotes = session.conversation().quotes;
    assert_eq!(quotes.iter().map(|held| held.turns.clone()).collect::<Vec<_>>(), [[1], [3]]);
}

#[test]
fn keys_of_an_enclave_are_made_inside_and_never_written() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let key = |node: &Node| block_on(node.provider.seal_terms()).unwrap().unwrap().terms.public_key;
    let host = stage.node("host");
    let known = key(&host);
    // The machine's host gives it a file of keys that the host knows.
    let (planted, file) = (std::fs::read(host.folder.join("seal")).unwrap(), stage.path("node").join("seal"));
    std::fs::create_dir_all(stage.path("node")).unwrap();
    std::fs::write(&file, &planted).unwrap();
    assert_eq!(key(&stage.node("node")), known, "a node without quotes takes it");
    let node = enclave(&stage, "node", &intel, Machine::default());
    let (first, quote) = (key(&node), quote_of(&node));
    assert_ne!(first, known);
    assert_eq!((key(&node), quote_of(&node)), (first, quote));
    stage.hand.forward(2 * SEAL_PERIOD_S);
    assert_ne!(key(&node), first);
    assert_eq!(std::fs::read(&file).unwrap(), planted);
}

#[test]
fn a_proxy_goes_on_to_a_node_that_is_an_enclave() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let bad = ["one", "two", "three"].map(|name| stage.node(name));
    let good = enclave(&stage, "good", &intel, Machine::default());
    // Those that are none are quicker, so that they are asked first.
    let slow = |request: Request, next: Next| async move {
        if request.uri().path() == "/v1/models" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        next.run(request).await
    };
    let router = good.front.router().layer(middleware::from_fn(slow));
    let serving: Vec<_> = bad.iter().map(|node| node.front.router()).chain([router]).map(Listening::on).collect();
    let line = |url: String| HttpNode::new(&url).unwrap().with_enclave(policy(&intel));
    let ask = |nodes: Vec<HttpNode>, name: &str| {
        let units = Amount::from_base_units;
        let budget =
            Budget { total: units(40_000), deposit: units(5_000), max_step: units(2_000), ..Budget::default() };
        let proxy = Loopback::open(stage.consumer(), nodes, budget, stage.path(name)).unwrap().without_key();
        let own = proxy.spawn("127.0.0.1:0").unwrap();
        let body = json!({"model": "dat:1:1", "messages": [{"role": "user", "content": Ask::Speak.words()}]});
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let post = agent.post(format!("{}/v1/chat/completions", own.url())).header("content-type", "application/json");
        post.send(body.to_string()).unwrap().body_mut().read_to_string().unwrap()
    };
    let told = ask(serving.iter().map(|at| line(at.url.clone())).collect(), "proxy");
    assert!(told.contains(REPLY), "{told}");
    let told = ask(serving[..3].iter().map(|at| line(at.url.clone())).collect(), "refused");
    assert!(told.contains("node.not_attested"), "{told}");
    assert!(bad.iter().all(|node| node.asked.load(Ordering::SeqCst) == 0));
    assert_eq!(good.asked.load(Ordering::SeqCst), 1);
}
