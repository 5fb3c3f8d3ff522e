//! Credits that are spent twice, forged, over, or another's; and those that a failure gives back.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use lazai::credits::{
    Credit, CreditDelivery, CreditNode, CreditOrder, CreditRequest, CreditSecret, Purse, SignedCreditTerms,
};
use lazai::http::HttpNode;
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, ReplySettings, SignedVoucher};
use lazai::provider::{CreditSale, FolderBook, Provider};
use lazai::settle::ledger::Ledger as _;
use lazai_core::{Digest, VersionNumber};
use pollster::block_on;

use super::super::gossip::REPLY;
use super::super::stage::{Stage, code};
use super::{PERIOD_S, buy, free, purse, sale, say, seller, talker, user};

/// Takes a credit out of a purse as it is sent, and does not send it.
struct Pocket<'n>(&'n Provider, Mutex<Option<Credit>>);

/// A node whose answers are lost on the way.
struct Deaf<'n>(&'n Provider);

/// A node that says of each credit that it was spent.
struct Lying<'n>(&'n Provider, Mutex<Vec<Credit>>);

macro_rules! otherwise_a_node {
    ($of:ident) => {
        impl Node for $of<'_> {
            fn chat<'a>(
                &'a self,
                request: &'a ChatRequest,
                on_text: &'a mut (dyn FnMut(&str) + Send),
            ) -> NodeFuture<'a, ChatReply> {
                self.0.chat(request, on_text)
            }
            fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
                self.0.pay(voucher)
            }
        }

        impl CreditNode for $of<'_> {
            fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
                self.0.credit_terms(model)
            }
            fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
                self.0.order_credits(order)
            }
            fn chat_by_credit<'a>(
                &'a self,
                request: &'a CreditRequest,
                _: &'a mut (dyn FnMut(&str) + Send),
            ) -> NodeFuture<'a, ChatReply> {
                Box::pin(self.answer(request))
            }
        }
    };
}

otherwise_a_node!(Pocket);
otherwise_a_node!(Deaf);
otherwise_a_node!(Lying);

impl Pocket<'_> {
    async fn answer(&self, request: &CreditRequest) -> Result<ChatReply, NodeError> {
        *self.1.lock().unwrap() = Some(request.credit.clone());
        Err(NodeError::Transport { reason: "pocketed".into() })
    }
}

impl Deaf<'_> {
    async fn answer(&self, request: &CreditRequest) -> Result<ChatReply, NodeError> {
        self.0.chat_by_credit(request, &mut |_| {}).await?;
        Err(NodeError::Transport { reason: "the answer is lost".into() })
    }
}

impl Lying<'_> {
    async fn answer(&self, request: &CreditRequest) -> Result<ChatReply, NodeError> {
        self.1.lock().unwrap().push(request.credit.clone());
        Err(NodeError::CreditSpent)
    }
}

fn pocketed(stage: &Stage, node: &Provider, purse: &Purse, words: &str) -> Credit {
    let pocket = Pocket(node, Mutex::default());
    assert!(say(&talker(stage, node, purse), &pocket, stage, words).is_err());
    pocket.1.into_inner().unwrap().unwrap()
}

fn spend(node: &Provider, credit: &Credit, words: &str) -> Result<String, NodeError> {
    let request = CreditRequest { credit: credit.clone(), messages: user(words), settings: ReplySettings::default() };
    block_on(node.chat_by_credit(&request, &mut |_| {})).map(|reply| reply.text)
}

