//! Money: integers of base units, checked, and never of two assets at once.
//!
//! There is no conversion from floating point, and no operator that could wrap: every operation that can
//! leave the range returns a [`MoneyError`].

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::Address;

/// Why an operation on money has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Two amounts of different assets met in one operation.
    #[error("asset {left} cannot be combined with asset {right}")]
    AssetMismatch {
        /// Asset of the first operand.
        left: Asset,
        /// Asset of the second operand.
        right: Asset,
    },
    /// More than 10,000 basis points.
    #[error("{bps} basis points exceed 10000")]
    BasisPointsTooMany {
        /// The given number.
        bps: u32,
    },
    /// A text that is not a decimal number of base units.
    #[error("not a decimal number of base units: {text:?}")]
    NotDecimal {
        /// The offending text, cut to 80 characters.
        text: String,
    },
    /// The result exceeds 2^128 - 1.
    #[error("{left} {operation} {right} exceeds the range of amounts")]
    Overflow {
        /// First operand, base units.
        left: u128,
        /// `+` or `*`.
        operation: char,
        /// Second operand.
        right: u128,
    },
    /// The result would be negative.
    #[error("{right} base units cannot be taken from {left}")]
    Underflow {
        /// The minuend, in base units.
        left: u128,
        /// The subtrahend, in base units.
        right: u128,
    },
}

mod encapsulated {
    /// A number of base units of some asset: at most 2^128 - 1.
    ///
    /// Written in JSON as a decimal string, because a JavaScript number would lose digits.
    ///
    /// ```
    /// use lazai_core::Amount;
    /// let price = Amount::from_base_units(40).checked_mul(3)?;
    /// assert_eq!(price.to_string(), "120");
    /// assert!(Amount::ZERO.checked_sub(price).is_err());
    /// # Ok::<(), lazai_core::MoneyError>(())
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct Amount(u128);

    impl Amount {
        /// Nothing.
        pub const ZERO: Self = Self(0);
        /// The largest amount.
        pub const MAX: Self = Self(u128::MAX);

        /// A number of base units.
        #[must_use]
        pub const fn from_base_units(base_units: u128) -> Self {
            Self(base_units)
        }

        /// The number of base units.
        #[must_use]
        pub const fn base_units(self) -> u128 {
            self.0
        }
    }
}
pub use encapsulated::Amount;

impl Amount {
    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond 2^128 - 1.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        let (left, right) = (self.base_units(), other.base_units());
        left.checked_add(right).map(Self::from_base_units).ok_or(MoneyError::Overflow { left, operation: '+', right })
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Underflow`] if `other` is larger.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let (left, right) = (self.base_units(), other.base_units());
        left.checked_sub(right).map(Self::from_base_units).ok_or(MoneyError::Underflow { left, right })
    }

    /// The product with a plain number: a price times a quantity.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond 2^128 - 1.
    pub fn checked_mul(self, count: u64) -> Result<Self, MoneyError> {
        let (left, right) = (self.base_units(), u128::from(count));
        left.checked_mul(right).map(Self::from_base_units).ok_or(MoneyError::Overflow { left, operation: '*', right })
    }

    /// The floor of `self * bps / 10000`. Never overflows, since the result is at most `self`.
    #[must_use]
    pub fn portion_floor(self, bps: BasisPoints) -> Self {
        // Splitting off the quotient keeps the product below 10^4 * 10^4.
        let units = self.base_units();
        let bps = u128::from(bps.get());
        let whole = units / 10_000;
        let rest = units % 10_000;
        // whole * bps <= units and rest * bps < 10^8: neither can overflow, nor can the sum exceed `units`.
        Self::from_base_units(whole.saturating_mul(bps).saturating_add(rest.saturating_mul(bps) / 10_000))
    }

    /// Tells whether this is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.base_units().fmt(f)
    }
}

impl std::str::FromStr for Amount {
    type Err = MoneyError;

    /// Reads decimal digits without sign, leading zeros or separators.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let error = || MoneyError::NotDecimal { text: text.chars().take(80).collect() };
        let canonical = text == "0" || !text.starts_with('0');
        if text.is_empty() || !canonical || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        text.parse().map(Self::from_base_units).map_err(|_| error())
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The asset of an amount: the address of a token contract, or [`Asset::NATIVE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Asset(pub Address);

impl Asset {
    /// The ledger's own AI gas token; ERC-8028 writes it as the zero address.
    pub const NATIVE: Self = Self(Address::ZERO);
}

impl std::fmt::Display for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::NATIVE { f.write_str("native") } else { self.0.fmt(f) }
    }
}

