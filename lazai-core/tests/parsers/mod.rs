//! What holds for any bytes, parser by parser: read by the tests with a fixed seed, and by the fuzzer without end.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::Write;

use lazai_core::character::{Character, Lorebook, Scene, import};
use lazai_core::dialogue::{Message, Options, Role, read_all};
use lazai_core::pov::{Dataset, PovFile, PublicPart};
use lazai_core::voice::{Audio, log_mel, read_manifest, trim_silence};

/// A parser, the folders of its seeds under `vectors/characters`, and how many mutated files a test tries.
pub struct Target {
    pub name: &'static str,
    pub seeds: &'static [&'static str],
    pub runs: usize,
    pub check: fn(&[u8]),
}

pub const TARGETS: [Target; 6] = [
    Target { name: "png", seeds: &["png"], runs: 20_000, check: card },
    Target { name: "charx", seeds: &["charx"], runs: 8_000, check: card },
    Target { name: "card", seeds: &["json", "eliza", "lorebook"], runs: 20_000, check: card_json },
    Target { name: "dialogue", seeds: &["dialogue"], runs: 20_000, check: dialogue },
    Target { name: "audio", seeds: &["audio"], runs: 6_000, check: audio },
    Target { name: "pov", seeds: &["pov"], runs: 8_000, check: pov },
];

/// Images and archives: what is read comes back from every export.
pub fn card(bytes: &[u8]) {
    let Ok(imported) = import(bytes) else { return };
    comes_back(&imported.character);
}

/// JSON: characters, lorebooks, public parts.
pub fn card_json(bytes: &[u8]) {
    if let Ok(imported) = import(bytes) {
        comes_back(&imported.character);
        let said = [Message::new(Role::User, "the tower key"), Message::new(Role::Assistant, "Mirela")];
        let prompt = imported.character.prompt(&Scene::new("Bo", &said));
        assert!(prompt.messages.len() >= said.len());
        let _ = (imported.character.system_prompt("Bo"), imported.character.greeting_to(0, "Bo"));
    }
    if let Ok((book, _)) = Lorebook::from_bytes(bytes) {
        let (again, _) = Lorebook::from_bytes(book.to_v3_json().to_string().as_bytes()).unwrap();
        assert_eq!(again, book);
    }
    if let Ok(part) = PublicPart::from_bytes(bytes) {
        assert_eq!(part.to_bytes().unwrap(), bytes);
    }
}

fn comes_back(character: &Character) {
    for json in [character.to_v3_json(), character.to_v2_json()] {
        let json = json.to_string();
        // An export may be larger than what it came from, and then too large.
        if json.len() < 8 << 20 {
            assert_eq!(&Character::from_bytes(json.as_bytes()).unwrap(), character);
        }
    }
}

/// Every format of dialogues: what is kept can be trained on.
pub fn dialogue(bytes: &[u8]) {
    let options = Options { character: Some("Vesper".into()), user: Some("Bo".into()), ..Options::default() };
    for options in [options, Options::default()] {
        let Ok((dialogues, report)) = read_all(bytes, &options) else { continue };
        assert_eq!(report.kept, dialogues.len() as u64);
        for dialogue in dialogues {
            assert!(dialogue.messages.iter().any(|m| m.role == Role::Assistant));
            assert!(dialogue.messages.iter().all(|m| !m.content.trim().is_empty()));
            assert!(dialogue.messages.windows(2).all(|pair| pair[0].role != pair[1].role));
        }
    }
    let _ = read_manifest(bytes);
}

/// Recordings: samples are what samples can be.
pub fn audio(bytes: &[u8]) {
    let Ok(audio) = Audio::decode(bytes.to_vec()) else { return };
    assert!(audio.samples.iter().all(|s| s.is_finite()));
    if let Ok(heard) = trim_silence(&audio.samples) {
        let _ = log_mel(&heard[..heard.len().min(16_000)]);
    }
}

/// POV files: both readers agree, and what is read is written again alike.
pub fn pov(bytes: &[u8]) {
    let whole = Dataset::from_bytes(bytes);
    if let Ok(dataset) = &whole {
        assert_eq!(dataset.to_bytes().unwrap(), bytes);
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let streamed = PovFile::open(file.path()).and_then(|file| file.verify().map(|()| file));
    if let Ok(dataset) = whole {
        let streamed = streamed.unwrap();
        assert_eq!((streamed.manifest(), streamed.tokens()), (dataset.manifest(), dataset.tokens()));
    }
}
