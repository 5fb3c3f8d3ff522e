//! The loopback proxy: what it spends, whom it lets in, and what a node may do to it.

use super::*;

fn proxy(served: &Served, folder: &str, total: u128, deposit: u128) -> Loopback {
    let budget = Budget { asset: Asset::NATIVE, total: UNITS(total), deposit: UNITS(deposit) };
    let (consumer, node) = (served.stage.consumer().unwrap(), HttpNode::new(&served.url).unwrap());
    Loopback::open(consumer, node, budget, served.stage.home.path(folder)).unwrap()
}

pub async fn a_proxy_spends_its_budget_and_no_more(served: &Served) {
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

pub async fn a_proxy_keeps_out_what_is_not_local(served: &Served) {
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

pub async fn a_node_that_breaks_off_is_not_paid(served: &Served) {
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

pub async fn a_proxy_whose_session_the_node_ended_opens_another(served: &Served) {
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
