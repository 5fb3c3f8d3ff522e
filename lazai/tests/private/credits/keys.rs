//! Keys that would mark a buyer: a node has one for each time, and a consumer goes by no other.

use std::sync::{Arc, Mutex};

use lazai::consumer::ConsumerError;
use lazai::credits::{CreditDelivery, CreditError, CreditNode, CreditOrder, CreditRequest, SignedCreditTerms};
use lazai::node::{ChatReply, ChatRequest, Node, NodeFuture, SignedVoucher};
use lazai::provider::{CreditSale, FolderBook, Provider};
use lazai::settle::ledger::Clock as _;
use lazai::settle::session::SessionPayment;
use lazai_core::digest::sha256;
use lazai_core::{Amount, LocalSigner, VersionNumber, sign};
use pollster::block_on;

use super::super::stage::{Stage, code};
use super::spent::stocked;
use super::{PERIOD_S, free, purse, sale, say, talker, terms_of};

/// A node that tells a client what it likes.
struct Telling<'n> {
    node: &'n Provider,
    told: Vec<SignedCreditTerms>,
    /// The number of orders and requests that were sent all the same.
    sent: Mutex<usize>,
}

impl<'n> Telling<'n> {
    fn new(node: &'n Provider, told: Vec<SignedCreditTerms>) -> Self {
        Self { node, told, sent: Mutex::default() }
    }
}

impl Node for Telling<'_> {
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

impl CreditNode for Telling<'_> {
    fn credit_terms<'a>(&'a self, _: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        Box::pin(async { Ok(self.told.clone()) })
    }
    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        *self.sent.lock().unwrap() += 1;
        self.node.order_credits(order)
    }
    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        *self.sent.lock().unwrap() += 1;
        self.node.chat_by_credit(request, on_text)
    }
}

/// Terms as the node would sign them, with something changed.
fn signed(stage: &Stage, terms: &SignedCreditTerms, change: impl FnOnce(&mut SignedCreditTerms)) -> SignedCreditTerms {
    let key = LocalSigner::from_bytes(*sha256(b"node").as_bytes()).unwrap();
    let mut other = terms.clone();
    change(&mut other);
    other.signature = block_on(sign::sign(&key, &stage.account().domain(), &other.terms)).unwrap();
    other
}

/// The terms that the same node would have made up for somebody else.
fn marked(stage: &Stage, sale: CreditSale) -> SignedCreditTerms {
    let book = FolderBook::new(stage.path(&format!("marked {}", sale.price)));
    let node = stage.node_with("node", |provider| provider.with_book(book).with_credits(sale));
    terms_of(&*node.provider).remove(0)
}

