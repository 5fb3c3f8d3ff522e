//! The server for programs without a runtime.

use super::*;

/// A reply that is being made when the server stops is delivered; a client that never finishes its request is hung up on.
pub async fn a_server_of_its_own_is_patient_and_not_too_patient(served: &Served) {
    let terms = Stage::offer_terms(&served.minted);
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
    assert_eq!(head.await.unwrap().split(' ').nth(1).unwrap_or("408"), "408");
    let said = body.await.unwrap();
    assert!(said.contains("408") && said.contains("request.timeout"), "{said}");
    // The line of the first request is idle since then: who pauses between replies does not notice.
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
    tokio::task::spawn_blocking(move || stopped.unwrap().join()).await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// A node that is busy is asked again, whatever is sent.
pub async fn clients_wait_for_a_node_that_is_busy(served: &Served) {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let answer = move || {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        let (status, code) = if *asked % 3 == 0 { (204, "") } else { (503, "node.busy") };
        let body = json!({"error": {"message": "later", "code": code}}).to_string();
        std::future::ready((axum::http::StatusCode::from_u16(status).unwrap(), body))
    };
    let url = listen(axum::Router::new().fallback(answer)).await;
    let node = HttpNode::new(&url).unwrap();
    let terms = served.stage.offer(&served.provider, &served.minted).await.unwrap();
    let session = lazai::core::SessionId::from_bytes([1; 32]);
    let voucher = terms.offer.voucher(session, UNITS(1));
    node.pay(&lazai::node::SignedVoucher { voucher, signature: terms.signature }).await.unwrap();
    let mut said = Vec::new();
    let status = node.post("/", Vec::new(), String::new(), &mut |bytes| said.extend_from_slice(bytes)).await.unwrap();
    assert_eq!((status, said.len(), *asked.lock().unwrap()), (204, 0, 6));
}
