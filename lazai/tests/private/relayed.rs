//! What a relay passes on, and what it does not.

use lazai::http::{HttpNode, Relay};
use lazai::wire::sealed::{GATEWAY, REQUEST_TYPE};
use pollster::block_on;

use super::found;
use super::gossip::Ask;
use super::stage::{Stage, code};
use super::tap::Tap;

/// What a client may say of itself.
const TELLING: [(&str, &str); 6] = [
    ("user-agent", "telltale/1.0 (a browser)"),
    ("cookie", "session=who-i-am"),
    ("authorization", "Bearer somebodys-key"),
    ("x-forwarded-for", "203.0.113.77"),
    ("accept-language", "de-CH,rm;q=0.5"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

#[test]
fn a_node_sees_nothing_of_who_asks_but_the_relay() {
    let stage = Stage::new();
    let node = stage.node("node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let tap = Tap::before(serving.address());
    let relay = Relay::new([tap.url()]).unwrap();
    let own = relay.spawn("127.0.0.1:0").unwrap();
    let place = tap.url().replace("http://", "");
    let terms = block_on(node.provider.seal_terms()).unwrap().unwrap().terms;
    let (sealed, _) = terms.public_key.encapsulate(terms.key_id, b"no request").unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |place: &str, kind: &str, body: &[u8]| {
        let post = agent.post(format!("{}/{place}{GATEWAY}", own.url()));
        let post = TELLING.iter().fold(post, |post, (name, value)| post.header(*name, *value));
        let mut answer = post.header("content-type", kind).send(body).unwrap();
        let text = String::from_utf8_lossy(&answer.body_mut().read_to_vec().unwrap()).into_owned();
        (answer.status().as_u16(), text)
    };
    assert_eq!(post(&place, REQUEST_TYPE, &sealed).0, 200);
    let list = TELLING
        .iter()
        .fold(agent.get(format!("{}/{place}/v1/models", own.url())), |get, (name, value)| get.header(*name, *value));
    assert_eq!(list.call().unwrap().status(), 200);
    let values = TELLING.map(|(_, value)| value);
    assert_eq!(found(&values, &tap.heard()), Vec::<String>::new());
    assert!(!found(&[GATEWAY], &tap.heard()).is_empty(), "the wire is listened to");

    // To nodes that it knows, of what it knows, within bounds.
    for (place, kind, body, status, code) in [
        ("other.example", REQUEST_TYPE, &b"x"[..], 404, "relay.unknown_node"),
        (place.as_str(), "application/json", &b"{}"[..], 415, "request.sealed"),
        (place.as_str(), REQUEST_TYPE, &vec![0; 2 << 20][..], 413, "request.too_large"),
        (place.as_str(), REQUEST_TYPE, &[terms.key_id.wrapping_add(9)][..], 400, "request.seal_key"),
    ] {
        let (found, told) = post(place, kind, body);
        assert!(found == status && told.contains(code), "{found} {told}");
    }
    let clear = agent.post(format!("{}/{place}/v1/chat/completions", own.url())).send("{}").unwrap();
    assert_eq!(clear.status(), 404, "nothing goes by in clear text");
    drop(serving);
    assert!(post(&place, REQUEST_TYPE, &sealed).1.contains("relay.node"));
}

#[test]
fn a_relay_is_not_trusted_with_the_key() {
    let stage = Stage::new();
    let (node, liar) = (stage.node("node"), stage.node("liar"));
    let [serving, lying] = [&node, &liar].map(|node| node.front.spawn("127.0.0.1:0").unwrap());
    let relay = Relay::new([serving.url()]).unwrap().spawn("127.0.0.1:0").unwrap();
    let line = HttpNode::new(&serving.url()).unwrap().with_relay(&relay.url()).unwrap();
    let session = stage.session(&line);
    block_on(session.say(&Ask::Speak.words())).unwrap();
    // The liar answers in the node's place, with keys of its own, that it signed.
    let place = serving.url().replace("http://", "");
    let false_relay = axum::Router::new().nest_service(&format!("/{place}"), liar.front.router());
    let false_relay = super::stage::Listening::on(false_relay);
    let other = HttpNode::new(&serving.url()).unwrap().with_relay(&false_relay.url).unwrap();
    let resumed = stage.resume(&other, session.conversation());
    let error = block_on(resumed.say(&Ask::Speak.words())).unwrap_err();
    assert!(error.to_string().contains("the key is of node"), "{error}");
    assert_eq!(code(error), "node.unsealed");
    assert_eq!(liar.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    drop(lying);
}

#[test]
fn an_address_has_so_many_requests() {
    let stage = Stage::new();
    let node = stage.node("node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let relay = Relay::new([serving.url()]).unwrap();
    // A proxy in front tells from whom a request is; this machine's own addresses are not counted.
    relay.limit(3, vec!["127.0.0.0/8".parse().unwrap()]);
    let own = relay.spawn("127.0.0.1:0").unwrap();
    let place = serving.url().replace("http://", "");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let statuses: Vec<u16> = (0..5)
        .map(|_| {
            let get = agent.get(format!("{}/{place}/v1/models", own.url())).header("x-forwarded-for", "203.0.113.77");
            get.call().unwrap().status().as_u16()
        })
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}
