//! Texts spoken from the package's folder alone, and files that are not what they should be.
#![allow(clippy::unwrap_used)]

mod common;

use common::{base, package};
use lazai_voice::base::BASE_FILE;
use lazai_voice::{Base, Character, Narrator, Speech, SpeechBase, SpeechError};

const TEXT: &str = "Hush, darling. The rain is early tonight!";

#[test]
fn a_text_is_spoken_sentence_by_sentence() {
    // ANCHOR: say
    let narrator = Narrator::open(&package()).unwrap();
    let say = |text: &str| -> Vec<Speech> {
        let sentences = narrator.say(text, Character::Base, 1.0, [1; 32]);
        sentences.map(Result::unwrap).collect()
    };
    let spoken = say(TEXT);
    let file: Vec<u8> = spoken[0].to_wav();
    // ANCHOR_END: say
    assert_eq!(file.len(), 44 + 2 * spoken[0].samples.len());
    assert_eq!(spoken.len(), 2);
    assert!(spoken.iter().all(|one| (0.3..5.0).contains(&one.seconds())), "{spoken:?}");
    assert_eq!(spoken, say(TEXT));
    // Loud enough to be heard, and no louder than a file can hold.
    for one in &spoken {
        let power = one.samples.iter().map(|x| x * x).sum::<f32>() / one.samples.len() as f32;
        assert!(power.sqrt() > 0.01 && one.samples.iter().all(|x| x.abs() < 1.5), "{}", power.sqrt());
    }
    assert!(say("").is_empty() && say("  \n ").is_empty());
    let together = narrator.transcript(TEXT);
    assert!(together.len() > 20 && together.first() == Some(&0) && together.last() == Some(&0));
}

/// The strength of each twentieth of a second, of 16-bit samples: what an ear would hear as the same.
fn envelope(speech: &Speech) -> Vec<u32> {
    let power = |part: &[i16]| part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / part.len() as f64;
    speech.to_pcm16().chunks(1_200).map(|part| power(part).sqrt().round() as u32).collect()
}

/// What a page speaks is held to the same file (`bindings/wasm/tests/voice.test.mjs`). Made by the base voice itself, on AVX-512:
/// `LAZAI_WRITE_VECTORS=1`.
#[test]
fn every_target_says_the_same() {
    let narrator = Narrator::read(|name| Ok(std::fs::read(package().join(name)).unwrap())).unwrap();
    let mut seed = [0; 32];
    seed[0] = 7;
    let said: Vec<Speech> = narrator.say(TEXT, Character::Base, 1.25, seed).map(Result::unwrap).collect();
    let phrases: Vec<_> = said
        .iter()
        .map(|speech| serde_json::json!({"samples": speech.samples.len(), "envelope": envelope(speech)}))
        .collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/voice/spoken.json");
    if std::env::var_os("LAZAI_WRITE_VECTORS").is_some() {
        let digest = narrator.base().digest();
        let made = serde_json::json!({
            "text": TEXT, "speed": 1.25, "seed": 7, "sample_rate": 24_000, "base": digest, "phrases": phrases,
        });
        std::fs::write(&path, format!("{made}\n")).unwrap();
    }
    let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let expected = expected["phrases"].as_array().unwrap();
    assert_eq!(expected.len(), said.len());
    for (speech, expected) in said.iter().zip(expected) {
        assert_eq!(expected["samples"], speech.samples.len());
        let expected = expected["envelope"].as_array().unwrap();
        let loudest = expected.iter().filter_map(serde_json::Value::as_f64).fold(0.0, f64::max);
        for (ours, theirs) in envelope(speech).into_iter().zip(expected) {
            let off = (f64::from(ours) - theirs.as_f64().unwrap()).abs();
            assert!(off < 0.02 * loudest, "{ours} for {theirs}");
        }
    }
}

#[test]
fn the_imported_file_is_the_same_voice() {
    let folder = tempfile::tempdir().unwrap();
    let imported = Base::import(&package().join("hibari.onnx"), folder.path()).unwrap();
    let opened = Base::open(&folder.path().join(BASE_FILE)).unwrap();
    assert_eq!((imported.digest(), opened.digest()), (base().digest(), base().digest()));

    let mut bytes = std::fs::read(package().join("hibari.onnx")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let other = folder.path().join("other.onnx");
    std::fs::write(&other, bytes).unwrap();
    assert!(matches!(Base::from_package(&other), Err(SpeechError::OtherSource { .. })));
    let cut = std::fs::read(folder.path().join(BASE_FILE)).unwrap();
    assert!(matches!(Base::from_bytes(&cut[..cut.len() / 2]), Err(SpeechError::Malformed { .. })));
}
