//! Bonds and disputes about replies: who may, when, and who pays.
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::digest::sha256;
use lazai_core::*;
use lazai_settle::dispute::{Bond, DISPUTE_VOTE_WINDOW_S, DISPUTE_WINDOW_S, Outcome, TrainingDoubt};
use lazai_settle::governance::Measure;
use lazai_settle::market::{Event, POOL};
use lazai_settle::session::Receipt;
use lazai_settle::{MarketError, Params, Transaction};
use world::*;

macro_rules! refused {
    ($result:expr, $error:pat) => {
        let result = $result;
        assert!(matches!(result, Err($error)), "{result:?}");
    };
}

const DAY_S: u64 = 86_400;

fn units(n: u128) -> Amount {
    Amount::from_base_units(n)
}

fn receipt(session: SessionId, turn: u32) -> Receipt {
    Receipt {
        session,
        turn,
        request_digest: sha256(b"request"),
        reply_digest: sha256(b"reply"),
        prompt_tokens: 11,
        completion_tokens: 10,
        tokenizer_digest: sha256(b"tokenizer"),
        temperature_milli: 700,
        top_p_milli: 900,
        seed: 5,
        base_digest: sha256(b"base"),
        adapter_digest: sha256(b"adapter"),
        cumulative: units(41),
    }
}

/// A world with a session at the node, which has a bond of 1,000; node and session key have 1,000 more.
fn bonded() -> (World, SessionId) {
    let mut world = World::minted();
    for (who, amount) in [(NODE, 2_000), (SESSION_KEY, 1_000), (VALIDATORS[0], 1_000)] {
        give(&mut world, who, amount);
    }
    world.act(NODE, Transaction::PostBond { amount: units(1_000) }).unwrap();
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    (world, session)
}

fn give(world: &mut World, who: u8, amount: u128) {
    let transfer = Transaction::Transfer { to: address(who), asset: Asset::NATIVE, amount: units(amount) };
    world.act(CONSUMER, transfer).unwrap();
}

fn doubt(world: &World, receipt: &Receipt, stake: u128) -> Transaction {
    let signature = world.signed(NODE, receipt);
    Transaction::OpenDispute { receipt: receipt.clone(), signature, stake: units(stake) }
}

/// A dispute that the session's consumer opened.
fn disputed(stake: u128) -> (World, Digest) {
    let (mut world, session) = bonded();
    let receipt = receipt(session, 1);
    world.act(SESSION_KEY, doubt(&world, &receipt, stake)).unwrap();
    (world, receipt.hash_struct())
}

fn vote(world: &mut World, who: u8, dispute: Digest, same: bool) -> Result<Vec<Event>, MarketError> {
    world.act(who, Transaction::VoteOnDispute { dispute, same })
}

fn pool(world: &World) -> u128 {
    world.market.balance(POOL, Asset::NATIVE).base_units()
}

fn bond(world: &World) -> (u128, u128, u128) {
    let Bond { bonded, leaving, locked, .. } = world.market.bond_of(address(NODE));
    (bonded.base_units(), leaving.base_units(), locked.base_units())
}

#[test]
fn two_thirds_against_a_reply_cost_its_node_what_was_at_stake() {
    let (mut world, id) = disputed(101);
    assert_eq!((world.balance(SESSION_KEY), bond(&world)), (899, (899, 0, 101)));
    for validator in &VALIDATORS[..2] {
        vote(&mut world, *validator, id, false).unwrap();
    }
    let events = vote(&mut world, VALIDATORS[2], id, false).unwrap();
    // A quarter, floored, for the challenger; the rest for the pool.
    assert!(events.contains(&Event::DisputeDecided { dispute: id, outcome: Outcome::Other, reward: units(25) }));
    assert_eq!((world.balance(SESSION_KEY), pool(&world), bond(&world)), (1_025, 76, (899, 0, 0)));
    refused!(vote(&mut world, VALIDATORS[3], id, false), MarketError::DisputeRefused { .. });
    refused!(world.act(STRANGER, Transaction::LapseDispute { dispute: id }), MarketError::DisputeRefused { .. });
}

