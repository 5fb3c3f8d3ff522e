//! Verdicts, stakes, challenges, finality, expiry: the rules that the contracts have too, by name.
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::market::{POOL, SubmissionStatus};
use lazai_settle::quorum::Attestation;
use lazai_settle::{Market, MarketError, Params, Transaction};
use world::*;

macro_rules! refused {
    ($result:expr, $error:pat) => {
        let result = $result;
        assert!(matches!(result, Err($error)), "{result:?}");
    };
}

fn units(n: u128) -> Amount {
    Amount::from_base_units(n)
}

/// A world in which verdicts can be challenged for an hour, with stakes of 1,000 and bonds of 100.
fn staked() -> World {
    let mut world = World::new();
    let mut genesis = genesis();
    genesis.params = Params { challenge_window_s: 3_600, challenge_bond: units(100), ..Params::default() };
    genesis.balances[0].2 = units(FUNDS - 4_000);
    genesis.balances.extend(VALIDATORS.map(|v| (address(v), Asset::NATIVE, units(1_000))));
    world.market = Market::new(&genesis).unwrap();
    for validator in VALIDATORS {
        world.act(validator, Transaction::Stake { amount: units(1_000) }).unwrap();
    }
    world
}

fn rejection(world: &World, id: SubmissionId) -> Attestation {
    Attestation { accepted: false, ..world.attestation(id) }
}

#[test]
fn more_than_a_third_against_rejects() {
    let mut world = World::new();
    let id = world.submit(1);
    for (n, validator) in VALIDATORS[..2].iter().enumerate() {
        let verdict = world.verdict(*validator, rejection(&world, id));
        world.act(STRANGER, Transaction::Attest(vec![verdict])).unwrap();
        let rejected = world.market.submission(id).unwrap().status == SubmissionStatus::Rejected;
        assert_eq!(rejected, n == 1);
    }
    refused!(world.attest(VALIDATORS[2], id), MarketError::AttestationsClosed { .. });
    refused!(world.mint_by(EXEX, id, None), MarketError::SubmissionStatus { .. });
    refused!(world.act(STRANGER, Transaction::Attest(vec![])), MarketError::NoVerdicts);
}

#[test]
fn equivocation_costs_stake_once_even_while_it_is_leaving() {
    let mut world = staked();
    let id = world.submit(1);
    let validator = VALIDATORS[0];
    world.act(validator, Transaction::Unstake { amount: units(750) }).unwrap();
    let one = world.verdict(validator, world.attestation(id));
    let other = world.verdict(validator, rejection(&world, id));
    let show = |one, other| Transaction::SlashEquivocation { one, other };
    refused!(world.act(STRANGER, show(one, one)), MarketError::NotEquivocation { .. });
    let forged = lazai_settle::quorum::Verdict { signature: one.signature, ..other };
    refused!(world.act(STRANGER, show(one, forged)), MarketError::Signature { .. });
    world.act(STRANGER, show(one, other)).unwrap();
    // Half of all thousand: what is bonded first, then what is leaving; a quarter of it for who showed it.
    let stake = world.market.stake_of(address(validator));
    assert_eq!((stake.bonded, stake.unbonding), (Amount::ZERO, units(500)));
    assert_eq!((world.balance(STRANGER), world.market.balance(POOL, Asset::NATIVE)), (125, units(375)));
    refused!(world.act(STRANGER, show(one, other)), MarketError::NotEquivocation { .. });
    refused!(world.act(validator, Transaction::WithdrawStake), MarketError::Unbonding { .. });
    world.now_s += 8 * 86_400;
    world.act(validator, Transaction::WithdrawStake).unwrap();
    assert_eq!(world.balance(validator), 500);
}

#[test]
fn nothing_is_minted_while_a_verdict_can_be_challenged() {
    let mut world = staked();
    let id = world.accepted(1);
    refused!(world.mint_by(EXEX, id, None), MarketError::NotFinal { .. });
    let challenge = Transaction::Challenge { submission: id, validator: address(VALIDATORS[0]) };
    world.act(CONSUMER, challenge.clone()).unwrap();
    refused!(world.act(CONSUMER, challenge), MarketError::ChallengeRefused { .. });
    world.now_s += 3_600;
    refused!(world.mint_by(EXEX, id, None), MarketError::NotFinal { .. });
    let vote = |upheld| {
        let validator = address(VALIDATORS[0]);
        Transaction::VoteOnChallenge { submission: id, validator, upheld }
    };
    refused!(world.act(VALIDATORS[1], vote(true)), MarketError::NotAllowed { .. });
    // The only one who had not signed decides: who doubted without ground pays the one she doubted.
    world.act(VALIDATORS[3], vote(false)).unwrap();
    assert_eq!((world.balance(CONSUMER), world.balance(VALIDATORS[0])), (FUNDS - 4_100, 100));
    world.mint_by(EXEX, id, None).unwrap();
}

#[test]
fn a_challenge_that_is_right_overrules_and_slashes() {
    let mut world = staked();
    let id = world.accepted(1);
    let validator = address(VALIDATORS[0]);
    world.act(CONSUMER, Transaction::Challenge { submission: id, validator }).unwrap();
    let resolve = Measure::ResolveChallenge { submission: id, validator, upheld: true };
    refused!(world.market.enact(world.now_s, &resolve), MarketError::ChallengeRefused { .. });
    world.now_s += 3_601;
    world.market.enact(world.now_s, &resolve).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Rejected);
    assert_eq!(world.balance(CONSUMER), FUNDS - 4_000 + 125);
    assert_eq!(world.market.stake_of(validator).bonded, units(500));
}

