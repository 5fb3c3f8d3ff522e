//! A node's answers about the chain of this process, so that a ledger can read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_consensus::proofs::{calculate_transaction_root, ordered_trie_root_with_encoder};
use alloy_consensus::{Header, Receipt, ReceiptWithBloom, TxEnvelope};
use lazai_core::Address;
use lazai_settle::ledger::evm::{Contracts, Deployment, EvmLedger, Pace, Rpc, RpcError};
use revm::primitives::{Address as EvmAddress, B256, Bytes, Log};
use serde_json::{Value, json};

use super::chain::{CHAIN_ID, from_evm};
use super::world::World;

struct Block {
    header: Header,
    hash: B256,
    transaction: TxEnvelope,
    logs: Vec<Log>,
}

/// Every transaction that was done, a block each.
#[derive(Default)]
pub struct Tape {
    blocks: Mutex<Vec<Block>>,
    code: Mutex<BTreeMap<EvmAddress, Bytes>>,
}

impl Tape {
    pub fn record(&self, time_s: u64, transaction: TxEnvelope, logs: &[Log]) {
        let mut blocks = self.blocks.lock().unwrap();
        let receipt = receipt(logs);
        let header = Header {
            parent_hash: blocks.last().map_or(B256::ZERO, |b| b.hash),
            number: blocks.len() as u64,
            timestamp: time_s,
            logs_bloom: receipt.logs_bloom,
            receipts_root: ordered_trie_root_with_encoder(&[receipt], |r, out| alloy_rlp::Encodable::encode(r, out)),
            transactions_root: calculate_transaction_root(std::slice::from_ref(&transaction)),
            ..Header::default()
        };
        blocks.push(Block { hash: header.hash_slow(), header, transaction, logs: logs.to_vec() });
    }

    pub fn keep_code(&self, contract: EvmAddress, code: Bytes) {
        self.code.lock().unwrap().insert(contract, code);
    }
}

/// The receipt of a block's one transaction.
fn receipt(logs: &[Log]) -> ReceiptWithBloom<Receipt> {
    Receipt { status: true.into(), cumulative_gas_used: 21_000, logs: logs.to_vec() }.into()
}

fn number(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default().trim_start_matches("0x");
    usize::from_str_radix(text, 16).unwrap_or(usize::MAX)
}

fn logs_of(block: &Block, at: usize, addresses: &Value) -> Vec<Value> {
    let wanted: Vec<EvmAddress> = serde_json::from_value(addresses.clone()).unwrap();
    let ours = block.logs.iter().enumerate().filter(|(_, log)| wanted.contains(&log.address));
    ours.map(|(i, log)| {
        json!({"address": log.address, "topics": log.data.topics(), "data": log.data.data,
            "blockNumber": format!("{at:#x}"), "blockHash": block.hash, "transactionHash": block.transaction.tx_hash(),
            "transactionIndex": "0x0", "logIndex": format!("{i:#x}")})
    })
    .collect()
}

impl Rpc for TapePlayer {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        *self.1.lock().unwrap().entry(method.into()).or_default() += 1;
        let blocks = self.0.blocks.lock().unwrap();
        let header = |n: usize| {
            let mut told = json!(blocks[n].header);
            told["hash"] = json!(blocks[n].hash);
            told
        };
        Ok(match method {
            "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
            "eth_getBlockByNumber" if params[0] == "latest" => header(blocks.len() - 1),
            "eth_getBlockByNumber" => {
                let n = number(&params[0]);
                if n < blocks.len() { header(n) } else { Value::Null }
            }
            "eth_getBlockByHash" => {
                let found = (0..blocks.len()).rev().find(|&n| json!(blocks[n].hash) == params[0]);
                found.map_or(Value::Null, |n| json!({"transactions": [blocks[n].transaction]}))
            }
            "eth_getBlockReceipts" => {
                let n = number(&params[0]);
                let addresses: Vec<EvmAddress> = blocks[n].logs.iter().map(|log| log.address).collect();
                json!([{"transactionHash": blocks[n].transaction.tx_hash(), "status": "0x1", "cumulativeGasUsed": "0x5208",
                    "logs": logs_of(&blocks[n], n, &json!(addresses))}])
            }
            "eth_getLogs" => {
                let filter = &params[0];
                let one = (0..blocks.len()).rev().find(|&n| json!(blocks[n].hash) == filter["blockHash"]);
                let range = match one {
                    Some(n) => n..n + 1,
                    None => number(&filter["fromBlock"])..(number(&filter["toBlock"]) + 1).min(blocks.len()),
                };
                json!(range.flat_map(|n| logs_of(&blocks[n], n, &filter["address"])).collect::<Vec<_>>())
            }
            "eth_getCode" => {
                let contract: EvmAddress = serde_json::from_value(params[0].clone()).unwrap();
                json!(self.0.code.lock().unwrap().get(&contract).cloned().unwrap_or_default())
            }
            other => panic!("{other} is not asked for"),
        })
    }

    fn pause(&self, _: Duration) {}
}

/// Plays the tape, and counts what it is asked.
struct TapePlayer(Arc<Tape>, Asked);

/// How often each method was called.
pub type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

/// A ledger that reads the world's chain from its beginning.
pub fn follow(w: &World) -> EvmLedger {
    read_on(w, None, &Asked::default())
}

/// A ledger that reads the world's chain on from what a folder has of it.
pub fn read_on(w: &World, folder: Option<&Path>, asked: &Asked) -> EvmLedger {
    let chain = &w.chain;
    let contracts = Contracts {
        tills: Some(from_evm(chain.tills)),
        disputes: Some(from_evm(chain.disputes)),
        parameters: from_evm(chain.parameters),
        quorum: from_evm(chain.quorum),
        registry: from_evm(chain.registry),
        token: from_evm(chain.token),
        settlement: from_evm(chain.settlement),
        governor: Address::ZERO,
        timelock: w.governance,
    };
    let deployment = Deployment { chain_id: CHAIN_ID, first_block: 0, contracts };
    assert_eq!(deployment.domain(), chain.domain());
    let player = TapePlayer(chain.tape.clone(), asked.clone());
    pollster::block_on(EvmLedger::connect(player, &deployment, folder, Pace::default())).unwrap()
}
