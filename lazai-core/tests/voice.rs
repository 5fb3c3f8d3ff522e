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
    for (file, channels) in [
        ("mono-44100.flac", 1),
        ("mono-48000.ogg", 1),
        ("mono-24000.mp3", 1),
        ("mono-48000.opus", 1),
        ("stereo-24000.opus", 2),
        ("mono-44100.m4a", 1),
        ("mono-44100.aac", 1),
    ] {
        let audio = Audio::decode(std::fs::read(folder.join(file)).unwrap()).unwrap();
        assert_eq!((audio.damaged_packets, audio.source_channels), (0, channels), "{file}");
        assert!(audio.notes.is_empty(), "{file}: {:?}", audio.notes);
        // AAC's encoder begins and ends with a frame that is not the recording's.
        let most = if file.starts_with("mono-44100.") { 800 } else { 0 };
        assert!(
            audio.samples.len() >= 16_000 && audio.samples.len() <= 16_000 + most,
            "{file}: {}",
            audio.samples.len()
        );
        is_the_tone(&audio.samples[..16_000], 0.01);
        assert_eq!(Audio::read(std::fs::File::open(folder.join(file)).unwrap()).unwrap(), audio, "{file}");
    }
}

/// Bytes that hold frame headers of MP3 by the hundred, as pictures do.
fn picture(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut out: Vec<u8> = (0..length).map(|_| byte()).collect();
    for at in (0..length - 4).step_by(3_001) {
        out[at..at + 4].copy_from_slice(&[0xFF, 0xE3, 0x18, 0xC4]);
    }
    out
}

fn id3(picture: &[u8], footer: bool) -> Vec<u8> {
    let size: Vec<u8> = [21, 14, 7, 0].iter().map(|shift| (((picture.len() + 10) >> shift) & 0x7F) as u8).collect();
    let head = [&[4, 0, if footer { 0x10 } else { 0 }], size.as_slice()].concat();
    let frame = [b"APIC", &size[..], &[0, 0]].concat();
    let end = if footer { [b"3DI", head.as_slice()].concat() } else { Vec::new() };
    [b"ID3", head.as_slice(), &frame, picture, &end].concat()
}

#[test]
fn pictures_in_tags_are_not_heard() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/audio"));
    let cover = picture(3 << 20);
    for file in ["mono-24000.mp3", "mono-44100.flac", "mono-44100.aac"] {
        let plain = std::fs::read(folder.join(file)).unwrap();
        let expected = Audio::decode(plain.clone()).unwrap();
        let wrong_size = [b"ID3\x03\0\0\x7F\x7F\x7F\x7F".as_slice(), &cover[..90_000], &plain].concat();
        for (what, bytes) in [
            ("a cover of 3 MiB", [id3(&cover, false), plain.clone()].concat()),
            ("a tag with a footer", [id3(&cover[..50_000], true), plain.clone()].concat()),
            ("two tags", [id3(&cover[..50_000], false), id3(&cover[..9], false), plain.clone()].concat()),
            ("zeros", [vec![0; 70_000], plain.clone()].concat()),
            ("a tag and zeros", [id3(&cover[..50_000], false), vec![0; 2_048], plain.clone()].concat()),
            ("tags behind", [plain.clone(), id3(&cover[..50_000], true), b"TAG".to_vec(), vec![0xFF; 125]].concat()),
        ] {
            let audio = Audio::decode(bytes).unwrap_or_else(|e| panic!("{file} with {what}: {e}"));
            assert_eq!(audio, expected, "{file} with {what}");
        }
        // Where the tag does not say how long it is, frames in a row do.
        if file.ends_with("mp3") {
            assert_eq!(Audio::decode(wrong_size).unwrap(), expected);
        }
    }
    assert!(matches!(Audio::decode(id3(&cover, false)), Err(VoiceError::Unsupported { .. })));
}

