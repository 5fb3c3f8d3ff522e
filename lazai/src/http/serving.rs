//! A node's server for programs without a runtime of their own; it also closes connections that stay idle.

mod addresses;
mod patient;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, watch};

use super::a2a::card::OverTls;
use super::{Front, quiet};
use addresses::Addresses;
use patient::Patient;
use tls::Tls;
pub use tls::TlsFiles;

/// The time limit for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// The longest time without a read by the client.
const READ: Duration = Duration::from_secs(30);
/// The time limit for replies in progress when the server stops.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time before its deadline at which a session is redeemed.
const MARGIN: Duration = Duration::from_secs(600);
/// The interval at which the node looks for vouchers to redeem: the shortest dispute window is ten minutes.
const LOOK: Duration = Duration::from_secs(30);
/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 1_024;
/// Pause after a connection that could not be taken: mostly too many open files.
const BREATH: Duration = Duration::from_millis(50);

/// A server that runs on threads of its own, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    scheme: &'static str,
    stop: Option<watch::Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Serves at an address, such as `127.0.0.1:0` for any free port of this machine's own network. Closes connections that
    /// do not send their headers within ten seconds, or read nothing of an answer for thirty. An address has at most 256
    /// connections, all together 1,024; this machine's own addresses are limited by the total only, because a proxy may run
    /// there.
    ///
    /// Vouchers that could soon be lost are redeemed meanwhile, as by [`keep_redeeming`](Self::keep_redeeming) with a
    /// margin of ten minutes.
    ///
    /// # Errors
    /// The operating system's error, such as an address in use.
    pub fn spawn(&self, address: impl ToSocketAddrs) -> io::Result<Serving> {
        self.spawn_at(address, None)
    }

    /// As [`spawn`](Self::spawn), with TLS (1.2 and 1.3). Files that change are read again within half a minute, for connections
    /// from then on; files that are no certificate with its key are passed over.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); [`io::ErrorKind::InvalidData`] if the files are no certificate with its key.
    pub fn spawn_tls(&self, address: impl ToSocketAddrs, files: &TlsFiles) -> io::Result<Serving> {
        self.spawn_at(address, Some(Tls::open(files)?))
    }

    fn spawn_at(&self, address: impl ToSocketAddrs, tls: Option<Tls>) -> io::Result<Serving> {
        let (front, trusting) = (self.clone(), self.clone());
        let beside = async move { front.keep_redeeming(MARGIN).await };
        let trusts = Box::new(move |address| trusting.trusts(address));
        Serving::of(address, tls, self.router(), trusts, beside)
    }

    /// While awaited, redeems vouchers that could soon be lost: of sessions whose end was requested, or whose deadline is
    /// less than `margin` away. It looks twice a minute, so that no dispute window passes unseen. Spawn it beside
    /// [`router`](Self::router) if an application listens by itself.
    pub async fn keep_redeeming(&self, margin: Duration) {
        loop {
            let (provider, runtime) = (self.provider().clone(), Handle::current());
            // It reads a page a session, and writes each redemption to the disk: not on a thread that listens.
            let looked = move || runtime.block_on(provider.redeem_due(margin));
            match tokio::task::spawn_blocking(looked).await {
                Ok(Ok(refused)) => {
                    for (session, error) in refused {
                        tracing::warn!(%session, error = %quiet::node(&error), "not redeemed");
                    }
                }
                Ok(Err(error)) => tracing::warn!(error = %quiet::node(&error), "nothing could be redeemed now"),
                Err(error) => tracing::error!(error = quiet::task(&error), "redeeming broke off"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Looks for a new certificate now and then.
async fn keep_looking(tls: Arc<Tls>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let tls = tls.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || tls.look()).await {
            tracing::error!(error = quiet::task(&error), "looking for a new certificate broke off");
        }
    }
}

/// Tells whether a proxy at an address is trusted.
type Trusts = Box<dyn Fn(IpAddr) -> bool + Send>;

/// Answers the requests of one connection.
async fn attend<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    http: http1::Builder,
    line: T,
    from: SocketAddr,
    router: Router,
    open: Watcher,
    over_tls: bool,
) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        if over_tls {
            request.extensions_mut().insert(OverTls);
        }
        routes.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(line), service);
    if let Err(error) = open.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn serve(
    listener: tokio::net::TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    trusts: Trusts,
    mut stopped: watch::Receiver<Duration>,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (open, addresses) = (GracefulShutdown::new(), Addresses::default());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let accept = async || -> io::Result<_> {
        let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, from) = listener.accept().await?;
        // A token is a small packet: it must not wait until the client acknowledges the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small packets may wait");
        }
        Ok((slot, stream, from))
    };
    loop {
        let (slot, stream, from): (_, TcpStream, SocketAddr) = tokio::select! {
            // It says how long it waits, or is gone.
            _ = stopped.changed() => break,
            accepted = accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
        };
        let Some(place) = addresses.enter(from.ip(), trusts(from.ip())) else {
            tracing::debug!("an address has enough connections");
            continue;
        };
        let stream = Patient::new(stream, READ);
        let (http, router, tls, watcher) = (http.clone(), router.clone(), tls.clone(), open.watcher());
        tokio::spawn(async move {
            match tls {
                None => attend(http, stream, from, router, watcher, false).await,
                Some(tls) => match tokio::time::timeout(HEAD, tls.acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => attend(http, stream, from, router, watcher, true).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
                    Err(error) => tracing::debug!(%error, "a client does not begin TLS"),
                },
            }
            drop((slot, place));
        });
    }
    drop(listener);
    let patience = *stopped.borrow();
    if tokio::time::timeout(patience, open.shutdown()).await.is_err() {
        tracing::warn!("the node's server stops with requests open");
    }
}

/// TLS with the certificate in some files, for the servers beside a node's.
pub(super) fn open_tls(files: &TlsFiles) -> io::Result<Tls> {
    Tls::open(files)
}

impl Serving {
    /// Serves some routes at an address; something else runs beside it.
    pub(super) fn of(
        address: impl ToSocketAddrs,
        tls: Option<Tls>,
        router: Router,
        trusts: Trusts,
        beside: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let tls = tls.map(Arc::new);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // Replies are computed on threads that may block; these two only listen and write.
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("lazai-front").enable_all().build()?;
        let (stop, stopped) = watch::channel(PATIENCE);
        let serve = move || {
            runtime.spawn(beside);
            if let Some(tls) = tls.clone() {
                runtime.spawn(async move { keep_looking(tls).await });
            }
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => serve(listener, tls, router, trusts, stopped).await,
                    Err(error) => tracing::error!(%error, "the node's server does not listen"),
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("lazai-front".into()).spawn(serve)?;
        Ok(Self { address, scheme, stop: Some(stop), thread: Some(thread) })
    }

    /// The address it listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new requests, and waits for those in progress, at most for some time.
    pub fn stop_within(self, most: Duration) {
        if let Some(stop) = &self.stop {
            stop.send_replace(most);
        }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Serving {
    /// Takes no new requests, and waits for those in progress, at most for half a minute.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}
