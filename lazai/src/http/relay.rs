//! An oblivious relay: it knows who asks, and nothing of what is asked; the nodes behind it know what, and not from where.
//!
//! Source: RFC 9458, section 2 and 6.2. Each node has a place of its own, so a request says to whom it goes, and nothing else.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_lite::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::body::in_time;
use super::client::{agent, place_at_relay, without_v1};
use super::front::{Limiter, Limits, Network};
use super::serving::{Serving, TlsFiles, open_tls};
use super::{client, routes};
use crate::node::NodeError;
use crate::wire::openai::ApiError;
use crate::wire::sealed::{ANSWER_TYPE, GATEWAY, REQUEST_TYPE};
use crate::wire::talk::failed;

/// Requests under way at a time; further ones are told to come back.
const MOST_AT_ONCE: usize = 256;
/// Requests of one address in a minute, if nothing else is said.
const REQUESTS: u32 = 240;
/// How long a node's list of models is told: everybody gets the same, so that no key marks anybody.
const LIST: Duration = Duration::from_secs(5);
/// Largest list of models, error, and answer that are passed on.
const MAX_LIST_BYTES: u64 = 8 << 20;
const MAX_ERROR_BYTES: u64 = 64 << 10;
const MAX_ANSWER_BYTES: usize = 160 << 20;
/// Bytes of an answer that are read at once, and such pieces that may wait for a slow client.
const PIECE: usize = 16 << 10;
const WAITING: usize = 8;

/// A relay for some nodes. It passes on sealed requests to these and to nobody else, with no header but their type; it keeps and logs
/// nothing of them, and bounds their size and number.
///
/// Two parties that do not collude have to run relay and node: together they know who said what. A node still sees which account pays.
///
/// # Example
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::http::Relay;
///
/// let relay = Relay::new(["https://node.example", "https://other.example"])?;
/// let serving = relay.spawn("127.0.0.1:8030")?;    // clients: HttpNode::new("https://node.example")?.with_relay(&serving.url())?
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    nodes: BTreeMap<String, Upstream>,
    agent: ureq::Agent,
    slots: Arc<Semaphore>,
    limiter: Limiter,
}

struct Upstream {
    url: String,
    list: Mutex<Option<(Instant, Bytes)>>,
}

impl Relay {
    /// A relay for nodes at these URLs.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if one is no URL of HTTP.
    pub fn new<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, NodeError> {
        Self::with_agent(urls, agent(ureq::tls::RootCerts::WebPki))
    }

    /// As [`new`](Self::new), with these certificate authorities in place of public ones: certificates in PEM.
    ///
    /// # Errors
    /// [`NodeError::Transport`], also if there is no certificate in it.
    pub fn trusting<U: AsRef<str>>(urls: impl IntoIterator<Item = U>, pem: &[u8]) -> Result<Self, NodeError> {
        Self::with_agent(urls, agent(client::roots(pem)?))
    }

    fn with_agent<U: AsRef<str>>(urls: impl IntoIterator<Item = U>, agent: ureq::Agent) -> Result<Self, NodeError> {
        let mut nodes = BTreeMap::new();
        for url in urls {
            let url = without_v1(url.as_ref());
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                return Err(failed(&format!("{url:.80}: a node's URL begins with http:// or https://")));
            }
            nodes.insert(place_at_relay(url), Upstream { url: url.to_owned(), list: Mutex::default() });
        }
        let (slots, limiter) = (Arc::new(Semaphore::new(MOST_AT_ONCE)), Limiter::default());
        let relay = Self(Arc::new(Inner { nodes, agent, slots, limiter }));
        relay.limit(REQUESTS, Vec::new());
        Ok(relay)
    }

    /// Sets how often one address (IPv6: one /64) may ask in a minute, 0 for any number; 240 by default. Proxies in front of the relay
    /// that are trusted tell from whom a request is.
    pub fn limit(&self, address_requests: u32, trusted_proxies: Vec<Network>) {
        self.0.limiter.set(Limits { address_requests, trusted_proxies, ..Limits::default() });
    }

    /// The routes: `GET /NODE/v1/models`, and `POST` to the gateway under `/NODE`, where `NODE` is host and port of a node's URL.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route("/health", get(|| async { axum::Json(json!({"status": "ok"})) }))
            .route("/{node}/v1/models", get(models))
            .route(&format!("/{{node}}{GATEWAY}"), post(pass_on));
        routes::complete(routes)
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn_with_state(self.clone(), of_address))
            .layer(middleware::from_fn(for_pages))
            .with_state(self.clone())
    }

    /// Serves at an address, with the same bounds on connections as a node has.
    ///
    /// # Errors
    /// The operating system's error, such as an address in use.
    pub fn spawn(&self, address: impl ToSocketAddrs) -> std::io::Result<Serving> {
        Serving::of(address, None, self.router(), self.trusts(), async {})
    }

    /// As [`spawn`](Self::spawn), with TLS; files that change are read again.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); [`InvalidData`](std::io::ErrorKind::InvalidData) if the files are no certificate with its key.
    pub fn spawn_tls(&self, address: impl ToSocketAddrs, files: &TlsFiles) -> std::io::Result<Serving> {
        Serving::of(address, Some(open_tls(files)?), self.router(), self.trusts(), async {})
    }

    fn trusts(&self) -> Box<dyn Fn(IpAddr) -> bool + Send> {
        let relay = self.clone();
        Box::new(move |address| relay.0.limiter.trusts(address))
    }

    fn node(&self, name: &str) -> Result<&Upstream, ApiError> {
        let name = place_at_relay(name);
        let unknown = || ApiError::new(404, "relay.unknown_node", "this relay does not serve that node");
        self.0.nodes.get(&name).ok_or_else(unknown)
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let busy = |_| ApiError {
            retry_after_s: Some(1),
            ..ApiError::new(503, "relay.busy", format!("{MOST_AT_ONCE} requests are under way"))
        };
        self.0.slots.clone().try_acquire_owned().map_err(busy)
    }
}