#[test]
fn two_thirds_for_a_reply_cost_the_challenger_what_was_at_stake() {
    let (mut world, id) = disputed(101);
    for validator in &VALIDATORS[1..] {
        vote(&mut world, *validator, id, true).unwrap();
    }
    assert_eq!(world.market.dispute(id).unwrap().outcome, Some(Outcome::Same));
    assert_eq!((world.balance(SESSION_KEY), world.balance(NODE)), (899, 1_025));
    assert_eq!((pool(&world), bond(&world)), (76, (1_000, 0, 0)));
}

#[test]
fn without_two_thirds_of_all_nobody_loses() {
    // Two of four are none; the votes may be as they like.
    for votes in [vec![], vec![false, false], vec![true, false, true], vec![false, true, false]] {
        let (mut world, id) = disputed(100);
        for (validator, same) in VALIDATORS.iter().zip(&votes) {
            vote(&mut world, *validator, id, *same).unwrap();
        }
        let lapse = Transaction::LapseDispute { dispute: id };
        world.now_s += DISPUTE_VOTE_WINDOW_S;
        refused!(world.act(STRANGER, lapse.clone()), MarketError::DisputeRefused { .. });
        world.now_s += 1;
        refused!(vote(&mut world, VALIDATORS[3], id, false), MarketError::DisputeRefused { .. });
        world.act(STRANGER, lapse).unwrap();
        assert_eq!((world.balance(SESSION_KEY), world.balance(NODE), pool(&world)), (1_000, 1_000, 0));
        assert_eq!(bond(&world), (1_000, 0, 0));
    }
    // Two against two: nothing is left to wait for.
    let (mut world, id) = disputed(100);
    for (validator, same) in VALIDATORS.iter().zip([true, false, true, false]) {
        vote(&mut world, *validator, id, same).unwrap();
    }
    assert_eq!(world.market.dispute(id).unwrap().outcome, Some(Outcome::Undecided));
    assert_eq!((world.balance(SESSION_KEY), bond(&world)), (1_000, (1_000, 0, 0)));
}

#[test]
fn who_doubts_is_the_sessions_consumer_or_payer_and_shows_what_its_node_signed() {
    let (mut world, session) = bonded();
    let own = receipt(session, 1);
    let with = |receipt: &Receipt, signature| Transaction::OpenDispute {
        receipt: receipt.clone(),
        signature,
        stake: units(10),
    };
    refused!(world.act(STRANGER, doubt(&world, &own, 10)), MarketError::NotAllowed { .. });
    // One that the consumer, or another node, made.
    for who in [SESSION_KEY, OTHER_NODE] {
        let signature = world.signed(who, &own);
        refused!(world.act(SESSION_KEY, with(&own, signature)), MarketError::Signature { .. });
    }
    // One of another session, though it is the same node's.
    let (unknown, signature) = (receipt(SessionId::ZERO, 1), world.signed(NODE, &receipt(session, 1)));
    refused!(world.act(SESSION_KEY, doubt(&world, &unknown, 10)), MarketError::UnknownSession { .. });
    let mut changed = own.clone();
    changed.reply_digest = sha256(b"another");
    refused!(world.act(SESSION_KEY, with(&changed, signature)), MarketError::Signature { .. });
    // One of another ledger.
    let elsewhere = World::minted().signed(NODE, &own);
    refused!(world.act(SESSION_KEY, with(&own, elsewhere)), MarketError::Signature { .. });
    world.act(CONSUMER, doubt(&world, &own, 10)).unwrap();
    refused!(world.act(SESSION_KEY, doubt(&world, &own, 10)), MarketError::DisputeRefused { .. });
    // After it was decided, too.
    for validator in &VALIDATORS[..3] {
        vote(&mut world, *validator, own.hash_struct(), false).unwrap();
    }
    refused!(world.act(SESSION_KEY, doubt(&world, &own, 10)), MarketError::DisputeRefused { .. });
}

