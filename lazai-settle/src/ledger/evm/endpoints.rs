//! Several providers of one chain: data counts if all of them agree on it.

use alloy_primitives::U64;
use serde_json::{Value, json};

use super::transport::{HttpRpc, Rpc, RpcError};

/// Several connections to one chain that must agree: on blocks by their number, on logs, and on contracts' code. The last
/// block is the lowest of their last ones.
///
/// If one lies, or is on another branch, reading fails with [`RpcError::Disagreed`] until they agree again; if one is down,
/// it fails with [`RpcError::Transport`]. Transactions go to all of them, and count as sent if one accepts.
///
/// ```
/// use lazai_settle::ledger::evm::{Endpoints, HttpRpc};
///
/// let rpc = Endpoints::new(vec![HttpRpc::new("https://one.example"), HttpRpc::new("https://two.example")]);
/// # let _ = rpc;
/// ```
#[derive(Debug)]
pub struct Endpoints<R = HttpRpc>(Vec<R>);

impl<R: Rpc> Endpoints<R> {
    /// Connections in the order in which they are asked; of none, every call fails.
    #[must_use]
    pub fn new(all: Vec<R>) -> Self {
        Self(all)
    }

    fn all(&self, method: &str, params: &Value) -> Result<Vec<Value>, RpcError> {
        let answers: Vec<Value> =
            self.0.iter().map(|rpc| rpc.request(method, params.clone())).collect::<Result<_, _>>()?;
        if answers.is_empty() { Err(nobody()) } else { Ok(answers) }
    }

    /// The answer of all connections, if they agree in `part` of it.
    fn agreed(&self, method: &str, params: &Value, part: fn(&Value) -> Value) -> Result<Value, RpcError> {
        let mut answers = self.all(method, params)?.into_iter();
        let first = answers.next().ok_or_else(nobody)?;
        match answers.position(|other| part(&other) != part(&first)) {
            None => Ok(first),
            Some(index) => Err(RpcError::Disagreed { method: method.into(), first: 0, second: index + 1 }),
        }
    }

    /// The answer of the first connection that can be reached.
    fn first(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let mut last = nobody();
        for rpc in &self.0 {
            match rpc.request(method, params.clone()) {
                Err(error @ RpcError::Transport { .. }) => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }

    fn latest(&self) -> Result<Value, RpcError> {
        let heads = self.all("eth_getBlockByNumber", &json!(["latest", false]))?;
        let number = |head: &Value| serde_json::from_value::<U64>(head["number"].clone()).unwrap_or_default();
        let lowest = heads.iter().map(number).min().unwrap_or_default();
        self.agreed("eth_getBlockByNumber", &json!([lowest, false]), |block| block["hash"].clone())
    }

    fn send(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let mut refused = None;
        let mut taken = None;
        for rpc in &self.0 {
            match rpc.request(method, params.clone()) {
                Ok(answer) => taken = taken.or(Some(answer)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        taken.ok_or_else(|| refused.unwrap_or_else(nobody))
    }
}

fn nobody() -> RpcError {
    RpcError::Transport { reason: "no endpoint is given".into() }
}

/// The fields that identify a log; providers add others as they like.
fn logs(answer: &Value) -> Value {
    let kept = ["address", "topics", "data", "blockHash", "transactionHash", "logIndex"];
    let one = |log: &Value| kept.iter().map(|key| log[*key].clone()).collect::<Value>();
    answer.as_array().map_or(Value::Null, |logs| logs.iter().map(one).collect())
}

impl<R: Rpc> Rpc for Endpoints<R> {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        match method {
            "eth_getBlockByNumber" if params[0] == "latest" => self.latest(),
            "eth_getBlockByNumber" => self.agreed(method, &params, |block| block["hash"].clone()),
            "eth_getLogs" => self.agreed(method, &params, logs),
            "eth_chainId" | "eth_getCode" => self.agreed(method, &params, Value::clone),
            "eth_sendRawTransaction" => self.send(method, &params),
            _ => self.first(method, &params),
        }
    }

    fn pause(&self, time: std::time::Duration) {
        match self.0.first() {
            Some(rpc) => rpc.pause(time),
            None => std::thread::sleep(time),
        }
    }
}
