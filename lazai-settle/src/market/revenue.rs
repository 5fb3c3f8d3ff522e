//! Revenue: settled on a version, passed on to the one that it comes after, claimed by share tokens.

use lazai_core::{Address, Amount, Asset, BasisPoints, ClassId, MoneyError, TokenId, VersionNumber};

use super::class::{Class, Pot, Token};
use super::state::Market;
use super::{Event, MarketError};
use crate::shares::{RevenueAccount, SCALE, Scaled, pending, scaled};

impl Market {
    /// The amount that a token could claim now, including what waits in its version's inbox. It excludes what later
    /// versions still owe and have not passed on: [`PassRevenue`](super::Transaction::PassRevenue) brings that.
    ///
    /// # Errors
    /// [`MarketError::UnknownToken`].
    pub fn pending_revenue(&self, id: TokenId, asset: Asset) -> Result<Amount, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        let Some(class) = self.classes.get(&token.class) else { return Ok(Amount::ZERO) };
        let opened = token.version.map(|version| class.opened(version, asset, Amount::ZERO)).transpose()?;
        let account = match &opened {
            Some(opened) => opened.own.as_ref(),
            None => class.pot.revenue.get(&asset),
        };
        Ok(account.map_or(Ok(Amount::ZERO), |account| token.pending(account, asset))?)
    }

    /// The amount that a token's shares were paid since it was minted, whoever owned it then. `None` for a token of no version: it takes
    /// no part in what its class earned before it, and the ledger keeps both as one sum.
    ///
    /// # Errors
    /// [`MarketError::UnknownToken`].
    pub fn claimed_revenue(&self, id: TokenId, asset: Asset) -> Result<Option<Amount>, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        let had = token.debt.get(&asset).copied().unwrap_or_default() / Scaled::from(SCALE);
        // What was paid was an amount.
        let had = u128::try_from(had).unwrap_or(u128::MAX);
        Ok(token.version.map(|_| Amount::from_base_units(had)))
    }

    pub(super) fn claim(&mut self, sender: Address, id: TokenId, asset: Asset) -> Result<Vec<Event>, MarketError> {
        let amount = self.pending_revenue(id, asset)?;
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        if token.owner != sender {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the token" });
        }
        let (class, version) = (token.class, token.version);
        if let Some(version) = version {
            self.open_inbox(class, version, asset)?;
        }
        let pot = self.classes.get_mut(&class).and_then(|c| c.pot_mut(version));
        if let Some(account) = pot.and_then(|pot| pot.revenue.get_mut(&asset)) {
            account.pay_out(amount)?;
            if let Some(token) = self.tokens.get_mut(&id) {
                let had = token.debt.entry(asset).or_default();
                // No more than the revenue, which fits.
                *had = had.saturating_add(scaled(amount)?);
            }
        }
        self.credit(sender, asset, amount)?;
        Ok(vec![Event::Claimed { token: id, to: sender, asset, amount }])
    }

    pub(super) fn settle(
        &mut self,
        now_s: u64,
        sender: Address,
        class: ClassId,
        version: Option<VersionNumber>,
        asset: Asset,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        self.check_asset(asset)?;
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        if found.anchored == version.is_none() || found.pot(version).is_none() {
            return Err(MarketError::UnknownVersion { class, version: version.unwrap_or(VersionNumber(0)) });
        }
        let (before, rest) = (self.balance(sender, asset), self.balance_less(sender, asset, amount)?);
        self.balances.insert((sender, asset), rest);
        let settled = self.settle_revenue(now_s, class, version, asset, amount);
        if settled.is_err() {
            self.balances.insert((sender, asset), before);
        }
        let mut events = settled?;
        events.push(Event::RevenueSettled { class, version, asset, amount });
        Ok(events)
    }

    /// Revenue of a version, for its share tokens and those of the versions it comes after; of a class without, for its
    /// share tokens that have not expired, or for its owner where nothing counts.
    pub(super) fn settle_revenue(
        &mut self,
        now_s: u64,
        class: ClassId,
        version: Option<VersionNumber>,
        asset: Asset,
        amount: Amount,
    ) -> Result<Vec<Event>, MarketError> {
        if let Some(version) = version {
            self.settle_version(class, version, asset, amount)?;
            return Ok(Vec::new());
        }
        let shares = self.shares_counted(now_s, class);
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        if shares == 0 {
            self.credit(found.owner, asset, amount)?;
            return Ok(self.process_expiries(now_s, class));
        }
        let mut account = found.pot.revenue.get(&asset).cloned().unwrap_or_default();
        account.settle(amount, BasisPoints::ZERO, shares)?;
        let events = self.process_expiries(now_s, class);
        self.class_mut(class)?.pot.revenue.insert(asset, account);
        Ok(events)
    }

    pub(super) fn pass_revenue(
        &mut self,
        class: ClassId,
        version: VersionNumber,
        asset: Asset,
    ) -> Result<Vec<Event>, MarketError> {
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        found.version(version).ok_or(MarketError::UnknownVersion { class, version })?;
        self.open_inbox(class, version, asset)?;
        Ok(vec![Event::RevenuePassed { class, version, asset }])
    }

    /// Shares out the amount in a version's inbox, if there is one.
    fn open_inbox(&mut self, class: ClassId, version: VersionNumber, asset: Asset) -> Result<(), MarketError> {
        let account = self.classes.get(&class).and_then(|c| c.version(version)?.pot.revenue.get(&asset));
        match account.map(RevenueAccount::inbox) {
            None | Some(Amount::ZERO) => Ok(()),
            Some(_) => self.settle_version(class, version, asset, Amount::ZERO),
        }
    }

    fn settle_version(
        &mut self,
        class: ClassId,
        version: VersionNumber,
        asset: Asset,
        amount: Amount,
    ) -> Result<(), MarketError> {
        let found = self.class_mut(class)?;
        let Opened { own, before } = found.opened(version, asset, amount)?;
        for (version, account) in own.map(|own| (version, own)).into_iter().chain(before) {
            if let Some(pot) = found.pot_mut(Some(version)) {
                pot.revenue.insert(asset, account);
            }
        }
        Ok(())
    }
}

