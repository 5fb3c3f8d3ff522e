//! The loopback proxy: an endpoint on the consumer's own machine for clients that know nothing of all this.

mod book;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai_core::{Amount, Asset, Digest, MoneyError, SessionId};
use lazai_settle::ledger::LedgerError;
use lazai_settle::session::SessionPayment;
use serde_json::json;
use thiserror::Error;
use tokio::sync::Mutex;

use super::MAX_REQUEST_BYTES;
use super::client::HttpNode;
use super::front::{no_model, refusal};
use super::openai::{ApiError, Asked};
use super::payment::Served;
use super::reply::{self, Pieces};
use super::talk::Model;
use crate::account::SendError;
use crate::consumer::{Consumer, ConsumerError, TakeBack};
use crate::node::{ChatReply, NodeError};
use book::{Book, Open, Plan};

/// Why a proxy cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoopbackError {
    /// Its folder cannot be read or written, or holds something else.
    #[error("{path}: {reason}")]
    Book {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// No randomness for the number of a session.
    #[error("no randomness from the system")]
    NoRandomness,
}

impl From<LoopbackError> for ApiError {
    fn from(error: LoopbackError) -> Self {
        Self::new(500, "loopback.book", error)
    }
}

impl From<MoneyError> for ApiError {
    fn from(error: MoneyError) -> Self {
        Self::new(500, "loopback.book", error)
    }
}

/// What a proxy may spend. Base units of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The asset; offers in others are not taken.
    pub asset: Asset,
    /// The most that is spent in all, over every start of the proxy on its folder.
    pub total: Amount,
    /// What is reserved for one session; what is not spent of it comes back when the session ends.
    pub deposit: Amount,
}

/// A local OpenAI endpoint: it opens sessions with a node, pays within a budget, has every receipt checked, and passes
/// replies on. Conversations are kept in a folder, with their receipts.
///
/// Bind it to a loopback address only: whoever reaches it spends the budget. Requests that a web page of another origin
/// could make are refused (by `Host` and content type), and with [`with_key`](Self::with_key) everyone without the key.
///
/// # Example
/// ```no_run
/// # use lazai::consumer::Consumer;
/// # async fn serve(consumer: Consumer) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::core::{Amount, Asset};
/// use lazai::http::{Budget, HttpNode, Loopback};
///
/// let units = Amount::from_base_units;
/// let budget = Budget { asset: Asset::NATIVE, total: units(1_000_000), deposit: units(20_000) };
/// let proxy = Loopback::open(consumer, HttpNode::new("https://node.example")?, budget, "proxy")?.with_key("my key");
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8029").await?;
/// axum::serve(listener, proxy.router()).await?;    // now any client of OpenAI's talks to http://127.0.0.1:8029/v1
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Loopback {
    inner: Arc<Inner>,
    key: Option<Arc<str>>,
}

struct Inner {
    consumer: Consumer,
    node: HttpNode,
    budget: Budget,
    // One reply at a time: sessions count their turns.
    book: Mutex<Book>,
}

impl Loopback {
    /// A proxy to a node, with its conversations in a folder.
    ///
    /// # Errors
    /// [`LoopbackError::Book`].
    pub fn open(
        consumer: Consumer,
        node: HttpNode,
        budget: Budget,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, LoopbackError> {
        let book = Mutex::new(Book::open(folder.into())?);
        Ok(Self { inner: Arc::new(Inner { consumer, node, budget, book }), key: None })
    }

    /// Serves only who sends this key, as OpenAI's clients send theirs.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What answers requests.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/models", get(models))
            .route("/v1/models/{id}", get(model))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/lazai/budget", get(budget))
            .fallback(
                |uri: Uri| async move { ApiError::new(404, "request.path", format!("nothing at {}", uri.path())) },
            )
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
            .with_state(self.clone())
    }

    /// What was spent so far, over all starts.
    ///
    /// # Errors
    /// [`ApiError`] if the sum has no result.
    pub async fn spent(&self) -> Result<Amount, ApiError> {
        Ok(self.inner.book.lock().await.spent()?)
    }
}

