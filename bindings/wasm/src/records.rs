//! Functions over records.

use std::sync::Arc;

use lazai_facade as facade;
use lazai_facade::{LazaiError, Signer, SigningRequest};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::{object, thrown};

#[wasm_bindgen(typescript_custom_section)]
const RECORDS: &str = include_str!("records.ts");

/// A plain object as a record.
pub(crate) fn record<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|e| thrown(LazaiError::new("json.malformed", e)))
}

/// Any object with `address()` and `sign(request)`, a `LocalKey` among them.
struct JsSigner {
    // A page has one thread.
    object: SendWrapper<JsValue>,
    address: String,
}

/// A signer from JavaScript.
pub(crate) fn signer(value: JsValue) -> Result<Arc<dyn Signer>, JsValue> {
    let address = method(&value, "address")?.call0(&value)?;
    let address = address.as_string().ok_or_else(|| refused(&"address() gives no string"))?;
    Ok(Arc::new(JsSigner { object: SendWrapper::new(value), address }))
}

fn method(value: &JsValue, name: &str) -> Result<js_sys::Function, JsValue> {
    let found = js_sys::Reflect::get(value, &name.into())?;
    found.dyn_into().map_err(|_| refused(&format!("a signer without {name}()")))
}

fn refused(reason: &dyn std::fmt::Display) -> JsValue {
    thrown(LazaiError::new("signer.refused", reason))
}

#[async_trait::async_trait]
impl Signer for JsSigner {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn sign(&self, request: SigningRequest) -> Result<String, LazaiError> {
        let said = |e: &JsValue| {
            let message = js_sys::Reflect::get(e, &"message".into()).ok().and_then(|m| m.as_string());
            LazaiError::new("signer.refused", message.unwrap_or_else(|| format!("{e:?}")))
        };
        let signing = SendWrapper::new(async {
            let object = &*self.object;
            let promise = method(object, "sign")?.call1(object, &crate::object(&request)?)?;
            wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&promise)).await
        });
        let signature = signing.await.map_err(|e| said(&e))?;
        signature.as_string().ok_or_else(|| LazaiError::new("signer.refused", "sign() gives no string"))
    }
}

/// Fails with a code, so that an app can test how it handles each.
#[wasm_bindgen(js_name = failWith)]
pub fn fail_with(code: String) -> Result<(), JsValue> {
    facade::fail_with(code).map_err(thrown)
}

/// Splits an amount of base units as the market does.
#[wasm_bindgen(js_name = splitRevenue, unchecked_return_type = "RevenueParts")]
pub fn split_revenue(amount: String, creator_bps: u16, node_bps: u16, pool_bps: u16) -> Result<JsValue, JsValue> {
    object(&facade::split_revenue(amount, creator_bps, node_bps, pool_bps).map_err(thrown)?)
}

/// The most that one reply under an offer can cost, in base units.
#[wasm_bindgen(js_name = offerStep)]
pub fn offer_step(#[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue) -> Result<String, JsValue> {
    facade::offer_step(record(offer)?).map_err(thrown)
}

/// The id of a session, from the payer's number for it.
#[wasm_bindgen(js_name = sessionId)]
pub fn session_id(
    ledger: String,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
) -> Result<String, JsValue> {
    facade::session_id(ledger, payer, nonce, consumer, record(offer)?).map_err(thrown)
}

/// Signs an offer, as its node.
#[wasm_bindgen(js_name = signOffer)]
pub async fn sign_offer(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] key: JsValue,
) -> Result<String, JsValue> {
    facade::sign_offer(record(domain)?, record(offer)?, signer(key)?).await.map_err(thrown)
}

/// Checks that an offer is signed by its node.
#[wasm_bindgen(js_name = checkOffer)]
pub fn check_offer(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
    signature: String,
) -> Result<(), JsValue> {
    facade::check_offer(record(domain)?, record(offer)?, signature).map_err(thrown)
}

/// Signs a voucher, as the session's consumer.
#[wasm_bindgen(js_name = signVoucher)]
pub async fn sign_voucher(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] key: JsValue,
) -> Result<String, JsValue> {
    facade::sign_voucher(record(domain)?, record(voucher)?, signer(key)?).await.map_err(thrown)
}

/// Checks that a voucher is signed by an account.
#[wasm_bindgen(js_name = checkVoucher)]
pub fn check_voucher(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
    signature: String,
    signer: String,
) -> Result<(), JsValue> {
    facade::check_voucher(record(domain)?, record(voucher)?, signature, signer).map_err(thrown)
}

/// The 32 bytes of a voucher that are signed (EIP-712), as hex.
#[wasm_bindgen(js_name = voucherDigest)]
pub fn voucher_digest(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
) -> Result<String, JsValue> {
    facade::voucher_digest(record(domain)?, record(voucher)?).map_err(thrown)
}

/// A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
#[wasm_bindgen(js_name = voucherTypedData)]
pub fn voucher_typed_data(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
) -> Result<String, JsValue> {
    facade::voucher_typed_data(record(domain)?, record(voucher)?).map_err(thrown)
}

/// Signs a receipt, as the node.
#[wasm_bindgen(js_name = signReceipt)]
pub async fn sign_receipt(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Receipt")] receipt: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] key: JsValue,
) -> Result<String, JsValue> {
    facade::sign_receipt(record(domain)?, record(receipt)?, signer(key)?).await.map_err(thrown)
}

/// Signs a report, as the session's consumer; returns the request that brings it to the node.
#[wasm_bindgen(js_name = reportCharacter, unchecked_return_type = "HttpRequest")]
pub async fn report_character(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "CharacterReport")] report: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] key: JsValue,
) -> Result<JsValue, JsValue> {
    object(&facade::report_character(record(domain)?, record(report)?, signer(key)?).await.map_err(thrown)?)
}

/// Checks that a receipt is signed by a node.
#[wasm_bindgen(js_name = checkReceipt)]
pub fn check_receipt(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Receipt")] receipt: JsValue,
    signature: String,
    node: String,
) -> Result<(), JsValue> {
    facade::check_receipt(record(domain)?, record(receipt)?, signature, node).map_err(thrown)
}

/// The models in a node's answer to `GET /v1/models`.
#[wasm_bindgen(js_name = readModels, unchecked_return_type = "ModelOffer[]")]
pub fn read_models(body: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::read_models(body).map_err(thrown)?)
}

/// Checks the provenance of a reply: evidence against an anchor that the caller has from elsewhere.
#[wasm_bindgen(js_name = verifyEvidence, unchecked_return_type = "Provenance")]
pub fn verify_evidence(evidence: Vec<u8>, anchor: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::verify_evidence(evidence, anchor).map_err(thrown)?)
}

/// Adds the words of a conversation's last reply to evidence of it: whoever gets what this gives, JSON, can read them.
#[wasm_bindgen(js_name = evidenceWithWords)]
pub fn evidence_with_words(evidence: Vec<u8>, conversation: String) -> Result<String, JsValue> {
    facade::evidence_with_words(evidence, conversation).map_err(thrown)
}

/// Every code that this library gives an error.
#[wasm_bindgen(js_name = errorCodes)]
pub fn error_codes() -> Vec<String> {
    facade::error_codes()
}
