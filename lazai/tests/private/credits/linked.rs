//! What links a credit to its buyer, or two requests to each other: nothing but what everybody has.

use std::collections::HashSet;
use std::sync::Mutex;

use lazai::credits::{Credit, CreditDelivery, CreditNode, CreditOrder, CreditRequest, SignedCreditTerms};
use lazai::http::{HttpNode, Relay};
use lazai::node::{ChatReply, ChatRequest, Node, NodeFuture, ReplySettings, SignedVoucher};
use lazai::provider::Provider;
use lazai::settle::ledger::Clock as _;
use lazai::wire::sealed::GATEWAY;
use lazai_core::TypedData as _;
use pollster::block_on;

use super::super::stage::Stage;
use super::super::tap::Tap;
use super::{buy, purse, say, seller, talker};

/// Bytes that are compared at a time. Shorter parts of what is random are alike by chance.
const LENGTH: usize = 12;
/// Parts in a row that count as an identifier: where random digits follow what all requests have, one or two are alike by chance.
const RUN: usize = 5;

fn windows(bytes: &[u8], length: usize) -> HashSet<&[u8]> {
    bytes.windows(length).collect()
}

/// What two of somebody's requests have in common that another's has not.
fn repeats(one: &[u8], two: &[u8], others: &[u8]) -> Vec<String> {
    let (two, others) = (windows(two, LENGTH), windows(others, LENGTH));
    let own: Vec<bool> =
        one.windows(LENGTH).map(|part| two.contains(part) && !others.contains(part)).chain([false]).collect();
    let (mut found, mut begun) = (Vec::new(), None);
    for (at, is_own) in own.into_iter().enumerate() {
        match (is_own, begun) {
            (true, None) => begun = Some(at),
            (false, Some(first)) => {
                if at - first >= RUN {
                    found.push(String::from_utf8_lossy(&one[first..at - 1 + LENGTH]).into_owned());
                }
                begun = None;
            }
            _ => {}
        }
    }
    found
}

/// What was heard without the dates of answers, which tell the second.
fn without_dates(heard: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(heard.len());
    let mut rest = heard;
    while let Some(at) = rest.windows(6).position(|part| part.eq_ignore_ascii_case(b"date: ")) {
        all.extend_from_slice(&rest[..at]);
        let end = rest[at..].iter().position(|byte| *byte == b'\n').unwrap_or(rest.len() - at - 1);
        rest = &rest[at + end + 1..];
    }
    all.extend_from_slice(rest);
    all
}

/// What was heard without the lengths of the pieces that an answer came in: these follow from times, and are alike by chance.
fn without_lengths(heard: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(heard.len());
    let mut rest = heard;
    while let Some(at) = rest.windows(2).position(|part| part == b"\r\n") {
        all.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 2..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > 0 && digits < 7 && rest[digits..].starts_with(b"\r\n") {
            rest = &rest[digits..];
        }
    }
    all.extend_from_slice(rest);
    all
}

/// The sealed bodies of requests in what a wire heard, opened as the node opens them.
fn opened(node: &Provider, heard: &[u8]) -> Vec<Vec<u8>> {
    let begin = format!("POST {GATEWAY}");
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(found) = heard[at..].windows(begin.len()).position(|part| part == begin.as_bytes()) {
        let head = at + found;
        let body = head + heard[head..].windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
        let told = String::from_utf8_lossy(&heard[head..body]).to_lowercase();
        let length = told.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let end = body + length.trim().parse::<usize>().unwrap();
        all.push(node.unseal(&heard[body..end]).unwrap().0.to_vec());
        at = end;
    }
    all
}

