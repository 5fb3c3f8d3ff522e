//! The market over HTTP, in the APIs that existing programs use: OpenAI's chat completions, completions and responses.
//!
//! ```text
//!  SillyTavern, OpenAI's clients ──► Loopback ──► Front ──► Provider
//!  on the consumer's machine:        opens sessions,  on the node: admits what is signed and paid,
//!                                    pays, verifies   answers, signs receipts
//! ```
//!
//! | type | is |
//! |---|---|
//! | [`Front`] | a node's server: `/v1/models`, `/v1/chat/completions`, vouchers |
//! | [`HttpNode`] | a node as its consumers see it: a [`Node`](crate::node::Node) behind a URL |
//! | [`Loopback`] | a local endpoint for unmodified clients: it pays out of a budget and checks every receipt |
//! | [`Facilitator`] | a facilitator of x402: checks payments and sends them, for servers without a chain |
//! | [`PayingClient`] | a client that pays any server of x402, within limits |
//! | [`Relay`] | an oblivious relay between the two: it sees who, and not what |
//! | [`OpenAiGenerator`] | a [`Generator`](lazai_lora::Generator) that lets vLLM or llama.cpp's server answer |
//! | [`OpenAiSpeaker`] | a [`Speaker`](crate::speech::Speaker) that lets another server speak |
//! | [`RouterGenerator`] | several generators of one base model as one |
//!
//! The messages themselves are in [`wire`](crate::wire).

#[cfg(feature = "node")]
mod a2a;
#[cfg(feature = "node")]
mod body;
mod client;
#[cfg(feature = "node")]
mod embed;
#[cfg(feature = "node")]
mod facilitator;
#[cfg(feature = "node")]
mod front;
#[cfg(feature = "node")]
mod generator;
#[cfg(feature = "node")]
mod health;
#[cfg(feature = "node")]
mod loopback;
#[cfg(feature = "node")]
mod openapi;
#[cfg(feature = "node")]
mod operations;
mod paying;
#[cfg(feature = "node")]
mod quiet;
#[cfg(feature = "node")]
mod relay;
#[cfg(feature = "node")]
mod reply;
#[cfg(feature = "node")]
mod router;
#[cfg(feature = "node")]
mod routes;
#[cfg(feature = "node")]
mod rpc;
#[cfg(feature = "node")]
mod serving;
#[cfg(feature = "node")]
mod sound;
#[cfg(feature = "node")]
mod speaker;
#[cfg(feature = "node")]
mod traces;

pub use client::{HttpNode, Sealing};
#[cfg(feature = "node")]
pub use facilitator::{Facilitator, FacilitatorTerms, NoChain};
#[cfg(feature = "node")]
pub use front::{Front, Limits, Network, NotNetwork};
#[cfg(feature = "node")]
pub use generator::{OpenAiError, OpenAiGenerator, Server};
#[cfg(feature = "node")]
pub use loopback::{Budget, Loopback, LoopbackError, Memories};
pub use paying::{Bought, Paid, PayingClient, Purchase};
#[cfg(feature = "node")]
pub use relay::Relay;
#[cfg(feature = "node")]
pub use router::{RouterError, RouterGenerator};
#[cfg(feature = "node")]
pub use serving::{Serving, TlsFiles};
#[cfg(feature = "node")]
pub use speaker::OpenAiSpeaker;
#[cfg(feature = "otel")]
pub use traces::{Traces, TracesError};
