//! A chain's node with typed calls.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address as EvmAddress, B256, Bloom, BloomInput, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use lazai_core::Address;
use lazai_core::quiet::without_addresses;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::abi::to_evm;
use super::transport::{Rpc, RpcError, Trust};
use super::{Pace, witness};
use crate::ledger::LedgerError;

/// The number of tries for a call that does not get through.
const TRIES: u32 = 4;

/// A block, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    pub number: U64,
    pub hash: B256,
    pub parent_hash: B256,
    pub timestamp: U64,
    pub base_fee_per_gas: Option<U256>,
    pub logs_bloom: Option<Bloom>,
    pub receipts_root: Option<B256>,
    pub transactions_root: Option<B256>,
}

impl Header {
    /// Tells whether one of these contracts may have logged something in this block.
    pub fn may_have_logs_of(&self, contracts: &[EvmAddress]) -> bool {
        self.logs_bloom
            .is_none_or(|bloom| contracts.iter().any(|c| bloom.contains_input(BloomInput::Raw(c.as_slice()))))
    }
}

/// A transaction of a block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChainTransaction {
    pub hash: B256,
    pub from: EvmAddress,
    pub to: Option<EvmAddress>,
    pub input: Bytes,
}

impl ChainTransaction {
    /// Its call, if it is one of this contract's own. Calls of other contracts were not executed here: no gas bounds the
    /// cost of reading them.
    pub fn called<C: SolCall>(&self, contract: Address) -> Option<C> {
        let own = self.to == Some(to_evm(contract));
        if own { C::abi_decode(&self.input).ok() } else { None }
    }
}

#[derive(Deserialize)]
struct Full {
    transactions: Value,
}

/// A log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    pub address: EvmAddress,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub block_number: U64,
    pub block_hash: B256,
    pub transaction_hash: B256,
    /// Its transaction's place in the block.
    pub transaction_index: U64,
    pub log_index: U64,
}

impl Log {
    /// The fields of it that are in a receipt; `None` if it cannot be in one.
    pub fn plain(&self) -> Option<alloy_primitives::Log> {
        alloy_primitives::Log::new(self.address, self.topics.clone(), self.data.clone())
    }
}

/// The outcome of a transaction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub block_number: U64,
    pub block_hash: B256,
    pub status: U64,
    pub gas_used: U64,
}

/// A block, with the logs in it of the contracts that are watched.
pub(super) type WithLogs = (Header, Vec<Log>);

/// A node, with its typed calls.
#[derive(Clone)]
pub(super) struct Node {
    rpc: Arc<dyn Rpc>,
    pub(super) trust: Trust,
    max_tip: u128,
}

impl Node {
    pub fn new(rpc: impl Rpc + 'static, pace: Pace) -> Self {
        Self { rpc: Arc::new(rpc), trust: pace.trust, max_tip: pace.max_tip_wei }
    }

    /// Waits between two looks at the chain.
    pub fn pause(&self, time: Duration) {
        self.rpc.pause(time);
    }

    /// Asks; repeats a call that did not get through, since all of these calls may be repeated.
    pub fn ask(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let mut wait = Duration::from_millis(100);
        for _ in 1..TRIES {
            match self.rpc.request(method, params.clone()) {
                Err(error @ (RpcError::Transport { .. } | RpcError::Disagreed { .. })) => {
                    tracing::debug!(method, error = %without_addresses(&error), "trying again");
                    self.rpc.pause(wait);
                    wait *= 3;
                }
                answer => return answer,
            }
        }
        self.rpc.request(method, params.clone())
    }

    pub(super) fn get<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, LedgerError> {
        let answer = self.ask(method, params).map_err(|e| failed(method, &e))?;
        serde_json::from_value(answer).map_err(|e| failed(method, &e))
    }

    pub fn chain_id(&self) -> Result<u64, LedgerError> {
        self.get::<U64>("eth_chainId", &json!([])).map(|id| id.to())
    }

    pub fn latest(&self) -> Result<Header, LedgerError> {
        let head = self.block("latest")?;
        head.ok_or_else(|| failed("eth_getBlockByNumber", &"no last block"))
    }

