//! Buying from any server that speaks x402, over HTTP.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use blocking::unblock;
use lazai_core::{Address, Amount, Signer};
use lazai_settle::ledger::{Clock, SystemClock};
use ureq::http::{Request, Uri};
use ureq::tls::RootCerts;

use super::client::{agent, retry_after_of, roots};
use crate::payer::{PayError, Payer, PayerBook, SignedPayment, SpendingLimit, request_digest};
use crate::wire::payment::{PAYMENT, REQUIRED};
use crate::wire::x402::{Outcome, PAYMENT_V1, PaymentRequired};

/// Largest answer that is read: 64 MiB.
const MAX_BOUGHT_BYTES: u64 = 64 << 20;
/// Largest book that is read: 16 MiB.
const MAX_BOOK_BYTES: u64 = 16 << 20;
/// How often a payment is sent whose answer is lost, and the first pause between; each is twice as long as the one before.
const SENDS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// How often a payment is sent to a server that asks for patience, and the longest pause that it gets.
const PATIENCE: u32 = 24;
const MOST_PATIENT: Duration = Duration::from_secs(10);

/// A request to a server that may want to be paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purchase {
    /// The method, such as `GET`.
    pub method: String,
    /// The URL: `https`, or `http` on this machine.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server's answer, and what was paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// The status. Redirects are not followed.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What was paid; `None` if the server wanted nothing.
    pub paid: Option<Paid>,
}

/// What was paid for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The chain, as the server names it.
    pub network: String,
    /// The ERC-20.
    pub asset: Address,
    /// The amount, in base units.
    pub amount: Amount,
    /// The payee.
    pub pay_to: Address,
    /// What the server says of the payment.
    pub outcome: Option<Outcome>,
}

/// A client of any server that speaks x402: it pays within a payer's limits, and sends a payment again whose answer was lost. Its futures
/// need no particular runtime.
///
/// Requests that are alike in method, URL and body share a payment until it is answered.
///
/// # Example
/// ```no_run
/// # async fn buy(signer: lazai::LocalSigner, limit: lazai::payer::SpendingLimit) -> lazai::Result<()> {
/// use std::sync::Arc;
///
/// use lazai::http::{PayingClient, Purchase};
///
/// let client = PayingClient::open("purse.json".as_ref(), Arc::new(signer), vec![limit])?;
/// let report = client.buy(&Purchase::get("https://server.example/report")).await?;
/// println!("{:?} for {} bytes", report.paid, report.body.len());
/// # Ok(())
/// # }
/// ```
pub struct PayingClient {
    payer: Payer,
    agent: ureq::Agent,
    book: Option<Kept>,
    clock: Arc<dyn Clock>,
}

/// A payer's book on disk.
struct Kept {
    path: PathBuf,
    /// One process has it at a time.
    _lock: File,
    /// One state after the other.
    writing: async_lock::Mutex<()>,
}

impl Purchase {
    /// A request without a body.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self { method: "GET".into(), url: url.into(), ..Self::default() }
    }

    /// A request that brings JSON.
    #[must_use]
    pub fn post_json(url: &str, json: &str) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { method: "POST".into(), url: url.into(), headers, body: json.into() }
    }

    /// Refuses what no payment should go with.
    fn check(&self) -> Result<(), PayError> {
        let refused = |reason: &str| PayError::Unsafe { reason: reason.into() };
        let url: Uri = self.url.parse().map_err(|_| refused("the URL is none"))?;
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_here =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            _ => return Err(refused("a payment goes over https, or stays on this machine")),
        }
        let pays = |(name, _): &&(String, String)| {
            [PAYMENT, PAYMENT_V1, REQUIRED].iter().any(|header| name.eq_ignore_ascii_case(header))
        };
        match self.headers.iter().find(pays) {
            Some((name, _)) => Err(refused(&format!("the header {name} is the payer's to write"))),
            None => Ok(()),
        }
    }

    fn request(&self, payment: Option<&SignedPayment>) -> Result<Request<Vec<u8>>, PayError> {
        let mut request = Request::builder().method(&*self.method).uri(&*self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(payment) = payment {
            request = request.header(payment.version.header(), &payment.header);
        }
        request.body(self.body.clone()).map_err(|e| PayError::Unsafe { reason: e.to_string() })
    }
}

