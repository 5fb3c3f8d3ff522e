//! Classes' funds for their quota: they pay for sessions opened by quota, as the payer's deposit does for other sessions.

use lazai_core::{Address, Amount, Asset, ClassId};

use super::state::Market;
use super::{Event, MarketError};

/// A class's fund in one asset, put aside by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fund {
    /// The rest of it.
    pub amount: Amount,
    /// The most that one unit of quota takes: an offer that wants more is not served by quota.
    pub per_unit: Amount,
}

impl Market {
    pub(super) fn sponsor(
        &mut self,
        sender: Address,
        class: ClassId,
        asset: Asset,
        amount: Amount,
        per_unit: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        self.owned_class(sender, class)?;
        self.check_asset(asset)?;
        let rest = self.balance_less(sender, asset, amount)?;
        let sum = self.fund(class, asset).amount.checked_add(amount)?;
        self.balances.insert((sender, asset), rest);
        self.funds.insert((class, asset), Fund { amount: sum, per_unit });
        Ok(vec![Event::Sponsored { class, asset, amount, per_unit }])
    }

    pub(super) fn unsponsor(
        &mut self,
        sender: Address,
        class: ClassId,
        asset: Asset,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        self.owned_class(sender, class)?;
        let rest = self.fund_less(class, asset, amount)?;
        self.credit(sender, asset, amount)?;
        self.funds.insert((class, asset), rest);
        Ok(vec![Event::Unsponsored { class, asset, amount }])
    }

    /// The fund after a deduction; nothing is changed.
    pub(super) fn fund_less(&self, class: ClassId, asset: Asset, needed: Amount) -> Result<Fund, MarketError> {
        let Fund { amount: available, per_unit } = self.fund(class, asset);
        let short = MarketError::InsufficientFund { class, asset, available, needed };
        Ok(Fund { amount: available.checked_sub(needed).map_err(|_| short)?, per_unit })
    }
}