#[test]
fn no_more_is_locked_than_is_free_and_no_less_is_risked_than_the_market_asks() {
    let (mut world, session) = bonded();
    refused!(world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 0)), MarketError::InsufficientStake { .. });
    world.act(NODE, Transaction::PostBond { amount: units(500) }).unwrap();
    refused!(world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 1_001)), MarketError::InsufficientFunds { .. });
    world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 600)).unwrap();
    refused!(world.act(CONSUMER, doubt(&world, &receipt(session, 2), 901)), MarketError::InsufficientStake { .. });
    world.act(CONSUMER, doubt(&world, &receipt(session, 2), 900)).unwrap();
    assert_eq!(bond(&world), (0, 0, 1_500));
    world.market.enact(&Measure::ApplyParameters(Params { challenge_bond: units(50), ..Params::default() })).unwrap();
    refused!(world.act(CONSUMER, doubt(&world, &receipt(session, 3), 49)), MarketError::InsufficientStake { .. });
}

#[test]
fn a_bond_leaves_after_every_session_of_before_and_can_be_locked_until_then() {
    let (mut world, session) = bonded();
    refused!(world.act(NODE, Transaction::TakeBond), MarketError::InsufficientStake { .. });
    refused!(world.act(NODE, Transaction::LeaveBond { amount: units(1_001) }), MarketError::InsufficientStake { .. });
    world.act(NODE, Transaction::LeaveBond { amount: units(700) }).unwrap();
    let leaves_s = world.market.bond_of(address(NODE)).available_at_s;
    assert_eq!(leaves_s, world.now_s + 3_600 + 14 * DAY_S + DISPUTE_WINDOW_S);
    assert!(leaves_s > world.now_s + DAY_S + 3_600 + DISPUTE_WINDOW_S, "longer than of any session");
    world.now_s = leaves_s;
    refused!(world.act(NODE, Transaction::TakeBond), MarketError::Unbonding { .. });
    // Longer than any receipt of before can be disputed.
    refused!(world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 10)), MarketError::DisputeRefused { .. });
    world.now_s += 1;
    world.act(NODE, Transaction::TakeBond).unwrap();
    assert_eq!((world.balance(NODE), bond(&world)), (1_700, (300, 0, 0)));
}

#[test]
fn what_was_leaving_goes_back_to_leave_and_what_is_locked_stays() {
    let (mut world, session) = bonded();
    world.act(NODE, Transaction::LeaveBond { amount: units(700) }).unwrap();
    let leaves_s = world.market.bond_of(address(NODE)).available_at_s;
    let last_s = world.market.session(session).unwrap().deadline_s + DISPUTE_WINDOW_S;
    world.now_s = last_s;
    world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 500)).unwrap();
    assert_eq!(bond(&world), (0, 500, 500));
    // A node that leaves in time leaves without what is doubted.
    world.now_s = leaves_s + 1;
    world.act(NODE, Transaction::TakeBond).unwrap();
    assert_eq!((world.balance(NODE), bond(&world)), (1_500, (0, 0, 500)));
    world.act(STRANGER, Transaction::LapseDispute { dispute: receipt(session, 1).hash_struct() }).unwrap();
    assert_eq!(bond(&world), (300, 200, 0));
    world.act(NODE, Transaction::TakeBond).unwrap();
    assert_eq!((world.balance(NODE), bond(&world)), (1_700, (300, 0, 0)));
}

