//! `create`: from files to a character that can be heard, and proved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_facade::native::ProgressListener;
use lazai_facade::native::data::{ContributorTerms, keep_file, prepare_dataset};
use lazai_facade::native::model::{BaseModel, TrainingSettings};
use lazai_facade::native::prove::{ProofFiles, prove_dataset};
use lazai_facade::native::roles::write_public_part;
use lazai_facade::native::signed::sign_model;
use lazai_facade::{Character, LazaiError, Message, ReplySettings, Role};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args;
use crate::local::Local;
use crate::trust::listener;
use crate::{Done, Output, data, read};

/// Tokens of a reply in the preview.
const PREVIEW_TOKENS: u32 = 48;
/// Asked in the preview, and published, where nothing else is said.
const QUESTION: &str = "Who are you?";
/// Marks the folder as one character's: another is not written into it.
const MARK: &str = "create.json";

/// The files and terms that a folder was made of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inputs {
    card: String,
    files: Vec<(String, u64)>,
    base: String,
    contributor: ContributorTerms,
    speakers: (Option<String>, Option<String>),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record_tokens: Option<u32>,
}

/// The folder of a character.
pub(crate) struct Place(pub PathBuf);

impl Place {
    pub fn of(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// The proof for a ledger and a submission's number; one that is there for just this is not made again.
    pub fn prove(
        &self,
        ledger: String,
        submitter: String,
        nonce: u64,
        listener: Option<Arc<dyn ProgressListener>>,
    ) -> Result<ProofFiles, LazaiError> {
        let folder = self.of("proof");
        let mark = Path::new(&folder).join("bound.json");
        let bound = (ledger.clone(), submitter.clone(), nonce);
        if let Ok(bytes) = std::fs::read(&mark) {
            let (found, files): ((String, String, u64), ProofFiles) = serde_json::from_slice(&bytes)?;
            if found == bound && Path::new(&files.proof).is_file() {
                return Ok(files);
            }
        }
        let (dataset, public) = (self.of("dataset.safetensors"), Some(self.of("public.json")));
        let files = prove_dataset(dataset, public, ledger, submitter, nonce, folder, listener)?;
        keep_file(&mark.to_string_lossy(), &serde_json::to_vec_pretty(&(bound, &files))?)?;
        Ok(files)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.join(name).is_file()
    }
}

pub(crate) fn create(verb: args::Create, out: &mut Output<'_>) -> Done {
    let place = Place(verb.out.clone());
    let [dataset_listener, training_listener, proving_listener] = [(); 3].map(|()| listener(out.json));

    let local = verb.local.as_deref().map(Local::open).transpose()?;
    let character = Character::from_bytes(read(&verb.card)?)
        .map_err(|error| LazaiError::new(error.code(), format!("{}: {}", verb.card.display(), error.detail())))?;
    let inputs = inputs(&verb, &character, local.as_ref())?;
    claim(&place, &inputs)?;
    // The dataset is packed behind the card.
    let card_text = character.to_v3_json();
    if place.has("card.json") && read(Path::new(&place.of("card.json")))? != card_text.as_bytes() {
        let told = format!("{}: the card has changed; name another folder with --out", place.of("card.json"));
        return Err(LazaiError::new("file", told));
    }
    let card = json!({"step": "card", "name": character.name(), "lorebookEntries": character.lorebook_entries()});
    keep_file(&place.of("card.json"), card_text.as_bytes())?;
    out.tell(&card, |_| format!("card: {}{}", character.name(), data::notes(&character.notes())))?;

    // Written whole or not at all: what is there is done.
    let facts = if place.has("dataset.safetensors") && place.has("dataset.json") {
        serde_json::from_slice(&read(Path::new(&place.of("dataset.json")))?)?
    } else {
        let (card, (character, user)) = (character.clone(), inputs.speakers.clone());
        let files = verb.files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let (base, dataset) = (inputs.base.clone(), place.of("dataset.safetensors"));
        let terms = inputs.contributor.clone();
        let most = verb.record_tokens;
        let facts = prepare_dataset(files, terms, base, dataset, dataset_listener, character, user, Some(card), most)?;
        keep_file(&place.of("dataset.json"), &serde_json::to_vec_pretty(&facts)?)?;
        facts
    };
    out.tell(&json!({"step": "dataset", "facts": facts}), |_| data::dataset("dataset", &facts))?;

    let questions = if verb.prompt.is_empty() { vec![QUESTION.to_owned()] } else { verb.prompt.clone() };
    let terms = vec![inputs.contributor.clone()];
    let voice = if facts.recordings > 0 { format!("recordings of {}", inputs.contributor.name) } else { String::new() };
    write_public_part(character.clone(), questions.clone(), terms, voice, place.of("public.json"), true)?;

    let base = BaseModel::open(inputs.base.clone())?;
    let settings = TrainingSettings { max_steps: verb.steps, ..TrainingSettings::default() };
    let trained = base.train(place.of("dataset.safetensors"), settings, place.of("adapter"), training_listener)?;
    let loss = |loss: Option<&f64>| loss.copied().unwrap_or_default();
    let (first, last) = (loss(trained.losses.first()), loss(trained.losses.last()));
    let steps = trained.losses.len();
    let learnt = json!({"step": "adapter", "folder": trained.folder, "digest": trained.digest, "steps": steps, "loss": [first, last]});
    out.tell(&learnt, |_| format!("adapter: {steps} steps, loss {first:.2} to {last:.2}, in {}", trained.folder))?;

    let (folder, key) = (trained.folder.clone(), place.of("model-key.pem"));
    let signed = match &local {
        Some(local) => block_on(local.market()?.sign_model(local.key("creator")?, folder, key))?,
        None => sign_model(folder, key)?,
    };
    out.tell(&json!({"step": "signature", "signed": signed}), |_| crate::signed::in_words(&signed))?;

    for question in &questions {
        let asked = character.prompt(vec![Message { role: Role::User, content: question.clone() }])?;
        let settings = ReplySettings { max_tokens: Some(PREVIEW_TOKENS), seed: Some(1), ..ReplySettings::default() };
        let before = base.generate(asked.clone(), None, settings.clone(), None)?;
        let after = base.generate(asked, Some(trained.folder.clone()), settings, None)?;
        let heard = json!({"step": "preview", "question": question, "base": before, "adapter": after});
        out.tell(&heard, |_| format!("{question}\n  base:    {before}\n  adapter: {after}"))?;
    }

    let bound = match (local, &verb.ledger, &verb.submitter) {
        (Some(local), ..) => Some((local.market()?.ledger_id(), local.key("creator")?.address())),
        (None, Some(ledger), Some(submitter)) => Some((ledger.clone(), submitter.clone())),
        _ => None,
    };
    match bound {
        Some((ledger, submitter)) => {
            let proof = place.prove(ledger, submitter, verb.nonce, proving_listener)?;
            let told = json!({"step": "proof", "files": proof});
            out.tell(&told, |_| format!("proof: {}, root {}", proof.proof, proof.root))?;
        }
        None => {
            let todo = json!({"step": "proof", "missing": ["ledger", "submitter"]});
            out.tell(&todo, |_| {
                "proof: none yet; a proof is bound to --ledger and --submitter, or to a market --local".into()
            })?;
        }
    }
    Ok(true)
}

fn inputs(verb: &args::Create, character: &Character, local: Option<&Local>) -> Result<Inputs, LazaiError> {
    let address = match (&verb.address, local) {
        (None, Some(local)) => local.key("creator")?.address(),
        // The parser lets no other through without an address.
        (address, _) => address.clone().unwrap_or_default(),
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let size = |path: &PathBuf| {
        let size = std::fs::metadata(path).map_err(|e| LazaiError::new("file", format!("{}: {e}", path.display())))?;
        Ok::<_, LazaiError>((text(path), size.len()))
    };
    Ok(Inputs {
        card: text(&verb.card),
        files: verb.files.iter().map(size).collect::<Result<_, _>>()?,
        base: text(&verb.base),
        contributor: verb.owner.clone().terms(address),
        // A log of several people is of the card's character, unless somebody else is named.
        speakers: (verb.speakers.character.clone().or(Some(character.name())), verb.speakers.user.clone()),
        record_tokens: verb.record_tokens,
    })
}

/// Marks a folder as this character's, and refuses one that is another's.
fn claim(place: &Place, inputs: &Inputs) -> Result<(), LazaiError> {
    let path = place.of(MARK);
    if let Ok(bytes) = std::fs::read(&path) {
        let found: Inputs = serde_json::from_slice(&bytes)?;
        if found != *inputs {
            let told = format!("{path}: the folder is of other files or other terms; name another with --out");
            return Err(LazaiError::new("file", told));
        }
        return Ok(());
    }
    keep_file(&path, &serde_json::to_vec_pretty(inputs)?)
}
