//! Writes the POV files under `vectors/characters/pov`. Their salt seed is drawn at random, so they are committed.
#![allow(clippy::unwrap_used, reason = "a tool of the repository")]

use lazai_core::character::Character;
use lazai_core::pov::{Clip, Contributor, Dataset, PublicPart, Record, Speech};
use lazai_core::{Address, Digest};

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let contributor = |n: u8, name: &str| Contributor {
        address: Address::from_bytes([n; 20]),
        name: name.into(),
        licence: "CC-BY-4.0".into(),
        consent: "training".into(),
    };
    let contributors = vec![contributor(1, "mira"), contributor(2, "tomas")];
    let record = |contributor: u8, count: u32| {
        let tokens: Vec<u32> = (0..count).map(|t| (t * 7 + 1) % 1_000).collect();
        Record { contributor, loss_mask: tokens.iter().map(|t| t % 3 == 0).collect(), tokens }
    };
    let speech = Speech {
        contributor: 1,
        transcript: "hush".into(),
        licence: "CC0-1.0".into(),
        consent: "training".into(),
        record: Some(0),
    };
    let clip = Clip { log_mel: (0..80 * 3).map(|i| i as f32 / 240.0).collect(), speech };
    let records = vec![record(0, 12), record(1, 256), record(0, 1)];
    let tokenizer = Digest::from_bytes([9; 32]);
    let dataset = Dataset::new(contributors.clone(), tokenizer, 1_000, 7, records, vec![clip]).unwrap();
    std::fs::write(format!("{folder}/private.safetensors"), dataset.to_bytes().unwrap()).unwrap();
    let card = br#"{"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Ada","description":"counts"}}"#;
    let profile = Character::from_bytes(card).unwrap().profile();
    let public = PublicPart::new(profile, vec!["hi".into()], contributors, "none");
    std::fs::write(format!("{folder}/public.json"), public.to_bytes().unwrap()).unwrap();
}
