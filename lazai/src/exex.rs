//! The execution node: follows the ledger, decrypts the datasets accepted for it, fine-tunes, mints.

mod jobs;
mod keeping;
mod quality;
mod refusal;
mod training;
#[cfg(feature = "voice")]
mod voice;

use std::path::PathBuf;
use std::sync::Arc;

use lazai_core::dat::{AccessPolicy, BaseInfo, VersionMetadata, VoiceInfo};
use lazai_core::oms::OmsError;
use lazai_core::pov::{Dataset, PublicPart};
use lazai_core::record::{RecordClaim, TrainingRecord};
use lazai_core::seal::{AtRest, UnsealingKey};
use lazai_core::{ClassId, SignerError, SubmissionId, VersionNumber};
use lazai_lora::TrainError;
use lazai_lora::Trainer;
use lazai_lora::train::Checkpoints;
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{Event, Submission, SubmissionStatus, Transaction};
use lazai_zk::Statement;
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::creator::ExExContact;
use crate::store::{MAX_CIPHERTEXT_BYTES, MAX_STATEMENT_BYTES, Store, StoreError};

use jobs::Jobs;
pub use jobs::{Job, JobState};
pub use quality::Parts;
pub use refusal::RefusalReason;
use refusal::check;
pub use training::{Trained, Training, examples};

/// Why a submission was not turned into a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExExError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The submission's acceptance does not have enough confirmations to mint.
    #[error("submission {submission} is not accepted deep enough in the ledger to be minted")]
    NotConfirmed {
        /// The submission.
        submission: SubmissionId,
    },
    /// The ledger took back the submission's acceptance. The trained state is kept: if the acceptance comes back, training
    /// goes on.
    #[error("the ledger took back that submission {submission} is accepted")]
    TakenBack {
        /// The submission.
        submission: SubmissionId,
    },
    /// Training failed, or was cancelled.
    #[error(transparent)]
    Training(#[from] TrainError),
    /// The data differs from the submission: refuse it.
    #[error(transparent)]
    Refused(#[from] RefusalReason),
    /// The files of the adapter or the voice could not be signed.
    #[error(transparent)]
    Files(#[from] OmsError),
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The voice could not be trained, or its training was cancelled.
    #[error("voice: {reason}")]
    Voice {
        /// The reason.
        reason: String,
        /// True if it was cancelled: it goes on from there.
        cancelled: bool,
    },
    /// No such submission.
    #[error("no submission {submission}")]
    UnknownSubmission {
        /// The submission.
        submission: SubmissionId,
    },
}

/// The version minted from an accepted submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The training record.
    pub record: TrainingRecord,
}

/// The part of a minted version that training does not give: the base model's public name and licence, the access policy
/// and the endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintTerms {
    /// Public name of the base model.
    pub base_name: String,
    /// SPDX identifier of its licence.
    pub base_licence: String,
    /// The access policy of the character.
    pub policy: AccessPolicy,
    /// The URLs that will serve it.
    pub endpoints: Vec<String>,
}

/// The software name in the records.
pub const SOFTWARE: &str = concat!("lazai ", env!("CARGO_PKG_VERSION"));

/// An execution node.
///
/// A submission goes through three states, and each is a type: opened it is a [`Training`], then it is [`Trained`], then
/// [`Minted`].
///
/// # Example
/// ```no_run
/// # use std::sync::Arc;
/// # use lazai::exex::{ExEx, ExExError, MintTerms};
/// # use lazai::lora::Trainer;
/// # async fn turn(exex: ExEx, trainer: Arc<dyn Trainer>, terms: MintTerms) -> Result<(), ExExError> {
/// for submission in exex.follow().await? {
///     let training = exex.open(submission, trainer.clone()).await?;
///     let trained = training.run(|progress| { println!("step {}", progress.step); true })?; // blocks: hours, maybe
///     let minted = exex.mint(&trained, terms.clone()).await?;
///     println!("class {}, version {}", minted.class, minted.version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ExEx {
    account: Account,
    key: Arc<UnsealingKey>,
    store: Arc<dyn Store>,
    folder: PathBuf,
    at_rest: AtRest,
}

