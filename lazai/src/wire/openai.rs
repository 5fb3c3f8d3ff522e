//! OpenAI's chat completions: the supported part, and the form of errors.
//!
//! Source: OpenAI's API reference, "Chat"; `top_k`, `min_p` and `repetition_penalty` as vLLM has them. Requests for things that a
//! character cannot do (tools, pictures, several choices, a grammar) are refused by name; what changes no reply (`user`) is ignored.

use std::fmt;

use lazai_core::message::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::node::ReplySettings;

/// A request that cannot be served: becomes status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct BadRequest {
    /// The parameter.
    pub parameter: String,
    /// The reason.
    pub reason: String,
}

impl BadRequest {
    fn new(parameter: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { parameter: parameter.into(), reason: reason.to_string() }
    }
}

/// A request for a chat completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionRequest {
    /// The model.
    pub model: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The requested reply settings.
    pub settings: ReplySettings,
    /// True for a streamed reply.
    pub stream: bool,
    /// True if a streamed reply ends with token counts.
    pub include_usage: bool,
}

impl CompletionRequest {
    /// Reads the body of a request.
    ///
    /// ```
    /// use lazai::wire::openai::CompletionRequest;
    /// let body = br#"{"model": "dat:1:1", "temperature": 0.7, "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let asked = CompletionRequest::parse(body)?;
    /// assert_eq!(asked.settings.temperature_milli, Some(700));
    /// let tools = br#"{"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [{}]}"#;
    /// assert_eq!(CompletionRequest::parse(tools).unwrap_err().parameter, "tools");
    /// # Ok::<(), lazai::wire::openai::BadRequest>(())
    /// ```
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|e| BadRequest::new("body", e))?;
        for (parameter, harmless) in UNSUPPORTED {
            if let Some(value) = body.get(*parameter)
                && !harmless(value)
            {
                return Err(BadRequest::new(*parameter, "is not supported"));
            }
        }
        let model = body.get("model").and_then(Value::as_str);
        let model = model.ok_or_else(|| BadRequest::new("model", "is not a string"))?.to_owned();
        let messages = body.get("messages").and_then(Value::as_array);
        let messages = messages.ok_or_else(|| BadRequest::new("messages", "is not a list"))?;
        if messages.is_empty() {
            return Err(BadRequest::new("messages", "is empty"));
        }
        let messages = messages.iter().enumerate().map(|(i, m)| message(i, m)).collect::<Result<_, _>>()?;
        let most = match whole(&body, "max_completion_tokens")? {
            None => whole(&body, "max_tokens")?,
            some => some,
        };
        if most == Some(0) {
            return Err(BadRequest::new("max_tokens", "is 0"));
        }
        let settings = ReplySettings {
            max_tokens: most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            temperature_milli: thousandths(&body, "temperature", 2.0)?,
            top_p_milli: thousandths(&body, "top_p", 1.0)?,
            seed: seed(&body)?,
            top_k: whole(&body, "top_k")?.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            min_p_milli: thousandths(&body, "min_p", 1.0)?,
            repetition_penalty_milli: thousandths(&body, "repetition_penalty", 10.0)?,
            presence_penalty_milli: penalty(&body, "presence_penalty")?,
            frequency_penalty_milli: penalty(&body, "frequency_penalty")?,
        };
        let include_usage = body.get("stream_options").and_then(|o| o.get("include_usage"));
        Ok(Self {
            model,
            messages,
            settings,
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            include_usage: include_usage.and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// The body of an equal request.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({"model": self.model, "messages": self.messages, "stream": self.stream});
        if self.include_usage {
            body["stream_options"] = json!({"include_usage": true});
        }
        let ReplySettings { max_tokens, temperature_milli, top_p_milli, seed, top_k, min_p_milli, .. } = self.settings;
        let ReplySettings { repetition_penalty_milli, presence_penalty_milli, frequency_penalty_milli, .. } =
            self.settings;
        let as_fraction = |milli: u32| f64::from(milli) / 1_000.0;
        let as_penalty = |milli: i32| f64::from(milli) / 1_000.0;
        for (name, value) in [
            ("max_tokens", max_tokens.map(Value::from)),
            ("temperature", temperature_milli.map(|t| as_fraction(t).into())),
            ("top_p", top_p_milli.map(|p| as_fraction(p).into())),
            ("seed", seed.map(Value::from)),
            ("top_k", top_k.map(Value::from)),
            ("min_p", min_p_milli.map(|p| as_fraction(p).into())),
            ("repetition_penalty", repetition_penalty_milli.map(|p| as_fraction(p).into())),
            ("presence_penalty", presence_penalty_milli.map(|p| as_penalty(p).into())),
            ("frequency_penalty", frequency_penalty_milli.map(|p| as_penalty(p).into())),
        ] {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        body
    }
}

/// Parameters that would change the reply if they were ignored, each with a test for values that change nothing.
#[allow(clippy::type_complexity, reason = "a table")]
const UNSUPPORTED: &[(&str, fn(&Value) -> bool)] = &[
    ("audio", Value::is_null),
    ("function_call", |v| v.is_null() || v == "none" || v == "auto"),
    ("functions", is_nothing),
    ("grammar", is_nothing),
    ("guided_json", is_nothing),
    ("json_schema", is_nothing),
    ("logit_bias", |v| is_nothing(v) || *v == json!({})),
    ("logprobs", |v| v.is_null() || v == false),
    ("modalities", |v| v.is_null() || *v == json!(["text"])),
    ("min_tokens", |v| v.is_null() || *v == 0),
    ("mirostat", |v| v.is_null() || *v == 0),
    ("n", |v| v.is_null() || v == 1),
    ("response_format", |v| v.is_null() || v["type"] == "text"),
    ("stop", is_nothing),
    ("tools", is_nothing),
    ("top_logprobs", |v| v.is_null() || *v == 0),
    ("typical_p", |v| v.is_null() || v.as_f64() == Some(1.0)),
    ("web_search_options", Value::is_null),
];

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == ""
}