impl Inner {
    /// One reply, and what is paid for it.
    async fn turn(&self, asked: Asked, mut pieces: Pieces) -> Result<Served, ApiError> {
        let mut book = self.book.lock().await;
        for last_try in [false, true] {
            let mut open = self.session(&mut book, &asked.model, last_try).await?;
            let mut said = false;
            let mut on_text = |text: &str| {
                said = true;
                pieces.text(text);
            };
            let (messages, node) = (asked.messages.clone(), &self.node);
            let conversation = &mut open.conversation;
            let asking = self.consumer.ask(conversation, node, messages, asked.settings, &mut on_text).await;
            book.keep(&asked.model, open)?;
            match asking {
                Ok(ChatReply { text, tokens, receipt }) => {
                    let (text, device) = (pieces.complete(&text), "remote".into());
                    return Ok(Served { receipt, tokens, text, adapter: "claimed".into(), device });
                }
                Err(error) if !last_try && !said && is_over(&error) => {
                    tracing::info!(%error, "the session is over; another is opened");
                }
                Err(error) => return Err(failure(&error)),
            }
        }
        Err(ApiError::new(502, "node.transport", "no session holds"))
    }

    /// A session with a model that can pay for the next reply: the present one, or a new one within the budget.
    async fn session(&self, book: &mut Book, model: &str, anew: bool) -> Result<Open, ApiError> {
        let now_s = self.consumer.now_s();
        if let Some(open) = book.present(model).filter(|open| !anew && open.can_go_on(now_s)) {
            return Ok(open.clone());
        }
        book.finish(model)?;
        self.take_back(book, now_s).await;
        // A plan that was not carried out comes first: under its number, the same session is opened, or found open.
        let planned = book.planned(model).cloned();
        let opened = match &planned {
            Some(plan) => self.carry_out(book, model, plan, now_s).await,
            None => None,
        };
        match opened {
            Some(opened) => opened,
            None => {
                let plan = self.plan(book, model).await?;
                let refused = || ApiError::new(402, "consumer.ledger", "the ledger refuses the session");
                self.carry_out(book, model, &plan, now_s).await.unwrap_or_else(|| Err(refused()))
            }
        }
    }

    /// Opens what is planned; `None` if the ledger refuses it for good.
    async fn carry_out(&self, book: &mut Book, model: &str, plan: &Plan, now_s: u64) -> Option<Result<Open, ApiError>> {
        let deposit = plan.deposit;
        match self.consumer.open(plan.nonce, &plan.offer, SessionPayment::Deposit(deposit)).await {
            Ok(conversation) => {
                let deadline_s = now_s.saturating_add(plan.offer.offer.session_s);
                let open = Open { deposit, deadline_s, conversation };
                let kept = book.keep(model, open.clone());
                Some(kept.map(|()| open).map_err(ApiError::from))
            }
            Err(SendError::Ledger(error @ (LedgerError::Market(_) | LedgerError::Reverted { .. }))) => {
                tracing::info!(%error, "a session is refused");
                book.give_up(model);
                None
            }
            // Whether it got through is not known: the plan stays.
            Err(error) => Some(Err(failure(&error.into()))),
        }
    }

    /// Chooses what a new session is opened under, and keeps it before anything is sent.
    async fn plan(&self, book: &mut Book, model: &str) -> Result<Plan, ApiError> {
        let models = self.node.models().await.map_err(|e| remote(&e))?;
        let Model { offer, .. } = models.into_iter().find(|m| m.id == model).ok_or_else(|| no_model(model))?;
        if offer.offer.asset != self.budget.asset {
            let (wanted, has) = (offer.offer.asset, self.budget.asset);
            return Err(ApiError::new(
                402,
                "loopback.asset",
                format!("the node wants {wanted}, the budget is of {has}"),
            ));
        }
        let (bound, step) = (book.bound()?, offer.offer.step()?);
        let left = self.budget.total.checked_sub(bound).unwrap_or(Amount::ZERO);
        let deposit = left.min(self.budget.deposit);
        if deposit < step {
            let message =
                format!("a reply may cost {step}; {left} of the budget is left, {} a session", self.budget.deposit);
            return Err(ApiError::new(402, "loopback.budget", message));
        }
        let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
        let nonce = u64::from_le_bytes(random.as_bytes().first_chunk().copied().unwrap_or_default());
        let plan = Plan { nonce, deposit, offer };
        book.plan(model, plan.clone())?;
        Ok(plan)
    }

