//! Fine-tuning and generation: LoRA adapters on Llama-family base models.
//!
//! | module | holds |
//! |---|---|
//! | [`device`] | where to compute, as a value |
//! | [`base`] | a base model out of a GGUF file: weights, tokenizer, chat template |
//! | [`adapter`] | LoRA adapters, as PEFT writes them |
//! | [`model`] | the forward pass |
//! | [`train`] | packing, loss, optimiser, checkpoints |
//! | [`evaluate`] | perplexity of replies |
//! | [`generate`] | sampling, one token at a time |

pub mod adapter;
pub mod base;
pub mod device;
mod error;
pub mod evaluate;
mod frozen;
pub mod generate;
pub mod model;
pub mod train;

pub use adapter::{Adapter, LoraConfig};
pub use base::BaseModel;
pub use device::Compute;
pub use error::LoraError;
pub use lazai_core::record::{TrainConfig, TrainingRecord};
