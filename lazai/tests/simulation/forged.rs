//! What a ledger says of chains that are not what they should be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::B256;
use alloy_sol_types::SolEvent;
use lazai::core::{Address, Digest};
use lazai::settle::Ledger;
use lazai::settle::ledger::LedgerError;
use lazai::settle::ledger::evm::abi::ValidatorQuorum;
use lazai::settle::ledger::evm::{Contracts, Deployment, Endpoints, EvmLedger, Pace, Rpc, RpcError, Trust};
use pollster::block_on;
use serde_json::{Value, json};

use super::acts::{self, units};
use super::chain::Line;
use super::lies::{call_otherwise, enrich, hide, write_otherwise};
use super::network::COIN;
use super::talk::open_session;
use super::world::{Process, World, address, signer};

/// A provider that changes what it was told.
struct Liar<F>(Line, F);

impl<F: Fn(&str, &mut Value) + Send + Sync> Rpc for Liar<F> {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let mut answer = self.0.request(method, params)?;
        (self.1)(method, &mut answer);
        Ok(answer)
    }
}

const ACCEPTED: B256 = ValidatorQuorum::SubmissionAccepted::SIGNATURE_HASH;

fn founded() -> World {
    let mut world = World::calm();
    acts::found(&mut world);
    assert!(world.ledger(Process::People).market().counts().0 > 0);
    world
}