impl ExEx {
    /// An execution node that keeps its cursor, checkpoints and adapters in a folder: what it learnt is encrypted for its key, unless it
    /// is told to [keep it in clear](Self::keep_in_clear).
    pub fn new(account: Account, key: UnsealingKey, store: Arc<dyn Store>, folder: impl Into<PathBuf>) -> Self {
        let key = Arc::new(key);
        Self { account, at_rest: AtRest::Sealed(key.clone()), key, store, folder: folder.into() }
    }

    /// The contact for creators: the node's address and the key that data keys are sealed to.
    #[must_use]
    pub fn contact(&self) -> ExExContact {
        ExExContact { address: self.account.address(), sealing_key: self.key.public() }
    }

    /// Follows the ledger from its last position, first undoing what the ledger took back. Returns the submissions accepted
    /// for this node that wait for a model. Its position and jobs outlive the process.
    ///
    /// # Errors
    /// [`ExExError`].
    pub async fn follow(&self) -> Result<Vec<SubmissionId>, ExExError> {
        let path = self.folder.join("jobs.json");
        let mut jobs = Jobs::read(&path)?;
        let (ledger, own) = (self.account.ledger(), self.account.address());
        let id = ledger.market().ledger();
        for notice in ledger.notices(jobs.cursor()).await? {
            jobs.take(notice, id, own);
        }
        let head = ledger.head();
        let status = |submission: SubmissionId| head.submission(submission).map(|s| s.status.clone());
        jobs.settle(status);
        jobs.write(&path)?;
        Ok(jobs.waiting())
    }

    /// Every job of this node, by its place on the ledger, including those that the ledger took back.
    ///
    /// # Errors
    /// [`ExExError::File`].
    pub fn jobs(&self) -> Result<Vec<Job>, ExExError> {
        Ok(Jobs::read(&self.folder.join("jobs.json"))?.all())
    }

    /// Tells whether a submission is not accepted any more at the ledger's last entry.
    fn is_taken_back(&self, id: SubmissionId) -> bool {
        let head = self.account.ledger().head();
        let status = head.submission(id).map(|s| &s.status);
        matches!(status, None | Some(SubmissionStatus::Pending | SubmissionStatus::Rejected))
    }

    /// Decrypts a submission, checks it against what was proved and signed, and prepares it for training.
    ///
    /// # Errors
    /// [`ExExError::Refused`] with the reason to give to [`ExEx::refuse`].
    pub async fn open(&self, id: SubmissionId, trainer: Arc<dyn Trainer>) -> Result<Training, ExExError> {
        let submission = self.submission(id)?;
        let ciphertext = self.store.get(submission.ciphertext, MAX_CIPHERTEXT_BYTES).await?;
        let key = self.key.open(&submission.sealed_key, id.as_bytes()).map_err(RefusalReason::from)?;
        let plaintext = key.decrypt(&ciphertext, id.as_bytes()).map_err(RefusalReason::from)?;
        let dataset = Dataset::from_bytes(&plaintext).map_err(RefusalReason::from)?;
        let statement = self.store.get(submission.statement, MAX_STATEMENT_BYTES).await?;
        let statement = Statement::from_bytes(&statement).map_err(RefusalReason::from)?;
        check(&dataset, &submission, &statement, trainer.about().tokenizer_digest)?;
        Ok(Training::new(self.clone(), id, (dataset, submission.root), trainer))
    }

    fn submission(&self, id: SubmissionId) -> Result<Submission, ExExError> {
        // Training may begin before the ledger confirms the acceptance; minting may not.
        let market = self.account.ledger().head();
        let state = market.submission(id).ok_or(ExExError::UnknownSubmission { submission: id })?;
        Ok(Submission::clone(&state.submission))
    }