    pub fn header(&self, number: u64) -> Result<Option<Header>, LedgerError> {
        let header = self.block(&format!("{number:#x}"))?;
        match header {
            Some(header) if header.number != U64::from(number) => {
                Err(LedgerError::Untrue { block: number, reason: format!("block {} is told instead", header.number) })
            }
            header => Ok(header),
        }
    }

    fn block(&self, which: &str) -> Result<Option<Header>, LedgerError> {
        let told: Value = self.get("eth_getBlockByNumber", &json!([which, false]))?;
        if told.is_null() {
            return Ok(None);
        }
        let number = serde_json::from_value::<U64>(told["number"].clone()).unwrap_or_default().to();
        match self.trust {
            Trust::Hashes => {
                witness::header(told).map(Some).map_err(|reason| LedgerError::Untrue { block: number, reason })
            }
            Trust::Provider => serde_json::from_value(told).map(Some).map_err(|e| failed("eth_getBlockByNumber", &e)),
        }
    }

    /// The transactions of a block that logged these; `None` if the block is gone.
    pub fn transactions(&self, header: &Header, logs: &[Log]) -> Result<Option<Vec<ChainTransaction>>, LedgerError> {
        let Some(transactions) = self.told_transactions(header)? else { return Ok(None) };
        match self.trust {
            Trust::Hashes => witness::transactions(header, logs, transactions)
                .map(Some)
                .map_err(|reason| LedgerError::Untrue { block: header.number.to(), reason }),
            Trust::Provider => {
                serde_json::from_value(transactions).map(Some).map_err(|e| failed("eth_getBlockByHash", &e))
            }
        }
    }

    /// The node's answer about a block's transactions; `None` if the block is gone.
    pub(super) fn told_transactions(&self, header: &Header) -> Result<Option<Value>, LedgerError> {
        let full: Option<Full> = self.get("eth_getBlockByHash", &json!([header.hash, true]))?;
        Ok(full.map(|full| full.transactions))
    }

    /// Handles a failed check of a block: `None` if the block was undone meanwhile, else an error.
    pub(super) fn undone_or_untrue<T>(&self, header: &Header, reason: String) -> Result<Option<T>, LedgerError> {
        let block = header.number.to();
        let same = self.header(block)?.is_some_and(|now| now.hash == header.hash);
        if same { Err(LedgerError::Untrue { block, reason }) } else { Ok(None) }
    }

    /// Logs of one block, in order; `None` if the node does not know the block any more.
    pub fn logs_of(&self, contracts: &[EvmAddress], header: &Header) -> Result<Option<Vec<Log>>, LedgerError> {
        if self.trust == Trust::Provider {
            let filter = json!([{"address": contracts, "blockHash": header.hash}]);
            let mut logs: Vec<Log> = self.get("eth_getLogs", &filter)?;
            logs.sort_by_key(|log| log.log_index);
            return Ok(Some(logs));
        }
        // By the number, which every provider takes; another block's receipts come to another root.
        let receipts: Value = self.get("eth_getBlockReceipts", &json!([header.number]))?;
        if receipts.is_null() {
            return Ok(None);
        }
        match witness::logs(header, receipts, contracts) {
            Ok(logs) => Ok(Some(logs)),
            Err(reason) => self.undone_or_untrue(header, reason),
        }
    }

    /// Blocks of a range with logs, too deep to ask for all headers; `None` if the chain changes meanwhile.
    pub fn logged(&self, contracts: &[EvmAddress], from: u64, to: u64) -> Result<Option<Vec<WithLogs>>, LedgerError> {
        let filter = json!([{"address": contracts, "fromBlock": U64::from(from), "toBlock": U64::from(to)}]);
        let mut logs: Vec<Log> = self.get("eth_getLogs", &filter)?;
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let mut blocks = Vec::new();
        for told in logs.chunk_by(|a, b| a.block_number == b.block_number) {
            let number: u64 = told[0].block_number.to();
            let Some(header) = self.header(number)? else { return Ok(None) };
            if told.iter().any(|log| log.block_hash != header.hash) {
                return Ok(None);
            }
            let logs = match self.trust {
                Trust::Provider => told.to_vec(),
                Trust::Hashes => {
                    let Some(logs) = self.logs_of(contracts, &header)? else { return Ok(None) };
                    if logs != told {
                        let reason = "its logs are told otherwise than its receipts have them".into();
                        return Err(LedgerError::Untrue { block: number, reason });
                    }
                    logs
                }
            };
            blocks.push((header, logs));
        }
        Ok(Some(blocks))
    }

