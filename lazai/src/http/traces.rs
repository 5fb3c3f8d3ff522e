//! Spans of a request for a reply or for speech, named after OpenTelemetry's conventions for generative AI. No word of a request or a reply is in one,
//! and no session: whoever reads traces learns how long things take, not who says what.
//!
//! A request's span has these below it: `admission` (signature, payment, the session's line), `preparation` (the prompt), `waiting` (until
//! the first token), `generation` (from the first token on) and `receipt`.
//!
//! Source: OpenTelemetry's semantic conventions for generative AI and for HTTP; W3C Trace Context.

#[cfg(feature = "otel")]
mod otel;

use axum::http::HeaderMap;
use lazai_core::reply::FinishReason;
use lazai_settle::speech::SpeechReceipt;
use tracing::Span;
use tracing::field::Empty;

use super::operations::metrics::Measured;
use super::quiet::code_of;
use crate::node::ReplySettings;
use crate::wire::openai::ApiError;
#[cfg(feature = "otel")]
pub use otel::{Traces, TracesError};

/// The span of a request, which continues the client's trace if it sends a `traceparent`.
pub(super) fn request(operation: &str, route: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "reply",
        otel.kind = "server",
        otel.name = operation,
        otel.status_code = Empty,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = "lazai",
        gen_ai.request.model = Empty,
        gen_ai.request.max_tokens = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.request.top_p = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.response.finish_reasons = Empty,
        http.request.method = "POST",
        lazai.speech.characters = Empty,
        lazai.speech.samples = Empty,
        http.route = route,
        http.response.status_code = Empty,
        "error.type" = Empty,
    );
    #[cfg(feature = "otel")]
    otel::continue_from(&span, headers);
    #[cfg(not(feature = "otel"))]
    let _ = headers;
    span
}

/// Notes the model that the session is of: the client's own name for it may be anything.
pub(super) fn of(operation: &str, model: &str) {
    let span = Span::current();
    span.record("otel.name", format!("{operation} {model}"));
    span.record("gen_ai.request.model", model);
}

/// Notes what is asked for.
pub(super) fn asked(settings: &ReplySettings) {
    let span = Span::current();
    if let Some(most) = settings.max_tokens {
        span.record("gen_ai.request.max_tokens", i64::from(most));
    }
    for (name, milli) in
        [("gen_ai.request.temperature", settings.temperature_milli), ("gen_ai.request.top_p", settings.top_p_milli)]
    {
        if let Some(milli) = milli {
            span.record(name, f64::from(milli) / 1_000.0);
        }
    }
}

/// Notes what was made.
pub(super) fn replied(measured: &Measured, finished: FinishReason) {
    let span = Span::current();
    span.record("gen_ai.usage.input_tokens", count(measured.prompt_tokens));
    span.record("gen_ai.usage.output_tokens", count(measured.completion_tokens));
    let finished = if finished == FinishReason::Length { "length" } else { "stop" };
    span.record("gen_ai.response.finish_reasons", finished);
}

/// Conventions know signed integers alone.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Notes what was spoken.
pub(super) fn spoken(receipt: &SpeechReceipt) {
    let span = Span::current();
    span.record("lazai.speech.characters", count(receipt.characters));
    span.record("lazai.speech.samples", count(receipt.samples));
}

/// Notes the status of an answer. One that is streamed has its status before the reply is made.
pub(super) fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", i64::from(status));
}

/// Notes a failure.
pub(super) fn failed(span: &Span, error: &ApiError) {
    span.record("error.type", code_of(&error.code));
    if error.status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The headers by which another server continues the trace of the span that is entered.
pub(super) fn outgoing() -> Vec<(String, String)> {
    #[cfg(feature = "otel")]
    return otel::outgoing();
    #[cfg(not(feature = "otel"))]
    Vec::new()
}
