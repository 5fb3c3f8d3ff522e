//! Revenue of a class among its share tokens, after ERC-8028.
//!
//! The class keeps, per asset, what one share has earned so far; a token's claim is its shares times the growth
//! since it last claimed. What does not divide is carried to the next settlement, so nothing is lost and nothing
//! is invented. (ERC-8028 scales the accumulator by 10^18 and drops the remainder; carrying it whole is exact.)

use lazai_core::{Amount, MoneyError};

/// The revenue account of one class in one asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevenueAccount {
    /// What one share has earned since the beginning.
    per_share: Amount,
    /// What did not divide yet.
    carried: Amount,
    /// What was settled and not claimed yet, the carried part included.
    unclaimed: Amount,
}

impl RevenueAccount {
    /// What one share has earned since the beginning: the debt of a token that joins now.
    #[must_use]
    pub fn per_share(&self) -> Amount {
        self.per_share
    }

    /// Settled and not yet claimed, the carried part included.
    #[must_use]
    pub fn unclaimed(&self) -> Amount {
        self.unclaimed
    }

    /// What did not divide yet.
    #[must_use]
    pub fn carried(&self) -> Amount {
        self.carried
    }

    /// Distributes an amount over `total_shares`, which must not be 0. Changes nothing on error.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn settle(&mut self, amount: Amount, total_shares: u64) -> Result<(), MoneyError> {
        let shares = u128::from(total_shares.max(1));
        let available = self.carried.checked_add(amount)?;
        let each = Amount::from_base_units(available.base_units() / shares);
        let next = Self {
            per_share: self.per_share.checked_add(each)?,
            carried: Amount::from_base_units(available.base_units() % shares),
            unclaimed: self.unclaimed.checked_add(amount)?,
        };
        *self = next;
        Ok(())
    }

    /// What `shares` that joined or last claimed at `debt` per share have earned since.
    ///
    /// # Errors
    /// [`MoneyError`] never, while debts come from this account.
    pub fn pending(&self, shares: u64, debt: Amount) -> Result<Amount, MoneyError> {
        self.per_share.checked_sub(debt)?.checked_mul(shares)
    }

    /// Takes a claimed amount out.
    ///
    /// # Errors
    /// [`MoneyError::Underflow`] never, while the amount is what [`RevenueAccount::pending`] gave.
    pub fn pay_out(&mut self, amount: Amount) -> Result<(), MoneyError> {
        self.unclaimed = self.unclaimed.checked_sub(amount)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dust_is_carried_not_lost() {
        let mut account = RevenueAccount::default();
        let mut paid = 0;
        for _ in 0..10 {
            account.settle(Amount::from_base_units(1), 3).unwrap();
        }
        for shares in [1, 2] {
            let pending = account.pending(shares, Amount::ZERO).unwrap();
            account.pay_out(pending).unwrap();
            paid += pending.base_units();
        }
        assert_eq!(paid, 9);
        assert_eq!(account.carried().base_units(), 1);
        assert_eq!(account.unclaimed(), account.carried());
    }
}
