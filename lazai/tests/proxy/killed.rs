//! The proxy, killed at any moment with replies under way: the budget holds, and its book knows of all that was spent.

use std::sync::Arc;
use std::time::Duration;

use lazai::http::Budget;
use pollster::block_on;

use super::dice::Dice;
use super::stage::*;

const TOTAL: u128 = 4_000;
const DAY: u128 = 3_000;
const LIVES: u64 = 25;

#[test]
fn killed_with_replies_under_way_it_spends_no_more_than_its_budget() {
    let stage = Stage::new();
    let nodes = [stage.node("one", Duration::from_millis(1)), stage.node("two", Duration::from_millis(1))];
    let fronts = [Listening::on(front(&nodes[0], 3)), Listening::on(front(&nodes[1], 3))];
    let urls = [&*fronts[0].url, &*fronts[1].url];
    let limits = Budget { day: Some(UNITS(DAY)), ..budget(TOTAL, 900, 3) };
    let before = stage.funds();
    let mut dice = Dice::new(std::process::id().into());
    let mut served = 0;
    for life in 0..LIVES {
        let mut proxy = Listening::on(stage.proxy("proxy", &urls, limits).router());
        let url: Arc<str> = proxy.url.as_str().into();
        let asking: Vec<_> = (0..5)
            .map(|number| {
                let url = url.clone();
                std::thread::spawn(move || ask(&url, &said(&format!("Number {number} of {life}?"))).0)
            })
            .collect();
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        proxy.kill();
        served += asking.into_iter().map(|asked| asked.join().unwrap()).filter(|status| *status == 200).count();
        let gone = before - stage.funds();
        assert!(gone <= TOTAL, "life {life}: {gone} is gone of {TOTAL}");
    }
    assert!(served > 0, "every life was too short");
    // What the nodes were promised, by the ledger's account: all of it is redeemed.
    let mut listening = Listening::on(stage.proxy("proxy", &urls, limits).router());
    let known = told(&listening.url);
    listening.kill();
    for node in &nodes {
        assert!(block_on(node.provider.redeem_all()).unwrap().is_empty());
    }
    let earned: u128 = stage.sessions("proxy").iter().map(|(_, session)| session.redeemed.base_units()).sum();
    let (spent, day) = (number(&known["spent"]), number(&known["day"]["spent"]));
    assert!(earned <= spent, "the nodes earned {earned}, the book knows of {spent}");
    assert!(spent <= TOTAL && day <= DAY, "{known}");
    assert_eq!(spent, day, "all of it on this day");
    assert!(number(&known["bound"]) <= TOTAL, "{known}");
    // A session that no book knows of would be money lost for good.
    let gone = before - stage.funds();
    assert!(gone <= number(&known["bound"]), "{gone} is gone, {known}");
}
