//! Verdicts, stakes, challenges, finality, expiry: the rules that the contracts have too, by name.
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::market::{POOL, SubmissionStatus};
use lazai_settle::quorum::Attestation;
use lazai_settle::{Lineage, Market, MarketError, Params, Transaction};
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
    refused!(world.mint_by(EXEX, id), MarketError::SubmissionStatus { .. });
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
    // Half of all thousand: what is bonded first, then what is leaving; nothing of it for who showed it.
    let stake = world.market.stake_of(address(validator));
    assert_eq!((stake.bonded, stake.unbonding), (Amount::ZERO, units(500)));
    assert_eq!((world.balance(STRANGER), world.market.balance(POOL, Asset::NATIVE)), (0, units(500)));
    refused!(world.act(STRANGER, show(one, other)), MarketError::NotEquivocation { .. });
    refused!(world.act(validator, Transaction::WithdrawStake), MarketError::Unbonding { .. });
    world.now_s += 8 * 86_400;
    world.act(validator, Transaction::WithdrawStake).unwrap();
    assert_eq!(world.balance(validator), 500);
}

fn challenge(id: SubmissionId) -> Transaction {
    Transaction::Challenge { submission: id, validator: address(VALIDATORS[0]) }
}

fn vote(id: SubmissionId, upheld: bool) -> Transaction {
    Transaction::VoteOnChallenge { submission: id, validator: address(VALIDATORS[0]), upheld }
}

fn lapse(id: SubmissionId) -> Transaction {
    Transaction::LapseChallenge { submission: id, validator: address(VALIDATORS[0]) }
}

#[test]
fn nothing_is_minted_while_a_verdict_can_be_challenged() {
    let mut world = staked();
    let id = world.accepted(1);
    refused!(world.mint_by(EXEX, id), MarketError::NotFinal { .. });
    world.act(CONSUMER, challenge(id)).unwrap();
    refused!(world.act(CONSUMER, challenge(id)), MarketError::ChallengeRefused { .. });
    world.now_s += 3_600;
    refused!(world.mint_by(EXEX, id), MarketError::NotFinal { .. });
    refused!(world.act(VALIDATORS[0], vote(id, false)), MarketError::NotAllowed { .. });
    world.act(VALIDATORS[3], vote(id, false)).unwrap();
    refused!(world.act(VALIDATORS[3], vote(id, false)), MarketError::NotAllowed { .. });
    // Who attested votes too. The second of three makes it impossible; what was risked goes to the pool.
    world.act(VALIDATORS[1], vote(id, false)).unwrap();
    assert_eq!((world.balance(CONSUMER), world.balance(VALIDATORS[0])), (FUNDS - 4_100, 0));
    assert_eq!(world.market.balance(POOL, Asset::NATIVE), units(100));
    world.mint_by(EXEX, id).unwrap();
}

#[test]
fn a_challenge_that_is_right_overrules_and_slashes() {
    let mut world = staked();
    let id = world.accepted(1);
    world.act(CONSUMER, challenge(id)).unwrap();
    // By the parameters it was submitted under, whatever is in force by now.
    let all = BasisPoints::new(10_000).unwrap();
    let next = Params { slash: all, challenger: all, ..world.market.params().1.clone() };
    world.market.enact(&Measure::ApplyParameters(next)).unwrap();
    world.act(VALIDATORS[1], vote(id, true)).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Accepted);
    world.act(VALIDATORS[3], vote(id, true)).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Rejected);
    // A quarter of the five hundred were more than she risked.
    assert_eq!(world.balance(CONSUMER), FUNDS - 4_000 + 100);
    assert_eq!(world.market.balance(POOL, Asset::NATIVE), units(400));
    assert_eq!(world.market.stake_of(address(VALIDATORS[0])).bonded, units(500));
    refused!(world.act(CONSUMER, challenge(id)), MarketError::ChallengeRefused { .. });
}

