//! The facade for JavaScript: records as plain objects, handles as classes with `free()`. Numbers of 64 bits are `bigint`s,
//! amounts decimal strings.
//!
//! Without the feature `full`, the verifier of dataset proofs alone. `generated` is written out of the facade.

#[cfg(feature = "full")]
mod foreign;
#[cfg(feature = "full")]
mod generated;

use lazai_facade as facade;
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const ERROR: &str = include_str!("error.ts");
#[wasm_bindgen(typescript_custom_section)]
const VERIFIER: &str = include_str!("verifier.ts");

/// An `Error` by the name of `LazaiError`, with `code`.
fn thrown(error: facade::LazaiError) -> JsValue {
    let thrown = js_sys::Error::new(error.detail());
    thrown.set_name("LazaiError");
    // Setting a field of a fresh object does not fail.
    let _ = js_sys::Reflect::set(&thrown, &"code".into(), &error.code().into());
    thrown.into()
}

/// A record as a plain object.
fn object<T: Serialize>(record: &T) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    Ok(record.serialize(&serializer)?)
}

/// The version of the library.
#[wasm_bindgen(js_name = libraryVersion)]
pub fn library_version() -> String {
    facade::library_version()
}

/// Digest of this library's verifier's key.
#[wasm_bindgen(js_name = verifierKey)]
pub fn verifier_key() -> String {
    facade::verifier_key()
}

/// Verifies a proof of a dataset, and returns the facts that it shows.
#[wasm_bindgen(js_name = verifyProof, unchecked_return_type = "ProofFacts")]
pub fn verify_proof(statement: Vec<u8>, proof: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::verify_proof(statement, proof).map_err(thrown)?)
}
