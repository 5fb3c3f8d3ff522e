//! The Model Context Protocol: its handshake, and the calls of tools. Every version of a client is met.

use serde_json::{Value, json};

use super::super::Loopback;
use super::tools;
use crate::http::rpc::{self, Incoming, Request, RpcError};
use crate::wire::openai::ApiError;

/// The versions that begin with `initialize`, the newest last. A client that asks for another is answered with that one: there is nothing
/// here that differs between them.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const INSTRUCTIONS: &str = "Characters of a market: lazai_characters lists them, lazai_say says something to one. A reply costs money, within a \
                            budget that is set; what is only claimed of a character is named as such.";

/// The answer to a message; none to one that nobody answers.
pub(super) async fn answered(proxy: &Loopback, message: &[u8]) -> Option<Value> {
    match rpc::read(message) {
        Err(refusal) => Some(refusal),
        Ok(Incoming::Unanswered) => None,
        Ok(Incoming::Request(Request { id, method, params })) => {
            Some(rpc::answer(id, answer(proxy, &method, params).await))
        }
    }
}

async fn answer(proxy: &Loopback, method: &str, mut params: Value) -> Result<Value, RpcError> {
    match method {
        "initialize" => {
            let asked = params["protocolVersion"].as_str().unwrap_or_default();
            let newest = VERSIONS.last().copied().unwrap_or_default();
            let version = VERSIONS.into_iter().find(|version| *version == asked).unwrap_or(newest);
            Ok(json!({
                "protocolVersion": version, "capabilities": {"tools": {}}, "instructions": INSTRUCTIONS,
                "serverInfo": {"name": "lazai", "title": "LazAI", "version": env!("CARGO_PKG_VERSION")},
            }))
        }
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools::list(proxy)})),
        "tools/call" => {
            let Some(name) = params["name"].as_str().map(str::to_owned) else {
                return Err(RpcError::params("`name` is no text"));
            };
            let called = tools::call(proxy, &name, params["arguments"].take()).await;
            let unknown = || {
                let name: String = name.chars().take(80).collect();
                RpcError::params(format!("no tool {name:?} here"))
            };
            Ok(told(called.ok_or_else(unknown)?))
        }
        _ => Err(RpcError::unknown_method(method)),
    }
}

/// A tool's answer: the words first, for clients that read nothing else.
fn told(answer: Result<tools::Answer, ApiError>) -> Value {
    let (text, facts, is_error) = match answer {
        Ok(tools::Answer { text, facts }) => (text, facts, false),
        Err(error) => (format!("{}: {}", error.code, error.message), error.body(), true),
    };
    json!({"content": [{"type": "text", "text": text}], "structuredContent": facts, "isError": is_error})
}
