//! The payment headers: offers, requests and vouchers, receipts. Shaped as in x402 (version 2).
//!
//! | header | from | holds |
//! |---|---|---|
//! | `PAYMENT-REQUIRED` | the node, with status 402 | [`Required`]: the price of each of its models, as signed offers |
//! | `PAYMENT-SIGNATURE` | the consumer | [`Payment`]: a signed request for one reply of a session; maybe a voucher |
//! | `PAYMENT-RESPONSE` | the node, with a reply in one piece | [`PaymentResponse`]: the receipt |
//!
//! Each is the base64 (RFC 4648, with padding) of JSON. A streamed reply has its receipt in the last piece, under `lazai`,
//! since its headers are already sent. Source: x402 specification version 2, "HTTP transport".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai_core::{Amount, Digest, Domain, LedgerId, SessionId, Signature};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::exact::{self, ExactPayment, ExactRequirement, Settlement};
use super::openai::ApiError;
use crate::conversation::Checked;
use crate::node::{SignedOffer, SignedReceipt, SignedVoucher};
use crate::recheck::SignedTrail;

/// The x402 scheme of sessions: a deposit on the ledger, paid out by vouchers.
pub const SCHEME: &str = "lazai-session";
/// Header of a [`Required`].
pub const REQUIRED: &str = "payment-required";
/// Header of a [`Payment`].
pub const PAYMENT: &str = "payment-signature";
/// Header of a [`PaymentResponse`].
pub const PAYMENT_RESPONSE: &str = "payment-response";
/// Largest header that is read: 16 KiB.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// A node's prices for its replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Required {
    /// 2.
    pub x402_version: u32,
    /// Why the request was not served.
    pub error: String,
    /// The requested resource.
    pub resource: Resource,
    /// The payment options: a session for each model, and where replies are sold singly, a price for one.
    pub accepts: Vec<Accepted>,
}

impl Required {
    /// The options of the scheme [`SCHEME`].
    pub fn sessions(&self) -> impl Iterator<Item = &Requirement> {
        self.accepts.iter().filter_map(|accepted| match accepted {
            Accepted::Session(requirement) => Some(&**requirement),
            Accepted::Exact(_) => None,
        })
    }

    /// The options of the scheme [`exact`].
    pub fn exact(&self) -> impl Iterator<Item = &ExactRequirement> {
        self.accepts.iter().filter_map(|accepted| match accepted {
            Accepted::Exact(requirement) => Some(&**requirement),
            Accepted::Session(_) => None,
        })
    }
}

/// A way to pay, by its scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Accepted {
    /// A session.
    Session(Box<Requirement>),
    /// One reply at once.
    Exact(Box<ExactRequirement>),
}

/// The resource for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its path.
    pub url: String,
    /// Its description.
    pub description: String,
}

/// A way to pay for a model: open a session under the offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// [`SCHEME`].
    pub scheme: String,
    /// The chain, as CAIP-2 names it; `lazai:` and the ledger's id for an embedded ledger.
    pub network: String,
    /// The most that one reply can cost, in base units: the least deposit that gets one.
    pub amount: Amount,
    /// Address of the asset; zero for coins.
    pub asset: String,
    /// The node's address.
    pub pay_to: String,
    /// The length of a session, in seconds.
    pub max_timeout_seconds: u64,
    /// The data needed to open one.
    pub extra: Extra,
}

/// The data needed to open a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extra {
    /// The ledger.
    pub ledger: LedgerId,
    /// The model.
    pub model: String,
    /// The signed offer.
    pub offer: SignedOffer,
}

/// A consumer's payment for a request. The session binds the agreement, so the requirement is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// 2.
    pub x402_version: u32,
    /// The request.
    pub payload: PaidRequest,
}

/// A payment, by its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyPayment {
    /// A request of a session.
    Session(Box<PaidRequest>),
    /// A signed transfer.
    Exact(Box<ExactPayment>),
    /// A credit.
    #[cfg(feature = "credits")]
    Credit(Box<super::credits::CreditPayment>),
}

#[derive(Deserialize)]
struct Schemed {
    #[serde(default)]
    accepted: Option<Scheme>,
}

