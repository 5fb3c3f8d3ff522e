//! Requests, answers and headers between a consumer and a node, without a socket: for any transport.
//!
//! | module | has |
//! |---|---|
//! | [`talk`] | requests and answers, built and read |
//! | [`openai`] | OpenAI's chat completions, the dialect of both |
//! | [`logprobs`] | probabilities of tokens, in its form |
//! | [`tools`] | calls of tools, in a reply's words |
//! | [`speech`] | OpenAI's speech, and what pays for it |
//! | [`sealed`] | any of it, sealed to the node |
//! | `credits` | credits, which pay without telling by whom (feature `credits`) |
//! | [`payment`] | the headers that pay, as x402 (version 2) has them |
//! | [`exact`] | x402's scheme `exact`: one reply, paid at once by any wallet |
//! | [`x402`] | what other servers of x402 want, and what pays them |
//!
//! Unpaid requests get status 402 with offers in the header `PAYMENT-REQUIRED`; paid requests carry `PAYMENT-SIGNATURE`, and their
//! answers `PAYMENT-RESPONSE`, under the scheme [`SCHEME`](payment::SCHEME).

#[cfg(any(test, feature = "node"))]
pub(crate) mod completions;
#[cfg(feature = "credits")]
pub mod credits;
#[cfg(feature = "node")]
pub(crate) mod embeddings;
pub mod exact;
pub mod logprobs;
mod messages;
pub mod openai;
pub mod payment;
#[cfg(any(test, feature = "node"))]
pub(crate) mod responses;
pub mod sealed;
mod settings;
pub mod speech;
mod sse;
pub mod talk;
pub mod tools;
pub mod x402;

/// Largest body of a request that is read: 1 MiB.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Largest answer that is read from a node or server: 8 MiB.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
