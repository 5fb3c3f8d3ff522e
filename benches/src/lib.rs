//! Measurements, beside a peer or a limit, of what users wait for.
//!
//! `cargo xtask bench NAME` runs [`data`] or [`market`]; the last honest result is kept in `benches/results/`.

pub mod data;
pub mod market;

/// Why something could not be measured.
pub type Failure = Box<dyn std::error::Error>;
