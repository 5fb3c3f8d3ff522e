//! Speech: a base voice, its adapters, their training, and text to phonemes.
//!
//! | module | holds |
//! |---|---|
//! | [`base`] | the trait that speech is made by ([`SpeechBase`]), and the base voice ([`Base`]) |
//! | [`narrator`] | texts spoken ([`Narrator`]): base voice and phonemes together |
//! | [`voice`] | a character's voice ([`Voice`]), sentence by sentence |
//! | [`adapter`] | low-rank adapters of a voice |
//! | [`mod@train`] | training an adapter on the spectrograms that datasets hold |
//! | [`speech`] | samples, and WAV files |
//! | [`phonemes`] | text as phonemes |
//! | [`onnx`] | the weights inside an ONNX file |
//! | `model`, `vocoder` | the networks, forward and backward; spectra to sound |
//!
//! Everything runs on the caller's thread and waits for nothing. Equal inputs give equal samples on the same kind of machine.

pub mod adapter;
pub mod base;
pub mod error;
mod math;
mod model;
pub mod narrator;
pub mod onnx;
pub mod phonemes;
mod product;
pub mod speech;
pub mod train;
mod vocoder;
pub mod voice;

pub use adapter::{Adapter, Module};
pub use base::{Base, Outputs, SpeechBase, Utterance};
pub use error::{Result, SpeechError};
pub use narrator::Narrator;
pub use speech::Speech;
pub use train::{Recording, TrainedVoice, VoiceConfig, VoiceProgress, train};
pub use voice::{Character, Manner, Voice};
