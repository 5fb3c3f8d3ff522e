//! A node's server for programs that have no runtime of their own.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::Front;

/// How long replies that are being made may take when the server stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs on threads of its own, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Serves at an address, such as `127.0.0.1:0` for any free port of this machine's own network.
    ///
    /// # Errors
    /// What the operating system says: an address that is taken, or none.
    pub fn spawn(&self, address: impl ToSocketAddrs) -> io::Result<Serving> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // Replies are computed on threads that may block; these two only listen and write.
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("lazai-front").enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = self.router();
        let serve = move || {
            runtime.block_on(async move {
                let served = async move { axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await };
                tokio::select! {
                    served = served => if let Err(error) = served {
                        tracing::error!(%error, "the node's server ended");
                    },
                    // Dropping the sender says so too.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(PATIENCE);
        };
        let thread = std::thread::Builder::new().name("lazai-front".into()).spawn(serve)?;
        Ok(Serving { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}
