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
