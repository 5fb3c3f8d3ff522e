//! The APIs that ask for a reply: how each is read, and what each makes of a reply.

use axum::response::sse::Event;
use lazai_core::reply::FinishReason;
use lazai_settle::ledger::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Made, chat, completions, responses};
use crate::wire::openai::{ApiError, BadRequest, CompletionRequest};
use crate::wire::payment::ReplyDetails;
use crate::wire::tools::Call;
use crate::wire::{self};

/// An API that asks for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Api {
    Chat,
    Completions,
    Responses,
}

impl Api {
    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
        }
    }

    /// Its operation, as OpenTelemetry names it.
    pub fn operation(self) -> &'static str {
        if self == Self::Completions { "text_completion" } else { "chat" }
    }

    /// Reads the body of a request.
    pub fn read(self, body: &[u8]) -> Result<Asked, BadRequest> {
        let of = |request| Asked { request, api: self, repeated: Map::new() };
        let asked = match self {
            Self::Chat => return CompletionRequest::parse(body).map(of),
            Self::Completions => wire::completions::read(body).map(of)?,
            Self::Responses => {
                let wire::responses::ResponseRequest { asked, repeated } = wire::responses::read(body)?;
                Asked { repeated, ..of(asked) }
            }
        };
        if asked.request.audio.is_some() {
            return Err(BadRequest::new("modalities", "replies are spoken as chat completions"));
        }
        Ok(asked)
    }
}

/// A request for a reply, and the API that it came by.
#[derive(Debug, Clone)]
pub(in crate::http) struct Asked {
    pub request: CompletionRequest,
    api: Api,
    /// What the answer repeats of the request.
    repeated: Map<String, Value>,
}

impl Asked {
    /// What the API makes of a reply.
    pub fn form(&self, mark: Mark, choices: u32) -> Box<dyn Form> {
        let (model, is_counted) = (self.request.model.clone(), self.request.include_usage);
        match self.api {
            Api::Chat => Box::new(chat::Chat::new(mark, model, choices, is_counted)),
            Api::Completions => Box::new(completions::Completions::new(mark, model, choices, is_counted)),
            Api::Responses => Box::new(responses::Responses::new(mark, model, self.repeated.clone())),
        }
    }
}

/// What tells a reply from others: the same however often it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::http) struct Mark {
    /// Hexadecimal digits, in all ids of the answer.
    pub id: String,
    /// In seconds since 1970.
    pub created_s: u64,
}

impl Mark {
    /// Ids only have to be unique.
    pub fn new() -> Self {
        let random = lazai_core::Digest::random().unwrap_or(lazai_core::Digest::ZERO);
        Self { id: hex::encode(&random.as_bytes()[..12]), created_s: SystemClock.now_s() }
    }
}

/// A choice that was made.
pub(in crate::http) struct Choice {
    /// Its number, from 0.
    pub index: u32,
    pub words: String,
    /// Calls of functions, each with an id.
    pub calls: Vec<(String, Call)>,
    pub made: Made,
}

impl Choice {
    /// A reply that was cut may have called more: it says so, calls or not, as OpenAI's own does.
    pub fn finish_reason(&self) -> &'static str {
        match self.made.notes.finish_reason {
            FinishReason::Length => FinishReason::Length.as_str(),
            _ if !self.calls.is_empty() => "tool_calls",
            other => other.as_str(),
        }
    }
}

/// Tokens of some choices.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::http) struct Usage {
    pub prompt: u64,
    pub completion: u64,
}

impl Usage {
    pub fn add(&mut self, served: &ReplyDetails) {
        let receipt = &served.receipt.receipt;
        self.prompt = self.prompt.saturating_add(receipt.prompt_tokens);
        self.completion = self.completion.saturating_add(receipt.completion_tokens);
    }

    pub fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    pub fn body(self) -> Value {
        json!({"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": self.total()})
    }
}

/// What an API makes of a reply: its JSON, whole or as events.
pub(in crate::http) trait Form: Send {
    /// A choice begins.
    fn begin(&mut self, choice: u32) -> Vec<Event>;

    /// More of its words.
    fn words(&mut self, words: &str) -> Vec<Event>;

    /// More of its sound.
    fn sound(&mut self, samples: &[i16]) -> Vec<Event> {
        let _ = samples;
        Vec::new()
    }

    /// It ends. All of its words were told, but where its text turned out to be another.
    fn end(&mut self, choice: &Choice) -> Vec<Event>;

    /// All choices ended.
    fn finish(&mut self, usage: &Usage) -> Vec<Event>;

    /// The reply broke off.
    fn fail(&mut self, error: &ApiError) -> Vec<Event>;

    /// The whole answer, without its `lazai`.
    fn whole(&mut self, choices: &[Choice], usage: &Usage) -> Value;
}

/// An event without a name.
pub(super) fn event(value: &Value) -> Event {
    Event::default().data(value.to_string())
}

/// The end of a stream.
pub(super) fn done() -> Event {
    Event::default().data("[DONE]")
}
