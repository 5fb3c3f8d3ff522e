//! The market over HTTP: a real node behind its front, and everything that can go wrong on the way.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::Mutex;

use lazai::consumer::{Consumer, ConsumerError, Conversation};
use lazai::core::dialogue::{Message, Role};
use lazai::core::{Amount, Asset, LocalSigner, Signer};
use lazai::exex::Minted;
use lazai::http::{Budget, Front, HttpNode, Loopback, payment};
use lazai::node::{Node, NodeError, ReplySettings};
use lazai::provider::Provider;
use lazai::safety::{CharacterReport, Concern, SignedReport};
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
    let front = Front::new(provider.clone(), vec![stage.offer_terms(&provider, &minted)]);
    let url = listen(front.router()).await;
    Served { stage, minted, provider, url }
}

async fn listen(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
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
        the_front_says_what_it_wants_and_what_is_wrong(&served).await;
        a_proxy_spends_its_budget_and_no_more(&served).await;
        a_proxy_keeps_out_what_is_not_local(&served).await;
        a_node_that_breaks_off_is_not_paid(&served).await;
        a_proxy_whose_session_the_node_ended_opens_another(&served).await;
        the_command_line_talks(&served).await;
        a_server_of_its_own_is_patient_and_not_too_patient(&served).await;
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
    let [accepted] = &required.accepts[..] else { panic!("one model is served") };
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

fn proxy(served: &Served, folder: &str, total: u128, deposit: u128) -> Loopback {
    let budget = Budget { asset: Asset::NATIVE, total: UNITS(total), deposit: UNITS(deposit) };
    let (consumer, node) = (served.stage.consumer().unwrap(), HttpNode::new(&served.url).unwrap());
    Loopback::open(consumer, node, budget, served.stage.home.path(folder)).unwrap()
}

async fn a_proxy_spends_its_budget_and_no_more(served: &Served) {
    // A reply may cost 240: a session of 500 is good for two or three, the budget for more than two sessions.
    let open = || proxy(served, "small", 1_100, 500);
    let mut first = open();
    let mut url = listen(first.router()).await;
    let mut replies = 0;
    let last = loop {
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        if status != 200 {
            break (status, body);
        }
        replies += 1;
        assert!(replies < 100, "the budget has no end");
        // Started anew, it goes on from its book.
        first = open();
        url = listen(first.router()).await;
    };
    assert_eq!((last.0, last.1["error"]["code"].as_str()), (402, Some("loopback.budget")), "{}", last.1);
    let spent = first.spent().await.unwrap();
    assert!(replies >= 4 && spent <= UNITS(1_100) && spent > UNITS(600), "{replies} replies for {spent}");
}

async fn a_proxy_keeps_out_what_is_not_local(served: &Served) {
    let url = listen(proxy(served, "guarded", 1_000, 500).with_key("secret").router()).await;
    let chat = format!("{url}/v1/chat/completions");
    let key = ("authorization", "Bearer secret".to_owned());
    for (headers, status, code) in [
        (vec![("host", "evil.example".to_owned()), key.clone()], 403, "loopback.host"),
        (vec![("content-type", "text/plain".to_owned()), key.clone()], 400, "request.invalid"),
        (json_type(), 401, "loopback.key"),
        (vec![("authorization", "Bearer secrex".to_owned()), json_type().remove(0)], 401, "loopback.key"),
        (vec![key, json_type().remove(0)], 404, "request.model"),
    ] {
        let (found, body, _) = call(chat.clone(), headers, question("no such")).await;
        assert_eq!((found, body["error"]["code"].as_str()), (status, Some(code)));
    }
}

/// A server that passes requests on to a node, and cuts its answers to chats off after some bytes.
fn cutting(upstream: &str, after: usize) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = upstream.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 65_536];
            // Requests are small here, and clients wait for the answer: one that has come whole stands still.
            client.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                request.extend(&buffer[..count]);
            }
            let request = String::from_utf8_lossy(&request).replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let mut node = std::net::TcpStream::connect(&upstream).unwrap();
            node.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            node.read_to_end(&mut answer).unwrap();
            let cut = if request.starts_with("POST /v1/chat") { answer.len().min(after) } else { answer.len() };
            let _ = client.write_all(&answer[..cut]);
        }
    });
    url
}

