//! Several replies at a time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::*;

const PACE: Duration = Duration::from_millis(10);

#[test]
fn as_many_replies_are_made_at_a_time_as_the_budget_has_sessions() {
    let stage = Stage::new();
    let node = stage.node("node", PACE);
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 3)).router());
    let answers = ask_at_once(&proxy.url, 8);
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!(node.seen.most.load(Ordering::SeqCst), 3, "three at a time, and no more");
    assert_eq!(stage.sessions("proxy").len(), 3);
    // One after another, they need no other session.
    for _ in 0..4 {
        assert_eq!(ask(&proxy.url, &said("And now?")).0, 200);
    }
    assert_eq!(stage.sessions("proxy").len(), 3);
    // Nothing is counted twice: what clients were told is what the proxy counts.
    let told = told(&proxy.url);
    assert_eq!(told["under_way"], 0);
    assert_eq!(number(&told["characters"][MODEL]["spent"]), number(&told["spent"]));
}

#[test]
fn a_session_more_is_opened_only_if_all_are_in_use() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 8)).router());
    for _ in 0..5 {
        assert_eq!(ask(&proxy.url, &said("Hello?")).0, 200);
    }
    assert_eq!(stage.sessions("proxy").len(), 1);
}

#[test]
fn replies_for_which_the_budget_has_no_session_wait_for_one() {
    let stage = Stage::new();
    let node = stage.node("node", PACE);
    let front = Listening::on(front(&node, 3));
    // Two deposits, and not a third.
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(2_100, 1_000, 8)).router());
    let answers = ask_at_once(&proxy.url, 6);
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!((node.seen.most.load(Ordering::SeqCst), stage.sessions("proxy").len()), (2, 2));
    assert!(number(&told(&proxy.url)["bound"]) <= 2_100);
}

#[test]
fn a_conversation_goes_on_in_the_session_that_it_was_in() {
    let stage = Stage::new();
    let node = stage.node("node", PACE);
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 20_000, 3)).router());
    let begun = |number: usize| json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": format!("I am {number}.")}]);
    let mut talks: Vec<(Value, String)> = std::thread::scope(|scope| {
        let proxy = &proxy;
        let asking: Vec<_> = (0..3)
            .map(|number| {
                scope.spawn(move || {
                    let mut messages = begun(number);
                    let (status, answer) = ask(&proxy.url, &messages);
                    assert_eq!(status, 200, "{answer}");
                    grow(&mut messages, &answer);
                    (messages, session_of(&answer))
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(stage.sessions("proxy").len(), 3);
    // In any order, and after a restart, each goes on where it was.
    for order in [[2, 0, 1], [1, 2, 0]] {
        for number in order {
            let (messages, session) = &mut talks[number];
            messages.as_array_mut().unwrap().truncate(3);
            messages.as_array_mut().unwrap().push(json!({"role": "user", "content": "Go on."}));
            let (status, answer) = ask(&proxy.url, messages);
            assert_eq!((status, &session_of(&answer)), (200, &*session), "{answer}");
        }
    }
}

/// Adds a reply to a conversation.
fn grow(messages: &mut Value, answer: &Value) {
    messages.as_array_mut().unwrap().push(json!({"role": "assistant", "content": text_of(answer)}));
}

#[test]
fn who_left_while_others_were_served_pays_nothing() {
    let stage = Stage::new();
    let node = stage.node("node", PACE);
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&proxy.url, &said("First?")));
        assert!(soon(|| node.seen.begun.load(Ordering::SeqCst) == 1));
        // It waits for the only session, and hangs up.
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_millis(50))).build().into();
        let body = json!({"model": MODEL, "messages": said("Second?")}).to_string();
        let post = agent.post(format!("{}/v1/chat/completions", proxy.url)).header("content-type", "application/json");
        post.send(body).unwrap_err();
        assert_eq!(first.join().unwrap().0, 200);
    });
    assert_eq!(ask(&proxy.url, &said("Third?")).0, 200);
    assert_eq!(node.seen.begun.load(Ordering::SeqCst), 2, "nothing was made for who left");
}
