//! Every parser of `lazai-core`, chosen by the first byte: none may panic, and what is read is written again alike.
#![no_main]

use lazai::core::character::Character;
use lazai::core::dialogue::from_jsonl;
use lazai::core::pov::{Dataset, PublicPart};
use lazai::core::voice::{log_mel, read_wav};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    match choice % 5 {
        0 => drop(Character::from_card_json(bytes)),
        1 => drop(from_jsonl(bytes)),
        2 => {
            if let Ok(dataset) = Dataset::from_bytes(bytes) {
                assert_eq!(dataset.to_bytes().expect("it was read"), bytes);
            }
        }
        3 => {
            if let Ok(public) = PublicPart::from_bytes(bytes) {
                assert_eq!(public.to_bytes().expect("it was read"), bytes);
            }
        }
        _ => {
            if let Ok(samples) = read_wav(bytes) {
                let _ = log_mel(&samples[..samples.len().min(16_000)]);
            }
        }
    }
});
