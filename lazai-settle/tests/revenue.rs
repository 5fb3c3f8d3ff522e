//! Revenue of versions: each has its own shares, and the one before that was signed keeps what was signed.
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::*;
use lazai_settle::market::Event;
use lazai_settle::{Lineage, MarketError, Transaction};
use proptest::prelude::*;
use world::*;

const CLASS: ClassId = ClassId(1);

fn units(n: u128) -> Amount {
    Amount::from_base_units(n)
}

fn settle(world: &mut World, version: u32, amount: u128) -> Result<Vec<Event>, MarketError> {
    let version = (version != 0).then_some(VersionNumber(version));
    let (class, asset) = (CLASS, Asset::NATIVE);
    world.act(CONSUMER, Transaction::SettleRevenue { class, version, asset, amount: units(amount) })
}

fn pending(world: &World, token: u64) -> u128 {
    world.market.pending_revenue(TokenId(token), Asset::NATIVE).unwrap().base_units()
}

fn inbox(world: &World, version: u32) -> u128 {
    let pot = world.market.class(CLASS).unwrap().pot(Some(VersionNumber(version))).unwrap();
    pot.revenue.get(&Asset::NATIVE).map_or(0, |account| account.inbox().base_units())
}

#[test]
fn a_later_version_dilutes_nobody() {
    let mut world = World::minted();
    // Its creator gives the second version a weight beside which the first one's hundred tokens are nothing.
    world.mint_next(2, [1_000_000_000, 1], 0);
    settle(&mut world, 1, 1_000).unwrap();
    assert_eq!((pending(&world, 1), pending(&world, 2)), (700, 300));
    settle(&mut world, 2, 1_000).unwrap();
    assert_eq!((pending(&world, 1), pending(&world, 2)), (700, 300), "what the second earns is its own");
    assert_eq!((pending(&world, 3), pending(&world, 4)), (999, 0));
}

#[test]
fn earlier_versions_keep_what_was_signed() {
    let mut world = World::minted();
    world.mint_next(2, [50, 50], 2_000);
    world.mint_next(3, [1, 1], 5_000);
    settle(&mut world, 3, 1_000).unwrap();
    // Half of it waits for the second version, and is there for its tokens at once.
    assert_eq!((pending(&world, 5), inbox(&world, 2), inbox(&world, 1)), (250, 500, 0));
    assert_eq!((pending(&world, 3), pending(&world, 1)), (200, 0));
    // A claim shares it out, and passes a fifth on to the first.
    world.act(WRITERS[0], Transaction::Claim { token: TokenId(3), asset: Asset::NATIVE }).unwrap();
    assert_eq!(world.balance(WRITERS[0]), 200);
    assert_eq!((inbox(&world, 2), inbox(&world, 1)), (0, 100));
    assert_eq!((pending(&world, 1), pending(&world, 2)), (70, 30));
    // Anyone passes on what nobody claimed yet.
    settle(&mut world, 3, 1_000).unwrap();
    let pass =
        |version| Transaction::PassRevenue { class: CLASS, version: VersionNumber(version), asset: Asset::NATIVE };
    world.act(STRANGER, pass(2)).unwrap();
    assert_eq!((inbox(&world, 2), inbox(&world, 1), pending(&world, 1)), (0, 200, 140));
    assert!(matches!(world.act(STRANGER, pass(4)), Err(MarketError::UnknownVersion { .. })));
    assert!(matches!(world.act(STRANGER, pass(0)), Err(MarketError::UnknownVersion { .. })));
    // A seller leaves with what waited, too.
    let sale = Transaction::TransferToken { token: TokenId(2), to: address(STRANGER) };
    world.act(WRITERS[1], sale).unwrap();
    assert_eq!((world.balance(WRITERS[1]), inbox(&world, 1), pending(&world, 2)), (60, 0, 0));
}

/// Contributors give half to the first version. While their submission waits, the class's owner has a version of her own
/// minted, which gives nothing on: were the half the last version's, it would be hers.
#[test]
fn no_version_comes_between_what_was_signed() {
    let mut world = World::minted();
    let meant = world.accepted_of(world.submission_of(2, [60, 40], after_version(1, 5_000)));
    world.mint_after(1, 3, [1, 1], 0);
    world.mint_by(EXEX, meant).unwrap();
    let third = world.market.class(CLASS).unwrap().version(VersionNumber(3)).unwrap();
    assert_eq!(third.after, Some(VersionNumber(1)));
    settle(&mut world, 3, 1_000).unwrap();
    assert_eq!((inbox(&world, 2), inbox(&world, 1)), (0, 500));
    for version in [3, 2, 1].map(VersionNumber) {
        let pass = Transaction::PassRevenue { class: CLASS, version, asset: Asset::NATIVE };
        world.act(STRANGER, pass).unwrap();
    }
    assert_eq!((pending(&world, 1), pending(&world, 2)), (350, 150), "half is the first's");
    assert_eq!((pending(&world, 3), pending(&world, 4)), (0, 0), "nothing is hers");
    assert_eq!((pending(&world, 5), pending(&world, 6)), (300, 200), "half is theirs");
}

