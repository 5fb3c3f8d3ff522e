//! A reply in progress, in one piece or many: the same for a node's front and for the loopback proxy.

use std::convert::Infallible;
use std::future::Future;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_lite::stream;
use lazai_core::reply::ReplyNotes;
use lazai_settle::ledger::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::wire::logprobs;
use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::payment::{PAYMENT_RESPONSE, PaymentResponse, ReplyDetails, encode};
use crate::wire::tools::{self, Call, Held};

/// An event in the making of a reply.
pub(super) enum Piece {
    Text(String),
    Done(Box<Made>),
    Failed(ApiError),
}

/// A reply that was made.
pub(super) struct Made {
    pub details: ReplyDetails,
    pub notes: ReplyNotes,
}

/// The sink for the pieces of a reply. A client that has gone away does not stop the reply by itself.
pub(super) struct Pieces {
    to: UnboundedSender<Piece>,
    said: String,
}

impl Pieces {
    /// A check of whether the client is still connected, for code that can stop.
    pub fn are_wanted(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let to = self.to.clone();
        move || !to.is_closed()
    }

    pub fn text(&mut self, text: &str) {
        self.said.push_str(text);
        let _ = self.to.send(Piece::Text(text.to_owned()));
    }

    /// Sends the missing rest of the whole text; returns the whole if it does not continue the text sent so far.
    pub fn complete(mut self, whole: &str) -> Option<String> {
        match whole.strip_prefix(&self.said).map(str::to_owned) {
            Some(rest) if rest.is_empty() => None,
            Some(rest) => {
                self.text(&rest);
                None
            }
            None => Some(whole.to_owned()),
        }
    }
}

/// Answers a request with the pieces and the result of `make`. `make` runs as a task of its own and decides whether to go
/// on when the client hangs up. A failure before the first piece is an error with its own status.
pub(super) async fn answer<F, Make>(asked: &CompletionRequest, make: Make) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Made, ApiError>> + Send + 'static,
    Make: FnOnce(Pieces) -> F,
{
    let (sender, receiver) = unbounded_channel();
    let made = make(Pieces { to: sender.clone(), said: String::new() });
    tokio::spawn(async move { sender.send(ended(made.await)) });
    told(asked, 1, receiver).await
}

/// As [`answer`], with as many choices as are asked for, one after another. Those that were made before a failure are told with it.
pub(super) async fn answer_choices<F, Make>(asked: &CompletionRequest, mut make: Make) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Made, ApiError>> + Send + 'static,
    Make: FnMut(u32, Pieces) -> F + Send + 'static,
{
    let (sender, receiver) = unbounded_channel();
    let choices = asked.choices;
    tokio::spawn(async move {
        for choice in 0..choices {
            let made = make(choice, Pieces { to: sender.clone(), said: String::new() }).await;
            let failed = made.is_err();
            // Who has left is asked for no money for further choices.
            if sender.send(ended(made)).is_err() || failed {
                break;
            }
        }
    });
    told(asked, choices, receiver).await
}

fn ended(made: Result<Made, ApiError>) -> Piece {
    made.map_or_else(Piece::Failed, |made| Piece::Done(Box::new(made)))
}

async fn told(asked: &CompletionRequest, choices: u32, pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let (model, tools) = (asked.model.clone(), asked.tools.clone());
    let head = Head { id: id("chatcmpl-"), created: SystemClock.now_s(), model, tools, choices, choice: 0 };
    if asked.stream { stream(asked.include_usage, head, pieces).await } else { whole(head, pieces).await }
}

/// The fields that every piece of a reply repeats.
struct Head {
    id: String,
    created: u64,
    model: String,
    tools: Vec<String>,
    choices: u32,
    /// The choice that is told, from 0.
    choice: u32,
}

