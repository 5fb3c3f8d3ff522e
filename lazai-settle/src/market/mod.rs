//! The market's state machine: pure, all or nothing.
//!
//! [`Market::apply`] takes a signed transaction and the time, and gives events or an error; on error nothing has
//! changed. Each phase of the scenario has a file: `datasets` (submit, attest, refuse), `tokens` (mint, transfer,
//! claim), `sessions` (open, redeem, close), `votes` (propose, vote, execute).

mod datasets;
mod error;
mod event;
mod sessions;
mod state;
mod tokens;
mod transaction;
mod votes;

pub use error::MarketError;
pub use event::Event;
pub use state::{Class, Genesis, Market, POOL, SubmissionState, SubmissionStatus, Token, Version};
pub use transaction::{ContributorShare, SignedTransaction, Submission, Transaction};

use lazai_core::{Address, Amount, Asset, ClassId};
use std::collections::btree_map::Entry as MapEntry;

impl Market {
    /// Applies a transaction at a time (seconds since 1970).
    ///
    /// # Errors
    /// [`MarketError`]; then nothing has changed.
    pub fn apply(&mut self, now_s: u64, signed: &SignedTransaction) -> Result<Vec<Event>, MarketError> {
        signed.check(&self.domain)?;
        if let Some(applied) = self.keys.get(&signed.key) {
            let same = *applied == signed.payload_digest();
            return Err(if same { MarketError::AlreadyApplied } else { MarketError::KeyReused });
        }
        let sender = signed.sender;
        let events = match &signed.transaction {
            Transaction::Attest(attestation) => self.attest(now_s, sender, attestation),
            Transaction::ApproveForClass { class, operator, approved } => {
                self.approve_for_class(sender, *class, *operator, *approved)
            }
            Transaction::Claim { token, asset } => self.claim(sender, *token, *asset),
            Transaction::CloseSession { session } => self.close_session(now_s, sender, *session),
            Transaction::Execute { proposal } => self.execute(sender, *proposal),
            Transaction::Mint { metadata, record_signature, class } => {
                self.mint(sender, metadata, record_signature, *class)
            }
            Transaction::MintAccess { class, to, value, expire_at_s } => {
                self.mint_access(now_s, sender, *class, *to, *value, *expire_at_s)
            }
            Transaction::OpenSession { nonce, consumer, offer, offer_signature, payment } => {
                self.open_session(now_s, sender, *nonce, *consumer, offer, offer_signature, *payment)
            }
            Transaction::Propose { creator_bps, node_bps, pool_bps } => {
                self.propose(now_s, sender, [*creator_bps, *node_bps, *pool_bps])
            }
            Transaction::RecordUsage { token, metric, amount } => {
                self.record_usage(now_s, sender, *token, *metric, *amount)
            }
            Transaction::Redeem { voucher, signature } => self.redeem(sender, voucher, signature),
            Transaction::Refuse { submission, reason } => self.refuse(sender, *submission, reason),
            Transaction::Submit(submission) => self.submit(now_s, sender, submission),
            Transaction::Transfer { to, asset, amount } => self.transfer(sender, *to, *asset, *amount),
            Transaction::TransferToken { token, to } => self.transfer_token(sender, *token, *to),
            Transaction::TransferValue { from, to, value } => self.transfer_value(now_s, sender, *from, *to, *value),
            Transaction::Vote { proposal, in_favour } => self.vote(now_s, sender, *proposal, *in_favour),
            Transaction::WithdrawVersion { class, version } => self.withdraw_version(sender, *class, *version),
        }?;
        self.keys.insert(signed.key, signed.payload_digest());
        Ok(events)
    }

    fn transfer(
        &mut self,
        sender: Address,
        to: Address,
        asset: Asset,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let rest = self.balance_less(sender, asset, amount)?;
        if sender != to {
            let credited = self.balance(to, asset).checked_add(amount)?;
            self.balances.insert((sender, asset), rest);
            self.balances.insert((to, asset), credited);
        }
        Ok(vec![Event::Transferred { from: sender, to, asset, amount }])
    }

    /// What an account would have left; nothing is changed.
    fn balance_less(&self, account: Address, asset: Asset, amount: Amount) -> Result<Amount, MarketError> {
        let available = self.balance(account, asset);
        let short = MarketError::InsufficientFunds { account, asset, available, needed: amount };
        available.checked_sub(amount).map_err(|_| short)
    }

    /// Adds to an account. The sum of all balances is bounded by genesis, so this cannot overflow.
    fn credit(&mut self, account: Address, asset: Asset, amount: Amount) -> Result<(), MarketError> {
        match self.balances.entry((account, asset)) {
            MapEntry::Vacant(entry) => {
                entry.insert(amount);
            }
            MapEntry::Occupied(mut entry) => {
                let sum = entry.get().checked_add(amount)?;
                entry.insert(sum);
            }
        }
        Ok(())
    }

    fn class_mut(&mut self, class: ClassId) -> Result<&mut Class, MarketError> {
        self.classes.get_mut(&class).ok_or(MarketError::UnknownClass { class })
    }
}
