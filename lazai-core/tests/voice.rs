//! Spectrograms agree with librosa's; recordings of other formats are named.
#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;

use lazai_core::voice::{Audio, LogMel, VoiceError, log_mel, read_folder, trim_silence};

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

#[test]
fn one_plan_serves_many_recordings() {
    let plan = LogMel::new();
    for length in [400, 401, 559, 560, 16_000] {
        let samples: Vec<f32> = (0..length).map(|i| (i as f32 * 0.1).sin()).collect();
        assert_eq!(plan.compute(&samples).unwrap(), log_mel(&samples).unwrap());
        assert_eq!(log_mel(&samples).unwrap().len(), length / 160 * 80);
    }
    assert!(matches!(log_mel(&[0.0; 399]), Err(VoiceError::TooShort { samples: 399, window: 400 })));
}

fn wav(spec: hound::WavSpec, samples: usize) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for i in 0..samples {
        let value = (f64::from(i as u32) * 440.0 * TAU / f64::from(spec.sample_rate)).sin() * 0.25;
        for _ in 0..spec.channels {
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                hound::SampleFormat::Int => {
                    writer.write_sample((value * f64::from(1u32 << (spec.bits_per_sample - 1))) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// That samples are a tone of 440 Hz and amplitude 0.25, away from the edges.
fn is_the_tone(samples: &[f32], tolerance: f32) {
    let inner = &samples[1_600..samples.len() - 1_600];
    let crossings = inner.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count() as f32;
    let hz = crossings / inner.len() as f32 * 16_000.0;
    assert!((hz - 440.0).abs() < 2.5, "{hz} Hz");
    let rms = (inner.iter().map(|s| s * s).sum::<f32>() / inner.len() as f32).sqrt();
    assert!((rms - 0.25 / 2f32.sqrt()).abs() < tolerance, "rms {rms}");
}

#[test]
fn every_rate_width_and_channel_count() {
    use hound::SampleFormat::{Float, Int};
    for (sample_rate, channels, bits_per_sample, sample_format) in [
        (16_000, 1, 16, Int),
        (8_000, 1, 8, Int),
        (11_025, 2, 16, Int),
        (44_100, 2, 24, Int),
        (48_000, 6, 32, Int),
        (96_000, 1, 32, Float),
        (44_101, 1, 16, Int),
    ] {
        let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
        let audio = Audio::decode(wav(spec, sample_rate as usize)).unwrap();
        assert_eq!((audio.source_rate_hz, audio.source_channels), (sample_rate, channels.into()), "{spec:?}");
        assert!(audio.samples.len().abs_diff(16_000) <= 1, "{spec:?}: {}", audio.samples.len());
        assert!((audio.seconds() - 1.0).abs() < 1e-3);
        is_the_tone(&audio.samples, 0.006);
    }
}

#[test]
fn every_codec_says_the_same() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/audio"));
    for file in ["mono-44100.flac", "mono-48000.ogg", "mono-24000.mp3"] {
        let audio = Audio::decode(std::fs::read(folder.join(file)).unwrap()).unwrap();
        assert_eq!(audio.damaged_packets, 0, "{file}");
        is_the_tone(&audio.samples, 0.01);
    }
}

#[test]
fn damage_is_no_panic() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/audio"));
    for file in ["mono-44100.flac", "mono-48000.ogg", "mono-24000.mp3", "stereo-22050.wav"] {
        let good = std::fs::read(folder.join(file)).unwrap();
        for length in (0..good.len()).step_by(good.len() / 50) {
            let _ = Audio::decode(good[..length].to_vec());
            let mut flipped = good.clone();
            flipped[length] ^= 0x55;
            let _ = Audio::decode(flipped);
        }
    }
    assert!(matches!(Audio::decode(b"no sound".to_vec()), Err(VoiceError::Unsupported { .. })));
}

#[test]
fn a_folder_of_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    std::fs::write(folder.path().join("good.wav"), wav(spec, 16_000)).unwrap();
    std::fs::write(folder.path().join("broken.wav"), b"RIFF").unwrap();
    std::fs::write(folder.path().join("silent.wav"), wav(spec, 1)).unwrap();
    let lines = [
        r#"{"file": "good.wav", "text": "Hush", "speaker": "mira", "license": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "broken.wav", "transcript": "x", "licence": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "silent.wav", "transcript": "x", "licence": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "missing.wav", "transcript": "x", "licence": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "good.wav", "transcript": "x", "licence": "CC0-1.0"}"#,
        r#"{"file": "../good.wav", "transcript": "x", "licence": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "good.wav", "transcript": "x", "licence": "", "consent": "training"}"#,
        "nonsense",
    ];
    let manifest = folder.path().join("voice.jsonl");
    std::fs::write(&manifest, lines.join("\n")).unwrap();
    let (recordings, report) = read_folder(&manifest).unwrap();
    assert_eq!(recordings.len(), 1);
    assert_eq!((recordings[0].take.contributor.as_str(), recordings[0].take.licence.as_str()), ("mira", "CC0-1.0"));
    is_the_tone(&recordings[0].samples, 0.003);
    assert_eq!(trim_silence(&recordings[0].samples).unwrap().len(), 16_000);
    let places: Vec<&str> = report.notes.iter().map(|n| n.place.as_str()).collect();
    assert_eq!(places, ["line 5", "line 6", "line 7", "line 8", "broken.wav", "silent.wav", "missing.wav"]);
}
