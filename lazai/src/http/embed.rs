//! Embeddings by an encoder on this machine.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use lazai_lora::Encoder;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::front::no_model;
use crate::wire::embeddings::EmbeddingRequest;
use crate::wire::openai::ApiError;

/// An encoder, and its name among the models.
pub(super) struct Named {
    name: String,
    encoder: Encoder,
    /// One request at a time: each takes all threads of the encoder.
    turn: Arc<Semaphore>,
}

impl Named {
    pub fn new(name: &str, encoder: Encoder) -> Self {
        Self { name: name.to_owned(), encoder, turn: Arc::new(Semaphore::new(1)) }
    }

    /// It as one of a proxy's models.
    pub fn about(&self) -> Value {
        json!({
            "id": self.name, "object": "model", "created": 0, "owned_by": "this machine",
            "lazai": {"encoder": self.encoder.digest(), "dimensions": self.encoder.dimensions()},
        })
    }
}

/// Answers `POST /v1/embeddings`.
pub(super) async fn answer(encoder: Option<Arc<Named>>, body: &[u8]) -> Result<Response, ApiError> {
    let asked = EmbeddingRequest::parse(body)?;
    let named = encoder.filter(|named| named.name == asked.model).ok_or_else(|| no_model(&asked.model))?;
    asked.check(named.encoder.dimensions())?;
    let failed = |error: &dyn std::fmt::Display| ApiError::new(500, "node.generation", error);
    let turn = named.turn.clone().acquire_owned().await.map_err(|error| failed(&error))?;
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        named.encoder.encode(&asked.input).map(|embeddings| asked.answer(&embeddings))
    });
    let made = made.await.map_err(|error| failed(&error))?;
    Ok(axum::Json(made.map_err(|error| failed(&error))?).into_response())
}
