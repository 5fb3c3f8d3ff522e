//! Attested enclaves: what is sent where a policy asks for one, and what is not, whoever is between and whoever keeps the node.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use lazai::Client;
use lazai::enclave::{EnclavePolicy, HeldQuote, Measurement, Quote, Reader, TdxMeasurement, report_data};
use lazai::http::{Budget, HttpNode, Loopback, Relay, Sealing};
use lazai::provenance::{Evidence, IncludedEntry, Trust, TrustAnchor, verify_with};
use lazai::provider::{Quoter, QuoterError, SEAL_PERIOD_S};
use lazai::seal::{SealTerms, SignedSealTerms};
use lazai::settle::Genesis;
use lazai::settle::ledger::{Clock as _, Ledger as _};
use lazai::wire::sealed::{ANSWER_TYPE, AnswerWriter, GATEWAY, QUOTE, SealedRequest};
use lazai_core::digest::sha256;
use lazai_core::sign::sign;
use lazai_core::{Amount, LocalSigner};
use pollster::block_on;
use serde_json::{Value, json};

use super::gossip::{Ask, REPLY};
use super::intel::{Intel, Machine, Signed};
use super::sealed::{Between, FORGES, HONEST, LEAVES_OUT};
use super::stage::{Listening, Node, Stage, code};

/// A confidential machine, of which the node asks for quotes.
struct Hardware(Arc<Intel>, Machine, Signed<'static>);

impl Quoter for Hardware {
    fn quote(&self, report_data: &[u8; 64]) -> Result<Quote, QuoterError> {
        Ok(self.0.quote(&self.1, *report_data, self.2))
    }
}

fn enclave(stage: &Stage, name: &str, intel: &Arc<Intel>, machine: Machine) -> Node {
    enclave_on(stage, name, intel, machine, Signed::default())
}

/// On a platform of which this is signed.
fn enclave_on(stage: &Stage, name: &str, intel: &Arc<Intel>, machine: Machine, signed: Signed<'static>) -> Node {
    stage.node_with(name, |provider| provider.with_quoter(Hardware(intel.clone(), machine, signed)))
}

/// What a node told of its key, and whoever holds the quote.
fn quote_of(node: &Node) -> Quote {
    block_on(node.provider.quote_of_now()).unwrap().unwrap().unwrap()
}

/// A node whose keeper answers for its quote as they like; and what was asked of it.
fn kept_by(node: &Node, status: u16, told: Vec<u8>) -> (Router, Arc<Mutex<Vec<SealedRequest>>>) {
    let (provider, heard) = (node.provider.clone(), Arc::<Mutex<Vec<_>>>::default());
    let hears = heard.clone();
    let gateway = post(move |body: Bytes| async move {
        let (opened, secret) = provider.unseal(&body).unwrap();
        hears.lock().unwrap().push(SealedRequest::parse(&opened).unwrap());
        let (mut writer, begin) = AnswerWriter::begin(&secret, status, []).unwrap();
        let answer = [begin, writer.body(&told).unwrap(), writer.end().unwrap()].concat();
        ([(header::CONTENT_TYPE, ANSWER_TYPE)], answer).into_response()
    });
    (Router::new().route(GATEWAY, gateway).fallback_service(node.front.router()), heard)
}

/// A place whose node may be replaced, as by a restart.
#[derive(Clone)]
struct Place(Arc<Mutex<Router>>);

impl Place {
    fn of(node: &Node) -> Self {
        Self(Arc::new(Mutex::new(node.front.router())))
    }

    fn now(&self, node: &Node) {
        *self.0.lock().unwrap() = node.front.router();
    }

    fn router(&self) -> Router {
        let place = self.0.clone();
        Router::new().fallback(move |request: Request| {
            let node = TowerToHyperService::new(place.lock().unwrap().clone());
            async move { node.call(request).await.unwrap_or_else(|never| match never {}) }
        })
    }
}

fn policy(intel: &Intel) -> EnclavePolicy {
    let Machine { mr_td, rt_mr, .. } = Machine::default();
    let rt_mr = rt_mr.map(|digest| Some(Measurement(digest)));
    let accepted = TdxMeasurement { mr_td: Measurement(mr_td), rt_mr, mr_config_id: None };
    EnclavePolicy { tdx: vec![accepted], roots: Some(intel.roots()), ..EnclavePolicy::default() }
}

#[test]
fn an_attested_enclave_is_talked_with_and_each_reply_names_its_quote() {
    let (stage, intel, between) = (Stage::new(), Arc::new(Intel::new()), Between::default());
    let node = enclave(&stage, "node", &intel, Machine::default());
    let at = Listening::on(between.before(&node));
    let relay = Relay::new([at.url.clone()]).unwrap().spawn("127.0.0.1:0").unwrap();
    let relayed = HttpNode::new(&at.url).unwrap().with_relay(&format!("http://{}", relay.address())).unwrap();
    for line in [HttpNode::new(&at.url).unwrap(), relayed] {
        let line = line.with_enclave(policy(&intel));
        let session = stage.session(&line);
        for _ in 0..2 {
            assert!(block_on(session.say(&Ask::Speak.words())).unwrap().text.contains(REPLY));
        }
        let Reader::AttestedEnclave(attested) = block_on(session.who_reads()).unwrap() else { panic!() };
        assert_eq!((attested.node, attested.measurement), (node.provider.address(), Measurement([0x7d; 48])));
        let conversation = session.conversation();
        let [held] = &conversation.quotes[..] else { panic!("{:?}", conversation.quotes) };
        assert_eq!((&held.turns[..], held.seal.terms.key_id), (&[1, 2][..], attested.key_id));
        let kept = serde_json::to_string(&conversation).unwrap();
        assert_eq!(serde_json::from_str::<lazai::Conversation>(&kept).unwrap(), conversation);
    }
    assert_eq!(between.reads(), Vec::<String>::new());
    // Whoever keeps the conversation elsewhere is given the quote, too.
    let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel));
    let line = line.held_to(stage.ledger.market().domain(), node.provider.address());
    let (_, held) = block_on(line.post_held("/v1/lazai/reports", Vec::new(), "{}".into(), &mut |_| {})).unwrap();
    assert_eq!(held.unwrap().quote, quote_of(&node));
    // The words for the other ways.
    let [clear, sealed] = [Sealing::Off, Sealing::Offered].map(|sealing| {
        let line = HttpNode::new(&at.url).unwrap().with_sealing(sealing);
        block_on(line.who_reads()).unwrap().to_string()
    });
    assert_eq!([clear.as_str(), sealed.as_str()], ["the node reads it", "sealed to the node"]);
}

