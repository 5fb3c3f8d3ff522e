//! Measurements, beside a peer or a limit, of what users wait for.
//!
//! `cargo xtask bench NAME` runs [`data`], [`lora`], [`market`], [`overhead`], [`recheck`], [`serve`], [`settle`], [`start`],
//! [`voice`] or [`zk`]; the last honest result is kept in `benches/results/`.

mod chart;
pub mod data;
pub mod lora;
pub mod market;
pub mod overhead;
mod plonky3;
pub mod recheck;
pub mod serve;
pub mod settle;
pub mod start;
pub mod voice;
pub mod zk;

/// Why something could not be measured.
pub type Failure = Box<dyn std::error::Error>;
