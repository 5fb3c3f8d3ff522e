//! The digest of recordings tells nobody which recordings they are, and everybody who can read them that they are these.
#![allow(clippy::unwrap_used)]

use lazai_core::digest::DomainHasher;
use lazai_core::pov::{Clip, Contributor, Dataset, PovFile, Record, Speech};
use lazai_core::{Address, Digest};
use lazai_zk::source::{RecordSource, voice};

fn frames(n: u8) -> Vec<f32> {
    (0..160).map(|i| f32::from(i as u8) / f32::from(n)).collect()
}

fn recorded(clips: &[u8]) -> Dataset {
    let contributor = Contributor {
        address: Address::from_bytes([1; 20]),
        name: "one".into(),
        licence: "MIT".into(),
        consent: "training".into(),
    };
    let clip = |&n: &u8| Clip {
        log_mel: frames(n),
        speech: Speech {
            contributor: 0,
            transcript: "hush".into(),
            licence: "MIT".into(),
            consent: "training".into(),
            record: None,
        },
    };
    let records = vec![Record { contributor: 0, tokens: vec![1, 2], loss_mask: vec![false, true] }];
    let clips = clips.iter().map(clip).collect();
    Dataset::new(vec![contributor], Digest::from_bytes([9; 32]), 64, 0, records, clips).unwrap()
}

#[test]
fn who_has_the_recordings_cannot_tell_from_the_digest() {
    let (one, other) = (recorded(&[160, 161]), recorded(&[160, 161]));
    let (of_one, of_other) = (voice(&one).unwrap(), voice(&other).unwrap());
    assert_eq!((of_one.frames, of_other.frames), (4, 4));
    assert_ne!(of_one.digest, of_other.digest, "the same recordings, packed twice");
    // What can be reckoned without the private part.
    let guess = |hasher: DomainHasher| {
        [160, 161]
            .iter()
            .fold(hasher, |hasher, &n| hasher.part(&frames(n).iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()))
    };
    for domain in ["lazai.zk.voice.v1", "lazai.zk.voice.v2"] {
        assert_ne!(guess(DomainHasher::new(domain)).finish(), of_one.digest);
    }
    // And with it: the digest is of these recordings.
    let salted = DomainHasher::new("lazai.zk.voice.v2").part(one.voice_salt().as_bytes());
    assert_eq!(guess(salted).finish(), of_one.digest);
    let of = |clips: &[u8]| voice(&recorded(clips)).unwrap().frames;
    assert_eq!((of(&[160]), of(&[])), (2, 0));
}

#[test]
fn a_file_has_the_digest_of_its_dataset() {
    let dataset = recorded(&[160, 161]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.pov");
    std::fs::write(&path, dataset.to_bytes().unwrap()).unwrap();
    let file = PovFile::open(&path).unwrap();
    assert_eq!(voice(&file).unwrap(), voice(&dataset).unwrap());
    assert_ne!(file.voice_salt().unwrap(), dataset.salt(0), "a record that is opened shows its own salt");
}
