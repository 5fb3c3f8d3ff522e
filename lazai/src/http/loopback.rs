//! The loopback proxy: an endpoint on the consumer's own machine for unmodified clients.

mod agents;
mod book;
mod budget;
mod ending;
mod local;
mod memory;
mod nodes;
mod once;
mod page;
mod replies;
mod sealed;
mod sessions;
mod speech;
mod turns;
mod verdict;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{self, Arc, OnceLock};

use axum::Router;
use lazai_core::file::write_privately;
use lazai_core::{Amount, Digest, MoneyError};
use lazai_lora::Encoder;
use thiserror::Error;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use super::client::HttpNode;
use super::embed::Named;
use super::openapi::Server;
use super::serving::Serving;
use crate::consumer::Consumer;
use crate::wire::openai::ApiError;
use book::Book;
pub use budget::Budget;
pub use memory::Memories;
use nodes::Nodes;
use once::Once;
use sealed::Sealed;
use turns::Turns;

/// Why a proxy cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoopbackError {
    /// Its folder cannot be read or written, holds something else, or belongs to another proxy.
    #[error("{path}: {reason}")]
    Book {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// No randomness for a session's nonce, or for a key.
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

/// A local OpenAI endpoint: it opens sessions with nodes, pays within a budget, has every receipt checked, and passes
/// replies on. It keeps conversations with their receipts in a folder.
///
/// **Several replies at a time.** A character's replies are made in up to [`Budget::sessions`] sessions, each of which makes one at a
/// time. A conversation goes on in the session that it was in, if nobody uses it; another is opened only if all are in use.
///
/// **Several nodes.** A version that several nodes offer is one model. A session is opened with the cheapest that answers: offers are
/// compared by 1,000 tokens read and 250 said; of those within a tenth of the cheapest, the node with the shortest time to the first
/// words is taken (a moving average, in which the last reply counts a quarter; at first, the time in which it told its models). A node
/// that does not answer or fails is left for two seconds, four, and so on up to a minute, and the next one is asked, unless words of the
/// reply were passed on. URLs whose offers are of one address are replicas of one node: a session goes on at the next of them, with
/// the same request, also in mid-reply. An offer that its node did not sign is passed over.
///
/// **Sealed.** What is said is sealed to a key that the session's node signed, where it tells one. A node that did so once is sent nothing
/// in clear text again, also after a restart.
///
/// The unused deposit of a session is taken back as soon as nothing more is paid in it: at once by the node's release, or
/// by the ledger after the dispute window. A task beside the [`router`](Self::router) does this from its start on, every
/// minute, as long as the proxy exists. A folder belongs to one proxy at a time.
///
/// A request with an `Idempotency-Key` is paid once: asked again within a day, also after a crash, the same reply comes from the
/// folder.
///
/// Bind it to a loopback address only: anybody who reaches it and has its key spends the budget. Unless another key is set,
/// the key is in the folder, in a file that only its owner can read ([`key`](Self::key)). Requests that a web page of
/// another origin could make are refused too (by `Host`, `Origin`, `Sec-Fetch-Site` and content type).
///
/// # Example
/// ```no_run
/// # use lazai::consumer::Consumer;
/// # async fn serve(consumer: Consumer) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::core::{Amount, Asset};
/// use lazai::http::{Budget, HttpNode, Loopback};
///
/// let units = Amount::from_base_units;
/// let budget = Budget {
///     asset: Asset::NATIVE,
///     total: units(1_000_000),
///     deposit: units(20_000),
///     max_step: units(5_000),
///     ..Budget::default()    // sessions of a day at most
/// };
/// let nodes = vec![HttpNode::new("https://node.example")?, HttpNode::new("https://other.example")?];
/// let proxy = Loopback::open(consumer, nodes, budget, "proxy")?;
/// println!("OPENAI_API_KEY={}", proxy.key().unwrap_or_default());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8029").await?;
/// axum::serve(listener, proxy.router()).await?;    // now any client of OpenAI's talks to http://127.0.0.1:8029/v1
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Loopback {
    inner: Arc<Inner>,
    key: Option<Arc<str>>,
    encoder: Option<Arc<Named>>,
}

struct Inner {
    consumer: Consumer,
    nodes: Nodes,
    budget: Budget,
    // Nobody who has this waits for a node or the ledger.
    book: Mutex<Book>,
    turns: Arc<Turns>,
    // One session's end at a time. Nobody who has this waits for the book.
    ending: Mutex<()>,
    once: Once,
    memories: OnceLock<Memories>,
    /// Where evidence of each reply is written.
    evidence: OnceLock<PathBuf>,
    agents: agents::Agents,
    /// Wakes the task that takes deposits back.
    woken: Arc<Notify>,
    task: sync::Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    /// The task finds the proxy gone, and ends.
    fn drop(&mut self) {
        self.woken.notify_one();
    }
}

impl Loopback {
    /// A proxy to some nodes, with its conversations and its key in a folder; the key is made at random the first time.
    ///
    /// # Errors
    /// [`LoopbackError::Book`], [`LoopbackError::NoRandomness`].
    pub fn open(
        consumer: Consumer,
        nodes: Vec<HttpNode>,
        budget: Budget,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, LoopbackError> {
        let folder = folder.into();
        let key = Some(key_in(&folder)?.into());
        let once = Once::new(&folder);
        let (book, turns) = (Mutex::new(Book::open(folder.clone())?), Arc::default());
        let nodes = Nodes::new(nodes, consumer.account().domain(), Sealed::open(&folder)?);
        let (ending, woken, task) = (Mutex::new(()), Arc::new(Notify::new()), sync::Mutex::new(None));
        let (memories, evidence, agents) = (OnceLock::new(), OnceLock::new(), agents::Agents::default());
        let inner =
            Inner { consumer, nodes, budget, book, turns, ending, once, memories, evidence, agents, woken, task };
        Ok(Self { inner: Arc::new(inner), key, encoder: None })
    }

    /// Serves only clients that send this key, as OpenAI's clients do.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Serves without a key: every user and program of this machine that reaches it spends the budget.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// Also embeds texts (`POST /v1/embeddings`), by an encoder of this name on this machine: no node reads them, and they cost
    /// nothing.
    #[must_use]
    pub fn with_encoder(mut self, name: &str, encoder: Encoder) -> Self {
        self.encoder = Some(Arc::new(Named::new(name, encoder)));
        self
    }

    /// Recalls what was said before into each request's last message, and remembers each reply: a memory for each character. The first
    /// call decides. Clients see none of it; the recalled words are part of the prompt, and are paid as such.
    #[must_use]
    pub fn with_memory(self, memories: Memories) -> Self {
        let _ = self.inner.memories.set(memories);
        self
    }

    /// Writes evidence of each reply to a folder, in files that only its owner can read, for who repeats it
    /// ([`ReplyEvidence`](crate::recheck::ReplyEvidence)). It has all words of the conversation. The first call decides.
    #[must_use]
    pub fn with_evidence(self, folder: impl Into<PathBuf>) -> Self {
        let _ = self.inner.evidence.set(folder.into());
        self
    }

    /// The key that clients must send; `None` for a proxy without one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What a proxy answers, as an OpenAPI 3.1 document: also at `GET /openapi.json`.
    #[must_use]
    pub fn openapi() -> serde_json::Value {
        Server::Proxy.document()
    }

    /// The routes. Inside a runtime, deposits of ended sessions are taken back from now on; otherwise from the first reply
    /// on.
    pub fn router(&self) -> Router {
        self.inner.keep_taking_back();
        local::router(self)
    }

    /// Serves at an address of this machine, such as `127.0.0.1:8029`, on threads of its own until the server is dropped: for programs
    /// without a runtime. Replies under way get half a minute then.
    ///
    /// # Errors
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) for an address that others reach; the operating system's error, such as an
    /// address in use.
    pub fn spawn(&self, address: impl ToSocketAddrs) -> std::io::Result<Serving> {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let message = format!("{open}: others reach this address, and would spend the budget");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
        }
        let proxy = self.inner.clone();
        Serving::of(&*addresses, None, self.router(), Box::new(|_| true), async move { proxy.keep_taking_back() })
    }

    /// The amount spent so far, over all starts.
    ///
    /// # Errors
    /// [`ApiError`] if the sum has no result.
    pub async fn spent(&self) -> Result<Amount, ApiError> {
        Ok(self.inner.book.lock().await.spent()?)
    }
}

/// The key in a folder.
fn key_in(folder: &Path) -> Result<String, LoopbackError> {
    let path = folder.join("key");
    let failed = |reason: String| LoopbackError::Book { path: path.clone(), reason };
    match std::fs::read_to_string(&path) {
        Ok(key) if key.trim().len() >= 32 => Ok(key.trim().to_owned()),
        Ok(_) => Err(failed("is no key: remove it, and another is made".into())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
            let key = hex::encode(random.as_bytes());
            write_privately(&path, key.as_bytes()).map_err(|e| failed(e.to_string()))?;
            Ok(key)
        }
        Err(e) => Err(failed(e.to_string())),
    }
}

impl std::fmt::Debug for Loopback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loopback {{ consumer: {:?}, nodes: {:?} }}", self.inner.consumer, self.inner.nodes)
    }
}
