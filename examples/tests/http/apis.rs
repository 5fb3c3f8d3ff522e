//! The other APIs that ask for a reply: the same chat in other words.

use lazai::lora::{Compute, Encoder};
use lazai::wire::talk;

use super::proxy::{at_most, proxy_to};
use super::*;

/// One question by each API, and where its answer has the words.
fn asked(words: &str) -> [(&'static str, Value, &'static str); 3] {
    let settings = |mut body: Value| {
        for (name, value) in [("model", json!("dat:1:1")), ("temperature", json!(0)), ("seed", json!(1))] {
            body[name] = value;
        }
        body
    };
    [
        (
            "/v1/chat/completions",
            settings(json!({"messages": [{"role": "user", "content": words}]})),
            "/choices/0/message/content",
        ),
        ("/v1/completions", settings(json!({"prompt": words})), "/choices/0/text"),
        ("/v1/responses", settings(json!({"input": words})), "/output/0/content/0/text"),
    ]
}

pub async fn every_api_asks_for_the_same_reply(served: &Served) {
    let proxy = proxy_to(served, &served.url, "apis", at_most(5_000, 2_000)).await;
    let url = listen(proxy.router()).await;
    let (mut said, mut turns) = (Vec::new(), Vec::new());
    for (path, body, place) in asked("Who are you?") {
        let (status, answer, _) = call(format!("{url}{path}"), json_type(), body.to_string()).await;
        assert_eq!(status, 200, "{path}: {answer}");
        said.push(answer.pointer(place).unwrap().as_str().unwrap().to_owned());
        turns.push(answer["lazai"]["receipt"]["receipt"]["turn"].as_u64().unwrap());
        assert!(answer["lazai"]["checked"].is_object());
    }
    assert!(said.iter().all(|one| *one == said[0] && !one.is_empty()), "{said:?}");
    assert_eq!(turns, [1, 2, 3], "each is a reply of its own");
}

/// A node takes the same payment for the same chat in any words, and gives what it gave before.
pub async fn a_node_is_paid_alike_by_every_api(served: &Served) {
    let node = HttpNode::new(&served.url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let conversation = served.stage.consumer().unwrap().open(31, &offer, deposit(1_000)).await.unwrap();
    let domain = served.stage.home.ledger().market().domain().clone();
    let signer = served.stage.home.signer("consumer's app");
    let settings = ReplySettings { temperature_milli: Some(0), seed: Some(1), ..ReplySettings::default() };
    let words = vec![Message::new(Role::User, "Where?")];
    let request = conversation.request(&domain, &*signer, words, settings).await.unwrap();
    let (name, header, _) = talk::chat(&request);
    let mut answers = Vec::new();
    for (path, body, place) in asked("Where?") {
        let (status, answer, unpaid) = call(format!("{}{path}", served.url), json_type(), body.to_string()).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (402, Some("request.unpaid")));
        let required: payment::Required = payment::decode(payment::REQUIRED, unpaid.unwrap().as_bytes()).unwrap();
        assert_eq!(required.resource.url, path);
        let mut headers = json_type();
        headers.push((name, header.clone()));
        let (status, answer, _) = call(format!("{}{path}", served.url), headers, body.to_string()).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answers.push((answer.pointer(place).unwrap().clone(), answer["lazai"]["receipt"].clone()));
    }
    assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
}

/// What a server says to any method, with a header of its answer.
async fn ask(method: &'static str, url: String, header: &'static str) -> (u16, Value, Option<String>) {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method).uri(url).body(()).unwrap();
        let mut answer = agent.run(request).unwrap();
        let header = answer.headers().get(header).map(|value| value.to_str().unwrap().to_owned());
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null), header)
    });
    asked.await.unwrap()
}

