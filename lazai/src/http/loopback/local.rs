//! The proxy's API for programs on this machine, and its access checks.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::Digest;
use serde_json::json;

use super::nodes::Candidate;
use super::verdict::remote;
use super::{Inner, Loopback, LoopbackError, agents, once, speech};
use crate::http::a2a::card::CARD;
use crate::http::body::in_time;
use crate::http::embed;
use crate::http::front::no_model;
use crate::http::openapi::{self, Endpoint, Server};
use crate::http::reply::{self, Api, Mark};
use crate::http::routes;
use crate::wire::openai::{ApiError, BadRequest};

pub(super) fn router(proxy: &Loopback) -> Router {
    let routes = Server::Proxy.endpoints().into_iter().fold(Router::new(), |router, endpoint| {
        let answer = match endpoint {
            Endpoint::Reply(api) => {
                post(move |State(proxy): State<Loopback>, headers: HeaderMap, body: Bytes| async move {
                    answer(&proxy, api, &headers, &body).await
                })
            }
            Endpoint::Models => get(models),
            Endpoint::Model => get(model),
            Endpoint::Embeddings => post(embeddings),
            Endpoint::Speech => post(speech::answer),
            Endpoint::Budget => get(budget),
            Endpoint::Document => get(|| openapi::answer(Server::Proxy)),
            Endpoint::AgentCard => get(agents::card),
            Endpoint::CharacterCard => get(agents::card_of),
            Endpoint::Agent => post(agents::a2a),
            Endpoint::CharacterAgent => post(agents::a2a_as),
            Endpoint::Mcp => post(agents::mcp),
            // A node's own.
            Endpoint::Credits | Endpoint::Health | Endpoint::Payments | Endpoint::Quote => return router,
            Endpoint::Releases | Endpoint::Reports | Endpoint::Sealed => return router,
            Endpoint::Sessions | Endpoint::Vouchers => return router,
        };
        router.route(endpoint.path(), answer)
    });
    let routes = routes::complete(routes)
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(proxy.clone(), guard))
        .with_state(proxy.clone());
    Router::new().fallback_service(routes).layer(middleware::from_fn(routes::with_single_slashes))
}

/// Refuses requests that are not from programs of this machine.
async fn guard(State(proxy): State<Loopback>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    // A page whose own host name resolves to this machine would send that name.
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return ApiError::new(403, "loopback.host", "only requests to this machine by its own name").into_response();
    }
    if !is_of_no_page(headers, host) {
        return ApiError::new(403, "loopback.origin", "no page of another origin is answered").into_response();
    }
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|t| t.to_str().ok());
    let is_json = is_json.is_some_and(|t| t.to_ascii_lowercase().starts_with("application/json"));
    if request.method() == axum::http::Method::POST && !is_json {
        return ApiError::new(400, "request.invalid", "content-type is not application/json").into_response();
    }
    // Agents look at a card before they know how to ask.
    let is_open = request.method() == axum::http::Method::GET && request.uri().path().ends_with(CARD);
    if let Some(key) = &proxy.key
        && !is_open
        && !routes::has_key(headers, key)
    {
        return ApiError::new(401, "loopback.key", "another key than the proxy's").into_response();
    }
    next.run(request).await
}

/// Tells whether a request is from a program, or from a page of this origin. Browsers name the origin of a request (Fetch
/// metadata, `Origin`); programs do not.
fn is_of_no_page(headers: &HeaderMap, host: &str) -> bool {
    let said = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let site = said(HeaderName::from_static("sec-fetch-site"));
    let origin = said(header::ORIGIN);
    site.is_none_or(|site| matches!(site, "none" | "same-origin"))
        && origin.is_none_or(|origin| origin.split_once("://").is_some_and(|(_, name)| name == host))
}

async fn list(proxy: &Loopback) -> Result<Vec<serde_json::Value>, ApiError> {
    let models = proxy.inner.nodes.models().await.map_err(|e| remote(&e))?;
    // The first offer is that of the node which is asked next; all of them make one model.
    let about = |(id, candidates): (String, Vec<Candidate>)| {
        let offers: Vec<_> = candidates.iter().map(|candidate| &candidate.offer).collect();
        let first = candidates.first()?;
        Some(json!({
            "id": id, "object": "model", "created": 0, "owned_by": first.offer.offer.node,
            "lazai": {"name": first.name, "offer": first.offer, "offers": offers, "speech": first.speech},
        }))
    };
    let models = models.into_iter().filter_map(about);
    Ok(models.chain(proxy.encoder.as_ref().map(|encoder| encoder.about())).collect())
}

async fn models(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    Ok(axum::Json(json!({"object": "list", "data": list(&proxy).await?})).into_response())
}

async fn model(State(proxy): State<Loopback>, id: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| no_model("that is no text"))?;
    let found = list(&proxy).await?.into_iter().find(|model| model["id"] == id);
    found.map(|model| axum::Json(model).into_response()).ok_or_else(|| no_model(&id))
}

async fn answer(proxy: &Loopback, api: Api, headers: &HeaderMap, body: &[u8]) -> Result<Response, ApiError> {
    let mut asked = api.read(body)?;
    if asked.request.model.is_empty() {
        asked.request.model = agents::unnamed(proxy, headers).await?;
    }
    let (inner, mut request) = (proxy.inner.clone(), asked.request.clone());
    // A client that repeats a request wants another reply, and does not set a seed; unless it says that it repeats.
    let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
    let mut seed = u64::from(u32::from_le_bytes(random.as_bytes().first_chunk().copied().unwrap_or_default()));
    let mut begun = None;
    if let Some(key) = headers.get(once::KEY) {
        if request.audio.is_some() {
            let reason = "sound is not kept: a reply that is spoken has no idempotency key";
            return Err(BadRequest::new(once::KEY, reason).into());
        }
        let found = Arc::new(inner.once.begin(key, api.path(), body, seed)?);
        {
            let book = inner.book.lock().await;
            found.forget(|receipt| book.lacks(receipt));
        }
        seed = found.seed();
        begun = Some(found);
    }
    request.settings.seed.get_or_insert(seed);
    let mark = begun.as_ref().map_or_else(Mark::new, |begun| begun.mark());
    let is_repeated = begun.as_ref().is_some_and(|begun| begun.is_repeated());
    let answered = reply::answer_choices(&asked, mark, move |choice, mut pieces| {
        let (proxy, mut asked, begun) = (inner.clone(), request.clone(), begun.clone());
        // Each choice is a reply, with a seed, a receipt and a price of its own.
        asked.settings.seed = asked.settings.seed.map(|seed| seed.wrapping_add(choice.into()));
        async move {
            if let Some(made) = begun.as_ref().and_then(|begun| begun.again(choice, &mut pieces)) {
                return Ok(made);
            }
            let made = proxy.turn(asked, pieces, begun.as_deref()).await;
            if let (Err(_), Some(begun)) = (&made, &begun) {
                begun.free();
            }
            made
        }
    });
    let mut response = answered.await?;
    if is_repeated {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn embeddings(State(proxy): State<Loopback>, body: Bytes) -> Result<Response, ApiError> {
    embed::answer(proxy.encoder, &body).await
}

async fn budget(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    let Inner { consumer, budget, turns, book, .. } = &*proxy.inner;
    let told = budget.told(&*book.lock().await, turns.count(), consumer.now_s())?;
    Ok(axum::Json(told).into_response())
}
