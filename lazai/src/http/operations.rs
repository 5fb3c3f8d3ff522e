//! What the operator of a node looks at: health, readiness, counts. Served at an address of its own, which nobody else reaches.

pub(super) mod metrics;
mod page;
pub(super) mod samples;
mod status;

use std::collections::BTreeMap;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazai_core::Asset;
use serde_json::json;

use super::front::{on_a_thread_that_may_block, refusal};
use super::{Front, Serving};
use crate::provider::{Earner, Earnings};
use crate::wire::openai::ApiError;
use status::Status;

/// How long sums of the book are told again: each reads a page for every session.
const FRESH: Duration = Duration::from_secs(10);
/// The longest time that a ledger may take before a node counts as not ready.
const ANSWER: Duration = Duration::from_secs(5);

/// Sums of the book.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    by_version: BTreeMap<Earner, Earnings>,
    by_asset: BTreeMap<Asset, Earnings>,
}

/// The sums that were told last.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(Instant, Sums)>>);

impl Front {
    /// What the operator looks at: `GET /` (a page that tells everything at a glance), `/status.json` (the same as data), `/health` (the server answers), `/ready` (the ledger answers and the book can be read: else
    /// status 503, with the reason; while it drains, too), `/metrics` (counts and sums in OpenMetrics' text, for Prometheus). Money is in it: serve it at an
    /// address that nobody else reaches.
    pub fn operations(&self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/status.json", get(status_json))
            .route("/health", get(|| async { axum::Json(json!({"status": "ok"})) }))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    /// Serves [`operations`](Self::operations) at an address, such as `127.0.0.1:9464`.
    ///
    /// # Errors
    /// The operating system's error, such as an address in use.
    pub fn spawn_operations(&self, address: impl ToSocketAddrs) -> io::Result<Serving> {
        Serving::of(address, None, self.operations(), Box::new(|_| false), async {})
    }

    async fn money(&self) -> Result<Sums, ApiError> {
        let front = self.clone();
        on_a_thread_that_may_block(move |runtime| {
            // Who comes meanwhile waits for the same sums.
            let mut told = front.told().0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((when, sums)) = &*told
                && when.elapsed() < FRESH
            {
                return Ok(sums.clone());
            }
            let provider = front.provider();
            let read = runtime.block_on(async { tokio::time::timeout(ANSWER, provider.earnings_by_version()).await });
            let late =
                |_| ApiError::new(503, "node.book", format!("the book does not answer in {} s", ANSWER.as_secs()));
            let by_version = read.map_err(late)?.map_err(|error| refusal(&error))?;
            let sums = Sums { by_asset: Earnings::by_asset(&by_version)?, by_version };
            *told = Some((Instant::now(), sums.clone()));
            Ok(sums)
        })
        .await
    }
}

async fn ready(State(front): State<Front>) -> Response {
    if front.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": "draining"}))).into_response();
    }
    let missing = |what: &str| {
        (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": "not ready", "missing": what}))).into_response()
    };
    let provider = front.provider().clone();
    let asked = on_a_thread_that_may_block(move |runtime| {
        let ledger = runtime.block_on(async { tokio::time::timeout(ANSWER, provider.ledger().refresh()).await });
        let book = runtime.block_on(async { tokio::time::timeout(ANSWER, provider.sessions()).await });
        Ok((matches!(ledger, Ok(Ok(_))), matches!(book, Ok(Ok(_)))))
    });
    match asked.await {
        Ok((true, true)) => axum::Json(json!({"status": "ready"})).into_response(),
        Ok((false, _)) => missing("the ledger"),
        Ok((_, false)) => missing("the book"),
        Err(_) => missing("an answer"),
    }
}

async fn metrics(State(front): State<Front>) -> Result<Response, ApiError> {
    // Without the book, everything else is told still.
    let (engine, sums) = (front.provider().counts(), front.money().await.ok());
    let sums = sums.as_ref().map(|sums| &sums.by_asset);
    let text = front.metrics().text(front.under_way(), front.is_draining(), engine, sums);
    let text = text.map_err(|error| ApiError::new(500, "node.generation", error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn status_json(State(front): State<Front>) -> Result<axum::Json<Status>, ApiError> {
    Ok(axum::Json(Status::of(&front, &front.money().await?)))
}

async fn page(State(front): State<Front>) -> Result<Response, ApiError> {
    let html = page::html(&Status::of(&front, &front.money().await?));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, page::policy()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, html).into_response())
}
