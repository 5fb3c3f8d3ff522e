//! Sales without a session: a node is paid at once.

use lazai_core::{Address, Amount, Asset, ClassId, VersionNumber};

use super::state::Market;
use super::{Event, MarketError};

impl Market {
    /// Pays out of the sender's balance. A version that was withdrawn is paid too: what was sold before is owed.
    #[allow(clippy::too_many_arguments, reason = "the fields of one transaction")]
    pub(super) fn pay(
        &mut self,
        now_s: u64,
        payer: Address,
        node: Address,
        class: ClassId,
        version: VersionNumber,
        asset: Asset,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        let found = self.classes.get(&class).and_then(|class| class.version(version));
        found.ok_or(MarketError::UnknownVersion { class, version })?;
        if amount == Amount::ZERO {
            return Err(MarketError::PaymentNotAccepted { payment: "nothing" });
        }
        let rest = self.balance_less(payer, asset, amount)?;
        let (params, now) = self.params();
        let split = now.split.split(amount);
        let mut events = self.settle_revenue(now_s, class, Some(version), asset, split.creator)?;
        self.balances.insert((payer, asset), rest);
        self.credit(node, asset, split.node)?;
        self.credit(self.pool, asset, split.pool)?;
        events.push(Event::Paid { payer, node, class, version, asset, amount, split, params });
        events.push(Event::RevenueSettled { class, version: Some(version), asset, amount: split.creator });
        Ok(events)
    }
}
