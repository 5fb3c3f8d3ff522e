//! Serving: an engine that makes many replies at once on one base model, each with an adapter of its own.
//!
//! | module | holds |
//! |---|---|
//! | `engine` | who is answered when: jobs, steps, bounds |
//! | `sequence`, `text` | a reply in the making, and its text piece by piece |
//! | `adapters`, `adapter` | adapters in memory, within a bound |
//! | `pages`, `store` | keys and values, and those of earlier turns |
//! | `forward`, `attention` | a step through all layers |
//! | `team`, `workspace` | the threads that walk through it, and their memory |
//! | `model`, `weights`, `blocks` | weights, packed for the kernels |
//! | `product` | the kernels |

mod adapter;
mod adapters;
mod attention;
mod blocks;
mod engine;
mod forward;
mod model;
mod pages;
mod product;
mod sequence;
mod store;
mod team;
mod text;
mod weights;
mod workspace;

pub use engine::{Engine, EngineSettings};

#[cfg(test)]
mod tests;