#[test]
fn lengths_of_wav_files_are_those_of_the_file() {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let good = wav(spec, 22_050);
    let expected = Audio::decode(good.clone()).unwrap();
    assert!(expected.notes.is_empty());
    let data = good.windows(4).position(|name| name == b"data").unwrap();
    for lie in [0u32, 4, 36, 0x7FFF_FFFF, 0xFFFF_FFDB, 0xFFFF_FFFE, 0xFFFF_FFFF] {
        for places in [vec![4], vec![4, data + 4]] {
            let mut bytes = good.clone();
            places.iter().for_each(|&at| bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes()));
            // A length of samples that the file does have is believed.
            if places.len() == 2 && (1..99).contains(&lie) {
                continue;
            }
            let audio = Audio::decode(bytes).unwrap_or_else(|e| panic!("{lie:#x} at {places:?}: {e}"));
            assert_eq!(audio.samples, expected.samples, "{lie:#x} at {places:?}");
            assert_eq!(audio.notes.len(), places.len(), "{lie:#x} at {places:?}: {:?}", audio.notes);
        }
    }
    let cut = Audio::decode(good[..good.len() / 2].to_vec()).unwrap();
    assert_eq!(cut.notes.iter().map(|n| n.place.as_str()).collect::<Vec<_>>(), ["data size", "RIFF size"]);
    assert!((cut.seconds() - 0.5).abs() < 0.01);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters"));
    for (file, name) in [
        ("voice.amr", "AMR"),
        ("voice.webm", "WebM"),
        ("voice.aiff", "AIFF"),
        ("voice.caf", "CAF"),
        ("speex.ogg", "Speex"),
        ("alac.m4a", "Apple Lossless"),
        ("adpcm-ms.wav", "Microsoft ADPCM"),
        ("adpcm-ima.wav", "IMA ADPCM"),
        ("gsm.wav", "GSM 6.10"),
    ] {
        let error = Audio::read(std::fs::File::open(folder.join("refused").join(file)).unwrap()).unwrap_err();
        assert!(matches!(&error, VoiceError::Unsupported { reason } if reason.contains(name)), "{file}: {error}");
        assert!(error.to_string().contains("WAV, FLAC, MP3"), "{error}");
    }
    // The same file, of other sounds.
    let m4a = std::fs::read(folder.join("audio/mono-44100.m4a")).unwrap();
    let at = m4a.windows(4).position(|name| name == b"mp4a").unwrap();
    for (kind, name) in [(b"samr", "AMR"), (b"sawb", "AMR-WB"), (b"enca", "encrypted"), (b"xyz\n", "xyz\\n")] {
        let mut bytes = m4a.clone();
        bytes[at..at + 4].copy_from_slice(kind);
        let error = Audio::decode(bytes).map(|audio| audio.format).unwrap_err();
        assert!(matches!(&error, VoiceError::Unsupported { reason } if reason.contains(name)), "{error}");
    }
    let opus = std::fs::read(folder.join("audio/stereo-24000.opus")).unwrap();
    let error = Audio::decode([&opus[..27], &opus[28..]].concat()).unwrap_err();
    assert!(matches!(error, VoiceError::Malformed { .. } | VoiceError::Unsupported { .. }), "{error}");
}

/// Frames of ADTS AAC, some of them overwritten behind their headers.
fn damaged(every: usize) -> Vec<u8> {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/audio"));
    let mut bytes = std::fs::read(folder.join("mono-44100.aac")).unwrap();
    let (mut at, mut frame) = (0, 0);
    while at + 7 < bytes.len() {
        let length =
            usize::from(bytes[at + 3] & 3) << 11 | usize::from(bytes[at + 4]) << 3 | usize::from(bytes[at + 5] >> 5);
        if frame % every == every - 1 {
            bytes[at + 7..at + length].fill(0x9F);
        }
        (at, frame) = (at + length, frame + 1);
    }
    bytes
}

#[test]
fn more_damage_than_one_packet_in_ten_is_no_recording() {
    let few = Audio::decode(damaged(15)).unwrap();
    assert!((1..=3).contains(&few.damaged_packets), "{}", few.damaged_packets);
    assert_eq!(few.notes.len(), 1);
    assert_eq!(few.notes[0].reason, format!("{} damaged packets", few.damaged_packets));
    for every in [2, 4, 6] {
        match Audio::decode(damaged(every)) {
            Err(VoiceError::Damaged { damaged, packets }) => {
                assert!(damaged * 10 > packets && damaged <= packets, "{damaged} of {packets}");
            }
            other => panic!("one in {every}: {:?}", other.map(|audio| audio.notes)),
        }
    }
}

#[test]
fn damage_is_no_panic() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/audio"));
    for file in [
        "mono-44100.flac",
        "mono-48000.ogg",
        "mono-24000.mp3",
        "mono-48000.opus",
        "mono-44100.m4a",
        "mono-44100.aac",
        "stereo-22050.wav",
    ] {
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
    let mut piped = wav(spec, 16_000);
    piped[4..8].fill(0);
    std::fs::write(folder.path().join("piped.wav"), piped).unwrap();
    std::fs::write(folder.path().join("broken.wav"), b"RIFF").unwrap();
    std::fs::write(folder.path().join("silent.wav"), wav(spec, 1)).unwrap();
    let lines = [
        r#"{"file": "good.wav", "text": "Hush", "speaker": "mira", "license": "CC0-1.0", "consent": "training"}"#,
        r#"{"file": "piped.wav", "transcript": "x", "speaker": "mira", "licence": "CC0-1.0", "consent": "training"}"#,
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
    assert_eq!(recordings.len(), 2);
    assert_eq!(recordings[0].samples, recordings[1].samples);
    assert_eq!((recordings[0].take.contributor.as_str(), recordings[0].take.licence.as_str()), ("mira", "CC0-1.0"));
    is_the_tone(&recordings[0].samples, 0.003);
    assert_eq!(trim_silence(&recordings[0].samples).unwrap().len(), 16_000);
    let places: Vec<&str> = report.notes.iter().map(|n| n.place.as_str()).collect();
    assert_eq!(
        places,
        ["line 6", "line 7", "line 8", "line 9", "piped.wav", "broken.wav", "silent.wav", "missing.wav"]
    );
    assert!(report.notes[4].reason.starts_with("RIFF size: says 0 bytes"), "{}", report.notes[4].reason);
}

#[test]
fn a_recording_behind_another_is_heard() {
    for (file, length) in [("mono-24000.mp3", 0.1), ("mono-48000.ogg", 0.001), ("mono-48000.opus", 0.001)] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/characters/audio").join(file);
        let once = std::fs::read(path).unwrap();
        let alone = Audio::decode(once.clone()).unwrap().seconds();
        let both = Audio::decode(once.repeat(2)).unwrap().seconds();
        assert!((both - 2.0 * alone).abs() < length, "{file}: {alone} s, twice {both} s");
    }
}
