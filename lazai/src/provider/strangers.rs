//! Limits on reading the ledger anew: invented ids, or requests while the chain stands still, do not make the node read it
//! for each request.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lazai_core::SessionId;
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::MarketError;

use super::Provider;
use super::page::lock;
use crate::node::NodeError;

/// The ledger is asked once in this time, for all requests together.
const PAUSE: Duration = Duration::from_secs(1);
/// The time for which an unknown id is refused without asking again.
const REFUSED: Duration = Duration::from_secs(2);
/// Most refused ids that are remembered.
const MAX_REFUSED: usize = 1_024;

/// State of these limits.
#[derive(Default)]
pub(super) struct Strangers {
    /// The time of the last read; locked during a read.
    asked: async_lock::Mutex<Option<Instant>>,
    refused: Mutex<BTreeMap<SessionId, Instant>>,
}

impl Strangers {
    fn is_refused(&self, session: SessionId) -> bool {
        lock(&self.refused).get(&session).is_some_and(|at| at.elapsed() < REFUSED)
    }

    fn refuse(&self, session: SessionId) {
        let mut refused = lock(&self.refused);
        refused.retain(|_, at| at.elapsed() < REFUSED);
        if refused.len() < MAX_REFUSED {
            refused.insert(session, Instant::now());
        }
    }
}

impl Provider {
    /// Has the ledger read anew, unless it was asked just now.
    ///
    /// # Errors
    /// [`NodeError::Busy`] if it was asked just now.
    pub(super) async fn ask_ledger(&self) -> Result<Result<(), LedgerError>, NodeError> {
        let busy = NodeError::Busy { reason: "the ledger was asked just now; ask again in a second" };
        let Some(mut asked) = self.strangers.asked.try_lock() else { return Err(busy) };
        if asked.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(busy);
        }
        // Before and after: a client that hangs up meanwhile has asked, too.
        *asked = Some(Instant::now());
        let refreshed = self.account.ledger().refresh().await;
        *asked = Some(Instant::now());
        Ok(refreshed)
    }

    /// Has the ledger look for a session that it does not know yet. On a chain, the session counts once it has enough
    /// confirmations.
    ///
    /// # Errors
    /// [`NodeError::Busy`] if the ledger was asked just now: a session that exists is known a second later.
    /// [`MarketError::UnknownSession`] if it is not there.
    pub(super) async fn learn_of(&self, session: SessionId) -> Result<(), NodeError> {
        let ledger = self.account.ledger();
        let is_known = || ledger.market().session(session).is_some();
        let unknown = || Err(MarketError::UnknownSession { session }.into());
        if is_known() {
            return Ok(());
        }
        if self.strangers.is_refused(session) {
            return unknown();
        }
        let refreshed = self.ask_ledger().await?;
        refreshed.map_err(|e| NodeError::Ledger { reason: e.to_string() })?;
        if is_known() {
            return Ok(());
        }
        self.strangers.refuse(session);
        unknown()
    }
}
