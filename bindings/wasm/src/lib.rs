//! probe
use wasm_bindgen::prelude::*;
#[wasm_bindgen]
pub fn version() -> String { lazai_facade::library_version() }
