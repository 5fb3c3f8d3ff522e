//! The market over HTTP, in the API that existing programs use: OpenAI's chat completions.
//!
//! ```text
//!  SillyTavern, OpenAI's clients ──► Loopback ──► Front ──► Provider
//!  on the consumer's machine:        opens sessions,  on the node: admits what is signed and paid,
//!                                    pays, verifies   answers, signs receipts
//! ```
//!
//! | type | is |
//! |---|---|
//! | [`talk`] | messages between client and node, for any transport |
//! | [`Front`] | a node's server: `/v1/models`, `/v1/chat/completions`, vouchers |
//! | [`HttpNode`] | a node as its consumers see it: a [`Node`](crate::node::Node) behind a URL |
//! | [`Loopback`] | a local endpoint for unmodified clients: it pays out of a budget and checks every receipt |
//! | [`OpenAiBackend`] | a [`Backend`](lazai_lora::backend::Backend) that lets vLLM or llama.cpp's server answer |
//!
//! Unpaid requests to a [`Front`] get status 402 with the offers in the header `PAYMENT-REQUIRED`. Paid requests carry
//! `PAYMENT-SIGNATURE` and get `PAYMENT-RESPONSE`, as in x402 (version 2), under the scheme [`SCHEME`](payment::SCHEME).
//! [`payment`] has their contents.

#[cfg(feature = "node")]
mod backend;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "node")]
mod front;
#[cfg(feature = "node")]
mod loopback;
pub mod openai;
pub mod payment;
#[cfg(feature = "node")]
mod reply;
#[cfg(feature = "node")]
mod serving;
mod sse;
pub mod talk;

#[cfg(feature = "node")]
pub use backend::{OpenAiBackend, OpenAiError, Server};
#[cfg(feature = "client")]
pub use client::HttpNode;
#[cfg(feature = "node")]
pub use front::Front;
#[cfg(feature = "node")]
pub use loopback::{Budget, Loopback, LoopbackError};
#[cfg(feature = "node")]
pub use serving::Serving;

/// Largest body of a request that is read: 1 MiB.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Largest answer that is read from a node or server: 8 MiB.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
