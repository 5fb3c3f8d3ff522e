//! Bonds and disputes in the simulated market: the crook's replies are false, and its consumer doubts them; a second account doubts the honest
//! node's. The liar and the abstainer vote for what is false; of the honest, all vote or some.

use lazai::core::{Amount, TypedData};
use lazai::settle::Ledger;
use lazai::settle::dispute::Outcome;
use lazai::settle::market::Transaction;
use lazai::settle::session::{Receipt, SessionPayment, session_id};

use super::acts::{signed, units};
use super::network::made_up;
use super::talk::offer;
use super::world::{HONEST, Process, VALIDATORS, World, address};

const BOND: u128 = 1_000;

pub fn quarrel(w: &mut World) {
    let n = w.number();
    let is_true = w.dice.one_in(2);
    let (node, doubter) = if is_true { ("node", "second account") } else { ("crook", "consumer") };
    w.must(Process::Node, node, &format!("bond {n}"), &Transaction::PostBond { amount: units(BOND) });
    let under = offer(w, node);
    let nonce = 5_000_000 + n;
    let consumer = address(doubter);
    let session = session_id(w.deployment.ledger(), consumer, nonce, consumer, &under.offer);
    let open = Transaction::OpenSession {
        nonce,
        consumer,
        offer: under.offer.clone(),
        offer_signature: under.signature,
        payment: SessionPayment::Deposit(units(10)),
    };
    w.must(Process::People, doubter, &format!("quarrel {n}"), &open);
    let receipt = Receipt {
        session,
        turn: 1,
        request_digest: made_up("request", n),
        reply_digest: made_up("reply", n),
        prompt_tokens: 1,
        completion_tokens: 1,
        tokenizer_digest: made_up("tokenizer", n),
        temperature_milli: 700,
        top_p_milli: 900,
        seed: n,
        base_digest: made_up("base", n),
        adapter_digest: made_up("adapter", n),
        cumulative: units(1),
    };
    let (dispute, signature) = (receipt.hash_struct(), signed(w, node, &receipt));
    let stake = units(100 + u128::from(w.dice.below(400)));
    let doubt = Transaction::OpenDispute { receipt, signature, stake };
    let bond = |w: &mut World, name: &str| w.refresh(Process::People).head().bond_of(address(name)).total().unwrap();
    let before = bond(w, node);
    w.must(Process::People, doubter, &format!("doubt {n}"), &doubt);
    let again = w.send(Process::People, doubter, &format!("doubt again {n}"), &doubt);
    assert!(again.is_err(), "a receipt was disputed twice: {again:?}");
    let everybody = w.dice.one_in(2);
    let vote = |w: &mut World, name: &str, same| {
        // Decided before.
        let _ = w.send(Process::People, name, &format!("judge {n}"), &Transaction::VoteOnDispute { dispute, same });
    };
    for name in &VALIDATORS[HONEST..] {
        vote(w, name, !is_true);
    }
    if w.dice.one_in(3) {
        w.doom(Process::People);
    }
    for name in &VALIDATORS[..HONEST] {
        if everybody || w.dice.one_in(2) {
            vote(w, name, is_true);
        }
    }
    let market = w.refresh(Process::People).head();
    let outcome = market.dispute(dispute).expect("it was opened").outcome;
    let truth = if is_true { Outcome::Same } else { Outcome::Other };
    assert!(outcome.is_none_or(|o| o == truth), "dispute {n}: {outcome:?} of a reply that is true: {is_true}");
    assert!(outcome.is_some() || !everybody, "dispute {n}: all the honest voted, and it is not decided");
    let lost = if outcome == Some(Outcome::Other) { stake } else { Amount::ZERO };
    assert_eq!(bond(w, node), before.checked_sub(lost).unwrap(), "the bond of {node}");
}
