//! A provider of the chain that lies now and then, to one process: it keeps logs back, makes some up, changes headers, and
//! says of what was sent that it failed, or that another transaction has its nonce.
//!
//! What [`Trust::Hashes`](lazai::settle::ledger::evm::Trust) leaves to believe, it does not touch: which of all possible blocks
//! the chain has, and of blocks too deep to be undone, that none with logs is kept back.

use alloy_primitives::{B256, U64};
use alloy_sol_types::SolEvent;
use lazai::settle::ledger::evm::Contracts;
use lazai::settle::ledger::evm::abi::{Settlement, ValidatorQuorum, to_evm};
use serde_json::{Value, json};

use super::dice::Dice;
use super::world::address;

/// What a process is told that is not so.
pub struct Lies {
    dice: Dice,
    contracts: Contracts,
    /// The hash of the first block: in it, it says, everything failed.
    first: B256,
    /// Lies until it says the truth again.
    pub left: u64,
    /// True if they are about what became of a transaction, or about what is on the chain: headers are asked for so often
    /// that nothing else would be lied about.
    pub of_fate: bool,
    pub told: u64,
}

impl Lies {
    pub fn new(dice: Dice, contracts: Contracts, first: B256) -> Self {
        Self { dice, contracts, first, left: 0, of_fate: false, told: 0 }
    }

    /// Changes an answer of the chain, or leaves it.
    pub fn twist(&mut self, method: &str, params: &Value, answer: &mut Value) {
        let of_fate = matches!(method, "eth_getTransactionReceipt" | "eth_getTransactionCount");
        if self.left == 0 || of_fate != self.of_fate || self.dice.one_in(2) {
            return;
        }
        let before = answer.clone();
        match (method, self.dice.below(4)) {
            ("eth_getBlockByNumber", field) if answer.is_object() => change(field, answer),
            ("eth_getBlockReceipts", 0) => {
                logs_of(answer, |logs| hide(logs, ValidatorQuorum::SubmissionAccepted::SIGNATURE_HASH))
            }
            ("eth_getBlockReceipts", 1) => {
                logs_of(answer, |logs| hide(logs, Settlement::SessionClosing::SIGNATURE_HASH))
            }
            ("eth_getBlockReceipts", 2) => logs_of(answer, |logs| self.accept(logs)),
            ("eth_getLogs", 2) => self.accept(answer),
            ("eth_getBlockReceipts", _) => logs_of(answer, enrich),
            ("eth_getLogs", 3) => enrich(answer),
            ("eth_getBlockByHash", 0..=1) => call_otherwise(answer),
            ("eth_getCode", 0..=1) => write_otherwise(answer),
            ("eth_getTransactionReceipt", 0..=1) => {
                *answer = json!({"blockNumber": "0x0", "blockHash": self.first, "status": "0x0", "gasUsed": "0x5208"});
            }
            // What waits is the provider's word: no nonce can be had but from it.
            ("eth_getTransactionCount", 0..=1) if params[1] != "pending" => {
                let told: U64 = serde_json::from_value(answer.clone()).unwrap();
                *answer = json!(told + U64::from(1));
            }
            _ => {}
        }
        if *answer != before {
            self.left -= 1;
            self.told += 1;
        }
    }

    /// Has a submission accepted that nobody submitted, for the ExEx to train.
    fn accept(&mut self, logs: &mut Value) {
        let Some(logs) = logs.as_array_mut() else { return };
        let Some(mut log) = logs.last().cloned() else { return };
        let submission = super::network::made_up("submission", self.told);
        let (submission, exex) = (B256::from(*submission.as_bytes()), to_evm(address("exex")).into_word());
        log["address"] = json!(to_evm(self.contracts.quorum));
        log["topics"] = json!([ValidatorQuorum::SubmissionAccepted::SIGNATURE_HASH, submission, exex]);
        log["data"] = json!("0x");
        logs.push(log);
    }
}

fn change(field: u64, header: &mut Value) {
    let (name, value) = match field {
        0 => ("timestamp", json!("0x77359400")),
        1 => ("hash", json!(B256::repeat_byte(7))),
        2 => ("receiptsRoot", json!(B256::repeat_byte(8))),
        // As if nobody had logged anything.
        _ => ("logsBloom", json!(alloy_primitives::Bloom::ZERO)),
    };
    header[name] = value;
}

fn logs_of(receipts: &mut Value, mut change: impl FnMut(&mut Value)) {
    if let Some(receipts) = receipts.as_array_mut() {
        receipts.iter_mut().for_each(|receipt| change(&mut receipt["logs"]));
    }
}

/// Takes the logs of an event out of a list.
pub fn hide(logs: &mut Value, event: B256) {
    if let Some(logs) = logs.as_array_mut() {
        logs.retain(|log| log["topics"][0] != json!(event));
    }
}

/// Has the transactions of a block call something else.
pub fn call_otherwise(block: &mut Value) {
    for transaction in block["transactions"].as_array_mut().into_iter().flatten() {
        transaction["input"] = json!("0x01");
    }
}

/// Has the last byte of what is kept as a contract's code be another.
pub fn write_otherwise(code: &mut Value) {
    if let Some(other) = code.as_str().and_then(|hex| hex.strip_suffix("7d")).map(|hex| format!("{hex}5d")) {
        *code = json!(other);
    }
}

/// Makes every deposit of a list one of 10^30 base units.
pub fn enrich(logs: &mut Value) {
    let deposited = json!(Settlement::Deposited::SIGNATURE_HASH);
    for log in logs.as_array_mut().into_iter().flatten().filter(|log| log["topics"][0] == deposited) {
        log["data"] = json!(format!("0x{:064x}", 10_u128.pow(30)));
    }
}
