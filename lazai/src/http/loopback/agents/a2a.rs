//! A2A at the proxy: a message to a character is a task, whose artifact is the reply.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::Loopback;
use super::tasks::{Said, Task, Told};
use super::tools::{meant, offered};
use crate::http::a2a::card::{Skill, Whose, base, card as card_for};
use crate::http::a2a::{self, Dialect, Message, Method, State as TaskState};
use crate::http::front::no_model;
use crate::http::rpc::{self, Incoming, Request, RpcError};
use crate::wire::openai::ApiError;

/// How long a client that waits for the end of a task does so; it asks again for the task then.
const PATIENCE: Duration = Duration::from_secs(60);

async fn skills(proxy: &Loopback) -> Result<Vec<Skill>, ApiError> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let skill = |about: Value| Skill {
        id: text(&about["id"]),
        name: about["name"].as_str().unwrap_or("A character").to_owned(),
        about: format!(
            "{} base units a token read, {} a token said, {} at most for a reply",
            text(&about["prompt_price"]),
            text(&about["completion_price"]),
            text(&about["most_for_a_reply"])
        ),
    };
    Ok(offered(proxy).await?.into_iter().map(skill).collect())
}

/// `GET /.well-known/agent-card.json`.
pub(in crate::http::loopback) async fn card(
    State(proxy): State<Loopback>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let skills = skills(&proxy).await?;
    Ok(axum::Json(card_for(&Whose::Proxy, &base(&headers, false), None, &skills)).into_response())
}

/// `GET /a2a/ID/.well-known/agent-card.json`.
pub(in crate::http::loopback) async fn card_of(
    State(proxy): State<Loopback>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| no_model("that is no text"))?;
    let found = skills(&proxy).await?.into_iter().find(|skill| skill.id == id).ok_or_else(|| no_model(&id))?;
    Ok(axum::Json(card_for(&Whose::Proxy, &base(&headers, false), Some(&id), &[found])).into_response())
}

/// `POST /a2a`.
pub(in crate::http::loopback) async fn answer(State(proxy): State<Loopback>, body: Bytes) -> Response {
    answered(&proxy, None, &body).await
}

/// `POST /a2a/ID`.
pub(in crate::http::loopback) async fn answer_as(
    State(proxy): State<Loopback>,
    id: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Response {
    match id {
        Ok(Path(id)) => answered(&proxy, Some(&id), &body).await,
        Err(_) => no_model("that is no text").into_response(),
    }
}

async fn answered(proxy: &Loopback, character: Option<&str>, body: &[u8]) -> Response {
    let Request { id, method, params } = match rpc::read(body) {
        Ok(Incoming::Request(request)) => request,
        Ok(Incoming::Unanswered) => return axum::http::StatusCode::ACCEPTED.into_response(),
        Err(refusal) => return axum::Json(refusal).into_response(),
    };
    match asked(proxy, character, &method, &params).await {
        Ok(Asked::Told(result)) => axum::Json(rpc::answer(id, Ok(result))).into_response(),
        Ok(Asked::Streamed(task, dialect)) => streamed(id, task, dialect),
        Err(error) => axum::Json(rpc::answer(id, Err(error))).into_response(),
    }
}

enum Asked {
    Told(Value),
    Streamed(Arc<Task>, Dialect),
}

async fn asked(proxy: &Loopback, character: Option<&str>, method: &str, params: &Value) -> Result<Asked, RpcError> {
    let (method, dialect) = a2a::method(method)?;
    let tasks = &proxy.inner.agents.tasks;
    if let Method::Task | Method::Subscribe = method {
        let task = params["id"].as_str().and_then(|id| tasks.find(id)).ok_or_else(a2a::not_found)?;
        return Ok(match method {
            Method::Task => Asked::Told(told(&task, dialect)),
            _ => Asked::Streamed(task, dialect),
        });
    }
    let Message { id, words, context, character: named, waits } = Message::read(params, dialect)?;
    let model = match (character.or(named.as_deref()), context.as_deref().and_then(|context| tasks.model_of(context))) {
        (None, Some(model)) => model,
        (character, _) => meant(proxy, character).await?,
    };
    let task = tasks.begin(proxy, Said { model, words, conversation: context, message: Some(id), max_tokens: None })?;
    if method == Method::Stream {
        return Ok(Asked::Streamed(task, dialect));
    }
    if waits {
        task.wait(PATIENCE).await;
    }
    Ok(Asked::Told(dialect.told(told(&task, dialect))))
}

fn ids(task: &Task) -> a2a::Task<'_> {
    a2a::Task { id: &task.id, context: &task.conversation }
}

