//! Consumers and the honest node: sessions that are opened, what is said and paid in them, and how it is redeemed.

use std::sync::Mutex;
use std::time::Duration;

use lazai::SendError;
use lazai::consumer::{Consumer, ConsumerError, Conversation};
use lazai::core::{Amount, ClassId, SessionId, VersionNumber};
use lazai::node::{NodeError, SignedOffer, SignedVoucher};
use lazai::provider::Standing;
use lazai::settle::ledger::LedgerError;
use lazai::settle::market::Transaction;
use lazai::settle::session::{Offer, SessionPayment};
use lazai::settle::{Ledger, Market};
use lazai::speech::SpeechSettings;
use pollster::block_on;

use super::acts::{signed, units};
use super::network::{COIN, Network, Said, made_up};
use super::node::{CHARACTER_PRICE, REPLY_TOKENS};
use super::world::{Process, World, address, signer};

/// Versions that take sessions.
pub fn served(market: &Market) -> Vec<(ClassId, VersionNumber)> {
    let (classes, _) = market.counts();
    let versions = |id: ClassId| {
        let versions = market.class(id).map_or(&[][..], |c| &c.versions);
        let numbered = (1..).map(VersionNumber).zip(versions);
        numbered.filter(|(_, v)| !v.withdrawn).map(move |(number, _)| (id, number))
    };
    (1..=classes).map(ClassId).flat_map(versions).collect()
}

pub fn offer(w: &mut World, node: &str) -> SignedOffer {
    // The head, not what is deep: a version may just have been withdrawn.
    let served = served(&w.refresh(Process::People).head());
    let (class, version) = served[w.dice.below(served.len() as u64) as usize];
    let offer = Offer {
        node: address(node),
        class,
        version,
        asset: COIN,
        prompt_price: units(3),
        completion_price: units(11),
        prompt_ceiling: 100,
        completion_ceiling: 10,
        session_s: 20 * 86_400,
        // The same for all, so that vouchers can be redeemed together.
        valid_until_s: super::chain::START_S + 1_000 * 86_400,
        min_deposit: Amount::ZERO,
        quota_deposit: Amount::ZERO,
        series: 0,
    };
    let signature = signed(w, node, &offer);
    SignedOffer { offer, signature }
}

fn answer<T>(result: Result<T, ConsumerError>) -> Result<T, LedgerError> {
    result.map_err(|error| match error {
        ConsumerError::Send(SendError::Ledger(error)) => error,
        other => panic!("{other}"),
    })
}

/// A consumer opens a session with a node.
pub fn open_session(w: &mut World, name: &'static str) -> Conversation {
    let offer = offer(w, name);
    let nonce = w.number();
    let deposit = SessionPayment::Deposit(units(500 + u128::from(w.dice.below(3_000))));
    let opened = w.persist(Process::People, |w| {
        let consumer = Consumer::new(w.account(Process::People, "consumer"), signer("consumer"));
        answer(block_on(consumer.open(nonce, &offer, deposit)))
    });
    let conversation = opened.unwrap_or_else(|e| panic!("open: {e:?}"));
    w.signed.insert(conversation.session, Amount::ZERO);
    conversation
}

/// A consumer opens a session with a node, honest or not, and talks over a bad network.
pub fn talk(w: &mut World) {
    let name = if w.dice.one_in(4) { "crook" } else { "node" };
    let mut conversation = open_session(w, name);
    let turns = w.dice.below(5);
    for turn in 0..turns {
        if w.dice.one_in(4) {
            // Within a reply or two.
            w.doom_within(Process::Node, 10);
        }
        if w.dice.one_in(6) {
            super::villains::withdraw(w, &conversation.offer.offer);
        }
        if !say(w, &mut conversation, name, turn) {
            break;
        }
    }
    let owed = conversation.owed();
    w.signed.insert(conversation.session, owed);
    assert_eq!(owed, price(&conversation), "the consumer owes what she got, at the price");
    if name == "node" {
        let standing = w.book().get(&conversation.session).copied().unwrap_or_default();
        assert!(standing.promised() <= owed && standing.owed >= owed, "{standing:?}, the consumer owes {owed}");
    }
}

/// What the replies of a conversation cost, and what was spoken in it.
pub fn price(conversation: &Conversation) -> Amount {
    let of = |prompt_tokens: u64| 3 * prompt_tokens + 11 * REPLY_TOKENS;
    let replies: u64 = conversation.receipts.iter().map(|r| of(r.receipt.receipt.prompt_tokens)).sum();
    let spoken: u64 = conversation.spoken.iter().map(|s| CHARACTER_PRICE * s.receipt.receipt.characters).sum();
    units((replies + spoken).into())
}

