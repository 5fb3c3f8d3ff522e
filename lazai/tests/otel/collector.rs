//! A collector of traces: OTLP over HTTP, read by OpenTelemetry's own types.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub struct Collector {
    pub url: String,
    taken: Arc<Mutex<Vec<ResourceSpans>>>,
    runtime: Runtime,
}

impl Collector {
    pub fn listen() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let taken: Arc<Mutex<Vec<ResourceSpans>>> = Arc::default();
        let kept = taken.clone();
        let take = move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            kept.lock().unwrap().extend(ExportTraceServiceRequest::decode(body).unwrap().resource_spans);
            std::future::ready(StatusCode::OK)
        };
        let mut collector = Self { url: String::new(), taken, runtime };
        collector.url = collector.serve(axum::Router::new().route("/v1/traces", post(take)));
        collector
    }

    /// Serves some routes on this machine; returns the URL.
    pub fn serve(&self, router: axum::Router) -> String {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        self.runtime.spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        taken.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The name of the service whose spans these are.
    pub fn service(&self) -> Option<String> {
        let taken = self.taken.lock().unwrap();
        found(&taken.first()?.resource.as_ref()?.attributes, "service.name")
    }

    pub fn stop(self) {
        self.runtime.shutdown_background();
    }
}

/// An attribute of a span, as text.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    found(&span.attributes, key)
}

fn found(attributes: &[KeyValue], key: &str) -> Option<String> {
    let AnyValue { value } = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?;
    Some(match value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}
