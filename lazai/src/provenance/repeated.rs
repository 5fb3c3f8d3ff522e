//! Whether a reply was repeated: by the ledger's validators in a dispute, or by the reader.

use lazai_core::{Address, Digest, Domain, SubmissionId, TypedData};
use lazai_settle::SignedTransaction;
use lazai_settle::dispute::Outcome;
use lazai_settle::market::{Event, Transaction};
use lazai_settle::notice::{Entry, Origin};
use lazai_settle::session::Receipt;

use super::evidence::Evidence;
use super::{Link, ReplyProvenance, Trust, TrustAnchor};
use crate::memory::date;

/// The name of the link that a repeat is about.
pub(super) const LINK: &str = "adapter and base";

/// Why a report cannot be told of a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the repeat is of receipt {found}, the evidence of {expected}")]
pub struct OtherReceipt {
    /// The hash of the evidence's last receipt.
    pub expected: Digest,
    /// The hash of the one that was repeated.
    pub found: Digest,
}

/// What the ledger says of a dispute about a receipt.
pub(super) enum Disputed {
    /// Two thirds repeated it: by whom, when, how many of how many.
    Same(String),
    /// Nobody doubted it, or it is not decided yet, or cannot be.
    Undecided(Option<&'static str>),
}

/// Looks for disputes about the training of what is served, of which two thirds got another state.
///
/// # Errors
/// By whom, when, how many of how many; or the entries contradict each other.
pub(super) fn training(evidence: &Evidence, anchor: &TrustAnchor, of: SubmissionId) -> Result<Option<String>, String> {
    let mut repeated = None;
    for entry in evidence.entries.iter().map(|included| &included.entry) {
        for event in &entry.events {
            let Event::TrainingDisputed { dispute, submission, state, .. } = event else { continue };
            if *submission != of {
                continue;
            }
            let told = decided(evidence, anchor, entry, *dispute);
            if let Disputed::Same(by) = told.map_err(|told| format!("state {state}: {told}"))? {
                repeated = Some(format!("state {state} was repeated by {by}"));
            }
        }
    }
    Ok(repeated)
}

/// Looks for a dispute about a receipt among the ledger's entries.
///
/// # Errors
/// The reason why the reply does not hold: two thirds got another one, or the entries contradict each other.
pub(super) fn on_ledger(evidence: &Evidence, anchor: &TrustAnchor, receipt: &Receipt) -> Result<Disputed, String> {
    let id = receipt.hash_struct();
    let opens = |event: &Event| matches!(event, Event::DisputeOpened { dispute, .. } if *dispute == id);
    let opened = evidence.entries.iter().map(|included| &included.entry).find(|entry| entry.events.iter().any(opens));
    let Some(opened) = opened else { return Ok(Disputed::Undecided(None)) };
    decided(evidence, anchor, opened, id)
}

/// What became of a dispute that an entry opened.
fn decided(evidence: &Evidence, anchor: &TrustAnchor, opened: &Entry, id: Digest) -> Result<Disputed, String> {
    let events = evidence.entries.iter().flat_map(|included| &included.entry.events);
    let outcome = events.into_iter().find_map(|event| match event {
        Event::DisputeDecided { dispute, outcome, .. } if *dispute == id => Some(*outcome),
        _ => None,
    });
    let word = match outcome {
        Some(Outcome::Same) => true,
        Some(Outcome::Other) => false,
        Some(Outcome::Undecided) => return Ok(Disputed::Undecided(Some("disputed, and not decided"))),
        None => return Ok(Disputed::Undecided(Some("disputed, and not decided yet"))),
    };
    let (validators, history) = evidence.validators_at(opened);
    let trusted = anchor.validator_set;
    if history != trusted {
        return Err(format!("the history of validators is {history}, you trust {trusted}"));
    }
    let (mut by, mut weight, mut when_s) = (Vec::new(), 0_u64, opened.time_s);
    for (entry, transaction) in evidence.transactions() {
        let Transaction::VoteOnDispute { dispute, same } = transaction else { continue };
        let own = validators.get(&entry.sender).filter(|_| *dispute == id && *same == word);
        let Some(&own) = own else { continue };
        is_signed(entry, transaction, &evidence.genesis.domain)?;
        by.push(entry.sender);
        (weight, when_s) = (weight.saturating_add(own), entry.time_s);
    }
    let total = validators.values().fold(0_u64, |sum, weight| sum.saturating_add(*weight));
    let told = told(&by, weight, total, when_s);
    if word {
        Ok(Disputed::Same(told))
    } else {
        Err(format!("validators repeated it, and did not get the same: {told}"))
    }
}

/// On a chain, its contract knows who votes; elsewhere the vote is signed.
fn is_signed(entry: &Entry, transaction: &Transaction, domain: &Domain) -> Result<(), String> {
    let Origin::Signed { key, signature } = entry.origin else { return Ok(()) };
    let signed = SignedTransaction { key, sender: entry.sender, transaction: transaction.clone(), signature };
    signed.check(domain).map_err(|error| format!("vote of {}: {error}", entry.sender))
}

fn told(by: &[Address], weight: u64, total: u64, when_s: u64) -> String {
    let names: Vec<String> = by.iter().map(ToString::to_string).collect();
    format!("{} validators with {weight} of {total}, on {}: {}", by.len(), date(when_s), names.join(", "))
}

impl ReplyProvenance {
    /// Tells a report that its reader repeated the reply: `says` is the outcome in words, `holds` whether it is the same reply. The link stays as
    /// it is where it is broken already.
    ///
    /// # Errors
    /// [`OtherReceipt`] if another receipt was repeated than the evidence's last one.
    pub fn repeated_here(
        mut self,
        evidence: &Evidence,
        receipt: &Receipt,
        holds: bool,
        says: &str,
    ) -> Result<Self, OtherReceipt> {
        let found = receipt.hash_struct();
        let expected = evidence.receipts.last().map_or(Digest::ZERO, |last| last.receipt.hash_struct());
        if expected != found {
            return Err(OtherReceipt { expected, found });
        }
        let own = |link: &&mut Link| link.name == LINK && link.trust != Trust::Broken;
        if let Some(link) = self.links.iter_mut().find(own) {
            link.trust = if holds { Trust::Repeated } else { Trust::Broken };
            link.says = format!("{}; {says}, by you", link.says);
        }
        Ok(self)
    }
}
