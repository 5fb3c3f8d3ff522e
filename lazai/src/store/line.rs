//! The clouds' stores over this library's own HTTP and TLS.

use std::io::Read as _;
use std::time::Duration;

use async_trait::async_trait;
use blocking::unblock;
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, ObjectStore as Backend, RetryConfig};
use ureq::http::Response;
use url::Url;

/// The time limits of a request: for connecting, and in which an answer's head must come and each piece of it.
const CONNECT: Duration = Duration::from_secs(10);
const PIECE: Duration = Duration::from_secs(60);
/// Bytes of an answer's piece.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait to be taken.
const PIECES_AT_A_TIME: usize = 4;

/// A request that may be repeated is, for a minute at most.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() }
}

type Opened = Result<Box<dyn Backend>, Box<dyn std::error::Error>>;

/// Values of a cloud's variables that its builder knows.
#[cfg(any(feature = "object-store-aws", feature = "object-store-gcp", feature = "object-store-azure"))]
fn known<'v, K: std::str::FromStr>(
    variables: &'v [(String, String)],
    prefix: &'static str,
) -> impl Iterator<Item = (K, &'v str)> {
    let of_cloud = variables.iter().filter(move |(name, _)| name.starts_with(prefix));
    of_cloud.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.as_str())))
}

pub(super) fn http(url: &Url) -> Opened {
    // The path is that of the objects.
    let server = &url[..url::Position::BeforePath];
    let builder =
        object_store::http::HttpBuilder::new().with_url(server).with_retry(retries()).with_http_connector(Line);
    Ok(Box::new(builder.build()?))
}

#[cfg(feature = "object-store-aws")]
pub(super) fn aws(url: &Url, variables: &[(String, String)]) -> Opened {
    let builder = object_store::aws::AmazonS3Builder::new()
        .with_url(url.as_str())
        .with_retry(retries())
        .with_http_connector(Line);
    let builder = known(variables, "AWS_").fold(builder, |builder, (key, value)| builder.with_config(key, value));
    Ok(Box::new(builder.build()?))
}

#[cfg(feature = "object-store-gcp")]
pub(super) fn gcp(url: &Url, variables: &[(String, String)]) -> Opened {
    let builder = object_store::gcp::GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_retry(retries())
        .with_http_connector(Line);
    let builder = known(variables, "GOOGLE_").fold(builder, |builder, (key, value)| builder.with_config(key, value));
    Ok(Box::new(builder.build()?))
}

#[cfg(feature = "object-store-azure")]
pub(super) fn azure(url: &Url, variables: &[(String, String)]) -> Opened {
    let builder = object_store::azure::MicrosoftAzureBuilder::new()
        .with_url(url.as_str())
        .with_retry(retries())
        .with_http_connector(Line);
    let builder = known(variables, "AZURE_").fold(builder, |builder, (key, value)| builder.with_config(key, value));
    Ok(Box::new(builder.build()?))
}

/// Connects by ureq, which the client of nodes uses: one HTTP, one TLS, one list of authorities.
#[derive(Debug)]
struct Line;

impl HttpConnector for Line {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let config = config.allow_non_standard_methods(true).timeout_connect(Some(CONNECT));
        let config = config.timeout_recv_response(Some(PIECE)).timeout_recv_body(None);
        let config = config.timeout_per_read(Some(PIECE)).timeout_per_write(Some(PIECE));
        Ok(HttpClient::new(Agent(config.build().into())))
    }
}

#[derive(Debug)]
struct Agent(ureq::Agent);

#[async_trait]
impl HttpService for Agent {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let agent = self.0.clone();
        let sent = unblock(move || {
            let request = ureq::http::Request::from_parts(parts, body.to_vec());
            agent.run(request)
        });
        let (parts, body) = Response::into_parts(sent.await.map_err(failed)?);
        let (sender, mut receiver) = tokio::sync::mpsc::channel(PIECES_AT_A_TIME);
        let mut reader = body.into_reader();
        let read = move || {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let read = match reader.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => {
                        piece.truncate(count);
                        Ok(Frame::data(Bytes::from(piece)))
                    }
                    Err(error) => Err(HttpError::new(HttpErrorKind::Interrupted, error)),
                };
                let is_last = read.is_err();
                // Nobody waits for the rest.
                if sender.blocking_send(read).is_err() || is_last {
                    break;
                }
            }
        };
        unblock(read).detach();
        let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(StreamBody::new(pieces))))
    }
}

fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