impl Head {
    /// The words of a reply, and its calls in OpenAI's form.
    fn calls(&self, text: String) -> (String, Vec<Value>) {
        if self.tools.is_empty() {
            return (text, Vec::new());
        }
        let (words, calls) = tools::calls(&text, &self.tools);
        let call = |Call { name, arguments }: &Call| json!({"id": id("call_"), "type": "function", "function": {"name": name, "arguments": arguments}});
        (words, calls.iter().map(call).collect())
    }

    /// A choice in one piece.
    fn whole_choice(&self, Made { details, notes }: &Made, text: String) -> Value {
        let (text, calls) = self.calls(text);
        let finish_reason = finish_reason(notes, &calls);
        let mut message = json!({"role": "assistant", "content": text, "refusal": null});
        if !calls.is_empty() {
            message["content"] = if text.is_empty() { Value::Null } else { text.into() };
            message["tool_calls"] = calls.into();
        }
        let logprobs = notes.logprobs.as_deref().map(logprobs::write);
        let mut choice =
            json!({"index": self.choice, "message": message, "logprobs": logprobs, "finish_reason": finish_reason});
        if self.choices > 1 {
            choice["lazai"] = json!(details);
        }
        choice
    }

    /// The beginning of a choice.
    fn role(&self) -> Event {
        event(&self.chunk(&json!({"role": "assistant", "content": ""}), None))
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": self.choice, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice],
        })
    }
}

/// Tokens of some choices.
#[derive(Default)]
struct Usage {
    prompt: u64,
    completion: u64,
}

impl Usage {
    fn add(&mut self, served: &ReplyDetails) {
        let receipt = &served.receipt.receipt;
        self.prompt = self.prompt.saturating_add(receipt.prompt_tokens);
        self.completion = self.completion.saturating_add(receipt.completion_tokens);
    }

    fn body(&self) -> Value {
        let Self { prompt, completion } = *self;
        json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion)})
    }
}

async fn whole(mut head: Head, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let (mut text, mut choices, mut usage) = (String::new(), Vec::new(), Usage::default());
    let (mut last, mut missing) = (None, None);
    while head.choice < head.choices && missing.is_none() {
        match pieces.recv().await {
            Some(Piece::Text(more)) => text.push_str(&more),
            Some(Piece::Done(made)) => {
                let told = made.details.text.clone().unwrap_or_else(|| std::mem::take(&mut text));
                text.clear();
                choices.push(head.whole_choice(&made, told));
                usage.add(&made.details);
                head.choice += 1;
                last = Some(made.details);
            }
            failed => {
                let error = if let Some(Piece::Failed(error)) = failed { error } else { lost() };
                // What was paid for is told.
                if last.is_none() {
                    return Err(error);
                }
                missing = Some(error);
            }
        }
    }
    let mut body = json!({
        "id": head.id, "object": "chat.completion", "created": head.created, "model": head.model,
        "choices": choices, "usage": usage.body(), "lazai": last,
    });
    if let Some(error) = missing {
        body["lazai_missing"] = error.body()["error"].take();
    }
    let mut response = axum::Json(body).into_response();
    if let Some(served) = last
        && let Ok(value) = HeaderValue::from_str(&encode(&PaymentResponse::of(&served.receipt)))
    {
        response.headers_mut().insert(PAYMENT_RESPONSE, value);
    }
    Ok(response)
}

