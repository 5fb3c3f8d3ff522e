#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_lite::future::block_on;
use lazai_core::sign::CallbackSigner;
use lazai_core::{LocalSigner, Signature};
use serde_json::{Value, json};

use super::*;

const NOW_S: u64 = 1_800_000_000;
const ASSET: Address = Address::from_bytes([0xaa; 20]);

fn key() -> LocalSigner {
    LocalSigner::from_bytes([7; 32]).unwrap()
}

fn limit(payment: u128, total: u128) -> SpendingLimit {
    let [payment, total] = [payment, total].map(Amount::from_base_units);
    SpendingLimit { chain_id: 84_532, asset: ASSET, payment, total }
}

fn payer(payment: u128, total: u128) -> Payer {
    Payer::new(Arc::new(key()), vec![limit(payment, total)])
}

fn price(amount: u128) -> Value {
    json!({"scheme": "exact", "network": "eip155:84532", "amount": amount.to_string(), "asset": ASSET,
        "payTo": Address::from_bytes([0xbb; 20]), "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"}})
}

fn required(accepts: &[Value]) -> Vec<(String, String)> {
    let told = json!({"x402Version": 2, "resource": {"url": "/"}, "accepts": accepts, "error": "pay first"});
    vec![("PAYMENT-REQUIRED".into(), STANDARD.encode(told.to_string()))]
}

fn request(n: u8) -> Digest {
    request_digest("GET", "https://server.example/", &[n])
}

fn paid(payer: &Payer, n: u8, accepts: &[Value]) -> Result<SignedPayment, PayError> {
    block_on(payer.pay(request(n), &required(accepts), b"", NOW_S))
}

#[test]
fn a_payment_is_a_transfer_that_the_asset_takes() {
    let payer = payer(10_000, 10_000);
    let payment = paid(&payer, 1, &[price(10_000)]).unwrap();
    let sent: Value = serde_json::from_slice(&STANDARD.decode(&payment.header).unwrap()).unwrap();
    assert_eq!(sent["accepted"], price(10_000));
    let payload: ExactPayload = serde_json::from_value(sent["payload"].clone()).unwrap();
    let signed = payload.signed().unwrap();
    let a = signed.authorization;
    assert_eq!((a.from, a.to, a.value), (key().address(), payment.pay_to, payment.amount));
    assert_eq!((a.valid_after_s, a.valid_before_s), (0, NOW_S + 300));
    let domain = PaymentRequired::read(&required(&[price(10_000)]), b"").unwrap().prices[0].domain();
    let signature = Signature::from_slice(&signed.signature).unwrap();
    signature.verify(&domain, &a, key().address()).unwrap();
    assert!(!format!("{payment:?}").contains(&payment.header));
}

#[test]
fn nothing_is_signed_beyond_a_limit() {
    let payer = payer(100, 250);
    let refused = |n, amount| match paid(&payer, n, &[price(amount)]) {
        Err(PayError::OverLimit { asked, left, .. }) => (asked.base_units(), left.base_units()),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(1, 101), (101, 250));
    for n in [1, 2] {
        paid(&payer, n, &[price(100)]).unwrap();
    }
    assert_eq!(refused(3, 51), (51, 50));
    paid(&payer, 3, &[price(50)]).unwrap();
    assert_eq!(refused(4, 1), (1, 0));
    assert_eq!(payer.spent(84_532, ASSET), Amount::from_base_units(250));
    // Another chain's asset has another limit: none.
    let elsewhere = json!({"network": "eip155:1"});
    let mut other = price(1);
    other["network"] = elsewhere["network"].clone();
    assert!(matches!(paid(&payer, 5, &[other]), Err(PayError::NoPrice { named: 1, understood: 1, .. })));
}

#[test]
fn the_lowest_price_of_the_first_limit_is_paid() {
    let mut dear = price(5);
    dear["asset"] = json!(Address::from_bytes([0xcc; 20]));
    let first = SpendingLimit { asset: Address::from_bytes([0xdd; 20]), ..limit(10, 10) };
    let payer = Payer::new(Arc::new(key()), vec![first, limit(10, 10)]);
    let payment = paid(&payer, 1, &[dear, price(9), price(8)]).unwrap();
    assert_eq!((payment.asset, payment.amount), (ASSET, Amount::from_base_units(8)));
}

