//! WAV files of which a part is not read, or whose samples are no sound: told, not passed over.
#![cfg(feature = "audio")]
#![allow(clippy::unwrap_used)]

use lazai_core::voice::{Audio, VoiceError};

/// A file of floats, one channel, 16 kHz.
fn wav(samples: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn tone() -> Vec<f32> {
    (0..16_000).map(|i| (i as f32 * 0.1).sin() * 0.25).collect()
}

fn notes(bytes: Vec<u8>) -> Vec<String> {
    Audio::decode(bytes).unwrap().notes.into_iter().map(|note| format!("{}: {}", note.place, note.reason)).collect()
}

#[test]
fn what_stands_behind_the_samples_is_told() {
    let good = wav(&tone());
    assert_eq!(notes(good.clone()), [""; 0]);
    let with = |tail: &[u8]| notes([&good, tail].concat());
    let chunk = |name: &[u8; 4], size: u32| [&name[..], &size.to_le_bytes(), &vec![7; size as usize]].concat();
    for (tail, reason) in [
        (chunk(b"data", 400), "a second \"data\" chunk"),
        ([chunk(b"LIST", 4), chunk(b"data", 400)].concat(), "a second \"data\" chunk"),
        (good.clone(), "a second recording"),
        (vec![0x81; 4_000], "no chunk"),
    ] {
        let notes = with(&tail);
        assert!(notes.iter().any(|note| note.contains(reason)), "{reason}: {notes:?}");
    }
    for tail in [vec![0; 4_000], chunk(b"LIST", 5), chunk(b"xyzw", 8), [&b"TAG"[..], &[b' '; 125]].concat()] {
        assert_eq!(with(&tail), [""; 0]);
    }
    // A length that is less than what is there.
    let mut short = good.clone();
    let at = short.windows(4).position(|name| name == b"data").unwrap() + 4;
    short[at..at + 4].copy_from_slice(&32_000u32.to_le_bytes());
    assert!(notes(short).iter().any(|note| note.contains("32000 bytes behind them are no chunk")));
}

#[test]
fn samples_that_are_no_sound_are_told() {
    let mut some = tone();
    (some[500], some[600], some[700]) = (f32::NAN, 40.0, f32::NEG_INFINITY);
    let found = notes(wav(&some)).join("|");
    assert!(found.contains("2 samples far beyond") && found.contains("2 samples that are no numbers"), "{found}");
    let scaled: Vec<f32> = tone().iter().map(|sample| sample * 32_768.0).collect();
    let error = Audio::decode(wav(&scaled)).unwrap_err();
    assert!(matches!(&error, VoiceError::Unsupported { reason } if reason.contains("expected -1 to 1")), "{error}");
    let loud: Vec<f32> = tone().iter().map(|sample| sample * 4.2).collect();
    assert_eq!(notes(wav(&loud)), [""; 0]);
}
