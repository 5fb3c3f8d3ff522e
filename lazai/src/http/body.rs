//! Bodies of requests: read whole, within limits of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_lite::StreamExt;

use crate::wire::MAX_REQUEST_BYTES;
use crate::wire::openai::ApiError;
use crate::wire::sealed::{GATEWAY, MAX_SEALED_REQUEST_BYTES};

/// The time limit for the body of a request.
const BODY: Duration = Duration::from_secs(10);
/// The most bytes of an oversized body that are read and thrown away.
const MAX_THROWN_AWAY: usize = 8 * MAX_REQUEST_BYTES;

/// Reads a body whole, within its size and time limits.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let most = if parts.uri.path().ends_with(GATEWAY) { MAX_SEALED_REQUEST_BYTES } else { MAX_REQUEST_BYTES };
    let error = match tokio::time::timeout(BODY, whole(body, most)).await {
        Ok(Ok(Some(bytes))) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Ok(None)) => ApiError::new(413, "request.too_large", format!("at most {most} bytes are read")),
        Ok(Err(error)) => ApiError::new(400, "request.invalid", format!("the body broke off: {error}")),
        Err(_) => ApiError::new(408, "request.timeout", format!("the body did not come within {} s", BODY.as_secs())),
    };
    error.into_response()
}

/// Reads a body; `None` if it is too large. The excess is read for a while and thrown away: a client that is cut off while
/// it still sends does not see the reason.
async fn whole(body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut pieces = body.into_data_stream();
    let (mut read, mut bytes) = (0_usize, Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        read = read.saturating_add(piece.len());
        if read <= most {
            bytes.extend_from_slice(&piece);
        } else if read <= MAX_THROWN_AWAY {
            bytes = Vec::new();
        } else {
            break;
        }
    }
    Ok((read <= most).then(|| bytes.into()))
}
