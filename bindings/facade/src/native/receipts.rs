//! Receipts that are kept: of a proxy's folder, and of conversations.

use std::path::{Path, PathBuf};

use lazai::consumer::Conversation;
pub use lazai::conversation::KeptReceipt;
use lazai::core::Domain;
use lazai::recheck::ReplyEvidence;
use lazai::settle::Genesis;
use lazai::settle::ledger::evm::Deployment;
use serde_json::Value;

use super::data::read_file;
use crate::LazaiError;

/// The domain of a market's signatures: in a folder, or on a chain by the file of its contracts. Nothing is asked.
///
/// # Errors
/// `file`, `json.malformed`.
pub fn domain_of(folder: Option<&Path>, deployment: Option<&Path>) -> Result<Option<Domain>, LazaiError> {
    let read = |path: PathBuf| read_file(&path.display().to_string());
    Ok(match (folder, deployment) {
        (Some(folder), _) => Some(serde_json::from_slice::<Genesis>(&read(folder.join("genesis.json"))?)?.domain),
        (None, Some(file)) => Some(serde_json::from_slice::<Deployment>(&read(file.to_owned())?)?.domain()),
        (None, None) => None,
    })
}

/// The receipts of a conversation's file, or of all conversations in a proxy's folder, each checked again by the domain.
///
/// # Errors
/// `file`, `json.malformed` with the file's name.
pub fn kept_receipts(path: &Path, domain: Option<&Domain>) -> Result<Vec<KeptReceipt>, LazaiError> {
    let mut receipts = Vec::new();
    for file in files(path)? {
        receipts.extend(conversation(&file)?.iter().flat_map(|conversation| conversation.kept_receipts(domain)));
    }
    Ok(receipts)
}

/// Writes evidence of the last reply of a conversation's file, or of all conversations in a proxy's folder, into a folder, in files for
/// their owner alone. Gives those files; conversations whose node signed no trail have none.
///
/// # Errors
/// `file`, `json.malformed`.
pub fn keep_evidence(path: &Path, domain: &Domain, folder: &Path) -> Result<Vec<PathBuf>, LazaiError> {
    let mut kept = Vec::new();
    for file in files(path)? {
        let Some(conversation) = conversation(&file)? else { continue };
        kept.extend(ReplyEvidence::keep(&conversation, domain, folder)?);
    }
    Ok(kept)
}

/// The conversation in a file; `None` for a chat whose session is being opened.
fn conversation(file: &Path) -> Result<Option<Conversation>, LazaiError> {
    let bytes = read_file(&file.display().to_string())?;
    let wrong = |e: serde_json::Error| LazaiError::new("json.malformed", format!("{}: {e}", file.display()));
    let mut value: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    if value.get("opening").is_some() {
        return Ok(None);
    }
    // A proxy keeps more beside it.
    if let Some(inner) = value.get_mut("conversation") {
        value = inner.take();
    }
    Ok(Some(serde_json::from_value(value).map_err(wrong)?))
}

/// The files of conversations at a path.
fn files(path: &Path) -> Result<Vec<PathBuf>, LazaiError> {
    let folder = path.join("conversations");
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |e: std::io::Error| LazaiError::new("file", format!("{}: {e}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