/// Slashes too many, methods that are not answered, names that are none: all in OpenAI's form, at node and proxy.
pub async fn what_is_not_there_is_said_alike(served: &Served) {
    let proxy = proxy_to(served, &served.url, "paths", at_most(1_000, 500)).await;
    let local = listen(proxy.router()).await;
    for url in [&served.url, &local] {
        let (status, models, _) = ask("GET", format!("{url}//v1//models"), "x").await;
        assert_eq!((status, &models["data"][0]["id"]), (200, &json!("dat:1:1")), "{url}");
        // A node tells its prices to who only looks.
        let is_node = *url == served.url;
        let looked = if is_node { (402, "request.unpaid", None) } else { (405, "request.method", Some("POST")) };
        for (method, path, status, code, allow) in [
            ("GET", "/v1/chat/completions", looked.0, looked.1, looked.2),
            ("DELETE", "/v1/models/dat:1:1", 405, "request.method", Some("GET,HEAD")),
            ("DELETE", "/v1/completions", 405, "request.method", Some(if is_node { "POST,GET,HEAD" } else { "POST" })),
            ("GET", "/v1/responses/resp_1", 404, "request.path", None),
            ("GET", "/v1/models/%ff", 404, "request.model", None),
        ] {
            let (found, answer, allowed) = ask(method, format!("{url}{path}"), "allow").await;
            let code_found = answer["error"]["code"].as_str();
            assert_eq!((found, code_found, allowed.as_deref()), (status, Some(code), allow), "{method} {url}{path}");
        }
        let (status, answer, _) = call(format!("{url}/v1/responses"), json_type(), "x".repeat(2 << 20)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (413, Some("request.too_large")), "{url}");
    }
}

/// A node embeds texts for who has its operator's key, and for nobody else.
pub async fn a_node_embeds_for_who_has_its_key(served: &Served) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/embed/tiny-bert");
    let encoder = Encoder::open(&folder, &Compute::cpu()).unwrap();
    let expected = encoder.encode(&["I sing."]).unwrap().remove(0);
    let front = Front::new(served.provider.clone(), vec![Stage::offer_terms(&served.minted)]);
    let url = listen(front.with_encoder("tiny", encoder, "secret").router()).await;
    let ask = |url: &str, key: Option<&str>, model: &str| {
        let mut headers = json_type();
        headers.extend(key.map(|key| ("authorization", format!("Bearer {key}"))));
        call(format!("{url}/v1/embeddings"), headers, json!({"model": model, "input": "I sing."}).to_string())
    };
    let (status, answer, _) = ask(&url, Some("secret"), "tiny").await;
    assert_eq!(status, 200, "{answer}");
    let found: Vec<f32> = serde_json::from_value(answer["data"][0]["embedding"].clone()).unwrap();
    assert_eq!(found, expected.vector);
    for (url, key, model, status, code) in [
        (&url, None, "tiny", 401, "request.key"),
        (&url, Some("secrex"), "tiny", 401, "request.key"),
        (&url, Some("secret"), "dat:1:1", 404, "request.model"),
        (&served.url, Some("secret"), "tiny", 404, "request.path"),
    ] {
        let (found, answer, _) = ask(url, key, model).await;
        assert_eq!((found, answer["error"]["code"].as_str()), (status, Some(code)), "{answer}");
    }
    // Consumers read the list of models: it stays one of characters.
    assert_eq!(HttpNode::new(&url).unwrap().models().await.unwrap().len(), 1);
}

