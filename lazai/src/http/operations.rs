//! What the operator of a node looks at: health, readiness, counts. Served at an address of its own, which nobody else reaches.

pub(super) mod metrics;

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
use crate::provider::Earnings;
use crate::wire::openai::ApiError;

/// How long sums of the book are told again: each reads a page for every session.
const FRESH: Duration = Duration::from_secs(10);
/// The longest time that a ledger may take before a node counts as not ready.
const LEDGER: Duration = Duration::from_secs(5);

/// Sums by asset.
type Sums = BTreeMap<Asset, Earnings>;

/// The sums that were told last.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(Instant, Sums)>>);

impl Front {
    /// What the operator looks at: `GET /health` (the server answers), `/ready` (the ledger answers and the book can be read: else
    /// status 503, with the reason), `/metrics` (counts and sums in OpenMetrics' text, for Prometheus). Money is in it: serve it at an
    /// address that nobody else reaches.
    pub fn operations(&self) -> Router {
        Router::new()
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
        Serving::of(address, None, self.operations(), async {})
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
            let sums = runtime.block_on(front.provider().earnings()).map_err(|error| refusal(&error))?;
            *told = Some((Instant::now(), sums.clone()));
            Ok(sums)
        })
        .await
    }
}

async fn ready(State(front): State<Front>) -> Response {
    let missing = |what: &str| {
        (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": "not ready", "missing": what}))).into_response()
    };
    let provider = front.provider().clone();
    let asked = on_a_thread_that_may_block(move |runtime| {
        let ledger = runtime.block_on(async { tokio::time::timeout(LEDGER, provider.ledger().refresh()).await });
        Ok((matches!(ledger, Ok(Ok(_))), runtime.block_on(provider.sessions()).is_ok()))
    });
    match asked.await {
        Ok((true, true)) => axum::Json(json!({"status": "ready"})).into_response(),
        Ok((false, _)) => missing("the ledger"),
        Ok((_, false)) => missing("the book"),
        Err(_) => missing("an answer"),
    }
}

async fn metrics(State(front): State<Front>) -> Result<Response, ApiError> {
    let (engine, money) = (front.provider().counts(), front.money().await?);
    let text = front.metrics().text(front.under_way(), engine, &money);
    let text = text.map_err(|error| ApiError::new(500, "node.generation", error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
