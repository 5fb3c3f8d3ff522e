//! Bonds of nodes, and disputes about their replies: what an account does in them.
//!
//! A node posts a bond; a session's consumer, or its payer, doubts one of its receipts, and shows the [evidence](crate::recheck::ReplyEvidence) to
//! the validators that the consumer chooses to trust with the conversation; each of them repeats the reply, and votes.
//!
//! An ExEx posts one, too. A training record has digests of the states along the way, so whoever may read the dataset finds the first one that does not follow from
//! the one before (`ExEx::replay`), and doubts that one.

use lazai_core::{Amount, Digest, SubmissionId, TypedData};
use lazai_settle::dispute::TrainingDoubt;
use lazai_settle::market::{MarketError, Transaction};
use lazai_settle::notice::Entry;

use crate::account::{Account, SendError};
use crate::node::SignedReceipt;

/// An account in disputes: a node, a consumer, a validator, or anyone who ends what was not decided.
#[derive(Debug, Clone)]
pub struct Disputes(Account);

impl Disputes {
    /// The account's.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self(account)
    }

    /// Adds to the account's bond, as a node. `label` makes it idempotent.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn post_bond(&self, label: &str, amount: Amount) -> Result<Entry, SendError> {
        self.0.send(&format!("post bond {label}"), Transaction::PostBond { amount }).await
    }

    /// Begins to take a part of the bond back. `label` makes it idempotent.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn leave_bond(&self, label: &str, amount: Amount) -> Result<Entry, SendError> {
        self.0.send(&format!("leave bond {label}"), Transaction::LeaveBond { amount }).await
    }

    /// Takes the part of the bond that has left. `label` makes it idempotent.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn take_bond(&self, label: &str) -> Result<Entry, SendError> {
        self.0.send(&format!("take bond {label}"), Transaction::TakeBond).await
    }

    /// Doubts a receipt, with a stake. Gives the name of the dispute: the receipt's hash.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn open(&self, receipt: &SignedReceipt, stake: Amount) -> Result<Digest, SendError> {
        let (signature, receipt) = (receipt.signature, receipt.receipt.clone());
        let dispute = receipt.hash_struct();
        let open = Transaction::OpenDispute { receipt, signature, stake };
        self.0.send(&format!("dispute {dispute}"), open).await?;
        Ok(dispute)
    }

    /// Doubts a training at one state of its [record](lazai_core::record::TrainingRecord), by its place from 0, with a stake: the steps from the
    /// state before are repeated. Gives the name of the dispute.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn open_training(
        &self,
        submission: SubmissionId,
        state: u32,
        stake: Amount,
    ) -> Result<Digest, SendError> {
        let dispute = TrainingDoubt { submission, state, challenger: self.0.address() }.hash_struct();
        self.0.send(&format!("dispute {dispute}"), Transaction::DisputeTraining { submission, state, stake }).await?;
        Ok(dispute)
    }

    /// Votes, as a validator who repeated the reply, or the steps of training: `same` is what [`recheck`](crate::recheck) came to. Repeat it on the kind of machine that
    /// its node signed: elsewhere there are false alarms.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn vote(&self, dispute: Digest, same: bool) -> Result<Entry, SendError> {
        let vote = Transaction::VoteOnDispute { dispute, same };
        self.0.send(&format!("vote on dispute {dispute} {same}"), vote).await
    }

    /// Ends a dispute that was not decided in time. If it is decided, there is nothing to do.
    ///
    /// # Errors
    /// [`SendError`], with [`MarketError::DisputeRefused`] inside before its time.
    pub async fn lapse(&self, dispute: Digest) -> Result<(), SendError> {
        let market = self.0.ledger().market();
        let unknown = MarketError::UnknownDispute { dispute };
        let found = market.dispute(dispute).ok_or(lazai_settle::ledger::LedgerError::Market(unknown))?;
        if found.outcome.is_none() {
            self.0.send(&format!("lapse dispute {dispute}"), Transaction::LapseDispute { dispute }).await?;
        }
        Ok(())
    }
}