/// A request with an idempotency key is made and paid once, however often it is asked, and also after a crash.
pub async fn a_key_makes_and_pays_a_reply_once(served: &Served) {
    let open = || proxy_to(served, &served.url, "once", at_most(5_000, 2_000));
    let keyed = |key: &str| vec![json_type().remove(0), ("idempotency-key", key.to_owned())];
    let folder = served.stage.home.path("once");
    let first = open().await;
    let (mut url, mut serving) = listen_for_now(first.router()).await;
    let asking = |url: &str, key: &str, body: String| call(format!("{url}/v1/chat/completions"), keyed(key), body);
    let (status, answer, _) = asking(&url, "a", question("dat:1:1")).await;
    assert_eq!(status, 200, "{answer}");
    let spent = first.spent().await.unwrap();
    // Again, and from another start: the same answer, id and all, and nothing is spent.
    let mut proxy = first;
    for start in 0..2 {
        assert_eq!(asking(&url, "a", question("dat:1:1")).await, (200, answer.clone(), None), "start {start}");
        assert_eq!(proxy.spent().await.unwrap(), spent);
        drop(proxy);
        serving.abort();
        proxy = open().await;
        (url, serving) = listen_for_now(proxy.router()).await;
    }
    // Streamed, a reply is told again too; under another path or body, its key is refused.
    let (status, refused, _) = asking(&url, "a", question("dat:1:2")).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (422, Some("loopback.idempotency")));
    let (status, refused, _) = asking(&url, &"k".repeat(256), question("dat:1:1")).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("request.header")));
    // A request that failed holds no key.
    for _ in 0..2 {
        let (status, refused, _) = asking(&url, "b", question("no such")).await;
        assert_eq!((status, refused["error"]["code"].as_str()), (404, Some("request.model")));
    }

    // The proxy dies after the node answered, before anything of it is on the disk: the seed is, so the same request is signed, and
    // the node gives the reply that it gave before.
    let kept = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let receipt = &answer["lazai"]["receipt"]["receipt"];
    let talk = format!("conversations/{}.json", receipt["session"].as_str().unwrap());
    let before = (kept("book.json"), kept(&talk));
    let (status, answer, _) = asking(&url, "c", question("dat:1:1")).await;
    assert_eq!((status, &answer["lazai"]["receipt"]["receipt"]["turn"]), (200, &json!(2)), "{answer}");
    drop(proxy);
    serving.abort();
    let again = open().await;
    drop(again);
    std::fs::write(folder.join("book.json"), before.0).unwrap();
    std::fs::write(folder.join(&talk), before.1).unwrap();
    let name = format!("replies/{}.json", lazai::core::digest::sha256(b"c"));
    let mut page: Value = serde_json::from_slice(&kept(&name)).unwrap();
    assert_eq!(page["choices"].as_array_mut().map(std::mem::take).unwrap().len(), 1);
    std::fs::write(folder.join(&name), page.to_string()).unwrap();
    let proxy = open().await;
    let url = listen(proxy.router()).await;
    assert_eq!(asking(&url, "c", question("dat:1:1")).await, (200, answer.clone(), None));
    let owed: u128 = proxy::units(&answer["lazai"]["receipt"]["receipt"]["cumulative"]);
    assert_eq!(proxy.spent().await.unwrap(), UNITS(owed), "both replies, once each");
}

/// A server's document tells what it answers: answers are of its schemas.
pub async fn the_document_tells_what_is_answered(served: &Served) {
    let proxy = proxy_to(served, &served.url, "document", at_most(5_000, 2_000)).await;
    let local = listen(proxy.router()).await;
    for (url, document, is_node) in [(&served.url, Front::openapi(), true), (&local, Loopback::openapi(), false)] {
        let told = ask("GET", format!("{url}/openapi.json"), "x").await.1;
        assert_eq!(told, document);
        let is_of = |name: &str, answer: &Value| {
            let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
            let validator = jsonschema::validator_for(&schema).unwrap();
            let wrong: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?} in {answer}");
            assert!(!validator.is_valid(&json!({"error": 5})), "{name} is of anything");
        };
        is_of("ModelList", &ask("GET", format!("{url}/v1/models"), "x").await.1);
        is_of("Model", &ask("GET", format!("{url}/v1/models/dat:1:1"), "x").await.1);
        for ((path, body, _), (request, answer)) in asked("Who are you?").into_iter().zip([
            ("ChatRequest", "ChatCompletion"),
            ("CompletionRequest", "Completion"),
            ("ResponseRequest", "Response"),
        ]) {
            is_of(request, &body);
            let (status, said, _) = call(format!("{url}{path}"), json_type(), body.to_string()).await;
            assert!(document["paths"][path]["post"]["responses"][status.to_string()].is_object(), "{path}: {status}");
            is_of(if is_node { "Unpaid" } else { answer }, &said);
        }
        is_of("Error", &call(format!("{url}/v1/responses"), json_type(), "{}".into()).await.1);
        if !is_node {
            is_of("Budget", &ask("GET", format!("{url}/v1/lazai/budget"), "x").await.1);
        }
    }
}
