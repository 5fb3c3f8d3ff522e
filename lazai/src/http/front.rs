//! A node's server.

mod a2a;
mod credits;
mod draining;
mod exact;
mod limits;
mod made;
mod offers;
mod refusal;
mod sealed;
mod speech;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::Amount;
use lazai_lora::Encoder;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span};

use super::body::in_time;
use super::embed::{self, Named};
use super::openapi::{self, Endpoint, Server};
use super::operations::Told;
use super::operations::metrics::Metrics;
use super::operations::samples::Samples;
use super::reply::{self, Api, Made, Pieces};
use super::{quiet, routes, traces};
use crate::node::{ChatRequest, Node as _, ReleaseRequest, SignedVoucher};
use crate::provider::{OfferTerms, Provider};
use crate::safety::SignedReport;
use crate::wire::openai::{ApiError, BadRequest, CompletionRequest};
use crate::wire::payment::{AnyPayment, PAYMENT, PaidRequest};
use crate::wire::talk::model_id;
use draining::Draining;
pub(super) use limits::{Limiter, unit_of};
pub use limits::{Limits, Network, NotNetwork};
use made::AskedModel;
pub(super) use offers::no_model;
use offers::{Offers, model, models};
use refusal::busy;
pub(super) use refusal::refusal;

/// Requests that wait or are served at a time; further ones are told to come back.
const MAX_WAITING: usize = 64;
/// Requests for speech that wait or are served at a time, beside those for replies: sound is made slowly, and must not take their places.
const MAX_SPEECHES: usize = 16;
/// Releases that wait for the chain at a time.
const MAX_RELEASES: usize = 32;
/// Quotes that wait for hardware at a time.
const MAX_QUOTES: usize = 16;

/// A node's server: stock clients see its characters as models, and get status 402 until they pay.
///
/// Requests: `GET /v1/models`, `POST /v1/chat/completions`, `/v1/completions` and `/v1/responses`, `POST /v1/audio/speech`, `POST /v1/lazai/vouchers` (a
/// [`SignedVoucher`] as JSON), `POST /v1/lazai/credits` (an order of credits, [`wire::credits`](crate::wire::credits)), `POST /v1/lazai/releases` (a [`ReleaseRequest`]; the answer is a [`SignedRelease`]),
/// `POST /v1/lazai/reports` (a [`SignedReport`]), `GET /v1/lazai/quote`, `GET /health`; any of these sealed ([`wire::sealed`](crate::wire::sealed)). Needs tokio, or [`Front::spawn`]; [`Front::spawn_tls`] does TLS.
/// What an operator looks at stands apart: [`Front::operations`].
///
/// [`SignedRelease`]: crate::node::SignedRelease
///
/// The [`router`](Self::router) itself gives a body ten seconds to arrive and bounds its size. A router cannot bound the
/// time for a request's head, the time a client takes to read an answer, or the connections of an address: [`Front::spawn`]
/// bounds these too, `axum::serve` does not. Under `axum::serve`, put a server in front that does.
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lazai::http::Front;
/// # async fn serve(provider: lazai::provider::Provider, terms: lazai::provider::OfferTerms) -> std::io::Result<()> {
/// let front = Front::new(Arc::new(provider), vec![terms]);
/// let (listener, router) = (tokio::net::TcpListener::bind("0.0.0.0:8028").await?, front.router());
/// // What consumers promised is redeemed before they can take it back: without this, nothing is paid.
/// tokio::spawn(async move { front.keep_redeeming(Duration::from_secs(600)).await });
/// axum::serve(listener, router).await
/// # }
/// ```
#[derive(Clone)]
pub struct Front(Arc<Inner>, Option<Arc<Embedding>>);

/// An encoder for who has a key.
struct Embedding {
    encoder: Arc<Named>,
    key: String,
}