#[derive(Deserialize)]
struct Scheme {
    #[serde(default)]
    scheme: String,
}

impl AnyPayment {
    /// Reads the header [`PAYMENT`].
    ///
    /// # Errors
    /// [`ApiError`] with status 400.
    pub fn read(header: &[u8]) -> Result<Self, ApiError> {
        let Schemed { accepted } = decode(PAYMENT, header)?;
        let scheme = accepted.map(|accepted| accepted.scheme);
        if scheme.as_deref() == Some(exact::SCHEME) {
            return decode(PAYMENT, header).map(|payment| Self::Exact(Box::new(payment)));
        }
        #[cfg(feature = "credits")]
        if scheme.as_deref() == Some(super::credits::SCHEME) {
            return decode(PAYMENT, header).map(|payment| Self::Credit(Box::new(payment)));
        }
        decode(PAYMENT, header).map(|Payment { payload, .. }| Self::Session(Box::new(payload)))
    }
}

/// A request, without the words of its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaidRequest {
    /// The session.
    pub session: SessionId,
    /// The reply's number, from 1.
    pub turn: u32,
    /// The salt of its digests.
    pub salt: Digest,
    /// The consumer's signature over session, turn, and the salted digest of messages and settings.
    pub signature: Signature,
    /// Pays for the replies before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<SignedVoucher>,
}

/// A node's outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentResponse {
    /// True if it was served.
    pub success: bool,
    /// The session.
    pub transaction: SessionId,
    /// The amount owed for the session by now, in base units.
    pub amount: Amount,
    /// The receipt.
    pub extensions: Extensions,
}

/// x402's place for extensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// The receipt.
    pub lazai: SignedReceipt,
}

/// LazAI's fields in OpenAI's objects, under `lazai`: in the body of a reply, or in the last piece of a streamed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyDetails {
    /// The receipt.
    pub receipt: SignedReceipt,
    /// Token ids of the reply, which the consumer recounts.
    pub tokens: Vec<u32>,
    /// The whole reply, if it differs from the joined pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a repeat of the reply is held to, if the node signed that; the proxy leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<SignedTrail>,
    /// The trust level of the adapter in the receipt: always `claimed`, by the node that signed.
    pub adapter: String,
    /// The device that the node claims; `remote` if it asked a server of its own.
    pub device: String,
    /// What became of the payment of a reply that was paid at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Settlement>,
    /// The proxy's checks of the receipt; nodes leave this out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
}

impl PaymentResponse {
    /// The outcome for a receipt.
    #[must_use]
    pub fn of(receipt: &SignedReceipt) -> Self {
        let (transaction, amount) = (receipt.receipt.session, receipt.receipt.cumulative);
        Self { success: true, transaction, amount, extensions: Extensions { lazai: receipt.clone() } }
    }
}

/// The name of a ledger in CAIP-2.
#[must_use]
pub fn network(domain: &Domain, ledger: LedgerId) -> String {
    match domain.salt {
        // Only an embedded ledger has a salt.
        Some(_) => format!("lazai:{}", hex::encode(&ledger.as_bytes()[..16])),
        None => format!("eip155:{}", domain.chain_id),
    }
}

/// A header's text for a value.
///
/// # Panics
/// Never: everything here is text, numbers and hex.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> String {
    STANDARD.encode(serde_json::to_vec(value).expect("text, numbers and hex"))
}

/// Reads a header.
///
/// # Errors
/// [`ApiError`] with status 400.
pub fn decode<T: DeserializeOwned>(header: &str, text: &[u8]) -> Result<T, ApiError> {
    let bad = |reason: &dyn std::fmt::Display| ApiError {
        parameter: Some(header.into()),
        ..ApiError::new(400, "request.header", format!("{header}: {reason}"))
    };
    if text.len() > MAX_HEADER_BYTES {
        return Err(bad(&format!("{} bytes, at most {MAX_HEADER_BYTES} are read", text.len())));
    }
    let json = STANDARD.decode(text).map_err(|e| bad(&e))?;
    serde_json::from_slice(&json).map_err(|e| bad(&e))
}
