//! Credits on the wire: a request that one pays for, and orders of them.
//!
//! A credit stands in the header [`PAYMENT`], in place of session and signature; it is only sent sealed, for whoever sees it can spend it. Orders
//! are JSON, posted to [`ORDERS`].

use serde::{Deserialize, Serialize};

use super::openai::CompletionRequest;
use super::payment::{PAYMENT, encode};
use crate::credits::{Credit, CreditDelivery, CreditOrder, CreditRequest};
use crate::node::NodeError;
use crate::wire::talk::failed;

/// The x402 scheme of credits.
pub const SCHEME: &str = "lazai-credit";
/// Where orders are posted: a [`CreditOrder`] as JSON; the answer is a [`CreditDelivery`].
pub const ORDERS: &str = "/v1/lazai/credits";

/// A credit as a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditPayment {
    /// 2.
    pub x402_version: u32,
    /// The scheme.
    pub accepted: CreditScheme,
    /// The credit.
    pub payload: Credit,
}

/// The scheme of a payment by credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditScheme {
    /// [`SCHEME`].
    pub scheme: String,
}

/// The header [`PAYMENT`] and the body of `POST /v1/chat/completions` for a request; the reply is streamed.
#[must_use]
pub fn chat(request: &CreditRequest) -> (&'static str, String, String) {
    let CreditRequest { credit, messages, settings } = request;
    let asked = CompletionRequest {
        // The credit says which: a name would be one more thing to tell.
        model: String::new(),
        messages: messages.clone(),
        settings: settings.clone(),
        tools: Vec::new(),
        choices: 1,
        stream: true,
        include_usage: false,
        audio: None,
    };
    let accepted = CreditScheme { scheme: SCHEME.into() };
    let payment = CreditPayment { x402_version: 2, accepted, payload: credit.clone() };
    (PAYMENT, encode(&payment), asked.body().to_string())
}

/// The body of an order.
///
/// # Errors
/// None that an order has.
pub fn order(order: &CreditOrder) -> Result<String, NodeError> {
    serde_json::to_string(order).map_err(|e| failed(&e))
}

/// Reads a node's answer to an order.
///
/// # Errors
/// [`NodeError::Transport`] if it is another answer.
pub fn delivery(body: &[u8]) -> Result<CreditDelivery, NodeError> {
    serde_json::from_slice(body).map_err(|e| failed(&lazai_core::quiet::json_error(&e)))
}
