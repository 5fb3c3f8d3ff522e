//! A facilitator on the chain, over HTTP: what it is asked, whatever breaks off, is settled once and told once.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai::Account;
use lazai::core::{Address, Amount};
use lazai::http::{Facilitator, FacilitatorTerms, Serving};
use lazai::payer::{Payer, SpendingLimit, request_digest};
use lazai::settle::ledger::evm::EvmLedger;
use pollster::block_on;
use serde_json::{Value, json};

use super::chain::{CHAIN_ID, Line};
use super::people::{address, signer};
use super::sales::{PURSE, founded, held, purse, units};
use super::world::World;

const PRICE: u128 = 700;
const SHOP: Address = Address::from_bytes([0x5b; 20]);

/// A facilitator in a calm world, and the line by which it sees the chain.
struct Desk {
    world: World,
    line: Line,
    serving: Serving,
    _folder: tempfile::TempDir,
}

fn desk() -> Desk {
    let world = founded(World::calm());
    let (line, folder) = (world.line(), tempfile::tempdir().unwrap());
    let outbox = folder.path().join("outbox");
    let ledger = EvmLedger::open(line.clone(), &world.deployment, Some(&outbox), world.pace).unwrap();
    let terms = FacilitatorTerms { assets: vec![world.dollar.0], payees: vec![SHOP], least: units(10), key: None };
    let facilitator = Facilitator::new(Account::new(Arc::new(ledger), signer("node")), terms).unwrap();
    let serving = facilitator.spawn("127.0.0.1:0").unwrap();
    Desk { world, line, serving, _folder: folder }
}

impl Desk {
    fn price(&self) -> Value {
        json!({"scheme": "exact", "network": format!("eip155:{CHAIN_ID}"), "amount": PRICE.to_string(),
            "asset": self.world.dollar.0, "payTo": SHOP, "maxTimeoutSeconds": 3_000,
            "extra": {"name": "Dollar", "version": "1"}})
    }

    /// What a server asks of a payment that somebody signs for a price.
    fn asked(&self, name: &str, price: &Value) -> Value {
        let limit =
            SpendingLimit { chain_id: CHAIN_ID, asset: self.world.dollar.0, payment: Amount::MAX, total: Amount::MAX };
        let payer = Payer::new(signer(name), vec![limit]);
        let told = json!({"x402Version": 2, "resource": {"url": "/"}, "accepts": [price]});
        let headers = [("payment-required".to_owned(), STANDARD.encode(told.to_string()))];
        let now_s = self.world.chain.lock().unwrap().time_s();
        let payment = block_on(payer.pay(request_digest("GET", "/", b""), &headers, b"", now_s)).unwrap();
        let payload: Value = serde_json::from_slice(&STANDARD.decode(payment.header).unwrap()).unwrap();
        json!({"x402Version": 2, "paymentPayload": payload, "paymentRequirements": price})
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        post(&self.serving.url(), path, body)
    }

    fn earned(&self) -> (u128, u128) {
        (PURSE - purse(&self.world), held(&self.world, SHOP))
    }
}

fn post(url: &str, path: &str, body: &Value) -> (u16, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent: ureq::Agent = config.into();
    let request = agent.post(format!("{url}{path}")).header("content-type", "application/json");
    let mut answer = request.send(body.to_string()).unwrap();
    let told = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&told).unwrap())
}

#[test]
fn a_payment_is_checked_and_made_and_told_once() {
    let desk = desk();
    let asked = desk.asked("consumer", &desk.price());
    let (status, told) = desk.post("/verify", &asked);
    assert_eq!((status, &told["isValid"], &told["payer"]), (200, &json!(true), &json!(address("consumer"))), "{told}");
    assert_eq!(desk.earned(), (0, 0));
    let (status, told) = desk.post("/settle", &asked);
    assert_eq!((status, &told["success"], &told["amount"]), (200, &json!(true), &json!("700")), "{told}");
    assert_eq!((told["transaction"].as_str().unwrap().len(), &told["network"]), (66, &json!("eip155:31337")));
    assert_eq!(desk.earned(), (PRICE, PRICE));
    for (path, reason) in [("/verify", "invalidReason"), ("/settle", "errorReason")] {
        let (status, told) = desk.post(path, &asked);
        assert_eq!(
            (status, told[reason].as_str()),
            (200, Some("invalid_exact_evm_nonce_already_used")),
            "{path}: {told}"
        );
    }
    assert_eq!(desk.earned(), (PRICE, PRICE));
}

#[test]
fn version_one_is_settled_too() {
    let desk = desk();
    let mut asked = desk.asked("consumer", &desk.price());
    let payload = asked["paymentPayload"]["payload"].take();
    asked["paymentPayload"] =
        json!({"x402Version": 1, "scheme": "exact", "network": "eip155:31337", "payload": payload});
    asked["paymentRequirements"]["maxAmountRequired"] = json!(PRICE.to_string());
    assert_eq!(desk.post("/verify", &asked).1["isValid"], true);
    assert_eq!(desk.post("/settle", &asked).1["success"], true);
    assert_eq!(desk.earned(), (PRICE, PRICE));
}