/// An answer, as far as it matters here.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

impl Answer {
    fn bought(self, paid: Option<Paid>) -> Bought {
        let Self { status, headers, body, .. } = self;
        Bought { status, headers, body, paid }
    }

    /// The time that the server wants: it has the payment, and is not done with it.
    fn patience(&self) -> Option<Duration> {
        let is_busy = [429, 503].contains(&self.status);
        self.retry_after.filter(|after| is_busy && *after <= MOST_PATIENT)
    }
}

fn sent(agent: &ureq::Agent, request: Request<Vec<u8>>) -> Result<Answer, String> {
    let (parts, body) = request.into_parts();
    let answered = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))
    } else {
        agent.run(Request::from_parts(parts, body))
    };
    let mut response = answered.map_err(|e| e.to_string())?;
    let retry_after = retry_after_of(response.headers().get("retry-after"));
    let text = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers = response.headers().iter().filter_map(text).collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_BOUGHT_BYTES).read_to_vec().map_err(|e| e.to_string())?;
    Ok(Answer { status, headers, body, retry_after })
}

impl PayingClient {
    /// A client of a payer whose book is its caller's to keep: without, a process that is killed forgets what it signed.
    #[must_use]
    pub fn new(payer: Payer) -> Self {
        Self { payer, agent: agent(RootCerts::WebPki), book: None, clock: Arc::new(SystemClock) }
    }

