//! Attacks on nodes and consumers, each of which must fail.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

mod consumer;
mod creator;
mod node;
mod privacy;
mod stage;
mod strangers;
mod validator;
