//! One market, two ledgers: random operations through the Rust state machine and through the contracts, in an EVM of
//! this process. Same results, same refusals, same balances, to the unit. A ledger reads the contracts' logs meanwhile, and
//! comes to the same market.
//!
//! Each seed is a market of its own. A slice runs here; `cargo xtask soak differential` runs the whole. A failure
//! names its seed and operation: `LAZAI_DIFFERENTIAL_SEED=n cargo test -p lazai-settle --test differential`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, clippy::print_stdout)]
#![allow(missing_docs, clippy::too_many_arguments, reason = "what `sol!` writes")]

mod chain;
mod compare;
mod kept;
mod operations;
mod tape;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lazai_settle::Ledger;
use lazai_settle::market::SubmissionStatus;
use world::World;

/// Operations of one seed.
const OPERATIONS: u32 = 250;

/// How often each kind of operation was tried, and done.
type Tally = BTreeMap<&'static str, (u64, u64)>;

fn run(seed: u64, tally: &mut Tally) {
    let mut world = World::new(seed);
    operations::found(&mut world);
    let follower = tape::follow(&world);
    for index in 0..OPERATIONS {
        let told = operations::random(&mut world);
        let entry = tally.entry(told.kind).or_default();
        *entry = (entry.0 + 1, entry.1 + u64::from(told.done));
        assert!(told.done == told.done_on_chain, "seed {seed}, operation {index}: {told:?}");
        if index % 25 == 24 {
            let when = format!("seed {seed}, after operation {index}: {told:?}");
            compare::all(&mut world, &when);
            // What is read off the chain is the same market, whole.
            pollster::block_on(follower.refresh()).unwrap_or_else(|e| panic!("{when}: {e}"));
            let read = lazai_settle::Market::clone(&follower.head()).checking_signatures();
            assert!(read == world.market, "{when}: what was read differs");
        }
    }
}

/// Contracts count the bytes of a reason, which need not be text: read as text they are more.
#[test]
fn a_reason_that_is_no_text_is_followed() {
    let mut world = World::new(1);
    operations::found(&mut world);
    world.careful = true;
    let id = operations::accepted(&mut world);
    let refusal = operations::refuse_in_bytes(&mut world, id, &[0xff; 400]);
    assert!(refusal.is_ok(), "{refusal:?}");
    let read = lazai_settle::Market::clone(&tape::follow(&world).head());
    let status = read.submission(id).map(|s| s.status.clone());
    assert!(matches!(&status, Some(SubmissionStatus::Refused { reason }) if reason.len() == 1_200), "{status:?}");
}

#[test]
fn rust_and_contracts_agree() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("LAZAI_DIFFERENTIAL_SEED") {
        run(seed, &mut Tally::new());
        return;
    }
    let first = number("LAZAI_DIFFERENTIAL_FIRST").unwrap_or(0);
    let seeds = number("LAZAI_DIFFERENTIAL_SEEDS").unwrap_or(60);
    let (mut tally, mut shown) = (Tally::new(), Instant::now());
    for seed in first..first + seeds {
        run(seed, &mut tally);
        if shown.elapsed() > Duration::from_secs(10) {
            println!("{} of {seeds} markets", seed + 1 - first);
            shown = Instant::now();
        }
    }
    for (kind, (tried, done)) in &tally {
        println!("{kind}: {done} of {tried} done, the others refused by both");
        // Otherwise refusals alone would be compared. (Rare kinds need many markets.)
        assert!(*done > 0 || seeds < 400, "no {kind} was done");
    }
    println!("{} operations", seeds * u64::from(OPERATIONS));
}
