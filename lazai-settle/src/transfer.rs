//! Signed transfers (ERC-3009) of any ERC-20 that takes them, to anybody: what a facilitator of x402 checks and settles. They have nothing
//! to do with the market, but that its ledger is on the same chain.

use lazai_core::{Address, Digest, Domain, Signer};

use crate::ledger::LedgerFuture;
use crate::till::SignedAuthorization;

/// Signed transfers on a chain.
pub trait Transfers: Send + Sync {
    /// The chain's number (EIP-155).
    fn chain_id(&self) -> u64;

    /// The domain in which an asset's transfers are signed, as the asset says and does.
    ///
    /// # Errors
    /// [`LedgerError::Reverted`](crate::LedgerError::Reverted) for an asset that takes no signed transfers; the ledger's errors.
    fn domain(&self, asset: Address) -> LedgerFuture<'_, Domain>;

    /// Checks that a transfer would be made now. One that was made, by whomever, is refused.
    ///
    /// # Errors
    /// [`LedgerError::Reverted`](crate::LedgerError::Reverted) with a reason in x402's words; the ledger's errors.
    fn check<'a>(&'a self, asset: Address, transfer: &'a SignedAuthorization) -> LedgerFuture<'a, ()>;

    /// Makes a transfer, once, and waits until it is confirmed; gives the transaction in which it was made. Asked again, it gives the same
    /// one. One that somebody else sent counts too, if the money went where the transfer says.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`LedgerError::Unconfirmed`](crate::LedgerError::Unconfirmed) while it is under way.
    fn settle<'a>(
        &'a self,
        signer: &'a dyn Signer,
        asset: Address,
        transfer: &'a SignedAuthorization,
    ) -> LedgerFuture<'a, Digest>;
}