/// A node, a purse with credits of it, and what keeps them.
pub fn stocked(stage: &Stage, count: usize) -> (super::Node, Purse) {
    let node = seller(stage, "node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let purse = purse(stage, "purse");
    buy(&stage.client_of(0, &HttpNode::new(&serving.url()).unwrap()), &purse, count);
    (node, purse)
}

#[test]
fn two_replicas_never_both_take_a_credit() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 6);
    let book = Arc::new(FolderBook::new(&node.folder));
    let replica = || {
        let book = book.clone();
        stage.node_with("node", |provider| provider.with_credits(sale()).with_book(book))
    };
    let replicas = [replica(), replica()];
    assert_eq!(super::terms_of(&*replicas[0].provider), super::terms_of(&*replicas[1].provider), "one key");
    for round in 0..6 {
        let credit = pocketed(&stage, &node.provider, &purse, &format!("Speak: {round}"));
        let together = std::sync::Barrier::new(8);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let try_one = |at: usize| {
                let (replica, credit, together) = (&replicas[at % 2].provider, &credit, &together);
                scope.spawn(move || {
                    together.wait();
                    spend(replica, credit, &format!("Speak: {round}, said by {at}"))
                })
            };
            let tries: Vec<_> = (0..8).map(try_one).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let taken = outcomes.iter().filter(|one| one.is_ok()).count();
        assert_eq!(taken, 1, "{outcomes:?}");
        assert!(outcomes.iter().all(|one| one.as_ref().is_ok_and(|text| text.contains(REPLY))
            || one.as_ref().is_err_and(|error| ["node.credit_spent", "node.busy"].contains(&error.code()))));
    }
    let made: u64 = replicas.iter().map(|replica| replica.asked.load(Ordering::SeqCst)).sum();
    assert_eq!(made, 6, "one reply for each credit");
}

#[test]
fn a_spent_credit_is_spent_after_a_restart_and_its_request_has_its_reply() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 2);
    let credit = pocketed(&stage, &node.provider, &purse, "Speak: once");
    let request =
        CreditRequest { credit: credit.clone(), messages: user("Speak: once"), settings: ReplySettings::default() };
    let first = block_on(node.provider.chat_by_credit(&request, &mut |_| {})).unwrap();
    for _ in 0..2 {
        let again = seller(&stage, "node");
        assert_eq!(block_on(again.provider.chat_by_credit(&request, &mut |_| {})).unwrap(), first);
        assert_eq!(spend(&again.provider, &credit, "Speak: twice").unwrap_err().code(), "node.credit_spent");
        assert_eq!(again.asked.load(Ordering::SeqCst), 0, "nothing is made");
    }
    // The consumer, whose answer was lost, says the same again with the same credit; and other words with another.
    let me = talker(&stage, &node.provider, &purse);
    assert_eq!(free(&purse), 1);
    say(&me, &*node.provider, &stage, "Speak: once").unwrap();
    assert_eq!(free(&purse), 1);
    say(&me, &*node.provider, &stage, "Speak: more").unwrap();
    let error = say(&me, &*node.provider, &stage, "Speak: none is left").unwrap_err();
    assert_eq!(code(error), "credits.none");
    // What the node keeps of it are no words, and not the credit.
    let mut kept = Vec::new();
    super::super::files(&node.folder, &mut kept);
    assert!(!kept.windows(12).any(|part| part == REPLY.as_bytes()));
    let number = credit.number.to_string();
    assert!(!String::from_utf8_lossy(&kept).contains(&number[2..]));
}

