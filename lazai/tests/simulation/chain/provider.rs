//! What a node's provider answers of the chain, over a line that loses calls.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lazai::core::{Address, Digest};
use lazai::settle::ledger::evm::abi::from_evm;
use lazai::settle::ledger::evm::{Rpc, RpcError};
use revm::Database;
use revm::primitives::{Address as EvmAddress, B256, Bytes, Log, TxKind, U256};
use serde_json::{Value, json};

use super::block::Mined;
use super::{CHAIN_ID, Chain, KEPT_STATES};
use crate::dice::Dice;
use crate::lies::Lies;

impl Chain {
    pub fn header(&self, number: usize) -> Value {
        let Some(block) = self.blocks.get(number) else { return Value::Null };
        let mut told = json!(block.header);
        told["hash"] = json!(block.hash);
        told
    }

    /// All transactions under a key, in order: who sent it, the key, its hash.
    pub fn keyed(&self) -> Vec<(Address, Digest, Digest)> {
        let key = |data: &Bytes| data.strip_suffix(b"lazaikey").and_then(|before| before.last_chunk::<32>().copied());
        let all = self.blocks.iter().flat_map(|block| &block.mined).map(|mined| &mined.pooled);
        let keyed = all.filter_map(|p| Some((p.from, key(&p.data)?, p.hash)));
        keyed.map(|(from, key, hash)| (from_evm(from), Digest::from_bytes(key), Digest::from_bytes(hash.0))).collect()
    }

    fn receipts(&self, number: usize) -> Value {
        let Some(block) = self.blocks.get(number) else { return Value::Null };
        let addresses: Vec<EvmAddress> = block.mined.iter().flat_map(|m| &m.logs).map(|log| log.address).collect();
        let mut logs = self.logs(number, &addresses).into_iter();
        let one = |m: &Mined| {
            json!({"type": "0x2", "transactionHash": m.pooled.hash, "status": if m.succeeded { "0x1" } else { "0x0" },
                "cumulativeGasUsed": format!("{:#x}", m.gas_so_far),
                "logs": logs.by_ref().take(m.logs.len()).collect::<Vec<_>>()})
        };
        block.mined.iter().map(one).collect()
    }

    fn place(&self, hash: &Value) -> Option<usize> {
        let hash: B256 = serde_json::from_value(hash.clone()).ok()?;
        self.blocks.iter().rposition(|b| b.hash == hash)
    }

    fn logs(&self, number: usize, addresses: &[EvmAddress]) -> Vec<Value> {
        let block = &self.blocks[number];
        let all = block.mined.iter().enumerate();
        let all = all.flat_map(|(place, m)| m.logs.iter().map(move |log| (place, m.pooled.hash, log)));
        let told = |(i, (place, hash, log)): (usize, (usize, B256, &Log))| {
            json!({"address": log.address, "topics": log.data.topics(), "data": log.data.data,
                "blockNumber": format!("{number:#x}"), "blockHash": block.hash, "transactionHash": hash,
                "transactionIndex": format!("{place:#x}"), "logIndex": format!("{i:#x}")})
        };
        all.enumerate().filter(|(_, (_, _, log))| addresses.contains(&log.address)).map(told).collect()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let address = |value: &Value| serde_json::from_value::<EvmAddress>(value.clone()).unwrap_or_default();
        Ok(match method {
            "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
            "eth_getBlockByNumber" if params[0] == "latest" => self.header(self.blocks.len() - 1),
            "eth_getBlockByNumber" => self.header(number(&params[0])),
            "eth_getBlockByHash" => self.place(&params[0]).map_or(Value::Null, |n| {
                let told: Vec<_> = self.blocks[n].mined.iter().map(|m| m.pooled.told()).collect();
                json!({"transactions": told})
            }),
            "eth_getBlockReceipts" => self.receipts(number(&params[0])),
            "eth_getLogs" => {
                let filter = &params[0];
                let addresses: Vec<EvmAddress> = serde_json::from_value(filter["address"].clone()).unwrap_or_default();
                let range = if filter["blockHash"].is_string() {
                    let unknown = RpcError::Answered { code: -32_000, message: "unknown block".into(), data: None };
                    let n = self.place(&filter["blockHash"]).ok_or(unknown)?;
                    n..n + 1
                } else {
                    number(&filter["fromBlock"])..(number(&filter["toBlock"]) + 1).min(self.blocks.len())
                };
                json!(range.flat_map(|n| self.logs(n, &addresses)).collect::<Vec<_>>())
            }
            "eth_getCode" => {
                if params[1] == "latest" {
                    let code = self.info(address(&params[0])).code;
                    return Ok(json!(code.map(|code| code.original_bytes()).unwrap_or_default()));
                }
                let block = self.place(&params[1]["blockHash"]);
                let block =
                    block.ok_or(RpcError::Answered { code: -32_000, message: "unknown block".into(), data: None })?;
                // Old states are not kept.
                if block + KEPT_STATES <= self.blocks.len() {
                    return Err(RpcError::Answered { code: -32_000, message: "no such state".into(), data: None });
                }
                let code =
                    self.blocks[block].after.clone().basic(address(&params[0])).ok().flatten().unwrap_or_default().code;
                json!(code.map(|code| code.original_bytes()).unwrap_or_default())
            }
            "eth_getBalance" => json!(self.coins(address(&params[0]))),
            "eth_getTransactionCount" if params[1].as_str().is_some_and(|block| block.starts_with("0x")) => {
                let block = number(&params[1]);
                if block + KEPT_STATES <= self.blocks.len() {
                    return Err(RpcError::Answered { code: -32_000, message: "no such state".into(), data: None });
                }
                let mut after = self.blocks[block].after.clone();
                json!(format!("{:#x}", super::nonce(&mut after, address(&params[0]))))
            }
            "eth_getTransactionCount" => {
                let account = address(&params[0]);
                let mut next = self.info(account).nonce;
                while params[1] == "pending" && self.pool.iter().any(|p| (p.from, p.nonce) == (account, next)) {
                    next += 1;
                }
                json!(format!("{next:#x}"))
            }
            "eth_maxPriorityFeePerGas" => json!("0x0"),
            "eth_estimateGas" | "eth_call" => {
                let call = &params[0];
                let to = if call["to"].is_null() { TxKind::Create } else { TxKind::Call(address(&call["to"])) };
                let value: U256 = serde_json::from_value(call["value"].clone()).unwrap_or_default();
                let data: Bytes = serde_json::from_value(call["data"].clone()).unwrap_or_default();
                let (out, gas) = self.attempt(address(&call["from"]), to, value, data).map_err(|data| {
                    RpcError::Answered { code: 3, message: "execution reverted".into(), data: Some(data) }
                })?;
                if method == "eth_call" { json!(out) } else { json!(format!("{gas:#x}")) }
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap_or_default();
                json!(self.accept(&raw)?)
            }
            "eth_getTransactionReceipt" => self.receipt(&params[0]),
            other => panic!("{other} is not asked for"),
        })
    }

