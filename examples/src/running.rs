//! A node that runs beside a program, on a market of its own: something to talk with.

use std::sync::Arc;
use std::time::Duration;

use lazai::Account;
use lazai::http::Front;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Stage;

/// A node on the loopback, with one character; it stops when it is dropped.
pub struct RunningNode {
    stage: Stage,
    url: String,
    _runtime: Runtime,
}

impl RunningNode {
    /// Plays the market up to a character that is served.
    ///
    /// # Errors
    /// What the roles say; if there is no base model.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (stage, url) = runtime.block_on(async {
            let stage = Stage::new()?;
            let minted = stage.minted().await?;
            let provider = Arc::new(stage.provider("node", &minted)?);
            let front = Front::new(provider.clone(), vec![Stage::offer_terms(&minted)]);
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("http://{}", listener.local_addr()?);
            let router = front.router();
            tokio::spawn(async move { axum::serve(listener, router).await });
            tokio::spawn(async move { front.keep_redeeming(Duration::from_secs(60)).await });
            anyhow::Ok((stage, url))
        })?;
        Ok(Self { stage, url, _runtime: runtime })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An account with funds on its market.
    #[must_use]
    pub fn account(&self) -> Account {
        self.stage.home.account("consumer")
    }
}