/// The status of what is told so far.
fn status(task: &Task, dialect: Dialect, told: &Told) -> Value {
    match &told.end {
        None => dialect.status(ids(task), TaskState::Working, None),
        Some(Ok(_)) => dialect.status(ids(task), TaskState::Completed, None),
        Some(Err(error)) => {
            let (words, facts) = (format!("{}: {}", error.code, error.message), error.body());
            dialect.status(ids(task), TaskState::Failed, Some((&words, json!({"lazai": facts["error"]}))))
        }
    }
}

/// What its receipt says.
fn receipt(told: &Told) -> Value {
    told.end.as_ref().and_then(|end| end.as_ref().ok()).map_or(Value::Null, |end| json!({"lazai": end.told()}))
}

/// A task as it is now.
fn told(task: &Task, dialect: Dialect) -> Value {
    let now = task.listen();
    let told = now.borrow();
    let artifact = (!told.text.is_empty()).then(|| dialect.artifact(ids(task), &told.text, receipt(&told)));
    dialect.task(ids(task), status(task, dialect, &told), artifact)
}

/// A task in the telling: it as it was, then each piece, then its end.
struct Telling {
    id: Value,
    task: Arc<Task>,
    dialect: Dialect,
    listener: watch::Receiver<Told>,
    /// Bytes of the text that were told.
    at: usize,
    begun: bool,
    ended: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<Vec<Value>> {
        let Self { task, dialect, listener, at, begun, ended, .. } = self;
        if *ended {
            return None;
        }
        if !std::mem::replace(begun, true) {
            let first = dialect.task(ids(task), dialect.status(ids(task), TaskState::Working, None), None);
            return Some(vec![dialect.told(first)]);
        }
        let at_before = *at;
        let news = listener.wait_for(|told| told.text.len() > at_before || told.end.is_some()).await.ok()?;
        let mut events = Vec::new();
        let (of, is_end) = (ids(task), news.end.is_some());
        let rest = news.text.get(*at..);
        let artifact = |text: &str| dialect.artifact(of, text, receipt(&news));
        match rest {
            Some("") => {}
            Some(rest) => events.push(dialect.artifact_event(of, artifact(rest), *at > 0, is_end)),
            // The whole differs from its pieces: it replaces them.
            None => events.push(dialect.artifact_event(of, artifact(&news.text), false, true)),
        }
        *at = news.text.len();
        if is_end {
            events.push(dialect.status_event(of, status(task, *dialect, &news), true));
            *ended = true;
        }
        Some(events)
    }
}

fn streamed(id: Value, task: Arc<Task>, dialect: Dialect) -> Response {
    let listener = task.listen();
    let telling = Telling { id, task, dialect, listener, at: 0, begun: false, ended: false };
    let events = stream::unfold((telling, Vec::new().into_iter()), |(mut telling, mut waiting)| async move {
        loop {
            if let Some(event) = Iterator::next(&mut waiting) {
                let data = rpc::answer(telling.id.clone(), Ok(event)).to_string();
                return Some((Ok::<_, Infallible>(Event::default().data(data)), (telling, waiting)));
            }
            waiting = telling.next().await?.into_iter();
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
