//! What any server of x402 says with status 402, and what pays it: the scheme `exact`, by a signed transfer (ERC-3009), in both versions
//! of the protocol. What a LazAI node itself says is in [`payment`](super::payment) and [`exact`](super::exact).
//!
//! | | version 2 | version 1 |
//! |---|---|---|
//! | what the server wants | header `PAYMENT-REQUIRED` | the body |
//! | what pays | header `PAYMENT-SIGNATURE` | header `X-PAYMENT` |
//! | what became of it | header `PAYMENT-RESPONSE` | header `X-PAYMENT-RESPONSE` |
//!
//! Source: x402 specifications version 2 and 1, "HTTP transport", and "Scheme: exact" on EVM. Servers are strangers here: sizes are
//! capped, and what is not understood is left out, not guessed.

mod networks;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai_core::quiet::json_error;
use lazai_core::{Address, Amount, Digest, Domain};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::exact::{ExactPayload, SCHEME};
use super::payment::{PAYMENT, PAYMENT_RESPONSE, REQUIRED};
pub use networks::{chain_id, network_name};

/// The header that pays in version 1.
pub const PAYMENT_V1: &str = "x-payment";
/// The header that tells what became of a payment, in version 1.
pub const PAYMENT_RESPONSE_V1: &str = "x-payment-response";
/// Largest header of a server that is read.
pub const MAX_HEADER_BYTES: usize = 64 << 10;
/// Largest body of status 402 that is read.
pub const MAX_BODY_BYTES: usize = 256 << 10;
/// Most ways to pay that a server may name.
pub const MAX_PRICES: usize = 64;
/// Longest text of a server that is told on.
const MAX_TOLD: usize = 200;
/// The extension by which a server tells payments apart that are sent again.
const IDENTIFIER: &str = "payment-identifier";

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub enum Version {
    /// What is wanted stands in the body.
    One,
    /// What is wanted stands in a header.
    Two,
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        match version {
            Version::One => 1,
            Version::Two => 2,
        }
    }
}

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match number {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            other => Err(format!("x402 of version {other}, 1 and 2 are known")),
        }
    }
}

impl Version {
    /// The header that pays.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::One => PAYMENT_V1,
            Self::Two => PAYMENT,
        }
    }
}

/// What a server said is not x402.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {reason}")]
pub struct NotX402 {
    /// The header, or the body.
    pub place: String,
    /// The reason.
    pub reason: String,
}

impl NotX402 {
    fn new(place: &str, reason: impl std::fmt::Display) -> Self {
        Self { place: place.to_owned(), reason: reason.to_string() }
    }
}

/// What a server wants before it serves a request.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentRequired {
    /// The protocol's version.
    pub version: Version,
    /// The server's reason, as far as it is told on.
    pub error: String,
    /// The ways to pay that are understood here, in the server's order.
    pub prices: Vec<Price>,
    /// The number of ways to pay that the server named.
    pub named: usize,
    resource: Option<Value>,
    extensions: Map<String, Value>,
}

/// A way to pay: the scheme `exact`, by a signed transfer (ERC-3009).
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The chain, as the server names it.
    pub network: String,
    /// Its number (EIP-155).
    pub chain_id: u64,
    /// The ERC-20.
    pub asset: Address,
    /// The price, in base units.
    pub amount: Amount,
    /// The payee.
    pub pay_to: Address,
    /// The seconds for which a transfer should be valid.
    pub valid_s: u64,
    /// The name in the asset's EIP-712 domain, as the server says.
    name: String,
    /// The version in it.
    domain_version: String,
    /// As the server wrote it: it has to come back unchanged.
    told: Value,
}

