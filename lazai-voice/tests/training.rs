//! Training on another voice: the base's own at another pitch and pace, heard as datasets hold recordings.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::base;
use lazai_core::voice::{Audio, log_mel};
use lazai_voice::{
    Base, Character, Recording, SpeechBase, SpeechError, TrainedVoice, Utterance, Voice, VoiceConfig, VoiceProgress,
    train,
};
use safetensors::SafeTensors;

/// Spectrograms and ids of what a deeper, slower and duller voice says.
fn recordings(base: &Base, count: usize) -> Vec<(Vec<f32>, Vec<u32>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/voice/hibari.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let one = |i: usize| {
        let ids = file.tensor(&format!("{}.ids", 1 + i % 2)).unwrap().data();
        let ids: Vec<u32> = ids.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let (speed, seed) = (0.8 + 0.01 * i as f32, [i as u8; 32]);
        let utterance = Utterance { pitch: 0.7, speed, seed, ..Utterance::new(&ids) };
        let mut speech = base.speak(&utterance, None).unwrap();
        let mut last = 0.0;
        for sample in &mut speech.samples {
            last = 0.8 * last + 0.1 * *sample;
            *sample = last;
        }
        (log_mel(&Audio::decode(speech.to_wav()).unwrap().samples).unwrap(), ids)
    };
    (0..count).map(one).collect()
}

fn config() -> VoiceConfig {
    VoiceConfig { steps: 24, warmup_steps: 4, evaluate_steps: 6, align_steps: 8, ..VoiceConfig::default() }
}

fn run(
    given: &[(Vec<f32>, Vec<u32>)],
    folder: Option<&Path>,
    on_progress: &mut dyn FnMut(VoiceProgress) -> bool,
) -> Result<TrainedVoice, SpeechError> {
    // ANCHOR: train
    let recordings: Vec<_> = given.iter().map(|(log_mel, ids)| Recording { log_mel, ids }).collect();
    train(&base(), &config(), &recordings, folder, on_progress)
    // ANCHOR_END: train
}

#[test]
fn a_voice_is_learnt_and_a_run_goes_on_where_it_stopped() {
    let base = base();
    let mut given = recordings(&base, 6);
    // Not to be learnt from: too short for its text.
    given.push((given[0].0[..80 * 20].to_vec(), given[0].1.clone()));
    let folder = tempfile::tempdir().unwrap();
    let mut last = None;
    let whole = run(&given, None, &mut |progress| {
        last = Some(progress);
        true
    });
    let whole = whole.unwrap();
    assert!(matches!(last, Some(VoiceProgress::Learning { step: 24, steps: 24, left_s: Some(_), .. })), "{last:?}");
    assert_eq!(whole.left_out, [6]);
    assert!(whole.seconds > 20.0 && whole.loss_micros.len() == 24);
    let held_out: Vec<u64> = whole.evaluations.iter().map(|e| e.loss_micronats).collect();
    assert!(held_out.last() < held_out.first(), "{held_out:?}");
    let (first, last): (u64, u64) = (whole.loss_micros[..4].iter().sum(), whole.loss_micros[20..].iter().sum());
    assert!(last * 10 < first * 9, "{:?}", whole.loss_micros);
    let manner = whole.manner;
    assert!((manner.pitch - 0.7).abs() < 0.1 && (manner.pace - 0.82).abs() < 0.08, "{manner:?}");

    // Stopped after nine steps, and again.
    let stopped = run(
        &given,
        Some(folder.path()),
        &mut |progress| !matches!(progress, VoiceProgress::Learning { step, .. } if step == 9),
    );
    assert!(matches!(stopped, Err(SpeechError::Cancelled { steps: 9 })));
    let mut begun = None;
    let resumed = run(&given, Some(folder.path()), &mut |progress| {
        if let VoiceProgress::Learning { step, .. } = progress {
            begun.get_or_insert(step);
        }
        true
    });
    let resumed = resumed.unwrap();
    assert_eq!(begun, Some(10));
    assert_eq!((&resumed.loss_micros, &resumed.states), (&whole.loss_micros, &whole.states));
    assert!(resumed.character == whole.character);

    // ANCHOR: save
    // PEFT's files, and back.
    let digest = resumed.character.save(folder.path(), "hibari").unwrap();
    let read = Character::load(folder.path(), &base).unwrap();
    // ANCHOR_END: save
    assert!(read == resumed.character);
    let Character::Adapter(adapter) = &read else { panic!("{read:?}") };
    assert_eq!(Some(lazai_core::digest::sha256(&adapter.to_bytes().unwrap())), digest);
    let said = |character: &Character| -> Vec<_> {
        let voice = Voice::new(Arc::new(base.clone()), character.clone());
        voice.say(given.iter().take(2).map(|(_, ids)| ids), 1.0, [7; 32]).map(Result::unwrap).collect()
    };
    assert_eq!(said(&read), said(&whole.character));
    assert_ne!(said(&read), said(&Character::Base));
}

#[test]
fn little_material_gives_pitch_and_pace_alone() {
    let trained = run(&recordings(&base(), 2), None, &mut |_| true).unwrap();
    assert!(trained.seconds < 20.0 && trained.loss_micros.is_empty());
    let manner = trained.manner;
    assert_eq!(trained.character, Character::Manner(manner));
    let folder = tempfile::tempdir().unwrap();
    trained.character.save(folder.path(), "hibari").unwrap();
    assert_eq!(Character::load(folder.path(), &base()).unwrap(), trained.character);
    assert!((manner.pitch - 0.7).abs() < 0.1 && (manner.pace - 0.81).abs() < 0.1, "{manner:?}");
}

#[test]
fn what_is_no_material_is_told() {
    let mut given = recordings(&base(), 1);
    given[0].0[5] = f32::NAN;
    assert!(matches!(run(&given, None, &mut |_| true), Err(SpeechError::NothingToLearn { recordings: 1 })));
    assert!(matches!(run(&[], None, &mut |_| true), Err(SpeechError::NothingToLearn { recordings: 0 })));
    let given = recordings(&base(), 1);
    assert!(matches!(run(&given, None, &mut |_| false), Err(SpeechError::Cancelled { steps: 0 })));
}

#[test]
fn another_version_of_the_method_is_told() {
    let given = recordings(&base(), 1);
    let recordings: Vec<_> = given.iter().map(|(log_mel, ids)| Recording { log_mel, ids }).collect();
    // As records have it that are older than the field.
    let config: VoiceConfig = serde_json::from_str(
        r#"{"rank":8,"alpha":16,"steps":300,"learning_rate_micro":2000,"warmup_steps":20,"clip_norm_milli":1000,
            "seed":0,"evaluate_steps":25,"patience":4}"#,
    )
    .unwrap();
    let refused = train(&base(), &config, &recordings, None, &mut |_| true);
    assert!(matches!(refused, Err(SpeechError::Method { found: 0, known: 1 })), "{refused:?}");
    assert!(!serde_json::to_string(&config).unwrap().contains("method"));
}

#[test]
fn modules_are_as_they_were_measured() {
    let base = base();
    let values: usize = base.modules().iter().map(|m| 8 * (m.input + m.output)).sum();
    assert_eq!((base.modules().len(), values), (77, 402_920));
}
