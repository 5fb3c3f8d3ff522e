//! Purchases that break off at every step, and go on: nothing is paid twice, no credit is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use lazai::conversation::{Conversation, ReceivedCredits};
use lazai::credits::{BlindBytes, CreditDelivery, CreditNode, CreditOrder, CreditRequest, SignedCreditTerms};
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedVoucher};
use lazai::provider::Provider;
use lazai::settle::ledger::Clock as _;
use lazai::settle::session::SessionPayment;
use lazai_core::{Amount, LocalSigner, Signature, sign};
use pollster::block_on;

use super::super::stage::Stage;
use super::{PERIOD_S, PRICE, free, purse, sale, seller};

/// A line that breaks at a call: before it is heard, or before it is answered.
struct Breaking<'n> {
    node: &'n Provider,
    calls: AtomicUsize,
    at: usize,
    heard: bool,
}

impl Breaking<'_> {
    async fn through<T>(&self, call: NodeFuture<'_, T>) -> Result<T, NodeError> {
        let breaks = self.calls.fetch_add(1, Ordering::SeqCst) == self.at;
        let lost = || NodeError::Transport { reason: "the line broke".into() };
        if breaks && !self.heard {
            return Err(lost());
        }
        let answered = call.await;
        if breaks { Err(lost()) } else { answered }
    }
}

impl Node for Breaking<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.through(self.node.chat(request, on_text)))
    }
    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(self.through(self.node.pay(voucher)))
    }
}

impl CreditNode for Breaking<'_> {
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        self.node.credit_terms(model)
    }
    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        Box::pin(self.through(self.node.order_credits(order)))
    }
    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.through(self.node.chat_by_credit(request, on_text)))
    }
}

/// The same node, started anew on its folder.
fn again(stage: &Stage) -> super::Node {
    stage.node_with("node", |provider| provider.with_credits(sale()))
}

