//! The line to a database: one connection, made anew when it breaks, on a thread of its own, so that a book needs nobody's runtime.

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::{BookError, Claim};

/// The time for which a database that is away is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time within which a database that is there answers.
const ANSWER: Duration = Duration::from_secs(10);
/// The pause before another try.
const BREATH: Duration = Duration::from_millis(100);

/// How soon the server gives up a connection to a machine that is gone.
const KEEPALIVES: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";

/// What is done over a connection; it may be done again over another.
pub(super) type Work<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Why work over a connection failed.
pub(super) enum Failure {
    /// The connection, or the server for now: another try may help.
    Again(BookError),
    Final(BookError),
}

pub(super) fn failed(reason: impl Display) -> BookError {
    BookError::new("PostgreSQL", reason)
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_away = match error.as_db_error() {
            Some(said) => {
                let code = said.code();
                // Shutting down, starting, full, broken off, two at once, or no longer the primary (PostgreSQL's manual, appendix A).
                ["57P", "08", "25006", "40", "53"].iter().any(|class| code.code().starts_with(class))
                    || *code == SqlState::LOCK_NOT_AVAILABLE
            }
            None => error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>()),
        };
        // Its own words leave out why.
        let why = error.as_db_error().map(|said| format!("{} ({})", said.message(), said.code().code()));
        let why = why.or_else(|| error.source().map(|source| format!("{error}: {source}")));
        let reason = failed(why.unwrap_or_else(|| error.to_string()));
        if is_away { Self::Again(reason) } else { Self::Final(reason) }
    }
}

/// A line to a database.
pub(super) struct Line {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    config: Config,
    tls: MakeRustlsConnect,
    client: Mutex<Option<Arc<Client>>>,
}

impl Line {
    pub(super) fn new(url: &str, authorities: Option<&[u8]>) -> Result<Self, BookError> {
        // Its error does not repeat the text, in which a password may stand.
        let mut config: Config = url.parse().map_err(failed)?;
        let (seconds, defaults) = (Duration::from_secs, Config::new());
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(seconds(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(ANSWER);
        }
        if config.get_keepalives_idle() == defaults.get_keepalives_idle() {
            config.keepalives_idle(seconds(10)).keepalives_interval(seconds(3)).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("lazai");
        }
        if authorities.is_some() {
            // Who names them does not want to talk without TLS.
            config.ssl_mode(SslMode::Require);
        }
        let tls = MakeRustlsConnect::new(trust(authorities)?);
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("lazai-book").enable_all().build();
        let shared = Arc::new(Shared { config, tls, client: Mutex::default() });
        Ok(Self { shared, runtime: Some(runtime.map_err(failed)?) })
    }

    /// Does some work, again while the database is away, for at most twenty seconds and, where the work itself may wait, that long.
    pub(super) fn run<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl Fn(Arc<Client>) -> Work<T> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<T, BookError>> + Send>> {
        let shared = self.shared.clone();
        let Some(runtime) = &self.runtime else { return Box::pin(async { Err(failed("closed")) }) };
        // The runtime's own task: whoever waits for it may be on any thread.
        let task = runtime.spawn(async move { shared.run(wait, work).await });
        Box::pin(async move { task.await.map_err(failed)? })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The last owner may be on another runtime's thread, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    async fn run<T>(&self, wait: Duration, work: impl Fn(Arc<Client>) -> Work<T>) -> Result<T, BookError> {
        let until = Instant::now() + PATIENCE;
        loop {
            // Who waits for the connection that another makes waits no longer, either.
            let left = until.saturating_duration_since(Instant::now()).max(BREATH);
            let client = timeout(left, self.client())
                .await
                .unwrap_or_else(|_| Err(Failure::Again(failed(format!("no connection in {} s", PATIENCE.as_secs())))));
            let done = match client {
                Ok(client) => match timeout(ANSWER.saturating_add(wait), work(client.clone())).await {
                    Ok(Err(failure @ Failure::Again(_))) => {
                        // It may be to a server that no longer is the one.
                        self.forget(&client).await;
                        Err(failure)
                    }
                    Ok(done) => done,
                    Err(_) => {
                        // What else waits on it would wait as long.
                        self.forget(&client).await;
                        Err(Failure::Again(failed(format!("no answer in {} s", ANSWER.as_secs()))))
                    }
                },
                Err(failure) => Err(failure),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error)) if Instant::now() >= until => return Err(error),
                Err(Failure::Again(error)) => tracing::debug!(%error, "the database is away"),
            }
            sleep(BREATH).await;
        }
    }

    async fn client(&self) -> Result<Arc<Client>, Failure> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let connect = timeout(ANSWER, self.config.connect(self.tls.clone())).await;
        let silent = || Failure::Again(failed(format!("no connection in {} s", ANSWER.as_secs())));
        let (client, connection) = connect.map_err(|_| silent())??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the connection to the book's database broke");
            }
        });
        // The server, too, is to notice when this machine is gone: until then, it keeps the claims.
        client.batch_execute(KEEPALIVES).await?;
        let client = Arc::new(client);
        *kept = Some(client.clone());
        Ok(client)
    }

    async fn forget(&self, client: &Arc<Client>) {
        let mut kept = self.client.lock().await;
        kept.take_if(|kept| Arc::ptr_eq(kept, client));
    }
}

/// A claim by an advisory lock of a connection; with the connection, it is gone. Made on the line's own runtime.
pub(super) fn claim(client: Arc<Client>, number: i64) -> Claim {
    let runtime = tokio::runtime::Handle::current();
    Claim::new(move || {
        runtime.spawn(async move {
            let unlocked = client.query_typed("SELECT pg_advisory_unlock($1)", &[(&number, Type::INT8)]).await;
            if let Err(error) = unlocked {
                tracing::debug!(%error, "a claim went with its connection");
            }
        });
    })
}

fn trust(authorities: Option<&[u8]>) -> Result<ClientConfig, BookError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(failed)?).map_err(failed)?;
            }
            if roots.is_empty() {
                return Err(failed("no certificate among the authorities"));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(config
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
