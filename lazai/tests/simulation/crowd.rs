//! The consumer who asks many times at once, to hear more than is paid: alike and otherwise, and after a crash of the node.

use std::collections::BTreeSet;
use std::sync::{Barrier, Mutex};

use lazai::consumer::Conversation;
use lazai::conversation::Talker;
use lazai::core::message::{Message, Role};
use lazai::core::{Amount, Digest};
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, ReplySettings, RequestClaim, SignedVoucher};
use lazai::provider::Provider;
use pollster::block_on;

use super::acts::signed;
use super::node::Served;
use super::talk::{open_session, price};
use super::world::{Process, World, signer};

/// Requests at once: more than wait for one session.
const AT_ONCE: u64 = 6;

/// The same turn, many times at once: one reply is heard and owed, whatever is heard of it.
pub fn ask_at_once(w: &mut World) {
    let mut conversation = open_session(w, "node");
    // The node looks for new sessions by itself.
    w.refresh(Process::Node);
    let talker = Talker::new(w.deployment.domain(), signer("consumer"));
    let turns = 1 + w.dice.below(2);
    for turn in 1..=turns {
        let left = conversation.deposit.checked_sub(conversation.owed()).unwrap();
        if left < conversation.offer.offer.step().unwrap() {
            break;
        }
        let sorts = 1 + w.dice.below(4);
        let requests: Vec<_> = (0..AT_ONCE).map(|i| ask(w, &conversation, &format!("{turn}, {}", i % sorts))).collect();
        let next = next_turn(w, &requests[0]);
        let heard = Mutex::new(BTreeSet::new());
        if w.dice.one_in(2) {
            let first = &requests[w.dice.below(AT_ONCE) as usize];
            w.doom_within(Process::Node, 5);
            let node = w.node("node");
            // Whatever becomes of it: the process may die at any step.
            let _ = block_on(node.chat(first, &mut |_| hear(&heard, first)));
        }
        // Threads do not die one by one.
        w.spare(Process::Node);
        let node = w.node("node");
        let before = block_on(node.provider.standing(conversation.session)).unwrap();
        let all: Vec<_> = requests.iter().chain([&next]).collect();
        let mut replies = node.slowly(|provider| at_once(provider, &all, &heard));
        // Who was told that the node is busy asks again.
        let again =
            requests.iter().map(|request| (request, block_on(node.chat(request, &mut |_| hear(&heard, request)))));
        replies.extend(again.filter_map(|(request, said)| said.ok().map(|reply| (request.clone(), reply))));
        let Some((request, reply)) = replies.first().cloned() else {
            panic!("nobody is served of many who ask at once");
        };
        let heard = heard.into_inner().unwrap();
        assert_eq!(heard, BTreeSet::from([request.digest()]), "{} replies were heard", heard.len());
        assert!(replies.iter().all(|(_, other)| *other == reply), "one turn has two replies");
        let standing = block_on(node.provider.standing(conversation.session)).unwrap();
        assert_eq!((standing.turn, standing.paid), (request.turn, before.paid), "more than one turn was made");
        block_on(talker.take(&mut conversation, &request, &reply)).unwrap();
        assert_eq!((conversation.owed(), standing.owed), (price(&conversation), price(&conversation)));
        if turn == turns && w.dice.one_in(3) {
            // Leaves with one reply.
            break;
        }
        w.signed.insert(conversation.session, conversation.owed());
        pay_at_once(&node, &conversation.unpaid.expect("it is signed"));
        conversation.mark_paid();
        assert_eq!(promised(&node, &conversation), conversation.owed(), "a voucher counts once");
    }
}

fn ask(w: &World, conversation: &Conversation, words: &str) -> ChatRequest {
    let mut messages = conversation.messages.clone();
    messages.push(Message::new(Role::User, words));
    let (domain, key) = (w.deployment.domain(), signer("consumer"));
    block_on(conversation.request(&domain, &*key, messages, ReplySettings::default())).unwrap()
}

/// The same for the turn after: signed before anything is paid.
fn next_turn(w: &World, request: &ChatRequest) -> ChatRequest {
    let turn = request.turn + 1;
    let claim = RequestClaim { session: request.session, turn, request: request.digest() };
    ChatRequest { turn, signature: signed(w, "consumer", &claim), ..request.clone() }
}

fn hear(heard: &Mutex<BTreeSet<Digest>>, request: &ChatRequest) {
    heard.lock().unwrap().insert(request.digest());
}

fn promised(node: &Served, conversation: &Conversation) -> Amount {
    block_on(node.provider.standing(conversation.session)).unwrap().promised()
}

/// Asks all at once; the replies that came.
fn at_once(
    provider: &Provider,
    requests: &[&ChatRequest],
    heard: &Mutex<BTreeSet<Digest>>,
) -> Vec<(ChatRequest, ChatReply)> {
    let start = Barrier::new(requests.len());
    let one = |request: &ChatRequest| {
        start.wait();
        block_on(provider.chat(request, &mut |_| hear(heard, request)))
    };
    let said: Vec<_> = std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = requests.iter().map(|request| scope.spawn(move || one(request))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let reply = |(request, said): (&&ChatRequest, Result<ChatReply, NodeError>)| match said {
        Ok(reply) => Some(((*request).clone(), reply)),
        Err(
            NodeError::Busy { .. }
            | NodeError::NotPaid { .. }
            | NodeError::NotServed { .. }
            | NodeError::TurnOutOfOrder { .. },
        ) => None,
        Err(error) => panic!("asked at once: {error}"),
    };
    requests.iter().zip(said).filter_map(reply).collect()
}

/// Pays the same many times at once: every one of them is told that it is paid.
fn pay_at_once(node: &Served, voucher: &SignedVoucher) {
    std::thread::scope(|scope| {
        let pay = || block_on(node.provider.pay(voucher));
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(pay)).collect();
        for thread in threads {
            let paid = thread.join().unwrap();
            assert!(paid.is_ok(), "the same voucher at once: {paid:?}");
        }
    });
}