/// Says something until the answer comes; `false` if it cannot.
fn say(w: &mut World, conversation: &mut Conversation, name: &'static str, turn: u64) -> bool {
    let crooked = name == "crook";
    let said = Said::default();
    for _ in 0..60 {
        let (node, seed) = (w.node(name), w.number());
        let network = Network { node: &node, dice: Mutex::new(super::dice::Dice::new(seed)), said: &said };
        let consumer = Consumer::new(w.account(Process::People, "consumer"), signer("consumer"));
        let before = (conversation.next_turn(), conversation.owed());
        // What came before is paid first: then the words are still to be said.
        let words = format!("question {turn}");
        let done = if turn % 3 == 2 {
            speak(w, &consumer, conversation, &network, words)
        } else {
            block_on(consumer.say(conversation, &network, &words, &mut |_| {})).map(drop)
        };
        match done {
            Ok(()) => {
                assert!(!crooked, "a reply above its price was paid");
                return true;
            }
            Err(ConsumerError::Receipt { field, .. }) => {
                assert!(crooked && field == "sum owed", "{field} of an honest node");
                assert_eq!(before, (conversation.next_turn(), conversation.owed()), "she owes nothing for it");
                return false;
            }
            Err(ConsumerError::Node(NodeError::DepositExhausted { .. })) => return false,
            Err(ConsumerError::Node(
                NodeError::Transport { .. } | NodeError::Ledger { .. } | NodeError::Busy { .. } | NodeError::Market(_),
            )) => {
                w.chain.lock().unwrap().tick();
                // As a node does by itself, however often strangers ask.
                w.refresh(Process::Node);
                // The reply came, its payment did not get through.
                if conversation.next_turn() > before.0 {
                    settle(w, conversation, name, &said);
                    return true;
                }
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    panic!("a question never gets through");
}

/// Has the same words spoken, under what the node wants for it.
fn speak(
    w: &mut World,
    consumer: &Consumer,
    conversation: &mut Conversation,
    network: &Network<'_>,
    words: String,
) -> Result<(), ConsumerError> {
    let (class, version) = (conversation.offer.offer.class, conversation.offer.offer.version);
    // Told by the node as it is now: after a start, with another end.
    let until_s = super::chain::START_S + 1_000 * 86_400 + w.number() % 1_000;
    let terms = network.node.live(|provider| block_on(provider.speech_terms(class, version, until_s)));
    let lost = || NodeError::Transport { reason: "the terms got lost".into() };
    let terms = terms.and_then(Result::ok).flatten().ok_or_else(lost)?;
    let settings = SpeechSettings::default();
    block_on(consumer.talker().speak(conversation, network, &terms, words, settings, None, &mut |_| {})).map(drop)
}

/// Pays until the node has it.
fn settle(w: &mut World, conversation: &mut Conversation, name: &'static str, said: &Said) {
    for _ in 0..60 {
        let (node, seed) = (w.node(name), w.number());
        let network = Network { node: &node, dice: Mutex::new(super::dice::Dice::new(seed)), said };
        let consumer = Consumer::new(w.account(Process::People, "consumer"), signer("consumer"));
        if block_on(consumer.pay_owed(conversation, &network)).is_ok() {
            return;
        }
        w.chain.lock().unwrap().tick();
        w.refresh(Process::Node);
    }
    panic!("a voucher never gets through");
}

/// What the honest node was promised and has not redeemed, of sessions that are not over.
pub fn due(w: &mut World) -> Vec<(SessionId, SignedVoucher)> {
    let market = w.refresh(Process::Node).market();
    let due = |(id, page): (SessionId, Standing)| {
        market.session(id).filter(|s| !s.closed && s.redeemed < page.promised())?;
        page.paid.map(|paid| (id, paid))
    };
    w.book().into_iter().filter_map(due).collect()
}

/// The honest node redeems by itself, until it gets through: all that it has, or what is due within a margin.
pub fn collect(w: &mut World, margin: Option<Duration>) {
    w.sent += 1;
    let mut last = String::new();
    for _ in 0..60 {
        if margin.is_none() {
            // What is due is looked for by the node itself.
            w.refresh(Process::Node);
        }
        let node = w.node("node");
        let done = node.live(|provider| match margin {
            None => block_on(provider.redeem_all()),
            Some(margin) => block_on(provider.redeem_due(margin)),
        });
        match done {
            Some(Ok(refused)) => {
                let head = w.refresh(Process::Node).head();
                for (id, reason) in refused {
                    let (session, promised) = (head.session(id).cloned(), w.book()[&id].promised());
                    let redeemed = session.map(|s| s.redeemed);
                    assert_eq!(redeemed, Some(promised), "{id} is refused, and was not redeemed before: {reason}");
                }
                return;
            }
            Some(Err(error @ (NodeError::Ledger { .. } | NodeError::Market(_)))) => last = error.to_string(),
            Some(Err(error)) => panic!("redeem: {error}"),
            None => last = "the node died".into(),
        }
        w.chain.lock().unwrap().tick();
    }
    panic!("the node cannot redeem, at last {last}");
}

/// The honest node redeems what it has, all together; or its operator does, with a forged voucher among it.
pub fn redeem(w: &mut World) {
    let due = due(w);
    if due.is_empty() {
        return;
    }
    if w.dice.one_in(3) {
        let mut vouchers: Vec<_> = due.iter().map(|(_, paid)| (paid.voucher, paid.signature)).collect();
        let good = vouchers.len();
        let mut forged = vouchers[0].0;
        forged.cumulative = forged.cumulative.checked_add(units(1)).unwrap();
        let signature = signed(w, "node", &forged);
        vouchers.insert(0, (forged, signature));
        let key = made_up("redeem", w.number());
        let entries = w.persist(Process::Node, |w| {
            let ledger = w.ledger(Process::Node);
            block_on(ledger.redeem(&*signer("node"), key, vouchers.clone()))
        });
        let entries = entries.unwrap_or_else(|e| panic!("redeem: {e:?}"));
        let redeemed = entries.iter().filter(|e| matches!(e.transaction(), Some(Transaction::Redeem { .. }))).count();
        assert_eq!(redeemed, good, "a bad voucher stood in the way of others");
    } else {
        collect(w, None);
    }
    let head = w.refresh(Process::Node).head();
    for (id, paid) in &due {
        let redeemed = head.session(*id).map(|s| s.redeemed);
        assert_eq!(redeemed, Some(paid.voucher.cumulative), "what was promised by {id} is not redeemed");
    }
    if w.dice.one_in(2) {
        let (session, _) = due[0];
        w.must(Process::Node, "node", &format!("close {session}"), &Transaction::CloseSession { session });
    }
}
