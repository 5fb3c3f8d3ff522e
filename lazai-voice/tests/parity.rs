//! The base voice beside ONNX Runtime and the package that it comes from (`vectors/voice/hibari.py`).
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::base;
use lazai_core::voice::Audio;
use lazai_voice::{Outputs, Speech, SpeechBase, SpeechError, Utterance};
use safetensors::SafeTensors;

struct Vectors(Vec<u8>);

impl Vectors {
    fn open() -> Self {
        Self(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/voice/hibari.safetensors")).unwrap())
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        SafeTensors::deserialize(&self.0).unwrap().tensor(name).ok().map(|t| t.data().to_vec())
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.bytes(name).unwrap().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.ids(name).into_iter().map(f32::from_bits).collect()
    }
}

fn log_mel(speech: &Speech) -> Vec<f32> {
    lazai_core::voice::log_mel(&Audio::decode(speech.to_wav()).unwrap().samples).unwrap()
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mean = |x: &[f32]| x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f(f64::from(a) - mean_a, f64::from(b) - mean_b)).sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// Every tensor of the graph with its weights as floats.
#[test]
fn outputs_are_those_of_another_program() {
    let (base, vectors) = (base(), Vectors::open());
    for i in 0..3 {
        let ids = vectors.ids(&format!("{i}.ids"));
        let speed = vectors.floats(&format!("{i}.speed"))[0];
        let utterance = Utterance { speed, ..Utterance::new(&ids) };
        let Outputs { durations, f0, parts, .. } = base.outputs(&utterance, None).unwrap();
        let expected: Vec<usize> = vectors.ids(&format!("{i}.durations")).iter().map(|&d| d as usize).collect();
        assert_eq!(durations, expected);
        let expected = vectors.floats(&format!("{i}.f0"));
        assert_eq!(f0.len(), expected.len());
        for (frame, (a, b)) in f0.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() < 2e-2, "{i}: pitch of frame {frame}: {a} and {b}");
        }
        let expected = vectors.floats(&format!("{i}.parts"));
        let mut compared = expected.iter();
        for (frame, row) in parts.chunks_exact(5 * 601).enumerate().step_by(7) {
            for (part, row) in row.chunks_exact(601).enumerate() {
                for (bin, value) in row.iter().enumerate().step_by(6) {
                    let Some(expected) = compared.next() else { continue };
                    assert!((value - expected).abs() < 1e-3, "{i}: frame {frame}, {part}.{bin}: {value}, {expected}");
                }
            }
        }
        assert!(compared.next().is_none());
    }
}

/// The package computes with bytes, and draws other noise. The highest bands are left out: resamplers end differently.
#[test]
fn it_sounds_as_the_package_does() {
    let (base, vectors) = (base(), Vectors::open());
    for i in 0..2 {
        let ids = vectors.ids(&format!("{i}.ids"));
        let speech = base.speak(&Utterance { seed: [3; 32], ..Utterance::new(&ids) }, None).unwrap();
        let expected: Vec<f32> =
            vectors.bytes(&format!("{i}.mel")).unwrap().iter().map(|&v| f32::from(v) / 80.0 - 1.5).collect();
        let low = |mel: &[f32]| mel.chunks_exact(80).flat_map(|frame| frame[..72].to_vec()).collect::<Vec<f32>>();
        let found = correlation(&low(&log_mel(&speech)), &low(&expected));
        assert!(found >= 0.995, "{i}: correlation {found}");
    }
}

#[test]
fn equal_seeds_give_equal_samples() {
    let (base, vectors) = (base(), Vectors::open());
    let ids = vectors.ids("0.ids");
    let say = |seed, number| base.speak(&Utterance { seed, number, ..Utterance::new(&ids) }, None).unwrap().samples;
    let first = say([1; 32], 0);
    let bits = |samples: &[f32]| samples.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&first), bits(&say([1; 32], 0)));
    assert_ne!(first, say([2; 32], 0));
    assert_ne!(first, say([1; 32], 1));
    let elsewhere = base.clone();
    let other = std::thread::spawn(move || {
        let utterance = Utterance { seed: [1; 32], ..Utterance::new(&ids) };
        elsewhere.speak(&utterance, None).unwrap().samples
    });
    assert_eq!(bits(&first), bits(&other.join().unwrap()));
}

#[test]
fn pace_and_pitch_do_as_they_are_told() {
    let (base, vectors) = (base(), Vectors::open());
    let ids = vectors.ids("1.ids");
    let seconds = |speed| base.speak(&Utterance { speed, ..Utterance::new(&ids) }, None).unwrap().seconds();
    let (slow, plain, fast) = (seconds(0.5), seconds(1.0), seconds(2.0));
    assert!(slow > 1.8 * plain && fast < 0.6 * plain, "{slow} {plain} {fast}");
    // The strongest distance between equal stretches is a period.
    let period = |pitch| {
        let samples = base.speak(&Utterance { pitch, ..Utterance::new(&ids) }, None).unwrap().samples;
        let middle = &samples[samples.len() / 4..samples.len() / 4 + 24_000];
        let alike = |lag: usize| -> f32 { middle[lag..].iter().zip(middle).map(|(a, b)| a * b).sum() };
        (60..400).max_by(|&a, &b| alike(a).total_cmp(&alike(b))).unwrap()
    };
    let (plain, low) = (period(1.0) as f32, period(0.7) as f32);
    assert!((low / plain / (1.0 / 0.7) - 1.0).abs() < 0.15, "{plain} and {low} samples");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let base = base();
    let say = |ids: &[u32], speed| base.speak(&Utterance { speed, ..Utterance::new(ids) }, None).unwrap_err();
    assert!(matches!(say(&[0, 0], 1.0), SpeechError::Empty));
    assert!(matches!(say(&[0, 178, 0], 1.0), SpeechError::Phoneme { id: 178, .. }));
    assert!(matches!(say(&[1; 513], 1.0), SpeechError::TooLarge { .. }));
    let high = Utterance { pitch: 4.1, ..Utterance::new(&[0, 50, 0]) };
    assert!(matches!(base.speak(&high, None).unwrap_err(), SpeechError::Pitch { .. }));
    for speed in [0.4, 2.1, f32::NAN, f32::INFINITY] {
        assert!(matches!(say(&[0, 50, 0], speed), SpeechError::Speed { .. }));
    }
    // Any ids that are known can be said, as short as they are.
    for id in 0..178 {
        let speech = base.speak(&Utterance::new(&[0, id, 0]), None).unwrap();
        assert!(speech.samples.iter().all(|x| x.is_finite()) && speech.samples.len() >= 1_800);
    }
}