fn read_by(world: &World, trust: Trust, lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> LedgerError {
    let pace = Pace { trust, ..world.pace };
    let read = EvmLedger::open(Liar(world.line(), lie), &world.deployment, None, pace);
    read.expect_err("a lie that is believed")
}

#[test]
fn a_log_that_is_kept_back_does_not_come_to_the_receipts_root() {
    let error = read_by(&founded(), Trust::Hashes, |method, answer| {
        if let (Some(receipts), "eth_getBlockReceipts") = (answer.as_array_mut(), method) {
            receipts.iter_mut().for_each(|receipt| hide(&mut receipt["logs"], ACCEPTED));
        }
    });
    assert!(matches!(&error, LedgerError::Untrue { reason, .. } if reason.contains("root")), "{error}");
}

#[test]
fn an_invented_deposit_is_not_believed() {
    // The provider makes a deposit of a thousand times as much, in receipts and logs alike.
    let mut world = founded();
    open_session(&mut world, "node");
    let error = read_by(&world, Trust::Hashes, |method, answer| match (method, answer.as_array_mut()) {
        ("eth_getBlockReceipts", Some(receipts)) => receipts.iter_mut().for_each(|r| enrich(&mut r["logs"])),
        ("eth_getLogs", _) => enrich(answer),
        _ => {}
    });
    assert!(matches!(&error, LedgerError::Untrue { .. }), "{error}");
}

#[test]
fn a_call_that_nobody_made_is_not_believed() {
    let error = read_by(&founded(), Trust::Hashes, |method, answer| {
        if method == "eth_getBlockByHash" {
            call_otherwise(answer);
        }
    });
    assert!(matches!(&error, LedgerError::Untrue { reason, .. } if reason.contains("transactions come to")), "{error}");
}

#[test]
fn a_log_is_of_the_transaction_that_made_it() {
    // Told so of receipts and logs alike.
    let other = |told: &mut Value| told["transactionHash"] = json!(B256::repeat_byte(9));
    let error = read_by(&founded(), Trust::Hashes, move |method, answer| match (method, answer.as_array_mut()) {
        ("eth_getBlockReceipts", Some(receipts)) => receipts.iter_mut().for_each(|receipt| {
            other(receipt);
            receipt["logs"].as_array_mut().into_iter().flatten().for_each(other);
        }),
        ("eth_getLogs", Some(logs)) => logs.iter_mut().for_each(other),
        _ => {}
    });
    assert!(matches!(&error, LedgerError::Untrue { reason, .. } if reason.contains("told of another")), "{error}");
}

#[test]
fn another_public_part_is_not_believed() {
    let error = read_by(&founded(), Trust::Hashes, |method, answer| {
        if method == "eth_getCode" {
            write_otherwise(answer);
        }
    });
    assert!(matches!(&error, LedgerError::Untrue { reason, .. } if reason.contains("public part")), "{error}");
}

#[test]
fn a_header_that_is_changed_hashes_to_something_else() {
    let error = read_by(&founded(), Trust::Hashes, |method, answer| {
        if method == "eth_getBlockByNumber" && answer.is_object() {
            answer["timestamp"] = json!("0x77359400");
        }
    });
    assert!(matches!(&error, LedgerError::Untrue { reason, .. } if reason.contains("hashes to")), "{error}");
}

#[test]
fn one_of_two_providers_cannot_lie_alone() {
    let mut world = founded();
    let all: Vec<Box<dyn Rpc>> = vec![
        Box::new(world.line()),
        Box::new(Liar(world.line(), |method: &str, answer: &mut Value| {
            if method == "eth_getBlockByNumber" && answer.is_object() {
                answer["hash"] = json!(format!("0x{:064x}", 7));
            }
        })),
    ];
    let read = EvmLedger::open(Endpoints::new(all), &world.deployment, None, world.pace);
    assert!(matches!(&read, Err(LedgerError::Rpc { reason, .. }) if reason.contains("do not agree")), "{read:?}");
    let honest = Endpoints::new(vec![world.line(), world.line()]);
    let read = EvmLedger::open(honest, &world.deployment, None, world.pace).unwrap();
    assert_eq!(read.market(), world.ledger(Process::People).market());
}

/// A provider that keeps what it is given, and says that the account's nonces are used.
struct Hoarder {
    line: Line,
    kept: Arc<Mutex<Vec<Value>>>,
}

impl Rpc for Hoarder {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let mut kept = self.kept.lock().unwrap();
        match method {
            // What is sent is worth something to it, so it stops before the tenth.
            "eth_sendRawTransaction" if kept.len() < 10 => {
                kept.push(params.clone());
                Ok(json!(B256::repeat_byte(1)))
            }
            "eth_sendRawTransaction" => Err(RpcError::Answered { code: 1, message: "enough".into(), data: None }),
            "eth_getTransactionReceipt" => Ok(Value::Null),
            "eth_getTransactionCount" if !kept.is_empty() => {
                let told = self.line.request(method, params)?;
                let next = u64::from_str_radix(told.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
                Ok(json!(format!("{:#x}", next + kept.len() as u64)))
            }
            _ => self.line.request(method, params),
        }
    }

    fn pause(&self, time: Duration) {
        self.line.pause(time);
    }
}

#[test]
fn a_provider_that_says_a_nonce_is_used_gets_no_second_transaction() {
    let mut world = founded();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let hoarder = Hoarder { line: world.line(), kept: kept.clone() };
    let pace = Pace { patience: 40, ..world.pace };
    let ledger = EvmLedger::open(hoarder, &world.deployment, None, pace).unwrap();
    let account = |w: &mut World| w.refresh(Process::People).head().balance(address("consumer"), COIN);
    let before = account(&mut world);
    let sent = block_on(ledger.deposit(&*signer("consumer"), Digest::from_bytes([5; 32]), COIN, units(7)));
    assert!(matches!(&sent, Err(LedgerError::Untrue { .. })), "{sent:?}");
    // Everything that was signed comes to the chain after all.
    for raw in kept.lock().unwrap().drain(..) {
        let _ = world.line().request("eth_sendRawTransaction", raw);
    }
    (0..3).for_each(|_| world.chain.lock().unwrap().tick());
    assert_eq!(account(&mut world), before.checked_add(units(7)).unwrap());
}

/// A provider that loses the first transaction it is given, and keeps no state but the one that is as deep as is waited for.
struct Forgetful {
    line: Line,
    depth: u64,
    lost: AtomicBool,
}

impl Rpc for Forgetful {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let number = |told: &Value| u64::from_str_radix(told.as_str()?.strip_prefix("0x")?, 16).ok();
        match (method, params.get(1).and_then(number)) {
            ("eth_sendRawTransaction", _) if !self.lost.swap(true, Ordering::SeqCst) => Ok(json!(B256::repeat_byte(1))),
            ("eth_getTransactionCount", Some(block)) => {
                let latest = self.line.request("eth_getBlockByNumber", json!(["latest", false]))?;
                if block + self.depth < number(&latest["number"]).unwrap() {
                    return Err(RpcError::Answered { code: -32_000, message: "missing trie node".into(), data: None });
                }
                self.line.request(method, params)
            }
            _ => self.line.request(method, params),
        }
    }

    fn pause(&self, time: Duration) {
        self.line.pause(time);
    }
}

