//! A chain's node, over JSON-RPC: what is asked of it, in types.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address as EvmAddress, B256, Bloom, BloomInput, Bytes, U64, U256};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use crate::ledger::LedgerError;

/// Largest answer that is read: 64 MiB.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a call is tried that did not get through.
const TRIES: u32 = 4;

/// Why a call got no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The node answered with an error.
    #[error("{message} ({code})")]
    Answered {
        /// The error's code.
        code: i64,
        /// What the node says.
        message: String,
        /// What a contract reverted with.
        data: Option<Bytes>,
    },
    /// The node was not reached, or answered something else than JSON-RPC.
    #[error("{reason}")]
    Transport {
        /// What went wrong.
        reason: String,
    },
}

/// A connection to a chain's node. Blocking: the ledger calls it from threads of its own.
///
/// Ours is [`HttpRpc`]; a node that embeds this library may answer itself.
pub trait Rpc: Send + Sync {
    /// Asks, and gives what stands under `result`.
    ///
    /// # Errors
    /// [`RpcError`].
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError>;

    /// Waits between two looks at the chain.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// JSON-RPC over HTTP or HTTPS.
#[derive(Debug, Clone)]
pub struct HttpRpc {
    url: String,
    agent: ureq::Agent,
}

impl HttpRpc {
    /// A connection to a URL; nothing is asked yet.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { url: url.into(), agent: config.into() }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<AnsweredError>,
}

#[derive(Deserialize)]
struct AnsweredError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl Rpc for HttpRpc {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        // The URL may hold a key, and is not told.
        let failed = |e: &dyn std::fmt::Display| RpcError::Transport { reason: e.to_string() };
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let mut response = request.send(question).map_err(|e| failed(&e))?;
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let text = limited.read_to_vec().map_err(|e| failed(&e))?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|e| failed(&e))?;
        match answer.error {
            None => Ok(answer.result),
            Some(error) => Err(RpcError::Answered {
                code: error.code,
                message: error.message,
                // Some nodes wrap it in an object.
                data: error.data.and_then(|d| serde_json::from_value(d.get("data").cloned().unwrap_or(d)).ok()),
            }),
        }
    }
}

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
}

impl Header {
    /// Whether one of these contracts may have logged something in it.
    pub fn may_have_logs_of(&self, contracts: &[EvmAddress]) -> bool {
        self.logs_bloom
            .is_none_or(|bloom| contracts.iter().any(|c| bloom.contains_input(BloomInput::Raw(c.as_slice()))))
    }
}

/// A transaction of a block.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ChainTransaction {
    pub hash: B256,
    pub from: EvmAddress,
    pub input: Bytes,
}

#[derive(Deserialize)]
struct Full {
    transactions: Vec<ChainTransaction>,
}

/// A log.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    pub address: EvmAddress,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub block_number: U64,
    pub block_hash: B256,
    pub transaction_hash: B256,
    pub log_index: U64,
}

/// What became of a transaction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub block_number: U64,
    pub block_hash: B256,
    pub status: U64,
    pub gas_used: U64,
}

/// A node, with what is asked of it.
#[derive(Clone)]
pub(super) struct Node(pub Arc<dyn Rpc>);

impl Node {
    /// Asks; tries again what did not get through, since all of these calls may be repeated.
    pub fn ask(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let mut wait = Duration::from_millis(100);
        for _ in 1..TRIES {
            match self.0.request(method, params.clone()) {
                Err(RpcError::Transport { reason }) => {
                    tracing::debug!(method, reason, "trying again");
                    self.0.pause(wait);
                    wait *= 3;
                }
                answer => return answer,
            }
        }
        self.0.request(method, params.clone())
    }

    fn get<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, LedgerError> {
        let answer = self.ask(method, params).map_err(|e| failed(method, &e))?;
        serde_json::from_value(answer).map_err(|e| failed(method, &e))
    }

    pub fn chain_id(&self) -> Result<u64, LedgerError> {
        self.get::<U64>("eth_chainId", &json!([])).map(|id| id.to())
    }

    pub fn latest(&self) -> Result<Header, LedgerError> {
        self.get("eth_getBlockByNumber", &json!(["latest", false]))
    }

    pub fn header(&self, number: u64) -> Result<Option<Header>, LedgerError> {
        self.get("eth_getBlockByNumber", &json!([U64::from(number), false]))
    }

    /// The transactions of a block, or nothing if it is gone.
    pub fn transactions(&self, block: B256) -> Result<Option<Vec<ChainTransaction>>, LedgerError> {
        let full: Option<Full> = self.get("eth_getBlockByHash", &json!([block, true]))?;
        Ok(full.map(|f| f.transactions))
    }

    /// Logs of one block. A node that does not know the block any more says so, or gives none.
    pub fn logs_of(&self, contracts: &[EvmAddress], block: B256) -> Result<Vec<Log>, LedgerError> {
        self.get("eth_getLogs", &json!([{"address": contracts, "blockHash": block}]))
    }

    pub fn logs(&self, contracts: &[EvmAddress], from: u64, to: u64) -> Result<Vec<Log>, LedgerError> {
        let (from, to) = (U64::from(from), U64::from(to));
        self.get("eth_getLogs", &json!([{"address": contracts, "fromBlock": from, "toBlock": to}]))
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

    /// The next nonce of an account: `latest` counts what is in blocks, `pending` also what waits.
    pub fn nonce(&self, account: EvmAddress, tag: &str) -> Result<u64, LedgerError> {
        self.get::<U64>("eth_getTransactionCount", &json!([account, tag])).map(|nonce| nonce.to())
    }

    /// What a sender should add for the block's maker; a gwei where the node does not know.
    pub fn tip(&self) -> Result<u128, LedgerError> {
        match self.ask("eth_maxPriorityFeePerGas", &json!([])) {
            Ok(value) => {
                let fee: U256 = serde_json::from_value(value).map_err(|e| failed("eth_maxPriorityFeePerGas", &e))?;
                Ok(u128::try_from(fee).unwrap_or(u128::MAX / 4))
            }
            Err(RpcError::Answered { .. }) => Ok(1_000_000_000),
            Err(error) => Err(failed("eth_maxPriorityFeePerGas", &error)),
        }
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
