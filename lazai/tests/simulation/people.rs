//! The people of a market, and their keys.

use std::sync::Arc;

use lazai::core::digest::sha256;
use lazai::core::{Address, LocalSigner, Signer};

/// Everyone's coins at first.
pub const COINS: u128 = 1 << 80;
/// Two lie: the one signs the contrary of what is so, the other abstains, and doubts every honest verdict.
pub const VALIDATORS: [&str; 7] =
    ["validator 1", "validator 2", "validator 3", "validator 4", "validator 5", "liar", "abstainer"];
pub const HONEST: usize = 5;
pub const VOTERS: [&str; 3] = ["governor 1", "governor 2", "governor 3"];
pub const OTHERS: [&str; 9] =
    ["creator", "writer", "exex", "node", "crook", "consumer", "cheat", "reporter", "second account"];

pub fn signer(name: &str) -> Arc<LocalSigner> {
    Arc::new(LocalSigner::from_bytes(*sha256(name.as_bytes()).as_bytes()).unwrap())
}

pub fn address(name: &str) -> Address {
    signer(name).address()
}
