//! x402's scheme `exact` on EVM chains: one reply, paid by one signed transfer (ERC-3009), by any wallet that speaks x402.
//!
//! What is paid goes to the till of the version at the node, where the market splits it. Source: x402 specification version
//! 2, "Scheme: exact", with `assetTransferMethod` `eip3009`.

use lazai_core::{Address, Amount, Digest};
use lazai_settle::till::{Authorization, SignedAuthorization};
use serde::{Deserialize, Deserializer, Serialize};

use super::payment::Resource;
use crate::node::SignedReceipt;

/// The scheme.
pub const SCHEME: &str = "exact";
/// The length of a signature that is read: contract accounts have longer ones than keys.
pub const MAX_SIGNATURE_BYTES: usize = 4 << 10;

/// A price for one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExactRequirement {
    /// [`SCHEME`].
    pub scheme: String,
    /// The chain, as CAIP-2 names it.
    pub network: String,
    /// The price, in base units.
    pub amount: Amount,
    /// Address of the ERC-20.
    pub asset: Address,
    /// The till.
    pub pay_to: Address,
    /// The seconds for which a transfer must be valid.
    pub max_timeout_seconds: u64,
    /// The data needed to sign one.
    pub extra: ExactExtra,
}

/// The data needed to sign a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExactExtra {
    /// The name in the asset's EIP-712 domain.
    pub name: String,
    /// The version in it.
    pub version: String,
    /// `eip3009`.
    pub asset_transfer_method: String,
    /// The model that replies.
    pub model: String,
    /// The most tokens of the reply.
    pub max_tokens: u32,
}

/// A payment, as wallets send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExactPayment {
    /// 2.
    pub x402_version: u32,
    /// The resource that it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// The requirement that the wallet chose.
    pub accepted: ExactRequirement,
    /// The signed transfer.
    pub payload: ExactPayload,
}

/// A signed transfer on the wire: numbers are decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactPayload {
    /// The transfer.
    pub authorization: ExactAuthorization,
    /// Its signature, in hex.
    pub signature: String,
}

/// A transfer on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExactAuthorization {
    /// The payer.
    pub from: Address,
    /// The till.
    pub to: Address,
    /// The amount.
    pub value: Amount,
    /// Seconds since 1970.
    #[serde(serialize_with = "decimal", deserialize_with = "seconds")]
    pub valid_after: u64,
    /// Seconds since 1970.
    #[serde(serialize_with = "decimal", deserialize_with = "seconds")]
    pub valid_before: u64,
    /// The payer's number.
    pub nonce: Digest,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn decimal<S: serde::Serializer>(value: &u64, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(value)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| serde::de::Error::custom("no number of seconds in decimal digits"))
}

impl ExactPayload {
    /// The transfer, as the market's ledger takes it; `None` for a signature that is no hex, or too long.
    #[must_use]
    pub fn signed(&self) -> Option<SignedAuthorization> {
        let ExactAuthorization { from, to, value, valid_after, valid_before, nonce } = self.authorization;
        let (valid_after_s, valid_before_s) = (valid_after, valid_before);
        let digits = self.signature.strip_prefix("0x").filter(|digits| digits.len() <= 2 * MAX_SIGNATURE_BYTES)?;
        let signature = hex::decode(digits).ok()?;
        let authorization = Authorization { from, to, value, valid_after_s, valid_before_s, nonce };
        Some(SignedAuthorization { authorization, signature })
    }
}

/// What became of a payment: the header `PAYMENT-RESPONSE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// True if it was taken.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// The payer.
    pub payer: Address,
    /// The transaction that took it; empty if none did.
    pub transaction: String,
    /// The chain.
    pub network: String,
    /// The amount, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The receipt of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<SettlementExtensions>,
}

impl Settlement {
    /// The same, with the receipt of the reply.
    #[must_use]
    pub fn with(&self, receipt: &SignedReceipt) -> Self {
        Self { extensions: Some(SettlementExtensions { lazai: receipt.clone() }), ..self.clone() }
    }
}

/// x402's place for extensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementExtensions {
    /// The receipt.
    pub lazai: SignedReceipt,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As npm's `@x402/evm` 2.27 writes it.
    const PAYLOAD: &str = r#"{"authorization":{"from":"0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
        "to":"0x1563915e194D8CfBA1943570603F7606A3115508","value":"1500","validAfter":"0","validBefore":"1800000900",
        "nonce":"0x000000000000000000000000000000000000000000000000000000000000002a"},"signature":"0x1234"}"#;

    #[test]
    fn a_wallets_payload_is_read_and_written_alike() {
        let read: ExactPayload = serde_json::from_str(PAYLOAD).unwrap();
        let signed = read.signed().unwrap();
        assert_eq!(signed.authorization.valid_before_s, 1_800_000_900);
        assert_eq!(signed.authorization.value, Amount::from_base_units(1_500));
        assert_eq!(signed.signature, [0x12, 0x34]);
        let written: ExactPayload = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(written, read);
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let mut read: ExactPayload = serde_json::from_str(PAYLOAD).unwrap();
        for bad in ["1234", "0x123", "0xzz", &format!("0x{}", "00".repeat(MAX_SIGNATURE_BYTES + 1))] {
            read.signature = bad.into();
            assert_eq!(read.signed(), None, "{bad:.20}");
        }
    }
}
