//! The split of revenue.

use lazai::core::Amount;
use lazai::settle::split::RevenueSplit;

use crate::{BaseUnits, LazaiError, record};

record! {
    /// An amount in three parts, which sum to it exactly. Base units.
    pub struct RevenueParts {
        /// For the creator's class.
        pub creator: BaseUnits,
        /// For the node that served.
        pub node: BaseUnits,
        /// For the governance pool.
        pub pool: BaseUnits,
    }
}

/// Splits an amount of base units as the market does: node and pool are rounded down, the creator gets the rest.
///
/// # Errors
/// `money.not_decimal`, `money.basis_points_too_many`, `split.sum`, `split.creator_below_minimum`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn split_revenue(
    amount: BaseUnits,
    creator_bps: u16,
    node_bps: u16,
    pool_bps: u16,
) -> Result<RevenueParts, LazaiError> {
    let split = RevenueSplit::new(creator_bps, node_bps, pool_bps)?.split(amount.parse::<Amount>()?);
    Ok(RevenueParts { creator: split.creator.to_string(), node: split.node.to_string(), pool: split.pool.to_string() })
}
