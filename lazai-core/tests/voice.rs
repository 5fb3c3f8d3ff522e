//! Spectrograms agree with librosa's; recordings of other formats are named.
#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;

use lazai_core::voice::{VoiceError, log_mel, read_wav};

#[derive(serde::Deserialize)]
struct Vector {
    frames: usize,
    rows: std::collections::BTreeMap<usize, Vec<f32>>,
}

#[test]
fn log_mel_equals_librosa() {
    let vector: Vector = serde_json::from_str(include_str!("../../vectors/voice/log-mel.json")).unwrap();
    let samples: Vec<f32> = (0..8_000)
        .map(|i| {
            let t = f64::from(i) / 16_000.0;
            let sweep = 8_000.0 * (TAU * (200.0 * t + 400.0 * t * t)).sin();
            ((sweep + 3_000.0 * (TAU * 3_000.0 * t).sin()).round_ties_even() / 32_768.0) as f32
        })
        .collect();
    let mel = log_mel(&samples).unwrap();
    assert_eq!(mel.len(), vector.frames * 80);
    let mut worst = 0f32;
    for (frame, expected) in vector.rows {
        for (ours, theirs) in mel[frame * 80..].iter().zip(expected) {
            worst = worst.max((ours - theirs).abs());
        }
    }
    assert!(worst < 1e-4, "largest difference {worst}");
}

fn wav(spec: hound::WavSpec, samples: usize) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    (0..samples).for_each(|i| writer.write_sample(i as i16).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[test]
fn recordings_are_checked() {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let good = wav(spec, 1_000);
    assert_eq!(read_wav(&good).unwrap().len(), 1_000);
    for length in 0..good.len() {
        assert!(matches!(read_wav(&good[..length]), Err(VoiceError::Malformed { .. })), "cut to {length}");
    }
    let stereo = wav(hound::WavSpec { channels: 2, ..spec }, 1_000);
    assert!(matches!(read_wav(&stereo), Err(VoiceError::Unsupported { channels: 2, .. })));
    assert!(matches!(log_mel(&[0.0; 399]), Err(VoiceError::TooShort { samples: 399, window: 400 })));
}