    fn receipt(&self, hash: &Value) -> Value {
        let hash: B256 = serde_json::from_value(hash.clone()).unwrap_or_default();
        for (number, block) in self.blocks.iter().enumerate().rev() {
            if let Some(mined) = block.mined.iter().find(|m| m.pooled.hash == hash) {
                return json!({"blockNumber": format!("{number:#x}"), "blockHash": block.hash,
                    "status": if mined.succeeded { "0x1" } else { "0x0" }, "gasUsed": format!("{:#x}", mined.gas)});
            }
        }
        Value::Null
    }
}

fn number(value: &Value) -> usize {
    let digits = value.as_str().unwrap_or_default().trim_start_matches("0x");
    usize::from_str_radix(digits, 16).unwrap_or(usize::MAX)
}

/// A process's connection to the chain.
#[derive(Clone)]
pub struct Line {
    pub chain: Arc<Mutex<Chain>>,
    /// Calls until the process dies; below zero it does not.
    pub fuse: Arc<AtomicI64>,
    pub dice: Arc<Mutex<Dice>>,
    /// Of how many calls one does not get through, there or back; 0 for none.
    pub lossy: u64,
    /// What of the truth does not arrive, where the provider lies.
    pub lies: Option<Arc<Mutex<Lies>>>,
    /// How often the last block was asked for: once for every look at what is new.
    pub looks: Arc<AtomicU64>,
}

impl Line {
    pub fn is_dead(&self) -> bool {
        self.fuse.load(Ordering::SeqCst) == 0
    }
}

impl Rpc for Line {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let lost = |reason: &str| RpcError::Transport { reason: reason.into() };
        if self.is_dead() {
            return Err(lost("the process is dead"));
        }
        let (before, after) = {
            let mut dice = self.dice.lock().unwrap();
            let lost = |dice: &mut Dice| self.lossy > 0 && dice.one_in(self.lossy);
            (lost(&mut dice), lost(&mut dice))
        };
        if method == "eth_getBlockByNumber" && params[0] == "latest" {
            self.looks.fetch_add(1, Ordering::SeqCst);
        }
        if before {
            return Err(lost("the call got lost"));
        }
        let mut answer = self.chain.lock().unwrap().answer(method, &params);
        if let (Some(lies), Ok(answer)) = (&self.lies, &mut answer) {
            lies.lock().unwrap().twist(method, &params, answer);
        }
        let left = self.fuse.load(Ordering::SeqCst);
        if left > 0 {
            self.fuse.store(left - 1, Ordering::SeqCst);
        }
        if after || self.is_dead() { Err(lost("the answer got lost")) } else { answer }
    }

    fn pause(&self, _: Duration) {
        if !self.is_dead() {
            self.chain.lock().unwrap().tick();
        }
    }
}