#[test]
fn terms_that_could_mark_a_buyer_are_neither_bought_nor_spent_under() {
    let stage = Stage::new();
    let (node, stocked) = stocked(&stage, 2);
    let own = terms_of(&*node.provider).remove(0);
    let other_key = marked(&stage, sale());
    let other_price = marked(&stage, CreditSale { price: Amount::from_base_units(5), ..sale() });
    assert_eq!((other_key.terms.sold_until_s, other_price.terms.sold_until_s), {
        let until_s = own.terms.sold_until_s;
        (until_s, until_s)
    });
    let changed = |change: &dyn Fn(&mut SignedCreditTerms)| signed(&stage, &own, change);
    let short = changed(&|signed| {
        signed.terms.sold_until_s = signed.terms.sold_from_s() + 86_399;
        signed.terms.valid_until_s = signed.terms.sold_until_s + 86_399;
    });
    let ahead = changed(&|signed| {
        signed.terms.sold_until_s += PERIOD_S;
        signed.terms.valid_until_s += PERIOD_S;
    });
    let within = changed(&|signed| {
        signed.terms.sold_until_s -= PERIOD_S / 2;
        signed.terms.valid_until_s = signed.terms.sold_until_s + PERIOD_S / 2;
    });
    let of_other = changed(&|signed| signed.terms.version = VersionNumber(2));
    let mut forged = own.clone();
    forged.terms.price = Amount::from_base_units(1);

    // Whoever has credits is told other terms beside or in place of their own.
    let me = talker(&stage, &node.provider, &stocked);
    let own = || own.clone();
    let two = |told: Vec<SignedCreditTerms>, expected: &str| (told, expected.to_owned());
    let lists = [
        two(vec![own(), other_key.clone()], "credits.two_keys"),
        two(vec![other_key.clone(), own()], "credits.two_keys"),
        two(vec![own(), other_price.clone()], "credits.two_keys"),
        two(vec![own(), within.clone()], "credits.two_keys"),
        two(vec![own(), short.clone()], "credits.terms"),
        two(vec![own(), ahead.clone()], "credits.terms"),
        two(vec![own(), of_other.clone()], "credits.terms"),
        two(vec![own(), forged.clone()], "credits.terms"),
    ];
    for (told, expected) in lists.iter().chain(&[
        // In place of their own: that they have is a proof by itself.
        two(vec![other_key.clone()], "credits.two_keys"),
        two(vec![other_price.clone()], "credits.two_keys"),
        two(vec![], "credits.not_told"),
    ]) {
        let telling = Telling::new(&node.provider, told.clone());
        assert_eq!(&code(say(&me, &telling, &stage, "Speak: now").unwrap_err()), expected);
        assert_eq!((*telling.sent.lock().unwrap(), free(&stocked)), (0, 2), "{expected}");
    }
    // The proof has both signatures.
    let telling = Telling::new(&node.provider, vec![own(), other_key.clone()]);
    match say(&me, &telling, &stage, "Speak: now").unwrap_err() {
        ConsumerError::Credit(CreditError::TwoKeys(proof)) => {
            for signed in [&proof.first, &proof.second] {
                signed.check(&stage.account().domain(), node.provider.address(), stage.hand.now_s()).unwrap();
            }
            assert_ne!(proof.first, proof.second);
        }
        other => panic!("{other}"),
    }

    // A buyer with an empty purse sees the same in the list.
    let offer = block_on(node.provider.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let (consumer, empty) = (stage.consumer(), purse(&stage, "empty"));
    let deposit = SessionPayment::Deposit(Amount::from_base_units(20_000));
    let mut conversation = block_on(consumer.open(77, &offer, deposit)).unwrap();
    for (told, expected) in lists.iter().chain(&[two(vec![], "node.credit")]) {
        let telling = Telling::new(&node.provider, told.clone());
        let now_s = stage.hand.now_s();
        let bought = block_on(consumer.talker().buy_credits(&mut conversation, &telling, &empty, 1, now_s));
        assert_eq!(&code(bought.unwrap_err()), expected);
        assert_eq!((*telling.sent.lock().unwrap(), empty.sums().unwrap().len()), (0, 0), "{expected}");
    }
    assert_eq!(conversation.owed(), Amount::ZERO);
    assert!(say(&me, &*node.provider, &stage, "Speak: now").is_ok());
}

#[test]
fn a_node_has_one_key_for_each_time_whatever_its_keeper_asks_for() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 2);
    let first = terms_of(&*node.provider).remove(0).terms;
    let me = talker(&stage, &node.provider, &purse);
    // Another price and another period: both begin with the next period.
    let dearer = CreditSale { price: Amount::from_base_units(5), period_s: 3 * PERIOD_S / 2, ..sale() };
    let open = |sale: CreditSale| stage.node_with("node", |provider| provider.with_credits(sale)).provider;
    let node = open(dearer.clone());
    let told = terms_of(&*node);
    assert!(told.len() == 1 && told[0].terms == first, "{told:?}");
    assert!(say(&me, &*node, &stage, "Speak: still good").is_ok());
    stage.hand.forward(PERIOD_S);
    let told = terms_of(&*node);
    let [second, before] = &told[..] else { panic!("{}", told.len()) };
    assert_eq!(before.terms, first);
    assert_eq!((second.terms.price, second.terms.period_s()), (dearer.price, dearer.period_s));
    assert_eq!(second.terms.sold_from_s(), first.sold_until_s, "it follows at once");
    assert!(!second.terms.overlap(&first) && say(&me, &*node, &stage, "Speak: and now").is_ok());
    // Neither a long silence nor a longer period makes one that began before the last ended.
    let long = CreditSale { period_s: 1_000 * PERIOD_S, ..sale() };
    stage.hand.forward(5 * PERIOD_S);
    let told = terms_of(&*open(long));
    let [third] = &told[..] else { panic!("{}", told.len()) };
    assert_eq!(third.terms.sold_from_s(), second.terms.sold_until_s);
    // A period that nobody could hide in is a day.
    let hasty = CreditSale { version: VersionNumber(2), period_s: 60, ..sale() };
    let node = stage.node_with("hasty", |provider| {
        let provider = provider.with_adapter(hasty.class, hasty.version, &stage.path("."), sha256(b"adapter")).unwrap();
        provider.with_credits(hasty.clone())
    });
    let told = block_on(node.provider.credit_terms_of(hasty.class, hasty.version)).unwrap().remove(0);
    assert_eq!(told.terms.period_s(), 86_400);
}

#[test]
fn replicas_that_begin_a_period_at_once_have_one_key() {
    let stage = Stage::new();
    let book = Arc::new(FolderBook::new(stage.path("shared")));
    let replica = || {
        let book = book.clone();
        stage.node_with("node", |provider| provider.with_credits(sale()).with_book(book)).provider
    };
    let replicas = [replica(), replica(), replica()];
    for period in 0..2 {
        let together = std::sync::Barrier::new(replicas.len());
        let told: Vec<_> = std::thread::scope(|scope| {
            let ask = |replica| {
                let together = &together;
                scope.spawn(move || {
                    together.wait();
                    terms_of(replica)
                })
            };
            let asked: Vec<_> = replicas.iter().map(|replica| ask(&**replica)).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(told.iter().all(|one| one == &told[0]) && told[0].len() == period + 1, "{told:?}");
        stage.hand.forward(PERIOD_S);
    }
}

#[test]
fn a_node_that_stopped_selling_takes_what_it_sold_and_sells_no_more() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 1);
    let me = talker(&stage, &node.provider, &purse);
    let stopped = stage.node("node");
    let offer = block_on(stopped.provider.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let consumer = stage.consumer();
    let deposit = SessionPayment::Deposit(Amount::from_base_units(20_000));
    let mut conversation = block_on(consumer.open(78, &offer, deposit)).unwrap();
    let now_s = stage.hand.now_s();
    let bought =
        block_on(consumer.talker().buy_credits(&mut conversation, &*stopped.provider, &purse, 1, now_s)).unwrap_err();
    assert_eq!(code(bought), "node.credit");
    assert_eq!((free(&purse), purse.sums().unwrap()[0].ordered), (1, 0), "the order is forgotten");
    assert!(say(&me, &*stopped.provider, &stage, "Speak: now").is_ok());
}
