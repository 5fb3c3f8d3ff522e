//! POV files: whatever is wrong with one is named, and nothing is read from it.
#![allow(clippy::unwrap_used)]

use lazai_core::character::Character;
use lazai_core::pov::{
    Clip, Contributor, Dataset, MAX_PUBLIC_BYTES, PovError, PovFile, PrivateAbout, PublicPart, Record, Speech, Writer,
};
use lazai_core::{Address, Digest, SubmissionId};
use proptest::prelude::*;

fn contributor(n: u8) -> Contributor {
    Contributor {
        address: Address::from_bytes([n; 20]),
        name: format!("contributor {n}"),
        licence: "CC-BY-4.0".into(),
        consent: "training".into(),
    }
}

fn record(contributor: u8, tokens: Vec<u32>) -> Record {
    let loss_mask = tokens.iter().map(|t| t % 2 == 0).collect();
    Record { contributor, tokens, loss_mask }
}

fn pack(records: Vec<Record>, clips: Vec<Clip>) -> Result<Dataset, PovError> {
    Dataset::new(vec![contributor(1), contributor(2)], Digest::from_bytes([9; 32]), 49_152, 7, records, clips)
}

fn sample() -> Dataset {
    let speech = Speech {
        contributor: 1,
        transcript: "hush".into(),
        licence: "CC0-1.0".into(),
        consent: "training".into(),
        record: Some(0),
    };
    let clip = Clip { log_mel: (0..160).map(|i| i as f32 / 160.0).collect(), speech };
    pack(vec![record(0, vec![1, 2, 3]), record(1, (0..256).collect())], vec![clip]).unwrap()
}

#[test]
fn round_trip() {
    let dataset = sample();
    let bytes = dataset.to_bytes().unwrap();
    let again = Dataset::from_bytes(&bytes).unwrap();
    assert_eq!(again.manifest(), dataset.manifest());
    assert_eq!(again.records(), dataset.records());
    assert_eq!(again.clips(), dataset.clips());
    assert_eq!(again.salt(1), dataset.salt(1));
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!((again.tokens(), again.vocal_frames()), (259, 2));
}

#[test]
fn cut_short_anywhere() {
    let bytes = sample().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let error = Dataset::from_bytes(&bytes[..length]).unwrap_err();
        assert!(matches!(error, PovError::Malformed { .. }), "cut to {length}: {error}");
    }
    let padded = [&bytes[..], &[0]].concat();
    assert!(matches!(Dataset::from_bytes(&padded), Err(PovError::Malformed { .. })));
}

#[test]
fn every_flipped_bit_of_the_data_is_seen() {
    let dataset = sample();
    let bytes = dataset.to_bytes().unwrap();
    let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize + 8;
    let mut wrong_digests = 0;
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 4;
        match Dataset::from_bytes(&flipped) {
            // Free text of the manifest, such as a name, may say anything; the data may not.
            Ok(other) => {
                assert!(position < header, "flip at {position}");
                assert_ne!(other.manifest(), dataset.manifest(), "flip at {position}");
            }
            Err(PovError::Malformed { .. }) => assert!(position < header, "flip at {position}"),
            Err(PovError::WrongDigest { .. }) => wrong_digests += 1,
            Err(_) => {}
        }
    }
    assert!(wrong_digests > (bytes.len() - header) / 2, "{wrong_digests}");
}

#[test]
fn tokens_outside_the_vocabulary() {
    let error = pack(vec![record(0, vec![1]), record(1, vec![5, 49_152])], vec![]).unwrap_err();
    assert_eq!(error, PovError::TokenOutsideVocabulary { record: 1, position: 1, token: 49_152, vocab_size: 49_152 });
    // And in a file: the last token id of the sample is 255, so the first little-endian `255` of a token.
    let bytes = sample().to_bytes().unwrap();
    let at = bytes.windows(8).rposition(|w| w == [254, 0, 0, 0, 255, 0, 0, 0]).unwrap();
    let mut other = bytes;
    other[at + 6] = 200;
    assert!(matches!(Dataset::from_bytes(&other), Err(PovError::TokenOutsideVocabulary { record: 1, .. })));
}

