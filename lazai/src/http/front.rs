//! A node's server.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::pov::PublicPart;
use lazai_core::{ClassId, VersionNumber};
use lazai_settle::market::{Market, MarketError};
use lazai_settle::session::Offer;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::body::in_time;
use super::reply::{self, Made, Pieces};
use crate::conversation::{asks_for_the_card, published};
use crate::node::{ChatRequest, Node as _, NodeError, ReleaseRequest, SignedOffer, SignedVoucher};
use crate::provider::{OfferTerms, Provider};
use crate::safety::SignedReport;
use crate::wire::openai::{ApiError, BadRequest, CompletionRequest};
use crate::wire::payment::{
    self, Extra, PAYMENT, PaidRequest, Payment, REQUIRED, ReplyDetails, Required, Requirement, Resource, SCHEME,
};
use crate::wire::talk::model_id;

/// The validity of an offer that is given out, in seconds.
const OFFER_VALID_S: u64 = 600;
/// Requests that wait or are served at a time; further ones are told to come back.
const MAX_WAITING: usize = 64;
/// Releases that wait for the chain at a time.
const MAX_RELEASES: usize = 32;

/// A node's server: stock clients see its characters as models, and get status 402 until they pay.
///
/// Requests: `GET /v1/models`, `POST /v1/chat/completions`, `POST /v1/lazai/vouchers` (a
/// [`SignedVoucher`] as JSON), `POST /v1/lazai/releases` (a [`ReleaseRequest`]; the answer is a [`SignedRelease`]),
/// `POST /v1/lazai/reports` (a [`SignedReport`]), `GET /health`. Needs tokio, or [`Front::spawn`]. It does not do TLS: put
/// a reverse proxy in front.
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
pub struct Front(Arc<Inner>);

struct Inner {
    provider: Arc<Provider>,
    terms: Vec<OfferTerms>,
    /// Signed offers are used until half of their time is over: signing may cost (a key service, a phone).
    signed: Mutex<Vec<Option<SignedOffer>>>,
    slots: Arc<Semaphore>,
    releases: Arc<Semaphore>,
}

impl Front {
    /// A server for a provider, under these terms: one for each version that it serves. Terms become offers of ten minutes
    /// on request.
    #[must_use]
    pub fn new(provider: Arc<Provider>, terms: Vec<OfferTerms>) -> Self {
        let signed = Mutex::new(vec![None; terms.len()]);
        let [slots, releases] = [MAX_WAITING, MAX_RELEASES].map(|most| Arc::new(Semaphore::new(most)));
        Self(Arc::new(Inner { provider, terms, signed, slots, releases }))
    }

    pub(super) fn provider(&self) -> &Arc<Provider> {
        &self.0.provider
    }