    /// The code of a contract that was created in a block, after that block (EIP-1898). A node that keeps no old states
    /// gives the present one, which is the same for as long as the block is on the chain.
    pub fn code_at(&self, contract: EvmAddress, number: u64, block: B256) -> Result<Bytes, LedgerError> {
        let asked = self.get("eth_getCode", &json!([contract, {"blockHash": block}]));
        if !matches!(asked, Err(LedgerError::Rpc { .. })) {
            return asked;
        }
        let present = self.get("eth_getCode", &json!([contract, "latest"]))?;
        let holds = self.header(number)?.is_some_and(|header| header.hash == block);
        if holds { Ok(present) } else { asked }
    }

    pub fn coins(&self, account: EvmAddress) -> Result<U256, LedgerError> {
        self.get("eth_getBalance", &json!([account, "latest"]))
    }

    pub fn call(&self, to: EvmAddress, data: &Bytes) -> Result<Bytes, RpcError> {
        let answer = self.ask("eth_call", &json!([{"to": to, "data": data}, "latest"]))?;
        serde_json::from_value(answer).map_err(|e| RpcError::Transport { reason: e.to_string() })
    }

    /// The next nonce of an account: `latest` counts transactions in blocks, `pending` also those that wait.
    pub fn nonce(&self, account: EvmAddress, tag: &str) -> Result<u64, LedgerError> {
        self.get::<U64>("eth_getTransactionCount", &json!([account, tag])).map(|nonce| nonce.to())
    }

    /// The tip for the block's maker that the provider suggests; one gwei if it does not know.
    pub fn tip(&self) -> Result<u128, LedgerError> {
        match self.ask("eth_maxPriorityFeePerGas", &json!([])) {
            Ok(value) => {
                let fee: U256 = serde_json::from_value(value).map_err(|e| failed("eth_maxPriorityFeePerGas", &e))?;
                Ok(self.capped(u128::try_from(fee).unwrap_or(u128::MAX)))
            }
            Err(RpcError::Answered { .. }) => Ok(self.capped(1_000_000_000)),
            Err(error) => Err(failed("eth_maxPriorityFeePerGas", &error)),
        }
    }

    /// A tip, and no more than may be spent.
    pub fn capped(&self, tip: u128) -> u128 {
        tip.min(self.max_tip)
    }

    pub fn estimate_gas(&self, call: &Value) -> Result<u64, RpcError> {
        let answer = self.ask("eth_estimateGas", &json!([call]))?;
        let gas: U64 = serde_json::from_value(answer).map_err(|e| RpcError::Transport { reason: e.to_string() })?;
        Ok(gas.to())
    }

    pub fn send(&self, raw: &Bytes) -> Result<B256, RpcError> {
        let answer = self.ask("eth_sendRawTransaction", &json!([raw]))?;
        serde_json::from_value(answer).map_err(|e| RpcError::Transport { reason: e.to_string() })
    }

    pub fn receipt(&self, transaction: B256) -> Result<Option<Receipt>, LedgerError> {
        self.get("eth_getTransactionReceipt", &json!([transaction]))
    }
}

pub(super) fn failed(method: &str, reason: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Rpc { method: method.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::abi::Settlement;
    use super::*;

    /// Anyone can call a stranger's contract with any data, and that contract can call the market with other data: the
    /// transaction's data does not tell what was executed.
    #[test]
    fn only_calls_of_the_market_itself_are_read() {
        let (market, strangers) = (Address::from_bytes([1; 20]), Address::from_bytes([2; 20]));
        let input = Settlement::redeemCall { batches: Vec::new() }.abi_encode().into();
        let mut sent = ChainTransaction { hash: B256::ZERO, from: to_evm(strangers), to: Some(to_evm(market)), input };
        assert!(sent.called::<Settlement::redeemCall>(market).is_some());
        assert!(sent.called::<Settlement::closeTogetherCall>(market).is_none());
        for to in [Some(to_evm(strangers)), None] {
            sent.to = to;
            assert!(sent.called::<Settlement::redeemCall>(market).is_none(), "{to:?}");
        }
    }
}