#[test]
fn where_an_enclave_is_asked_for_nothing_is_sent_to_anything_else() {
    let (stage, intel, between) = (Stage::new(), Arc::new(Intel::new()), Between::default());
    let machine = Machine::default;
    let old = Signed { status: "OutOfDate", ..Signed::default() };
    let over = Signed { next_update: "2026-01-01T00:00:00Z", ..Signed::default() };
    let mut started = machine();
    started.rt_mr[2] = [9; 48];
    let nodes = [
        (stage.node("none"), "no quote"),
        (enclave(&stage, "other", &intel, Machine { mr_td: [1; 48], ..machine() }), "not in the policy"),
        (enclave(&stage, "started", &intel, started), "RTMR 2"),
        (enclave(&stage, "debug", &intel, Machine { attributes: (1 << 28) | 1, ..machine() }), "debug mode"),
        (enclave(&stage, "foreign", &Arc::new(Intel::new()), machine()), "vendor"),
        (enclave_on(&stage, "old", &intel, machine(), old), "the firmware is out_of_date"),
        (enclave_on(&stage, "over", &intel, machine(), over), "xpired"),
    ];
    for (node, says) in nodes {
        let at = Listening::on(between.before(&node));
        let open = stage.session(&HttpNode::new(&at.url).unwrap());
        // Asking for clear text does not take an enclave back.
        let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel)).with_sealing(Sealing::Off);
        let strict = stage.resume(&line, open.conversation());
        between.sealed.lock().unwrap().clear();
        let error = block_on(strict.say(&Ask::Speak.words())).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(code(error), "node.not_attested");
        assert_eq!(node.asked.load(Ordering::SeqCst), 0, "{says}");
        // One request went out, and asked for the quote.
        let sealed = std::mem::take(&mut *between.sealed.lock().unwrap());
        for request in &sealed {
            let (opened, _) = node.provider.unseal(request).unwrap();
            assert_eq!(SealedRequest::parse(&opened).unwrap(), SealedRequest::get(QUOTE));
        }
        assert!(!sealed.is_empty());
        // No deposit is reserved there.
        let client = Client::of(line, stage.account());
        let (model, deposit) = (block_on(client.models()).unwrap().remove(0), Amount::from_base_units(100_000));
        let before = entries(&stage).len();
        assert_eq!(code(block_on(client.open(&model, deposit)).unwrap_err()), "node.not_attested");
        assert_eq!(entries(&stage).len(), before);
    }
    assert_eq!(between.reads(), Vec::<String>::new());
}