#[test]
fn one_who_abstains_does_not_decide_over_all_others() {
    let mut world = staked();
    let id = world.accepted(1);
    world.act(CONSUMER, challenge(id)).unwrap();
    world.act(VALIDATORS[3], vote(id, true)).unwrap();
    // A challenge closes nothing.
    world.attest(VALIDATORS[3], id).unwrap();
    assert_eq!(world.market.submission(id).unwrap().weights(), (4, 4));
    world.now_s += 3_600;
    refused!(world.act(STRANGER, lapse(id)), MarketError::ChallengeRefused { .. });
    world.now_s += 1;
    refused!(world.act(VALIDATORS[1], vote(id, true)), MarketError::ChallengeRefused { .. });
    world.act(STRANGER, lapse(id)).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 4_100, "what she risked is gone");
    assert_eq!(world.market.stake_of(address(VALIDATORS[0])).bonded, units(1_000));
    assert!(world.market.is_final(world.now_s, id));
}

#[test]
fn whoever_doubts_herself_shuts_nobody_out() {
    let mut world = staked();
    let id = world.accepted(1);
    world
        .act(CONSUMER, Transaction::Transfer { to: address(VALIDATORS[0]), asset: Asset::NATIVE, amount: units(100) })
        .unwrap();
    world.act(VALIDATORS[0], challenge(id)).unwrap();
    for friend in &VALIDATORS[1..3] {
        world.act(*friend, vote(id, false)).unwrap();
    }
    assert_eq!(world.balance(VALIDATORS[0]), 0, "she paid for it");
    world.act(CONSUMER, challenge(id)).unwrap();
    world.act(VALIDATORS[2], vote(id, true)).unwrap();
    world.act(VALIDATORS[3], vote(id, true)).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Rejected);
}

#[test]
fn nobody_lies_with_nothing_at_stake() {
    let mut world = staked();
    let windows = |unbonding_window_s| Params {
        min_stake: units(1_000),
        attestation_window_s: 30 * 86_400,
        unbonding_window_s,
        ..Params::default()
    };
    refused!(world.market.enact(&Measure::ApplyParameters(windows(7 * 86_400))), MarketError::Params(_));
    world.market.enact(&Measure::ApplyParameters(windows(31 * 86_400))).unwrap();
    world
        .act(CONSUMER, Transaction::Transfer { to: address(VALIDATORS[1]), asset: Asset::NATIVE, amount: units(1_000) })
        .unwrap();
    world.act(VALIDATORS[1], Transaction::Stake { amount: units(1_000) }).unwrap();
    // What leaves before the verdict is given stays while that can be disputed.
    world.act(VALIDATORS[1], Transaction::Unstake { amount: units(1_000) }).unwrap();
    world.now_s += 3 * 86_400;
    let id = world.submit(1);
    world.act(VALIDATORS[0], Transaction::Unstake { amount: units(1) }).unwrap();
    refused!(world.attest(VALIDATORS[0], id), MarketError::InsufficientStake { .. });
    let verdicts = VALIDATORS.map(|v| world.verdict(v, world.attestation(id))).to_vec();
    world.act(STRANGER, Transaction::Attest(verdicts)).unwrap();
    let state = world.market.submission(id).unwrap();
    assert_eq!((state.weights(), state.verdicts.len()), ((3, 4), 3), "one was passed over, and spoiled nothing");
    let held_s = world.now_s + 30 * 86_400 + 3_600;
    world.now_s = held_s;
    refused!(world.act(VALIDATORS[1], Transaction::WithdrawStake), MarketError::Unbonding { .. });
    world.now_s += 1;
    world.act(VALIDATORS[1], Transaction::WithdrawStake).unwrap();
}

