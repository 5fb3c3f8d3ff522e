//! A payer among servers of strangers: whatever they say, and whatever gets lost, it pays what it agreed to, once, within its limits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod shop;

use std::sync::Arc;

use futures_lite::future::block_on;
use lazai::core::{Address, Amount, LocalSigner, Signer};
use lazai::http::{PayingClient, Purchase};
use lazai::payer::{PayError, Payer, SpendingLimit};
use serde_json::json;
use shop::{ASSET, Asked, CHAIN_ID, Said, price, shop};

fn key() -> Arc<LocalSigner> {
    Arc::new(LocalSigner::from_bytes([7; 32]).unwrap())
}

fn limit(payment: u128, total: u128) -> Vec<SpendingLimit> {
    let [payment, total] = [payment, total].map(Amount::from_base_units);
    vec![SpendingLimit { chain_id: CHAIN_ID, asset: ASSET, payment, total }]
}

fn client(payment: u128, total: u128) -> PayingClient {
    PayingClient::new(Payer::new(key(), limit(payment, total)))
}

fn spent(client: &PayingClient) -> u128 {
    client.payer().spent(CHAIN_ID, ASSET).base_units()
}

/// Sells for a payment that is what it asked for, signed.
fn honest(asked: &Asked) -> Option<Said> {
    let Some(payment) = asked.payment() else { return Some(Said::unpaid(&[price(70)])) };
    assert_eq!((payment.value, payment.from), (70, key().address()));
    Some(Said::sold("a report", &payment))
}

#[test]
fn a_report_is_bought_once_for_each_time_that_it_is_asked_for() {
    let shop = shop(honest);
    let client = client(100, 1_000);
    for n in 1..=2 {
        let bought = block_on(client.buy(&Purchase::post_json(&shop.url("/report"), "{}"))).unwrap();
        assert_eq!((bought.status, &*bought.body), (200, &b"a report"[..]));
        let paid = bought.paid.unwrap();
        assert_eq!((paid.amount.base_units(), paid.outcome.unwrap().success), (70, true));
        assert_eq!((spent(&client), shop.nonces().len()), (70 * n, n as usize));
    }
    // What costs nothing is not paid.
    let free = shop::shop(|_| Some(Said::status(200, "free")));
    assert_eq!(block_on(client.buy(&Purchase::get(&free.url("/")))).unwrap().paid, None);
    assert_eq!(block_on(client.prices(&Purchase::get(&free.url("/")))).unwrap(), None);
    let prices = block_on(client.prices(&Purchase::get(&shop.url("/report")))).unwrap().unwrap().prices;
    assert_eq!((prices[0].amount.base_units(), spent(&client)), (70, 140));
}

#[test]
fn the_books_program() {
    let (shop, home) = (shop(honest), tempfile::tempdir().unwrap());
    let (path, signer, url) = (home.path().join("purse.json"), key(), shop.url("/report"));
    let buy = async || -> lazai::Result<()> {
        // ANCHOR: buy
        let limit = SpendingLimit {
            chain_id: CHAIN_ID,
            asset: ASSET,
            payment: Amount::from_base_units(10_000),
            total: Amount::from_base_units(1_000_000),
        };
        let client = PayingClient::open(&path, signer.clone(), vec![limit])?;
        let report = client.buy(&Purchase::get(&url)).await?;
        println!("{} bytes for {:?}", report.body.len(), report.paid.map(|paid| paid.amount));
        // ANCHOR_END: buy
        Ok(())
    };
    block_on(buy()).unwrap();
    assert_eq!((shop.paid(), path.exists()), (1, true));
}

#[test]
fn version_one_is_paid_too() {
    let shop = shop(|asked| {
        let Some(payment) = asked.payment() else {
            let mut price = price(70);
            price["network"] = json!("base-sepolia");
            price["maxAmountRequired"] = price["amount"].take();
            let told = json!({"x402Version": 1, "error": "X-PAYMENT header is required", "accepts": [price]});
            return Some(Said::status(402, &told.to_string()));
        };
        assert!(asked.header("x-payment").is_some() && asked.header("payment-signature").is_none());
        Some(Said::sold("a report", &payment))
    });
    let bought = block_on(client(70, 70).buy(&Purchase::get(&shop.url("/")))).unwrap();
    assert_eq!((bought.status, bought.paid.unwrap().network.as_str()), (200, "base-sepolia"));
}

#[test]
fn a_payment_whose_answer_is_lost_is_sent_again_and_not_made_again() {
    // The server takes the payment, and hangs up twice.
    let shop = shop(|asked| if asked.payment().is_some() && asked.nth_paid <= 2 { None } else { honest(asked) });
    let client = client(100, 1_000);
    let bought = block_on(client.buy(&Purchase::get(&shop.url("/report")))).unwrap();
    assert_eq!((bought.status, spent(&client)), (200, 70));
    assert_eq!((shop.paid(), shop.nonces().len()), (3, 1));
}

#[test]
fn a_server_that_has_the_payment_and_asks_for_patience_gets_it() {
    let shop = shop(|asked| match asked.payment() {
        Some(_) if asked.nth_paid == 1 => Some(Said::status(503, "not confirmed yet").with("retry-after", "1")),
        _ => honest(asked),
    });
    let client = client(100, 1_000);
    assert_eq!(block_on(client.buy(&Purchase::get(&shop.url("/")))).unwrap().status, 200);
    assert_eq!((shop.paid(), shop.nonces().len(), spent(&client)), (2, 1, 70));
}

