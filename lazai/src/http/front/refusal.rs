//! What a node refuses, as an answer and in its log.

use lazai_settle::market::MarketError;

use crate::http::quiet;
use crate::node::NodeError;
use crate::wire::openai::ApiError;

pub(super) fn busy(reason: String) -> ApiError {
    ApiError { retry_after_s: Some(1), ..ApiError::new(503, "node.busy", reason) }
}

/// A node's refusal as an answer.
pub(in crate::http) fn refusal(error: &NodeError) -> ApiError {
    let status = match error {
        NodeError::NotPaid { .. } | NodeError::DepositExhausted { .. } | NodeError::VoucherNotExact { .. } => 402,
        NodeError::Market(MarketError::UnknownSession { .. }) => 402,
        NodeError::Credit { .. } | NodeError::Market(_) | NodeError::NotServed { .. } => 403,
        NodeError::Moderated { .. }
        | NodeError::PromptTooLong { .. }
        | NodeError::Money(_)
        | NodeError::Setting { .. } => 400,
        NodeError::CreditSpent | NodeError::TurnOutOfOrder { .. } => 409,
        NodeError::Busy { .. } => 503,
        NodeError::Refused { .. } | NodeError::Transport { .. } | NodeError::Unsealed(_) => 502,
        _ => 500,
    };
    // Details of the node's internals (paths, keys, URLs) go to its log only.
    if matches!(error, NodeError::Ledger { .. }) {
        tracing::warn!(error = %quiet::node(error), "the ledger did not answer");
        return ApiError::new(503, error.code(), "the node's ledger did not answer; try again");
    }
    if status == 500 && !matches!(error, NodeError::Left) {
        tracing::error!(code = error.code(), error = %quiet::node(error), "request failed");
        return ApiError::new(status, error.code(), "the node failed");
    }
    let parameter = match error {
        NodeError::Setting { setting, .. } => Some(setting.clone()),
        _ => None,
    };
    let retry_after_s = (status == 503).then_some(1);
    ApiError { parameter, retry_after_s, ..ApiError::new(status, error.code(), error) }
}