#[test]
fn what_is_no_credit_of_this_version_and_of_now_is_refused() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 2);
    let good = pocketed(&stage, &node.provider, &purse, "Speak: good");
    let refused = |credit: &Credit| spend(&node.provider, credit, "Speak: now").unwrap_err().code().to_owned();
    let changed = |change: &dyn Fn(&mut Credit)| {
        let mut credit = good.clone();
        change(&mut credit);
        credit
    };
    let random = || Digest::random().unwrap();
    for forged in [
        changed(&|credit| credit.signature[100] ^= 1),
        changed(&|credit| credit.signature.truncate(255)),
        changed(&|credit| credit.signature.clear()),
        changed(&|credit| credit.number = random()),
        changed(&|credit| credit.prefix = random()),
        changed(&|credit| credit.terms = random()),
    ] {
        assert_eq!(refused(&forged), "node.credit");
    }
    // Another version of the same node has another key, and a key that somebody else made is nobody's.
    let two = CreditSale { version: VersionNumber(2), ..sale() };
    let other = stage.node_with("other", |provider| {
        let adapter = lazai_core::digest::sha256(b"adapter");
        let provider = provider.with_adapter(two.class, two.version, &stage.path("."), adapter).unwrap();
        provider.with_credits(sale()).with_credits(two.clone())
    });
    let of_two = block_on(other.provider.credit_terms("dat:1:2")).unwrap().remove(0);
    let of_one = super::terms_of(&*other.provider).remove(0);
    assert_ne!(of_two.terms.public_key, of_one.terms.public_key);
    let (secret, number) = (CreditSecret::generate().unwrap(), Digest::random().unwrap());
    let message = lazai::credits::credit_message(of_one.digest(), number);
    let blinded = secret.public().unwrap().blind(number, message.as_bytes()).unwrap();
    let signed = secret.sign(&blinded.message).unwrap();
    let signature = secret.public().unwrap().unblind(&blinded, &signed, message.as_bytes()).unwrap();
    let own = Credit { terms: of_one.digest(), number, prefix: blinded.prefix, signature };
    assert_eq!(spend(&other.provider, &own, "Speak: now").unwrap_err().code(), "node.credit");
    assert_eq!(spend(&other.provider, &good, "Speak: now").unwrap_err().code(), "node.credit");
    assert_eq!(
        spend(&other.provider, &changed(&|credit| credit.terms = of_two.digest()), "Speak: now").unwrap_err().code(),
        "node.credit"
    );

    assert!(spend(&node.provider, &good, "Speak: now").is_ok());
    let late = pocketed(&stage, &node.provider, &purse, "Speak: late");
    // To the next period: good still, and sold no more. Past that: over.
    stage.hand.forward(PERIOD_S);
    let told = super::terms_of(&*node.provider);
    assert_eq!(told.len(), 2);
    assert!(told[0].terms.sold_until_s > told[1].terms.sold_until_s && told[1].digest() == late.terms);
    stage.hand.forward(PERIOD_S + 1);
    assert_eq!(refused(&late), "node.credit");
    assert_eq!(
        code(say(&talker(&stage, &node.provider, &purse), &*node.provider, &stage, "Speak: late").unwrap_err()),
        "credits.none"
    );
}

#[test]
fn a_reply_that_fails_gives_its_credit_back_and_one_that_was_heard_does_not() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 1);
    let me = talker(&stage, &node.provider, &purse);
    let long = "Long ".repeat(700);
    for (words, expected) in [
        ("Fail: it", "node.generation"),
        ("Setting: it", "node.setting"),
        ("Moderated: it", "node.moderated"),
        (long.as_str(), "node.prompt_too_long"),
    ] {
        assert_eq!(code(say(&me, &*node.provider, &stage, words).unwrap_err()), expected);
        assert_eq!(free(&purse), 1, "{expected}");
    }
    // Somebody who leaves in the middle has heard something: the credit is for these words.
    let credit = pocketed(&stage, &node.provider, &purse, "Speak: half");
    let asked = |words: &str| CreditRequest {
        credit: credit.clone(),
        messages: user(words),
        settings: ReplySettings::default(),
    };
    let heard = std::sync::atomic::AtomicBool::new(false);
    let wanted = || !heard.load(Ordering::SeqCst);
    let mut hear = |_: &str| heard.store(true, Ordering::SeqCst);
    let left = block_on(node.provider.chat_by_credit_while(&asked("Speak: half"), &wanted, &mut hear));
    assert_eq!(left.unwrap_err().code(), "node.left");
    assert_eq!(spend(&node.provider, &credit, "Speak: other").unwrap_err().code(), "node.credit_spent");
    assert!(say(&me, &*node.provider, &stage, "Speak: half").unwrap().contains(REPLY));
    assert_eq!(purse.sums().unwrap().iter().map(|sum| sum.under_way + sum.free).sum::<usize>(), 0);
}

