//! Credits that a session ordered.

use lazai_core::{Amount, Signature};
use lazai_settle::credit::CreditReceipt;
use serde::{Deserialize, Serialize};

/// The receipt of an order of credits. The credits themselves are in the consumer's purse: this tells which account bought how many, and of none
/// of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedCredits {
    /// The receipt.
    pub receipt: CreditReceipt,
    /// The node's signature.
    pub signature: Signature,
    /// The price of one credit under the terms that the receipt names.
    pub price: Amount,
}
