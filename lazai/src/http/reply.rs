//! A reply in progress, in one piece or many: the same for a node's front and for the loopback proxy, and for every API.

mod chat;
mod completions;
mod form;
mod responses;

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_lite::stream;
use lazai_core::reply::ReplyNotes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::Instrument as _;

use super::sound::Sink;
use crate::speech::SignedSpeechReceipt;
use crate::wire::openai::ApiError;
use crate::wire::payment::{PAYMENT_RESPONSE, PaymentResponse, ReplyDetails, encode};
use crate::wire::tools::{self, Held};
pub(super) use form::{Api, Asked, Mark};
use form::{Choice, Form, Usage};

/// How long a streamed reply may say nothing before its stream begins: until then, a failure has a status of its own. From then on
/// comments keep the line open, since many proxies close one that is silent for a minute.
const QUIET: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(10) };

/// An event in the making of a reply.
pub(super) enum Piece {
    Text(String),
    /// Samples of the reply, which is spoken.
    Sound(Vec<i16>),
    Done(Box<Made>),
    Failed(ApiError),
}

/// A reply that was made.
pub(super) struct Made {
    pub details: ReplyDetails,
    pub notes: ReplyNotes,
    /// The reply's sound, if it was asked for; or why it is missing.
    pub spoken: Option<Result<Spoken, ApiError>>,
}

/// The sound of a reply.
pub(super) struct Spoken {
    /// A file, or samples as bytes.
    pub data: Vec<u8>,
    pub receipt: SignedSpeechReceipt,
}

/// The sink for the pieces of a reply. A client that has gone away does not stop the reply by itself.
pub(super) struct Pieces {
    to: UnboundedSender<Piece>,
    said: String,
}

