//! A facilitator of x402: checks payments of the scheme `exact` for servers that have no chain, and sends them there.

mod asked;
mod given;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::quiet::without_addresses;
use lazai_core::{Address, Amount};
use lazai_settle::LedgerError;
use lazai_settle::transfer::Transfers;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::asked::{Asked, Refusal};
use self::given::Given;
use super::body::in_time;
use super::front::{Limiter, Limits, Network};
use super::routes;
use super::serving::{Serving, TlsFiles, open_tls};
use crate::account::Account;
use crate::wire::exact::SCHEME;
use crate::wire::openai::ApiError;
use crate::wire::x402::{Version, network_name};

/// Requests under way at a time; further ones are told to come back.
const MOST_AT_ONCE: usize = 64;
/// Requests of one address in a minute, if nothing else is said.
const REQUESTS: u32 = 240;
/// The seconds that a payment must still be valid for, to get into a block.
const MARGIN_S: u64 = 12;

/// What a facilitator settles. Its account pays the gas, so it is not for everybody.
#[derive(Clone, PartialEq, Eq)]
pub struct FacilitatorTerms {
    /// ERC-20s whose transfers are settled.
    pub assets: Vec<Address>,
    /// Payees whose payments are settled; none stands for anybody.
    pub payees: Vec<Address>,
    /// The least payment that is settled, in base units.
    pub least: Amount,
    /// The key that servers have to show (`Authorization: Bearer`), if there is one.
    pub key: Option<String>,
}

impl std::fmt::Debug for FacilitatorTerms {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { assets, payees, least, key } = self;
        write!(
            f,
            "FacilitatorTerms {{ assets: {assets:?}, payees: {payees:?}, least: {least}, key: {} }}",
            key.is_some()
        )
    }
}

/// The ledger of a facilitator is on no chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a facilitator needs a ledger on a chain: signed transfers are made there")]
pub struct NoChain;

/// A facilitator of x402 (version 2, and 1): `GET /supported`, `POST /verify`, `POST /settle`, for any server that speaks it. It checks
/// the payment against the chain, sends it, and answers when it is as deep as the ledger counts by.
///
/// Each payment is settled once, and its success is told once: a server that lost the answer asks again and gets it, and two requests with
/// one payment are not both served. What was told is in memory: a facilitator that starts anew may tell it once more.
///
/// # Example
/// ```no_run
/// # fn serve(account: lazai::Account, dollar: lazai::Address) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::http::{Facilitator, FacilitatorTerms};
///
/// let least = lazai::Amount::from_base_units(1_000);
/// let terms = FacilitatorTerms { assets: vec![dollar], payees: Vec::new(), least, key: None };
/// let serving = Facilitator::new(account, terms)?.spawn("127.0.0.1:8031")?;
/// println!("{}", serving.url());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Facilitator(Arc<Inner>);

struct Inner {
    account: Account,
    terms: FacilitatorTerms,
    slots: Arc<Semaphore>,
    limiter: Limiter,
    given: Given,
}

impl Facilitator {
    /// A facilitator whose account sends the transfers.
    ///
    /// # Errors
    /// [`NoChain`].
    pub fn new(account: Account, terms: FacilitatorTerms) -> Result<Self, NoChain> {
        account.ledger().transfers().ok_or(NoChain)?;
        let (slots, limiter) = (Arc::new(Semaphore::new(MOST_AT_ONCE)), Limiter::default());
        let facilitator = Self(Arc::new(Inner { account, terms, slots, limiter, given: Given::default() }));
        facilitator.limit(REQUESTS, Vec::new());
        Ok(facilitator)
    }

    /// Sets how often one address (IPv6: one /64) may ask in a minute, 0 for any number; 240 by default. Proxies in front that are trusted
    /// tell from whom a request is.
    pub fn limit(&self, address_requests: u32, trusted_proxies: Vec<Network>) {
        self.0.limiter.set(Limits { address_requests, trusted_proxies, ..Limits::default() });
    }

