//! Several nodes: which is asked, and what happens when one does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use lazai::settle::Ledger as _;
use serde_json::{Value, json};

use super::stage::*;

const QUICK: Duration = Duration::ZERO;

fn node_of(answer: &Value, stage: &Stage) -> String {
    let session = session_of(answer).parse().unwrap();
    stage.ledger.market().session(session).unwrap().offer.node.to_string()
}

#[test]
fn a_character_of_two_nodes_is_one_model_and_the_cheaper_is_asked() {
    let stage = Stage::new();
    let (dear, cheap) = (stage.node("dear", QUICK), stage.node("cheap", QUICK));
    let (first, second) = (Listening::on(front(&dear, 5)), Listening::on(front(&cheap, 3)));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 2)).router());
    let models = ureq::get(format!("{}/v1/models", proxy.url)).call().unwrap().body_mut().read_to_string().unwrap();
    let models: Value = serde_json::from_str(&models).unwrap();
    let [model] = &models["data"].as_array().unwrap()[..] else { panic!("{models}") };
    assert_eq!((model["id"].as_str(), model["lazai"]["offers"].as_array().unwrap().len()), (Some(MODEL), 2));
    assert_eq!(model["owned_by"], cheap.provider.address().to_string());
    let (_, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(node_of(&answer, &stage), cheap.provider.address().to_string());
}

#[test]
fn of_nodes_at_the_same_price_the_quicker_is_asked() {
    let stage = Stage::new();
    let (slow, quick) = (stage.node("slow", QUICK), stage.node("quick", QUICK));
    // Within a tenth of the cheapest, time counts.
    let (first, second) = (Listening::on(late(front(&slow, 100))), Listening::on(front(&quick, 104)));
    let mut limits = budget(1_000_000, 50_000, 1);
    limits.max_step = UNITS(10_000);
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], limits).router());
    let (_, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(node_of(&answer, &stage), quick.provider.address().to_string());
}

#[test]
fn when_a_node_is_gone_the_next_is_asked_and_the_client_sees_nothing_of_it() {
    let stage = Stage::new();
    let (cheap, dear) = (stage.node("cheap", QUICK), stage.node("dear", QUICK));
    let (mut first, second) = (Listening::on(front(&cheap, 3)), Listening::on(front(&dear, 5)));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 1)).router());
    let (_, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(node_of(&answer, &stage), cheap.provider.address().to_string());
    first.kill();
    for _ in 0..3 {
        let (status, answer) = ask(&proxy.url, &said("Who are you?"));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(node_of(&answer, &stage), dear.provider.address().to_string());
    }
    assert_eq!(stage.sessions("proxy").len(), 2, "one session with each");
    // One session of the character at a time: the first one's end was asked for.
    assert_eq!(told(&proxy.url)["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_node_that_breaks_off_in_mid_reply_is_an_error_and_is_not_paid() {
    let stage = Stage::new();
    let (cheap, dear) = (stage.node("cheap", Duration::from_millis(30)), stage.node("dear", QUICK));
    let (mut first, second) = (Listening::on(front(&cheap, 3)), Listening::on(front(&dear, 5)));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 1)).router());
    let body = json!({"model": MODEL, "messages": said("Who are you?"), "stream": true}).to_string();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = agent.post(format!("{}/v1/chat/completions", proxy.url)).header("content-type", "application/json");
    let mut answer = post.send(body).unwrap();
    let mut reader = std::io::BufReader::new(answer.body_mut().as_reader());
    let mut heard = String::new();
    while !heard.contains("w") || !heard.contains("\"content\":\"w") {
        assert!(std::io::BufRead::read_line(&mut reader, &mut heard).unwrap() > 0, "{heard}");
    }
    first.kill();
    std::io::Read::read_to_string(&mut reader, &mut heard).unwrap();
    assert!(heard.contains("node.transport") && !heard.contains("[DONE]"), "{heard}");
    assert_eq!(number(&told(&proxy.url)["spent"]), 0, "nothing of it is paid");
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, node_of(&answer, &stage)), (200, dear.provider.address().to_string()), "{answer}");
    assert_eq!(dear.seen.begun.load(Ordering::SeqCst), 1, "the reply that broke off was not asked of another");
}