#[test]
fn a_submission_comes_after_a_version_that_there_is() {
    let mut world = World::minted();
    world.mint_next(2, [1, 1], 0);
    for (nonce, after) in [(3, 3), (4, u32::MAX)] {
        let submission = world.submission_of(nonce, [1, 1], after_version(after, 1));
        let refused = world.act(CREATOR, Transaction::Submit(submission));
        assert!(matches!(refused, Err(MarketError::UnknownVersion { version, .. }) if version.0 == after));
    }
    for (nonce, after) in [(5, 1), (6, 2), (7, 1)] {
        world.mint_after(after, nonce, [1, 1], 1);
    }
    let after = world.market.class(CLASS).unwrap().versions.iter().map(|v| v.after.map_or(0, |after| after.0));
    assert_eq!(after.collect::<Vec<_>>(), [0, 1, 1, 2, 1]);
}

#[test]
fn revenue_names_a_version_where_there_are_versions() {
    let mut world = World::minted();
    for version in [0, 2] {
        assert!(matches!(settle(&mut world, version, 1), Err(MarketError::UnknownVersion { .. })));
    }
    world.act(CREATOR, Transaction::CreateClass).unwrap();
    let (class, asset, version) = (ClassId(2), Asset::NATIVE, Some(VersionNumber(1)));
    let wrong = Transaction::SettleRevenue { class, version, asset, amount: units(1) };
    assert!(matches!(world.act(CONSUMER, wrong), Err(MarketError::UnknownVersion { .. })));
}

#[test]
fn contributors_signed_weight_total_and_lineage() {
    let mut world = World::minted();
    world.mint_next(3, [1, 1], 0);
    let lineage = after_version(1, 1_000);
    let good = world.submission_of(2, [7, 3], lineage);
    let mut heavier = good.clone();
    heavier.shares[0].tokens = 1_000_000;
    let mut elsewhere = good.clone();
    elsewhere.lineage = Lineage::NEW_CLASS;
    let mut meaner = good.clone();
    meaner.lineage = after_version(1, 5_000);
    let mut later = good.clone();
    later.lineage = after_version(2, 1_000);
    let mut fewer = world.submission_of(2, [7, 3], lineage);
    fewer.shares[1] = world.submission_of(2, [7, 4], lineage).shares[1].clone();
    for wrong in [heavier, elsewhere, meaner, later, fewer] {
        let refused = world.act(CREATOR, Transaction::Submit(wrong));
        assert!(matches!(refused, Err(MarketError::Signature { what: "contributor's consent", .. })), "{refused:?}");
    }
    world.act(CREATOR, Transaction::Submit(good)).unwrap();
}

#[test]
fn a_verdict_is_on_everything_that_was_submitted() {
    let world = World::new();
    let good = world.submission(1);
    let mut others = vec![good.clone(); 7];
    others[0].proof = Digest::ZERO;
    others[1].sealed_key.ciphertext[0] ^= 1;
    others[2].exex = address(STRANGER);
    others[3].shares[0].tokens += 1;
    others[4].lineage = after_version(1, 0);
    others[5].public_part.push(' ');
    others[6].lineage = after_version(2, 0);
    assert_ne!(others[4].content(), others[6].content());
    for (n, other) in others.iter().enumerate() {
        assert_ne!(good.content(), other.content(), "{n}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is settled, passed on, claimed and sold: nothing is lost (the world checks that all money is there after
    /// each step), and when everybody claimed, less than a unit for each token is left, beside what is still due.
    #[test]
    fn versions_lose_nothing(keeps in prop::collection::vec((0_u32..4, 0_u16..=5_000), 1..4), steps in prop::collection::vec((0_u8..4, 0_u32..4, 0_u128..5_000), 1..40)) {
        let mut world = World::minted();
        // Each after any that there is: a tree.
        for (n, (after, keep)) in (2..).zip(&keeps) {
            world.mint_after(1 + after % (n as u32 - 1), n, [n * 7, 3], *keep);
        }
        let versions = keeps.len() as u32 + 1;
        let owner = |token: u64| if token % 2 == 1 { WRITERS[0] } else { WRITERS[1] };
        let asset = Asset::NATIVE;
        for (kind, at, amount) in steps {
            let version = VersionNumber(1 + at % versions);
            let token = 1 + u64::from(at) % (2 * u64::from(versions));
            match kind {
                0 => drop(settle(&mut world, version.0, amount).unwrap()),
                1 => drop(world.act(STRANGER, Transaction::PassRevenue { class: CLASS, version, asset }).unwrap()),
                2 => drop(world.act(owner(token), Transaction::Claim { token: TokenId(token), asset }).unwrap()),
                _ => {
                    let due = pending(&world, token);
                    let before = world.balance(owner(token));
                    let back = Transaction::TransferToken { token: TokenId(token), to: address(owner(token)) };
                    world.act(owner(token), back).unwrap();
                    prop_assert_eq!(world.balance(owner(token)), before + due);
                }
            }
        }
        for version in (1..=versions).rev().map(VersionNumber) {
            world.act(STRANGER, Transaction::PassRevenue { class: CLASS, version, asset }).unwrap();
        }
        for token in 1..=2 * u64::from(versions) {
            world.act(owner(token), Transaction::Claim { token: TokenId(token), asset }).unwrap();
        }
        for version in 1..=versions {
            let pot = world.market.class(CLASS).unwrap().pot(Some(VersionNumber(version))).unwrap();
            if let Some(account) = pot.revenue.get(&asset) {
                prop_assert_eq!(account.inbox(), Amount::ZERO);
                prop_assert!(account.unclaimed().base_units() <= 2);
            }
        }
    }
}
