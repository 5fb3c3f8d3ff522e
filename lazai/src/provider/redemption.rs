//! Getting paid: vouchers that are redeemed, sessions that end.

use lazai_core::{Amount, SessionId};
use lazai_settle::market::Transaction;
use lazai_settle::session::Session;

use super::Provider;
use crate::account::SendError;
use crate::node::{NodeError, SignedVoucher};

impl Provider {
    /// Redeems the last voucher of a session.
    ///
    /// # Errors
    /// [`NodeError::Book`], or what the ledger says.
    pub async fn redeem(&self, session: SessionId) -> Result<(), NodeError> {
        let Some(SignedVoucher { voucher, signature }) = self.page(session)?.paid else {
            return Ok(());
        };
        let label = format!("redeem {session} {}", voucher.cumulative);
        self.send(&label, Transaction::Redeem { voucher, signature }).await
    }

    /// A consumer who pays again what she paid, after the deadline, is about to take back the rest: what is owed is redeemed
    /// before.
    pub(super) async fn redeem_before_the_end(&self, session: SessionId) -> Result<(), NodeError> {
        let ledger = self.account.ledger();
        let ends = |s: &Session| !s.closed && ledger.now_s() > s.deadline_s;
        let redeemed = ledger.market().session(session).filter(|s| ends(s)).map(|s| s.redeemed);
        match redeemed {
            Some(redeemed) if redeemed < self.page(session)?.paid() => self.redeem(session).await,
            _ => Ok(()),
        }
    }

    /// Redeems whatever is owed and not redeemed yet, session by session; gives those that the ledger refused.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the folder of sessions cannot be read.
    pub async fn redeem_all(&self) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        let failed = |e: std::io::Error| NodeError::Book { reason: format!("{}: {e}", self.folder.display()) };
        let files = match std::fs::read_dir(&self.folder) {
            Ok(files) => files.collect::<Result<Vec<_>, _>>().map_err(failed)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let mut refused = Vec::new();
        for file in files {
            let path = file.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let (Some(session), true) = (name, path.extension().is_some_and(|e| e == "json")) else { continue };
            let redeemed = self.account.ledger().market().session(session).map(|s| s.redeemed);
            if redeemed.is_some_and(|redeemed| redeemed >= self.page(session).map_or(Amount::ZERO, |p| p.paid())) {
                continue;
            }
            if let Err(error) = self.redeem(session).await {
                refused.push((session, error));
            }
        }
        Ok(refused)
    }

    /// Ends a session; what was not redeemed goes back to its payer.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn close(&self, session: SessionId) -> Result<(), NodeError> {
        self.send(&format!("close {session}"), Transaction::CloseSession { session }).await
    }

    async fn send(&self, label: &str, transaction: Transaction) -> Result<(), NodeError> {
        match self.account.send(label, transaction).await {
            Ok(_) => Ok(()),
            Err(SendError::Signer(error)) => Err(error.into()),
            Err(SendError::Ledger(lazai_settle::ledger::LedgerError::Market(error))) => Err(error.into()),
            Err(error) => Err(NodeError::Book { reason: error.to_string() }),
        }
    }
}