/// The next accounts of a version and, if something is passed on, of the version that it comes after.
struct Opened {
    own: Option<RevenueAccount>,
    before: Option<(VersionNumber, RevenueAccount)>,
}

impl Class {
    fn pot_mut(&mut self, version: Option<VersionNumber>) -> Option<&mut Pot> {
        match version {
            None => Some(&mut self.pot),
            Some(number) => {
                let place = usize::try_from(number.0).ok()?.checked_sub(1)?;
                self.versions.get_mut(place).map(|v| &mut v.pot)
            }
        }
    }

    /// The accounts after an amount and the inbox are shared out; nothing is changed.
    fn opened(&self, version: VersionNumber, asset: Asset, amount: Amount) -> Result<Opened, MoneyError> {
        let Some(found) = self.version(version) else { return Ok(Opened { own: None, before: None }) };
        let mut own = found.pot.revenue.get(&asset).cloned().unwrap_or_default();
        let passed = own.settle(amount, found.keep, found.pot.total_shares)?;
        let after = found.after.filter(|_| passed != Amount::ZERO);
        let before = after.and_then(|after| Some((after, self.version(after)?))).map(|(after, earlier)| {
            let mut account = earlier.pot.revenue.get(&asset).cloned().unwrap_or_default();
            account.receive(passed).map(|()| (after, account))
        });
        Ok(Opened { own: Some(own), before: before.transpose()? })
    }
}

impl Token {
    fn pending(&self, account: &RevenueAccount, asset: Asset) -> Result<Amount, MoneyError> {
        let per_share = match &self.frozen {
            Some(frozen) => frozen.get(&asset).copied().unwrap_or_default(),
            None => account.per_share(),
        };
        pending(self.shares, per_share, self.debt.get(&asset).copied().unwrap_or_default())
    }
}
