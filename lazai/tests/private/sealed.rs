//! What holds the seal, whoever is between.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use lazai::http::{HttpNode, Sealing};
use lazai::provider::{SEAL_OVERLAP_S, SEAL_PERIOD_S};
use lazai::settle::ledger::Clock as _;
use lazai::wire::sealed::{GATEWAY, REQUEST_TYPE};
use lazai_core::seal::UnsealingKey;
use pollster::block_on;
use serde_json::{Value, json};

use super::found;
use super::gossip::{Ask, PROMPT, REPLY};
use super::stage::{Listening, Node, Stage, code};

pub const HONEST: u8 = 0;
/// The key is left out of the list of models.
pub const LEAVES_OUT: u8 = 1;
/// Another key is put in its place.
pub const FORGES: u8 = 2;
/// What comes to the gateway is answered without being opened.
const ANSWERS: u8 = 3;

/// Somebody between who reads and changes what they like.
#[derive(Clone, Default)]
pub struct Between {
    does: Arc<AtomicU8>,
    heard: Arc<Mutex<Vec<u8>>>,
    /// The sealed requests that came by.
    pub sealed: Arc<Mutex<Vec<Bytes>>>,
}

impl Between {
    pub fn before(&self, node: &Node) -> Router {
        let between = self.clone();
        node.front.router().layer(middleware::from_fn(move |request: Request, next: Next| {
            let between = between.clone();
            async move { between.pass(request, next).await }
        }))
    }

    pub fn does(&self, what: u8) {
        self.does.store(what, Ordering::SeqCst);
    }

    async fn pass(self, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        self.heard.lock().unwrap().extend_from_slice(&body);
        if path == GATEWAY {
            self.sealed.lock().unwrap().push(body.clone());
        }
        let does = self.does.load(Ordering::SeqCst);
        if does == ANSWERS && path == GATEWAY {
            let lie = json!({"choices": [{"message": {"content": REPLY}}]}).to_string();
            return Response::builder().header("content-type", "application/json").body(Body::from(lie)).unwrap();
        }
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        if !(path == "/v1/models" && [LEAVES_OUT, FORGES].contains(&does)) {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let mut list: Value = serde_json::from_slice(&axum::body::to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        let about = list["data"][0]["lazai"].as_object_mut().unwrap();
        if does == LEAVES_OUT {
            about.remove("seal").unwrap();
        } else {
            about["seal"]["terms"]["public_key"] = json!(UnsealingKey::random().unwrap().public());
        }
        parts.headers.remove("content-length");
        Response::from_parts(parts, Body::from(list.to_string()))
    }

    pub fn reads(&self) -> Vec<String> {
        found(&[PROMPT, REPLY], &self.heard.lock().unwrap())
    }
}

#[test]
fn who_has_seen_a_node_seal_or_asks_for_it_sends_nothing_in_clear_text() {
    let (stage, between) = (Stage::new(), Between::default());
    let node = stage.node("node");
    let at = Listening::on(between.before(&node));
    let line = HttpNode::new(&at.url).unwrap();
    let session = stage.session(&line);
    block_on(session.say(&Ask::Speak.words())).unwrap();
    assert_eq!(between.reads(), Vec::<String>::new());

    // The key is left out from now on, or another's stands there.
    for (does, says) in [(LEAVES_OUT, "clear text is not allowed"), (FORGES, "the node's key")] {
        between.does(does);
        block_on(line.models()).unwrap();
        let error = block_on(session.say(&Ask::Speak.words())).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(code(error), "node.unsealed");
    }
    // Somebody who never saw one goes by what is told, unless sealing is required.
    between.does(HONEST);
    let other = stage.session(&HttpNode::new(&at.url).unwrap()).conversation();
    between.does(LEAVES_OUT);
    let strict = stage.resume(&HttpNode::new(&at.url).unwrap().with_sealing(Sealing::Required), other);
    assert_eq!(code(block_on(strict.say(&Ask::Speak.words())).unwrap_err()), "node.unsealed");
    // An answer that is not sealed is none.
    between.does(ANSWERS);
    block_on(line.models()).unwrap();
    assert_eq!(code(block_on(session.say(&Ask::Speak.words())).unwrap_err()), "node.transport");
    assert_eq!(between.reads(), Vec::<String>::new());

    between.does(HONEST);
    block_on(line.models()).unwrap();
    assert!(block_on(session.say(&Ask::Speak.words())).unwrap().text.contains(REPLY), "the same can be said again");
    between.does(LEAVES_OUT);
    let naive = stage.session(&HttpNode::new(&at.url).unwrap());
    block_on(naive.say(&Ask::Speak.words())).unwrap();
    assert!(!between.reads().is_empty(), "the first word in clear text is heard");
}

#[test]
fn a_request_that_is_replayed_costs_nothing_and_tells_nothing() {
    let (stage, between) = (Stage::new(), Between::default());
    let node = stage.node("node");
    let at = Listening::on(between.before(&node));
    let session = stage.session(&HttpNode::new(&at.url).unwrap());
    for _ in 0..2 {
        block_on(session.say(&Ask::Speak.words())).unwrap();
    }
    let standing = || block_on(node.provider.standing(session.id())).unwrap();
    let (before, asked) = (standing(), node.asked.load(Ordering::SeqCst));
    assert_eq!((before.turn, asked), (2, 2));
    let sealed = between.sealed.lock().unwrap().clone();
    assert!(sealed.len() >= 4, "two replies and two payments");
    let mut answers = Vec::new();
    for message in sealed.iter().chain(&sealed) {
        let post = ureq::post(format!("{}{GATEWAY}", at.url)).header("content-type", REQUEST_TYPE);
        let mut answer = post.send(&message[..]).unwrap();
        answers.push(answer.body_mut().read_to_vec().unwrap());
    }
    assert_eq!((standing(), node.asked.load(Ordering::SeqCst)), (before, asked));
    // Nobody but who asked has the key of an answer, and no two of them are alike.
    assert_eq!(found(&[REPLY, "node.turn_out_of_order"], &answers.concat()), Vec::<String>::new());
    assert!(
        answers.iter().enumerate().all(|(at, answer)| !answers[..at].iter().any(|other| other[..32] == answer[..32]))
    );
    assert!(block_on(session.say(&Ask::Speak.words())).unwrap().text.contains(REPLY));
}

#[test]
fn keys_change_each_day_and_a_key_that_is_over_is_refused_by_name() {
    let (stage, between) = (Stage::new(), Between::default());
    let node = stage.node("node");
    let at = Listening::on(between.before(&node));
    let line = HttpNode::new(&at.url).unwrap();
    let session = stage.session(&line);
    block_on(session.say(&Ask::Speak.words())).unwrap();
    let first = block_on(node.provider.seal_terms()).unwrap().unwrap();
    let old = between.sealed.lock().unwrap().last().unwrap().clone();
    let post = || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let post = agent.post(format!("{}{GATEWAY}", at.url)).header("content-type", REQUEST_TYPE);
        let mut answer = post.send(&old[..]).unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(&answer.body_mut().read_to_vec().unwrap()).into_owned())
    };
    // To the end of the day, and a little: both keys are open.
    stage.hand.forward(SEAL_PERIOD_S - stage.hand.now_s() % SEAL_PERIOD_S + 60);
    let second = block_on(node.provider.seal_terms()).unwrap().unwrap();
    assert_ne!(first.terms, second.terms);
    assert_eq!(post().0, 200);
    stage.hand.forward(SEAL_OVERLAP_S);
    let (status, told) = post();
    assert!(status == 400 && told.contains("request.seal_key"), "{status} {told}");
    assert!(told.contains(&format!("key {} is not open here", first.terms.key_id)), "{told}");
    // A client with the key of yesterday asks for today's.
    let other = stage.session(&HttpNode::new(&at.url).unwrap());
    let before = between.sealed.lock().unwrap().len();
    let late = stage.resume(&line, other.conversation());
    assert!(block_on(late.say(&Ask::Speak.words())).unwrap().text.contains(REPLY));
    let sealed = between.sealed.lock().unwrap()[before..].to_vec();
    assert_eq!((sealed[0][0], sealed[1][0]), (first.terms.key_id, first.terms.key_id.wrapping_add(1)));
    assert_eq!(between.reads(), Vec::<String>::new());
}