struct Inner {
    provider: Arc<Provider>,
    offers: Offers,
    slots: Arc<Semaphore>,
    speeches: Arc<Semaphore>,
    releases: Arc<Semaphore>,
    quotes: Arc<Semaphore>,
    limiter: Limiter,
    draining: Draining,
    metrics: Metrics,
    samples: Samples,
    told: Told,
    /// The least for which a reply is sold at once, if any is.
    at_once: OnceLock<Amount>,
}

impl Front {
    /// A server for a provider, under these terms: one for each version that it serves. Terms become offers of ten minutes
    /// on request.
    #[must_use]
    pub fn new(provider: Arc<Provider>, terms: Vec<OfferTerms>) -> Self {
        let offers = Offers::new(provider.clone(), terms);
        let [slots, speeches, releases, quotes] =
            [MAX_WAITING, MAX_SPEECHES, MAX_RELEASES, MAX_QUOTES].map(|most| Arc::new(Semaphore::new(most)));
        let (limiter, draining) = (Limiter::default(), Draining::default());
        let (metrics, samples, told, at_once) =
            (Metrics::default(), Samples::default(), Told::default(), OnceLock::new());
        Self(
            Arc::new(Inner {
                provider,
                offers,
                slots,
                speeches,
                releases,
                quotes,
                limiter,
                draining,
                metrics,
                samples,
                told,
                at_once,
            }),
            None,
        )
    }

