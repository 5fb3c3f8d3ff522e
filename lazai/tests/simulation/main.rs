//! A whole market from one seed: on a chain that undoes up to twelve blocks, over a network that loses, doubles and
//! reorders, with processes that die at any call. Nodes are the product's [`Provider`](lazai::provider::Provider) with words of
//! a stand-in; they die at every step of a reply, too, and are opened again from their folders.
//!
//! Who is there, beside the honest: a node that overcharges and steals; a validator that lies and equivocates; one that
//! abstains and has the honest accused; consumers who spend twice, who ask many times at once, and who ask for the end at every bad
//! moment; a creator who withdraws versions and mints quota; a stranger with garbage; a provider of the chain that lies to
//! one process; nodes that answer for replies with bonds, and those who doubt them rightly or not. Whatever happens, the invariants at the end of this file hold.
//!
//! A slice runs here; `cargo xtask soak market` runs ten thousand. A failure names its seed:
//! `LAZAI_MARKET_SEED=n cargo test -p lazai --features evm --test simulation`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::arithmetic_side_effects)]
#![allow(missing_docs, clippy::too_many_arguments, reason = "what `sol!` writes")]

mod acts;
mod chain;
mod crowd;
mod dice;
mod forged;
mod garbage;
mod lies;
mod network;
mod node;
mod people;
mod quarrels;
mod sales;
mod settled;
mod talk;
mod villains;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use lazai::core::{Address, Digest};
use lazai::settle::Ledger;
use lazai::settle::ledger::evm::abi::{Settlement, to_evm};
use lazai::settle::market::{Event, SubmissionStatus};
use lazai::settle::notice::Cursor;
use pollster::block_on;

use network::COIN;
use world::{COINS, HONEST, PROCESSES, Process, VALIDATORS, World, address};

/// Things that are done in one market, beside its founding.
const ACTS: u32 = 16;

#[derive(Default)]
struct Tally {
    sent: u64,
    reorganised: u64,
    crashes: u64,
    lies: u64,
}

fn run(seed: u64, tally: &mut Tally) {
    let mut world = World::new(seed);
    let before = chain::all_coins(&world.chain.lock().unwrap());
    acts::found(&mut world);
    for _ in 0..ACTS {
        if world.dice.one_in(2) {
            world.deceive();
        }
        acts::random(&mut world);
        let process = PROCESSES[world.dice.below(3) as usize];
        world.check_confirmed(process);
    }
    check(&mut world, before);
    tally.lies += world.stop_lies();
    tally.sent += world.sent;
    tally.crashes += world.crashes;
    tally.reorganised += world.chain.lock().unwrap().reorganised;
}

/// When the storm is over, everybody sees the same market, and it is the one that the rules allow.
fn check(w: &mut World, coins_before: U256) {
    w.chain.lock().unwrap().deepest = 0;
    w.stop_lies();
    talk::collect(w, None);
    for _ in 0..2 * w.pace.depth {
        w.chain.lock().unwrap().tick();
    }
    for process in PROCESSES {
        w.check_confirmed(process);
    }
    let ledgers = PROCESSES.map(|process| w.refresh(process));
    let market = ledgers[0].head();
    for ledger in &ledgers {
        assert!(ledger.head() == market, "two processes read different markets");
        assert_eq!(ledger.checkpoint(), ledgers[0].checkpoint());
    }
    money(w, coins_before);
    once(w);
    submissions(w);
    sessions(w);
    let waiting = acts::follow(w);
    let accepted =
        |id: &lazai::core::SubmissionId| market.submission(*id).is_some_and(|s| s.status == SubmissionStatus::Accepted);
    let expected: Vec<_> = w.submissions.keys().copied().filter(accepted).collect();
    let mut found = waiting.clone();
    found.sort_unstable();
    assert_eq!(found, expected, "the ExEx waits for what is accepted, and for nothing else");
}

/// No coin appeared or vanished; what the contracts hold is what the market says, account by account.
fn money(w: &mut World, coins_before: U256) {
    let market = w.ledger(Process::People).head();
    let chain = w.chain.lock().unwrap();
    assert_eq!(chain::all_coins(&chain), coins_before, "coins of everybody");
    let contracts = w.deployment.contracts;
    let disputes = to_evm(contracts.disputes.expect("it was deployed"));
    let held =
        chain.coins(to_evm(contracts.settlement)) + chain.coins(to_evm(contracts.quorum)) + chain.coins(disputes);
    assert_eq!(held, U256::from(market.total(COIN).unwrap().base_units()), "coins that the contracts hold");
    let accounts: Vec<Address> =
        ["creator", "writer", "exex", "node", "crook", "consumer", "cheat", "reporter", "second account", "liar"]
            .map(address)
            .into_iter()
            .chain([contracts.timelock])
            .collect();
    for account in accounts {
        let question = Settlement::balanceOfCall { account: to_evm(account), asset: to_evm(COIN.0) };
        let answer = chain.ask(to_evm(contracts.settlement), question.abi_encode().into()).unwrap();
        let found = Settlement::balanceOfCall::abi_decode_returns(&answer).unwrap();
        let expected = market.balance(account, COIN);
        assert_eq!(found, U256::from(expected.base_units()), "balance of {}", chain::told(to_evm(account)));
    }
    assert!(coins_before >= U256::from(COINS));
}

