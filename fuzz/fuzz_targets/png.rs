#![no_main]

#[path = "../../lazai-core/tests/parsers/mod.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::card(data));