fn message(index: usize, message: &Value) -> Result<Message, BadRequest> {
    let at = |field: &str| format!("messages[{index}].{field}");
    let role = match message["role"].as_str() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some(other) => return Err(BadRequest::new(at("role"), format!("{other:?} is not supported"))),
        None => return Err(BadRequest::new(at("role"), "is not a string")),
    };
    let content = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().enumerate().map(|(part, value)| match (&value["type"], &value["text"]) {
                (Value::String(kind), Value::String(text)) if kind == "text" => Ok(text.as_str()),
                (kind, _) => Err(BadRequest::new(at(&format!("content[{part}]")), format!("{kind} is not text"))),
            });
            texts.collect::<Result<Vec<_>, _>>()?.concat()
        }
        _ => return Err(BadRequest::new(at("content"), "is neither text nor a list of parts")),
    };
    Ok(Message { role, content })
}

fn whole(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, BadRequest> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| BadRequest::new(name, "is not a whole number")),
    }
}

/// OpenAI's seeds are signed; each is mapped to an unsigned number.
fn seed(body: &Map<String, Value>) -> Result<Option<u64>, BadRequest> {
    let negative = body.get("seed").and_then(Value::as_i64).filter(|seed| *seed < 0);
    match negative {
        Some(seed) => Ok(Some(seed.cast_unsigned())),
        None => whole(body, "seed"),
    }
}

/// OpenAI's penalties, between -2 and 2.
fn penalty(body: &Map<String, Value>, name: &str) -> Result<Option<i32>, BadRequest> {
    let Some(value) = body.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
    let number = value.as_f64().filter(|n| (-2.0..=2.0).contains(n));
    let number = number.ok_or_else(|| BadRequest::new(name, "is not between -2 and 2"))?;
    #[allow(clippy::cast_possible_truncation, reason = "at most 2000")]
    let milli = (number * 1_000.0).round() as i32;
    // Clients send a penalty of nothing with every request: it is what was meant anyway.
    Ok((milli != 0).then_some(milli))
}

fn thousandths(body: &Map<String, Value>, name: &str, most: f64) -> Result<Option<u32>, BadRequest> {
    let Some(value) = body.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
    let number = value.as_f64().filter(|n| (0.0..=most).contains(n));
    let number = number.ok_or_else(|| BadRequest::new(name, format!("is not between 0 and {most}")))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 10000")]
    Ok(Some((number * 1_000.0).round() as u32))
}

/// An error as OpenAI's clients read it: status, kind, code and message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct ApiError {
    /// Status of the answer.
    pub status: u16,
    /// A stable error code: see [`NodeError::code`](crate::node::NodeError::code).
    pub code: String,
    /// The message.
    pub message: String,
    /// The wrong parameter, if there is one.
    pub parameter: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Serialize, Deserialize)]
struct ErrorFields {
    message: String,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    code: Value,
}

impl ApiError {
    /// An error.
    pub fn new(status: u16, code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { status, code: code.into(), message: message.to_string(), parameter: None }
    }

