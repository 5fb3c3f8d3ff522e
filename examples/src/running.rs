//! A node that runs beside a program, on a market of its own: something to talk with.

use std::sync::Arc;

use lazai::Account;
use lazai::http::{Front, Serving};

use crate::Stage;

/// A node on the loopback, with one character; it stops when it is dropped.
pub struct RunningNode {
    stage: Stage,
    serving: Serving,
}

impl RunningNode {
    /// Plays the market up to a character that is served.
    ///
    /// # Errors
    /// What the roles say; if there is no base model.
    pub fn start() -> anyhow::Result<Self> {
        let stage = Stage::new()?;
        let minted = pollster::block_on(stage.minted())?;
        let provider = Arc::new(stage.provider("node", &minted)?);
        let serving = Front::new(provider, vec![Stage::offer_terms(&minted)]).spawn("127.0.0.1:0")?;
        Ok(Self { stage, serving })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.serving.url()
    }

    /// An account with funds on its market.
    #[must_use]
    pub fn account(&self) -> Account {
        self.stage.home.account("consumer")
    }
}
