//! Gathering evidence from a ledger and a store.

use std::collections::BTreeSet;

use lazai_core::record::TrainingRecord;
use lazai_core::{Digest, SessionId, SubmissionId, TypedData};
use lazai_settle::dispute::{Dispute, Subject};
use lazai_settle::governance::Measure;
use lazai_settle::ledger::{Ledger, LedgerError};
use lazai_settle::market::{Event, Genesis, Submission, Transaction};
use lazai_settle::merkle::Inclusion;
use lazai_settle::notice::{Action, Cursor, Entry};
use lazai_settle::quorum::{ValidatorSet, validator_change_digest, validator_set_digest};
use lazai_zk::Statement;
use lazai_zk::proof::MAX_PROOF_BYTES;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::words::{Words, WordsError};
use crate::consumer::Conversation;
use crate::conversation::ReceivedSpeech;
use crate::enclave::HeldQuote;
use crate::node::{SignedReceipt, SignedVoucher};
use crate::speech::{SignedSpeechReceipt, SignedSpeechTerms};
use crate::store::{MAX_STATEMENT_BYTES, Store, StoreError};

/// Largest evidence that [`Evidence::from_json`] reads: 4 MiB.
pub const MAX_EVIDENCE_BYTES: usize = 4 << 20;

/// Why evidence could not be gathered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A part is missing, or not readable.
    #[error("{what} is missing")]
    Missing {
        /// The missing part.
        what: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The words are not those of the last receipt.
    #[error(transparent)]
    Words(#[from] WordsError),
}

/// An entry of the ledger, with its proof of inclusion in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncludedEntry {
    /// The entry.
    pub entry: Entry,
    /// Its path to the checkpoint's root.
    pub inclusion: Inclusion,
}

/// The receipt of a text that was spoken, and the terms that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    /// The receipt.
    pub receipt: SignedSpeechReceipt,
    /// The terms.
    pub terms: SignedSpeechTerms,
}

/// All evidence for the last reply of a conversation. It holds the words only if somebody [adds](Evidence::with_words)
/// them: without them, nobody can test guesses against the receipts' salted digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The ledger's genesis.
    pub genesis: Genesis,
    /// The receipts of the session, up to the reply.
    pub receipts: Vec<SignedReceipt>,
    /// The receipts of what was spoken between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spoken: Vec<Spoken>,
    /// The voucher that promises to pay for it.
    pub voucher: Option<SignedVoucher>,
    /// The adapter's training record.
    pub record: TrainingRecord,
    /// The statement that the proof is of.
    pub statement: Statement,
    /// The proof, as hex.
    #[serde(with = "hex")]
    pub proof: Vec<u8>,
    /// The ledger's entries on all this.
    pub entries: Vec<IncludedEntry>,
    /// The quotes under which replies were asked for, where the consumer asked for an attested enclave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<HeldQuote>,
    /// The words of the last reply, if they are disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
}

impl Spoken {
    fn of(kept: &ReceivedSpeech) -> Self {
        Self { receipt: kept.receipt.clone(), terms: kept.terms.clone() }
    }
}

impl Evidence {
    /// Reads evidence from JSON. Words in it match its last receipt; [`verify`] checks the receipt's signature.
    ///
    /// [`verify`]: super::verify
    ///
    /// # Errors
    /// [`CollectError::Missing`] for anything else, and beyond [`MAX_EVIDENCE_BYTES`]; [`CollectError::Words`].
    pub fn from_json(json: &[u8]) -> Result<Self, CollectError> {
        let missing = CollectError::Missing { what: "readable evidence" };
        if json.len() > MAX_EVIDENCE_BYTES {
            return Err(missing);
        }
        let evidence: Self = serde_json::from_slice(json).map_err(|_| missing)?;
        evidence.check_words()?;
        Ok(evidence)
    }

    /// Adds the whole conversation up to its last reply: everybody with this evidence can read it.
    ///
    /// # Errors
    /// [`CollectError::Missing`] if the conversation does not hold the words, [`CollectError::Words`] if they are of
    /// another reply.
    pub fn with_words(self, conversation: &Conversation) -> Result<Self, CollectError> {
        let words = Words::of(conversation).ok_or(CollectError::Missing { what: "the words of the last reply" })?;
        let evidence = Self { words: Some(words), ..self };
        evidence.check_words()?;
        Ok(evidence)
    }

    pub(super) fn check_words(&self) -> Result<(), WordsError> {
        let Some(words) = &self.words else { return Ok(()) };
        words.check(&self.receipts.last().ok_or(WordsError::NoReceipt)?.receipt)
    }

    pub(super) fn transactions(&self) -> impl Iterator<Item = (&Entry, &Transaction)> {
        self.entries.iter().filter_map(|e| Some((&e.entry, e.entry.transaction()?)))
    }

