//! The execution layer: follows the ledger, decrypts what is accepted for it, fine-tunes, mints.

mod jobs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lazai_core::dat::{AccessPolicy, BaseModel as BaseInfo, VersionMetadata};
use lazai_core::pov::{Dataset, PovError, PublicPart};
use lazai_core::record::{LoraConfig, RecordClaim, TrainConfig, TrainingRecord};
use lazai_core::seal::{SealError, UnsealingKey};
use lazai_core::{ClassId, Digest, SignerError, SubmissionId, VersionNumber};
use lazai_lora::LoraError;
use lazai_lora::backend::{Backend, ReplayJob, TrainJob, TrainedFiles};
use lazai_lora::evaluate::Example;
use lazai_lora::train::{Checkpoints, Data, Progress, Replay, TOLERANCE_PPM};
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{Event, Submission, SubmissionStatus, Transaction};
use lazai_zk::source::voice;
use lazai_zk::{CommitError, Commitment, Statement, StatementError};
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::creator::ExExContact;
use crate::store::{MAX_CIPHERTEXT_BYTES, MAX_STATEMENT_BYTES, Store, StoreError};

use jobs::Jobs;
pub use jobs::{Job, JobState};

/// Why a submission was not turned into a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExExError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger does not show the submission as accepted as deep as it was told to wait for: not to be minted yet.
    #[error("submission {submission} is not accepted deep enough in the ledger to be minted")]
    NotConfirmed {
        /// The submission.
        submission: SubmissionId,
    },
    /// The ledger took back that the submission is accepted. What was trained is kept: should it come back, training
    /// goes on.
    #[error("the ledger took back that submission {submission} is accepted")]
    TakenBack {
        /// The submission.
        submission: SubmissionId,
    },
    /// Training failed, or was cancelled.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// The data is not what was submitted: to be refused.
    #[error(transparent)]
    Refused(#[from] RefusalReason),
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such submission.
    #[error("no submission {submission}")]
    UnknownSubmission {
        /// The submission.
        submission: SubmissionId,
    },
}