#[test]
fn no_identifier_repeats_between_requests_by_way_of_a_relay() {
    let stage = Stage::new();
    let node = seller(&stage, "node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let at_node = Tap::before(serving.address());
    let relay = Relay::new([at_node.url()]).unwrap();
    let own = relay.spawn("127.0.0.1:0").unwrap();
    let at_relay = Tap::before(own.address());
    let line = HttpNode::new(&at_node.url()).unwrap().with_relay(&at_relay.url()).unwrap();
    let (mine, yours) = (purse(&stage, "mine"), purse(&stage, "yours"));
    let session = buy(&stage.client_of(0, &line), &mine, 5);
    let _other = buy(&stage.client_of(1, &line), &yours, 2);
    let bought = [at_node.heard(), at_relay.heard()].concat();
    let orders = opened(&node.provider, &at_node.heard()).concat();

    // Everything that node and relay hear of one request: the node what it opens, the relay what passes through it.
    let heard = |ask: &dyn Fn()| {
        let before = (at_node.heard().len(), at_relay.heard().len());
        ask();
        let (node_heard, relay_heard) = (at_node.heard().split_off(before.0), at_relay.heard().split_off(before.1));
        let inside = opened(&node.provider, &node_heard);
        assert_eq!(inside.len(), 1, "one request");
        // What is sold, and the key to seal to, are asked for as by a stranger each time: a node could tell each client a key of its own.
        let asks = relay_heard.windows(4).filter(|part| part == b"GET ").count();
        assert_eq!(asks, 2, "terms, and a key");
        (inside.concat(), without_lengths(&without_dates(&relay_heard)))
    };
    let (me, you) = (talker(&stage, &node.provider, &mine), talker(&stage, &node.provider, &yours));
    let one = heard(&|| assert!(say(&me, &line, &stage, "Speak: violets at noon").is_ok()));
    let two = heard(&|| assert!(say(&me, &line, &stage, "Speak: gravel, mostly").is_ok()));
    let others = heard(&|| assert!(say(&you, &line, &stage, "Speak: herons upriver").is_ok()));
    assert_eq!(repeats(&one.0, &two.0, &others.0), Vec::<String>::new(), "what the node opens");
    assert_eq!(repeats(&one.1, &two.1, &others.1), Vec::<String>::new(), "what the relay passes on");
    // Of the purchase, the node hears nothing again but what its terms are named by.
    let account = stage.account().address().to_string();
    for (what, digits) in [("the account", &account[2..]), ("the session", &session.id().to_string()[2..])] {
        let (inside, passed) = (String::from_utf8_lossy(&one.0), String::from_utf8_lossy(&one.1));
        assert!(String::from_utf8_lossy(&orders).contains(&digits[..16]) || what == "the account");
        assert!(!inside.contains(&digits[..16]) && !passed.contains(&digits[..16]), "{what}");
    }
    assert_eq!(repeats(&one.0, &bought, &others.0), Vec::<String>::new(), "requests and purchase");

    // The search finds what there is to be found: a number that somebody sets again and again.
    let marked = |words: &'static str| {
        heard(&|| {
            let messages = super::user(words);
            let settings = ReplySettings { seed: Some(7_707_707_707_707), ..ReplySettings::default() };
            block_on(me.ask(&line, messages, settings, stage.hand.now_s(), &mut |_| {})).unwrap();
        })
    };
    let (three, four) = (marked("Speak: a lamp"), marked("Speak: umbrellas"));
    assert!(repeats(&three.0, &four.0, &others.0).iter().any(|part| part.contains("7707")), "a planted identifier");
    assert_eq!(repeats(&three.1, &four.1, &others.1), Vec::<String>::new(), "which the relay does not see");
}

/// A node that writes down what it sees: of orders, and of requests.
struct Seeing<'n> {
    node: &'n Provider,
    orders: Mutex<Vec<u8>>,
    spent: Mutex<Vec<Credit>>,
}

impl Node for Seeing<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        self.node.chat(request, on_text)
    }
    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        self.node.pay(voucher)
    }
}

impl CreditNode for Seeing<'_> {
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        self.node.credit_terms(model)
    }
    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        Box::pin(async move {
            let delivery = self.node.order_credits(order).await?;
            let mut seen = self.orders.lock().unwrap();
            seen.extend(order.blinded.iter().chain(&delivery.signatures).flat_map(|one| one.0.clone()));
            seen.extend(order.signature.as_bytes());
            Ok(delivery)
        })
    }
    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        self.spent.lock().unwrap().push(request.credit.clone());
        self.node.chat_by_credit(request, on_text)
    }
}

#[test]
fn what_a_node_signs_and_what_it_is_shown_share_no_bytes() {
    let stage = Stage::new();
    let node = seller(&stage, "node");
    let seeing = Seeing { node: &node.provider, orders: Mutex::default(), spent: Mutex::default() };
    let purse = purse(&stage, "purse");
    let (consumer, offer) =
        (stage.consumer(), block_on(node.provider.offer(&super::super::market::terms(3_000), u64::MAX)));
    let deposit = lazai::settle::session::SessionPayment::Deposit(lazai_core::Amount::from_base_units(100_000));
    let mut conversation = block_on(consumer.open(1, &offer.unwrap(), deposit)).unwrap();
    let terms = super::terms_of(&seeing).remove(0);
    let now_s = stage.hand.now_s();
    let talk = consumer.talker();
    let count = block_on(talk.buy_credits(&mut conversation, &seeing, &purse, 16, now_s)).unwrap();
    assert_eq!(count, 16);
    let me = talker(&stage, &node.provider, &purse);
    for turn in 0..16 {
        say(&me, &seeing, &stage, &format!("Speak: {turn}")).unwrap();
    }
    let orders = seeing.orders.lock().unwrap().clone();
    assert!(orders.len() > 2 * 16 * 256);
    let (orders, spent) = (windows(&orders, 8), seeing.spent.lock().unwrap());
    for credit in spent.iter() {
        let shown = [&credit.number.as_bytes()[..], credit.prefix.as_bytes(), &credit.signature];
        for part in shown.iter().flat_map(|part| part.windows(8)) {
            assert!(!orders.contains(part));
        }
        assert_eq!(credit.terms, terms.terms.hash_struct());
    }
    // And no two credits share anything but their terms.
    for (at, credit) in spent.iter().enumerate() {
        let own = [&credit.number.as_bytes()[..], credit.prefix.as_bytes(), &credit.signature].concat();
        let own = windows(&own, 8);
        for other in &spent[..at] {
            let other = [&other.number.as_bytes()[..], other.prefix.as_bytes(), &other.signature].concat();
            assert!(windows(&other, 8).is_disjoint(&own));
        }
    }
}