#[test]
fn what_was_signed_outlives_the_process_and_so_do_the_limits() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("purse/book.json");
    let shop = shop(|asked| if asked.payment().is_some() && asked.nth_paid <= 4 { None } else { honest(asked) });
    let request = Purchase::get(&shop.url("/report"));
    let opened = || PayingClient::open(&path, key(), limit(100, 100));
    {
        let client = opened().unwrap();
        assert!(matches!(block_on(client.buy(&request)), Err(PayError::Unanswered { .. })));
        assert!(matches!(opened(), Err(PayError::Book { .. })), "two processes would pay twice");
    }
    let client = opened().unwrap();
    assert_eq!(spent(&client), 70);
    assert_eq!(block_on(client.buy(&request)).unwrap().status, 200);
    assert_eq!((shop.paid(), shop.nonces().len()), (5, 1));
    let refused = block_on(client.buy(&request));
    assert!(matches!(refused, Err(PayError::OverLimit { left, .. }) if left.base_units() == 30), "{refused:?}");
    drop(client);
    std::fs::write(&path, "[]").unwrap();
    assert!(matches!(opened(), Err(PayError::Book { .. })));
}

#[test]
fn a_price_beyond_the_limit_or_in_another_asset_is_not_paid() {
    let dear = shop(|_| Some(Said::unpaid(&[price(101)])));
    let client = client(100, 1_000);
    let refused = block_on(client.buy(&Purchase::get(&dear.url("/"))));
    assert!(matches!(refused, Err(PayError::OverLimit { asked, .. }) if asked.base_units() == 101), "{refused:?}");
    let other = shop(|_| {
        let mut price = price(1);
        price["asset"] = json!(Address::from_bytes([9; 20]));
        Some(Said::unpaid(&[price]))
    });
    assert!(matches!(block_on(client.buy(&Purchase::get(&other.url("/")))), Err(PayError::NoPrice { .. })));
    assert_eq!((dear.paid(), other.paid(), spent(&client)), (0, 0, 0));
}

#[test]
fn a_server_that_asks_for_more_after_it_was_paid_gets_no_more() {
    let greedy = shop(|asked| Some(Said::unpaid(&[price(50 + 10 * asked.nth as u128)])));
    let client = client(100, 1_000);
    assert!(matches!(block_on(client.buy(&Purchase::get(&greedy.url("/")))), Err(PayError::Changed { .. })));
    assert_eq!((greedy.paid(), spent(&client)), (1, 60));
    // Asked again, the same payment goes out, and no other one.
    assert!(matches!(block_on(client.buy(&Purchase::get(&greedy.url("/")))), Err(PayError::Changed { .. })));
    assert_eq!((greedy.paid(), greedy.nonces().len(), spent(&client)), (2, 1, 60));
}

#[test]
fn a_refusal_is_told_and_does_not_cost_twice() {
    let poor = shop(|asked| match asked.payment() {
        Some(payment) if asked.nth_paid == 1 => Some(Said::failed("insufficient_funds", &[price(70)], &payment)),
        _ => honest(asked),
    });
    let client = client(100, 1_000);
    let request = Purchase::get(&poor.url("/"));
    let refused = block_on(client.buy(&request));
    assert!(matches!(&refused, Err(PayError::Refused { reason }) if reason == "insufficient_funds"), "{refused:?}");
    assert_eq!(block_on(client.buy(&request)).unwrap().status, 200);
    assert_eq!((poor.nonces().len(), spent(&client)), (1, 70));
}

#[test]
fn no_redirect_is_followed_with_a_payment() {
    let other = shop(honest);
    let to = other.url("/report");
    let shop = shop(move |asked| match asked.payment() {
        Some(_) => Some(Said::status(307, "").with("location", &to)),
        None => Some(Said::unpaid(&[price(70)])),
    });
    let bought = block_on(client(100, 1_000).buy(&Purchase::get(&shop.url("/")))).unwrap();
    assert_eq!((bought.status, bought.paid.is_some()), (307, true));
    assert_eq!(other.asked(), 0);
}

#[test]
fn a_payment_goes_nowhere_in_clear_text() {
    for url in ["http://server.example/", "ftp://127.0.0.1/", "server.example", "http://127.0.0.1.server.example/"] {
        let refused = block_on(client(1, 1).buy(&Purchase::get(url)));
        assert!(matches!(refused, Err(PayError::Unsafe { .. })), "{url}: {refused:?}");
    }
    let mut forged = Purchase::get("http://127.0.0.1:1/");
    forged.headers.push(("Payment-Signature".into(), "mine".into()));
    assert!(matches!(block_on(client(1, 1).buy(&forged)), Err(PayError::Unsafe { .. })));
    let unreachable = block_on(client(1, 1).buy(&Purchase::get("http://127.0.0.1:1/")));
    assert!(matches!(unreachable, Err(PayError::Transport { .. })));
}

#[test]
fn garbage_with_status_402_is_an_error_and_costs_nothing() {
    for said in [
        Said::status(402, "pay me"),
        Said::status(402, "{}"),
        Said::status(402, "").with("payment-required", "bm8="),
        Said::status(402, "").with("payment-required", "%"),
        Said::status(402, &" ".repeat(300 << 10)),
    ] {
        let shop = shop(move |_| Some(said.clone()));
        let client = client(100, 1_000);
        assert!(matches!(block_on(client.buy(&Purchase::get(&shop.url("/")))), Err(PayError::NotX402(_))));
        assert_eq!((shop.asked(), spent(&client)), (1, 0));
    }
}