    /// What ended sessions did not use. A ledger that refuses is asked again next time.
    async fn take_back(&self, book: &mut Book, now_s: u64) {
        for session in book.ended(now_s) {
            match self.consumer.take_back(session).await {
                Ok(TakeBack::Done) => book.taken_back(session),
                // It is asked again next time.
                Ok(TakeBack::FinalAt(at_s)) => tracing::info!(%session, at_s, "its end is asked for"),
                Err(error) => tracing::info!(%session, %error, "not taken back yet"),
            }
        }
    }
}

/// Whether a new session helps.
fn is_over(error: &ConsumerError) -> bool {
    match error {
        ConsumerError::Node(error) => matches!(
            error.code(),
            "node.not_served" | "node.deposit_exhausted" | "node.turn_out_of_order" | "node.market"
        ),
        _ => false,
    }
}

fn remote(error: &NodeError) -> ApiError {
    let status = match error.code() {
        "node.moderated" | "node.prompt_too_long" | "request.invalid" => 400,
        "node.busy" => 503,
        "node.transport" => 502,
        // Trying again at once would not help, and may cost.
        _ => 500,
    };
    ApiError::new(status, error.code(), error)
}

fn failure(error: &ConsumerError) -> ApiError {
    match error {
        ConsumerError::Node(error @ (NodeError::Refused { .. } | NodeError::Transport { .. })) => remote(error),
        ConsumerError::Node(error) => refusal(error),
        ConsumerError::Receipt { .. } | ConsumerError::ReceiptSignature(_) => {
            ApiError::new(500, "consumer.receipt", format!("not paid: {error}"))
        }
        ConsumerError::Send(_) => ApiError::new(402, "consumer.ledger", error),
        _ => ApiError::new(500, "consumer.failed", error),
    }
}

/// Keeps out what does not come from this machine's own programs.
async fn guard(State(proxy): State<Loopback>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    // A page that has its own name point here would send that name.
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return ApiError::new(403, "loopback.host", "only requests to this machine by its own name").into_response();
    }
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|t| t.to_str().ok());
    let is_json = is_json.is_some_and(|t| t.to_ascii_lowercase().starts_with("application/json"));
    if request.method() == axum::http::Method::POST && !is_json {
        return ApiError::new(400, "request.invalid", "content-type is not application/json").into_response();
    }
    if let Some(key) = &proxy.key
        && !bearer(headers).is_some_and(|sent| same(sent.as_bytes(), key.as_bytes()))
    {
        return ApiError::new(401, "loopback.key", "another key than the proxy's").into_response();
    }
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Compares digests, so that how long it takes says nothing of where keys differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    lazai_core::digest::sha256(one) == lazai_core::digest::sha256(other)
}

async fn list(proxy: &Loopback) -> Result<Vec<serde_json::Value>, ApiError> {
    let models = proxy.inner.node.models().await.map_err(|e| remote(&e))?;
    let about = |Model { id, name, offer }| {
        json!({
            "id": id, "object": "model", "created": 0, "owned_by": offer.offer.node,
            "lazai": {"name": name, "offer": offer},
        })
    };
    Ok(models.into_iter().map(about).collect())
}

async fn models(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    Ok(axum::Json(json!({"object": "list", "data": list(&proxy).await?})).into_response())
}

async fn model(State(proxy): State<Loopback>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let found = list(&proxy).await?.into_iter().find(|model| model["id"] == id);
    found.map(|model| axum::Json(model).into_response()).ok_or_else(|| no_model(&id))
}

async fn chat(State(proxy): State<Loopback>, body: Bytes) -> Result<Response, ApiError> {
    let mut asked = Asked::parse(&body)?;
    // Who asks the same again wants another reply, and says so by no number.
    if asked.settings.seed.is_none() {
        let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
        asked.settings.seed = random.as_bytes().first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    }
    let wanted = asked.clone();
    reply::answer(&wanted, move |pieces| async move { proxy.inner.turn(asked, pieces).await }).await
}

async fn budget(State(proxy): State<Loopback>) -> Result<Response, ApiError> {
    let Budget { asset, total, deposit } = proxy.inner.budget;
    let book = proxy.inner.book.lock().await;
    let spent = book.spent()?;
    let sessions: Vec<SessionId> = book.sessions().collect();
    Ok(axum::Json(json!({
        "asset": asset, "total": total, "deposit": deposit, "spent": spent, "sessions": sessions,
    }))
    .into_response())
}

impl std::fmt::Debug for Loopback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loopback {{ consumer: {:?}, node: {:?} }}", self.inner.consumer, self.inner.node)
    }
}
