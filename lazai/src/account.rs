//! An account: a signer on a ledger.

use std::sync::Arc;

use lazai_core::digest::DomainHasher;
use lazai_core::sign::{self, SignerError};
use lazai_core::{Address, Digest, Domain, Signature, Signer, TypedData};
use lazai_settle::ledger::{Ledger, LedgerError};
use lazai_settle::market::Transaction;
use lazai_settle::notice::Entry;
use lazai_settle::session::Voucher;
use thiserror::Error;

/// Why a transaction was not applied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The ledger refused; nothing has changed.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl From<LedgerError> for SendError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Signer(error) => Self::Signer(error),
            other => Self::Ledger(other),
        }
    }
}

/// A signer on a ledger.
#[derive(Clone)]
pub struct Account {
    ledger: Arc<dyn Ledger>,
    signer: Arc<dyn Signer>,
}

impl Account {
    /// The account of a signer.
    pub fn new(ledger: Arc<dyn Ledger>, signer: Arc<dyn Signer>) -> Self {
        Self { ledger, signer }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    #[cfg(any(feature = "client", feature = "serve", feature = "train"))]
    pub(crate) fn signer(&self) -> Arc<dyn Signer> {
        self.signer.clone()
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    /// The domain of everything signed for the ledger.
    #[must_use]
    pub fn domain(&self) -> Domain {
        self.ledger.market().domain().clone()
    }

    /// Sends a transaction. `label` makes it idempotent: one label is applied once for this account, so a caller can call
    /// again if it does not know whether an earlier try got through.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, label: &str, transaction: Transaction) -> Result<Entry, SendError> {
        Ok(self.ledger.send(&*self.signer, self.key(label), transaction).await?)
    }

    /// Redeems vouchers of this account's sessions as their node, in one transaction if the ledger can. Invalid ones are
    /// skipped, and have no entry. The same list is redeemed once.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn redeem(&self, vouchers: Vec<(Voucher, Signature)>) -> Result<Vec<Entry>, SendError> {
        let list = vouchers.iter().fold(DomainHasher::new("lazai.key.redeem.v1"), |hasher, (voucher, _)| {
            hasher.part(voucher.session.as_bytes()).part(&voucher.cumulative.base_units().to_le_bytes())
        });
        let key = self.key(&list.finish().to_string());
        Ok(self.ledger.redeem(&*self.signer, key, vouchers).await?)
    }

    /// Signs a value for the ledger.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn sign<T: TypedData>(&self, value: &T) -> Result<Signature, SignerError> {
        sign::sign(&*self.signer, &self.domain(), value).await
    }

    fn key(&self, label: &str) -> Digest {
        DomainHasher::new("lazai.key.v1").part(self.address().as_bytes()).part(label.as_bytes()).finish()
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account {{ address: {} }}", self.address())
    }
}
