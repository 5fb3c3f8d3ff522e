//! Bonds of nodes and ExExes: posted, leaving, taken.

use lazai_core::{Address, Amount, Asset};

use super::state::Market;
use super::validators::check_some;
use super::{Event, MarketError};
use crate::dispute::{Bond, DISPUTE_WINDOW_S};

impl Market {
    pub(super) fn post_bond(&mut self, sender: Address, amount: Amount) -> Result<Vec<Event>, MarketError> {
        check_some(sender, amount)?;
        let rest = self.balance_less(sender, Asset::NATIVE, amount)?;
        let bond = self.bond_of(sender);
        let bonded = bond.bonded.checked_add(amount)?;
        self.balances.insert((sender, Asset::NATIVE), rest);
        self.bonds.insert(sender, Bond { bonded, ..bond });
        Ok(vec![Event::BondPosted { node: sender, amount }])
    }

    /// The part that leaves can be locked until it is taken. It leaves no sooner than every session that was opened before, and whose end was
    /// asked for by its deadline, and every training that was accepted before, can no longer be disputed. A second request starts the time anew for
    /// all of it.
    pub(super) fn leave_bond(
        &mut self,
        now_s: u64,
        sender: Address,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        check_some(sender, amount)?;
        let bond = self.bond_of(sender);
        let short = MarketError::InsufficientStake { account: sender, available: bond.bonded, needed: amount };
        let bonded = bond.bonded.checked_sub(amount).map_err(|_| short)?;
        let leaving = bond.leaving.checked_add(amount)?;
        let params = self.params().1;
        let sum = |windows: &[u64]| windows.iter().fold(0_u64, |sum, window_s| sum.saturating_add(*window_s));
        let of_sessions = sum(&[params.max_session_s, params.dispute_window_s]);
        let of_trainings = sum(&[params.challenge_window_s, params.challenge_vote_window_s, params.mint_window_s]);
        let available_at_s = sum(&[now_s, of_sessions.max(of_trainings), DISPUTE_WINDOW_S]);
        self.bonds.insert(sender, Bond { bonded, leaving, available_at_s, ..bond });
        Ok(vec![Event::BondLeaving { node: sender, amount, available_at_s }])
    }

    pub(super) fn take_bond(&mut self, now_s: u64, sender: Address) -> Result<Vec<Event>, MarketError> {
        let bond = self.bond_of(sender);
        let (amount, available_at_s) = (bond.leaving, bond.available_at_s);
        check_some(sender, amount)?;
        if now_s <= available_at_s {
            return Err(MarketError::Unbonding { account: sender, available_at_s, now_s });
        }
        self.credit(sender, Asset::NATIVE, amount)?;
        self.bonds.insert(sender, Bond { leaving: Amount::ZERO, ..bond });
        Ok(vec![Event::BondTaken { node: sender, amount }])
    }
}