#[test]
fn a_purchase_that_breaks_off_anywhere_goes_on_and_is_paid_once() {
    let stage = Stage::new();
    let offer = block_on(seller(&stage, "node").provider.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let consumer = stage.consumer();
    let talk = consumer.talker();
    let mut nonce = 0;
    // Ordered, paid, collected: three calls.
    for at in 0..3 {
        for heard in [false, true] {
            // The consumer comes back with the conversation as it was then, or as it was before.
            for old in [false, true] {
                nonce += 1;
                let deposit = SessionPayment::Deposit(Amount::from_base_units(20_000));
                let mut conversation = block_on(consumer.open(nonce, &offer, deposit)).unwrap();
                let before = conversation.clone();
                let purse = purse(&stage, &format!("{nonce}"));
                let now_s = stage.hand.now_s();
                let node = again(&stage).provider;
                let breaking = Breaking { node: &node, calls: AtomicUsize::new(0), at, heard };
                let broken = block_on(talk.buy_credits(&mut conversation, &breaking, &purse, 4, now_s));
                assert!(broken.is_err_and(|error| error.to_string().contains("the line broke")));
                assert_eq!((free(&purse), purse.sums().unwrap()[0].ordered), (0, 4));

                // Both begin anew; another number is asked for: the old order is finished.
                let node = again(&stage).provider;
                let kept: Conversation = serde_json::from_value(serde_json::json!(conversation)).unwrap();
                conversation = if old { before } else { kept };
                let count = block_on(talk.buy_credits(&mut conversation, &*node, &purse, 9, now_s)).unwrap();
                assert_eq!((count, free(&purse), purse.sums().unwrap()[0].ordered), (4, 4, 0), "{at} {heard} {old}");
                let standing = block_on(node.standing(conversation.session)).unwrap();
                assert_eq!(standing.owed.base_units(), 4 * PRICE, "once");
                assert_eq!((standing.promised(), standing.turn), (standing.owed, 1));
            }
        }
    }
}

#[test]
fn an_order_is_collected_long_after_and_another_in_its_place_is_refused() {
    let stage = Stage::new();
    let node = seller(&stage, "node").provider;
    let offer = block_on(node.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let (consumer, purse) = (stage.consumer(), purse(&stage, "purse"));
    let deposit = SessionPayment::Deposit(Amount::from_base_units(20_000));
    let mut conversation = block_on(consumer.open(1, &offer, deposit)).unwrap();
    let watching = Watching::default();
    let seen = Both { node: &node, watching: &watching };
    block_on(consumer.talker().buy_credits(&mut conversation, &seen, &purse, 3, stage.hand.now_s())).unwrap();
    let order = watching.0.lock().unwrap().clone().unwrap();
    // The session went on and the node was started anew: the same order has the same answer.
    block_on(consumer.say(&mut conversation, &*node, "Speak: on", &mut |_| {})).unwrap();
    let first = block_on(node.order_credits(&order)).unwrap();
    let node = again(&stage).provider;
    assert_eq!(block_on(node.order_credits(&order)).unwrap(), first);
    assert_eq!(first.signatures.len(), 3);
    // Others with its turn, or its signature, are none.
    let mut other = order.clone();
    other.blinded.swap(0, 1);
    assert_eq!(block_on(node.order_credits(&other)).unwrap_err().code(), "node.market");
    let mut late = order.clone();
    late.turn = 2;
    assert_eq!(block_on(node.order_credits(&late)).unwrap_err().code(), "node.market");
    // Past the sale, it is still collected; past the credits' time, never.
    stage.hand.forward(PERIOD_S);
    assert_eq!(block_on(node.order_credits(&order)).unwrap(), first);
    stage.hand.forward(PERIOD_S + 1);
    assert_eq!(block_on(node.order_credits(&order)).unwrap_err().code(), "node.credit");
}

/// An order by hand, as no consumer of this library would send it.
fn by_hand(
    stage: &Stage,
    conversation: &Conversation,
    terms: &SignedCreditTerms,
    blinded: Vec<Vec<u8>>,
    signer: &LocalSigner,
) -> CreditOrder {
    let (session, turn) = (conversation.session, conversation.next_turn());
    let blinded = blinded.into_iter().map(BlindBytes).collect();
    let mut order = CreditOrder { session, turn, terms: terms.digest(), blinded, signature: Signature::NOT_LOGGED };
    order.signature = block_on(sign::sign(signer, &stage.account().domain(), &order.claim())).unwrap();
    order
}

#[test]
fn nothing_is_signed_before_it_is_paid_and_no_order_is_taken_that_cannot_be() {
    let stage = Stage::new();
    let node = seller(&stage, "node").provider;
    let offer = block_on(node.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let consumer = stage.consumer();
    let deposit = SessionPayment::Deposit(Amount::from_base_units(3 * PRICE));
    let mut conversation = block_on(consumer.open(1, &offer, deposit)).unwrap();
    let terms = super::terms_of(&*node).remove(0);
    let signer = super::super::market::signer;
    let own = signer(0);
    let refused = |order: &CreditOrder| block_on(node.order_credits(order)).unwrap_err().code().to_owned();
    let of = |blinded: Vec<Vec<u8>>| by_hand(&stage, &conversation, &terms, blinded, &own);

    let fine = vec![1; 256];
    for (what, order, expected) in [
        ("none", of(vec![]), "node.credit"),
        ("too many", of(vec![fine.clone(); 257]), "node.credit"),
        ("more than the deposit", of(vec![fine.clone(); 4]), "node.deposit_exhausted"),
        ("a message above the modulus", of(vec![fine.clone(), vec![0xff; 256]]), "node.credit"),
        ("a short message", of(vec![vec![1; 255]]), "node.credit"),
        ("a stranger's", by_hand(&stage, &conversation, &terms, vec![fine.clone()], &signer(1)), "node.market"),
    ] {
        assert_eq!(refused(&order), expected, "{what}");
    }
    let mut other_terms = terms.clone();
    other_terms.terms.price = Amount::from_base_units(1);
    assert_eq!(refused(&by_hand(&stage, &conversation, &other_terms, vec![fine.clone()], &own)), "node.credit");
    assert_eq!(block_on(node.standing(conversation.session)).unwrap().owed, Amount::ZERO);

    // The receipt comes first, and the signatures once its sum is promised.
    let order = of(vec![fine.clone(), vec![2; 256]]);
    for _ in 0..2 {
        let delivery = block_on(node.order_credits(&order)).unwrap();
        assert_eq!((delivery.signatures.len(), delivery.receipt.receipt.credits), (0, 2));
        assert_eq!(delivery.receipt.receipt.cumulative.base_units(), 2 * PRICE);
    }
    assert_eq!(refused(&of(vec![fine.clone()])), "node.turn_out_of_order");
    conversation.bought.push(ReceivedCredits {
        receipt: block_on(node.order_credits(&order)).unwrap().receipt.receipt,
        signature: order.signature,
        price: terms.terms.price,
    });
    // Nothing more is sold on debt.
    assert_eq!(refused(&by_hand(&stage, &conversation, &terms, vec![fine.clone()], &own)), "node.not_paid");
    block_on(consumer.talker().pay_owed(&mut conversation, &*node)).unwrap();
    assert_eq!(block_on(node.order_credits(&order)).unwrap().signatures.len(), 2);

    // In the next period, the last one's credits are good and not sold.
    stage.hand.forward(PERIOD_S);
    let offer = block_on(node.offer(&super::super::market::terms(3_000), u64::MAX)).unwrap();
    let conversation = block_on(consumer.open(2, &offer, deposit)).unwrap();
    assert_eq!(refused(&by_hand(&stage, &conversation, &terms, vec![fine], &own)), "node.credit");
}

#[derive(Default)]
struct Watching(std::sync::Mutex<Option<CreditOrder>>);

struct Both<'n> {
    node: &'n Provider,
    watching: &'n Watching,
}

impl Node for Both<'_> {
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

impl CreditNode for Both<'_> {
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        self.node.credit_terms(model)
    }
    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        *self.watching.0.lock().unwrap() = Some(order.clone());
        self.node.order_credits(order)
    }
    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        self.node.chat_by_credit(request, on_text)
    }
}