impl Price {
    /// Reads one way to pay; `None` for what is not understood.
    pub(crate) fn read(version: Version, told: &Value) -> Option<Self> {
        let text = |name: &str| told.get(name)?.as_str();
        if text("scheme")? != SCHEME {
            return None;
        }
        let extra = told.get("extra")?;
        let in_extra = |name: &str| extra.get(name)?.as_str().map(str::to_owned);
        if in_extra("assetTransferMethod").is_some_and(|method| method != "eip3009") {
            return None;
        }
        let amount = match version {
            Version::One => "maxAmountRequired",
            Version::Two => "amount",
        };
        let network = text("network")?;
        Some(Self {
            network: network.to_owned(),
            chain_id: chain_id(version, network)?,
            asset: text("asset")?.parse().ok()?,
            amount: text(amount)?.parse().ok()?,
            pay_to: text("payTo")?.parse().ok()?,
            // Some servers write 300.0; what is beyond all bounds is cut to them anyway.
            valid_s: told.get("maxTimeoutSeconds").and_then(Value::as_f64)?.max(0.0) as u64,
            name: in_extra("name")?,
            domain_version: in_extra("version")?,
            told: told.clone(),
        })
    }

    /// The domain in which a transfer of the asset is signed, as the server says it: another one signs nothing that the asset takes.
    #[must_use]
    pub fn domain(&self) -> Domain {
        let (name, version) = (self.name.clone(), self.domain_version.clone());
        Domain { name, version, chain_id: self.chain_id, verifying_contract: self.asset, salt: None }
    }
}

/// A header of an answer, whatever the case of its name.
fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The JSON in a header.
fn decoded(name: &str, text: &str) -> Result<Vec<u8>, NotX402> {
    if text.len() > MAX_HEADER_BYTES {
        return Err(NotX402::new(name, format!("{} bytes, at most {MAX_HEADER_BYTES} are read", text.len())));
    }
    STANDARD.decode(text).map_err(|e| NotX402::new(name, e))
}

fn parsed<T: serde::de::DeserializeOwned>(place: &str, json: &[u8]) -> Result<T, NotX402> {
    serde_json::from_slice(json).map_err(|e| NotX402::new(place, json_error(&e)))
}

/// A server's text, as it may stand in a message: one line, and not a long one.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TOLD).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    x402_version: u64,
    #[serde(default)]
    error: Value,
    accepts: Vec<Value>,
    #[serde(default)]
    resource: Option<Value>,
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

impl PaymentRequired {
    /// Reads an answer with status 402.
    ///
    /// # Errors
    /// [`NotX402`].
    pub fn read(headers: &[(String, String)], body: &[u8]) -> Result<Self, NotX402> {
        let (place, version, told): (_, _, Told) = match header(headers, REQUIRED) {
            Some(text) => (REQUIRED, Version::Two, parsed(REQUIRED, &decoded(REQUIRED, text)?)?),
            None if body.len() > MAX_BODY_BYTES => {
                let reason = format!("{} bytes, at most {MAX_BODY_BYTES} are read", body.len());
                return Err(NotX402::new("the body", reason));
            }
            None => ("the body", Version::One, parsed("the body", body)?),
        };
        let found = Version::try_from(told.x402_version).map_err(|e| NotX402::new(place, e))?;
        if found != version {
            return Err(NotX402::new(place, format!("x402 of version {} has its prices elsewhere", told.x402_version)));
        }
        if told.accepts.len() > MAX_PRICES {
            let reason = format!("{} ways to pay, at most {MAX_PRICES} are read", told.accepts.len());
            return Err(NotX402::new(place, reason));
        }
        Ok(Self {
            version,
            error: shown(told.error.as_str().unwrap_or_default()),
            prices: told.accepts.iter().filter_map(|one| Price::read(version, one)).collect(),
            named: told.accepts.len(),
            resource: told.resource,
            extensions: told.extensions.unwrap_or_default(),
        })
    }

    /// The value of the header that pays one of its prices. Where the server tells payments apart by an identifier, that is the
    /// transfer's number: sent again, it is the same payment.
    #[must_use]
    pub fn payment(&self, price: &Price, payload: &ExactPayload) -> String {
        let mut payment = match self.version {
            Version::One => json!({
                "x402Version": 1, "scheme": SCHEME, "network": price.network, "payload": payload,
            }),
            Version::Two => json!({"x402Version": 2, "accepted": price.told, "payload": payload}),
        };
        if self.version == Version::Two {
            if let Some(resource) = &self.resource {
                payment["resource"] = resource.clone();
            }
            if !self.extensions.is_empty() {
                payment["extensions"] = self.extensions_of(payload.authorization.nonce).into();
            }
        }
        STANDARD.encode(payment.to_string())
    }