/// Each thing that somebody asked for once was done once.
fn once(w: &mut World) {
    let ledger = w.ledger(Process::People);
    let mut keys: BTreeMap<(Address, Digest), Digest> = BTreeMap::new();
    let mut minted = BTreeMap::new();
    for notice in block_on(ledger.notices(&Cursor::new())).unwrap_or_default() {
        let (_, Some(new)) = notice.parts() else { continue };
        for entry in new.entries {
            if let (Some(key), Some(hash)) = (entry.origin.key(), entry.origin.transaction_hash()) {
                let first = *keys.entry((entry.sender, key)).or_insert(hash);
                assert_eq!(first, hash, "{} did {:?} twice", entry.sender, entry.action);
            }
            for event in &entry.events {
                if let Event::VersionMinted { submission, .. } = event {
                    *minted.entry(*submission).or_insert(0) += 1;
                }
            }
        }
    }
    assert!(minted.values().all(|&times| times == 1), "a submission was minted twice");
    // Nor was anything signed for it after that, whether it failed or not.
    let mut done = BTreeSet::new();
    for (sender, key, hash) in w.chain.lock().unwrap().keyed() {
        let of_key = (sender, key);
        assert!(!done.contains(&of_key), "{sender} signed a second transaction of what was done: {hash}");
        if keys.get(&of_key) == Some(&hash) {
            done.insert(of_key);
        }
    }
}

/// One liar of seven, and one who abstains to doubt the others, neither get a bad dataset accepted nor a good one
/// rejected; nor does any honest validator ever lose stake.
fn submissions(w: &mut World) {
    let market = w.ledger(Process::People).head();
    for (id, good) in &w.submissions {
        let status = &market.submission(*id).expect("it was submitted").status;
        let accepted = matches!(status, SubmissionStatus::Accepted | SubmissionStatus::Minted { .. });
        assert_eq!(accepted, *good, "submission {id} is {status:?}");
    }
    for name in &VALIDATORS[..HONEST] {
        let stake = market.stake_of(address(name)).bonded;
        assert_eq!(stake.base_units(), acts::STAKE, "stake of {name}, who never lied");
    }
}

/// Nobody gets more than was signed for; an honest node loses at most one reply, and has whatever it was promised; an
/// honest consumer loses nothing.
fn sessions(w: &mut World) {
    let market = w.ledger(Process::People).head();
    let book = w.book();
    for id in book.keys() {
        assert!(w.signed.contains_key(id), "the node keeps something of session {id}, which nobody opened to talk");
    }
    for (id, signed) in &w.signed {
        let session = market.session(*id).expect("it was opened");
        assert!(session.redeemed <= *signed, "{} were redeemed of {signed} signed", session.redeemed);
        let Some(page) = book.get(id) else { continue };
        assert!(page.promised() <= *signed, "{} are promised by {id}, {signed} were signed", page.promised());
        let unpaid = page.owed.checked_sub(page.promised()).expect("a node is never paid ahead");
        assert_eq!(session.redeemed, page.promised(), "session {id}: what was promised is not what was redeemed");
        assert!(unpaid <= session.offer.step().unwrap(), "{unpaid} are not paid");
    }
}

#[test]
fn a_market_in_a_storm_keeps_its_rules() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let mut tally = Tally::default();
    if let Some(seed) = number("LAZAI_MARKET_SEED") {
        return run(seed, &mut tally);
    }
    let first = number("LAZAI_MARKET_FIRST").unwrap_or(0);
    let seeds = number("LAZAI_MARKET_SEEDS").unwrap_or(40);
    let mut shown = Instant::now();
    for seed in first..first + seeds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut tally)));
        assert!(outcome.is_ok(), "seed {seed} failed: LAZAI_MARKET_SEED={seed} runs it again");
        if shown.elapsed() > Duration::from_secs(10) {
            println!("{} of {seeds} markets", seed + 1 - first);
            shown = Instant::now();
        }
    }
    let Tally { sent, reorganised, crashes, lies } = tally;
    println!("{seeds} markets: {sent} orders, {reorganised} reorganisations, {crashes} crashes, {lies} lies");
    assert!(reorganised > 0 && crashes > 0 && (lies > 0 || seeds < 40), "there was no storm");
}
