//! A node's bond, as other languages have it. (Disputes about real replies: `examples/tests/provenance.rs`.)
#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used, reason = "a test")]

use lazai_facade::LocalKey;
use lazai_facade::native::disputes::NodeBond;
use lazai_facade::native::market::{Founding, Funds, Market};
use pollster::block_on;

#[test]
fn a_bond_is_posted_once_for_a_label_and_leaves_late() {
    let folder = tempfile::tempdir().unwrap();
    let node = LocalKey::random().unwrap();
    let (account, asset) = (node.address(), format!("0x{}", "0".repeat(40)));
    let funds = vec![Funds { account: account.clone(), asset: asset.clone(), amount: "1000".into() }];
    let founding = Founding { validators: vec![account.clone()], voters: vec![account.clone()], funds };
    let market = Market::found_folder(folder.path().display().to_string(), founding).unwrap();
    for _ in 0..2 {
        block_on(market.post_bond(node.clone(), "first".into(), "600".into())).unwrap();
    }
    block_on(market.leave_bond(node.clone(), "half".into(), "300".into())).unwrap();
    let NodeBond { bonded, leaving, locked, available_at_s, .. } = market.bond(account.clone()).unwrap();
    assert_eq!([bonded, leaving, locked], ["300", "300", "0"]);
    assert!(available_at_s > 1_700_000_000);
    let early = block_on(market.take_bond(node.clone(), "now".into())).unwrap_err();
    assert_eq!(early.code(), "market", "{early}");
    let short = block_on(market.post_bond(node, "more".into(), "401".into())).unwrap_err();
    assert_eq!(short.code(), "market", "{short}");
    assert_eq!(market.balance(account, asset).unwrap(), "400");
    assert_eq!(market.disputes(), []);
    assert_eq!(market.dispute(format!("0x{}", "1".repeat(64))).unwrap_err().code(), "market");
}
