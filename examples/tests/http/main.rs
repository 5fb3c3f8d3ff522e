//! The market over HTTP: a real node behind its front, and everything that can go wrong on the way.
#![allow(clippy::unwrap_used)]

mod apis;
mod app;
mod command_line;
mod ending;
mod generators;
mod operating;
mod proxy;
mod proxy_command;
mod recheck;
mod serving;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::Mutex;

use lazai::consumer::{Consumer, ConsumerError, Conversation};
use lazai::core::message::{Message, Role};
use lazai::core::{Amount, Asset, LocalSigner, Signer};
use lazai::exex::Minted;
use lazai::http::{Budget, Front, HttpNode, Loopback, Sealing, TlsFiles};
use lazai::node::{Node, NodeError, ReplySettings};
use lazai::provider::Provider;
use lazai::safety::{CharacterReport, Concern, SignedReport};
use lazai::wire::payment;
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

const UNITS: fn(u128) -> Amount = Amount::from_base_units;

/// A node behind its front.
struct Served {
    stage: Stage,
    minted: Minted,
    provider: Arc<Provider>,
    url: String,
}

async fn served() -> Served {
    let stage = Stage::new().unwrap();
    let minted = stage.minted().await.unwrap();
    let provider = Arc::new(stage.provider("node", &minted).unwrap());
    let front = Front::new(provider.clone(), vec![Stage::offer_terms(&minted)]);
    let url = listen(front.router()).await;
    Served { stage, minted, provider, url }
}

async fn listen(router: axum::Router) -> String {
    listen_for_now(router).await.0
}

/// Listens until it is told to stop.
async fn listen_for_now(router: axum::Router) -> (String, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    (url, serving.abort_handle())
}

fn with_runtime<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

async fn call(url: String, headers: Vec<(&'static str, String)>, body: String) -> (u16, Value, Option<String>) {
    let answer = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut post = agent.post(url);
        for (name, value) in headers {
            post = post.header(name, value);
        }
        let mut answer = post.send(body).unwrap();
        let header = answer.headers().get(payment::REQUIRED).map(|h| h.to_str().unwrap().to_owned());
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null), header)
    });
    answer.await.unwrap()
}

fn json_type() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".into())]
}

fn question(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "Who are you?"}]}).to_string()
}

#[test]
fn a_node_and_its_proxy_over_http() {
    with_runtime(async {
        let served = served().await;
        a_consumer_talks_through_the_front(&served).await;
        app::an_app_talks_by_its_client(&served).await;
        app::turns_of_a_session_wait_for_one_another(&served).await;
        the_front_says_what_it_wants_and_what_is_wrong(&served).await;
        apis::every_api_asks_for_the_same_reply(&served).await;
        apis::a_node_is_paid_alike_by_every_api(&served).await;
        apis::what_is_not_there_is_said_alike(&served).await;
        apis::a_node_embeds_for_who_has_its_key(&served).await;
        apis::a_key_makes_and_pays_a_reply_once(&served).await;
        apis::the_document_tells_what_is_answered(&served).await;
        proxy::a_proxy_spends_its_budget_and_no_more(&served).await;
        proxy::a_proxy_keeps_out_what_is_not_local(&served).await;
        proxy::a_proxy_has_a_key_that_nobody_else_reads(&served).await;
        proxy::a_proxy_embeds_texts_itself(&served).await;
        proxy::a_proxy_takes_no_offer_beyond_its_budget(&served).await;
        proxy::a_node_that_refuses_everything_does_not_lock_the_budget(&served).await;
        ending::a_deposit_is_asked_back_when_its_node_refuses(&served).await;
        ending::a_node_redeems_before_a_proxy_takes_the_rest_back(&served).await;
        ending::a_release_of_another_session_frees_nothing(&served).await;
        proxy::a_node_that_breaks_off_is_not_paid(&served).await;
        proxy::a_proxy_whose_session_the_node_ended_opens_another(&served).await;
        command_line::the_command_line_talks(&served).await;
        command_line::the_command_line_serves(&served).await;
        proxy_command::the_command_line_runs_a_proxy(&served).await;
        proxy_command::the_command_line_serves_an_agent(&served).await;
        recheck::a_reply_is_repeated_by_anyone(&served).await;
        serving::a_server_of_its_own_is_patient_and_not_too_patient(&served).await;
        serving::clients_wait_for_a_node_that_is_busy(&served).await;
        serving::the_operator_sees_what_is_served(&served).await;
        serving::a_server_with_tls_is_known_by_its_certificate(&served).await;
        // All of it is redeemed, session by session, and money is where it should be.
        assert_eq!(served.provider.redeem_all().await.unwrap().len(), 0);
        let market = served.stage.home.ledger().market();
        assert_eq!(market.total(Asset::NATIVE).unwrap(), UNITS(lazai_examples::home::CONSUMER_FUNDS));
        assert!(market.balance(served.provider.address(), Asset::NATIVE) > Amount::ZERO);
    });
}

