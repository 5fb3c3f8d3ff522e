//! The LazAI market: an AI character as a verifiable, paid and tradable thing.
//!
//! Each role of the market is a struct with a few verbs:
//!
//! | role | does | feature |
//! |---|---|---|
//! | [`creator::Creator`] | proves a dataset and submits it; [`models::prepare`] makes one | `zk` to prove, `models` to prepare |
//! | [`validator::Validator`] | verifies a submission and attests it | - |
//! | [`exex::ExEx`] | follows the ledger, decrypts, fine-tunes, mints | `train` |
//! | [`provider::Provider`] | serves a character, meters, redeems | `serve` |
//! | [`consumer::Consumer`] | opens sessions, talks, pays | - |
//! | [`governor::Governor`] | proposes and votes | - |
//! | [`safety`] | consumers: report characters, block them | - |
//! | [`provenance::verify`] | anyone: checks where a reply comes from | - |
//!
//! With the features `wire` and `node`, `http` carries all this over the network, in OpenAI's dialect.
//!
//! Roles act through an [`account::Account`]: a ledger and a signer. They never see a key. They are asynchronous
//! because signers and ledgers are, and need no particular runtime.

pub mod account;
pub mod consumer;
pub mod conversation;
pub mod creator;
#[cfg(feature = "train")]
pub mod exex;
pub mod governor;
#[cfg(feature = "wire")]
pub mod http;
#[cfg(feature = "models")]
pub mod models;
pub mod node;
pub mod provenance;
#[cfg(feature = "serve")]
pub mod provider;
pub mod safety;
pub mod store;
pub mod validator;

pub use account::{Account, SendError};
pub use lazai_core as core;
#[cfg(feature = "models")]
pub use lazai_lora as lora;
pub use lazai_settle as settle;
pub use lazai_zk as zk;
