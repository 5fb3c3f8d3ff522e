//! What the servers here do alike with paths and methods.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lazai_core::digest::sha256;

use crate::wire::openai::ApiError;

/// Routes that also say in OpenAI's form what is not there. A wrong method is answered with `allow` (RFC 9110, section 15.5.6).
pub(super) fn complete<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.fallback(unknown).method_not_allowed_fallback(wrong_method)
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::new(404, "request.path", format!("nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{:.20} is not answered at {}; the header allow says what is", method.as_str(), uri.path());
    ApiError::new(405, "request.method", message)
}

/// Takes `/v1//models` as `/v1/models`: a client joins its path to a base URL with a slash at the end. Layers of a router run once a
/// route is found, so this one stands around the routes.
pub(super) async fn with_single_slashes(mut request: Request, next: Next) -> Response {
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

/// Tells whether a request has a key, as OpenAI's clients send it. Digests are compared, so that the time taken reveals nothing about
/// where keys differ.
pub(super) fn has_key(headers: &HeaderMap, key: &str) -> bool {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    sent.is_some_and(|sent| sha256(sent.as_bytes()) == sha256(key.as_bytes()))
}
