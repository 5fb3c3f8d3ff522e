//! The market's state machine: pure, all or nothing.
//!
//! [`Market::apply`] takes a signed transaction and the time, and gives events or an error; on error nothing has
//! changed. Each phase of the scenario has a file: `datasets` (submit, refuse), `validators` (attest, stake, challenge),
//! `tokens` (mint, transfer), `revenue` (settle, pass on, claim), `sessions` (open, top up, redeem, close), `sales` (pay at
//! once), `funds` (sponsor quota), `bonds` and `disputes` (nodes answer for their replies), `votes` (propose, vote, execute), `measures` (carry
//! out governance). The contracts do the same, and random operations through both check that.

mod bonds;
mod class;
mod datasets;
mod disputes;
mod error;
mod event;
mod funds;
mod genesis;
mod measures;
mod revenue;
mod sales;
mod sessions;
mod state;
mod submission;
mod tokens;
mod transaction;
mod validators;
mod votes;

pub use class::{Class, MAX_EXPIRING, MAX_EXPIRY_S, MAX_VERSIONS, Pot, Token, Version};
pub use error::MarketError;
pub use event::Event;
pub use funds::Fund;
pub use genesis::{Genesis, POOL, chain_domain, chain_ledger_id};
pub use measures::Crossing;
pub use state::Market;
pub use submission::{SubmissionState, SubmissionStatus};
pub use transaction::{ContributorShare, SignedTransaction, Submission, Transaction};

use lazai_core::{Address, Amount, Asset, ClassId};

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
        let events = self.apply_as(now_s, signed.sender, &signed.transaction)?;
        self.keys.insert(signed.key, signed.payload_digest());
        Ok(events)
    }

    /// Applies a transaction of an authenticated sender: a chain checks the sender's signature itself.
    ///
    /// # Errors
    /// [`MarketError`]; then nothing has changed.
    pub fn apply_as(
        &mut self,
        now_s: u64,
        sender: Address,
        transaction: &Transaction,
    ) -> Result<Vec<Event>, MarketError> {
        match transaction {
            Transaction::Attest(verdicts) => self.attest(now_s, verdicts),
            Transaction::ApproveForClass { class, operator, approved } => {
                self.approve_for_class(sender, *class, *operator, *approved)
            }
            Transaction::Challenge { submission, validator } => self.challenge(now_s, sender, *submission, *validator),
            Transaction::Claim { token, asset } => self.claim(sender, *token, *asset),
            Transaction::CloseSession { session } => self.close_session(now_s, sender, *session),
            Transaction::CloseTogether { session, release } => self.close_together(sender, *session, release),
            Transaction::CreateClass => Ok(self.create_class(sender)),
            Transaction::DisputeTraining { submission, state, stake } => {
                self.dispute_training(now_s, sender, *submission, *state, *stake)
            }
            Transaction::Execute { proposal } => self.execute(now_s, sender, *proposal),
            Transaction::LapseDispute { dispute } => self.lapse_dispute(now_s, *dispute),
            Transaction::LeaveBond { amount } => self.leave_bond(now_s, sender, *amount),
            Transaction::LapseChallenge { submission, validator } => {
                self.lapse_challenge(now_s, *submission, *validator)
            }
            Transaction::Mint { metadata, record_signature } => self.mint(now_s, sender, metadata, record_signature),
            Transaction::MintToken { class, to, value, shares, expire_at_s } => {
                self.mint_token(now_s, sender, *class, *to, *value, *shares, *expire_at_s)
            }
            Transaction::OpenDispute { receipt, signature, stake } => {
                self.open_dispute(now_s, sender, receipt, signature, *stake)
            }
            Transaction::OpenSession { nonce, consumer, offer, offer_signature, payment } => {
                self.open_session(now_s, sender, *nonce, *consumer, offer, offer_signature, *payment)
            }
            Transaction::PassRevenue { class, version, asset } => self.pass_revenue(*class, *version, *asset),
            Transaction::Pay { node, class, version, asset, amount } => {
                self.pay(now_s, sender, *node, *class, *version, *asset, *amount)
            }
            Transaction::PostBond { amount } => self.post_bond(sender, *amount),
            Transaction::Propose(measure) => self.propose(now_s, sender, measure),
            Transaction::RecordUsage { token, metric, amount } => {
                self.record_usage(now_s, sender, *token, *metric, *amount)
            }
            Transaction::Redeem { voucher, signature } => self.redeem(now_s, sender, voucher, signature),
            Transaction::Refuse { submission, reason } => self.refuse(sender, *submission, reason),
            Transaction::RevokeOffers => self.revoke_offers(sender),
            Transaction::SettleRevenue { class, version, asset, amount } => {
                self.settle(now_s, sender, *class, *version, *asset, *amount)
            }
            Transaction::SlashEquivocation { one, other } => self.slash_equivocation(sender, one, other),
            Transaction::Sponsor { class, asset, amount, per_unit } => {
                self.sponsor(sender, *class, *asset, *amount, *per_unit)
            }
            Transaction::Stake { amount } => self.stake(sender, *amount),
            Transaction::Submit(submission) => self.submit(now_s, sender, submission),
            Transaction::TakeBond => self.take_bond(now_s, sender),
            Transaction::TopUp { session, amount } => self.top_up(now_s, sender, *session, *amount),
            Transaction::Transfer { to, asset, amount } => self.transfer(sender, *to, *asset, *amount),
            Transaction::TransferToken { token, to } => self.transfer_token(sender, *token, *to),
            Transaction::TransferValue { from, to, value } => self.transfer_value(now_s, sender, *from, *to, *value),
            Transaction::Unsponsor { class, asset, amount } => self.unsponsor(sender, *class, *asset, *amount),
            Transaction::Unstake { amount } => self.unstake(now_s, sender, *amount),
            Transaction::Vote { proposal, in_favour } => self.vote(now_s, sender, *proposal, *in_favour),
            Transaction::VoteOnChallenge { submission, validator, upheld } => {
                self.vote_on_challenge(now_s, sender, *submission, *validator, *upheld)
            }
            Transaction::VoteOnDispute { dispute, same } => self.vote_on_dispute(now_s, sender, *dispute, *same),
            Transaction::WithdrawStake => self.withdraw_stake(now_s, sender),
            Transaction::WithdrawVersion { class, version } => self.withdraw_version(sender, *class, *version),
        }
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

    /// The balance of an account after a deduction; nothing is changed.
    fn balance_less(&self, account: Address, asset: Asset, amount: Amount) -> Result<Amount, MarketError> {
        let available = self.balance(account, asset);
        let short = MarketError::InsufficientFunds { account, asset, available, needed: amount };
        available.checked_sub(amount).map_err(|_| short)
    }

    /// Adds to an account. The sum of all balances is bounded by genesis, so this cannot overflow.
    fn credit(&mut self, account: Address, asset: Asset, amount: Amount) -> Result<(), MarketError> {
        let sum = self.balance(account, asset).checked_add(amount)?;
        self.balances.insert((account, asset), sum);
        Ok(())
    }

    /// A class of the sender's own.
    fn owned_class(&self, sender: Address, class: ClassId) -> Result<&Class, MarketError> {
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        let role = "the owner of the class";
        if found.owner == sender { Ok(found) } else { Err(MarketError::NotAllowed { sender, role }) }
    }

    fn class_mut(&mut self, class: ClassId) -> Result<&mut Class, MarketError> {
        self.classes.get_mut(&class).ok_or(MarketError::UnknownClass { class })
    }
}