    /// The routes.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route("/health", get(|| async { axum::Json(json!({"status": "ok"})) }))
            .route("/supported", get(supported))
            .route("/verify", post(verify))
            .route("/settle", post(settle));
        routes::complete(routes)
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn_with_state(self.clone(), of_address))
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
        let facilitator = self.clone();
        Box::new(move |address| facilitator.0.limiter.trusts(address))
    }

    fn transfers(&self) -> Result<&dyn Transfers, Refusal> {
        // It was there when this was made.
        self.0.account.ledger().transfers().ok_or_else(Refusal::of_ledger)
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let busy = |_| ApiError {
            retry_after_s: Some(1),
            ..ApiError::new(503, "facilitator.busy", format!("{MOST_AT_ONCE} requests are under way"))
        };
        self.0.slots.clone().try_acquire_owned().map_err(busy)
    }

    /// Lets those in who show the key, and as many as there is room for.
    fn enter(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, ApiError> {
        match &self.0.terms.key {
            Some(key) if !routes::has_key(headers, key) => {
                Err(ApiError::new(401, "facilitator.key", "this facilitator is for who has its key"))
            }
            _ => self.slot(),
        }
    }

    /// Checks everything of a payment that does not change with the next block.
    async fn checked(&self, asked: &Asked) -> Result<(), Refusal> {
        let (price, a) = (&asked.price, &asked.transfer.authorization);
        let transfers = self.transfers()?;
        if price.chain_id != transfers.chain_id() {
            return Err(Refusal::new("invalid_network"));
        }
        let FacilitatorTerms { assets, payees, least, .. } = &self.0.terms;
        let unserved = |what: &str| Err(Refusal::new("invalid_payment_requirements").with(what));
        if !assets.contains(&price.asset) {
            return unserved("transfers of this asset are not settled here");
        }
        if !(payees.is_empty() || payees.contains(&price.pay_to)) {
            return unserved("payments to this payee are not settled here");
        }
        if price.amount < *least {
            return unserved("payments that are so small are not settled here");
        }
        if a.to != price.pay_to {
            return Err(Refusal::new("invalid_exact_evm_payload_recipient_mismatch"));
        }
        if a.value != price.amount {
            return Err(Refusal::new("invalid_exact_evm_payload_authorization_value_mismatch"));
        }
        let domain = transfers.domain(price.asset).await.map_err(|e| of_chain(&e))?;
        if domain != price.domain() {
            return unserved("the asset's transfers are signed in another domain than `extra` says");
        }
        Ok(())
    }

    async fn verified(&self, asked: &Asked) -> Result<(), Refusal> {
        self.checked(asked).await?;
        let ledger = self.0.account.ledger();
        ledger.refresh().await.map_err(|e| of_chain(&e))?;
        let (a, now_s) = (&asked.transfer.authorization, ledger.now_s());
        if a.valid_before_s < now_s.saturating_add(MARGIN_S) {
            return Err(Refusal::new("invalid_exact_evm_payload_authorization_valid_before"));
        }
        self.transfers()?.check(asked.price.asset, &asked.transfer).await.map_err(|e| of_chain(&e))
    }

    /// The transaction that made the transfer; told once.
    async fn settled(&self, asked: &Asked) -> Result<String, Refusal> {
        self.checked(asked).await?;
        let claim = self.0.given.claim(asked, self.0.account.ledger().now_s())?;
        let signer = self.0.account.signer();
        let settled = self.transfers()?.settle(&*signer, asked.price.asset, &asked.transfer).await;
        let transaction = settled.map_err(|e| of_chain(&e))?;
        // Whoever hung up meanwhile was told nothing: then this line is not reached.
        claim.tell();
        Ok(transaction.to_string())
    }
}

/// Why the chain, or its node, does not make a transfer.
fn of_chain(error: &LedgerError) -> Refusal {
    match error {
        LedgerError::Reverted { reason } => {
            let (code, message) = reason.split_once(": ").unwrap_or((reason.as_str(), ""));
            let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_code {
                Refusal::new(code).with(message)
            } else {
                Refusal::new("invalid_transaction_state").with(reason)
            }
        }
        LedgerError::Unconfirmed { .. } => Refusal::new("settlement_pending"),
        error => {
            tracing::warn!(error = %without_addresses(error), "the chain could not be asked");
            Refusal::of_ledger()
        }
    }
}

/// `GET /supported`.
async fn supported(State(facilitator): State<Facilitator>) -> Result<Response, ApiError> {
    let chain_id = facilitator.transfers().map(|transfers| transfers.chain_id()).unwrap_or_default();
    let kind = |version: Version| json!({"x402Version": u64::from(version), "scheme": SCHEME, "network": network_name(version, chain_id)});
    let kinds = [Version::Two, Version::One].map(kind);
    let signer = facilitator.0.account.signer().address();
    let told = json!({"kinds": kinds, "extensions": [], "signers": {"eip155:*": [signer]}});
    Ok(axum::Json(told).into_response())
}

/// `POST /verify`.
async fn verify(State(facilitator): State<Facilitator>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let _slot = facilitator.enter(&headers)?;
    let (payer, checked) = match Asked::read(&body) {
        Ok(asked) => (Some(asked.transfer.authorization.from), facilitator.verified(&asked).await),
        Err(refusal) => (None, Err(refusal)),
    };
    let (status, told) = match checked {
        Ok(()) => (200, json!({"isValid": true, "payer": payer})),
        Err(Refusal { status, reason, message }) => {
            let reason = reason.unwrap_or_else(|| "unexpected_verify_error".into());
            (status, told(json!({"isValid": false, "invalidReason": reason}), "invalidMessage", message, payer))
        }
    };
    Ok(answer(status, told))
}

/// `POST /settle`.
async fn settle(State(facilitator): State<Facilitator>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let _slot = facilitator.enter(&headers)?;
    let (payer, network, amount, settled) = match Asked::read(&body) {
        Ok(asked) => {
            let settled = facilitator.settled(&asked).await;
            let Asked { price, transfer, .. } = asked;
            (Some(transfer.authorization.from), price.network, Some(price.amount), settled)
        }
        Err(refusal) => (None, String::new(), None, Err(refusal)),
    };
    let (status, told) = match settled {
        Ok(transaction) => {
            let told = json!({"success": true, "transaction": transaction, "network": network, "payer": payer, "amount": amount});
            (200, told)
        }
        Err(Refusal { status, reason, message }) => {
            let reason = reason.unwrap_or_else(|| "unexpected_settle_error".into());
            let failed = json!({"success": false, "errorReason": reason, "transaction": "", "network": network});
            (status, told(failed, "errorMessage", message, payer))
        }
    };
    Ok(answer(status, told))
}

/// A refusal, with what is known beside it.
fn told(mut told: Value, name: &str, message: Option<String>, payer: Option<Address>) -> Value {
    if let Some(message) = message {
        told[name] = message.into();
    }
    if let Some(payer) = payer {
        told["payer"] = json!(payer);
    }
    told
}

fn answer(status: u16, told: Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(told)).into_response()
}

/// Refuses what an address asks too often.
async fn of_address(State(facilitator): State<Facilitator>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
    if request.uri().path() != "/health"
        && let Err(limited) = facilitator.0.limiter.check_address(peer, request.headers())
    {
        let error = ApiError::from(limited);
        return ApiError { code: "facilitator.rate_limited".into(), ..error }.into_response();
    }
    next.run(request).await
}

impl std::fmt::Debug for Facilitator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Facilitator").field(&self.0.terms).finish()
    }
}