    /// The validators when something was submitted, and the digest of all changes in the evidence. A digest that equals the
    /// caller's shows that no change is left out: a missing one would let a dismissed validator attest.
    pub(super) fn validators_at(&self, submitted: &Entry) -> (ValidatorSet, Digest) {
        // On a chain, the log has the first validators, too.
        let none = self.genesis.is_on_chain();
        let mut set = if none { ValidatorSet::new() } else { self.genesis.validators.clone() };
        let (mut history, mut then) = (validator_set_digest(&set), ValidatorSet::new());
        for IncludedEntry { entry, .. } in &self.entries {
            if entry.index == submitted.index {
                then.clone_from(&set);
            }
            for event in &entry.events {
                let Event::ValidatorSet { validator, weight } = event else { continue };
                history = validator_change_digest(history, *validator, *weight);
                match weight {
                    0 => set.remove(validator),
                    weight => set.insert(*validator, *weight),
                };
            }
        }
        (then, history)
    }

    pub(super) fn submission(&self, id: SubmissionId) -> Option<(&Entry, &Submission)> {
        self.transactions().find_map(|(entry, transaction)| match transaction {
            Transaction::Submit(submission) if submission_of(entry) == Some(id) => Some((entry, submission)),
            _ => None,
        })
    }
}

pub(super) fn submission_of(entry: &Entry) -> Option<SubmissionId> {
    entry.events.iter().find_map(|event| match event {
        Event::Submitted { submission, .. } => Some(*submission),
        _ => None,
    })
}

pub(super) fn opened_session(entry: &Entry) -> Option<SessionId> {
    entry.events.iter().find_map(|event| match event {
        Event::SessionOpened { session, .. } => Some(*session),
        _ => None,
    })
}

/// Gathers the evidence for the last reply of a conversation from a ledger and a store.
///
/// # Errors
/// [`CollectError`].
pub async fn collect(
    ledger: &dyn Ledger,
    genesis: &Genesis,
    store: &dyn Store,
    record: &TrainingRecord,
    conversation: &Conversation,
) -> Result<Evidence, CollectError> {
    let submission = record.submission;
    let receipts = conversation.receipts.iter().map(|reply| reply.receipt.receipt.hash_struct());
    let of_training = |(id, dispute): (Digest, &Dispute)| match &dispute.subject {
        Subject::Training(doubt) if doubt.submission == submission => Some(id),
        _ => None,
    };
    let doubts: BTreeSet<Digest> = receipts.chain(ledger.market().disputes().filter_map(of_training)).collect();
    let mut entries = Vec::new();
    let size = ledger.checkpoint().size;
    for notice in ledger.notices(&Cursor::new()).await? {
        let (_, Some(new)) = notice.parts() else { continue };
        let counts = |entry: &Entry| entry.index < size && belongs(entry, submission, conversation.session, &doubts);
        for entry in new.entries.into_iter().filter(counts) {
            let found = ledger.entry(entry.index).await?;
            let (entry, inclusion) = found.ok_or(CollectError::Missing { what: "ledger entry" })?;
            entries.push(IncludedEntry { entry, inclusion });
        }
    }
    let market = ledger.market();
    let submitted = market.submission(submission).ok_or(CollectError::Missing { what: "submission" })?;
    let statement = store.get(submitted.submission.statement, MAX_STATEMENT_BYTES).await?;
    let statement = Statement::from_bytes(&statement).map_err(|_| CollectError::Missing { what: "statement" })?;
    let last = conversation.receipts.last().map_or(0, |reply| reply.receipt.receipt.turn);
    Ok(Evidence {
        genesis: genesis.clone(),
        receipts: conversation.receipts.iter().map(|received| received.receipt.clone()).collect(),
        // Up to the reply: what came after it may not be paid yet.
        spoken: conversation.spoken.iter().filter(|kept| kept.receipt.receipt.turn < last).map(Spoken::of).collect(),
        voucher: conversation.paid,
        record: record.clone(),
        statement,
        proof: store.get(submitted.submission.proof, MAX_PROOF_BYTES as u64).await?,
        entries,
        quotes: conversation.quotes.clone(),
        words: None,
    })
}

/// Tells whether an entry belongs to the story of a submission, a session, and disputes about them.
fn belongs(entry: &Entry, submission: SubmissionId, session: SessionId, doubts: &BTreeSet<Digest>) -> bool {
    // Validator sets, past and present.
    if entry.events.iter().any(|event| matches!(event, Event::ValidatorSet { .. })) {
        return true;
    }
    let transaction = match &entry.action {
        Action::Transaction(transaction) => transaction,
        // Revenue splits, past and present.
        Action::Enacted(measure) => return matches!(measure, Measure::ApplyParameters(_)),
        _ => return false,
    };
    match transaction {
        Transaction::Submit(_) => submission_of(entry) == Some(submission),
        Transaction::Attest(verdicts) => verdicts.iter().any(|v| v.attestation.submission == submission),
        Transaction::Mint { metadata, .. } => metadata.submission == submission,
        Transaction::OpenSession { .. } => opened_session(entry) == Some(session),
        Transaction::Redeem { voucher, .. } => voucher.session == session,
        Transaction::OpenDispute { receipt, .. } => receipt.session == session,
        Transaction::DisputeTraining { submission: of, .. } => *of == submission,
        Transaction::VoteOnDispute { dispute, .. } | Transaction::LapseDispute { dispute } => doubts.contains(dispute),
        Transaction::Execute { .. } => true,
        _ => false,
    }
}