/// A sink, and what comes out of it.
pub(super) fn pieces() -> (Pieces, UnboundedReceiver<Piece>) {
    let (to, receiver) = unbounded_channel();
    (Pieces { to, said: String::new() }, receiver)
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

    /// The words so far.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// A sink for the reply's sound.
    pub fn sound(&self) -> Sink {
        let to = self.to.clone();
        Sink::new(self.are_wanted(), move |samples| drop(to.send(Piece::Sound(samples))))
    }

    /// Sends the missing rest of the whole text; returns the whole if it does not continue the text sent so far.
    pub fn complete(&mut self, whole: &str) -> Option<String> {
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
pub(super) async fn answer<F, Make>(asked: &Asked, make: Make) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Made, ApiError>> + Send + 'static,
    Make: FnOnce(Pieces) -> F,
{
    let (sender, receiver) = unbounded_channel();
    let made = make(Pieces { to: sender.clone(), said: String::new() });
    tokio::spawn(async move { sender.send(ended(made.await)) }.in_current_span());
    told(asked, Mark::new(), 1, receiver).await
}

/// As [`answer`], with as many choices as are asked for, one after another. Those that were made before a failure are told with it.
pub(super) async fn answer_choices<F, Make>(asked: &Asked, mark: Mark, mut make: Make) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Made, ApiError>> + Send + 'static,
    Make: FnMut(u32, Pieces) -> F + Send + 'static,
{
    let (sender, receiver) = unbounded_channel();
    let choices = asked.request.choices;
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
    told(asked, mark, choices, receiver).await
}

fn ended(made: Result<Made, ApiError>) -> Piece {
    made.map_or_else(Piece::Failed, |made| Piece::Done(Box::new(made)))
}

async fn told(asked: &Asked, mark: Mark, choices: u32, pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let id = mark.id.clone();
    let (form, tools, held) = (asked.form(mark, choices), asked.request.tools.clone(), Held::default());
    let telling = Telling { form, id, tools, choices, choice: 0, said: String::new(), held, usage: Usage::default() };
    if asked.request.stream { stream(telling, pieces).await } else { whole(telling, pieces).await }
}

/// The choices of a reply, as far as they came.
struct Telling {
    form: Box<dyn Form>,
    id: String,
    tools: Vec<String>,
    choices: u32,
    /// The choice that is told, from 0.
    choice: u32,
    /// Its text so far.
    said: String,
    /// What of it may be a call.
    held: Held,
    usage: Usage,
}

impl Telling {
    /// The end of a choice; of its words, those that were not told yet.
    fn end(&mut self, made: Made) -> (Choice, String) {
        let (said, held) = (std::mem::take(&mut self.said), std::mem::take(&mut self.held));
        let is_other = made.details.text.is_some();
        let text = made.details.text.clone().unwrap_or(said);
        let (index, mut rest) = (self.choice, String::new());
        let (words, calls) = if self.tools.is_empty() {
            (text, Vec::new())
        } else {
            let (words, calls) = tools::calls(&text, &self.tools);
            if !is_other {
                held.rest(&words).clone_into(&mut rest);
            }
            let id = |place: usize| format!("call_{}{index:02}{place:02}", self.id);
            (words, calls.into_iter().enumerate().map(|(place, call)| (id(place), call)).collect())
        };
        self.usage.add(&made.details);
        self.choice += 1;
        (Choice { index, words, calls, made }, rest)
    }

    /// The events of a piece; whether it is the last.
    fn events(&mut self, piece: Piece) -> (Vec<Event>, bool) {
        match piece {
            Piece::Text(text) if self.tools.is_empty() => {
                self.said.push_str(&text);
                (self.form.words(&text), false)
            }
            Piece::Text(text) => {
                self.said.push_str(&text);
                let words = self.held.push(&text);
                (if words.is_empty() { Vec::new() } else { self.form.words(&words) }, false)
            }
            Piece::Sound(samples) => (self.form.sound(&samples), false),
            Piece::Failed(error) => (self.form.fail(&error), true),
            Piece::Done(made) => {
                let (choice, rest) = self.end(*made);
                let mut events = if rest.is_empty() { Vec::new() } else { self.form.words(&rest) };
                events.extend(self.form.end(&choice));
                let is_last = self.choice == self.choices;
                events.extend(if is_last { self.form.finish(&self.usage) } else { self.form.begin(self.choice) });
                (events, is_last)
            }
        }
    }
}

async fn whole(mut telling: Telling, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let (mut choices, mut missing) = (Vec::new(), None);
    while telling.choice < telling.choices && missing.is_none() {
        match pieces.recv().await {
            Some(Piece::Text(more)) => telling.said.push_str(&more),
            // It comes whole at the end.
            Some(Piece::Sound(_)) => {}
            Some(Piece::Done(made)) => choices.push(telling.end(*made).0),
            failed => {
                let error = if let Some(Piece::Failed(error)) = failed { error } else { lost() };
                // What was paid for is told.
                if choices.is_empty() {
                    return Err(error);
                }
                missing = Some(error);
            }
        }
    }
    let mut body = telling.form.whole(&choices, &telling.usage);
    let last = choices.last().map(|choice| &choice.made.details);
    body["lazai"] = serde_json::json!(last);
    if let Some(error) = missing {
        body["lazai_missing"] = error.body()["error"].take();
    }
    let mut response = axum::Json(body).into_response();
    let told = last.map(|served| match &served.payment {
        Some(settled) => encode(&settled.with(&served.receipt)),
        None => encode(&PaymentResponse::of(&served.receipt)),
    });
    if let Some(told) = told
        && let Ok(value) = HeaderValue::from_str(&told)
    {
        response.headers_mut().insert(PAYMENT_RESPONSE, value);
    }
    Ok(response)
}

async fn stream(mut telling: Telling, mut pieces: UnboundedReceiver<Piece>) -> Result<Response, ApiError> {
    let mut first = match tokio::time::timeout(QUIET, pieces.recv()).await {
        Ok(Some(Piece::Failed(error))) => return Err(error),
        Ok(None) => return Err(lost()),
        Ok(first) => first,
        Err(_) => None,
    };
    let mut waiting = telling.form.begin(0).into_iter();
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
            let (events, is_last) = telling.events(piece);
            (waiting, ended) = (events.into_iter(), is_last);
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The error for a reply of which no end came.
pub(super) fn lost() -> ApiError {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
