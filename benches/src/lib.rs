//! Measurements, beside a peer or a limit, of what users wait for.
//!
//! `cargo xtask bench market` runs [`market`]; the last honest result is kept in `benches/results/`.

pub mod market;