#[test]
fn a_challenge_that_nobody_decides_lapses() {
    let mut world = staked();
    let id = world.accepted(1);
    let validator = address(VALIDATORS[0]);
    world.act(CONSUMER, Transaction::Challenge { submission: id, validator }).unwrap();
    let lapse = Transaction::LapseChallenge { submission: id, validator };
    world.now_s += 3_600;
    refused!(world.act(STRANGER, lapse.clone()), MarketError::ChallengeRefused { .. });
    world.now_s += 30 * 86_400 + 1;
    world.act(STRANGER, lapse).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 4_000);
    assert!(world.market.is_final(world.now_s, id));
}

#[test]
fn a_weight_counts_while_enough_is_at_stake() {
    let mut world = staked();
    let params = Params { min_stake: units(1_000), ..Params::default() };
    world.market.enact(world.now_s, &Measure::ApplyParameters(params)).unwrap();
    world.act(VALIDATORS[0], Transaction::Unstake { amount: units(1) }).unwrap();
    refused!(
        world.act(VALIDATORS[0], Transaction::Unstake { amount: units(1_000) }),
        MarketError::InsufficientStake { .. }
    );
    let id = world.submit(1);
    assert_eq!(world.market.submission(id).unwrap().validators[&address(VALIDATORS[0])], 0);
    let measure = Measure::SetValidator { validator: address(STRANGER), weight: u64::MAX };
    refused!(world.market.enact(world.now_s, &measure), MarketError::TooMany { .. });
}

#[test]
fn an_expired_share_earns_no_more_and_keeps_what_it_earned() {
    let mut world = World::new();
    world.act(CREATOR, Transaction::CreateClass).unwrap();
    let class = ClassId(1);
    let mint = |to, shares, expire_at_s| {
        let to = address(to);
        Transaction::MintToken { class, to, value: 0, shares, expire_at_s }
    };
    let settle = |n| Transaction::SettleRevenue { class, asset: Asset::NATIVE, amount: units(n) };
    world.act(CONSUMER, settle(5)).unwrap();
    assert_eq!(world.balance(CREATOR), 5, "without a counted share, the owner has it");
    world.act(CREATOR, mint(WRITERS[0], 1, world.now_s + 10)).unwrap();
    world.act(CREATOR, mint(WRITERS[1], 3, 0)).unwrap();
    world.act(CONSUMER, settle(8)).unwrap();
    world.now_s += 11;
    world.act(CONSUMER, settle(9)).unwrap();
    for (token, pending) in [(1, 2), (2, 6 + 9)] {
        assert_eq!(world.market.pending_revenue(TokenId(token), Asset::NATIVE).unwrap(), units(pending));
    }
    for n in 0..64 {
        world.act(CREATOR, mint(WRITERS[0], 1, world.now_s + 10 + n)).unwrap();
    }
    refused!(world.act(CREATOR, mint(WRITERS[0], 1, world.now_s + 10)), MarketError::TooMany { .. });
    world.now_s += 11;
    world.act(CREATOR, mint(WRITERS[0], 1, world.now_s + 10)).unwrap();
}

#[test]
fn nobody_dilutes_contributors() {
    let mut world = World::minted();
    let mint = |shares| {
        let to = address(CREATOR);
        Transaction::MintToken { class: ClassId(1), to, value: 1, shares, expire_at_s: 0 }
    };
    refused!(world.act(CREATOR, mint(1)), MarketError::SharesComeFromSubmissions { .. });
    world.act(CREATOR, mint(0)).unwrap();
    // And the class of one's own takes no versions.
    world.act(CREATOR, Transaction::CreateClass).unwrap();
    let id = world.accepted(2);
    refused!(world.mint_by(EXEX, id, Some(ClassId(2))), MarketError::NotAllowed { .. });
}

#[test]
fn the_pool_is_spent_and_assets_are_accepted_by_measure() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(1_000)).unwrap();
    world.redeem(NODE, world.voucher(session, NODE, 1_000)).unwrap();
    let spend = |n| Measure::Spend { to: address(STRANGER), asset: Asset::NATIVE, amount: units(n) };
    refused!(world.market.enact(world.now_s, &spend(101)), MarketError::InsufficientFunds { .. });
    world.act(VOTERS[0], Transaction::Propose(spend(100))).unwrap();
    for voter in &VOTERS[..2] {
        world.act(*voter, Transaction::Vote { proposal: ProposalId(1), in_favour: true }).unwrap();
    }
    world.act(VOTERS[0], Transaction::Execute { proposal: ProposalId(1) }).unwrap();
    assert_eq!(world.balance(STRANGER), 100);
    for n in 1..8 {
        let asset = Asset(address(100 + n));
        world.market.enact(world.now_s, &Measure::AcceptAsset { asset }).unwrap();
    }
    let ninth = Measure::AcceptAsset { asset: Asset(address(1)) };
    refused!(world.market.enact(world.now_s, &ninth), MarketError::AssetNotAccepted { .. });
}
