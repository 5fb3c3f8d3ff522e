//! Speech: a base voice, its adapters, their training, and text to phonemes.
//!
//! | module | holds |
//! |---|---|
//! | [`onnx`] | the weights inside an ONNX file |
//! | [`phonemes`] | text as phonemes |

pub mod error;
pub mod onnx;
pub mod phonemes;

pub use error::{Result, SpeechError};
