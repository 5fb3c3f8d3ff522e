//! Receipts that are kept: of a proxy's folder, and of conversations.

use std::path::{Path, PathBuf};

use lazai::consumer::Conversation;
use lazai::conversation::KeptTurn;
use lazai::core::{Amount, Domain};
use lazai::settle::Genesis;
use lazai::settle::ledger::evm::Deployment;
use lazai::wire::talk::model_id;
use serde_json::Value;

use super::data::read_file;
use crate::{BaseUnits, LazaiError};

/// A receipt that is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptReceipt {
    /// When it was received, in seconds since 1970, by the consumer's clock; none in older files.
    pub received_at_s: Option<u64>,
    /// The character's model: `dat:CLASS:VERSION`.
    pub model: String,
    /// The session.
    pub session: String,
    /// The turn's number in it, from 1.
    pub turn: u32,
    /// The node's address.
    pub node: String,
    /// Tokens of the conversation before the reply.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Characters that were spoken; none of a reply in words.
    pub characters: u64,
    /// The turn's price, in base units.
    pub price: BaseUnits,
    /// True if a voucher promises it.
    pub promised: bool,
    /// `checked` if its signature, its sum and its place in the session hold; `claimed` if no market was at hand to check them by; `wrong` if they do not hold.
    pub trust: String,
    /// What does not hold.
    pub wrong: Option<String>,
}

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
        let bytes = read_file(&file.display().to_string())?;
        let wrong = |e: serde_json::Error| LazaiError::new("json.malformed", format!("{}: {e}", file.display()));
        let mut value: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
        // A chat whose session is being opened has none.
        if value.get("opening").is_some() {
            continue;
        }
        // A proxy keeps more beside it.
        if let Some(inner) = value.get_mut("conversation") {
            value = inner.take();
        }
        let conversation: Conversation = serde_json::from_value(value).map_err(wrong)?;
        receipts.extend(of(&conversation, domain)?);
    }
    Ok(receipts)
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

fn of(conversation: &Conversation, domain: Option<&Domain>) -> Result<Vec<KeptReceipt>, LazaiError> {
    let checked = domain.map(|domain| conversation.check_again(domain));
    let (offer, mut before) = (&conversation.offer.offer, Amount::ZERO);
    let promised = conversation.paid.map_or(Amount::ZERO, |paid| paid.voucher.cumulative);
    let mut receipts = Vec::new();
    for (index, kept) in conversation.turns().into_iter().enumerate() {
        let (prompt_tokens, completion_tokens, characters) = match kept {
            KeptTurn::Reply(reply) => (reply.receipt.receipt.prompt_tokens, reply.receipt.receipt.completion_tokens, 0),
            KeptTurn::Speech(speech) => (0, 0, speech.receipt.receipt.characters),
        };
        let cumulative = kept.cumulative();
        let found = checked.as_ref().and_then(|checked| checked.get(index));
        let (trust, wrong) = match found {
            None => ("claimed", None),
            Some(Ok(())) => ("checked", None),
            Some(Err(error)) => ("wrong", Some(error.to_string())),
        };
        receipts.push(KeptReceipt {
            received_at_s: kept.received_at_s(),
            model: model_id(offer.class, offer.version),
            session: conversation.session.to_string(),
            turn: kept.turn(),
            node: offer.node.to_string(),
            prompt_tokens,
            completion_tokens,
            characters,
            // A sum that shrinks is wrong, and has no price.
            price: cumulative.checked_sub(before).unwrap_or(Amount::ZERO).to_string(),
            promised: promised >= cumulative,
            trust: trust.into(),
            wrong,
        });
        before = cumulative;
    }
    Ok(receipts)
}
