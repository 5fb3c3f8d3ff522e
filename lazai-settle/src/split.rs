//! The split of revenue: node and pool floored, the creator's class gets the rest.
//!
//! So the parts always sum to the whole, and each increment's parts are never taken back. Rounding on running
//! totals instead would shrink somebody: at 20 % and 10 %, the class would fall from 8 to 7 when the total grows
//! from 9 to 10.

use lazai_core::{Amount, BasisPoints, MoneyError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The creator's class never gets less than half, whatever is voted.
pub const MIN_CREATOR_BPS: u16 = 5_000;

/// Shares that are no split.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Less than [`MIN_CREATOR_BPS`] for the creator.
    #[error("creator's share of {creator_bps} bps is below the minimum of {MIN_CREATOR_BPS}")]
    CreatorBelowMinimum {
        /// The proposed part.
        creator_bps: u16,
    },
    /// The three shares do not sum to 10,000.
    #[error("shares sum to {sum} bps, expected 10000")]
    Sum {
        /// The sum.
        sum: u32,
    },
}

/// The parts of revenue: for the creator's class, the node and the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSplit", into = "RawSplit")]
pub struct RevenueSplit {
    creator: BasisPoints,
    node: BasisPoints,
    pool: BasisPoints,
}

/// The parts of one amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// For the creator's class.
    pub creator: Amount,
    /// For the node that served.
    pub node: Amount,
    /// For the governance pool.
    pub pool: Amount,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSplit {
    creator_bps: u16,
    node_bps: u16,
    pool_bps: u16,
}

impl RevenueSplit {
    /// 70 % creator, 20 % node, 10 % pool.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(7_000, 2_000, 1_000).expect("70, 20 and 10 percent sum to the whole")
    }

    /// A split, in basis points.
    ///
    /// # Errors
    /// [`SplitError`] if they do not sum to 10,000 or leave the creator less than half.
    pub fn new(creator_bps: u16, node_bps: u16, pool_bps: u16) -> Result<Self, SplitError> {
        let sum = u32::from(creator_bps) + u32::from(node_bps) + u32::from(pool_bps);
        let wrong_sum = |_: MoneyError| SplitError::Sum { sum };
        if sum != 10_000 {
            return Err(SplitError::Sum { sum });
        }
        if creator_bps < MIN_CREATOR_BPS {
            return Err(SplitError::CreatorBelowMinimum { creator_bps });
        }
        Ok(Self {
            creator: BasisPoints::new(creator_bps).map_err(wrong_sum)?,
            node: BasisPoints::new(node_bps).map_err(wrong_sum)?,
            pool: BasisPoints::new(pool_bps).map_err(wrong_sum)?,
        })
    }

    /// The shares in basis points: creator, node, pool.
    #[must_use]
    pub fn bps(self) -> [u16; 3] {
        [self.creator.get(), self.node.get(), self.pool.get()]
    }

    /// Splits an amount.
    ///
    /// ```
    /// use lazai_core::Amount;
    /// use lazai_settle::RevenueSplit;
    /// let parts = RevenueSplit::standard().split(Amount::from_base_units(9));
    /// assert_eq!((parts.creator.base_units(), parts.node.base_units(), parts.pool.base_units()), (8, 1, 0));
    /// ```
    #[must_use]
    pub fn split(self, gross: Amount) -> Split {
        let (node, pool) = (gross.portion_floor(self.node), gross.portion_floor(self.pool));
        // Both are floored parts of one whole, whose shares sum to at most 10,000: the rest is not negative.
        let rest = gross.checked_sub(node).and_then(|rest| rest.checked_sub(pool));
        Split { creator: rest.unwrap_or(Amount::ZERO), node, pool }
    }
}

impl TryFrom<RawSplit> for RevenueSplit {
    type Error = SplitError;

    fn try_from(raw: RawSplit) -> Result<Self, SplitError> {
        Self::new(raw.creator_bps, raw.node_bps, raw.pool_bps)
    }
}

impl From<RevenueSplit> for RawSplit {
    fn from(split: RevenueSplit) -> Self {
        let [creator_bps, node_bps, pool_bps] = split.bps();
        Self { creator_bps, node_bps, pool_bps }
    }
}