/// The error for a node that does not answer. What is wrong there, or its address, is not the client's.
fn silent() -> ApiError {
    ApiError::new(502, "relay.node", "the node does not answer")
}

/// A node's list of models, which is public: the same for everybody.
async fn models(State(relay): State<Relay>, Path(node): Path<String>) -> Result<Response, ApiError> {
    let upstream = relay.node(&node)?;
    let kept = upstream.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let list = match kept.filter(|(at, _)| at.elapsed() < LIST) {
        Some((_, list)) => list,
        None => {
            let _slot = relay.slot()?;
            let (agent, url) = (relay.0.agent.clone(), format!("{}/v1/models", upstream.url));
            let read = tokio::task::spawn_blocking(move || -> Option<Bytes> {
                let mut response = agent.get(url).call().ok().filter(|response| response.status() == 200)?;
                response.body_mut().with_config().limit(MAX_LIST_BYTES).read_to_vec().ok().map(Bytes::from)
            });
            let list = read.await.ok().flatten().ok_or_else(silent)?;
            *upstream.list.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), list.clone()));
            list
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], list).into_response())
}

/// Passes a sealed request on, and its answer back as it comes.
async fn pass_on(
    State(relay): State<Relay>,
    Path(node): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != REQUEST_TYPE) {
        return Err(ApiError::new(415, "request.sealed", format!("only {REQUEST_TYPE} is passed on")));
    }
    let upstream = relay.node(&node)?;
    let slot = relay.slot()?;
    let (agent, url) = (relay.0.agent.clone(), format!("{}{GATEWAY}", upstream.url));
    // Its own request: nothing of the client's but the sealed bytes.
    let asked = move || agent.post(url).header("content-type", REQUEST_TYPE).send(&body[..]).ok();
    let answered = tokio::task::spawn_blocking(asked).await.ok().flatten().ok_or_else(silent)?;
    let status = StatusCode::from_u16(answered.status().as_u16()).map_err(|_| silent())?;
    if answered.headers().get("content-type").is_none_or(|kind| kind != ANSWER_TYPE) || status != StatusCode::OK {
        return refusal(status, answered).await;
    }
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        copy(answered, &sender);
    });
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece: Result<Bytes, std::io::Error> = pieces.recv().await?;
        Some((piece, pieces))
    });
    let headers = [(header::CONTENT_TYPE, ANSWER_TYPE), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Copies an answer until it ends, the client has left, or it is too large.
fn copy(answered: ureq::http::Response<ureq::Body>, to: &mpsc::Sender<Result<Bytes, std::io::Error>>) {
    let (mut reader, mut left) = (answered.into_body().into_reader(), MAX_ANSWER_BYTES);
    let mut piece = vec![0; PIECE];
    loop {
        let sent = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(count) if count > left => Err(std::io::Error::other("the answer is too large")),
            Ok(count) => {
                left -= count;
                Ok(Bytes::copy_from_slice(&piece[..count]))
            }
            Err(error) => Err(error),
        };
        let is_over = sent.is_err();
        if to.blocking_send(sent).is_err() || is_over {
            return;
        }
    }
}

/// A node's refusal, which is not sealed: its status, and its words.
async fn refusal(status: StatusCode, mut answered: ureq::http::Response<ureq::Body>) -> Result<Response, ApiError> {
    let after = answered.headers().get("retry-after").and_then(|after| HeaderValue::from_bytes(after.as_bytes()).ok());
    if status.is_success() {
        return Err(silent());
    }
    let read = move || answered.body_mut().with_config().limit(MAX_ERROR_BYTES).read_to_vec().ok();
    let said = tokio::task::spawn_blocking(read).await.ok().flatten().ok_or_else(silent)?;
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], said).into_response();
    if let Some(after) = after {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    Ok(response)
}

/// Refuses what an address asks too often.
async fn of_address(State(relay): State<Relay>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
    if request.uri().path() != "/health"
        && let Err(limited) = relay.0.limiter.check_address(peer, request.headers())
    {
        let error = ApiError::from(limited);
        return ApiError { code: "relay.rate_limited".into(), ..error }.into_response();
    }
    next.run(request).await
}

/// Allows requests from pages of any origin, as nodes do.
async fn for_pages(request: Request, next: Next) -> Response {
    let is_asking_first = request.method() == axum::http::Method::OPTIONS;
    let mut response = if is_asking_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay {{ nodes: {:?} }}", self.0.nodes.keys())
    }
}
