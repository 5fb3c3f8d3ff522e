//! OpenAI's chat completions: the supported part, and the form of errors.
//!
//! Source: OpenAI's API reference, "Chat"; `top_k`, `min_p`, `repetition_penalty`, `stop_token_ids`, `min_tokens` and `guided_*` as
//! vLLM has them, `typical_p` and `dry_*` as llama.cpp. Requests for things that a character cannot do (pictures) are refused by name; what changes no reply (`user`) is ignored.

use std::fmt;

use lazai_core::message::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::speech::{self, SoundFormat};
use super::{messages, settings, tools};
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
    pub(crate) fn new(parameter: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { parameter: parameter.into(), reason: reason.to_string() }
    }
}

/// Reads the JSON object that a body is.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, BadRequest> {
    serde_json::from_slice(body).map_err(|e| BadRequest::new("body", e))
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
    /// Functions whose calls in the reply are told as OpenAI has them. What they are stands in the messages.
    pub tools: Vec<String>,
    /// Replies that are asked for to the same words. Each has its own receipt, and price: a node makes one a request.
    pub choices: u32,
    /// True for a streamed reply.
    pub stream: bool,
    /// True if a streamed reply ends with token counts.
    pub include_usage: bool,
    /// The form of the sound, if the reply is to be spoken as well. The loopback proxy does that; a node replies in words.
    pub audio: Option<SoundFormat>,
}

impl CompletionRequest {
    /// Reads the body of a request.
    ///
    /// ```
    /// use lazai::wire::openai::CompletionRequest;
    /// let body = br#"{"model": "dat:1:1", "temperature": 0.7, "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let asked = CompletionRequest::parse(body)?;
    /// assert_eq!(asked.settings.temperature_milli, Some(700));
    /// let choices = br#"{"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 1000}"#;
    /// assert_eq!(CompletionRequest::parse(choices).unwrap_err().parameter, "n");
    /// # Ok::<(), lazai::wire::openai::BadRequest>(())
    /// ```
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let bytes = body;
        let body = object(bytes)?;
        let settings = settings::read(bytes, &body)?;
        let messages = body.get("messages").and_then(Value::as_array);
        let messages = messages.ok_or_else(|| BadRequest::new("messages", "is not a list"))?;
        if messages.is_empty() {
            return Err(BadRequest::new("messages", "is empty"));
        }
        Self::of(&body, messages::read(messages)?, settings)
    }

    /// A request of these messages and settings; its model, tools, choices and stream are read from its body.
    pub(super) fn of(
        body: &Map<String, Value>,
        mut messages: Vec<Message>,
        mut settings: ReplySettings,
    ) -> Result<Self, BadRequest> {
        let model = body.get("model").and_then(Value::as_str);
        let model = model.ok_or_else(|| BadRequest::new("model", "is not a string"))?.to_owned();
        let tools = tools::read(body)?;
        if let Some(tools) = &tools {
            tools.ask(&mut messages, &mut settings)?;
            settings::check(&settings)?;
        }
        let include_usage = body.get("stream_options").and_then(|o| o.get("include_usage"));
        Ok(Self {
            model,
            messages,
            settings,
            tools: tools.map(|tools| tools.names()).unwrap_or_default(),
            choices: settings::choices(body)?,
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            include_usage: include_usage.and_then(Value::as_bool).unwrap_or(false),
            audio: speech::of_reply(body)?,
        })
    }

    /// The body of an equal request, but that calls in its reply stay words.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({"model": self.model, "messages": self.messages, "stream": self.stream});
        if self.choices != 1 {
            body["n"] = self.choices.into();
        }
        if self.include_usage {
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(format) = self.audio {
            body["modalities"] = json!(["text", "audio"]);
            body["audio"] = json!({"voice": speech::VOICE, "format": format.in_replies()});
        }
        settings::write(&self.settings, &mut body);
        body
    }
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
    /// Facts for programs, under `lazai`; mostly none.
    pub details: Option<Box<Value>>,
    /// The time after which the same request may be answered, in seconds, if it is known: the header `Retry-After`, not part of the body.
    pub retry_after_s: Option<u64>,
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
    #[serde(default, skip_serializing)]
    lazai: Option<Value>,
}

impl ApiError {
    /// An error.
    pub fn new(status: u16, code: impl Into<String>, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { status, code: code.into(), message, parameter: None, details: None, retry_after_s: None }
    }

    /// The JSON of it.
    #[must_use]
    pub fn body(&self) -> Value {
        let kind = match self.status {
            401 => "authentication_error",
            402 => "payment_required",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let (message, param, code) = (self.message.clone(), self.parameter.clone(), Value::from(self.code.clone()));
        let mut body = json!({"error": ErrorFields { message, kind: kind.into(), param, code, lazai: None }});
        if let Some(details) = &self.details {
            body["error"]["lazai"] = Value::clone(details);
        }
        body
    }

    /// Tells whether the same request may succeed later. OpenAI's clients retry on 409, 429 and 5xx unless they are told
    /// not to.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self.status, 429 | 502 | 503) || self.code == "loopback.in_progress"
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
                let details = error.lazai.map(Box::new);
                Self { parameter: error.param, details, ..Self::new(status, code, error.message) }
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

    #[test]
    fn what_is_under_way_may_be_asked_for_again() {
        let again = |code: &str| ApiError::new(409, code, "later").may_be_tried_again();
        assert!(again("loopback.in_progress") && !again("node.turn_out_of_order"));
    }
}