    /// Sets limits on how often it may be asked: there are none by default. They may change while it serves.
    ///
    /// An address is known where [`Front::spawn`] serves, and under `axum::serve` with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn limit(&self, limits: Limits) {
        self.0.limiter.set(limits);
    }

    /// Tells whether a proxy at this address is trusted.
    pub(super) fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.0.limiter.trusts(address)
    }

    /// Also embeds texts (`POST /v1/embeddings`), by an encoder of this name, for who sends this key as OpenAI's clients do: the
    /// operator's own programs. Nobody is asked for money, so nobody else is served; it is no model of the list.
    #[must_use]
    pub fn with_encoder(mut self, name: &str, encoder: Encoder, key: &str) -> Self {
        self.1 = Some(Arc::new(Embedding { encoder: Arc::new(Named::new(name, encoder)), key: key.to_owned() }));
        self
    }

    pub(super) fn provider(&self) -> &Arc<Provider> {
        &self.0.provider
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn samples(&self) -> &Samples {
        &self.0.samples
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &OfferTerms> {
        self.0.offers.terms()
    }

    pub(super) fn told(&self) -> &Told {
        &self.0.told
    }

    /// Requests that are answered or wait.
    pub(super) fn under_way(&self) -> usize {
        let free = self.0.slots.available_permits() + self.0.speeches.available_permits();
        (MAX_WAITING + MAX_SPEECHES).saturating_sub(free)
    }

    pub(super) fn most_under_way(&self) -> usize {
        MAX_WAITING + MAX_SPEECHES
    }

    /// The routes. Serve them with axum, alone or inside a larger application, and run
    /// [`keep_redeeming`](Self::keep_redeeming) beside them.
    pub fn router(&self) -> Router {
        let routes = Server::Node.endpoints().into_iter().fold(Router::new(), |router, endpoint| {
            let answer = match endpoint {
                Endpoint::Reply(api) => {
                    post(move |State(front): State<Self>, headers: HeaderMap, body: Bytes| async move {
                        let span = traces::request(api.operation(), api.path(), &headers);
                        counted(&front, span, answer(&front, api, &headers, &body)).await
                    })
                    .get(move |State(front): State<Self>| async move { front.priced(api).await })
                }
                Endpoint::Models => get(models),
                Endpoint::Payments => get(exact::payments),
                Endpoint::Model => get(model),
                Endpoint::Embeddings => post(embeddings),
                Endpoint::Speech => post(speech::speech),
                Endpoint::Sessions => post(exact::open),
                Endpoint::Credits => post(credits::order),
                Endpoint::Vouchers => post(pay),
                Endpoint::Releases => post(release),
                Endpoint::Quote => get(sealed::quote),
                Endpoint::Reports => post(report),
                Endpoint::Health => get(|| async { axum::Json(json!({"status": "ok"})) }),
                Endpoint::Document => get(|| openapi::answer(Server::Node)),
                Endpoint::AgentCard => get(a2a::card),
                Endpoint::CharacterCard => get(a2a::card_of),
                Endpoint::Agent => post(a2a::answer),
                Endpoint::CharacterAgent => post(a2a::answer_as),
                // The proxy's own; and what answers by all others, below.
                Endpoint::Budget | Endpoint::Mcp | Endpoint::Sealed => return router,
            };
            router.route(endpoint.path(), answer)
        });
        let inner = routes::complete(routes.clone()).with_state(self.clone());
        let open = move |State(front): State<Self>, body: Bytes| sealed::answer(front, inner.clone(), body);
        let routes = routes::complete(routes.route(Endpoint::Sealed.path(), post(open)))
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn_with_state(self.clone(), limits::of_address))
            .layer(middleware::from_fn(for_pages))
            .with_state(self.clone());
        Router::new().fallback_service(routes).layer(middleware::from_fn(routes::with_single_slashes))
    }

    /// What a node answers, as an OpenAPI 3.1 document: also at `GET /openapi.json`.
    #[must_use]
    pub fn openapi() -> serde_json::Value {
        Server::Node.document()
    }

    async fn serve(
        &self,
        api: Api,
        claim: PaidRequest,
        asked: CompletionRequest,
        pieces: Pieces,
    ) -> Result<Made, ApiError> {
        let PaidRequest { session, turn, salt, signature, voucher } = claim;
        let (messages, settings) = (asked.messages, asked.settings);
        let request = ChatRequest { session, turn, messages, settings, salt, signature };
        let (front, provider) = (self.clone(), self.0.provider.clone());
        on_a_thread_that_may_block(move |runtime| {
            if let Some(voucher) = voucher {
                runtime.block_on(provider.pay(&voucher)).map_err(|e| refusal(&e))?;
            }
            if front.0.limiter.counts_signed() {
                let consumer = runtime.block_on(provider.signer_of(&request)).map_err(|e| refusal(&e))?;
                let limited = front.0.limiter.signed(session, consumer);
                limited.inspect_err(|limited| front.metrics().limited(limited.whose))?;
            }
            let found = provider.ledger().market().session(session).map(|s| model_id(s.offer.class, s.offer.version));
            let named = AskedModel { api, model: &asked.model, found, payment: "session" };
            front.make(named, &request.settings, pieces, |wanted, tell| {
                runtime.block_on(provider.chat_while(&request, wanted, tell))
            })
        })
        .await
    }
}

/// Runs work that computes or waits for a disk on a blocking thread: the few I/O threads must not block.
pub(super) async fn on_a_thread_that_may_block<T: Send + 'static>(
    work: impl FnOnce(&Handle) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let (runtime, span) = (Handle::current(), Span::current());
    let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&runtime))).await;
    done.map_err(|error| {
        tracing::error!(error = quiet::task(&error), "a request broke off");
        ApiError::new(500, "node.generation", "the node failed")
    })?
}

/// Answers a request within its span, and counts the answer.
async fn counted(
    front: &Front,
    span: Span,
    answer: impl Future<Output = Result<Response, ApiError>>,
) -> Result<Response, ApiError> {
    let answered = answer.instrument(span.clone()).await;
    let status = answered.as_ref().map_or_else(|error| error.status, |answer| answer.status().as_u16());
    front.metrics().answered(status);
    traces::answered(&span, status);
    if let Err(error) = &answered {
        traces::failed(&span, error);
    }
    answered
}

