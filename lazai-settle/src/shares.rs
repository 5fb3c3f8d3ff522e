//! Revenue of a class among its share tokens, after ERC-8028.
//!
//! The class keeps, per asset, what one share has earned so far, times 10^18; a token's claim is its shares times
//! that, less what it has had. Two remainders are kept instead of dropped: what does not divide by the total share is
//! carried to the next settlement, and what a claim floors stays in the token's debt. So, always: the sum of
//! (shares * per share - debt) + carry = unclaimed * 10^18. The contracts (`contracts/src/token/RevenueShares.sol`)
//! count alike, to the unit.

use lazai_core::{Amount, MoneyError};
use ruint::aliases::U256;

/// What the accumulator is scaled by.
pub const SCALE: u64 = 1_000_000_000_000_000_000;

/// An amount times [`SCALE`], exactly.
pub type Scaled = U256;

/// The revenue account of one class in one asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevenueAccount {
    /// What one share has earned since the beginning, scaled.
    per_share: Scaled,
    /// What did not divide, scaled: less than the total share at that time.
    carry: u64,
    /// What was settled and not claimed yet, the carried part included.
    unclaimed: Amount,
}

impl RevenueAccount {
    /// What one share has earned since the beginning, times 10^18: ERC-8028's `accRevenuePerShare`.
    #[must_use]
    pub fn per_share(&self) -> Scaled {
        self.per_share
    }

    /// Settled and not yet claimed, the carried part included.
    #[must_use]
    pub fn unclaimed(&self) -> Amount {
        self.unclaimed
    }

    /// What did not divide yet, times 10^18.
    #[must_use]
    pub fn carry(&self) -> u64 {
        self.carry
    }

    /// Distributes an amount over `total_shares`, which must not be 0. Changes nothing on error.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn settle(&mut self, amount: Amount, total_shares: u64) -> Result<(), MoneyError> {
        let total = Scaled::from(total_shares.max(1));
        let available = scaled(amount)?.checked_add(Scaled::from(self.carry)).ok_or(overflow(amount))?;
        let per_share = self.per_share.checked_add(available / total).ok_or(overflow(amount))?;
        let unclaimed = self.unclaimed.checked_add(amount)?;
        // A remainder of a division by 64 bits has 64 bits.
        let carry = (available % total).to::<u64>();
        *self = Self { per_share, carry, unclaimed };
        Ok(())
    }

    /// Takes a claimed amount out.
    ///
    /// # Errors
    /// [`MoneyError::Underflow`] never, while the amount is what [`pending`] gave.
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

/// What `shares` have had when they join at `per_share`: everything so far.
///
/// # Errors
/// [`MoneyError::Overflow`] beyond 256 bits.
pub fn debt_at(shares: u64, per_share: Scaled) -> Result<Scaled, MoneyError> {
    let whole = Amount::from_base_units(shares.into());
    per_share.checked_mul(Scaled::from(shares)).ok_or(overflow(whole))
}

/// What `shares` can claim at `per_share` after having had `debt`, floored to whole units.
///
/// # Errors
/// [`MoneyError::Overflow`] beyond 128 bits, which what was settled never is.
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
            account.settle(Amount::from_base_units(1), 3).unwrap();
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
}
