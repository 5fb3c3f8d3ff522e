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
    tokio::spawn(async move {
        let piece = match made.await {
            Ok(served) => Piece::Done(Box::new(served)),
            Err(error) => Piece::Failed(error),
        };
        let _ = sender.send(piece);
    });
    let (model, tools) = (asked.model.clone(), asked.tools.clone());
    let head = Head { id: id("chatcmpl-"), created: SystemClock.now_s(), model, tools };
    if asked.stream { stream(asked.include_usage, head, receiver).await } else { whole(head, receiver).await }
}

/// The fields that every piece of a reply repeats.
struct Head {
    id: String,
    created: u64,
    model: String,
    tools: Vec<String>,
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

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice],
        })
    }
}

fn usage(served: &ReplyDetails) -> Value {
    let (prompt, completion) = (served.receipt.receipt.prompt_tokens, served.receipt.receipt.completion_tokens);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion)})
}

async fn whole(head: Head, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let mut text = String::new();
    let Made { details: served, notes } = loop {
        match pieces.recv().await {
            Some(Piece::Text(more)) => text.push_str(&more),
            Some(Piece::Done(made)) => {
                text = made.details.text.clone().unwrap_or(text);
                break *made;
            }
            Some(Piece::Failed(error)) => return Err(error),
            None => return Err(lost()),
        }
    };
    let (text, calls) = head.calls(text);
    let finish_reason = finish_reason(&notes, &calls);
    let mut message = json!({"role": "assistant", "content": text, "refusal": null});
    if !calls.is_empty() {
        message["content"] = if text.is_empty() { Value::Null } else { text.into() };
        message["tool_calls"] = calls.into();
    }
    let logprobs = notes.logprobs.as_deref().map(logprobs::write);
    let choice = json!({"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish_reason});
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
    let (mut said, mut held) = (String::new(), Held::default());
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
                    ended = true;
                    let (words, calls) = head.calls(std::mem::take(&mut said));
                    let mut events = Vec::new();
                    let rest = held.rest(&words);
                    if !rest.is_empty() {
                        events.push(event(&head.chunk(&json!({"content": rest}), None)));
                    }
                    events.extend(call_pieces(&head, &calls));
                    events.extend(last(include_usage, &head, &made, &calls));
                    events
                }
            }
            .into_iter();
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The end of a stream: the tokens' probabilities if requested; the finish reason with the receipt; the token counts if requested;
/// `[DONE]`.
fn last(include_usage: bool, head: &Head, Made { details: served, notes }: &Made, calls: &[Value]) -> Vec<Event> {
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
    if include_usage {
        let mut counted = head.chunk(&json!({}), None);
        counted["choices"] = json!([]);
        counted["usage"] = usage(served);
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
mod tests {
    use axum::body::to_bytes;
    use lazai_core::reply::{FinishReason, ScoredToken, TokenLogprobs};
    use lazai_core::{Amount, Digest, SessionId, Signature};
    use lazai_settle::session::Receipt;

    use super::*;
    use crate::node::SignedReceipt;

    fn made(notes: ReplyNotes) -> Made {
        let receipt = Receipt {
            session: SessionId::from_bytes([1; 32]),
            turn: 1,
            request_digest: Digest::ZERO,
            reply_digest: Digest::ZERO,
            prompt_tokens: 3,
            completion_tokens: 4,
            tokenizer_digest: Digest::ZERO,
            temperature_milli: 0,
            top_p_milli: 0,
            seed: 0,
            base_digest: Digest::ZERO,
            adapter_digest: Digest::ZERO,
            cumulative: Amount::ZERO,
        };
        let receipt = SignedReceipt { receipt, signature: Signature::from_bytes([1; 65]) };
        let (adapter, device) = ("claimed".into(), "cpu".into());
        Made {
            details: ReplyDetails { receipt, tokens: Vec::new(), text: None, adapter, device, checked: None },
            notes,
        }
    }

    /// What a client gets for a reply of these pieces: the choice of a whole answer, or the choices of all pieces.
    fn answered(extra: &str, pieces: &'static [&'static str], notes: ReplyNotes) -> Vec<Value> {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{extra}}}"#);
        let asked = CompletionRequest::parse(body.as_bytes()).unwrap();
        let make = |mut sink: Pieces| async move {
            pieces.iter().for_each(|piece| sink.text(piece));
            Ok(made(notes))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let bytes =
            runtime.block_on(async { to_bytes(answer(&asked, make).await.unwrap().into_body(), 1 << 20).await });
        let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let events: Vec<&str> = if asked.stream {
            text.split("\n\n")
                .filter_map(|event| event.strip_prefix("data: "))
                .filter(|event| *event != "[DONE]")
                .collect()
        } else {
            vec![&text]
        };
        events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["choices"][0].clone()).collect()
    }

    const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"sing"}}]"#;
    const CALL: &[&str] =
        &["I sing.", "\n<too", "l_call>\n{\"name\": \"sing\", \"argu", "ments\": {\"of\": \"ä\"}}\n</tool_call>"];

    #[test]
    fn calls_are_told_as_calls() {
        let whole = answered(TOOLS, CALL, ReplyNotes::default()).remove(0);
        assert_eq!((&whole["message"]["content"], &whole["finish_reason"]), (&json!("I sing."), &json!("tool_calls")));
        let call = &whole["message"]["tool_calls"][0];
        assert_eq!(call["function"], json!({"name": "sing", "arguments": "{\"of\":\"ä\"}"}));
        assert!(call["id"].as_str().unwrap().starts_with("call_"));

        let pieces = answered(&format!(r#"{TOOLS},"stream":true"#), CALL, ReplyNotes::default());
        let text = |field: &dyn Fn(&Value) -> Option<&str>| pieces.iter().filter_map(field).collect::<String>();
        assert_eq!(text(&|piece| piece["delta"]["content"].as_str()), "I sing.");
        let function = |piece: &Value, field: &str| -> Option<String> {
            Some(piece["delta"]["tool_calls"][0]["function"][field].as_str()?.to_owned())
        };
        assert_eq!(pieces.iter().filter_map(|piece| function(piece, "name")).collect::<String>(), "sing");
        assert_eq!(
            pieces.iter().filter_map(|piece| function(piece, "arguments")).collect::<String>(),
            "{\"of\":\"ä\"}"
        );
        assert_eq!(pieces.last().unwrap()["finish_reason"], "tool_calls");

        // Without tools these are words, and so is what calls nothing that was given.
        let whole = answered("", CALL, ReplyNotes::default()).remove(0);
        assert_eq!((&whole["message"]["content"], &whole["finish_reason"]), (&json!(CALL.concat()), &json!("stop")));
        let other = r#","tools":[{"type":"function","function":{"name":"dance"}}],"stream":true"#;
        let pieces = answered(other, CALL, ReplyNotes::default());
        let heard: String = pieces.iter().filter_map(|piece| piece["delta"]["content"].as_str()).collect();
        assert_eq!((heard, &pieces.last().unwrap()["finish_reason"]), (CALL.concat(), &json!("stop")));
    }

    #[test]
    fn the_end_and_probabilities_are_told() {
        let scored = |token, text: &str| ScoredToken { token, text: text.into(), logprob_micro: -500_000 };
        let logprobs = vec![TokenLogprobs { chosen: scored(1, "a"), top: vec![scored(1, "a"), scored(2, "b")] }];
        let notes = ReplyNotes { finish_reason: FinishReason::Length, logprobs: Some(logprobs) };
        let whole = answered("", &["a"], notes.clone()).remove(0);
        assert_eq!(whole["finish_reason"], "length");
        let expected = json!([{"token": "a", "token_id": 1, "logprob": -0.5, "bytes": [97], "top_logprobs": [
            {"token": "a", "token_id": 1, "logprob": -0.5, "bytes": [97]},
            {"token": "b", "token_id": 2, "logprob": -0.5, "bytes": [98]},
        ]}]);
        assert_eq!(whole["logprobs"]["content"], expected);
        let pieces = answered(r#","stream":true"#, &["a"], notes);
        let told: Vec<&Value> =
            pieces.iter().map(|piece| &piece["logprobs"]["content"]).filter(|v| !v.is_null()).collect();
        assert_eq!(told, [&expected]);
        assert_eq!(pieces.last().unwrap()["finish_reason"], "length");
    }
}
