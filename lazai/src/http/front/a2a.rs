//! A2A at a node: its cards, and what payment a message wants. A reply itself is asked for and paid over HTTP.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::{Front, no_model};
use crate::http::a2a::card::{ENDPOINT, OverTls, Skill, Whose, base, card as card_for};
use crate::http::a2a::{self, Message, Method, State as TaskState, Task};
use crate::http::reply::Mark;
use crate::http::rpc::{self, Incoming, Request, RpcError};
use crate::wire::openai::ApiError;
use crate::wire::payment::Accepted;

type OfTls = Option<Extension<OverTls>>;

async fn skills(front: &Front) -> Result<Vec<Skill>, ApiError> {
    let market = front.0.provider.ledger().market();
    let skill = |signed: crate::node::SignedOffer| {
        let offer = signed.offer;
        Skill {
            id: crate::wire::talk::model_id(offer.class, offer.version),
            name: super::offers::name(&market, offer.class, offer.version).unwrap_or_else(|| "A character".into()),
            about: format!("{} base units a token read, {} a token said", offer.prompt_price, offer.completion_price),
        }
    };
    Ok(front.0.offers.each().await?.into_iter().map(skill).collect())
}

/// `GET /.well-known/agent-card.json`.
pub(super) async fn card(
    State(front): State<Front>,
    over_tls: OfTls,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let base = base(&headers, over_tls.is_some());
    Ok(Json(card_for(&Whose::Node, &base, None, &skills(&front).await?)).into_response())
}

/// `GET /a2a/ID/.well-known/agent-card.json`.
pub(super) async fn card_of(
    State(front): State<Front>,
    over_tls: OfTls,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| no_model("that is no text"))?;
    let found = skills(&front).await?.into_iter().find(|skill| skill.id == id).ok_or_else(|| no_model(&id))?;
    Ok(Json(card_for(&Whose::Node, &base(&headers, over_tls.is_some()), Some(&id), &[found])).into_response())
}

/// `POST /a2a`.
pub(super) async fn answer(State(front): State<Front>, body: Bytes) -> Response {
    answered(&front, ENDPOINT, &body).await
}

/// `POST /a2a/ID`.
pub(super) async fn answer_as(
    State(front): State<Front>,
    id: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Response {
    match id {
        Ok(Path(id)) => answered(&front, &format!("{ENDPOINT}/{id}"), &body).await,
        Err(_) => no_model("that is no text").into_response(),
    }
}

async fn answered(front: &Front, path: &str, body: &[u8]) -> Response {
    match rpc::read(body) {
        Ok(Incoming::Request(Request { id, method, params })) => {
            Json(rpc::answer(id, wanted(front, path, &method, &params).await)).into_response()
        }
        Ok(Incoming::Unanswered) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => Json(refusal).into_response(),
    }
}

/// What a message wants to be paid with: a task that waits for it, as A2A's extension for x402 has it.
async fn wanted(front: &Front, path: &str, method: &str, params: &Value) -> Result<Value, RpcError> {
    let (method, dialect) = a2a::method(method)?;
    match method {
        // A task here is one that waits for a payment: there is nothing else to know of it.
        Method::Task | Method::Subscribe => return Err(a2a::not_found()),
        Method::Stream => return Err(RpcError::unknown_method("streaming, which the card does not name")),
        Method::Send => {}
    }
    let message = Message::read(params, dialect)?;
    let words = "open a session under one of the offers, and ask for replies over HTTP; the loopback proxy does both";
    let mut required = front.0.offers.required(words, path).await.map_err(RpcError::from)?;
    if let Some(id) = path.strip_prefix(ENDPOINT).and_then(|rest| rest.strip_prefix('/')) {
        required.accepts.retain(|one| matches!(one, Accepted::Session(one) if one.extra.model == id));
        if required.accepts.is_empty() {
            return Err(no_model(id).into());
        }
    }
    let (id, context) = (Mark::new().id, message.context.unwrap_or_else(|| Mark::new().id));
    let task = Task { id: &id, context: &context };
    let metadata = json!({"x402.payment.status": "payment-required", "x402.payment.required": required});
    let status = dialect.status(task, TaskState::InputRequired, Some((words, metadata)));
    Ok(dialect.told(dialect.task(task, status, None)))
}