    /// A client whose book is a file, which is made if it is not there: limits hold over every start, and a payment whose answer was
    /// lost with the process is sent again by the next one. One process has the file at a time.
    ///
    /// # Errors
    /// [`PayError::Book`].
    pub fn open(path: &Path, signer: Arc<dyn Signer>, limits: Vec<SpendingLimit>) -> Result<Self, PayError> {
        let failed = |reason: String| PayError::Book { path: path.into(), reason };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            lazai_core::file::make_private_folder(folder).map_err(|e| failed(e.to_string()))?;
        }
        // The file itself is replaced as a whole with each change.
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = File::create(&beside).map_err(|e| failed(e.to_string()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(failed("another process pays by this book".into())),
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
                tracing::warn!("nothing keeps a second process from this book: it has no locks here");
            }
            Err(TryLockError::Error(e)) => return Err(failed(e.to_string())),
        }
        let book = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => PayerBook::default(),
            Ok(about) if about.len() > MAX_BOOK_BYTES => {
                return Err(failed(format!("{} bytes, at most {MAX_BOOK_BYTES} are read", about.len())));
            }
            about => {
                let read = about.and_then(|_| std::fs::read(path)).map_err(|e| failed(e.to_string()))?;
                serde_json::from_slice(&read).map_err(|e| failed(lazai_core::quiet::json_error(&e)))?
            }
        };
        let kept = Kept { path: path.into(), _lock: lock, writing: async_lock::Mutex::default() };
        Ok(Self { book: Some(kept), ..Self::new(Payer::resume(signer, limits, book)) })
    }

    /// Trusts these certificate authorities instead of public ones: certificates in PEM.
    ///
    /// # Errors
    /// [`PayError::Unsafe`] if there is none in it, or something that is none.
    pub fn with_root_certificates(mut self, pem: &[u8]) -> Result<Self, PayError> {
        self.agent = agent(roots(pem).map_err(|e| PayError::Unsafe { reason: e.to_string() })?);
        Ok(self)
    }

    /// Signs by another clock than the machine's: for chains whose time is another one.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The payer.
    #[must_use]
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// What the server wants for a request; `None` if it answers without a payment. Nothing is paid.
    ///
    /// # Errors
    /// [`PayError::Transport`], [`PayError::NotX402`], [`PayError::Unsafe`].
    pub async fn prices(&self, purchase: &Purchase) -> Result<Option<PaymentRequired>, PayError> {
        purchase.check()?;
        let answer = self.send(purchase, None).await?.map_err(|reason| PayError::Transport { reason })?;
        if answer.status != 402 {
            return Ok(None);
        }
        Ok(Some(PaymentRequired::read(&answer.headers, &answer.body)?))
    }

    /// Sends a request; pays if the server wants that, at most once, and sends it again with the payment.
    ///
    /// # Errors
    /// [`PayError`]. After [`PayError::Unanswered`] and [`PayError::Refused`] the same request goes out with the same payment, as long as
    /// that may be taken.
    pub async fn buy(&self, purchase: &Purchase) -> Result<Bought, PayError> {
        purchase.check()?;
        let request = request_digest(&purchase.method, &purchase.url, &purchase.body);
        let payment = match self.payer.open(request, self.clock.now_s()) {
            Some(open) => open,
            None => {
                let first = self.send(purchase, None).await?.map_err(|reason| PayError::Transport { reason })?;
                if first.status != 402 {
                    return Ok(first.bought(None));
                }
                let payment = self.payer.pay(request, &first.headers, &first.body, self.clock.now_s()).await?;
                // On disk before anybody has it.
                self.keep().await?;
                payment
            }
        };
        let answer = self.paid(purchase, &payment).await?;
        let outcome = self.payer.answered(&payment, answer.status, &answer.headers, &answer.body);
        if let Err(error) = self.keep().await {
            // What was bought is here: the next purchase that cannot be written down is not made.
            tracing::warn!(%error, "the book of a payer could not be written");
        }
        let SignedPayment { network, asset, amount, pay_to, .. } = payment;
        Ok(answer.bought(Some(Paid { network, asset, amount, pay_to, outcome: outcome? })))
    }

    /// The answer to a request with a payment, which is sent again if none comes.
    async fn paid(&self, purchase: &Purchase, payment: &SignedPayment) -> Result<Answer, PayError> {
        let (mut lost, mut waited, mut pause) = (0, 0, PAUSE);
        loop {
            let next = match self.send(purchase, Some(payment)).await? {
                Ok(answer) => match answer.patience().filter(|_| waited < PATIENCE) {
                    Some(after) => {
                        waited += 1;
                        after
                    }
                    None => return Ok(answer),
                },
                Err(_) if lost + 1 < SENDS => {
                    lost += 1;
                    pause *= 2;
                    pause / 2
                }
                Err(reason) => {
                    let SignedPayment { amount, asset, .. } = *payment;
                    return Err(PayError::Unanswered { amount, asset, reason });
                }
            };
            unblock(move || std::thread::sleep(next)).await;
        }
    }

    /// The answer to a request; within, why there is none.
    async fn send(
        &self,
        purchase: &Purchase,
        payment: Option<&SignedPayment>,
    ) -> Result<Result<Answer, String>, PayError> {
        let (agent, request) = (self.agent.clone(), purchase.request(payment)?);
        Ok(unblock(move || sent(&agent, request)).await)
    }

    async fn keep(&self) -> Result<(), PayError> {
        let Some(Kept { path, writing, .. }) = &self.book else { return Ok(()) };
        let _turn = writing.lock().await;
        let (path, book) = (path.clone(), self.payer.to_book());
        unblock(move || {
            let failed = |reason: String| PayError::Book { path: path.clone(), reason };
            let bytes = serde_json::to_vec(&book).map_err(|e| failed(e.to_string()))?;
            lazai_core::file::write_privately(&path, &bytes).map_err(|e| failed(e.to_string()))
        })
        .await
    }
}

impl std::fmt::Debug for PayingClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayingClient").field("payer", &self.payer).finish_non_exhaustive()
    }
}