#[test]
fn the_window_follows_the_sessions_end_whether_it_is_closed_or_redeemed() {
    let (mut world, session) = bonded();
    world.redeem(NODE, world.voucher(session, NODE, 41)).unwrap();
    world.act(CONSUMER, Transaction::CloseSession { session }).unwrap();
    let end_s = world.market.session(session).unwrap().final_at_s.unwrap();
    world.act(NODE, Transaction::CloseSession { session }).unwrap();
    world.now_s = end_s + DISPUTE_WINDOW_S;
    let late = Receipt { turn: 2, ..receipt(session, 1) };
    world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 10)).unwrap();
    world.now_s += 1;
    refused!(world.act(SESSION_KEY, doubt(&world, &late, 10)), MarketError::DisputeRefused { .. });
}

#[test]
fn a_party_does_not_vote_and_nobody_votes_twice() {
    let mut world = World::minted();
    // The consumer is a validator, too.
    let key = VALIDATORS[3];
    give(&mut world, NODE, 1_000);
    give(&mut world, key, 100);
    world.act(NODE, Transaction::PostBond { amount: units(1_000) }).unwrap();
    let offer = world.offer(NODE);
    let id = lazai_settle::session::session_id(world.market.ledger(), address(CONSUMER), 1, address(key), &offer);
    let open = Transaction::OpenSession {
        nonce: 1,
        consumer: address(key),
        offer_signature: world.signed(NODE, &offer),
        offer,
        payment: deposit(100),
    };
    world.act(CONSUMER, open).unwrap();
    let own = receipt(id, 1);
    world.act(key, doubt(&world, &own, 100)).unwrap();
    let dispute = own.hash_struct();
    for who in [key, STRANGER, NODE] {
        refused!(vote(&mut world, who, dispute, false), MarketError::NotAllowed { .. });
    }
    vote(&mut world, VALIDATORS[0], dispute, true).unwrap();
    refused!(vote(&mut world, VALIDATORS[0], dispute, false), MarketError::NotAllowed { .. });
    vote(&mut world, VALIDATORS[1], dispute, true).unwrap();
    // Two of the three who may: of all four they are too few.
    assert_eq!(world.market.dispute(dispute).unwrap().outcome, None);
    vote(&mut world, VALIDATORS[2], dispute, true).unwrap();
    assert_eq!(world.market.dispute(dispute).unwrap().outcome, Some(Outcome::Same));
    refused!(vote(&mut world, VALIDATORS[2], sha256(b"unknown"), true), MarketError::UnknownDispute { .. });
}

#[test]
fn weights_are_those_of_the_moment_it_was_opened() {
    let (mut world, id) = disputed(100);
    for (validator, weight) in [(address(VALIDATORS[0]), 0), (address(STRANGER), 100)] {
        world.market.enact(&Measure::SetValidator { validator, weight }).unwrap();
    }
    refused!(vote(&mut world, STRANGER, id, true), MarketError::NotAllowed { .. });
    for validator in &VALIDATORS[..3] {
        vote(&mut world, *validator, id, false).unwrap();
    }
    assert_eq!(world.market.dispute(id).unwrap().outcome, Some(Outcome::Other));
}

#[test]
fn where_those_who_may_vote_are_too_few_nothing_is_opened() {
    let (mut world, session) = bonded();
    // The node has more than a third.
    world.market.enact(&Measure::SetValidator { validator: address(NODE), weight: 3 }).unwrap();
    refused!(world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 10)), MarketError::DisputeRefused { .. });
    world.market.enact(&Measure::SetValidator { validator: address(NODE), weight: 2 }).unwrap();
    world.act(SESSION_KEY, doubt(&world, &receipt(session, 1), 10)).unwrap();
    for validator in VALIDATORS {
        world.market.enact(&Measure::SetValidator { validator: address(validator), weight: 0 }).unwrap();
    }
    world.market.enact(&Measure::SetValidator { validator: address(NODE), weight: 0 }).unwrap();
    refused!(world.act(SESSION_KEY, doubt(&world, &receipt(session, 2), 10)), MarketError::DisputeRefused { .. });
    // A set of one decides alone, unless it is a party.
    world.market.enact(&Measure::SetValidator { validator: address(VALIDATORS[0]), weight: 1 }).unwrap();
    world.act(SESSION_KEY, doubt(&world, &receipt(session, 2), 10)).unwrap();
    vote(&mut world, VALIDATORS[0], receipt(session, 2).hash_struct(), true).unwrap();
    assert_eq!(world.balance(SESSION_KEY), 1_000 - 20);
}

