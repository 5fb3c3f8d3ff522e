//! Who tries to have what is not theirs in the simulated market: the crook, the cheat, the consumer who leaves without
//! paying and the creator who helps, the minter of quota.

use std::time::Duration;

use lazai::core::Amount;
use lazai::node::{Node, NodeError};
use lazai::settle::Ledger;
use lazai::settle::market::Transaction;
use lazai::settle::notice::Entry;
use lazai::settle::session::{Offer, SessionPayment, session_id};
use pollster::block_on;

use super::acts::{signed, units};
use super::garbage::request;
use super::network::{COIN, made_up};
use super::talk::{collect, due, offer, served};
use super::world::{COINS, Process, Refusal, World, address, signer};

/// The crook tries to have what is not its own.
pub fn steal(w: &mut World) {
    let n = w.number();
    let paid: Vec<_> = w.book().values().filter_map(|p| p.paid).collect();
    let Some(loot) = paid.get(w.dice.below(paid.len() as u64) as usize) else { return };
    let (voucher, signature) = (loot.voucher, loot.signature);
    let mut more = voucher;
    more.cumulative = more.cumulative.checked_add(units(5)).unwrap();
    let tries = [
        // Another node's voucher; one that it signed itself; an honest node's greed.
        ("crook", Transaction::Redeem { voucher, signature }),
        ("node", Transaction::Redeem { voucher: more, signature: signed(w, "node", &more) }),
        ("node", Transaction::Redeem { voucher: more, signature }),
        ("crook", Transaction::CloseSession { session: voucher.session }),
    ];
    let (name, wanted) = &tries[w.dice.below(4) as usize];
    let stolen = w.send(Process::Node, name, &format!("steal {n}"), wanted);
    assert!(stolen.is_err(), "{name} got through with {wanted:?}: {stolen:?}");
}

/// The cheat spends what she does not have, or spends it twice.
pub fn overspend(w: &mut World) {
    let n = w.number();
    let offer = offer(w, "node");
    let open = |nonce, deposit| Transaction::OpenSession {
        nonce,
        consumer: address("cheat"),
        offer: offer.offer.clone(),
        offer_signature: offer.signature,
        payment: SessionPayment::Deposit(units(deposit)),
    };
    let too_much = w.send(Process::People, "cheat", &format!("rich {n}"), &open(n, COINS + 1));
    assert!(too_much.is_err(), "more than there is was deposited: {too_much:?}");
    // All she has, twice: the second time it is gone.
    let wallet = w.chain.lock().unwrap().coins(lazai::settle::ledger::evm::abi::to_evm(address("cheat")));
    let all = u128::try_from(wallet).unwrap() / 2 + 1;
    w.must(Process::People, "cheat", &format!("once {n}"), &open(n + 1_000_000, all));
    let twice = w.send(Process::People, "cheat", &format!("twice {n}"), &open(n + 2_000_000, all));
    assert!(twice.is_err(), "the same coins were spent twice: {twice:?}");
    let (ledger, cheat) = (w.deployment.ledger(), address("cheat"));
    let session = session_id(ledger, cheat, n + 1_000_000, cheat, &offer.offer);
    let close = Transaction::CloseSession { session };
    w.must(Process::People, "cheat", &format!("ask {n}"), &close);
    let early = w.send(Process::People, "cheat", &format!("early {n}"), &close);
    assert!(early.is_err(), "a payer ended her session before the dispute window was over");
    w.must(Process::Node, "node", &format!("give back {n}"), &close);
    let amount = w.native(Process::Node, "cheat");
    let key = made_up("back", n);
    let back = w.persist(Process::People, |w| {
        let ledger = w.ledger(Process::People);
        block_on(ledger.withdraw(&*signer("cheat"), key, COIN, amount))
    });
    back.unwrap_or_else(|e| panic!("withdraw {amount}: {e:?}"));
}

/// The creator takes the version of an offer out of service; what was opened under it goes on.
pub fn withdraw(w: &mut World, under: &Offer) {
    let n = w.number();
    let open = served(&w.refresh(Process::People).head());
    // One version at least stays, or nobody can talk any more.
    if open.len() > 1 && open.contains(&(under.class, under.version)) {
        let withdraw = Transaction::WithdrawVersion { class: under.class, version: under.version };
        w.must(Process::People, "creator", &format!("withdraw {n}"), &withdraw);
        w.refresh(Process::Node);
    }
}

