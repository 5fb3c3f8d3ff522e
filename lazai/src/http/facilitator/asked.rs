//! What a server asks a facilitator, in both versions of the protocol.

use lazai_settle::till::SignedAuthorization;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::exact::{ExactPayload, SCHEME};
use crate::wire::x402::{Price, Version};

/// A payment, and the price that it is for.
#[derive(Debug)]
pub struct Asked {
    pub price: Price,
    pub transfer: SignedAuthorization,
}

/// Why a payment is not taken: a reason in x402's words, or none where the facilitator failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub reason: Option<String>,
    pub message: Option<String>,
}

impl Refusal {
    pub fn new(reason: &str) -> Self {
        Self { status: 200, reason: Some(reason.into()), message: None }
    }

    /// The chain could not be asked: nothing is known of the payment.
    pub fn of_ledger() -> Self {
        let message = Some("the chain does not answer: trying again may help".into());
        Self { status: 503, reason: None, message }
    }

    pub fn with(self, message: &str) -> Self {
        Self { message: Some(message.to_owned()).filter(|message| !message.is_empty()), ..self }
    }

    fn malformed(reason: &str) -> Self {
        Self { status: 400, ..Self::new(reason) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    payment_payload: Value,
    payment_requirements: Value,
}

impl Asked {
    /// Reads the body of `POST /verify` and `POST /settle`.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Body { payment_payload: paid, payment_requirements: wanted }) = serde_json::from_slice(body) else {
            return Err(Refusal::malformed("invalid_payload"));
        };
        let version = paid.get("x402Version").and_then(Value::as_u64).and_then(|number| Version::try_from(number).ok());
        let version = version.ok_or_else(|| Refusal::malformed("invalid_x402_version"))?;
        // What the wallet says that it pays stands beside the payment in the first version.
        let accepted = match version {
            Version::One => Some(&paid),
            Version::Two => paid.get("accepted"),
        };
        let accepted = accepted.ok_or_else(|| Refusal::malformed("invalid_payload"))?;
        if accepted.get("scheme").is_none_or(|scheme| scheme != SCHEME) {
            return Err(Refusal::new("unsupported_scheme"));
        }
        if accepted.get("network").is_none_or(|network| wanted.get("network") != Some(network)) {
            return Err(Refusal::new("invalid_network"));
        }
        let price = Price::read(version, &wanted).ok_or_else(|| Refusal::new("invalid_payment_requirements"))?;
        let payload = paid.get("payload").cloned().unwrap_or_default();
        let payload: ExactPayload =
            serde_json::from_value(payload).map_err(|_| Refusal::malformed("invalid_payload"))?;
        let transfer = payload.signed().ok_or_else(|| Refusal::new("invalid_exact_evm_payload_signature"))?;
        Ok(Self { price, transfer })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        let price = json!({"scheme": "exact", "network": "eip155:31337", "amount": "7", "asset": format!("0x{}", "aa".repeat(20)),
            "payTo": format!("0x{}", "bb".repeat(20)), "maxTimeoutSeconds": 300, "extra": {"name": "Dollar", "version": "1"}});
        let authorization = json!({"from": format!("0x{}", "cc".repeat(20)), "to": format!("0x{}", "bb".repeat(20)), "value": "7",
            "validAfter": "0", "validBefore": "9", "nonce": format!("0x{}", "dd".repeat(32))});
        let payload = json!({"authorization": authorization, "signature": "0x1234"});
        json!({"x402Version": 2, "paymentRequirements": price,
            "paymentPayload": {"x402Version": 2, "accepted": price, "payload": payload}})
    }

    fn read(body: &Value) -> Result<Asked, Refusal> {
        Asked::read(body.to_string().as_bytes())
    }

    #[test]
    fn both_versions_are_read() {
        let two = read(&body()).unwrap();
        let mut one = body();
        let price = &mut one["paymentRequirements"];
        price["maxAmountRequired"] = price["amount"].take();
        let paid = &mut one["paymentPayload"];
        paid["x402Version"] = json!(1);
        (paid["scheme"], paid["network"]) = (json!("exact"), json!("eip155:31337"));
        paid.as_object_mut().unwrap().remove("accepted");
        let one = read(&one).unwrap();
        assert_eq!((one.price.amount, one.transfer), (two.price.amount, two.transfer));
    }

    #[test]
    fn what_is_no_payment_is_refused_with_a_reason() {
        for (place, value, status, reason) in [
            ("/paymentPayload/x402Version", json!(3), 400, "invalid_x402_version"),
            ("/paymentPayload/accepted/scheme", json!("upto"), 200, "unsupported_scheme"),
            ("/paymentPayload/accepted/network", json!("eip155:1"), 200, "invalid_network"),
            ("/paymentPayload/payload/authorization/value", json!(7), 400, "invalid_payload"),
            ("/paymentPayload/payload/signature", json!("12"), 200, "invalid_exact_evm_payload_signature"),
            ("/paymentRequirements/extra", json!({}), 200, "invalid_payment_requirements"),
        ] {
            let mut body = body();
            *body.pointer_mut(place).unwrap() = value;
            let refusal = read(&body).unwrap_err();
            assert_eq!((refusal.status, refusal.reason.as_deref()), (status, Some(reason)), "{place}");
        }
        assert_eq!(Asked::read(b"{}").unwrap_err().status, 400);
    }
}