#[test]
fn a_nonce_that_was_used_long_ago_is_found_without_old_states() {
    let mut world = founded();
    let key = |n| Digest::from_bytes([n; 32]);
    let deposit = |ledger: &EvmLedger, n| block_on(ledger.deposit(&*signer("consumer"), key(n), COIN, units(7)));
    let home = tempfile::tempdir().unwrap();
    let forgetful = Forgetful { line: world.line(), depth: world.pace.depth, lost: AtomicBool::new(false) };
    let impatient = Pace { patience: 1, ..world.pace };
    let ledger = EvmLedger::open(forgetful, &world.deployment, Some(home.path()), impatient).unwrap();
    let sent = deposit(&ledger, 5);
    assert!(matches!(&sent, Err(LedgerError::Unconfirmed { .. })), "{sent:?}");
    drop(ledger);
    // The account's owner uses the nonce elsewhere, and comes back much later.
    let before = world.refresh(Process::People).head().balance(address("consumer"), COIN);
    let elsewhere = EvmLedger::open(world.line(), &world.deployment, None, world.pace).unwrap();
    deposit(&elsewhere, 6).unwrap();
    (0..3 * world.pace.depth).for_each(|_| world.chain.lock().unwrap().tick());
    let forgetful = Forgetful { line: world.line(), depth: world.pace.depth, lost: AtomicBool::new(true) };
    let ledger = EvmLedger::open(forgetful, &world.deployment, Some(home.path()), world.pace).unwrap();
    deposit(&ledger, 5).unwrap();
    let after = world.refresh(Process::People).head().balance(address("consumer"), COIN);
    assert_eq!(after, before.checked_add(units(14)).unwrap());
}

#[test]
fn contracts_that_log_something_else_are_found_out() {
    // As a chain would tell it whose contracts are others: the provider is believed.
    let error = read_by(&founded(), Trust::Provider, |method, answer| {
        if method == "eth_getLogs" {
            hide(answer, ACCEPTED);
        }
    });
    assert!(matches!(&error, LedgerError::Diverged { reason, .. } if reason.contains("did not log")), "{error}");
}

#[test]
fn a_market_that_is_not_there_is_not_found() {
    let world = World::calm();
    let open = |deployment: &Deployment| EvmLedger::open(world.line(), deployment, None, world.pace);
    assert!(open(&world.deployment).is_ok());
    let elsewhere = Deployment { chain_id: 1, ..world.deployment.clone() };
    let found = open(&elsewhere);
    assert!(matches!(&found, Err(LedgerError::Deployment { reason }) if reason.contains("expected 1")), "{found:?}");
    let contracts = Contracts { parameters: Address::from_bytes([3; 20]), ..world.deployment.contracts };
    let nowhere = open(&Deployment { contracts, ..world.deployment.clone() });
    assert!(matches!(&nowhere, Err(LedgerError::Deployment { .. })), "{nowhere:?}");
}