#[test]
fn nobody_between_talks_a_consumer_out_of_an_enclave() {
    let (stage, intel, between) = (Stage::new(), Arc::new(Intel::new()), Between::default());
    let node = enclave(&stage, "node", &intel, Machine::default());
    let at = Listening::on(between.before(&node));
    let open = stage.session(&HttpNode::new(&at.url).unwrap()).conversation();
    for (does, says) in [(LEAVES_OUT, "clear text is not allowed"), (FORGES, "the node's key")] {
        between.does(does);
        let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel));
        let error = block_on(stage.resume(&line, open.clone()).say(&Ask::Speak.words())).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!((node.asked.load(Ordering::SeqCst), between.sealed.lock().unwrap().len()), (0, 0));
    between.does(HONEST);
    let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel));
    assert!(block_on(stage.resume(&line, open).say(&Ask::Speak.words())).unwrap().text.contains(REPLY));
}

/// The node's keeper has its account's key outside the enclave, signs a sealing key of their own, and shows what they have for it.
#[test]
fn a_keeper_who_shows_the_enclaves_quote_for_another_key_reads_nothing() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let inside = enclave(&stage, "node", &intel, Machine::default());
    let genuine = serde_json::to_vec(&quote_of(&inside)).unwrap();
    // The same account, with other keys.
    let outside = stage.node("node");
    assert_eq!(outside.provider.address(), inside.provider.address());
    // What the enclave itself showed for its key of another day, before its keeper had it by whatever means.
    stage.hand.forward(SEAL_PERIOD_S);
    let later = serde_json::to_vec(&quote_of(&inside)).unwrap();
    assert_ne!(genuine, later);
    for (node, status, told, says) in [
        (&outside, 200, later.clone(), "another key"),
        (&inside, 200, genuine, "another key"),
        (&inside, 404, later, "no quote"),
        (&inside, 200, b"{}".to_vec(), "not a quote"),
    ] {
        let (router, heard) = kept_by(node, status, told);
        let at = Listening::on(router);
        let open = stage.session(&HttpNode::new(&at.url).unwrap().with_sealing(Sealing::Off)).conversation();
        let strict = stage.resume(&HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel)), open);
        let error = block_on(strict.say(&Ask::Speak.words())).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(code(error), "node.not_attested");
        let heard = heard.lock().unwrap();
        assert!(!heard.is_empty() && heard.iter().all(|request| *request == SealedRequest::get(QUOTE)));
    }
}

/// A key that is over, with the quote that it had: whoever broke it since reads nothing that is sealed today.
#[test]
fn a_key_that_is_over_is_not_taken_with_its_quote() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let node = enclave(&stage, "node", &intel, Machine::default());
    let domain = stage.ledger.market().domain().clone();
    let now = block_on(node.provider.seal_terms()).unwrap().unwrap().terms;
    let key = LocalSigner::from_bytes(*sha256(b"node").as_bytes()).unwrap();
    for (valid_until_s, is_taken) in [(stage.hand.now_s() + 600, true), (stage.hand.now_s() - 1, false)] {
        let terms = SealTerms { valid_until_s, ..now };
        let signed = SignedSealTerms { signature: block_on(sign(&key, &domain, &terms)).unwrap(), terms };
        let quote = intel.quote(&Machine::default(), report_data(&domain, &terms), Signed::default());
        let (router, heard) = kept_by(&node, 200, serde_json::to_vec(&quote).unwrap());
        let at = Listening::on(router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
            let is_list = request.uri().path() == "/v1/models";
            let response = next.run(request).await;
            if is_list { telling(response, &signed).await } else { response }
        })));
        let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel)).held_to(&domain, terms.node);
        let found = block_on(line.who_reads());
        if is_taken {
            assert_eq!(found.unwrap().to_string(), "attested enclave");
        } else {
            let error = found.unwrap_err();
            assert!(error.code() == "node.unsealed" && error.to_string().contains("was valid until"), "{error}");
            assert!(heard.lock().unwrap().is_empty());
        }
    }
}

