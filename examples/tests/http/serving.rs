//! The server for programs without a runtime.

use super::*;

/// A reply that is being made when the server stops is delivered; a client that never finishes its request is hung up on.
pub async fn a_server_of_its_own_is_patient_and_not_too_patient(served: &Served) {
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
