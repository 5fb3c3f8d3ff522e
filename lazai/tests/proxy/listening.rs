//! A clock that is set forward, and servers on runtimes of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use lazai::settle::SystemClock;
use lazai::settle::ledger::Clock;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The system's clock, set forward.
#[derive(Debug, Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now_s(&self) -> u64 {
        SystemClock.now_s() + self.0.load(Ordering::SeqCst)
    }
}

impl Hand {
    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// Something that listens on a runtime of its own, until it is killed.
pub struct Listening {
    pub url: String,
    runtime: Option<Runtime>,
}

impl Listening {
    pub fn on(router: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, runtime: Some(runtime) }
    }

    /// Ends it at once: connections break off.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.kill();
    }
}
