//! Serving: an engine that makes many replies at once on one base model, each with an adapter of its own.
//!
//! | module | holds |
//! |---|---|
//! | `engine`, `counts` | the generator, what it may take, and what it has done |
//! | `prepare`, `queue`, `work` | what is done before a reply, who waits for it, and what a step is made of |
//! | `sequence`, `guess` | a reply in the making, and guesses of how it goes on |
//! | `adapters`, `adapter` | adapters in memory, within a bound |
//! | `pages`, `store`, `disk` | keys and values, and those of earlier turns, in memory and on disk |
//! | `forward`, `attention` | a step through all layers |
//! | `team`, `workspace` | the threads that walk through it, and their memory |
//! | `model`, `weights`, `blocks` | weights, packed for the kernels |
//! | `product` | the kernels |
//! | `repeat` | one pass over a reply that is there already |

mod adapter;
mod adapters;
mod attention;
mod blocks;
mod counts;
mod disk;
mod engine;
mod forward;
mod guess;
mod model;
mod packed;
mod pages;
mod prepare;
mod product;
mod queue;
mod repeat;
mod sequence;
mod store;
mod team;
mod weights;
mod work;
mod workspace;

pub use counts::EngineCounts;
pub use disk::DiskRoom;
pub use engine::{Engine, EngineSettings};
pub use repeat::{RepeatSettings, Repeater};

use crate::error::GenerateError;

/// What a reply is told if this crate panics.
fn panicked() -> GenerateError {
    GenerateError::Backend { backend: "the engine".into(), reason: "a panic, which is an error of the library".into() }
}

#[cfg(test)]
mod tests;