    /// Puts the reason for not training on the ledger.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn refuse(&self, submission: SubmissionId, reason: &RefusalReason) -> Result<(), SendError> {
        let transaction = Transaction::Refuse { submission, reason: reason.to_string() };
        self.account.send(&format!("refuse {submission}"), transaction).await.map(|_| ())
    }

    /// The folder of a submission's adapter, in PEFT's files. The weights are sealed unless they are kept in clear.
    #[must_use]
    pub fn adapter_folder(&self, submission: SubmissionId) -> PathBuf {
        self.folder.join("adapters").join(short(submission))
    }

    /// The folder of a submission's voice: the adapter in PEFT's files, or pitch and pace.
    #[must_use]
    pub fn voice_folder(&self, submission: SubmissionId) -> PathBuf {
        self.folder.join("voices").join(short(submission))
    }

    /// The folder of a submission's checkpoints: all are kept, so that any part of the run can be repeated.
    #[must_use]
    pub fn checkpoints(&self, submission: SubmissionId) -> Checkpoints {
        let folder = self.folder.join("checkpoints").join(short(submission));
        Checkpoints::all(folder).at_rest(self.at_rest.clone())
    }

    /// Checks that the acceptance is confirmed: nothing is minted that the ledger could still take back.
    fn check_confirmed(&self, id: SubmissionId) -> Result<(), ExExError> {
        let market = self.account.ledger().market();
        match market.submission(id).map(|s| &s.status) {
            None | Some(SubmissionStatus::Pending) => Err(ExExError::NotConfirmed { submission: id }),
            // The market judges all other states.
            Some(_) => Ok(()),
        }
    }

    /// Signs the files, writes and signs the training record, and mints the model.
    ///
    /// # Errors
    /// [`ExExError`].
    pub async fn mint(&self, trained: &Trained, terms: MintTerms) -> Result<Minted, ExExError> {
        let Trained { submission: id, about, lora, config, files, quality, voice, kept } = trained;
        let id = *id;
        let submission = self.submission(id)?;
        self.check_confirmed(id)?;
        self.sign_files(id).await?;
        let public = PublicPart::from_bytes(submission.public_part.as_bytes()).map_err(RefusalReason::from)?;
        let record = TrainingRecord {
            ledger: self.account.ledger().market().ledger(),
            submission: id,
            dataset_root: submission.root,
            contributors: submission.shares.iter().map(|s| (s.contributor, s.tokens)).collect(),
            base_digest: about.base_digest,
            tokenizer_digest: about.tokenizer_digest,
            lora: lora.clone(),
            train: config.clone(),
            steps: u32::try_from(files.loss_micronats.len()).unwrap_or(u32::MAX),
            tokens: files.tokens,
            loss_micronats: files.loss_micronats.clone(),
            adapter_digest: files.adapter_digest,
            states: files.states.clone(),
            evaluations: files.evaluations.clone(),
            quality: *quality,
            prompt: public.prompt.as_ref().map(|prompt| prompt.recipe.clone()).unwrap_or_default(),
            voice: voice.clone(),
            device: about.device.clone(),
            machine: about.machine.clone(),
            software: SOFTWARE.into(),
            readers: vec![self.account.address()],
            kept: Some(*kept),
        };
        let record_digest = record.digest().expect("a record holds integers and hex only");
        let bytes = serde_json::to_vec(&record).expect("what has a canonical form can be written");
        self.store.put(&bytes).await?;
        let claim = RecordClaim { submission: id, record: record_digest };
        let record_signature = self.account.sign(&claim).await?;
        let metadata = VersionMetadata {
            character: public.character.name,
            base: BaseInfo { name: terms.base_name, digest: about.base_digest, licence: terms.base_licence },
            adapter_digest: record.adapter_digest,
            voice: record
                .voice
                .as_ref()
                .map(|voice| VoiceInfo { base_digest: voice.base_digest, adapter_digest: voice.adapter_digest }),
            quality: record.quality,
            record_digest,
            submission: id,
            exex: self.account.address(),
            policy: terms.policy,
            endpoints: terms.endpoints,
        };
        let transaction = Transaction::Mint { metadata, record_signature };
        let entry = self.account.send(&format!("mint {id}"), transaction).await?;
        let minted = entry.events.iter().find_map(|event| match event {
            Event::VersionMinted { class, version, .. } => Some((*class, *version)),
            _ => None,
        });
        let (class, version) = minted.ok_or(ExExError::UnknownSubmission { submission: id })?;
        Ok(Minted { class, version, record })
    }
}

/// A folder name for a submission.
fn short(id: SubmissionId) -> String {
    id.to_string().chars().skip(2).take(16).collect()
}

impl std::fmt::Debug for ExEx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExEx {{ account: {:?}, folder: {} }}", self.account, self.folder.display())
    }
}
