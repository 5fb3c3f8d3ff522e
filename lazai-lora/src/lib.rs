//! Fine-tuning and generation: LoRA adapters on Llama-family base models.
//!
//! | module | holds |
//! |---|---|
//! | [`device`] | the compute device, as a value |
//! | [`base`] | a base model from a GGUF file or a folder: weights, tokenizer, chat template |
//! | [`adapter`] | LoRA adapters, as PEFT writes them |
//! | `kernels` | the parts of a layer, forward and backward, on the processor and elsewhere |
//! | [`model`] | the forward pass, and the backward pass for adapters |
//! | [`train`] | packing, loss, optimiser, checkpoints, repeating a record; training as a job ([`Trainer`]) |
//! | [`embed`] | embeddings of texts, by a sentence encoder or a base model |
//! | [`evaluate`] | perplexity of replies |
//! | [`generate`] | sampling, one token at a time; answering as a job ([`Generator`]) |
//! | [`recheck`] | repeating a reply that somebody made, by its trail |
//! | [`candle`] | trainer and generator on a base model in memory |

mod about;
pub mod adapter;
pub mod base;
pub mod candle;
pub mod device;
pub mod embed;
mod error;
pub mod evaluate;
pub mod generate;
mod kernels;
pub mod model;
pub mod recheck;
pub mod serve;
pub mod train;

pub use about::About;
pub use adapter::{Adapter, LoraConfig, Targets};
pub use base::{BaseModel, WeightFormat};
pub use candle::Candle;
pub use device::Compute;
pub use embed::{Embedding, Encoder};
pub use error::{GenerateError, ModelError, TrainError};
pub use generate::Generator;
pub use lazai_core::record::{TrainConfig, TrainingRecord};
pub use serve::{DiskRoom, Engine, EngineCounts, EngineSettings};
pub use train::Trainer;