/// A consumer asks for the end at the worst moment for the node: what it was promised is not redeemed yet, and the creator may
/// withdraw the version in the same moment. The node has its window, and is paid.
pub fn leave(w: &mut World) {
    let n = w.number();
    let market = w.refresh(Process::Node).market();
    let mut due = due(w);
    due.retain(|(id, _)| market.session(*id).is_some_and(|s| s.final_at_s.is_none()));
    let Some((session, paid)) = due.get(w.dice.below(due.len() as u64) as usize).copied() else { return };
    let under = market.session(session).expect("it is due").offer.clone();
    if w.dice.one_in(3) {
        withdraw(w, &under);
    }
    let close = Transaction::CloseSession { session };
    w.must(Process::People, "consumer", &format!("leave {n}"), &close);
    // What is said from now on may never be paid.
    w.refresh(Process::Node);
    w.spare(Process::Node);
    let node = w.node("node");
    let next = block_on(node.provider.standing(session)).unwrap().turn + 1;
    let heard = block_on(node.chat(&request(w, session, next, "consumer"), &mut |_| {}));
    assert!(matches!(heard, Err(NodeError::NotServed { .. })), "served on, after the end was asked for: {heard:?}");
    if w.dice.one_in(3) {
        w.doom_within(Process::Node, 40);
    }
    w.deceive();
    // It looks for such sessions by itself.
    collect(w, Some(Duration::from_secs(3_600)));
    let redeemed = w.refresh(Process::Node).head().session(session).map(|s| s.redeemed);
    assert_eq!(
        redeemed,
        Some(paid.voucher.cumulative),
        "session {session} may end, and what was promised is not redeemed"
    );
    w.chain.lock().unwrap().leap(4_000);
    // Whoever ends it. A reorganisation may have taken time back: then it is a moment too early.
    let _ = w.send(Process::Node, "crook", &format!("end {n}"), &close);
}

/// The owner of a class hands out quota without limit, and puts aside enough for one session: one is opened.
pub fn mint_quota(w: &mut World) {
    const WORTH: u128 = 70;
    let n = w.number();
    let mut offer = offer(w, "node");
    let class = offer.offer.class;
    let mint = Transaction::MintToken { class, to: address("cheat"), value: u64::MAX, shares: 0, expire_at_s: 0 };
    w.must(Process::People, "creator", &format!("quota {n}"), &mint);
    let market = w.refresh(Process::People).market();
    let token = lazai::core::TokenId(market.counts().1);
    let mut open = |w: &mut World, nonce: u64, worth: u128| {
        offer.offer.quota_deposit = units(worth);
        let open = Transaction::OpenSession {
            nonce: 10 * n + nonce + 3_000_000,
            consumer: address("cheat"),
            offer: offer.offer.clone(),
            offer_signature: signed(w, "node", &offer.offer),
            payment: SessionPayment::Quota(token),
        };
        w.send(Process::People, "cheat", &format!("by quota {n} {nonce}"), &open)
    };
    // Rules and contracts say so alike: a contract alone would be told as `Reverted`.
    let refused = |opened: Result<Entry, Refusal>, worth: u128| {
        assert!(matches!(opened, Err(Refusal::Market(_))), "quota worth {worth} with nothing behind it: {opened:?}");
    };
    // What the offer does not speak of is not served.
    refused(open(w, 1, 0), 0);
    let aside = market.fund(class, COIN).amount;
    if aside == Amount::ZERO {
        refused(open(w, 2, WORTH), WORTH);
    }
    // Enough for one, not for two.
    let more = units(WORTH + 1 + u128::from(w.dice.below(WORTH as u64 - 1))).checked_sub(aside).unwrap_or_default();
    let key = made_up("aside", n);
    let brought = w.persist(Process::People, |w| {
        let ledger = w.ledger(Process::People);
        block_on(ledger.deposit(&*signer("creator"), key, COIN, more.max(units(1))))
    });
    brought.unwrap_or_else(|e| panic!("deposit: {e:?}"));
    let sponsor = Transaction::Sponsor { class, asset: COIN, amount: more, per_unit: units(WORTH) };
    w.must(Process::People, "creator", &format!("aside {n}"), &sponsor);
    // There would be enough, but a unit is not worth as much.
    refused(open(w, 5, WORTH + 1), WORTH + 1);
    let first = open(w, 3, WORTH);
    assert!(first.is_ok(), "a session that its class put money aside for: {first:?}");
    refused(open(w, 4, WORTH), WORTH);
}