#[test]
fn limits() {
    assert!(matches!(pack(vec![], vec![]), Err(PovError::Empty { .. })));
    assert!(matches!(pack(vec![record(0, vec![])], vec![]), Err(PovError::Empty { .. })));
    assert!(matches!(
        pack(vec![record(0, vec![1; 65_536])], vec![]),
        Err(PovError::RecordTooLong { record: 0, tokens: 65_536 })
    ));
    assert!(matches!(pack(vec![record(0, vec![1]); 65_537], vec![]), Err(PovError::TooMany { found: 65_537, .. })));
    assert!(matches!(pack(vec![record(2, vec![1])], vec![]), Err(PovError::UnknownContributor { .. })));
    let twice = Dataset::new(vec![contributor(1); 2], Digest::ZERO, 10, 0, vec![record(0, vec![1])], vec![]);
    assert!(matches!(twice, Err(PovError::DuplicateContributor { .. })));
}

fn public(prompt: &str) -> PublicPart {
    let card = br#"{"spec":"chara_card_v2","data":{"name":"Ada","description":"counts"}}"#;
    let character = Character::from_bytes(card).unwrap().profile();
    PublicPart::new(character, vec![prompt.into()], vec![contributor(1)], "")
}

#[test]
fn thirty_three_kib_of_prompts() {
    let error = public(&"x".repeat(33 * 1024)).to_bytes().unwrap_err();
    assert!(matches!(error, PovError::PublicTooLarge { bytes } if bytes > 33 * 1024));
    let room = MAX_PUBLIC_BYTES - public("").to_bytes().unwrap().len();
    let full = public(&"x".repeat(room)).to_bytes().unwrap();
    assert_eq!(full.len(), MAX_PUBLIC_BYTES);
    assert_eq!(PublicPart::from_bytes(&full).unwrap(), public(&"x".repeat(room)));
    assert!(public(&"x".repeat(room + 1)).to_bytes().is_err());
}

#[test]
fn public_parts_have_one_spelling() {
    let bytes = public("hi").to_bytes().unwrap();
    let spaced = String::from_utf8(bytes).unwrap().replacen(':', ": ", 1);
    assert!(matches!(PublicPart::from_bytes(spaced.as_bytes()), Err(PovError::Malformed { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_round_trip(lengths in prop::collection::vec(1usize..=256, 1..20), seed in any::<u32>()) {
        let records = lengths.iter().enumerate().map(|(i, &length)| {
            record((i % 2) as u8, (0..length as u32).map(|t| (t ^ seed) % 49_152).collect())
        });
        let dataset = pack(records.collect(), vec![]).unwrap();
        let again = Dataset::from_bytes(&dataset.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(again.records(), dataset.records());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), real in any::<bool>()) {
        if real {
            // A header of the right length makes the reader go deeper.
            let length = (bytes.len().saturating_sub(8)) as u64;
            bytes.splice(0..bytes.len().min(8), length.to_le_bytes());
        }
        prop_assert!(Dataset::from_bytes(&bytes).is_err());
        prop_assert!(PublicPart::from_bytes(&bytes).is_err());
    }
}

#[test]
fn streamed_files_are_those_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let dataset = sample();
    let manifest = dataset.manifest();
    let contributors = manifest.contributors.clone();
    let mut writer = Writer::create(&path, contributors, manifest.tokenizer_digest, manifest.vocab_size, 7).unwrap();
    dataset.records().iter().for_each(|r| writer.record(r).unwrap());
    dataset.clips().iter().for_each(|c| writer.clip(c).unwrap());
    assert!(!path.exists(), "the target appears when it is whole");
    let written = writer.finish().unwrap();

    // The reader of whole files refuses whatever is not canonical.
    let again = Dataset::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((again.records(), again.clips()), (dataset.records(), dataset.clips()));
    assert_eq!(again.manifest(), &written);

    let file = PovFile::open(&path).unwrap();
    file.verify().unwrap();
    assert_eq!((file.records(), file.tokens(), file.vocal_frames()), (2, 259, 2));
    assert_eq!(file.iter_records().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), dataset.records());
    assert_eq!(file.iter_clips().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), dataset.clips());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[cfg(unix)]
#[test]
fn a_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("sets/mine/a.safetensors");
    let write = || {
        let mut writer = Writer::create(&path, vec![contributor(1)], Digest::ZERO, 10, 0).unwrap();
        writer.record(&record(0, vec![1])).unwrap();
        writer.finish().unwrap();
    };
    write();
    assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&home.path().join("sets"))), (0o600, 0o700, 0o700));
    // One that everybody could read is replaced by one that they cannot.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    write();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn the_streaming_reader_sees_what_the_other_sees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let good = sample().to_bytes().unwrap();
    for position in 0..good.len() {
        let mut flipped = good.clone();
        flipped[position] ^= 4;
        std::fs::write(&path, &flipped).unwrap();
        let streamed = PovFile::open(&path).and_then(|file| file.verify());
        match Dataset::from_bytes(&flipped) {
            Ok(_) => streamed.unwrap(),
            // The streaming reader does not insist on one spelling of the header.
            Err(PovError::Malformed { .. }) => {}
            Err(_) => drop(streamed.unwrap_err()),
        }
    }
    for length in 0..good.len() {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(PovFile::open(&path).is_err(), "cut to {length}");
    }
}