#[test]
fn a_node_whose_model_fails_is_left_for_a_while() {
    let stage = Stage::new();
    let (cheap, dear) = (stage.node("cheap", QUICK), stage.node("dear", QUICK));
    let (first, second) = (Listening::on(front(&cheap, 3)), Listening::on(front(&dear, 5)));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 2)).router());
    cheap.seen.fails.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let (status, answer) = ask(&proxy.url, &said("Who are you?"));
        assert_eq!((status, node_of(&answer, &stage)), (200, dear.provider.address().to_string()), "{answer}");
    }
    assert_eq!(cheap.seen.begun.load(Ordering::SeqCst), 1, "it is not asked again at once");
    // When none of them can, the first one's word is told.
    dear.seen.fails.store(true, Ordering::SeqCst);
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, answer["error"]["code"].as_str()), (500, Some("node.generation")), "{answer}");
}

#[test]
fn a_request_that_is_wrong_is_refused_once() {
    let stage = Stage::new();
    let nodes = [stage.node("one", QUICK), stage.node("two", QUICK)];
    let fronts = [Listening::on(front(&nodes[0], 3)), Listening::on(front(&nodes[1], 3))];
    let urls = [&*fronts[0].url, &*fronts[1].url];
    let proxy = Listening::on(stage.proxy("proxy", &urls, budget(100_000, 5_000, 2)).router());
    // Too long for either: both are asked, and the refusal is the client's to read.
    let (status, answer) = ask(&proxy.url, &said(&"word ".repeat(500)));
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("node.prompt_too_long")), "{answer}");
    // Neither is left for that.
    let (status, answer) = ask(&proxy.url, &said("Short?"));
    assert_eq!(status, 200, "{answer}");
    assert!(stage.sessions("proxy").len() <= 2);
}

#[test]
fn an_offer_that_its_node_did_not_sign_is_passed_over() {
    let stage = Stage::new();
    let node = stage.node("node", QUICK);
    let real = Listening::on(front(&node, 3));
    let models = ureq::get(format!("{}/v1/models", real.url)).call().unwrap().body_mut().read_to_string().unwrap();
    let mut models: Value = serde_json::from_str(&models).unwrap();
    models["data"][0]["lazai"]["offer"]["offer"]["completion_price"] = "1".into();
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let forged =
        Router::new().route("/v1/models", get(move || async move { models.to_string() })).fallback(move || {
            let seen = seen.clone();
            async move {
                seen.store(true, Ordering::SeqCst);
                axum::http::StatusCode::IM_A_TEAPOT.into_response()
            }
        });
    let forged = Listening::on(forged);
    let proxy = Listening::on(stage.proxy("proxy", &[&forged.url, &real.url], budget(100_000, 5_000, 1)).router());
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(status, 200, "{answer}");
    let session = session_of(&answer).parse().unwrap();
    assert_eq!(stage.ledger.market().session(session).unwrap().offer.completion_price, UNITS(3));
    assert!(!asked.load(Ordering::SeqCst), "nobody's words went to who forged it");
}

#[test]
fn a_request_that_no_node_takes_ends_no_session() {
    let stage = Stage::new();
    let (cheap, dear) = (stage.node("cheap", QUICK), stage.node("dear", QUICK));
    let (first, second) = (Listening::on(front(&cheap, 3)), Listening::on(front(&dear, 5)));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 1)).router());
    let (_, before) = ask(&proxy.url, &said("Who are you?"));
    let (status, refused) = ask(&proxy.url, &said(&"again ".repeat(5_000)));
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("node.prompt_too_long")));
    let (_, after) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(session_of(&before), session_of(&after));
}
