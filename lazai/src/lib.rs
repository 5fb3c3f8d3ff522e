//! The LazAI market: an AI character as a verifiable, paid and tradable thing.
//!
//! An app needs [`Client`]: it opens a session at a node, talks, checks and pays. Each role of the market is a struct with a few
//! verbs:
//!
//! | role | does | feature |
//! |---|---|---|
//! | [`Client`] | opens sessions at a node over HTTP, talks, checks, pays | `client`, a default |
//! | [`creator::Creator`] | proves a dataset and submits it; [`models::DatasetBuilder`] makes one | `zk` to prove, `models` to prepare |
//! | [`validator::Validator`] | verifies a submission and attests it | - |
//! | [`exex::ExEx`] | follows the ledger, decrypts, fine-tunes, mints | `train` |
//! | [`provider::Provider`] | serves a character, meters, redeems | `serve` |
//! | [`consumer::Consumer`] | opens sessions, talks, pays | - |
//! | `payer::Payer` | pays any server of x402 within limits | `wire`; `client` brings the network |
//! | [`governor::Governor`] | proposes and votes | - |
//! | [`safety`] | consumers: report characters, block them | - |
//! | [`provenance::verify`] | anyone: checks a reply's provenance | - |
//!
//! `credits` (feature `credits`) has replies that are paid without telling by whom.
//!
//! `wire` (feature `wire`) has what consumer and node say to each other, in OpenAI's dialect, without a socket; `http` (features `client`
//! and `node`) carries it over the network.
//!
//! Roles act through an [`account::Account`]: a ledger and a signer. They never see a key. They are asynchronous
//! because signers and ledgers are, and need no particular runtime.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod account;
#[cfg(feature = "models")]
pub mod adapters;
#[cfg(feature = "wire")]
pub mod agent;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod consumer;
pub mod conversation;
pub mod creator;
#[cfg(feature = "credits")]
pub mod credits;
pub mod dispute;
pub mod enclave;
mod error;
#[cfg(feature = "train")]
pub mod exex;
pub mod governor;
#[cfg(feature = "client")]
pub mod http;
pub mod memory;
#[cfg(feature = "models")]
pub mod models;
pub mod node;
#[cfg(feature = "wire")]
pub mod payer;
pub mod provenance;
#[cfg(feature = "serve")]
pub mod provider;
pub mod recheck;
pub mod safety;
pub mod seal;
mod secret;
pub mod speech;
pub mod store;
pub mod validator;
#[cfg(feature = "voice")]
pub mod voice;
#[cfg(feature = "wire")]
pub mod wire;

pub use account::{Account, SendError};
#[cfg(feature = "client")]
pub use client::{Client, Session};
pub use consumer::ConsumerError;
pub use conversation::{CheckedReply, Conversation};
pub use error::{Error, Result};
pub use lazai_core as core;
pub use lazai_core::{Address, Amount, LocalSigner, Signer};
#[cfg(feature = "models")]
pub use lazai_lora as lora;
pub use lazai_settle as settle;
pub use lazai_zk as zk;