#[test]
fn what_passed_and_waits_too_long_lapses() {
    let mut world = World::new();
    let parameters = |params| Transaction::Propose(Measure::ApplyParameters(params));
    let flash = Params { voting_delay_s: 59, ..Params::default() };
    refused!(world.act(VOTERS[0], parameters(flash)), MarketError::Params(_));
    let nobody = Params { quorum: BasisPoints::new(99).unwrap(), ..Params::default() };
    refused!(world.act(VOTERS[0], parameters(nobody)), MarketError::Params(_));
    world.act(VOTERS[0], parameters(Params::default())).unwrap();
    world.act(VOTERS[0], parameters(Params::default())).unwrap();
    for proposal in [1, 2].map(ProposalId) {
        for voter in &VOTERS[..2] {
            world.act(*voter, Transaction::Vote { proposal, in_favour: true }).unwrap();
        }
    }
    world.now_s = world.market.proposal(ProposalId(1)).unwrap().lapses_after_s();
    world.act(VOTERS[0], Transaction::Execute { proposal: ProposalId(1) }).unwrap();
    world.now_s += 1;
    refused!(
        world.act(VOTERS[0], Transaction::Execute { proposal: ProposalId(2) }),
        MarketError::ProposalLapsed { .. }
    );
}

#[test]
fn a_weight_counts_while_enough_is_at_stake() {
    let mut world = staked();
    let params = Params { min_stake: units(1_000), ..Params::default() };
    world.market.enact(&Measure::ApplyParameters(params)).unwrap();
    world.act(VALIDATORS[0], Transaction::Unstake { amount: units(1) }).unwrap();
    refused!(
        world.act(VALIDATORS[0], Transaction::Unstake { amount: units(1_000) }),
        MarketError::InsufficientStake { .. }
    );
    let id = world.submit(1);
    assert_eq!(world.market.submission(id).unwrap().validators[&address(VALIDATORS[0])], 0);
    let measure = Measure::SetValidator { validator: address(STRANGER), weight: u64::MAX };
    refused!(world.market.enact(&measure), MarketError::TooMany { .. });
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
    let settle = |n| Transaction::SettleRevenue { class, version: None, asset: Asset::NATIVE, amount: units(n) };
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
    let next = Lineage::next(ClassId(2), VersionNumber(1), BasisPoints::ZERO).unwrap();
    let submission = world.submission_of(2, [1, 1], next);
    refused!(world.act(CREATOR, Transaction::Submit(submission)), MarketError::NotAllowed { .. });
}

#[test]
fn an_exex_that_is_late_mints_nothing() {
    let mut world = World::new();
    let (early, late) = (world.accepted(1), world.accepted(2));
    let until_s = world.market.mintable_until_s(late).unwrap();
    assert_eq!(until_s, world.now_s + 3_600 + 14 * 86_400);
    world.now_s = until_s;
    world.mint_by(EXEX, early).unwrap();
    world.now_s += 1;
    refused!(world.mint_by(EXEX, late), MarketError::MintTooLate { .. });
    // The submitter names another in a new submission; the reason for the old one can still be told.
    world.act(EXEX, Transaction::Refuse { submission: late, reason: "forgot".into() }).unwrap();
    let third = world.accepted(3);
    world.mint_by(EXEX, third).unwrap();
}

#[test]
fn the_pool_is_spent_and_assets_are_accepted_by_measure() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(1_000)).unwrap();
    world.redeem(NODE, world.voucher(session, NODE, 1_000)).unwrap();
    let spend = |n| Measure::Spend { to: address(STRANGER), asset: Asset::NATIVE, amount: units(n) };
    refused!(world.market.enact(&spend(101)), MarketError::InsufficientFunds { .. });
    world.act(VOTERS[0], Transaction::Propose(spend(100))).unwrap();
    for voter in &VOTERS[..2] {
        world.act(*voter, Transaction::Vote { proposal: ProposalId(1), in_favour: true }).unwrap();
    }
    world.act(VOTERS[0], Transaction::Execute { proposal: ProposalId(1) }).unwrap();
    assert_eq!(world.balance(STRANGER), 100);
    for n in 1..8 {
        let asset = Asset(address(100 + n));
        world.market.enact(&Measure::AcceptAsset { asset }).unwrap();
    }
    let ninth = Measure::AcceptAsset { asset: Asset(address(1)) };
    refused!(world.market.enact(&ninth), MarketError::AssetNotAccepted { .. });
}