/// A list of models that tells another key.
async fn telling(response: Response, seal: &SignedSealTerms) -> Response {
    let (mut parts, body) = response.into_parts();
    let mut list: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    list["data"][0]["lazai"]["seal"] = serde_json::to_value(seal).unwrap();
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(list.to_string()))
}

#[test]
fn a_node_that_leaves_its_enclave_loses_who_asked_for_one() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let inside = enclave(&stage, "node", &intel, Machine::default());
    let place = Place::of(&inside);
    let at = Listening::on(place.router());
    let line = HttpNode::new(&at.url).unwrap().with_enclave(policy(&intel));
    let session = stage.session(&line);
    block_on(session.say(&Ask::Speak.words())).unwrap();
    // The same account and folder, no enclave: between the check of the quote and what is said next.
    let outside = stage.node("node");
    place.now(&outside);
    let error = block_on(session.say(&Ask::Speak.words())).unwrap_err();
    assert!(error.to_string().contains("no quote"), "{error}");
    assert_eq!((code(error).as_str(), outside.asked.load(Ordering::SeqCst)), ("node.not_attested", 0));
    assert_eq!(code(block_on(session.who_reads()).unwrap_err()), "node.not_attested");
    // Sealing without an enclave goes on: that is what is lost.
    let sealed = stage.resume(&HttpNode::new(&at.url).unwrap(), session.conversation());
    block_on(sealed.say(&Ask::Speak.words())).unwrap();
    // Back in an enclave, with a key of its own.
    let again = enclave(&stage, "node", &intel, Machine::default());
    place.now(&again);
    let session = stage.resume(&line, sealed.conversation());
    block_on(session.say(&Ask::Speak.words())).unwrap();
    let quotes = session.conversation().quotes;
    assert_eq!(quotes.iter().map(|held| held.turns.clone()).collect::<Vec<_>>(), [[1], [3]]);
}

#[test]
fn keys_of_an_enclave_are_made_inside_and_never_written() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let key = |node: &Node| block_on(node.provider.seal_terms()).unwrap().unwrap().terms.public_key;
    let host = stage.node("host");
    let known = key(&host);
    // The machine's host gives it a file of keys that the host knows.
    let (planted, file) = (std::fs::read(host.folder.join("seal")).unwrap(), stage.path("node").join("seal"));
    std::fs::create_dir_all(stage.path("node")).unwrap();
    std::fs::write(&file, &planted).unwrap();
    assert_eq!(key(&stage.node("node")), known, "a node without quotes takes it");
    let node = enclave(&stage, "node", &intel, Machine::default());
    let (first, quote) = (key(&node), quote_of(&node));
    assert_ne!(first, known);
    assert_eq!((key(&node), quote_of(&node)), (first, quote));
    stage.hand.forward(2 * SEAL_PERIOD_S);
    assert_ne!(key(&node), first);
    assert_eq!(std::fs::read(&file).unwrap(), planted);
}

#[test]
fn a_proxy_goes_on_to_a_node_that_is_an_enclave() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let bad = ["one", "two", "three"].map(|name| stage.node(name));
    let good = enclave(&stage, "good", &intel, Machine::default());
    let serving: Vec<_> = bad.iter().chain([&good]).map(|node| node.front.spawn("127.0.0.1:0").unwrap()).collect();
    let line = |url: String| HttpNode::new(&url).unwrap().with_enclave(policy(&intel));
    let ask = |nodes: Vec<HttpNode>, name: &str| {
        let units = Amount::from_base_units;
        let budget =
            Budget { total: units(40_000), deposit: units(5_000), max_step: units(2_000), ..Budget::default() };
        let proxy = Loopback::open(stage.consumer(), nodes, budget, stage.path(name)).unwrap().without_key();
        let own = proxy.spawn("127.0.0.1:0").unwrap();
        let body = json!({"model": "dat:1:1", "messages": [{"role": "user", "content": Ask::Speak.words()}]});
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let post = agent.post(format!("{}/v1/chat/completions", own.url())).header("content-type", "application/json");
        post.send(body.to_string()).unwrap().body_mut().read_to_string().unwrap()
    };
    let told = ask(serving.iter().map(|at| line(at.url())).collect(), "proxy");
    assert!(told.contains(REPLY), "{told}");
    let told = ask(serving[..3].iter().map(|at| line(at.url())).collect(), "refused");
    assert!(told.contains("node.not_attested"), "{told}");
    assert!(bad.iter().all(|node| node.asked.load(Ordering::SeqCst) == 0));
    assert_eq!(good.asked.load(Ordering::SeqCst), 1);
}