async fn a_node_that_breaks_off_is_not_paid(served: &Served) {
    let node = HttpNode::new(&served.url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(2, &offer, deposit(1_000)).await.unwrap();
    for after in [0, 40, 700] {
        let broken = HttpNode::new(&cutting(&served.url, after)).unwrap();
        let error = consumer.say(&mut conversation, &broken, "Hello?", &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, ConsumerError::Node(NodeError::Transport { .. })), "{error}");
        assert_eq!((conversation.receipts.len(), conversation.paid), (0, None));
    }
    // Asked again over a line that holds, the node gives the reply that it gave before.
    consumer.say(&mut conversation, &node, "Hello?", &mut |_| {}).await.unwrap();
    assert_eq!(conversation.receipts.len(), 1);
}

async fn a_proxy_whose_session_the_node_ended_opens_another(served: &Served) {
    let proxy = proxy(served, "ended", 5_000, 1_000);
    let url = listen(proxy.router()).await;
    let chat = || call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1"));
    let session = |body: &Value| body["lazai"]["receipt"]["receipt"]["session"].as_str().unwrap().to_owned();
    let (_, first, _) = chat().await;
    served.provider.redeem(session(&first).parse().unwrap()).await.unwrap();
    served.provider.close(session(&first).parse().unwrap()).await.unwrap();
    let (status, second, _) = chat().await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(session(&first), session(&second));
    assert_eq!(served.minted.class.0, 1);
}

