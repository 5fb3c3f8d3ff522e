//! Sessions that a wallet opens.

use lazai_facade as facade;
use wasm_bindgen::prelude::*;

use crate::records::record;
use crate::{object, thrown};

#[wasm_bindgen(typescript_custom_section)]
const RECORDS: &str = r#"
/** Where a market on a chain is. A page brings it along, as it brings its trust anchor. */
export interface MarketPlace {
    ledger: string;
    domain: Domain;
    settlement: string;
}

/** A transaction for a wallet to send, as `eth_sendTransaction` takes it but for `from`. */
export interface WalletCall {
    to: string;
    value: string;
    data: string;
}
"#;

/// Reads a market's addresses from JSON, which a page ships with, or its publisher serves.
#[wasm_bindgen(js_name = readMarketPlace, unchecked_return_type = "MarketPlace")]
pub fn read_market_place(json: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::read_market_place(json).map_err(thrown)?)
}

/// The call that opens the wallet's session number `nonce`.
#[wasm_bindgen(js_name = openSessionCall, unchecked_return_type = "WalletCall")]
pub fn open_session_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
    deposit: String,
) -> Result<JsValue, JsValue> {
    object(&facade::open_session_call(record(place)?, nonce, consumer, record(model)?, deposit).map_err(thrown)?)
}

/// The conversation in a session that a wallet opened with that call, as `Chat` takes it.
#[wasm_bindgen(js_name = beginConversation)]
pub fn begin_conversation(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
    deposit: String,
) -> Result<String, JsValue> {
    facade::begin_conversation(record(place)?, payer, nonce, consumer, record(model)?, deposit).map_err(thrown)
}

/// The call that requests the end of the wallet's session and, sent again after the market's dispute window, ends it.
#[wasm_bindgen(js_name = closeSessionCall, unchecked_return_type = "WalletCall")]
pub fn close_session_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
) -> Result<JsValue, JsValue> {
    object(&facade::close_session_call(record(place)?, payer, nonce, consumer, record(model)?).map_err(thrown)?)
}

/// The call that withdraws an amount of the wallet's balance from the market.
#[wasm_bindgen(js_name = withdrawCall, unchecked_return_type = "WalletCall")]
pub fn withdraw_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    asset: String,
    to: String,
    amount: String,
) -> Result<JsValue, JsValue> {
    object(&facade::withdraw_call(record(place)?, asset, to, amount).map_err(thrown)?)
}