#[test]
fn a_file_that_broke_the_rules_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let writer = || Writer::create(&path, vec![contributor(1)], Digest::ZERO, 10, 0).unwrap();
    assert!(matches!(writer().record(&record(1, vec![1])), Err(PovError::UnknownContributor { .. })));
    assert!(matches!(writer().record(&record(0, vec![10])), Err(PovError::TokenOutsideVocabulary { .. })));
    assert!(matches!(writer().finish(), Err(PovError::Empty { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_public_part_describes_itself_to_machines() {
    let part = public("hi");
    let bytes = part.to_bytes().unwrap();
    let described = part.croissant(&bytes, "https://example.org/ada.json");
    assert_eq!(described["@type"], "sc:Dataset");
    assert_eq!(described["name"], "Ada");
    assert_eq!(described["distribution"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(described["license"][0], "https://spdx.org/licenses/CC-BY-4.0.html");
}

/// The whole dataset's description.
fn described() -> serde_json::Value {
    let part = public("hi");
    let private = PrivateAbout {
        submission: SubmissionId::from_bytes([4; 32]),
        url: "https://example.org/private",
        ciphertext: Digest::from_bytes([5; 32]),
        bytes: 70_000,
        root: Digest::from_bytes([6; 32]),
        records: 12,
        tokens: 3_000,
        published: "2026-09-21",
    };
    part.croissant_of_all(&part.to_bytes().unwrap(), "https://example.org/ada.json", &private)
}

#[test]
fn the_whole_dataset_is_described_and_nothing_of_its_contents() {
    let described = described();
    let file = &described["distribution"][1];
    assert_eq!((&file["@id"], &file["sha256"]), (&"private-part".into(), &"05".repeat(32).into()));
    assert_eq!(described["variableMeasured"][1]["value"], 3_000);
    assert_eq!(described["datePublished"], "2026-09-21");
    assert_eq!(described["recordSet"].as_array().unwrap().len(), 1);
}

#[test]
#[ignore = "needs `mlcroissant`: `cargo xtask signing`"]
fn mlcroissant_reads_both_descriptions() {
    let part = public("hi");
    let of_public = part.croissant(&part.to_bytes().unwrap(), "https://example.org/ada.json");
    let folder = tempfile::tempdir().unwrap();
    for (name, description) in [("public.json", of_public), ("all.json", described())] {
        let path = folder.path().join(name);
        std::fs::write(&path, description.to_string()).unwrap();
        let mut validate = std::process::Command::new(std::env::var("LAZAI_MLCROISSANT").unwrap());
        let told = validate.args(["validate", "--jsonld"]).arg(&path).output().unwrap();
        let words = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success() && !words.contains("error"), "{name}: {words}");
    }
}