async fn stream(
    include_usage: bool,
    mut head: Head,
    mut pieces: UnboundedReceiver<Piece>,
) -> Result<Response, ApiError> {
    let mut first = match pieces.recv().await {
        Some(Piece::Failed(error)) => return Err(error),
        None => return Err(lost()),
        first => first,
    };
    let mut waiting = vec![head.role()].into_iter();
    let mut ended = false;
    let (mut said, mut held, mut usage) = (String::new(), Held::default(), Usage::default());
    let events = stream::poll_fn(move |context| {
        loop {
            if let Some(event) = waiting.next() {
                return std::task::Poll::Ready(Some(Ok::<_, Infallible>(event)));
            }
            if ended {
                return std::task::Poll::Ready(None);
            }
            let piece = match first.take() {
                Some(piece) => piece,
                None => match pieces.poll_recv(context) {
                    std::task::Poll::Pending => return std::task::Poll::Pending,
                    std::task::Poll::Ready(piece) => piece.unwrap_or_else(|| Piece::Failed(lost())),
                },
            };
            waiting = match piece {
                Piece::Text(text) if head.tools.is_empty() => {
                    vec![event(&head.chunk(&json!({"content": text}), None))]
                }
                Piece::Text(text) => {
                    said.push_str(&text);
                    let words = Some(held.push(&text)).filter(|words| !words.is_empty());
                    words.map(|words| event(&head.chunk(&json!({"content": words}), None))).into_iter().collect()
                }
                Piece::Failed(error) => {
                    ended = true;
                    vec![event(&error.body())]
                }
                Piece::Done(made) => {
                    let (words, calls) = head.calls(std::mem::take(&mut said));
                    let mut events = Vec::new();
                    let rest = std::mem::take(&mut held).rest(&words);
                    if !rest.is_empty() {
                        events.push(event(&head.chunk(&json!({"content": rest}), None)));
                    }
                    events.extend(call_pieces(&head, &calls));
                    events.extend(end_of_choice(&head, &made, &calls));
                    usage.add(&made.details);
                    head.choice += 1;
                    ended = head.choice == head.choices;
                    if ended {
                        events.extend(last(&head, include_usage.then_some(&usage)));
                    } else {
                        events.push(head.role());
                    }
                    events
                }
            }
            .into_iter();
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The end of a choice: the tokens' probabilities if requested; the finish reason with the receipt.
fn end_of_choice(head: &Head, Made { details: served, notes }: &Made, calls: &[Value]) -> Vec<Event> {
    let mut events = Vec::new();
    // Clients put together what all pieces have: these come in one.
    if let Some(logprobs) = &notes.logprobs {
        let mut piece = head.chunk(&json!({"content": ""}), None);
        piece["choices"][0]["logprobs"] = logprobs::write(logprobs);
        events.push(event(&piece));
    }
    let mut end = head.chunk(&json!({}), Some(finish_reason(notes, calls)));
    end["lazai"] = json!(served);
    events.push(event(&end));
    events
}

/// The end of a stream: the token counts if requested; `[DONE]`.
fn last(head: &Head, usage: Option<&Usage>) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(usage) = usage {
        let mut counted = head.chunk(&json!({}), None);
        counted["choices"] = json!([]);
        counted["usage"] = usage.body();
        events.push(event(&counted));
    }
    events.push(Event::default().data("[DONE]"));
    events
}

/// Each call in two pieces: its function, and its arguments.
fn call_pieces(head: &Head, calls: &[Value]) -> Vec<Event> {
    let pieces = calls.iter().enumerate().flat_map(|(index, call)| {
        let (mut first, mut second) = (call.clone(), json!({"index": index, "function": {}}));
        first["index"] = index.into();
        second["function"]["arguments"] = std::mem::replace(&mut first["function"]["arguments"], "".into());
        [first, second].map(|piece| event(&head.chunk(&json!({"tool_calls": [piece]}), None)))
    });
    pieces.collect()
}

fn finish_reason(notes: &ReplyNotes, calls: &[Value]) -> &'static str {
    if calls.is_empty() { notes.finish_reason.as_str() } else { "tool_calls" }
}

fn event(value: &Value) -> Event {
    Event::default().data(value.to_string())
}

fn lost() -> ApiError {
    ApiError::new(500, "node.generation", "the reply broke off")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        let again = if self.may_be_tried_again() { "true" } else { "false" };
        headers.insert("x-should-retry", HeaderValue::from_static(again));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, headers, axum::Json(self.body())).into_response()
    }
}

/// Ids only have to be unique.
fn id(kind: &str) -> String {
    let random = lazai_core::Digest::random().unwrap_or(lazai_core::Digest::ZERO);
    format!("{kind}{}", hex::encode(&random.as_bytes()[..12]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
