//! Random bonds and disputes: money is conserved to the last unit, errors change nothing (the world checks both), and what is in a bond is
//! what its node put there, less what it lost.
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::digest::sha256;
use lazai_core::*;
use lazai_settle::Transaction;
use lazai_settle::dispute::{Outcome, Tally};
use lazai_settle::market::Event;
use lazai_settle::session::Receipt;
use proptest::prelude::*;
use world::*;

#[derive(Debug, Clone)]
enum Step {
    Post { amount: u128 },
    Leave { amount: u128 },
    Take,
    Open { turn: u32, stake: u128, who: u8 },
    Vote { turn: u32, validator: usize, same: bool },
    Lapse { turn: u32 },
    Pass { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u128..3_000).prop_map(|amount| Step::Post { amount }),
        2 => (0u128..2_000).prop_map(|amount| Step::Leave { amount }),
        2 => Just(Step::Take),
        5 => (1u32..9, 0u128..1_500, prop_oneof![Just(CONSUMER), Just(SESSION_KEY), Just(NODE)])
            .prop_map(|(turn, stake, who)| Step::Open { turn, stake, who }),
        12 => (1u32..9, 0usize..4, any::<bool>()).prop_map(|(turn, validator, same)| Step::Vote { turn, validator, same }),
        2 => (1u32..9).prop_map(|turn| Step::Lapse { turn }),
        2 => (0u64..300_000).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

fn receipt(session: SessionId, turn: u32) -> Receipt {
    let digest = sha256(b"any");
    Receipt {
        session,
        turn,
        request_digest: digest,
        reply_digest: digest,
        prompt_tokens: 1,
        completion_tokens: 1,
        tokenizer_digest: digest,
        temperature_milli: 0,
        top_p_milli: 1_000,
        seed: 1,
        base_digest: digest,
        adapter_digest: digest,
        cumulative: Amount::ZERO,
    }
}

fn transaction(world: &World, session: SessionId, step: &Step) -> Option<(u8, Transaction)> {
    let units = Amount::from_base_units;
    let dispute = |turn| receipt(session, turn).hash_struct();
    Some(match *step {
        Step::Post { amount } => (NODE, Transaction::PostBond { amount: units(amount) }),
        Step::Leave { amount } => (NODE, Transaction::LeaveBond { amount: units(amount) }),
        Step::Take => (NODE, Transaction::TakeBond),
        Step::Open { turn, stake, who } => {
            let receipt = receipt(session, turn);
            let signature = world.signed(NODE, &receipt);
            (who, Transaction::OpenDispute { receipt, signature, stake: units(stake) })
        }
        Step::Vote { turn, validator, same } => {
            (VALIDATORS[validator], Transaction::VoteOnDispute { dispute: dispute(turn), same })
        }
        Step::Lapse { turn } => (STRANGER, Transaction::LapseDispute { dispute: dispute(turn) }),
        Step::Pass { .. } => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bonds_and_stakes_are_conserved(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::minted();
        let amount = Amount::from_base_units(5_000);
        for who in [NODE, SESSION_KEY] {
            world.act(CONSUMER, Transaction::Transfer { to: address(who), asset: Asset::NATIVE, amount }).unwrap();
        }
        let session = world.open(NODE, 1, deposit(100)).unwrap();
        let (mut posted, mut taken, mut lost) = (0, 0, 0);
        for step in &steps {
            if let Step::Pass { seconds } = step {
                world.now_s += seconds;
            }
            let Some((who, transaction)) = transaction(&world, session, step) else { continue };
            for event in world.act(who, transaction).unwrap_or_default() {
                match event {
                    Event::BondPosted { amount, .. } => posted += amount.base_units(),
                    Event::BondTaken { amount, .. } => taken += amount.base_units(),
                    Event::DisputeDecided { dispute, outcome: Outcome::Other, .. } => {
                        lost += world.market.dispute(dispute).unwrap().stake.base_units();
                    }
                    _ => {}
                }
            }
            let bond = world.market.bond_of(address(NODE));
            prop_assert_eq!(bond.total().unwrap().base_units(), posted - taken - lost);
            let open = world.market.disputes().filter(|(_, d)| d.outcome.is_none());
            let at_risk: u128 = open.map(|(_, d)| d.stake.base_units()).sum();
            prop_assert_eq!(bond.locked.base_units(), at_risk);
        }
        // When the time of all is over, nothing is at risk, and the node takes what is left.
        world.now_s += 100 * 86_400;
        let open: Vec<Digest> =
            world.market.disputes().filter(|(_, d)| d.outcome.is_none()).map(|(id, _)| id).collect();
        for dispute in open {
            world.act(STRANGER, Transaction::LapseDispute { dispute }).unwrap();
        }
        prop_assert_eq!(world.market.bond_of(address(NODE)).locked, Amount::ZERO);
    }

    #[test]
    fn who_has_less_than_a_third_decides_nothing(
        weights in prop::collection::vec(0u64..=lazai_settle::quorum::MAX_WEIGHT, 1..64),
        lies in any::<u64>(),
        votes in any::<u64>(),
        truth in any::<bool>(),
    ) {
        let total: u64 = weights.iter().sum();
        let (mut lying, mut tally) = (0, Tally { same: 0, other: 0, silent: 0, total });
        for (place, weight) in weights.iter().enumerate() {
            let lie = lies >> place & 1 == 1 && 3 * u128::from(lying + weight) < u128::from(total);
            lying += if lie { *weight } else { 0 };
            let side = match (lie, votes >> place & 1 == 1) {
                (false, false) => &mut tally.silent,
                (true, _) if truth => &mut tally.other,
                (false, true) if !truth => &mut tally.other,
                _ => &mut tally.same,
            };
            *side += weight;
        }
        let false_word = if truth { Outcome::Other } else { Outcome::Same };
        prop_assert_ne!(tally.outcome(), Some(false_word));
    }
}
