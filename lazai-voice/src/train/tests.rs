//! Gradients beside differences of the loss, through everything.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::ear::Ear;
use super::run::Run;
use super::sound::{mix_backward, sound_backward};
use super::{Recording, VoiceConfig};
use crate::adapter::{Adapter, Gradients};
use crate::base::{Base, SpeechBase, Utterance};
use crate::model::{BINS, ByOutput, HEAD};
use crate::vocoder::{Vocoder, mix, noise};

/// From spectral parts to samples and back, beside differences.
#[test]
fn the_gradient_of_sound_is_the_slope() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut drawn = |count: usize, size: f32| -> Vec<f32> {
        (0..count).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * size).collect()
    };
    let vocoder = Vocoder::new();
    let frames = 12;
    let (parts, weights) = (drawn(frames * HEAD, 1.0), drawn(frames * 300, 1.0));
    let (excitation, noise) = (vocoder.excitation(&[180.0; 12]), noise(&[1; 32], 0, frames));
    let loss = |parts: &[f32]| -> f64 {
        let sound = vocoder.sound(&mut mix(parts, &excitation, &noise));
        sound.iter().zip(&weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
    };
    let gradient = mix_backward(&parts, &excitation, &noise, &sound_backward(&vocoder, &weights));
    for frame in [0, 1, 6, 11] {
        for place in 0..5 {
            for bin in [0, 1, 9, 17, 300, 599, 600] {
                let place = frame * HEAD + place * BINS + bin;
                let mut moved = parts.clone();
                let step = 0.02;
                moved[place] = parts[place] + step;
                let above = loss(&moved);
                moved[place] = parts[place] - step;
                let slope = (above - loss(&moved)) / (2.0 * f64::from(step));
                let found = f64::from(gradient[place]);
                assert!((found - slope).abs() < 0.02 * slope.abs() + 2e-4, "{frame}, {bin}: {found} and {slope}");
            }
        }
    }
}

/// The base voice out of the package, for what cannot be seen from outside.
fn base() -> Base {
    let package = std::env::var_os("LAZAI_VOICE_PACKAGE").map(PathBuf::from);
    let package = package.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache/lazai/models/hibari"));
    let path = package.join("hibari.onnx");
    let onnx = std::fs::read(&path);
    let onnx = onnx.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask fetch`", path.display()));
    Base::from_bytes(&Base::convert(&onnx).unwrap()).unwrap()
}

/// A sum of all outputs under weights.
fn weighted(values: &[f32], weights: &[f32]) -> f64 {
    values.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
}

/// Through both networks: along half of each module's gradient, the loss moves as far as the gradient says.
#[test]
fn the_gradient_of_the_networks_is_the_slope() {
    let base = base();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut adapter = Adapter::fresh(&base, 4, 8, &mut rng).unwrap();
    let mut drawn = |size: f32| (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * size;
    adapter.values.iter_mut().for_each(|value| *value += drawn(0.05));
    let (ids, durations) = ([0, 50, 83, 156, 54, 31, 16, 4, 0], [2, 3, 1, 4, 2, 5, 1, 2, 3]);
    let frames = 2 * durations.iter().sum::<usize>();
    let f0: Vec<f32> = (0..frames).map(|i| if i % 9 == 0 { 0.0 } else { 180.0 + i as f32 }).collect();
    let mut weights = |count: usize, size: f32| -> Vec<f32> { (0..count).map(|_| drawn(size)).collect() };
    let by_parts = weights(frames * HEAD, 0.1);
    let (by_lengths, by_f0) = (weights(ids.len(), 1.0), weights(frames, 0.05));
    let network = &base.network;
    let loss = |adapter: &Adapter| {
        let timing = network.timing(&ids, Some(adapter));
        let melody = network.melody(&timing, &durations, Some(adapter));
        let spectra = network.spectra(&ids, &durations, (&f0, &melody.energy), Some(adapter));
        let sum = weighted(&spectra.parts, &by_parts)
            + weighted(&timing.log_durations, &by_lengths)
            + weighted(&melody.f0, &by_f0);
        (sum, timing, melody, spectra)
    };
    let (_, timing, melody, spectra) = loss(&adapter);
    let mut gradients = Gradients(vec![0.0; adapter.len()]);
    let by = ByOutput { parts: &by_parts, log_durations: &by_lengths, f0: &by_f0 };
    network.backward((&timing, &melody, &spectra), &durations, &by, &adapter, &mut gradients);
    for module in 0..base.modules().len() {
        let (a, b) = adapter.places(module);
        for place in [a, b] {
            let mut along = vec![0.0; adapter.len()];
            for i in place.filter(|i| i % 2 == 0) {
                along[i] = gradients.0[i];
            }
            let length = weighted(&along, &along).sqrt();
            let step = (0.02 / length.max(1e-3)) as f32 * 0.5;
            let moved = |by: f32| {
                let mut moved = adapter.clone();
                moved.values.iter_mut().zip(&along).for_each(|(value, along)| *value += by * along);
                loss(&moved).0
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            let found = length * length;
            let name = &base.modules()[module].name;
            assert!(length > 1e-4, "{name} has no gradient");
            assert!((slope - found).abs() < 0.03 * found, "{name}: {found} and {slope}");
        }
    }
}

/// The whole loss, with spectrograms and their absolute values: along its gradient it falls as fast as that says.
#[test]
fn the_loss_falls_along_its_gradient() {
    let base = base();
    let ids = [0, 50, 83, 156, 54, 31, 16, 4, 0];
    let config = VoiceConfig { rank: 4, alpha: 8, ..VoiceConfig::default() };
    let said = base.speak(&Utterance { pitch: 0.8, speed: 0.8, ..Utterance::new(&ids) }, None).unwrap();
    let log_mel = Ear::new().hear(&said.samples).log_mel;
    let recordings = [Recording { log_mel: &log_mel, ids: &ids }];
    let run = Run::new(&base, &config, &recordings, &mut |_| true).unwrap();
    let state = run.start().unwrap();
    let take = &run.material.takes[0];
    let mut gradients = Gradients(vec![0.0; state.adapter.len()]);
    let at = run.loss(&state.adapter, take, 1, Some(&mut gradients));
    let square = weighted(&gradients.0, &gradients.0);
    let moved = |by: f64| {
        let mut adapter = state.adapter.clone();
        adapter.values.iter_mut().zip(&gradients.0).for_each(|(value, along)| *value += (by / square) as f32 * along);
        let loss = run.loss(&adapter, take, 1, None);
        loss.spectrogram + loss.prosody
    };
    let by = 0.01;
    let slope = (moved(by) - moved(-by)) / (2.0 * by);
    assert!((slope - 1.0).abs() < 0.1, "{slope} of the gradient, at {} and {}", at.spectrogram, at.prosody);
}