/// An amount of a named asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The asset.
    pub asset: Asset,
    /// The amount, in base units.
    pub amount: Amount,
}

impl Money {
    /// An amount of the ledger's own token.
    #[must_use]
    pub const fn native(base_units: u128) -> Self {
        Self { asset: Asset::NATIVE, amount: Amount::from_base_units(base_units) }
    }

    /// The sum of two amounts of one asset.
    ///
    /// ```
    /// use lazai_core::{Address, Asset, Money, MoneyError};
    /// let gas = Money::native(5);
    /// let other = Money { asset: Asset(Address::from_bytes([7; 20])), ..gas };
    /// assert!(matches!(gas.checked_add(other), Err(MoneyError::AssetMismatch { .. })));
    /// ```
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] for two assets, [`MoneyError::Overflow`] beyond the range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        let asset = self.same_asset(other)?;
        Ok(Self { asset, amount: self.amount.checked_add(other.amount)? })
    }

    /// The difference of two amounts of one asset.
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] for two assets, [`MoneyError::Underflow`] if `other` is larger.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let asset = self.same_asset(other)?;
        Ok(Self { asset, amount: self.amount.checked_sub(other.amount)? })
    }

    /// The asset of both.
    ///
    /// # Errors
    /// [`MoneyError::AssetMismatch`] if they differ.
    pub fn same_asset(self, other: Self) -> Result<Asset, MoneyError> {
        if self.asset == other.asset {
            Ok(self.asset)
        } else {
            Err(MoneyError::AssetMismatch { left: self.asset, right: other.asset })
        }
    }
}

/// A part of a whole in ten-thousandths: at most 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// A twentieth.
    pub const FIVE_PERCENT: Self = Self(500);
    /// The whole: 10,000.
    pub const WHOLE: Self = Self(10_000);

    /// A number of basis points.
    ///
    /// # Errors
    /// [`MoneyError::BasisPointsTooMany`] above 10,000.
    pub fn new(bps: u16) -> Result<Self, MoneyError> {
        if bps <= 10_000 { Ok(Self(bps)) } else { Err(MoneyError::BasisPointsTooMany { bps: bps.into() }) }
    }

    /// The number of basis points.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for BasisPoints {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_canonical() {
        assert_eq!("340282366920938463463374607431768211455".parse(), Ok(Amount::MAX));
        for bad in ["", "-1", "+1", "01", "1.0", "1e3", " 1", "340282366920938463463374607431768211456"] {
            assert!(matches!(bad.parse::<Amount>(), Err(MoneyError::NotDecimal { .. })), "{bad:?}");
        }
    }

    #[test]
    fn portions_match_wide_arithmetic_at_the_edges() {
        let two_thousand = BasisPoints::new(2_000).unwrap();
        assert_eq!(Amount::from_base_units(9).portion_floor(two_thousand).base_units(), 1);
        assert_eq!(Amount::MAX.portion_floor(BasisPoints::WHOLE), Amount::MAX);
        assert_eq!(Amount::MAX.portion_floor(BasisPoints::new(0).unwrap()), Amount::ZERO);
        // floor((2^128 - 1) / 5), by exact division.
        assert_eq!(Amount::MAX.portion_floor(two_thousand).base_units(), u128::MAX / 5);
        assert!(BasisPoints::new(10_001).is_err());
    }
}