    /// The server's extensions, as they have to come back.
    fn extensions_of(&self, nonce: Digest) -> Map<String, Value> {
        let mut extensions = self.extensions.clone();
        let info = extensions.get_mut(IDENTIFIER).and_then(|identifier| identifier.get_mut("info"));
        if let Some(info) = info.and_then(Value::as_object_mut) {
            info.insert("id".into(), format!("pay_{}", hex::encode(nonce.as_bytes())).into());
        }
        extensions
    }
}

/// What became of a payment, as the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// True if the server has it.
    pub success: bool,
    /// The transaction, as far as it is told on; may be empty.
    pub transaction: String,
    /// Why not, in x402's words; may be empty.
    pub reason: String,
}

impl Outcome {
    /// Reads an answer to a request that was paid; `None` if the server says nothing of the payment.
    ///
    /// # Errors
    /// [`NotX402`].
    pub fn read(version: Version, headers: &[(String, String)]) -> Result<Option<Self>, NotX402> {
        let names = match version {
            Version::One => [PAYMENT_RESPONSE_V1, PAYMENT_RESPONSE],
            Version::Two => [PAYMENT_RESPONSE, PAYMENT_RESPONSE_V1],
        };
        let found = names.into_iter().find_map(|name| Some((name, header(headers, name)?)));
        let Some((name, text)) = found else { return Ok(None) };
        let told: Value = parsed(name, &decoded(name, text)?)?;
        let success = told.get("success").and_then(Value::as_bool);
        let success = success.ok_or_else(|| NotX402::new(name, "it does not say whether the payment succeeded"))?;
        let text = |name: &str| shown(told.get(name).and_then(Value::as_str).unwrap_or_default());
        Ok(Some(Self { success, transaction: text("transaction"), reason: text("errorReason") }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::exact::ExactAuthorization;

    /// As npm's `@x402/express` 2.27 writes it.
    const TOLD: &str = r#"{"x402Version":2,"error":"Payment required","resource":{"url":"http://127.0.0.1:4021/weather",
        "description":"","mimeType":""},"accepts":[
        {"scheme":"upto","network":"eip155:84532","amount":"9","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e",
         "payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":300,"extra":{"name":"USDC","version":"2"}},
        {"scheme":"exact","network":"eip155:84532","amount":"10000","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e",
         "payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":300,"extra":{"name":"USDC","version":"2"}}],
        "extensions":{"payment-identifier":{"info":{"required":true},"schema":{"type":"object"}}}}"#;
    const TOLD_V1: &str = r#"{"x402Version":1,"error":"X-PAYMENT header is required","accepts":[
        {"scheme":"exact","network":"base-sepolia","maxAmountRequired":"10000","resource":"http://127.0.0.1/weather",
         "description":"","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e","maxTimeoutSeconds":60,
         "payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","extra":{"name":"USDC","version":"2"}}]}"#;

    fn headers(name: &str, json: &str) -> Vec<(String, String)> {
        vec![("content-type".into(), "application/json".into()), (name.into(), STANDARD.encode(json))]
    }

    fn payload() -> ExactPayload {
        let authorization = ExactAuthorization {
            from: Address::from_bytes([1; 20]),
            to: Address::from_bytes([2; 20]),
            value: Amount::from_base_units(10_000),
            valid_after: 1,
            valid_before: 2,
            nonce: Digest::from_bytes([7; 32]),
        };
        ExactPayload { authorization, signature: "0x1234".into() }
    }

    fn read_back(header: &str) -> Value {
        serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
    }

    #[test]
    fn a_price_comes_back_as_it_was_told_with_the_payments_identifier() {
        let required = PaymentRequired::read(&headers("Payment-Required", TOLD), b"<html>").unwrap();
        assert_eq!((required.named, required.prices.len(), &*required.error), (2, 1, "Payment required"));
        let price = &required.prices[0];
        assert_eq!((price.chain_id, price.amount, price.valid_s), (84_532, Amount::from_base_units(10_000), 300));
        // That of the specification's example.
        let separator = price.domain().separator().to_string();
        assert_eq!(separator, "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818");
        let sent = read_back(&required.payment(price, &payload()));
        let told: Value = serde_json::from_str(TOLD).unwrap();
        assert_eq!((&sent["accepted"], &sent["resource"]), (&told["accepts"][1], &told["resource"]));
        let info = &sent["extensions"]["payment-identifier"]["info"];
        assert_eq!(info, &json!({"required": true, "id": format!("pay_{}", "07".repeat(32))}));
        assert_eq!(sent["payload"]["authorization"]["validBefore"], "2");
    }

    #[test]
    fn version_one_has_its_prices_in_the_body_and_networks_by_name() {
        let required = PaymentRequired::read(&[], TOLD_V1.as_bytes()).unwrap();
        let price = &required.prices[0];
        assert_eq!((required.version, price.chain_id, price.valid_s), (Version::One, 84_532, 60));
        let sent = read_back(&required.payment(price, &payload()));
        assert_eq!((&sent["x402Version"], &sent["network"]), (&json!(1), &json!("base-sepolia")));
        assert!(sent.get("accepted").is_none() && sent.get("extensions").is_none(), "{sent}");
    }

    #[test]
    fn what_is_not_understood_is_no_price() {
        for (from, to) in [
            ("eip155:84532", "solana:mainnet"),
            ("eip155:84532", "eip155:084532"),
            ("\"10000\"", "\"010000\""),
            ("\"10000\"", "10000"),
            ("\"10000\"", "\"-1\""),
            ("\"exact\"", "\"batch-settlement\""),
            ("\"name\":\"USDC\",", ""),
            ("\"version\":\"2\"", "\"version\":\"2\",\"assetTransferMethod\":\"permit2\""),
            ("0x209693Bc6afc0C5328bA36FaF03C514EF312287C", "0x2096"),
            ("\"maxTimeoutSeconds\":300", "\"maxTimeoutSeconds\":\"long\""),
        ] {
            let required = PaymentRequired::read(&headers(REQUIRED, &TOLD.replace(from, to)), b"").unwrap();
            assert_eq!(required.prices, [], "{from} as {to}");
        }
    }

    #[test]
    fn what_is_no_x402_is_refused() {
        let refused = |headers: &[(String, String)], body: &[u8]| PaymentRequired::read(headers, body).unwrap_err();
        let place = |error: NotX402| error.place;
        assert_eq!(place(refused(&[], b"pay me")), "the body");
        assert_eq!(place(refused(&[(REQUIRED.into(), "no base64!".into())], b"")), REQUIRED);
        assert_eq!(place(refused(&[], TOLD.as_bytes())), "the body");
        assert_eq!(place(refused(&headers(REQUIRED, TOLD_V1), b"")), REQUIRED);
        assert_eq!(place(refused(&headers(REQUIRED, &TOLD.replace("\":2,\"error", "\":3,\"error")), b"")), REQUIRED);
        let many = json!({"x402Version": 1, "accepts": vec![json!({}); MAX_PRICES + 1]});
        assert!(refused(&[], many.to_string().as_bytes()).reason.contains("65 ways to pay"));
        assert!(refused(&[], &vec![b' '; MAX_BODY_BYTES + 1]).reason.contains("at most"));
        let long = (REQUIRED.to_owned(), "A".repeat(MAX_HEADER_BYTES + 1));
        assert!(refused(&[long], b"").reason.contains("at most"));
    }

    #[test]
    fn an_outcome_is_read_from_either_header_and_told_in_one_line() {
        let told =
            r#"{"success":false,"errorReason":"insufficient\u001b[2J\nfunds","transaction":"","network":"base"}"#;
        for (version, name) in [(Version::Two, "Payment-Response"), (Version::One, "X-PAYMENT-RESPONSE")] {
            let outcome = Outcome::read(version, &headers(name, told)).unwrap().unwrap();
            assert_eq!((outcome.success, &*outcome.reason), (false, "insufficient[2Jfunds"));
        }
        assert_eq!(Outcome::read(Version::Two, &[]), Ok(None));
        assert!(Outcome::read(Version::Two, &headers(PAYMENT_RESPONSE, "{}")).is_err());
    }
}
