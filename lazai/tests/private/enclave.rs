//! Attested enclaves: what is sent where a policy asks for one, and what is not, whoever is between; and what evidence says of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lazai::Client;
use lazai::enclave::{EnclavePolicy, HeldQuote, Measurement, Quote, Reader, TdxMeasurement};
use lazai::http::{HttpNode, Relay, Sealing};
use lazai::provenance::{Evidence, IncludedEntry, Trust, TrustAnchor, verify_with};
use lazai::provider::{Quoter, QuoterError};
use lazai::settle::Genesis;
use lazai::settle::ledger::Ledger as _;
use lazai::wire::sealed::{QUOTE, SealedRequest};
use lazai_core::Amount;
use pollster::block_on;

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

pub fn enclave(stage: &Stage, name: &str, intel: &Arc<Intel>, machine: Machine) -> Node {
    enclave_on(stage, name, intel, machine, Signed::default())
}

/// On a platform of which this is signed.
fn enclave_on(stage: &Stage, name: &str, intel: &Arc<Intel>, machine: Machine, signed: Signed<'static>) -> Node {
    stage.node_with(name, |provider| provider.with_quoter(Hardware(intel.clone(), machine, signed)))
}

/// The quote of a node's key.
pub fn quote_of(node: &Node) -> Quote {
    block_on(node.provider.quote_of_now()).unwrap().unwrap().unwrap()
}

pub fn policy(intel: &Intel) -> EnclavePolicy {
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