#[test]
fn what_does_not_pay_is_refused_with_a_reason_and_costs_nothing() {
    let desk = desk();
    let good = desk.asked("consumer", &desk.price());
    let changed = |place: &str, value: Value| {
        let mut asked = good.clone();
        *asked.pointer_mut(place).unwrap() = value;
        asked
    };
    let (authorization, wanted) = ("/paymentPayload/payload/authorization", "/paymentRequirements");
    let mut cheap = desk.price();
    cheap["amount"] = json!("9");
    let mut elsewhere = desk.price();
    elsewhere["payTo"] = json!(address("cheat"));
    let cases = [
        ("invalid_exact_evm_payload_signature", changed(&format!("{authorization}/validAfter"), json!("5"))),
        ("invalid_exact_evm_payload_signature", changed(&format!("{authorization}/from"), json!(address("node")))),
        (
            "invalid_exact_evm_payload_recipient_mismatch",
            changed(&format!("{authorization}/to"), json!(address("cheat"))),
        ),
        ("invalid_exact_evm_payload_authorization_value_mismatch", changed(&format!("{wanted}/amount"), json!("701"))),
        ("invalid_payment_requirements", changed(&format!("{wanted}/extra/name"), json!("Dollars"))),
        ("invalid_payment_requirements", changed(&format!("{wanted}/asset"), json!(address("cheat")))),
        ("invalid_payment_requirements", desk.asked("consumer", &cheap)),
        ("invalid_payment_requirements", desk.asked("consumer", &elsewhere)),
        ("insufficient_funds", desk.asked("cheat", &desk.price())),
    ];
    for (reason, asked) in cases {
        let (_, told) = desk.post("/verify", &asked);
        let told_reason = told["invalidReason"].as_str().unwrap_or_default();
        // An account without money is found poor before its signature is looked at.
        let is_poor = told_reason == "insufficient_funds";
        assert!(told["isValid"] == false && (told_reason == reason || is_poor), "{reason}: {told}");
        let (_, told) = desk.post("/settle", &asked);
        assert_eq!((&told["success"], &told["transaction"]), (&json!(false), &json!("")), "{reason}: {told}");
    }
    desk.world.chain.lock().unwrap().leap(3_000);
    desk.world.chain.lock().unwrap().tick();
    let (_, told) = desk.post("/verify", &good);
    assert_eq!(told["invalidReason"], "invalid_exact_evm_payload_authorization_valid_before");
    assert_eq!(desk.post("/settle", &good).1["success"], false);
    assert_eq!(desk.earned(), (0, 0));
    let (status, told) = desk.post("/verify", &json!({}));
    assert_eq!((status, &told["isValid"]), (400, &json!(false)));
}

#[test]
fn two_requests_with_one_payment_are_not_both_served() {
    let desk = desk();
    let asked = desk.asked("consumer", &desk.price());
    let url = desk.serving.url();
    let served = std::thread::scope(|scope| {
        let asking = [(); 4].map(|()| scope.spawn(|| post(&url, "/settle", &asked).1["success"] == true));
        asking.map(|asking| asking.join().unwrap())
    });
    assert_eq!(served.iter().filter(|served| **served).count(), 1, "{served:?}");
    assert_eq!(desk.earned(), (PRICE, PRICE));
}

#[test]
fn a_server_that_hung_up_asks_again_and_the_payer_pays_once() {
    let desk = desk();
    let asked = desk.asked("consumer", &desk.price()).to_string();
    {
        // The chain answers nothing while the server loses its patience.
        let chain = desk.world.chain.lock().unwrap();
        let mut line = TcpStream::connect(desk.serving.address()).unwrap();
        let head = format!("POST /settle HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n\r\n", asked.len());
        line.write_all((head + &asked).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        drop(line);
        std::thread::sleep(Duration::from_millis(300));
        drop(chain);
    }
    let asked: Value = serde_json::from_str(&asked).unwrap();
    let (_, told) = desk.post("/settle", &asked);
    assert_eq!(told["success"], true, "{told}");
    assert_eq!(desk.earned(), (PRICE, PRICE));
    assert_eq!(desk.post("/settle", &asked).1["success"], false);
}

#[test]
fn while_the_chain_does_not_answer_nothing_is_said_to_be_paid() {
    let desk = desk();
    let asked = desk.asked("consumer", &desk.price());
    desk.line.fuse.store(0, Ordering::SeqCst);
    let (status, told) = desk.post("/verify", &asked);
    assert_eq!(
        (status, &told["isValid"], &told["invalidReason"]),
        (503, &json!(false), &json!("unexpected_verify_error"))
    );
    let (status, told) = desk.post("/settle", &asked);
    assert_eq!(
        (status, &told["success"], &told["errorReason"]),
        (503, &json!(false), &json!("unexpected_settle_error"))
    );
    desk.line.fuse.store(-1, Ordering::SeqCst);
    assert_eq!(desk.post("/settle", &asked).1["success"], true);
    assert_eq!(desk.earned(), (PRICE, PRICE));
}

#[test]
fn what_is_settled_stands_in_a_list_and_is_for_who_has_the_key() {
    let world = founded(World::calm());
    let ledger = EvmLedger::open(world.line(), &world.deployment, None, world.pace).unwrap();
    let key = Some("a key".to_owned());
    let terms = FacilitatorTerms { assets: vec![world.dollar.0], payees: Vec::new(), least: units(1), key };
    let facilitator = Facilitator::new(Account::new(Arc::new(ledger), signer("node")), terms).unwrap();
    let serving = facilitator.spawn("127.0.0.1:0").unwrap();
    let url = serving.url();
    let told = ureq::get(format!("{url}/supported")).call().unwrap().body_mut().read_to_string().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let kind = |version| json!({"x402Version": version, "scheme": "exact", "network": "eip155:31337"});
    assert_eq!(told["kinds"], json!([kind(2), kind(1)]));
    assert_eq!(told["signers"]["eip155:*"], json!([address("node")]));
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent: ureq::Agent = config.into();
    let status = |key: &str| {
        let request = agent.post(format!("{url}/verify")).header("authorization", format!("Bearer {key}"));
        request.send("{}").unwrap().status().as_u16()
    };
    assert_eq!((status("another key"), status("a key")), (401, 400));
}