    /// The JSON of it.
    #[must_use]
    pub fn body(&self) -> Value {
        let kind = match self.status {
            401 => "authentication_error",
            402 => "payment_required",
            403 => "permission_error",
            404 => "not_found_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let (message, param, code) = (self.message.clone(), self.parameter.clone(), Value::from(self.code.clone()));
        json!({"error": ErrorFields { message, kind: kind.into(), param, code }})
    }

    /// Tells whether the same request may succeed later. OpenAI's clients retry on 409, 429 and 5xx unless they are told
    /// not to.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self.status, 429 | 502 | 503)
    }

    /// The error in an answer, or in an event of a stream; unreadable ones also give a message.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(ErrorBody { error }) => {
                let code = match error.code {
                    Value::String(code) => code,
                    Value::Number(number) => number.to_string(),
                    _ => format!("http.{status}"),
                };
                Self { status, code, message: error.message, parameter: error.param }
            }
            Err(_) => {
                let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
                Self::new(status, format!("http.{status}"), text)
            }
        }
    }
}

impl From<BadRequest> for ApiError {
    fn from(bad: BadRequest) -> Self {
        Self { parameter: Some(bad.parameter.clone()), ..Self::new(400, "request.invalid", bad) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(extra: &str) -> Result<CompletionRequest, BadRequest> {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{extra}}}"#);
        CompletionRequest::parse(body.as_bytes())
    }

    #[test]
    fn what_is_asked_comes_back_from_its_own_body() {
        let asked = asked(
            r#","temperature":0.333,"top_p":1,"seed":18446744073709551615,"max_tokens":7,"stream":true,"top_k":40,"min_p":0.05,"repetition_penalty":1.1,"presence_penalty":-0.5,"frequency_penalty":1.25"#,
        );
        let asked = asked.unwrap();
        assert_eq!(asked.settings.temperature_milli, Some(333));
        let ReplySettings { min_p_milli, presence_penalty_milli, frequency_penalty_milli, .. } = asked.settings;
        assert_eq!((min_p_milli, presence_penalty_milli, frequency_penalty_milli), (Some(50), Some(-500), Some(1_250)));
        assert_eq!(CompletionRequest::parse(asked.body().to_string().as_bytes()).unwrap(), asked);
    }

    #[test]
    fn what_a_character_cannot_do_is_refused_by_name() {
        for (extra, parameter) in [
            (r#","n":2"#, "n"),
            (r#","tools":[{"type":"function"}]"#, "tools"),
            (r#","stop":["\n"]"#, "stop"),
            (r#","temperature":-1"#, "temperature"),
            (r#","temperature":2.1"#, "temperature"),
            (r#","max_tokens":0"#, "max_tokens"),
            (r#","max_tokens":1.5"#, "max_tokens"),
            (r#","seed":"x""#, "seed"),
            (r#","presence_penalty":2.5"#, "presence_penalty"),
            (r#","min_p":-0.1"#, "min_p"),
            (r#","top_k":1.5"#, "top_k"),
            (r#","logit_bias":{"5":-100}"#, "logit_bias"),
            (r#","grammar":"root ::= [a-z]""#, "grammar"),
            (r#","top_logprobs":3"#, "top_logprobs"),
            (r#","response_format":{"type":"json_object"}"#, "response_format"),
        ] {
            assert_eq!(asked(extra).unwrap_err().parameter, parameter, "{extra}");
        }
        for harmless in
            [r#","n":1"#, r#","stop":null"#, r#","tools":[]"#, r#","presence_penalty":0,"logit_bias":{},"user":"me""#]
        {
            asked(harmless).unwrap();
        }
    }

    #[test]
    fn parts_of_text_are_joined_and_pictures_refused() {
        let body = |part: &str| {
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"text","text":"a"}},{part}]}}]}}"#)
        };
        let asked = CompletionRequest::parse(body(r#"{"type":"text","text":"b"}"#).as_bytes()).unwrap();
        assert_eq!(asked.messages[0].content, "ab");
        let refused = CompletionRequest::parse(body(r#"{"type":"image_url","image_url":{}}"#).as_bytes()).unwrap_err();
        assert_eq!(refused.parameter, "messages[0].content[1]");
    }

    #[test]
    fn every_error_says_something() {
        let read = ApiError::read(402, ApiError::new(402, "node.not_paid", "1 is owed").body().to_string().as_bytes());
        assert_eq!((read.code.as_str(), read.message.as_str()), ("node.not_paid", "1 is owed"));
        assert_eq!(ApiError::read(500, b"<html>").code, "http.500");
    }
}
