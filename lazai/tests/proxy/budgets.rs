//! Budgets of a day and of a character.

use std::time::Duration;

use lazai::http::Budget;

use super::stage::*;

/// Asks until it is refused: the number of replies, and the refusal.
fn until_refused(url: &str) -> (u128, serde_json::Value) {
    for replies in 0..100 {
        let (status, answer) = ask(url, &said("Who are you?"));
        if status != 200 {
            assert_eq!(status, 402, "{answer}");
            return (replies, answer["error"].clone());
        }
    }
    panic!("the budget has no end");
}

/// "Who are you?" is read as 7 tokens; every reply has 40, at 3 each.
const PRICE: u128 = 7 + 120;

#[test]
fn a_day_has_a_budget_and_the_next_has_it_again() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(front(&node, 3));
    let budget = Budget { day: Some(UNITS(1_000)), ..budget(100_000, 5_000, 2) };
    let mut proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget).router());
    let (replies, refused) = until_refused(&proxy.url);
    // The next might have cost a step more than is left.
    assert_eq!(replies, (1_000 - STEP) / PRICE + 1);
    assert_eq!(refused["code"], "loopback.budget.day", "{refused}");
    let facts = &refused["lazai"];
    assert_eq!(number(&facts["left"]), 1_000 - replies * PRICE, "{refused}");
    assert_eq!((number(&facts["most"]), number(&facts["needed"])), (1_000, STEP));
    let free_at_s = facts["free_at_s"].as_u64().unwrap();
    assert_eq!(free_at_s % 86_400, 0, "it is free again at midnight");
    // A restart frees nothing.
    proxy.kill();
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget).router());
    assert_eq!(until_refused(&proxy.url).0, 0);
    let day = &told(&proxy.url)["day"];
    assert_eq!((number(&day["spent"]), number(&day["left"])), (replies * PRICE, 1_000 - replies * PRICE), "{day}");
    assert_eq!(day["free_at_s"], free_at_s);
    // Midnight does.
    stage.hand.forward(86_400);
    assert_eq!(until_refused(&proxy.url).0, replies);
    assert_eq!(number(&told(&proxy.url)["spent"]), 2 * replies * PRICE);
}

#[test]
fn replies_at_a_time_do_not_exceed_the_day_together() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(5));
    let front = Listening::on(front(&node, 3));
    let budget = Budget { day: Some(UNITS(700)), ..budget(100_000, 5_000, 8) };
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget).router());
    let answers = ask_at_once(&proxy.url, 12);
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!(answers.iter().all(|(status, _)| [200, 402].contains(status)), "{answers:?}");
    let spent = number(&told(&proxy.url)["day"]["spent"]);
    assert!(spent <= 700 && spent + STEP > 700, "{served} replies for {spent}");
}

#[test]
fn a_character_has_a_budget_for_good() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(front(&node, 3));
    let budget = Budget { character: Some(UNITS(600)), ..budget(100_000, 5_000, 2) };
    let mut proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget).router());
    let (replies, refused) = until_refused(&proxy.url);
    assert_eq!(replies, (600 - STEP) / PRICE + 1);
    assert_eq!(refused["code"], "loopback.budget.character", "{refused}");
    assert!(refused["lazai"]["free_at_s"].is_null(), "{refused}");
    stage.hand.forward(86_400);
    assert_eq!(until_refused(&proxy.url).0, 0, "another day does not help");
    proxy.kill();
    let raised = Budget { character: Some(UNITS(600 + PRICE)), ..budget };
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], raised).router());
    let (more, _) = until_refused(&proxy.url);
    assert!(more == 1, "{more} more");
    let told = told(&proxy.url);
    assert_eq!(number(&told["characters"][MODEL]["spent"]), (replies + more) * PRICE, "{told}");
}

#[test]
fn a_lower_budget_holds_in_sessions_that_are_open() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(front(&node, 3));
    let spent = {
        let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
        assert_eq!(ask(&proxy.url, &said("Who are you?")).0, 200);
        number(&told(&proxy.url)["spent"])
    };
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(spent + 1, 5_000, 1)).router());
    let (status, refused) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, refused["error"]["code"].as_str()), (402, Some("loopback.budget")));
    assert_eq!(number(&told(&proxy.url)["spent"]), spent);
}

/// Who asks for few tokens needs little of a day, and of a deposit.
#[test]
fn a_short_reply_is_held_to_cost_no_more_than_it_may() {
    use lazai::consumer::ConsumerError;
    use lazai::http::HttpNode;
    use lazai::node::{NodeError, ReplySettings};
    use lazai::settle::session::SessionPayment;
    use lazai_core::message::{Message, Role};
    use pollster::block_on;
    use serde_json::{Value, json};

    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(front(&node, 3));
    // A whole reply may cost 240, one of two tokens 126.
    let budget = Budget { day: Some(UNITS(150)), ..budget(100_000, 5_000, 2) };
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget).router());
    let (status, refused) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!((status, refused["error"]["code"].as_str()), (402, Some("loopback.budget.day")), "{refused}");
    let short = |most: u32| -> (u16, Value) {
        let body = json!({"model": MODEL, "messages": said("Who are you?"), "max_tokens": most}).to_string();
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let post = agent.post(format!("{}/v1/chat/completions", proxy.url)).header("content-type", "application/json");
        let mut answer = post.send(body).unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap())
    };
    let (status, answer) = short(2);
    assert_eq!((status, answer["usage"]["completion_tokens"].as_u64()), (200, Some(2)), "{answer}");
    // 13 of 150 are spent. Nothing is held back any more, whatever was reserved for it.
    assert_eq!(number(&told(&proxy.url)["day"]["left"]), 137);
    assert_eq!(short(2).0, 200);
    assert_eq!(short(2).0, 402, "124 are left, two tokens may cost 126");
    assert_eq!(short(1).0, 200);

    let consumer = stage.consumer();
    let node = HttpNode::new(&front.url).unwrap();
    let offer = block_on(node.models()).unwrap().remove(0).offer;
    let mut talk = block_on(consumer.open(99, &offer, SessionPayment::Deposit(UNITS(250)))).unwrap();
    let mut ask = |max_tokens| {
        let words = vec![Message::new(Role::User, "Who are you?")];
        let settings = ReplySettings { max_tokens, ..ReplySettings::default() };
        block_on(consumer.ask(&mut talk, &node, words, settings, &mut |_| ()))
    };
    assert_eq!(ask(None).unwrap().receipt.receipt.completion_tokens, 40);
    for too_much in [None, Some(40), Some(2)] {
        let refused = ask(too_much).unwrap_err();
        let code = if let ConsumerError::Node(NodeError::Refused { code, .. }) = &refused { code.as_str() } else { "" };
        assert_eq!(code, "node.deposit_exhausted", "{refused}");
    }
    // 123 are left of the deposit: the longest prompt and one token.
    assert_eq!(ask(Some(1)).unwrap().receipt.receipt.completion_tokens, 1);
}
