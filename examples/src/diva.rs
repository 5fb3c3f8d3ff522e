//! The Cyber Diva's files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lazai::core::Address;
use lazai::core::character::{CardPrompt, Character};
use lazai::core::dat::{AccessPolicy, Payment, Rating};
use lazai::core::dialogue::{Dialogue, Options, read_all};
use lazai::core::pov::{Contributor, PublicPart};
use lazai::core::voice::{Recording, read_folder};

/// Who wrote her lines.
pub const CONTRIBUTORS: [&str; 3] = ["mira", "tomas", "ines"];
/// What each of them consents to.
const CONSENT: &str = "I wrote these records myself and agree to training and to paid use of the model.";

/// Where her files are.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cyber-diva")
}

/// Somebody who wrote her lines, with the account that signs for them.
#[must_use]
pub fn contributor(name: &str, address: Address) -> Contributor {
    Contributor { address, name: name.into(), licence: "CC-BY-4.0".into(), consent: CONSENT.into() }
}

/// The character with everything that comes with her.
pub struct CyberDiva {
    /// Her card.
    pub character: Character,
    /// What she is trained on.
    pub dialogues: Vec<Dialogue>,
    /// What she is measured on.
    pub heldout: Vec<Dialogue>,
    /// Prompts that are published.
    pub prompts: Vec<String>,
    /// Recordings of her lines.
    pub recordings: Vec<Recording>,
    /// True if only a few of her dialogues are here.
    pub is_short: bool,
}

impl CyberDiva {
    /// Reads her folder; `short` keeps a few dialogues of each contributor only.
    ///
    /// # Errors
    /// What the file system or the parsers say.
    pub fn load(short: bool) -> anyhow::Result<Self> {
        let folder = folder();
        let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| name.to_owned());
        let dialogues_of = |name: &str| anyhow::Ok(read_all(&read(name)?, &Options::default())?.0);
        let mut dialogues = dialogues_of("data/dialogues.jsonl")?;
        let mut heldout = dialogues_of("data/heldout.jsonl")?;
        if short {
            dialogues = dialogues.into_iter().step_by(12).collect();
            heldout.truncate(2);
        }
        let (recordings, _) = read_folder(&folder.join("voice/voice.jsonl"))?;
        Ok(Self {
            character: Character::from_bytes(&read("card.json")?)?,
            dialogues,
            heldout,
            prompts: serde_json::from_slice(&read("prompts.json")?)?,
            recordings,
            is_short: short,
        })
    }

    /// Her contributors, with the accounts that sign for them.
    pub fn contributors(&self, address: impl Fn(&str) -> Address) -> Vec<Contributor> {
        CONTRIBUTORS.iter().map(|name| contributor(name, address(name))).collect()
    }

    /// What anyone may read of her.
    #[must_use]
    pub fn public_part(&self, contributors: Vec<Contributor>) -> PublicPart {
        let source = "synthetic: a mixture of styles of Kokoro-82M, no person's voice";
        PublicPart::new(self.character.profile(), self.prompts.clone(), contributors, source)
    }

    /// Her card, as it stands before every conversation.
    ///
    /// # Errors
    /// None for her.
    pub fn card(&self) -> anyhow::Result<CardPrompt> {
        Ok(CardPrompt::of_character(&self.character)?)
    }

    /// For whom she is.
    #[must_use]
    pub fn policy(&self) -> AccessPolicy {
        AccessPolicy {
            rating: Rating::Teen,
            minimum_age: 13,
            payment: Payment::GasOrQuota,
            consent: "no real person's words or voice; contributors signed for their records".into(),
            report_contact: "mailto:report@example.org".into(),
        }
    }
}