#[test]
fn a_dispute_with_oneself_moves_no_bond_out_but_for_three_quarters() {
    let mut world = World::minted();
    give(&mut world, NODE, 2_000);
    world.act(NODE, Transaction::PostBond { amount: units(1_000) }).unwrap();
    let offer = world.offer(NODE);
    let id = lazai_settle::session::session_id(world.market.ledger(), address(NODE), 1, address(NODE), &offer);
    let open = Transaction::OpenSession {
        nonce: 1,
        consumer: address(NODE),
        offer_signature: world.signed(NODE, &offer),
        offer,
        payment: deposit(0),
    };
    world.act(NODE, open).unwrap();
    world.act(NODE, doubt(&world, &receipt(id, 1), 1_000)).unwrap();
    for validator in &VALIDATORS[..3] {
        vote(&mut world, *validator, receipt(id, 1).hash_struct(), false).unwrap();
    }
    assert_eq!((world.balance(NODE), bond(&world), pool(&world)), (1_250, (0, 0, 0), 750));
}

fn doubt_training(id: SubmissionId, state: u32, stake: u128) -> Transaction {
    Transaction::DisputeTraining { submission: id, state, stake: units(stake) }
}

#[test]
fn a_training_is_doubted_by_who_had_a_part_in_the_dataset_once_for_a_state_and_in_time() {
    let mut world = World::minted();
    for who in [EXEX, CREATOR, WRITERS[0], STRANGER] {
        give(&mut world, who, 1_000);
    }
    world.act(EXEX, Transaction::PostBond { amount: units(1_000) }).unwrap();
    let id = world.submission_id(1);
    refused!(world.act(STRANGER, doubt_training(id, 3, 100)), MarketError::NotAllowed { .. });
    refused!(world.act(WRITERS[0], doubt_training(SubmissionId::ZERO, 3, 100)), MarketError::UnknownSubmission { .. });
    let waiting = world.accepted(2);
    refused!(world.act(WRITERS[0], doubt_training(waiting, 3, 100)), MarketError::DisputeRefused { .. });
    world.act(WRITERS[0], doubt_training(id, 3, 101)).unwrap();
    refused!(world.act(WRITERS[0], doubt_training(id, 3, 100)), MarketError::DisputeRefused { .. });
    world.act(CREATOR, doubt_training(id, 3, 100)).unwrap();
    let name = |who: u8, state| TrainingDoubt { submission: id, state, challenger: address(who) }.hash_struct();
    for validator in &VALIDATORS[..3] {
        vote(&mut world, *validator, name(WRITERS[0], 3), false).unwrap();
        vote(&mut world, *validator, name(CREATOR, 3), true).unwrap();
    }
    assert_eq!((world.balance(WRITERS[0]), world.balance(CREATOR), world.balance(EXEX)), (1_025, 900, 25));
    assert_eq!(pool(&world), 76 + 75);
    let last_s = world.market.mintable_until_s(id).unwrap() + DISPUTE_WINDOW_S;
    world.act(EXEX, Transaction::LeaveBond { amount: units(899) }).unwrap();
    world.now_s = last_s;
    world.act(WRITERS[0], doubt_training(id, 4, 100)).unwrap();
    world.now_s += 1;
    refused!(world.act(WRITERS[0], doubt_training(id, 5, 100)), MarketError::DisputeRefused { .. });
    // What left meanwhile was still there to be locked.
    world.act(EXEX, Transaction::TakeBond).unwrap();
    assert_eq!(world.balance(EXEX), 25 + 799);
}