#[test]
fn the_same_request_gets_the_same_payment_until_it_is_answered() {
    let payer = payer(100, 1_000);
    let first = paid(&payer, 1, &[price(100)]).unwrap();
    assert_eq!(paid(&payer, 1, &[price(7), price(100)]).unwrap(), first);
    assert_ne!(paid(&payer, 2, &[price(100)]).unwrap().nonce, first.nonce);
    assert_eq!(payer.spent(84_532, ASSET), Amount::from_base_units(200));
    // A server that failed may have taken it.
    assert_eq!(payer.answered(&first, 500, &[], b"").unwrap(), None);
    assert_eq!(payer.open(request(1), NOW_S), Some(first.clone()));
    let settled = json!({"success": true, "transaction": "0x12", "network": "eip155:84532"}).to_string();
    let headers = [("payment-response".to_owned(), STANDARD.encode(settled))];
    assert_eq!(payer.answered(&first, 200, &headers, b"").unwrap().unwrap().transaction, "0x12");
    assert_eq!(payer.open(request(1), NOW_S), None);
    assert_ne!(paid(&payer, 1, &[price(100)]).unwrap().nonce, first.nonce, "another purchase");
}

#[test]
fn a_price_that_changes_is_not_paid() {
    let payer = payer(100, 1_000);
    let first = paid(&payer, 1, &[price(50)]).unwrap();
    let mut elsewhere = price(50);
    elsewhere["payTo"] = json!(Address::from_bytes([0xee; 20]));
    for changed in [price(51), price(49), elsewhere] {
        assert!(matches!(paid(&payer, 1, &[changed.clone()]), Err(PayError::Changed { .. })));
        let answered = payer.answered(&first, 402, &required(&[changed]), b"");
        assert!(matches!(answered, Err(PayError::Changed { .. })));
    }
    let refused = payer.answered(&first, 402, &required(&[price(50)]), b"");
    assert!(matches!(refused, Err(PayError::Refused { reason }) if reason == "pay first"));
    let refused = payer.answered(&first, 402, &[], b"no");
    assert!(matches!(refused, Err(PayError::Refused { reason }) if reason == "it gives no reason"));
    assert_eq!(payer.open(request(1), NOW_S), Some(first), "it may still be taken");
    assert_eq!(payer.spent(84_532, ASSET), Amount::from_base_units(50));
}

#[test]
fn what_cannot_be_taken_any_more_stays_counted_and_is_signed_anew() {
    let payer = payer(100, 150);
    let first = paid(&payer, 1, &[price(100)]).unwrap();
    assert_eq!(payer.open(request(1), first.valid_before_s - 1), Some(first.clone()));
    assert_eq!(payer.open(request(1), first.valid_before_s), None);
    let later = block_on(payer.pay(request(1), &required(&[price(100)]), b"", first.valid_before_s));
    assert!(matches!(later, Err(PayError::OverLimit { .. })), "{later:?}");
}

#[test]
fn no_payment_is_valid_for_long() {
    for (asked, given) in [(json!(1), 60), (json!(300.0), 300), (json!(1e30), 3_600), (json!(-5), 60)] {
        let mut price = price(1);
        price["maxTimeoutSeconds"] = asked;
        assert_eq!(paid(&payer(1, 1), 1, &[price]).unwrap().valid_before_s, NOW_S + given);
    }
}

#[test]
fn a_signer_that_refuses_costs_nothing() {
    let address = key().address();
    let refusing = CallbackSigner::new(address, move |_| {
        let refused = SignerError::Refused { address, reason: "not now".into() };
        Box::pin(std::future::ready(Err(refused)))
    });
    let payer = Payer::new(Arc::new(refusing), vec![limit(100, 100)]);
    assert!(matches!(paid(&payer, 1, &[price(100)]), Err(PayError::Signer(_))));
    assert_eq!((payer.spent(84_532, ASSET), payer.open(request(1), NOW_S)), (Amount::ZERO, None));
}

#[test]
fn a_book_goes_on_where_it_was() {
    let first = payer(100, 150);
    let payment = paid(&first, 1, &[price(100)]).unwrap();
    let kept = serde_json::to_string(&first.to_book()).unwrap();
    let next = Payer::resume(Arc::new(key()), vec![limit(100, 150)], serde_json::from_str(&kept).unwrap());
    assert_eq!(next.open(request(1), NOW_S), Some(payment));
    assert!(matches!(paid(&next, 2, &[price(51)]), Err(PayError::OverLimit { .. })));
    assert!(serde_json::from_str::<PayerBook>(r#"{"more": 1}"#).is_err());
}