    /// The routes. Serve them with axum, alone or inside a larger application, and run
    /// [`keep_redeeming`](Self::keep_redeeming) beside them.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/models", get(models))
            .route("/v1/models/{id}", get(model))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/lazai/vouchers", post(pay))
            .route("/v1/lazai/releases", post(release))
            .route("/v1/lazai/reports", post(report))
            .route("/health", get(|| async { axum::Json(json!({"status": "ok"})) }))
            .fallback(unknown)
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn(for_pages))
            .with_state(self.clone())
    }

    async fn offers(&self) -> Result<Vec<SignedOffer>, ApiError> {
        let (now_s, series) = (self.0.provider.ledger().now_s(), self.0.provider.series());
        let mut offers = Vec::with_capacity(self.0.terms.len());
        for (index, terms) in self.0.terms.iter().enumerate() {
            let fresh = |o: &SignedOffer| {
                o.offer.valid_until_s >= now_s.saturating_add(OFFER_VALID_S / 2) && o.offer.series == series
            };
            let signed = self.0.signed.lock().unwrap_or_else(PoisonError::into_inner)[index].clone();
            if let Some(offer) = signed.filter(fresh) {
                offers.push(offer);
                continue;
            }
            let offer = self
                .0
                .provider
                .offer(terms, now_s.saturating_add(OFFER_VALID_S))
                .await
                .map_err(|e| refusal(&e.into()))?;
            self.0.signed.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(offer.clone());
            offers.push(offer);
        }
        Ok(offers)
    }

    async fn models(&self) -> Result<Vec<Value>, ApiError> {
        let market = self.0.provider.ledger().market();
        let offers = self.offers().await?;
        let model = |offer: SignedOffer| {
            let Offer { class, version, node, .. } = offer.offer;
            let about = json!({
                "name": name(&market, class, version), "offer": offer, "ledger": market.ledger(),
                "device": self.0.provider.about().device, "adapter": "claimed",
            });
            json!({"id": model_id(class, version), "object": "model", "created": 0, "owned_by": node, "lazai": about})
        };
        Ok(offers.into_iter().map(model).collect())
    }

    /// Status 402, with everything that is needed to pay.
    async fn unpaid(&self, error: ApiError, url: &str) -> Response {
        let offers = match self.offers().await {
            Ok(offers) => offers,
            Err(error) => return error.into_response(),
        };
        let market = self.0.provider.ledger().market();
        let required = Required {
            x402_version: 2,
            error: error.message.clone(),
            resource: Resource { url: url.into(), description: "replies of a character".into() },
            accepts: offers.into_iter().filter_map(|offer| requirement(&market, offer)).collect(),
        };
        let mut body = error.body();
        body["payment"] = json!(required);
        let mut response = error.into_response();
        let header = HeaderValue::from_str(&payment::encode(&required));
        *response.body_mut() = Body::from(body.to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if let Ok(header) = header {
            response.headers_mut().insert(REQUIRED, header);
        }
        response
    }

    async fn serve(&self, claim: PaidRequest, asked: CompletionRequest, mut pieces: Pieces) -> Result<Made, ApiError> {
        let PaidRequest { session, turn, salt, signature, voucher } = claim;
        let (messages, settings) = (asked.messages, asked.settings);
        let request = ChatRequest { session, turn, messages, settings, salt, signature };
        let provider = self.0.provider.clone();
        on_a_thread_that_may_block(move |runtime| {
            if let Some(voucher) = voucher {
                runtime.block_on(provider.pay(&voucher)).map_err(|e| refusal(&e))?;
            }
            // The session says what is served; a client that names another model made a mistake.
            let found = provider.ledger().market().session(session).map(|s| model_id(s.offer.class, s.offer.version));
            if let Some(found) = found.filter(|found| !asked.model.is_empty() && *found != asked.model) {
                let message = format!("model {:?} is asked for, the session is of {found:?}", asked.model);
                return Err(ApiError {
                    parameter: Some("model".into()),
                    ..ApiError::new(400, "request.model", message)
                });
            }
            let device = provider.about().device.clone();
            let wanted = pieces.are_wanted();
            let reply = runtime.block_on(provider.chat_while(&request, &wanted, &mut |text| pieces.text(text)));
            let reply = reply.map_err(|e| refusal(&e))?;
            let text = pieces.complete(&reply.text);
            let details = ReplyDetails {
                receipt: reply.receipt,
                tokens: reply.tokens,
                text,
                adapter: "claimed".into(),
                device,
                checked: None,
            };
            Ok(Made { details, notes: reply.notes })
        })
        .await
    }
}

/// Runs work that computes or waits for a disk on a blocking thread: the few I/O threads must not block.
async fn on_a_thread_that_may_block<T: Send + 'static>(
    work: impl FnOnce(&Handle) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || work(&runtime)).await;
    done.map_err(|e| ApiError::new(500, "node.generation", e))?
}

fn requirement(market: &Market, signed: SignedOffer) -> Option<Requirement> {
    let offer = &signed.offer;
    Some(Requirement {
        scheme: SCHEME.into(),
        network: payment::network(market.domain(), market.ledger()),
        amount: offer.step().ok()?,
        asset: offer.asset.0.to_string(),
        pay_to: offer.node.to_string(),
        max_timeout_seconds: offer.session_s,
        extra: Extra { ledger: market.ledger(), model: model_id(offer.class, offer.version), offer: signed },
    })
}

/// The character's name, from the public part that its version was submitted with.
fn name(market: &Market, class: ClassId, version: VersionNumber) -> Option<String> {
    let public = PublicPart::from_bytes(published(market, class, version)?.as_bytes()).ok()?;
    Some(public.character.name)
}

