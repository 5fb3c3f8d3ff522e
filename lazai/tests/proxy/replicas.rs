//! Replicas: several URLs of one node.

use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

use serde_json::json;

use super::stage::*;

#[test]
fn a_reply_that_breaks_off_at_one_url_goes_on_at_the_next() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(30));
    // The first is the quicker one, so it is asked first.
    let (mut first, second) = (Listening::on(front(&node, 3)), Listening::on(late(front(&node, 3))));
    let proxy = Listening::on(stage.proxy("proxy", &[&first.url, &second.url], budget(100_000, 5_000, 1)).router());
    let body = json!({"model": MODEL, "messages": said("Who are you?"), "stream": true}).to_string();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = agent.post(format!("{}/v1/chat/completions", proxy.url)).header("content-type", "application/json");
    let mut answer = post.send(body).unwrap();
    let mut reader = BufReader::new(answer.body_mut().as_reader());
    let mut heard = String::new();
    while !heard.contains("\"content\":\"w") {
        assert!(reader.read_line(&mut heard).unwrap() > 0, "{heard}");
    }
    first.kill();
    reader.read_to_string(&mut heard).unwrap();
    assert!(heard.contains("[DONE]") && !heard.contains("\"error\""), "{heard}");
    let events = heard.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|event| *event != "[DONE]");
    let events: Vec<serde_json::Value> = events.map(|event| serde_json::from_str(event).unwrap()).collect();
    let pieces = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    let text: String = pieces.collect();
    assert_eq!(text.split_whitespace().count(), 40, "each word comes once: {text}");
    let receipt = events.iter().find(|event| event.get("lazai").is_some()).unwrap();
    assert_eq!(receipt["lazai"]["receipt"]["receipt"]["turn"], 1);
    assert!(receipt["lazai"].get("text").is_none(), "the pieces are the reply");
    // The node made it again if nobody waited for a moment; it is paid once: 7 tokens read, 40 said.
    assert_eq!(number(&told(&proxy.url)["spent"]), 7 + 120);
    // The session goes on.
    let (status, answer) = ask(&proxy.url, &said("And now?"));
    assert_eq!((status, answer["lazai"]["receipt"]["receipt"]["turn"].as_u64()), (200, Some(2)), "{answer}");
    assert_eq!(stage.sessions("proxy").len(), 1);
}

#[test]
fn a_session_goes_on_at_any_url_of_its_node_also_after_a_restart() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let (mut first, second) = (Listening::on(front(&node, 3)), Listening::on(front(&node, 3)));
    let urls = [&*first.url.clone(), &*second.url.clone()];
    let mut proxy = Listening::on(stage.proxy("proxy", &urls, budget(100_000, 5_000, 2)).router());
    let (_, answer) = ask(&proxy.url, &said("Who are you?"));
    let session = session_of(&answer);
    first.kill();
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, session_of(&answer)), (200, session.clone()));
    proxy.kill();
    let proxy = Listening::on(stage.proxy("proxy", &urls, budget(100_000, 5_000, 2)).router());
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, session_of(&answer)), (200, session));
    drop(second);
    // Nobody answers: an error, and no other session.
    let (status, answer) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, answer["error"]["code"].as_str()), (502, Some("node.transport")), "{answer}");
    assert_eq!(stage.sessions("proxy").len(), 1);
}