#[test]
fn a_node_that_does_not_seal_is_talked_to_in_clear_text_or_not_at_all() {
    let stage = Stage::new();
    let node = stage.node_with("node", lazai::provider::Provider::without_sealing);
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let line = HttpNode::new(&serving.url()).unwrap();
    let session = stage.session(&line);
    assert!(block_on(session.say(&Ask::Speak.words())).unwrap().text.contains(REPLY));
    let strict = stage.session(&line.with_sealing(Sealing::Required));
    assert_eq!(code(block_on(strict.say(&Ask::Speak.words())).unwrap_err()), "node.unsealed");
    let post = |body: &[u8]| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.post(format!("{}{GATEWAY}", serving.url())).send(body).unwrap().status().as_u16()
    };
    assert_eq!(post(b"anything"), 404);
}

#[test]
fn garbage_at_the_gateway_is_refused_with_words_and_bounds() {
    let stage = Stage::new();
    let node = stage.node("node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let terms = block_on(node.provider.seal_terms()).unwrap().unwrap().terms;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |body: &[u8]| {
        let mut answer = agent.post(format!("{}{GATEWAY}", serving.url())).send(body).unwrap();
        let text = String::from_utf8_lossy(&answer.body_mut().read_to_vec().unwrap()).into_owned();
        (answer.status().as_u16(), text)
    };
    let (sealed, _) = terms.public_key.encapsulate(terms.key_id, b"no request").unwrap();
    let mut damaged = sealed.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (body, status, code) in [
        (vec![], 400, "request.sealed"),
        (vec![terms.key_id], 400, "request.sealed"),
        (vec![terms.key_id.wrapping_add(9)], 400, "request.seal_key"),
        (damaged, 400, "request.sealed"),
        (vec![terms.key_id; 2 << 20], 413, "request.too_large"),
    ] {
        let (found, told) = post(&body);
        assert!(found == status && told.contains(code), "{found} {told}");
    }
    // What opens and is no request is refused inside.
    let (found, told) = post(&sealed);
    assert!(found == 200 && !told.contains("request.sealed"), "{found} {told}");
}