async fn answer(front: &Front, api: Api, headers: &HeaderMap, body: &[u8]) -> Result<Response, ApiError> {
    front.0.draining.check()?;
    let asked = api.read(body)?;
    if asked.request.audio.is_some() {
        let reason = "a receipt is of words or of speech: ask for speech by itself (the loopback proxy does both)";
        return Err(BadRequest::new("modalities", reason).into());
    }
    if asked.request.choices > 1 {
        let reason = "a receipt is of one reply: ask once for each (the loopback proxy does)";
        return Err(BadRequest::new("n", reason).into());
    }
    let Some(header) = headers.get(PAYMENT) else {
        let error =
            ApiError::new(402, "request.unpaid", "open a session under one of the offers, and sign the request");
        return Ok(front.unpaid(error, api, Some(&asked)).await);
    };
    let payment = AnyPayment::read(header.as_bytes())?;
    let Ok(slot) = front.0.slots.clone().try_acquire_owned() else {
        return Err(busy(format!("{MAX_WAITING} requests are waiting")));
    };
    let (serving, request) = (front.clone(), asked.request.clone());
    let served = |pieces| async move {
        let _slot = slot;
        let served = match payment {
            AnyPayment::Session(claim) => serving.serve(api, *claim, request, pieces).await,
            AnyPayment::Exact(payment) => serving.sell(api, *payment, request, pieces).await,
            AnyPayment::Credit(payment) => serving.serve_for_credit(api, payment.payload, request, pieces).await,
        };
        // One that is streamed was answered before it failed.
        served.inspect_err(|error| traces::failed(&Span::current(), error))
    };
    match reply::answer(&asked, served).await {
        Err(error) if error.status == 402 => Ok(front.unpaid(error, api, Some(&asked)).await),
        answered => answered,
    }
}

async fn embeddings(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let Some(embedding) = front.1 else {
        return Err(ApiError::new(404, "request.path", "this node embeds no texts"));
    };
    if !routes::has_key(&headers, &embedding.key) {
        return Err(ApiError::new(401, "request.key", "texts are embedded for who has a key of this node's operator"));
    }
    embed::answer(Some(embedding.encoder.clone()), &body).await
}

/// Reads a signed value from the JSON of a body.
fn signed<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|e| ApiError::new(400, "request.invalid", format!("{what}: {e}")))
}

async fn pay(State(front): State<Front>, body: Bytes) -> Result<StatusCode, ApiError> {
    let voucher: SignedVoucher = signed("voucher", &body)?;
    let pay = move |runtime: &Handle| runtime.block_on(front.0.provider.pay(&voucher)).map_err(|e| refusal(&e));
    on_a_thread_that_may_block(pay).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn release(State(front): State<Front>, body: Bytes) -> Result<Response, ApiError> {
    let request: ReleaseRequest = signed("release request", &body)?;
    // A release waits for the chain: it must not take slots that other requests need.
    let Ok(slot) = front.0.releases.clone().try_acquire_owned() else {
        return Err(busy(format!("{MAX_RELEASES} releases are waiting")));
    };
    let sign = move |runtime: &Handle| {
        let _slot = slot;
        runtime.block_on(front.0.provider.release_asked(&request)).map_err(|e| refusal(&e))
    };
    Ok(axum::Json(on_a_thread_that_may_block(sign).await?).into_response())
}

async fn report(State(front): State<Front>, body: Bytes) -> Result<StatusCode, ApiError> {
    let report: SignedReport = signed("report", &body)?;
    let keep = move |runtime: &Handle| runtime.block_on(front.0.provider.report(&report)).map_err(|e| refusal(&e));
    on_a_thread_that_may_block(keep).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Allows requests from pages of any origin: signatures count, and there are no cookies to misuse (Fetch standard, CORS).
async fn for_pages(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, payment-signature"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "payment-required, payment-response, retry-after"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Front {{ provider: {:?}, terms: {} }}", self.0.provider, self.0.offers.len())
    }
}
