//! Revenue of a version among its share tokens, after ERC-8028.
//!
//! Each version (and each class that has none) keeps, per asset, the earnings of one share so far, times 10^18; a token's
//! claim is its shares times that, less the amount it has had. Two remainders are kept instead of dropped: the remainder of
//! the division by the total share is carried to the next settlement, and the floored part of a claim stays in the token's
//! debt. So, always: the sum of (shares * per share - debt) + carry = unclaimed * 10^18.
//!
//! A part of a version's revenue goes on to the version that it comes after. It waits in that version's inbox until that
//! version earns something itself, one of its tokens claims or is sold, or somebody passes it on: so one voucher costs the
//! same whatever the number of versions. The contracts (`contracts/src/token/RevenueShares.sol`) count alike, to the unit.

use lazai_core::{Amount, BasisPoints, MoneyError};
use ruint::aliases::U256;

/// The accumulator's scale.
pub const SCALE: u64 = 1_000_000_000_000_000_000;

/// An amount times [`SCALE`], exactly.
pub type Scaled = U256;

/// The most bits of one share's earnings since the beginning, scaled: the contracts keep it so.
const PER_SHARE_BITS: usize = 176;

/// The revenue account of one version, or of a class that has none, in one asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevenueAccount {
    /// The earnings of one share since the beginning, scaled.
    per_share: Scaled,
    /// The undivided remainder, scaled: less than the total share at that time.
    carry: u64,
    /// Settled and not yet claimed, the carried part included.
    unclaimed: Amount,
    /// Ten-thousandths of a unit that are still due to the version that this one comes after.
    rest: u16,
    /// The amount that later versions passed on, not shared out yet.
    inbox: Amount,
}

impl RevenueAccount {
    /// The earnings of one share since the beginning, times 10^18: ERC-8028's `accRevenuePerShare`.
    #[must_use]
    pub fn per_share(&self) -> Scaled {
        self.per_share
    }

    /// Settled and not yet claimed, the carried part included.
    #[must_use]
    pub fn unclaimed(&self) -> Amount {
        self.unclaimed
    }

    /// The undivided remainder, times 10^18.
    #[must_use]
    pub fn carry(&self) -> u64 {
        self.carry
    }

    /// The amount that later versions passed on, not shared out yet.
    #[must_use]
    pub fn inbox(&self) -> Amount {
        self.inbox
    }

    /// Ten-thousandths of a unit that are still due to the version that this one comes after.
    #[must_use]
    pub fn rest(&self) -> u16 {
        self.rest
    }

    /// All the money in it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn held(&self) -> Result<Amount, MoneyError> {
        self.unclaimed.checked_add(self.inbox)
    }

    /// Distributes an amount and the inbox: returns `keep` of both, for the version that this one comes after, and shares
    /// the rest over `total_shares`, which must not be 0. Settling the parts of an amount one after another gives the same.
    /// Changes nothing on error.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn settle(&mut self, amount: Amount, keep: BasisPoints, total_shares: u64) -> Result<Amount, MoneyError> {
        let all = amount.checked_add(self.inbox)?;
        // The carried remainder waits for another amount, also if shares expired meanwhile.
        if all == Amount::ZERO {
            return Ok(Amount::ZERO);
        }
        let due = Scaled::from(all.base_units()) * Scaled::from(keep.get()) + Scaled::from(self.rest);
        let whole = Scaled::from(BasisPoints::WHOLE.get());
        // No more than the amount, since `keep` is at most the whole, and the rest is below it.
        let passed = Amount::from_base_units((due / whole).to::<u128>());
        let own = all.checked_sub(passed)?;
        let total = Scaled::from(total_shares.max(1));
        let available = scaled(own)?.checked_add(Scaled::from(self.carry)).ok_or(overflow(own))?;
        let per_share = self.per_share.checked_add(available / total).filter(|sum| sum.bit_len() <= PER_SHARE_BITS);
        let per_share = per_share.ok_or(overflow(own))?;
        let unclaimed = self.unclaimed.checked_add(own)?;
        // A remainder of a division by 64 bits has 64 bits.
        let (carry, rest) = ((available % total).to::<u64>(), (due % whole).to::<u16>());
        *self = Self { per_share, carry, unclaimed, rest, inbox: Amount::ZERO };
        Ok(passed)
    }

    /// Puts an amount that a later version passed on into the inbox.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; then nothing has changed.
    pub fn receive(&mut self, passed: Amount) -> Result<(), MoneyError> {
        self.inbox = self.inbox.checked_add(passed)?;
        Ok(())
    }

    /// Takes a claimed amount out.
    ///
    /// # Errors
    /// [`MoneyError::Underflow`] never, while the amount is one that [`pending`] returned.
    pub fn pay_out(&mut self, amount: Amount) -> Result<(), MoneyError> {
        self.unclaimed = self.unclaimed.checked_sub(amount)?;
        Ok(())
    }
}

