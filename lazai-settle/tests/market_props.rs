//! Random operations: money is conserved to the last unit, and errors change nothing (the world checks both).
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::{Params, RevenueSplit, Transaction};
use proptest::prelude::*;
use world::*;

#[derive(Debug, Clone)]
enum Step {
    Open { node: bool, amount: u128 },
    Redeem { session: u64, node: bool, amount: u128 },
    Close { session: u64, who: u8 },
    Claim { token: u64, who: u8 },
    Sell { token: u64, from: u8, to: u8 },
    Pass { seconds: u64 },
    Vote { creator: u16, node: u16 },
    Mint { nonce: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = prop_oneof![Just(CONSUMER), Just(NODE), Just(WRITERS[0]), Just(WRITERS[1]), Just(STRANGER)];
    prop_oneof![
        3 => (any::<bool>(), 0..FUNDS).prop_map(|(node, amount)| Step::Open { node, amount }),
        5 => (1u64..8, any::<bool>(), 0u128..2_000).prop_map(|(session, node, amount)| Step::Redeem { session, node, amount }),
        2 => (1u64..8, who.clone()).prop_map(|(session, who)| Step::Close { session, who }),
        3 => (1u64..7, who.clone()).prop_map(|(token, who)| Step::Claim { token, who }),
        2 => (1u64..7, who.clone(), who).prop_map(|(token, from, to)| Step::Sell { token, from, to }),
        1 => (0u64..700).prop_map(|seconds| Step::Pass { seconds }),
        1 => (5_000u16..9_000, 0u16..2_000).prop_map(|(creator, node)| Step::Vote { creator, node }),
        1 => (2u64..5).prop_map(|nonce| Step::Mint { nonce }),
    ]
}

fn run(world: &mut World, step: Step, opened: &mut Vec<SessionId>) {
    let session = |opened: &[SessionId], n: u64| opened.get(n as usize).copied().unwrap_or(SessionId::ZERO);
    let node = |first: bool| if first { NODE } else { OTHER_NODE };
    // Whether a step is allowed is not the question here: the world checks what must hold either way.
    match step {
        Step::Open { node: first, amount } => {
            let nonce = opened.len() as u64;
            opened.push(world.open(node(first), nonce, deposit(amount)).unwrap_or(SessionId::ZERO));
        }
        Step::Redeem { session: n, node: first, amount } => {
            let voucher = world.voucher(session(opened, n), node(first), amount);
            let _ = world.redeem(node(first), voucher);
        }
        Step::Close { session: n, who } => {
            let _ = world.act(who, Transaction::CloseSession { session: session(opened, n) });
        }
        Step::Claim { token, who } => {
            let _ = world.act(who, Transaction::Claim { token: TokenId(token), asset: Asset::NATIVE });
        }
        Step::Sell { token, from, to } => {
            let _ = world.act(from, Transaction::TransferToken { token: TokenId(token), to: address(to) });
        }
        Step::Pass { seconds } => world.now_s += seconds,
        Step::Vote { creator, node } => {
            let pool_bps = 10_000u16.saturating_sub(creator).saturating_sub(node);
            let Ok(split) = RevenueSplit::new(creator, node, pool_bps) else { return };
            let propose = Transaction::Propose(Measure::ApplyParameters(Params { split, ..Params::default() }));
            if world.act(VOTERS[0], propose).is_ok() {
                let proposal = ProposalId((1..).find(|&n| world.market.proposal(ProposalId(n + 1)).is_none()).unwrap());
                for voter in &VOTERS[..2] {
                    let _ = world.act(*voter, Transaction::Vote { proposal, in_favour: true });
                }
                let _ = world.act(VOTERS[0], Transaction::Execute { proposal });
            }
        }
        Step::Mint { nonce } => {
            if world.market.submission(world.submission_id(nonce)).is_none() {
                let id = world.accepted(nonce);
                let _ = world.mint_by(EXEX, id);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::minted();
        let mut opened = Vec::new();
        for step in steps {
            run(&mut world, step, &mut opened);
        }
        // When everybody claims, what stays with the classes is dust: less than one base unit a token.
        for token in 1..=8 {
            for who in [WRITERS[0], WRITERS[1], CONSUMER, NODE, STRANGER] {
                let _ = world.act(who, Transaction::Claim { token: TokenId(token), asset: Asset::NATIVE });
            }
        }
        let class = world.market.class(ClassId(1)).unwrap();
        let pot = class.pot(Some(VersionNumber(1))).unwrap();
        if let Some(account) = pot.revenue.get(&Asset::NATIVE) {
            let tokens = world.market.tokens_of(ClassId(1)).count() as u128;
            prop_assert!(account.unclaimed().base_units() <= tokens);
            prop_assert!(account.carry() < pot.total_shares);
        }
    }

    #[test]
    fn splits_sum_exactly_and_increments_never_shrink(gross in any::<u128>(), more in any::<u64>(), creator in 5_000u16..=10_000, node in 0u16..=5_000) {
        let node = node.min(10_000 - creator);
        let split = RevenueSplit::new(creator, node, 10_000 - creator - node).unwrap();
        let parts = split.split(Amount::from_base_units(gross));
        let sum = parts.creator.checked_add(parts.node).unwrap().checked_add(parts.pool).unwrap();
        prop_assert_eq!(sum.base_units(), gross);
        // At most two base units go the creator's way.
        let fair = Amount::from_base_units(gross).portion_floor(BasisPoints::new(creator).unwrap()).base_units();
        prop_assert!(parts.creator.base_units() - fair <= 2);
        if let Some(larger) = gross.checked_add(more.into()) {
            let next = split.split(Amount::from_base_units(larger));
            prop_assert!(next.node >= parts.node && next.pool >= parts.pool);
        }
    }
}