/// Why the ExEx refuses to train on what it decrypted. Goes on the ledger, signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The ciphertext does not open with the sealed key.
    #[error("ciphertext: {0}")]
    Ciphertext(#[from] SealError),
    /// A contributor's records have another root than she signed.
    #[error("contributor {index} signed root {signed}, her records have {found}")]
    ContributorRoot {
        /// Which contributor, from 0.
        index: usize,
        /// What she signed.
        signed: Digest,
        /// What her records give.
        found: Digest,
    },
    /// No proof can be of this dataset.
    #[error("dataset: {0}")]
    Commit(#[from] CommitError),
    /// What was submitted as a statement is none.
    #[error("statement: {0}")]
    Statement(#[from] StatementError),
    /// The recordings are not those that were declared.
    #[error("dataset has {found} voice frames or others than the {expected} that were declared")]
    Voice {
        /// Frames that were declared.
        expected: u64,
        /// Frames that there are.
        found: u64,
    },
    /// What was decrypted is no dataset.
    #[error("dataset: {0}")]
    Dataset(#[from] PovError),
    /// The dataset is for another tokenizer than the base model's.
    #[error("dataset is of tokenizer {found}, the base model has {expected}")]
    OtherTokenizer {
        /// The base model's.
        expected: Digest,
        /// The dataset's.
        found: Digest,
    },
    /// The dataset is not the one that was proved.
    #[error("dataset has root {found}, the submission has {expected}")]
    Root {
        /// What was submitted.
        expected: Digest,
        /// What the records give.
        found: Digest,
    },
}

/// What an accepted submission became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The training record.
    pub record: TrainingRecord,
}

/// What is known of the base model beside its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintTerms {
    /// Public name of the base model.
    pub base_name: String,
    /// SPDX identifier of its licence.
    pub base_licence: String,
    /// Who may use the character.
    pub policy: AccessPolicy,
    /// Where it will be served.
    pub endpoints: Vec<String>,
}

/// What records name as the software that made them.
pub const SOFTWARE: &str = concat!("lazai ", env!("CARGO_PKG_VERSION"));
/// How often training looks at the ledger.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// An execution node.
pub struct ExEx {
    account: Account,
    key: UnsealingKey,
    store: Arc<dyn Store>,
    folder: PathBuf,
}

impl ExEx {
    /// An execution node that keeps its cursor, checkpoints and adapters in a folder.
    pub fn new(account: Account, key: UnsealingKey, store: Arc<dyn Store>, folder: impl Into<PathBuf>) -> Self {
        Self { account, key, store, folder: folder.into() }
    }

    /// What creators seal to.
    #[must_use]
    pub fn contact(&self) -> ExExContact {
        ExExContact { address: self.account.address(), sealing_key: self.key.public() }
    }

    /// Follows the ledger from where it was, undoing first what the ledger took back, and gives the submissions
    /// accepted for this node that wait for a model. Where it was, and its jobs, outlive the process.
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

    /// Every job of this node, by where it came from; those that the ledger took back too.
    ///
    /// # Errors
    /// [`ExExError::File`].
    pub fn jobs(&self) -> Result<Vec<Job>, ExExError> {
        Ok(Jobs::read(&self.folder.join("jobs.json"))?.all())
    }

    /// Whether a submission was accepted once, and is not any more at the ledger's last entry.
    fn is_taken_back(&self, id: SubmissionId) -> bool {
        let head = self.account.ledger().head();
        let status = head.submission(id).map(|s| &s.status);
        matches!(status, None | Some(SubmissionStatus::Pending | SubmissionStatus::Rejected))
    }

    /// Decrypts a submission and checks that it is what was proved and signed.
    ///
    /// # Errors
    /// [`ExExError::Refused`] with the reason to give to [`ExEx::refuse`].
    pub async fn open(&self, id: SubmissionId, backend: &dyn Backend) -> Result<Dataset, ExExError> {
        let submission = self.submission(id)?;
        let ciphertext = self.store.get(submission.ciphertext, MAX_CIPHERTEXT_BYTES).await?;
        let key = self.key.open(&submission.sealed_key, id.as_bytes()).map_err(RefusalReason::from)?;
        let plaintext = key.decrypt(&ciphertext, id.as_bytes()).map_err(RefusalReason::from)?;
        let dataset = Dataset::from_bytes(&plaintext).map_err(RefusalReason::from)?;
        let statement = self.store.get(submission.statement, MAX_STATEMENT_BYTES).await?;
        let statement = Statement::from_bytes(&statement).map_err(RefusalReason::from)?;
        check(&dataset, &submission, &statement, backend.about().tokenizer_digest)?;
        Ok(dataset)
    }

    fn submission(&self, id: SubmissionId) -> Result<Submission, ExExError> {
        // Training may begin before the ledger counts on it; minting may not.
        let market = self.account.ledger().head();
        let state = market.submission(id).ok_or(ExExError::UnknownSubmission { submission: id })?;
        Ok(state.submission.clone())
    }

    /// Puts the reason for not training on the ledger.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn refuse(&self, submission: SubmissionId, reason: &RefusalReason) -> Result<(), SendError> {
        let transaction = Transaction::Refuse { submission, reason: reason.to_string() };
        self.account.send(&format!("refuse {submission}"), transaction).await.map(|_| ())
    }

    /// Where the adapter of a submission is kept, in PEFT's files.
    #[must_use]
    pub fn adapter_folder(&self, submission: SubmissionId) -> PathBuf {
        self.folder.join("adapters").join(short(submission))
    }

    /// Where the checkpoints of a submission are kept: all of them, so that any part of the run can be repeated.
    #[must_use]
    pub fn checkpoints(&self, submission: SubmissionId) -> Checkpoints {
        Checkpoints::all(self.folder.join("checkpoints").join(short(submission)))
    }

    /// Fine-tunes on a dataset, going on from a checkpoint if there is one, and keeps the adapter. Between steps it looks
    /// at the ledger, and stops if the submission was taken back.
    ///
    /// # Errors
    /// [`ExExError::Lora`], [`ExExError::TakenBack`].
    pub fn train(
        &self,
        id: SubmissionId,
        dataset: &Dataset,
        backend: &dyn Backend,
        lora: &LoraConfig,
        config: &TrainConfig,
        mut on_progress: impl FnMut(Progress) -> bool,
    ) -> Result<TrainedFiles, ExExError> {
        let examples = examples(dataset);
        let data = Data::new(dataset.manifest().tokenizer_digest, &examples);
        let checkpoints = self.checkpoints(id);
        let adapter_folder = self.adapter_folder(id);
        let job = TrainJob { lora, config, data: &data, checkpoints: &checkpoints, adapter_folder: &adapter_folder };
        let (mut looked, mut taken_back) = (Instant::now(), self.is_taken_back(id));
        let trained = backend.train(&job, &mut |progress| {
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                // A ledger that cannot be reached is no reason to stop.
                if let Err(error) = pollster::block_on(self.account.ledger().refresh()) {
                    tracing::warn!(%error, "training goes on without the ledger");
                }
                taken_back = self.is_taken_back(id);
            }
            !taken_back && on_progress(progress)
        });
        if taken_back {
            return Err(ExExError::TakenBack { submission: id });
        }
        Ok(trained?)
    }

    /// Repeats steps of a recorded run on the dataset that it names, from the checkpoints that were kept here or else from
    /// the start, and compares: bit for bit where the backend is on the same kind of machine.
    ///
    /// # Errors
    /// [`ExExError::Lora`]: [`LoraError::ReplayDiffers`] tells where the record is not true.
    pub fn replay(
        &self,
        dataset: &Dataset,
        backend: &dyn Backend,
        record: &TrainingRecord,
        steps: std::ops::Range<u32>,
    ) -> Result<Replay, ExExError> {
        let examples = examples(dataset);
        let data = Data::new(dataset.manifest().tokenizer_digest, &examples);
        let checkpoints = self.checkpoints(record.submission);
        let kept = checkpoints.path().is_file().then_some(&checkpoints);
        let job = ReplayJob {
            record,
            software: SOFTWARE,
            data: &data,
            checkpoints: kept,
            steps,
            tolerance_ppm: TOLERANCE_PPM,
        };
        Ok(backend.replay(&job)?)
    }

    /// Nothing is minted that the ledger could still take back.
    fn check_confirmed(&self, id: SubmissionId) -> Result<(), ExExError> {
        let market = self.account.ledger().market();
        match market.submission(id).map(|s| &s.status) {
            None | Some(SubmissionStatus::Pending) => Err(ExExError::NotConfirmed { submission: id }),
            // What else there is, the market judges.
            Some(_) => Ok(()),
        }
    }

    /// Writes and signs the training record, and mints the model.
    ///
    /// # Errors
    /// [`ExExError`].
    pub async fn mint(
        &self,
        id: SubmissionId,
        backend: &dyn Backend,
        lora: &LoraConfig,
        config: &TrainConfig,
        trained: &TrainedFiles,
        terms: MintTerms,
    ) -> Result<Minted, ExExError> {
        let submission = self.submission(id)?;
        self.check_confirmed(id)?;
        let about = backend.about();
        let record = TrainingRecord {
            ledger: self.account.ledger().market().ledger(),
            submission: id,
            dataset_root: submission.root,
            contributors: submission.shares.iter().map(|s| (s.contributor, s.tokens)).collect(),
            base_digest: about.base_digest,
            tokenizer_digest: about.tokenizer_digest,
            lora: lora.clone(),
            train: config.clone(),
            steps: u32::try_from(trained.loss_micronats.len()).unwrap_or(u32::MAX),
            tokens: trained.tokens,
            loss_micronats: trained.loss_micronats.clone(),
            adapter_digest: trained.adapter_digest,
            states: trained.states.clone(),
            evaluations: trained.evaluations.clone(),
            device: about.device.clone(),
            machine: about.machine.clone(),
            software: SOFTWARE.into(),
            readers: vec![self.account.address()],
        };
        let record_digest = record.digest().expect("a record holds integers and hex only");
        let bytes = serde_json::to_vec(&record).expect("what has a canonical form can be written");
        self.store.put(&bytes).await?;
        let claim = RecordClaim { submission: id, record: record_digest };
        let record_signature = self.account.sign(&claim).await?;
        let public = PublicPart::from_bytes(submission.public_part.as_bytes()).map_err(RefusalReason::from)?;
        let metadata = VersionMetadata {
            character: public.character.name,
            base: BaseInfo { name: terms.base_name, digest: about.base_digest, licence: terms.base_licence },
            adapter_digest: record.adapter_digest,
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

fn check(
    dataset: &Dataset,
    submission: &Submission,
    statement: &Statement,
    expected: Digest,
) -> Result<(), RefusalReason> {
    let commitment = Commitment::with_licences(dataset, &statement.declared.licences)?;
    let found = commitment.digest();
    if found != submission.root {
        return Err(RefusalReason::Root { expected: submission.root, found });
    }
    for (index, (share, own)) in submission.shares.iter().zip(commitment.shares()).enumerate() {
        if own.root != share.root {
            return Err(RefusalReason::ContributorRoot { index, signed: share.root, found: own.root });
        }
    }
    let (declared, spoken) = (statement.declared.voice, voice(dataset)?);
    if declared != spoken {
        return Err(RefusalReason::Voice { expected: declared.frames, found: spoken.frames });
    }
    let found = dataset.manifest().tokenizer_digest;
    if expected == found { Ok(()) } else { Err(RefusalReason::OtherTokenizer { expected, found }) }
}

/// What is learnt of a dataset: its records.
#[must_use]
pub fn examples(dataset: &Dataset) -> Vec<Example> {
    dataset.records().iter().map(|r| Example { tokens: r.tokens.clone(), mask: r.loss_mask.clone() }).collect()
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