/// An amount, scaled.
///
/// # Errors
/// [`MoneyError::Overflow`] never: 128 bits times 60 have at most 188.
pub fn scaled(amount: Amount) -> Result<Scaled, MoneyError> {
    Scaled::from(amount.base_units()).checked_mul(Scaled::from(SCALE)).ok_or(overflow(amount))
}

/// The debt of `shares` that join at `per_share`: everything earned so far.
///
/// # Errors
/// [`MoneyError::Overflow`] beyond 256 bits.
pub fn debt_at(shares: u64, per_share: Scaled) -> Result<Scaled, MoneyError> {
    let whole = Amount::from_base_units(shares.into());
    per_share.checked_mul(Scaled::from(shares)).ok_or(overflow(whole))
}

/// The amount that `shares` can claim at `per_share` with a debt of `debt`, floored to whole units.
///
/// # Errors
/// [`MoneyError::Overflow`] beyond 128 bits, which settled amounts never reach.
pub fn pending(shares: u64, per_share: Scaled, debt: Scaled) -> Result<Amount, MoneyError> {
    let whole = Amount::from_base_units(shares.into());
    let earned = debt_at(shares, per_share)?.checked_sub(debt).ok_or(overflow(whole))?;
    let units = u128::try_from(earned / Scaled::from(SCALE)).map_err(|_| overflow(whole))?;
    Ok(Amount::from_base_units(units))
}

fn overflow(amount: Amount) -> MoneyError {
    MoneyError::Overflow { left: amount.base_units(), operation: '*', right: SCALE.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dust_is_carried_not_lost() {
        let mut account = RevenueAccount::default();
        let mut debts = [Scaled::ZERO; 3];
        let mut paid = 0;
        for _ in 0..10 {
            account.settle(Amount::from_base_units(1), BasisPoints::ZERO, 3).unwrap();
            for debt in &mut debts {
                let amount = pending(1, account.per_share(), *debt).unwrap();
                *debt += scaled(amount).unwrap();
                account.pay_out(amount).unwrap();
                paid += amount.base_units();
            }
        }
        assert_eq!((paid, account.unclaimed().base_units()), (9, 1));
        let owed: Scaled = debts.iter().map(|debt| account.per_share() - debt).sum();
        assert_eq!(owed + Scaled::from(account.carry()), scaled(account.unclaimed()).unwrap());
    }

    #[test]
    fn a_batch_passes_on_what_its_vouchers_do() {
        let keep = BasisPoints::new(3_333).unwrap();
        let (mut one, mut many) = (RevenueAccount::default(), RevenueAccount::default());
        one.receive(Amount::from_base_units(77)).unwrap();
        many.receive(Amount::from_base_units(77)).unwrap();
        let amounts = [1, 9_999, 3, 12_345, 7];
        let whole = one.settle(Amount::from_base_units(amounts.iter().sum()), keep, 7).unwrap();
        let parts = amounts.map(|n| many.settle(Amount::from_base_units(n), keep, 7).unwrap().base_units());
        assert_eq!((whole.base_units(), one), (parts.iter().sum(), many));
        assert_eq!(whole.base_units(), 22_432 * 3_333 / 10_000);
    }

    #[test]
    fn nothing_shares_out_nothing() {
        let mut account = RevenueAccount::default();
        account.settle(Amount::from_base_units(1), BasisPoints::ZERO, 46).unwrap();
        let before = account.clone();
        // Fewer shares count by now than the carried remainder.
        assert!(account.carry() > 10);
        account.settle(Amount::ZERO, BasisPoints::ZERO, 10).unwrap();
        assert_eq!(account, before);
    }

    #[test]
    fn what_one_share_earned_has_a_bound() {
        let mut account = RevenueAccount::default();
        let mut settle = |amount| account.settle(Amount::from_base_units(amount), BasisPoints::ZERO, 1);
        assert!(settle(u128::MAX).is_err());
        // 2^115 units of one share are 175 bits, scaled: two of them fit, the third does not.
        assert!(settle(1 << 115).is_ok() && settle(1 << 115).is_ok());
        assert!(settle(1 << 115).is_err());
        assert!(account.per_share().bit_len() <= PER_SHARE_BITS);
    }
}
