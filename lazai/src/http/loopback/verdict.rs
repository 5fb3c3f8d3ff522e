//! What an error of a node means for the session, and how it is told.

use crate::consumer::ConsumerError;
use crate::http::front::refusal;
use crate::node::NodeError;
use crate::wire::openai::ApiError;

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The session is over; a new one may help.
    Over,
    /// The node does not answer, or fails: it is left for a while, and another may be asked.
    Leave,
    /// This node cannot do what is asked; another may.
    Elsewhere,
    /// The request gets the error.
    Final,
}

impl Verdict {
    pub fn of(error: &ConsumerError) -> Self {
        let ConsumerError::Node(error) = error else { return Self::Final };
        match error.code() {
            // What is owed is in the book either way: a node that does not take it, or wants more, is left with what it has.
            "node.deposit_exhausted"
            | "node.market"
            | "node.not_paid"
            | "node.not_served"
            | "node.turn_out_of_order"
            | "node.voucher_not_exact" => Self::Over,
            "node.prompt_too_long" | "node.setting" => Self::Elsewhere,
            "node.book" | "node.busy" | "node.draining" | "node.generation" | "node.ledger" | "node.no_quote"
            | "node.not_attested" | "node.rate_limited" | "node.signer" | "node.transport" | "node.unsealed" => {
                Self::Leave
            }
            code if code.starts_with("http.5") => Self::Leave,
            _ => Self::Final,
        }
    }
}

/// A node's refusal, as the proxy tells it.
pub(super) fn remote(error: &NodeError) -> ApiError {
    let status = match error.code() {
        "node.moderated" | "node.prompt_too_long" | "node.setting" | "request.invalid" => 400,
        "node.rate_limited" => 429,
        "node.busy" | "node.draining" | "node.ledger" | "node.unknown_session" => 503,
        "node.transport" => 502,
        // An immediate retry would not help, and may cost.
        _ => 500,
    };
    ApiError::new(status, error.code(), error)
}

pub(super) fn failure(error: &ConsumerError) -> ApiError {
    match error {
        ConsumerError::Node(error @ (NodeError::Refused { .. } | NodeError::Transport { .. })) => remote(error),
        ConsumerError::Node(error) => refusal(error),
        ConsumerError::Receipt { .. } | ConsumerError::ReceiptSignature(_) => {
            ApiError::new(500, "consumer.receipt", format!("not paid: {error}"))
        }
        ConsumerError::Send(_) => ApiError::new(402, "consumer.ledger", error),
        _ => ApiError::new(500, "consumer.failed", error),
    }
}
