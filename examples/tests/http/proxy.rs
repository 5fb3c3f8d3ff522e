//! The loopback proxy: what it spends, whom it lets in, and what a node may do to it.

use lazai::lora::{Compute, Encoder};

use super::*;

/// A budget for replies of at most 1,000.
pub fn at_most(total: u128, deposit: u128) -> Budget {
    let (total, deposit, max_step) = (UNITS(total), UNITS(deposit), UNITS(1_000));
    Budget { asset: Asset::NATIVE, total, deposit, max_step, ..Budget::default() }
}

async fn proxy(served: &Served, folder: &str, total: u128, deposit: u128) -> Loopback {
    proxy_to(served, &served.url, folder, at_most(total, deposit)).await
}

/// A proxy to a node. One that had the folder before, and was stopped, may need a moment to be gone.
pub async fn proxy_to(served: &Served, url: &str, folder: &str, budget: Budget) -> Loopback {
    for _ in 0..100 {
        let (consumer, node) = (served.stage.consumer().unwrap(), HttpNode::new(url).unwrap());
        match Loopback::open(consumer, vec![node], budget, served.stage.home.path(folder)) {
            Ok(proxy) => return proxy.without_key(),
            Err(error) => assert!(error.to_string().ends_with("another proxy has this folder"), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{folder} stays locked");
}

/// What a proxy says of its budget.
pub async fn budget(url: &str) -> Value {
    let url = format!("{url}/v1/lazai/budget");
    let said = tokio::task::spawn_blocking(move || ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap());
    serde_json::from_str(&said.await.unwrap()).unwrap()
}

pub fn units(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

pub async fn a_proxy_spends_its_budget_and_no_more(served: &Served) {
    // A reply may cost 240: a session of 500 is good for two or three, the budget for a few sessions.
    let open = || proxy(served, "small", 1_100, 500);
    let funds = || served.stage.home.ledger().market().balance(served.stage.home.address("consumer"), Asset::NATIVE);
    let before = funds();
    let mut first = open().await;
    let (mut url, mut serving) = listen_for_now(first.router()).await;
    let mut replies = 0;
    let last = loop {
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        if status != 200 {
            break (status, body);
        }
        replies += 1;
        assert!(replies < 100, "the budget has no end");
        // Started anew, it goes on from its book.
        drop(first);
        serving.abort();
        first = open().await;
        (url, serving) = listen_for_now(first.router()).await;
    };
    assert_eq!((last.0, last.1["error"]["code"].as_str()), (402, Some("loopback.budget")), "{}", last.1);
    let spent = first.spent().await.unwrap();
    assert!(replies >= 4 && spent <= UNITS(1_100) && spent > UNITS(520), "{replies} replies for {spent}");
    // All that was spent and reserved, by the ledger's own account.
    assert!(before.checked_sub(funds()).unwrap() <= UNITS(1_100), "{before} before, {} after", funds());
    let told = budget(&url).await;
    assert!(units(&told["bound"]) >= units(&told["spent"]) && units(&told["bound"]) <= 1_100, "{told}");
}

pub async fn a_proxy_keeps_out_what_is_not_local(served: &Served) {
    let url = listen(proxy(served, "guarded", 1_000, 500).await.with_key("secret").router()).await;
    let chat = format!("{url}/v1/chat/completions");
    let key = ("authorization", "Bearer secret".to_owned());
    for (headers, status, code) in [
        (vec![("host", "evil.example".to_owned()), key.clone()], 403, "loopback.host"),
        (vec![("content-type", "text/plain".to_owned()), key.clone()], 400, "request.invalid"),
        (json_type(), 401, "loopback.key"),
        (vec![("authorization", "Bearer secrex".to_owned()), json_type().remove(0)], 401, "loopback.key"),
        (vec![("origin", "https://evil.example".to_owned()), key.clone()], 403, "loopback.origin"),
        (vec![("origin", "null".to_owned()), key.clone()], 403, "loopback.origin"),
        (vec![("sec-fetch-site", "cross-site".to_owned()), key.clone()], 403, "loopback.origin"),
        (vec![("sec-fetch-site", "same-site".to_owned()), key.clone()], 403, "loopback.origin"),
        (vec![("sec-fetch-site", "none".to_owned()), key.clone(), json_type().remove(0)], 404, "request.model"),
        (vec![("origin", url.clone()), key.clone(), json_type().remove(0)], 404, "request.model"),
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
            let end = request.windows(2).position(|two| two == b"\r\n").unwrap_or(request.len());
            request.splice(end..end, *b"\r\nConnection: close");
            let mut node = std::net::TcpStream::connect(&upstream).unwrap();
            node.write_all(&request).unwrap();
            let mut answer = Vec::new();
            node.read_to_end(&mut answer).unwrap();
            let cut = if request.starts_with(b"POST ") { answer.len().min(after) } else { answer.len() };
            let _ = client.write_all(&answer[..cut]);
        }
    });
    url
}

pub async fn a_node_that_breaks_off_is_not_paid(served: &Served) {
    let node = HttpNode::new(&served.url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(2, &offer, deposit(1_000)).await.unwrap();
    let ways = [Sealing::Offered, Sealing::Off];
    for (after, way) in [0, 40, 700].into_iter().flat_map(|after| ways.map(|way| (after, way))) {
        let broken = HttpNode::new(&cutting(&served.url, after)).unwrap().with_sealing(way);
        let error = consumer.say(&mut conversation, &broken, "Hello?", &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, ConsumerError::Node(NodeError::Transport { .. })), "{error}");
        assert_eq!((conversation.receipts.len(), conversation.paid), (0, None));
    }
    // Asked again over a line that holds, the node gives the reply that it gave before.
    consumer.say(&mut conversation, &node, "Hello?", &mut |_| {}).await.unwrap();
    assert_eq!(conversation.receipts.len(), 1);
}

pub async fn a_proxy_whose_session_the_node_ended_opens_another(served: &Served) {
    let proxy = proxy(served, "ended", 5_000, 1_000).await;
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

/// What a node behind this URL offers, by a server that refuses every request for a reply with a code.
pub async fn refusing(node: &str, code: &'static str) -> axum::Router {
    let url = format!("{node}/v1/models");
    let models =
        tokio::task::spawn_blocking(move || ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap());
    let mut models: Value = serde_json::from_str(&models.await.unwrap()).unwrap();
    for model in models["data"].as_array_mut().unwrap() {
        model["lazai"].as_object_mut().unwrap().remove("seal");
    }
    let models = models.to_string();
    let refuse = move || async move {
        let body = json!({"error": {"message": "no", "code": code}}).to_string();
        (axum::http::StatusCode::FORBIDDEN, body)
    };
    axum::Router::new()
        .route("/v1/models", axum::routing::get(|| async move { models }))
        .route("/v1/chat/completions", axum::routing::post(refuse))
}

pub async fn a_node_that_refuses_everything_does_not_lock_the_budget(served: &Served) {
    let node = listen(refusing(&served.url, "node.not_served").await).await;
    let (mut codes, began) = (Vec::new(), std::time::Instant::now());
    for _ in 0..6 {
        // Started anew, it still leaves the node alone.
        let proxy = proxy_to(served, &node, "refused", at_most(10_000, 500)).await;
        let (url, serving) = listen_for_now(proxy.router()).await;
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        codes.push((status, body["error"]["code"].as_str().unwrap_or_default().to_owned()));
        let told = budget(&url).await;
        // Two sessions at once, one after two seconds, one after four more, and so on.
        let pauses = (began.elapsed().as_secs().div_ceil(2) + 1).ilog2();
        assert!(units(&told["bound"]) <= u128::from(2 + pauses) * 500 && units(&told["spent"]) == 0, "{told}");
        serving.abort();
    }
    assert_eq!(codes[0].1, "node.not_served");
    let asked = codes.iter().filter(|(status, code)| (*status, &**code) != (503, "loopback.refused")).count();
    let pauses = (began.elapsed().as_secs().div_ceil(2) + 1).ilog2();
    assert!(asked <= 1 + pauses as usize, "{codes:?}");
    // A session that the node has not seen yet is asked for again, and no other is opened.
    let node = listen(refusing(&served.url, "node.unknown_session").await).await;
    let url = listen(proxy_to(served, &node, "unseen", at_most(10_000, 500)).await.router()).await;
    for _ in 0..4 {
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        assert_eq!((status, body["error"]["code"].as_str()), (503, Some("node.unknown_session")));
    }
    assert_eq!(units(&budget(&url).await["bound"]), 500);
}

pub async fn a_proxy_takes_no_offer_beyond_its_budget(served: &Served) {
    let most = at_most(10_000, 500);
    for (folder, budget, code) in [
        ("dear", Budget { max_step: UNITS(239), ..most }, "loopback.price"),
        ("long", Budget { max_session_s: 599, ..most }, "loopback.session"),
    ] {
        let url = listen(proxy_to(served, &served.url, folder, budget).await.router()).await;
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        assert_eq!((status, body["error"]["code"].as_str()), (402, Some(code)), "{body}");
        assert_eq!(units(&self::budget(&url).await["bound"]), 0);
    }
}

pub async fn a_proxy_has_a_key_that_nobody_else_reads(served: &Served) {
    let open = || {
        let (consumer, node) = (served.stage.consumer().unwrap(), HttpNode::new(&served.url).unwrap());
        Loopback::open(consumer, vec![node], at_most(1, 1), served.stage.home.path("keyed")).unwrap()
    };
    let key = open().key().unwrap().to_owned();
    assert!(key.len() == 64 && open().key() == Some(&key), "it is the same after a restart");
    let url = listen(open().router()).await;
    let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("loopback.key")));
    let mut headers = json_type();
    headers.push(("authorization", format!("Bearer {key}")));
    let (_, body, _) = call(format!("{url}/v1/chat/completions"), headers, question("no such")).await;
    assert_eq!(body["error"]["code"].as_str(), Some("request.model"));
    #[cfg(unix)]
    {
        let mode =
            |path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777;
        assert_eq!((mode(served.stage.home.path("keyed")), mode(served.stage.home.path("keyed/key"))), (0o700, 0o600));
    }
}

pub async fn a_proxy_embeds_texts_itself(served: &Served) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/embed/tiny-bert");
    let encoder = Encoder::open(&folder, &Compute::cpu()).unwrap();
    let texts = ["I sing.", "I sing in the harbour every night, and nobody knows my name."];
    let expected = encoder.encode(&texts).unwrap();
    let opened = proxy(served, "embedding", 1_000, 500).await.with_encoder("tiny", encoder);
    let url = listen(opened.router()).await;
    // A base URL that ends with a slash: clients make two of it.
    let ask = |body: Value| call(format!("{url}/v1//embeddings"), json_type(), body.to_string());
    let (status, answer, _) = ask(json!({"model": "tiny", "input": texts})).await;
    assert_eq!(status, 200, "{answer}");
    for (place, embedding) in expected.iter().enumerate() {
        let found: Vec<f32> = serde_json::from_value(answer["data"][place]["embedding"].clone()).unwrap();
        assert_eq!(found, embedding.vector);
    }
    let tokens: usize = expected.iter().map(|embedding| embedding.tokens).sum();
    assert_eq!(answer["usage"]["total_tokens"], tokens);
    let (_, packed, _) = ask(json!({"model": "tiny", "input": texts[1], "encoding_format": "base64"})).await;
    assert_eq!(packed["data"][0]["embedding"].as_str().unwrap().len(), (4 * expected[1].vector.len()).div_ceil(3) * 4);
    for (body, status, code) in [
        (json!({"model": "dat:1:1", "input": "hi"}), 404, "request.model"),
        (json!({"model": "tiny", "input": [1, 2]}), 400, "request.invalid"),
        (json!({"model": "tiny", "input": "hi", "dimensions": 7}), 400, "request.invalid"),
    ] {
        let (found, answer, _) = ask(body).await;
        assert_eq!((found, answer["error"]["code"].as_str()), (status, Some(code)), "{answer}");
    }
    let (status, answer, _) = call(format!("{url}//v2//x"), json_type(), String::new()).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (404, Some("request.path")));
    assert_eq!(units(&budget(&url).await["bound"]), 0, "it costs nothing");
}
