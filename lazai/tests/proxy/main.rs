//! The loopback proxy before real fronts on sockets: several replies at a time, budgets of a day and a character, several nodes, and
//! kills between any two steps. A stand-in speaks for the model; ledger, nodes, sockets and the proxy are the real ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::arithmetic_side_effects, missing_docs)]

mod agents;
mod at_once;
mod budgets;
#[path = "../simulation/dice.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod dice;
mod keys;
mod killed;
mod listening;
#[path = "../soak/market.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod market;
mod memory;
mod nodes;
mod remote_voice;
mod replicas;
mod speaker;
mod speech;
mod stage;
#[path = "../soak/stand_in.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod stand_in;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;
