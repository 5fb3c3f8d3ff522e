//! The way to a chain's node: JSON-RPC, over HTTP or whatever an embedder has.

use std::time::Duration;

use alloy_primitives::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

/// Largest answer that is read: 64 MiB.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// The time limit of one call.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a call got no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The node answered with an error.
    #[error("{message} ({code})")]
    Answered {
        /// The error's code.
        code: i64,
        /// The node's message.
        message: String,
        /// The data that a contract reverted with.
        data: Option<Bytes>,
    },
    /// Two of several providers say different things: one lies, or they are on different branches for now.
    #[error("{method}: providers {first} and {second} do not agree")]
    Disagreed {
        /// The method.
        method: String,
        /// One of them, in the order in which they were given, from 0.
        first: usize,
        /// The other.
        second: usize,
    },
    /// The node was not reached, or answered something else than JSON-RPC.
    #[error("{reason}")]
    Transport {
        /// The reason.
        reason: String,
    },
}

/// A connection to a chain's node. Blocking: the ledger calls it from threads of its own.
///
/// Ours is [`HttpRpc`]; a node that embeds this library may answer itself.
pub trait Rpc: Send + Sync {
    /// Asks, and returns the field `result`.
    ///
    /// # Errors
    /// [`RpcError`].
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError>;

    /// Waits between two looks at the chain.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl<R: Rpc + ?Sized> Rpc for Box<R> {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        (**self).request(method, params)
    }

    fn pause(&self, time: Duration) {
        (**self).pause(time);
    }
}

/// The authority on the chain's content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Headers are hashed, and logs and transactions are checked against the roots in them, as Ethereum defines it. Still
    /// believed: which of all possible blocks the chain has and, for blocks too deep to be undone, that none with logs is
    /// kept back. [`Endpoints`](super::Endpoints) asks several providers.
    #[default]
    Hashes,
    /// The provider's: for chains whose headers, receipts or transactions have fields of their own.
    Provider,
}

/// JSON-RPC over HTTP or HTTPS. Redirects are not followed.
#[derive(Debug, Clone)]
pub struct HttpRpc {
    url: String,
    agent: ureq::Agent,
}

impl HttpRpc {
    /// A connection to a URL; nothing is asked yet.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        let config = config.max_redirects(0).build();
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
