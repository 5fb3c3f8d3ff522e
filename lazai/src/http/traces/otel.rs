//! Traces, sent to a collector by OTLP over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use thiserror::Error;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::http::client::without_userinfo;

/// The time limit of one export.
const EXPORT: Duration = Duration::from_secs(10);
/// Largest answer of a collector that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// The time that the last spans get when the traces end.
const LAST: Duration = Duration::from_secs(5);

/// Why traces cannot be sent.
#[derive(Debug, Error)]
#[error("{url}: {reason}")]
pub struct TracesError {
    url: String,
    reason: String,
}

/// Sends this library's spans to a collector, in batches on a thread of its own; what a collector does not take is lost. Dropped, it
/// sends the last ones.
///
/// OpenTelemetry's variables hold: `OTEL_SERVICE_NAME` (`lazai` without it), `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and its
/// `_ARG`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_…`. An application with a tracer of its own needs none of this: its
/// `tracing-opentelemetry` layer gets the same spans, and a client's `traceparent` is their parent there, too.
///
/// # Example
/// ```no_run
/// use lazai::http::Traces;
/// use tracing_subscriber::layer::SubscriberExt as _;
/// use tracing_subscriber::util::SubscriberInitExt as _;
/// # fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let traces = Traces::to("http://127.0.0.1:4318")?;
/// tracing_subscriber::registry().with(traces.layer()).try_init()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to a collector at a URL; `/v1/traces` is its path, unless the URL has one. Nothing is sent yet.
    ///
    /// # Errors
    /// [`TracesError`] if it is no URL of HTTP.
    pub fn to(url: &str) -> Result<Self, TracesError> {
        let place = without_userinfo(url);
        let wrong = |reason: String| TracesError { url: place.clone(), reason };
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let rest = rest.ok_or_else(|| wrong("begins neither with http:// nor https://".into()))?;
        let is_bare = rest.trim_end_matches('/').find('/').is_none();
        let url = if is_bare { format!("{}/v1/traces", url.trim_end_matches('/')) } else { url.to_owned() };
        let line = Line { agent: agent(), place: place.clone(), is_down: AtomicBool::new(false) };
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(url);
        let exporter = exporter.with_timeout(EXPORT).with_http_client(line).build();
        let exporter = exporter.map_err(|error| wrong(error.to_string()))?;
        let named = Resource::builder();
        let is_named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
        let named = if is_named { named } else { named.with_service_name("lazai") };
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(named.build()).build()))
    }

    /// A layer for a subscriber: it takes spans of this library alone, and no events, which are for logs.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("lazai"));
        // Begun with its first child: until then a span may still get its name.
        let layer = layer.with_context_activation(false);
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
        let own = |about: &Metadata<'_>| about.is_span() && about.target().starts_with("lazai");
        layer.with_filter(filter_fn(own))
    }

    /// Sends what has ended by now. Blocks the thread.
    pub fn flush(&self) {
        // What does not arrive was told by the line.
        let _ = self.0.force_flush();
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        let _ = self.0.shutdown_with_timeout(LAST);
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::WebPki).build();
    config.tls_config(tls).timeout_global(Some(EXPORT)).build().into()
}

/// The way to the collector. The thread of the batches may block.
#[derive(Debug)]
struct Line {
    agent: ureq::Agent,
    place: String,
    /// Told once, and again when it works.
    is_down: AtomicBool,
}

#[async_trait]
impl HttpClient for Line {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let post = self.agent.post(parts.uri.to_string());
        let post = parts.headers.iter().fold(post, |post, (name, value)| post.header(name, value));
        let sent = post.send(&body[..]).and_then(|mut answer| {
            let read = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
            Ok((answer.status(), read))
        });
        let is_taken = sent.as_ref().is_ok_and(|(status, _)| status.is_success());
        if self.is_down.swap(!is_taken, Ordering::Relaxed) == is_taken {
            match &sent {
                Ok((status, _)) if is_taken => {
                    tracing::info!(collector = self.place, %status, "traces are taken again")
                }
                Ok((status, _)) => tracing::warn!(collector = self.place, %status, "traces are not taken"),
                Err(error) => tracing::warn!(collector = self.place, %error, "traces are not taken"),
            }
        }
        let (status, read) = sent?;
        let mut answer = Response::new(Bytes::from(read));
        *answer.status_mut() = status;
        Ok(answer)
    }
}

/// Makes the trace in a request's headers the parent of a span, if there is one.
pub(super) fn continue_from(span: &Span, headers: &HeaderMap) {
    // Without the layer of a tracer, nothing is there to be continued.
    let found = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    if found.span().span_context().is_valid() {
        let _ = span.set_parent(found);
    }
}

/// The headers of the span that is entered.
pub(super) fn outgoing() -> Vec<(String, String)> {
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.into_iter().filter(|(_, value): &(String, String)| !value.is_empty()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_of_http_is_taken_and_its_password_is_not_told() {
        let refused = Traces::to("grpc://me:secret@collector:4317").unwrap_err().to_string();
        assert!(
            refused.starts_with("grpc://collector:4317: begins neither") && !refused.contains("secret"),
            "{refused}"
        );
        Traces::to("http://127.0.0.1:1/").unwrap();
    }
}
