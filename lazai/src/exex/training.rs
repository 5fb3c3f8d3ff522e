//! An opened submission, while it is trained on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lazai_core::pov::Dataset;
use lazai_core::record::{Kept, LoraConfig, Quality, TrainConfig, TrainingRecord, VoiceRecord};
use lazai_core::{Digest, SubmissionId};
use lazai_lora::evaluate::Example;
use lazai_lora::train::{Replay, TOLERANCE_PPM, TrainProgress};
use lazai_lora::train::{ReplayJob, TrainJob, TrainedFiles};
use lazai_lora::{About, Trainer};

use super::{ExEx, ExExError, Parts, SOFTWARE};

/// The interval at which training reads the ledger.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A decrypted and checked dataset, with its training configuration: the library's, unless another one is set.
pub struct Training {
    pub(super) exex: ExEx,
    pub(super) submission: SubmissionId,
    pub(super) dataset: Dataset,
    root: Digest,
    trainer: Arc<dyn Trainer>,
    lora: LoraConfig,
    config: TrainConfig,
}

/// A training result, as it is minted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trained {
    /// The submission.
    pub submission: SubmissionId,
    /// Base model, device and machine.
    pub about: About,
    /// Shape of the adapter.
    pub lora: LoraConfig,
    /// Hyper-parameters.
    pub config: TrainConfig,
    /// The adapter's digest, and the measurements of the run.
    pub files: TrainedFiles,
    /// The losses on records that were held out; `None` if none were.
    pub quality: Option<Quality>,
    /// The voice, if one was trained.
    pub voice: Option<VoiceRecord>,
    /// How the files were kept.
    pub kept: Kept,
}

impl Trained {
    /// Records a voice that was trained on the same dataset ([`Training::run_voice`]).
    #[must_use]
    pub fn with_voice(mut self, voice: Option<VoiceRecord>) -> Self {
        self.voice = voice;
        self
    }
}

impl Training {
    pub(super) fn new(
        exex: ExEx,
        submission: SubmissionId,
        (dataset, root): (Dataset, Digest),
        trainer: Arc<dyn Trainer>,
    ) -> Self {
        let (lora, config) = (LoraConfig::default(), TrainConfig::default());
        Self { exex, submission, dataset, root, trainer, lora, config }
    }

    /// Sets another shape of the adapter.
    #[must_use]
    pub fn with_lora(mut self, lora: LoraConfig) -> Self {
        self.lora = lora;
        self
    }

    /// Sets other hyper-parameters.
    #[must_use]
    pub fn with_config(mut self, config: TrainConfig) -> Self {
        self.config = config;
        self
    }

    /// The submission.
    #[must_use]
    pub fn submission(&self) -> SubmissionId {
        self.submission
    }

    /// The dataset, decrypted.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Fine-tunes, from a checkpoint if there is one, keeps the adapter, and measures it on the records that were held out
    /// ([`TrainConfig::held_out`]). Between steps it reads the ledger, and stops if the submission was taken back. `on_progress` cancels by
    /// `false`.
    ///
    /// It computes on the caller's thread, which may take hours: in an async program, give it a thread of its own.
    ///
    /// # Errors
    /// [`ExExError::Training`], [`ExExError::TakenBack`].
    pub fn run(&self, mut on_progress: impl FnMut(TrainProgress) -> bool) -> Result<Trained, ExExError> {
        let (exex, submission) = (&self.exex, self.submission);
        let parts = Parts::of(&self.dataset, self.root, self.config.held_out);
        let data = parts.data(&self.dataset);
        let job = TrainJob {
            lora: &self.lora,
            config: &self.config,
            data: &data,
            checkpoints: &exex.checkpoints(submission),
            adapter_folder: &exex.adapter_folder(submission),
        };
        let mut lookout = Lookout::new(exex, submission);
        let trained = self.trainer.train(&job, &mut |progress| lookout.is_accepted() && on_progress(progress));
        let trained = trained.map_err(ExExError::from).and_then(|files| {
            let kept = exex.kept(submission, files.adapter_digest)?;
            let steps = u32::try_from(files.loss_micronats.len()).unwrap_or(u32::MAX);
            let adapter = (job.adapter_folder, exex.at_rest());
            let goes_on = &mut || lookout.is_accepted();
            let quality = parts.measure(&*self.trainer, data.system, adapter, steps, goes_on)?;
            Ok((files, kept, quality))
        });
        lookout.end()?;
        let (files, kept, quality) = trained?;
        let (about, lora, config) = (self.trainer.about().clone(), self.lora.clone(), self.config.clone());
        Ok(Trained { submission, about, lora, config, files, quality, voice: None, kept })
    }

    /// Repeats steps of a recorded run on the dataset, from the checkpoints kept here or else from the start, and compares:
    /// bit for bit if the trainer is on the same kind of machine. It computes on the caller's thread.
    ///
    /// # Errors
    /// [`ExExError::Training`]: [`TrainError::ReplayDiffers`](lazai_lora::TrainError::ReplayDiffers) names the step at which the
    /// record is not true.
    pub fn replay(&self, record: &TrainingRecord, steps: std::ops::Range<u32>) -> Result<Replay, ExExError> {
        let parts = Parts::of(&self.dataset, self.root, record.train.held_out);
        let checkpoints = self.exex.checkpoints(record.submission);
        let job = ReplayJob {
            record,
            software: SOFTWARE,
            data: &parts.data(&self.dataset),
            checkpoints: checkpoints.has_last().then_some(&checkpoints),
            steps,
            tolerance_ppm: TOLERANCE_PPM,
        };
        Ok(self.trainer.replay(&job)?)
    }
}

/// Looks at the ledger from time to time: what was taken back is not trained on.
pub(super) struct Lookout<'e> {
    exex: &'e ExEx,
    submission: SubmissionId,
    looked: Instant,
    taken_back: bool,
}

impl<'e> Lookout<'e> {
    pub fn new(exex: &'e ExEx, submission: SubmissionId) -> Self {
        Self { exex, submission, looked: Instant::now(), taken_back: exex.is_taken_back(submission) }
    }

    /// Tells whether the submission is still accepted, as far as was seen.
    pub fn is_accepted(&mut self) -> bool {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            // A ledger that cannot be reached is no reason to stop.
            if let Err(error) = pollster::block_on(self.exex.account.ledger().refresh()) {
                tracing::warn!(%error, "training goes on without the ledger");
            }
            self.taken_back = self.exex.is_taken_back(self.submission);
        }
        !self.taken_back
    }

    pub fn end(self) -> Result<(), ExExError> {
        if self.taken_back { Err(ExExError::TakenBack { submission: self.submission }) } else { Ok(()) }
    }
}

/// The training examples of a dataset: its records.
#[must_use]
pub fn examples(dataset: &Dataset) -> Vec<Example> {
    dataset.records().iter().map(|r| Example { tokens: r.tokens.clone(), mask: r.loss_mask.clone() }).collect()
}

impl std::fmt::Debug for Training {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Training {{ submission: {}, trainer: {:?} }}", self.submission, self.trainer)
    }
}