async fn a_consumer_talks_through_the_front(served: &Served) {
    let node = HttpNode::new(&format!("{}/v1/", served.url)).unwrap();
    let model = node.models().await.unwrap().remove(0);
    assert_eq!((model.id.as_str(), model.name.as_deref()), ("dat:1:1", Some("Vesper Volt")));
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(1, &model.offer, deposit(1_000)).await.unwrap();
    for turn in 1..=2 {
        let mut heard = String::new();
        let reply = consumer.say(&mut conversation, &node, "Who are you?", &mut |text| heard.push_str(text)).await;
        assert_eq!(reply.unwrap().text, heard);
        assert_eq!(conversation.receipts.len(), turn);
        assert_eq!(conversation.paid.unwrap().voucher.cumulative, conversation.owed());
    }
    reports_reach_the_operator(served, &node, &conversation).await;
    // The same words of a crashed client get the same reply, for nothing more.
    let mut forgetful = Conversation { receipts: Vec::new(), ..conversation.clone() };
    forgetful.messages.clear();
    let again = consumer.say(&mut forgetful, &node, "Who are you?", &mut |_| {}).await.unwrap_err();
    assert!(matches!(&again, ConsumerError::Node(NodeError::Refused { code, .. }) if code == "node.turn_out_of_order"));
    let nobody = HttpNode::new("http://127.0.0.1:1").unwrap().models().await.unwrap_err();
    assert!(matches!(nobody, NodeError::Transport { .. }), "{nobody}");
    assert!(HttpNode::new("file:///etc/passwd").is_err());
}

async fn reports_reach_the_operator(served: &Served, node: &HttpNode, conversation: &Conversation) {
    let report = CharacterReport {
        session: conversation.session,
        class: served.minted.class,
        version: served.minted.version,
        concern: Concern::Impersonation,
        words: "it says that it is my sister".into(),
        reported_at_s: 1_795_629_000,
    };
    let domain = served.stage.home.ledger().market().domain().clone();
    let mut bytes = Vec::new();
    for (name, report, status) in [
        ("consumer's app", report.clone(), 204),
        ("consumer's app", report.clone(), 204),
        ("creator", report.clone(), 403),
        ("consumer's app", CharacterReport { class: lazai::core::ClassId(9), ..report.clone() }, 403),
        ("consumer's app", CharacterReport { words: "x".repeat(2_001), ..report.clone() }, 403),
    ] {
        let signer = served.stage.home.signer(name);
        let signature = lazai::core::sign::sign(&*signer, &domain, &report).await.unwrap();
        let body = serde_json::to_string(&SignedReport { report, signature }).unwrap();
        let json = vec![("content-type".into(), "application/json".into())];
        let found = node.post("/v1/lazai/reports", json, body, &mut |b| bytes.extend_from_slice(b)).await.unwrap();
        assert_eq!(found, status, "{}", String::from_utf8_lossy(&bytes));
    }
    let kept: Vec<_> = served.provider.reports().unwrap().into_iter().map(|signed| signed.report).collect();
    assert_eq!(kept, [report], "the same report is kept once");
}

async fn the_front_says_what_it_wants_and_what_is_wrong(served: &Served) {
    let chat = format!("{}/v1/chat/completions", served.url);
    let (status, body, header) = call(chat.clone(), json_type(), question("dat:1:1")).await;
    let required: payment::Required = payment::decode(payment::REQUIRED, header.unwrap().as_bytes()).unwrap();
    assert_eq!((status, body["error"]["code"].as_str()), (402, Some("request.unpaid")));
    let [accepted] = &required.sessions().collect::<Vec<_>>()[..] else { panic!("one model is served") };
    assert_eq!(accepted.amount, accepted.extra.offer.offer.step().unwrap());
    let domain = served.stage.home.ledger().market().domain().clone();
    let offer = &accepted.extra.offer;
    offer.signature.verify(&domain, &offer.offer, served.provider.address()).unwrap();

    for (header, status, code) in
        [("!", 400, "request.header"), ("e30=", 400, "request.header"), (&"A".repeat(20_000), 400, "request.header")]
    {
        let mut headers = json_type();
        headers.push((payment::PAYMENT, header.into()));
        let (found, body, _) = call(chat.clone(), headers, question("dat:1:1")).await;
        assert_eq!((found, body["error"]["code"].as_str()), (status, Some(code)));
    }
    let (status, body, _) = call(chat.clone(), json_type(), "x".repeat(2 << 20)).await;
    assert_eq!((status, body["error"]["code"].as_str()), (413, Some("request.too_large")));
    let (status, body, _) = call(format!("{}/v2", served.url), json_type(), String::new()).await;
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("request.path")));
    let (status, body, _) = call(format!("{}/v1/lazai/vouchers", served.url), json_type(), "{}".into()).await;
    assert_eq!((status, body["error"]["code"].as_str()), (400, Some("request.invalid")));
}
