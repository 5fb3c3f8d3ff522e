//! A node's gateway: sealed requests are opened and answered by the same routes as those in clear text.

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use futures_lite::{Stream, StreamExt, stream};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::refusal::busy;
use super::{Front, on_a_thread_that_may_block};
use crate::provider::UnsealError;
use crate::wire::openai::ApiError;
use crate::wire::sealed::{ANSWER_TYPE, AnswerWriter, KEY_OVER, SealedRequest};

/// Events of a stream are padded to a multiple of so many bytes: the lengths of words are not told by those of pieces.
const BLOCK: usize = 256;

/// Why a request cannot be opened: the one answer that is not sealed, besides limits.
pub(super) fn refused(error: &UnsealError) -> ApiError {
    match error {
        UnsealError::Key { .. } => ApiError::new(400, KEY_OVER, error),
        UnsealError::Off => ApiError::new(404, "request.path", error),
        UnsealError::Seal(reason) => ApiError::new(400, "request.sealed", reason),
        error => {
            tracing::error!(%error, "the keys for sealed requests are not there");
            ApiError::new(500, "node.book", "the node failed")
        }
    }
}

/// `GET /v1/lazai/quote`.
pub(super) async fn quote(State(front): State<Front>) -> Result<Response, ApiError> {
    // A quote waits for hardware: it must not take threads that replies need.
    let Ok(slot) = front.0.quotes.clone().try_acquire_owned() else {
        return Err(busy("enough wait for the quote of the key".into()));
    };
    let provider = front.0.provider.clone();
    on_a_thread_that_may_block(move |runtime| {
        let _slot = slot;
        let quote = runtime.block_on(provider.quote_of_now()).map_err(|e| refused(&e))?;
        let none = || ApiError::new(404, "node.no_quote", "this node has no quote of its key");
        match quote.ok_or_else(none)? {
            Ok(quote) => Ok(axum::Json(quote).into_response()),
            // What failed is the operator's to know.
            Err(_) => Err(ApiError::new(503, "node.no_quote", "the quote of the key cannot be had at this moment")),
        }
    })
    .await
}

/// Opens a request, has it answered, seals the answer.
pub(super) async fn answer(front: Front, routes: Router, body: Bytes) -> Result<Response, ApiError> {
    let provider = front.0.provider.clone();
    let opened = on_a_thread_that_may_block(move |_| provider.unseal(&body).map_err(|e| refused(&e))).await;
    let (request, secret) = opened?;
    let answered = match request_of(&request) {
        Ok(request) => TowerToHyperService::new(routes).call(request).await.unwrap_or_else(|never| match never {}),
        Err(error) => error.into_response(),
    };
    let (parts, content) = answered.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let lost = |_| ApiError::new(500, "node.generation", "the answer could not be sealed");
    let (writer, begin) = AnswerWriter::begin(&secret, parts.status.as_u16(), headers).map_err(lost)?;
    let is_events = parts.headers.get(header::CONTENT_TYPE).is_some_and(|is| is == "text/event-stream");
    let sealed = stream::once(Ok::<_, axum::Error>(begin)).chain(pieces(writer, content.into_data_stream(), is_events));
    let headers = [(header::CONTENT_TYPE, ANSWER_TYPE), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, Body::from_stream(sealed)).into_response())
}

/// A request as the routes take it.
fn request_of(bytes: &[u8]) -> Result<Request, ApiError> {
    let bad = |e: &dyn std::fmt::Display| ApiError::new(400, "request.sealed", e);
    let SealedRequest { method, path, headers, body } = SealedRequest::parse(bytes).map_err(|e| bad(&e))?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|e| bad(&e))?;
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(&e))?;
        request = request.header(name, HeaderValue::from_str(&value).map_err(|e| bad(&e))?);
    }
    request.body(Body::from(body)).map_err(|e| bad(&e))
}

/// The pieces of an answer's body, sealed. An answer that breaks off has no end.
fn pieces(
    writer: AnswerWriter,
    content: BodyDataStream,
    is_events: bool,
) -> impl Stream<Item = Result<Vec<u8>, axum::Error>> + Send {
    stream::unfold(Some((writer, content)), move |state| async move {
        let (mut writer, mut content) = state?;
        loop {
            let sealed = match content.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) if is_events => writer.body(&padded(piece)),
                Some(Ok(piece)) => writer.body(&piece),
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((writer.end().map_err(axum::Error::new), None)),
            };
            return Some(match sealed {
                Ok(sealed) => (Ok(sealed), Some((writer, content))),
                Err(error) => (Err(axum::Error::new(error)), None),
            });
        }
    })
}

/// Events with a comment behind them, which clients pass over (HTML standard, server-sent events): a multiple of [`BLOCK`] bytes.
fn padded(events: Bytes) -> Bytes {
    // Behind half an event, a comment would be part of it.
    if !events.ends_with(b"\n\n") {
        return events;
    }
    let length = (events.len() + 3).next_multiple_of(BLOCK);
    let mut all = Vec::with_capacity(length);
    all.extend_from_slice(&events);
    all.push(b':');
    all.resize(length - 2, b' ');
    all.extend_from_slice(b"\n\n");
    all.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::talk::ReplyReader;

    #[test]
    fn pieces_of_a_stream_have_lengths_that_say_nothing() {
        let event = |words: &str| {
            let event = serde_json::json!({"choices": [{"delta": {"content": words}}]});
            padded(Bytes::from(format!("data: {event}\n\n")))
        };
        assert_eq!((event("a").len(), event("incomprehensibilities").len()), (BLOCK, BLOCK));
        let mut reader = ReplyReader::default();
        let heard = reader.push(&[event("one "), event("two")].concat()).unwrap();
        assert_eq!(heard, ["one ", "two"]);
        for length in 0..2 * BLOCK {
            let padded = padded(Bytes::from([&vec![b'x'; length][..], b"\n\n"].concat()));
            assert!(padded.len().is_multiple_of(BLOCK) && padded.len() < length + BLOCK + 5);
        }
        assert_eq!(padded(Bytes::from_static(b"data: half")), &b"data: half"[..]);
    }
}