/// Everything that the ledger took.
fn entries(stage: &Stage) -> Vec<IncludedEntry> {
    let mut entries = Vec::new();
    while let Some((entry, inclusion)) = block_on(stage.ledger.entry(entries.len() as u64)).unwrap() {
        entries.push(IncludedEntry { entry, inclusion });
    }
    entries
}

/// The link of the enclave in a report.
fn told(evidence: &Evidence, anchor: &TrustAnchor, policy: Option<&EnclavePolicy>) -> Option<(Trust, String)> {
    let links = verify_with(evidence, anchor, policy).links;
    links.into_iter().find(|link| link.name == "enclave").map(|link| (link.trust, link.says))
}

#[test]
fn evidence_names_the_enclave_that_each_reply_was_asked_of() {
    let (stage, intel) = (Stage::new(), Arc::new(Intel::new()));
    let node = enclave(&stage, "node", &intel, Machine::default());
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let policy = policy(&intel);
    let session = stage.session(&HttpNode::new(&serving.url()).unwrap().with_enclave(policy.clone()));
    for _ in 0..2 {
        block_on(session.say(&Ask::Speak.words())).unwrap();
    }
    let conversation = session.conversation();
    // Another market's evidence, of which the link of the enclave looks at none of the rest.
    let vector = |name| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/provenance");
        std::fs::read(std::path::Path::new(path).join(name)).unwrap()
    };
    let anchor: TrustAnchor = serde_json::from_slice(&vector("anchor.json")).unwrap();
    let evidence = Evidence {
        genesis: Genesis { domain: stage.ledger.market().domain().clone(), ..super::world::genesis() },
        receipts: conversation.receipts.iter().map(|reply| reply.receipt.clone()).collect(),
        quotes: conversation.quotes.clone(),
        entries: entries(&stage),
        ..Evidence::from_json(&vector("evidence.json")).unwrap()
    };
    let kept = Evidence::from_json(&serde_json::to_vec(&evidence).unwrap()).unwrap();
    assert_eq!(kept, evidence);

    let (trust, says) = told(&evidence, &anchor, Some(&policy)).unwrap();
    assert_eq!(trust, Trust::Attested, "{says}");
    assert!(
        says.contains("2 replies from 1 to 2: attested enclave, Intel TDX") && says.contains("up_to_date"),
        "{says}"
    );
    let (trust, says) = told(&evidence, &anchor, None).unwrap();
    assert!(trust == Trust::Claimed && says.contains("nobody checked it"), "{says}");
    let bare = Evidence { quotes: Vec::new(), ..evidence.clone() };
    assert_eq!(told(&bare, &anchor, None), None, "no quote, no claim");
    let mut before = evidence.clone();
    before.quotes[0].turns = vec![1];
    assert_eq!(told(&before, &anchor, None), None, "a quote for an earlier reply claims nothing of the last one");

    let changed = |change: &dyn Fn(&mut HeldQuote)| {
        let mut evidence = evidence.clone();
        change(&mut evidence.quotes[0]);
        evidence
    };
    let other = EnclavePolicy { tdx: Vec::new(), ..policy.clone() };
    let pinned = EnclavePolicy { roots: None, ..policy.clone() };
    let (day, foreign) = (86_400, stage.node("foreign"));
    let seal = block_on(foreign.provider.seal_terms()).unwrap().unwrap();
    for (evidence, policy, says) in [
        (bare, &policy, "nothing shows an enclave"),
        (changed(&|held| held.turns = vec![1]), &policy, "nothing shows an enclave"),
        (evidence.clone(), &other, "not in the policy"),
        (evidence.clone(), &pinned, "vendor"),
        (changed(&|held| held.seal.terms.valid_until_s += 1), &policy, "the node's key"),
        (changed(&|held| held.seal = seal), &policy, "the key is of node"),
        (changed(&|held| held.checked_at_s += 2 * day), &policy, "was valid until"),
        (changed(&|held| held.checked_at_s -= 2 * day), &policy, "before the key was told"),
    ] {
        let (trust, found) = told(&evidence, &anchor, Some(policy)).unwrap();
        assert!(trust == Trust::Broken && found.contains(says), "{says}: {found}");
        assert!(!verify_with(&evidence, &anchor, Some(policy)).holds());
    }
}
