//! The proxy's API for programs on this machine, and its access checks.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::Digest;
use serde_json::json;

use super::embed::embeddings;
use super::nodes::Candidate;
use super::verdict::remote;
use super::{Inner, Loopback, LoopbackError};
use crate::http::front::no_model;
use crate::http::reply;
use crate::wire::MAX_REQUEST_BYTES;
use crate::wire::openai::{ApiError, CompletionRequest};

pub(super) fn router(proxy: &Loopback) -> Router {
    let routes = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/lazai/budget", get(budget))
        .fallback(|uri: Uri| async move { ApiError::new(404, "request.path", format!("nothing at {}", uri.path())) })
        .layer(middleware::from_fn_with_state(proxy.clone(), guard))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(proxy.clone());
    // Layers run once a route is found: what changes paths is around the routes.
    Router::new().fallback_service(routes).layer(middleware::from_fn(with_single_slashes))
}

/// Takes `/v1//models` as `/v1/models`: a client joins its path to a base URL with a slash at the end.
async fn with_single_slashes(mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().contains("//") {
        let path =
            uri.path().split('/').filter(|part| !part.is_empty()).fold(String::new(), |path, part| path + "/" + part);
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        match format!("{path}{query}").parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return ApiError::new(404, "request.path", error).into_response(),
        }
    }
    next.run(request).await
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
    if let Some(key) = &proxy.key
        && !bearer(headers).is_some_and(|sent| same(sent.as_bytes(), key.as_bytes()))
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Compares digests, so that the time taken reveals nothing about where keys differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    lazai_core::digest::sha256(one) == lazai_core::digest::sha256(other)
}

async fn list(proxy: &Loopback) -> Result<Vec<serde_json::Value>, ApiError> {
    let models = proxy.inner.nodes.models().await.map_err(|e| remote(&e))?;
    // The first offer is that of the node which is asked next; all of them make one model.
    let about = |(id, candidates): (String, Vec<Candidate>)| {
        let offers: Vec<_> = candidates.iter().map(|candidate| &candidate.offer).collect();
        let first = candidates.first()?;
        Some(json!({
            "id": id, "object": "model", "created": 0, "owned_by": first.offer.offer.node,
            "lazai": {"name": first.name, "offer": first.offer, "offers": offers},
        }))
    };
    let models = models.into_iter().filter_map(about);
    Ok(models.chain(proxy.encoder.as_ref().map(|encoder| encoder.about())).collect())
}

async fn models(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    Ok(axum::Json(json!({"object": "list", "data": list(&proxy).await?})).into_response())
}

async fn model(State(proxy): State<Loopback>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let found = list(&proxy).await?.into_iter().find(|model| model["id"] == id);
    found.map(|model| axum::Json(model).into_response()).ok_or_else(|| no_model(&id))
}

async fn chat(State(proxy): State<Loopback>, body: Bytes) -> Result<Response, ApiError> {
    let mut asked = CompletionRequest::parse(&body)?;
    // A client that repeats a request wants another reply, and does not set a seed.
    if asked.settings.seed.is_none() {
        let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
        asked.settings.seed = random.as_bytes().first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    }
    let wanted = asked.clone();
    reply::answer_choices(&wanted, move |choice, pieces| {
        let (proxy, mut asked) = (proxy.inner.clone(), asked.clone());
        // Each choice is a reply, with a seed, a receipt and a price of its own.
        asked.settings.seed = asked.settings.seed.map(|seed| seed.wrapping_add(choice.into()));
        async move { proxy.turn(asked, pieces).await }
    })
    .await
}

async fn budget(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    let Inner { consumer, budget, turns, book, .. } = &*proxy.inner;
    let told = budget.told(&*book.lock().await, turns.count(), consumer.now_s())?;
    Ok(axum::Json(told).into_response())
}
