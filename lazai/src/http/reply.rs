//! A reply in progress, in one piece or many: the same for a node's front and for the loopback proxy.

use std::convert::Infallible;
use std::future::Future;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_lite::stream;
use lazai_settle::ledger::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::payment::{PAYMENT_RESPONSE, PaymentResponse, ReplyDetails, encode};

/// An event in the making of a reply.
pub(super) enum Piece {
    Text(String),
    Done(Box<ReplyDetails>),
    Failed(ApiError),
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
    F: Future<Output = Result<ReplyDetails, ApiError>> + Send + 'static,
    Make: FnOnce(Pieces) -> F,
{
    let (sender, receiver) = unbounded_channel();
    let made = make(Pieces { to: sender.clone(), said: String::new() });
    tokio::spawn(async move {
        let piece = match made.await {
            Ok(served) => Piece::Done(Box::new(served)),
            Err(error) => Piece::Failed(error),
        };
        let _ = sender.send(piece);
    });
    let head =
        Head { id: id(), created: SystemClock.now_s(), model: asked.model.clone(), limit: asked.settings.max_tokens };
    if asked.stream { stream(asked.include_usage, head, receiver).await } else { whole(head, receiver).await }
}

/// The fields that every piece of a reply repeats.
struct Head {
    id: String,
    created: u64,
    model: String,
    limit: Option<u32>,
}

impl Head {
    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice],
        })
    }

    fn finish_reason(&self, served: &ReplyDetails) -> &'static str {
        let said = served.receipt.receipt.completion_tokens;
        if self.limit.is_some_and(|limit| said >= u64::from(limit)) { "length" } else { "stop" }
    }
}

fn usage(served: &ReplyDetails) -> Value {
    let (prompt, completion) = (served.receipt.receipt.prompt_tokens, served.receipt.receipt.completion_tokens);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion)})
}

async fn whole(head: Head, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let mut text = String::new();
    let served = loop {
        match pieces.recv().await {
            Some(Piece::Text(more)) => text.push_str(&more),
            Some(Piece::Done(served)) => {
                text = served.text.clone().unwrap_or(text);
                break served;
            }
            Some(Piece::Failed(error)) => return Err(error),
            None => return Err(lost()),
        }
    };
    let message = json!({"role": "assistant", "content": text, "refusal": null});
    let choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": head.finish_reason(&served)});
    let body = json!({
        "id": head.id, "object": "chat.completion", "created": head.created, "model": head.model,
        "choices": [choice], "usage": usage(&served), "lazai": served,
    });
    let mut response = axum::Json(body).into_response();
    if let Ok(value) = HeaderValue::from_str(&encode(&PaymentResponse::of(&served.receipt))) {
        response.headers_mut().insert(PAYMENT_RESPONSE, value);
    }
    Ok(response)
}

async fn stream(include_usage: bool, head: Head, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let mut first = match pieces.recv().await {
        Some(Piece::Failed(error)) => return Err(error),
        None => return Err(lost()),
        first => first,
    };
    let mut waiting = vec![event(&head.chunk(&json!({"role": "assistant", "content": ""}), None))].into_iter();
    let mut ended = false;
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
                Piece::Text(text) => vec![event(&head.chunk(&json!({"content": text}), None))],
                Piece::Failed(error) => {
                    ended = true;
                    vec![event(&error.body())]
                }
                Piece::Done(served) => {
                    ended = true;
                    last(include_usage, &head, &served)
                }
            }
            .into_iter();
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The end of a stream: the finish reason with the receipt; the token counts if requested; `[DONE]`.
fn last(include_usage: bool, head: &Head, served: &ReplyDetails) -> Vec<Event> {
    let mut end = head.chunk(&json!({}), Some(head.finish_reason(served)));
    end["lazai"] = json!(served);
    let mut events = vec![event(&end)];
    if include_usage {
        let mut counted = head.chunk(&json!({}), None);
        counted["choices"] = json!([]);
        counted["usage"] = usage(served);
        events.push(event(&counted));
    }
    events.push(Event::default().data("[DONE]"));
    events
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
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, headers, axum::Json(self.body())).into_response()
    }
}

/// Reply ids only have to be unique.
fn id() -> String {
    let random = lazai_core::Digest::random().unwrap_or(lazai_core::Digest::ZERO);
    format!("chatcmpl-{}", hex::encode(&random.as_bytes()[..12]))
}