#[test]
fn words_that_were_paid_for_are_heard_however_late_and_are_paid_once() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 2);
    let me = talker(&stage, &node.provider, &purse);
    // The node hears both requests, and both answers are lost.
    for words in ["Speak: one", "Speak: two"] {
        let deaf = Deaf(&node.provider);
        assert_eq!(code(say(&me, &deaf, &stage, words).unwrap_err()), "node.transport");
    }
    assert_eq!(free(&purse), 0);
    // Nothing is left for other words: the node says that both are spent, and neither is forgotten.
    assert_eq!(code(say(&me, &*node.provider, &stage, "Speak: three").unwrap_err()), "credits.none");
    for words in ["Speak: two", "Speak: one"] {
        assert!(say(&me, &*node.provider, &stage, words).unwrap().contains(REPLY));
    }
    assert_eq!(node.asked.load(Ordering::SeqCst), 2, "each was made once");
    assert_eq!(purse.sums().unwrap(), []);
}

#[test]
fn a_node_that_calls_new_credits_spent_gets_one_and_no_more() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 3);
    let me = talker(&stage, &node.provider, &purse);
    let lying = Lying(&node.provider, Mutex::default());
    assert_eq!(code(say(&me, &lying, &stage, "Speak: now").unwrap_err()), "node.credit_spent");
    assert_eq!((lying.1.lock().unwrap().len(), free(&purse)), (1, 2));
}

#[test]
fn a_credit_that_a_node_has_seen_is_the_last_that_other_words_are_sent_with() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 2);
    let me = talker(&stage, &node.provider, &purse);
    assert_eq!(code(say(&me, &*node.provider, &stage, "Fail: it").unwrap_err()), "node.generation");
    assert_eq!(free(&purse), 2);
    let first = pocketed(&stage, &node.provider, &purse, "Speak: now");
    let last = pocketed(&stage, &node.provider, &purse, "Speak: then");
    // That which was refused has a page in the node's book, the other none.
    let has_page = |credit: &Credit| {
        let id = credit.id(stage.ledger.market().ledger());
        node.folder.join(id.to_string()).with_extension("json").exists()
    };
    assert_eq!((has_page(&first), has_page(&last)), (false, true));
}

#[test]
fn a_reply_that_a_crash_cut_off_is_made_to_its_end_for_its_words_alone() {
    let stage = Stage::new();
    let (node, purse) = stocked(&stage, 1);
    let credit = pocketed(&stage, &node.provider, &purse, "Speak: half");
    let asked =
        CreditRequest { credit: credit.clone(), messages: user("Speak: half"), settings: ReplySettings::default() };
    // A task that is dropped in the middle leaves what a crash leaves: the page that was written before the first token.
    {
        let heard = std::sync::atomic::AtomicBool::new(false);
        let mut hear = |_: &str| heard.store(true, Ordering::SeqCst);
        let mut making = Box::pin(node.provider.chat_by_credit(&asked, &mut hear));
        let waker = std::task::Waker::noop();
        let mut task = std::task::Context::from_waker(waker);
        for _ in 0..10_000 {
            assert!(making.as_mut().poll(&mut task).is_pending(), "it is cut off before its end");
            if node.asked.load(Ordering::SeqCst) > 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    assert_eq!(node.asked.load(Ordering::SeqCst), 1);
    let again = seller(&stage, "node");
    assert_eq!(spend(&again.provider, &credit, "Speak: other").unwrap_err().code(), "node.credit_spent");
    assert_eq!(again.asked.load(Ordering::SeqCst), 0);
    assert!(block_on(again.provider.chat_by_credit(&asked, &mut |_| {})).unwrap().text.contains(REPLY));
}
