//! JSON-RPC 2.0, one message at a time: what MCP and A2A are spoken in.

use serde_json::{Value, json};

use crate::wire::openai::ApiError;

/// The most bytes of a message.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The most bytes of a text that is repeated in an error.
const MAX_REPEATED: usize = 80;

const PARSE: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const UNKNOWN_METHOD: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
/// A failure of the application: its own code stands in `data`.
const FAILED: i64 = -32_000;

/// A message that came in.
pub(super) enum Incoming {
    /// A request that is answered under its id.
    Request(Request),
    /// Something that nobody answers: a notification, or the answer to a question that was not asked.
    Unanswered,
}

/// A request.
pub(super) struct Request {
    /// A text or a number, as it came.
    pub id: Value,
    pub method: String,
    /// An object; empty if there was none.
    pub params: Value,
}

/// An error of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub fn unknown_method(method: &str) -> Self {
        let method: String = method.chars().take(MAX_REPEATED).collect();
        Self::new(UNKNOWN_METHOD, format!("no method {method:?} here"))
    }

    pub fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    /// A message of more bytes than are read.
    pub fn too_long() -> Self {
        Self::new(INVALID_REQUEST, format!("a message has at most {MAX_BYTES} bytes"))
    }

    pub fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }
}

impl From<ApiError> for RpcError {
    fn from(error: ApiError) -> Self {
        let data = error.body()["error"].take();
        Self::new(FAILED, format!("{}: {}", error.code, error.message)).with_data(data)
    }
}

/// Reads a message. The error is the answer.
pub(super) fn read(bytes: &[u8]) -> Result<Incoming, Value> {
    if bytes.len() > MAX_BYTES {
        return Err(answer(Value::Null, Err(RpcError::too_long())));
    }
    let invalid = |id: Value, message: &str| Err(answer(id, Err(RpcError::new(INVALID_REQUEST, message))));
    let mut message = match serde_json::from_slice(bytes) {
        Ok(Value::Object(message)) => message,
        Ok(Value::Array(_)) => return invalid(Value::Null, "batches are not answered: send each message by itself"),
        Ok(_) => return invalid(Value::Null, "a message is an object"),
        Err(error) => {
            let place = format!("no JSON: line {}, column {}", error.line(), error.column());
            return Err(answer(Value::Null, Err(RpcError::new(PARSE, place))));
        }
    };
    let id = message.remove("id");
    let known = id.clone().filter(|id| id.is_string() || id.is_number());
    let named = known.clone().unwrap_or(Value::Null);
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(named, "`jsonrpc` is not \"2.0\"");
    }
    let method = match message.remove("method") {
        Some(Value::String(method)) => method,
        None if message.contains_key("result") || message.contains_key("error") => return Ok(Incoming::Unanswered),
        _ => return invalid(named, "`method` is no text"),
    };
    if id.is_none() {
        return Ok(Incoming::Unanswered);
    }
    let Some(id) = known else { return invalid(Value::Null, "`id` is neither a text nor a number") };
    let params = match message.remove("params") {
        None | Some(Value::Null) => json!({}),
        Some(params @ Value::Object(_)) => params,
        Some(_) => return Err(answer(id, Err(RpcError::params("`params` is no object")))),
    };
    Ok(Incoming::Request(Request { id, method, params }))
}

/// The answer to a request.
pub(super) fn answer(id: Value, outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(RpcError { code, message, data }) => {
            let mut error = json!({"code": code, "message": message});
            if let Some(data) = data {
                error["data"] = data;
            }
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn refused(message: &[u8]) -> (Value, i64) {
        match read(message) {
            Err(answer) => (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap()),
            Ok(_) => panic!("{} was read", String::from_utf8_lossy(message)),
        }
    }

    #[test]
    fn what_is_no_request_is_refused_by_its_code() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for garbage in [&b"{"[..], b"", b"hello", b"\xff\xfe", b"{\"jsonrpc\": \"2.0\",}", deep.as_bytes()] {
            assert_eq!(refused(garbage), (Value::Null, PARSE));
        }
        for invalid in [
            &b"[]"[..],
            br#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#,
            b"7",
            br#"{"id": null, "jsonrpc": "2.0", "method": "ping"}"#,
            br#"{"id": {}, "jsonrpc": "2.0", "method": "ping"}"#,
        ] {
            assert_eq!(refused(invalid), (Value::Null, INVALID_REQUEST));
        }
        assert_eq!(refused(br#"{"id": "a", "method": "ping"}"#), (json!("a"), INVALID_REQUEST));
        assert_eq!(refused(br#"{"jsonrpc": "2.0", "id": 7, "method": []}"#), (json!(7), INVALID_REQUEST));
        assert_eq!(
            refused(br#"{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}"#),
            (json!(7), INVALID_PARAMS)
        );
        assert_eq!(refused(&vec![b' '; MAX_BYTES + 1]), (Value::Null, INVALID_REQUEST));
    }

    #[test]
    fn notifications_and_answers_are_passed_over() {
        for message in [
            &br#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#[..],
            br#"{"jsonrpc": "2.0", "id": 4, "result": {}}"#,
            br#"{"jsonrpc": "2.0", "id": 4, "error": {"code": 1, "message": ""}}"#,
        ] {
            assert!(matches!(read(message), Ok(Incoming::Unanswered)));
        }
    }
}