/// Runs the command line with some input; gives its exit code and what it says.
async fn command(args: Vec<String>, input: &'static str) -> (u8, Vec<Value>) {
    let run = move || {
        let mut out = Vec::new();
        let args = ["lazai".to_owned(), "--json".to_owned()].into_iter().chain(args).map(Into::into);
        let code = lazai_cli::run(args, &mut input.as_bytes(), &mut out);
        (code, out.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A fresh key in a keystore file, with the arguments that name it.
fn keystore(folder: &std::path::Path) -> (LocalSigner, Vec<String>) {
    let key = LocalSigner::random().unwrap();
    key.to_keystore(folder, "key", "a password").unwrap();
    std::fs::write(folder.join("password"), "a password\n").unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    (key, vec!["--keystore".into(), path("key"), "--password-file".into(), path("password")])
}

async fn the_command_line_talks(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let (key, keys) = keystore(folder.path());
    let node = HttpNode::new(&served.url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let home = &served.stage.home;
    let consumer = Consumer::new(home.account("consumer"), Arc::new(key));
    let conversation = consumer.open(3, &offer, deposit(1_000)).await.unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("conversation.json"), serde_json::to_vec(&conversation).unwrap()).unwrap();
    // The ledger itself is this process's: another reads a copy.
    std::fs::create_dir(path("ledger")).unwrap();
    std::fs::copy(home.path("genesis.json"), path("genesis.json")).unwrap();
    for file in std::fs::read_dir(home.path("ledger")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join("ledger").join(file.file_name())).unwrap();
    }
    let mut args: Vec<String> = ["chat", "--deposit", "1000", "--node", &served.url].map(Into::into).into();
    args.extend(["--conversation".into(), path("conversation.json"), "--market".into(), path("")]);
    args.extend(keys);
    let (code, turns) = command(args.clone(), "Who are you?\n\nAnd where?\n").await;
    assert_eq!((code, turns.len()), (0, 2), "{turns:?}");
    let kept = std::fs::read(path("conversation.json")).unwrap();
    let kept: Conversation = serde_json::from_slice(&kept).unwrap();
    assert_eq!((kept.receipts.len(), kept.messages.len()), (2, 4));
    assert_eq!(kept.paid.unwrap().voucher.cumulative.to_string(), turns[1]["owed"].as_str().unwrap());
    // What the deposit no longer covers is refused, with the node's own code.
    let (code, told) = command(args, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n").await;
    assert_eq!((code, told.last().unwrap()["error"]["code"].as_str()), (1, Some("node.deposit_exhausted")));
}

#[test]
fn the_command_line_votes() {
    with_runtime(async {
        let folder = tempfile::tempdir().unwrap();
        let (key, keys) = keystore(folder.path());
        let voter = key.address();
        let genesis = lazai::settle::Genesis {
            domain: lazai::core::Domain::random("LazAI Market", "1").unwrap(),
            validators: [(voter, 1)].into(),
            voters: [(voter, 1)].into(),
            balances: Vec::new(),
            params: lazai::settle::Params::default(),
            assets: Vec::new(),
            pool: None,
        };
        std::fs::write(folder.path().join("genesis.json"), serde_json::to_vec(&genesis).unwrap()).unwrap();
        let open = || {
            let path = folder.path().join("ledger");
            lazai::settle::EmbeddedLedger::open_or_create(&path, &genesis, lazai::settle::SystemClock).unwrap()
        };
        {
            let account = lazai::Account::new(Arc::new(open()), Arc::new(key));
            let governor = lazai::governor::Governor::new(account);
            governor.propose_split("more for nodes", 6_500, 2_500, 1_000).await.unwrap();
        }
        let mut args: Vec<String> = ["vote", "1", "yes", "--market"].map(Into::into).into();
        args.push(folder.path().display().to_string());
        args.extend(keys);
        let (code, told) = command(args.clone(), "").await;
        assert_eq!((code, told[0]["voter"].as_str()), (0, Some(voter.to_string().as_str())));
        let market = lazai::settle::Ledger::market(&open());
        assert_eq!(market.proposal(lazai::core::ProposalId(1)).unwrap().votes, [(voter, true)].into());
        drop(market);
        args[1] = "2".into();
        let (code, told) = command(args, "").await;
        assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")));
    });
}

/// A server like vLLM's or llama.cpp's, as their references have it; it says back which model and adapter was asked for.
fn foreign(loaded: Arc<Mutex<Vec<Value>>>) -> axum::Router {
    use axum::Json;
    use axum::routing::{get, post};
    let load = move |Json(body): Json<Value>| {
        let mut loaded = loaded.lock().unwrap();
        let again = loaded.contains(&body);
        loaded.push(body);
        let status = if again { 400 } else { 200 };
        let said = json!({"error": {"message": "The lora adapter has already been loaded.", "code": 400}});
        std::future::ready((axum::http::StatusCode::from_u16(status).unwrap(), Json(said)))
    };
    let chat = |Json(body): Json<Value>| async move {
        if body["messages"][0]["content"] == "fail" {
            return format!("data: {}\n\n", json!({"error": {"message": "out of memory", "code": 500}}));
        }
        let words = format!("{} {}", body["model"].as_str().unwrap(), body["lora"]);
        let piece = |text: &str| json!({"choices": [{"delta": {"content": text}}]});
        let (one, two) = words.split_at(5);
        format!("data: {}\n\n: still there\n\ndata: {}\n\ndata: [DONE]\n\n", piece(one), piece(two))
    };
    axum::Router::new()
        .route("/v1/models", get(|| async { Json(json!({"data": [{"id": "smol"}]})) }))
        .route("/v1/load_lora_adapter", post(load))
        .route("/lora-adapters", get(|| async { Json(json!([{"id": 3, "path": "/models/diva/lora.gguf"}])) }))
        .route("/v1/chat/completions", post(chat))
}

#[test]
fn servers_of_others_answer_as_backends() {
    use lazai::core::Digest;
    use lazai::core::dialogue::{Message, Role};
    use lazai::http::{OpenAiBackend, OpenAiError, Server};
    use lazai::lora::LoraError;
    use lazai::lora::backend::{Backend, GenerateJob};
    use lazai::lora::generate::Sampler;
    use lazai::models::ModelCounter;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let loaded = Arc::default();
    let url = runtime.block_on(listen(foreign(Arc::clone(&loaded))));
    let counter = Arc::new(ModelCounter::from_gguf(&lazai_examples::stage::base_path().unwrap()).unwrap());
    let connect =
        |model: &str, server| OpenAiBackend::connect(&url, model, server, Digest::from_bytes([1; 32]), counter.clone());
    assert!(matches!(connect("llama", Server::Vllm), Err(OpenAiError::UnknownModel { .. })));

    let folder = tempfile::tempdir().unwrap();
    let adapter = folder.path().join("diva");
    std::fs::create_dir(&adapter).unwrap();
    std::fs::write(adapter.join("adapter_model.safetensors"), b"weights").unwrap();
    let messages = [Message::new(Role::User, "hi")];
    let sampler = Sampler::default();
    let job = |adapter| GenerateJob { adapter, messages: &messages, sampler, seed: u64::MAX };
    for (server, with_adapter, without) in [
        (Server::Vllm, "lazai-9a129038d9a00aed null", "smol null"),
        (Server::LlamaCpp, "smol [{\"id\":3,\"scale\":1.0}]", "smol []"),
    ] {
        let backend = connect("smol", server).unwrap();
        let digest = backend.load_adapter(&adapter).unwrap();
        assert_eq!(digest, backend.load_adapter(&adapter).unwrap(), "a node that starts again finds it loaded");
        let mut heard = String::new();
        let reply = backend.generate(&job(Some(digest)), &mut |text| {
            heard.push_str(text);
            true
        });
        let reply = reply.unwrap();
        assert_eq!((reply.text.as_str(), heard.as_str()), (with_adapter, with_adapter));
        assert_eq!(counter.tokenizer().decode(&reply.tokens).unwrap(), with_adapter);
        assert_eq!(backend.generate(&job(None), &mut |_| true).unwrap().text, without);
        let unknown = backend.generate(&job(Some(Digest::ZERO)), &mut |_| true);
        assert!(matches!(unknown, Err(LoraError::UnknownAdapter { .. })));
        let failing = [Message::new(Role::User, "fail")];
        let failed = backend.generate(&GenerateJob { messages: &failing, ..job(None) }, &mut |_| true);
        assert!(failed.unwrap_err().to_string().contains("out of memory"));
        assert_eq!(backend.about().device, "remote");
    }
    let asked: Vec<Value> = loaded.lock().unwrap().clone();
    assert!(asked[0]["lora_path"].as_str().unwrap().ends_with("diva"));
}

/// A reply that is being made when the server stops is delivered; a client that never finishes its request is hung up on.
async fn a_server_of_its_own_is_patient_and_not_too_patient(served: &Served) {
    let terms = served.stage.offer_terms(&served.provider, &served.minted);
    let serving = Front::new(served.provider.clone(), vec![terms]).spawn("127.0.0.1:0").unwrap();
    let (address, node) = (serving.address(), HttpNode::new(&serving.url()).unwrap());
    let idle = |begun: &'static [u8]| {
        tokio::task::spawn_blocking(move || {
            let mut line = std::net::TcpStream::connect(address).unwrap();
            line.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
            line.write_all(begun).unwrap();
            let mut answer = String::new();
            // Hanging up may come as a reset.
            let _ = line.read_to_string(&mut answer);
            answer
        })
    };
    let (head, body) = (
        idle(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-le"),
        idle(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{"),
    );
    let model = node.models().await.unwrap().remove(0);
    let consumer = served.stage.consumer().unwrap();
    let conversation = consumer.open(7, &model.offer, deposit(1_000)).await.unwrap();
    let domain = served.stage.home.ledger().market().domain().clone();
    let (signer, words) = (served.stage.home.signer("consumer's app"), vec![Message::new(Role::User, "Who are you?")]);
    let request = conversation.request(&domain, &*signer, words, ReplySettings::default()).await.unwrap();
    let mut stopping = Some(serving);
    let mut stopped = None;
    let mut hear = |_: &str| {
        stopped = stopped.take().or_else(|| stopping.take().map(|serving| std::thread::spawn(move || drop(serving))));
    };
    let reply = node.chat(&request, &mut hear).await;
    assert!(!reply.unwrap().text.is_empty());
    assert_eq!(head.await.unwrap().split(' ').nth(1).unwrap_or("408"), "408");
    let said = body.await.unwrap();
    assert!(said.contains("408") && said.contains("request.timeout"), "{said}");
    tokio::task::spawn_blocking(move || stopped.unwrap().join()).await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}