async fn models(State(front): State<Front>) -> Result<Response, ApiError> {
    Ok(axum::Json(json!({"object": "list", "data": front.models().await?})).into_response())
}

async fn model(
    State(front): State<Front>,
    axum::extract::Path(id): axum::extract::Path<String>,
) -> Result<Response, ApiError> {
    let found = front.models().await?.into_iter().find(|model| model["id"] == id);
    let mut model = found.ok_or_else(|| no_model(&id))?;
    // Too long for the list of all.
    let market = front.0.provider.ledger().market();
    let offered = front.0.terms.iter().find(|terms| model_id(terms.class, terms.version) == id);
    let part = offered.and_then(|terms| published(&market, terms.class, terms.version));
    if let Some(part) = part.filter(|part| asks_for_the_card(part)) {
        model["lazai"]["public_part"] = part.into();
    }
    Ok(axum::Json(model).into_response())
}

pub(super) fn no_model(id: &str) -> ApiError {
    let error =
        ApiError::new(404, "request.model", format!("no model {:?} here", id.chars().take(80).collect::<String>()));
    ApiError { parameter: Some("model".into()), ..error }
}

async fn chat(State(front): State<Front>, uri: Uri, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let asked = CompletionRequest::parse(&body)?;
    if asked.choices > 1 {
        let reason = "a receipt is of one reply: ask once for each (the loopback proxy does)";
        return Err(BadRequest::new("n", reason).into());
    }
    let Some(header) = headers.get(PAYMENT) else {
        let error =
            ApiError::new(402, "request.unpaid", "open a session under one of the offers, and sign the request");
        return Ok(front.unpaid(error, uri.path()).await);
    };
    let Payment { payload, .. } = payment::decode(PAYMENT, header.as_bytes())?;
    let Ok(slot) = front.0.slots.clone().try_acquire_owned() else {
        return Err(ApiError::new(503, "node.busy", format!("{MAX_WAITING} requests are waiting")));
    };
    let serving = front.clone();
    let wanted = asked.clone();
    let served = |pieces| async move {
        let _slot = slot;
        serving.serve(payload, asked, pieces).await
    };
    match reply::answer(&wanted, served).await {
        Err(error) if error.status == 402 => Ok(front.unpaid(error, uri.path()).await),
        answered => answered,
    }
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
        return Err(ApiError::new(503, "node.busy", format!("{MAX_RELEASES} releases are waiting")));
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
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "payment-required, payment-response"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::new(404, "request.path", format!("nothing at {}", uri.path()))
}

/// A node's refusal as an answer.
pub(super) fn refusal(error: &NodeError) -> ApiError {
    let status = match error {
        NodeError::NotPaid { .. } | NodeError::DepositExhausted { .. } | NodeError::VoucherNotExact { .. } => 402,
        NodeError::Market(MarketError::UnknownSession { .. }) => 402,
        NodeError::Market(_) | NodeError::NotServed { .. } => 403,
        NodeError::Moderated { .. }
        | NodeError::PromptTooLong { .. }
        | NodeError::Money(_)
        | NodeError::Setting { .. } => 400,
        NodeError::TurnOutOfOrder { .. } => 409,
        NodeError::Busy { .. } => 503,
        NodeError::Refused { .. } | NodeError::Transport { .. } => 502,
        _ => 500,
    };
    // Details of the node's internals (paths, keys, URLs) go to its log only.
    if matches!(error, NodeError::Ledger { .. }) {
        tracing::warn!(%error, "the ledger did not answer");
        return ApiError::new(503, error.code(), "the node's ledger did not answer; try again");
    }
    if status == 500 {
        tracing::error!(code = error.code(), %error, "request failed");
        return ApiError::new(status, error.code(), "the node failed");
    }
    let parameter = match error {
        NodeError::Setting { setting, .. } => Some(setting.clone()),
        _ => None,
    };
    ApiError { parameter, ..ApiError::new(status, error.code(), error) }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Front {{ provider: {:?}, terms: {} }}", self.0.provider, self.0.terms.len())
    }
}
