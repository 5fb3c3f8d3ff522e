//! Files to dataset: reads, normalises, removes near duplicates, holds a part out, and packs.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::character::CardPrompt;
use lazai_core::dialogue::{Dialogue, Options};
use lazai_core::inspect::is_voice_manifest;
use lazai_core::pov::{Contributor, PovFile};
use lazai_core::prepare::{Preparation, PrepareError, PrepareStage, Prepared, Settings};
use lazai_core::report::Report;
use lazai_core::voice::read_folder;

use super::{DatasetBuilder, DatasetError, ModelCounter};

/// Progress of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatasetProgress {
    /// `reading`, `splitting` or `writing`.
    pub stage: &'static str,
    /// Dialogues that went through this stage.
    pub done: u64,
    /// The total; 0 if it is not known yet.
    pub total: u64,
}

type OnProgress = Arc<dyn Fn(DatasetProgress) -> ControlFlow<()> + Send + Sync>;

/// Makes a dataset of dialogues in files of any known format, all of one contributor. Memory does not grow with the dialogues.
///
/// Lists of recordings with transcripts ([`read_manifest`](lazai_core::voice::read_manifest)) may be among the files: the recordings are
/// part of the dataset, as the same contributor's, each on the terms that its list gives.
///
/// # Example
/// ```no_run
/// # use lazai::core::pov::Contributor;
/// # fn make(mira: Contributor) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::models::{FilesToDataset, ModelCounter};
///
/// let model = ModelCounter::from_gguf("model.gguf".as_ref())?;
/// let files = FilesToDataset::new(&model, mira).for_character("Mira");
/// let written = files.write(&["chat.jsonl".into()], "dataset.safetensors".as_ref())?;
/// println!("{} records, {} dialogues held out", written.file.records(), written.prepared.statistics().held_out);
/// # Ok(())
/// # }
/// ```
pub struct FilesToDataset<'a> {
    model: &'a ModelCounter,
    contributor: Contributor,
    options: Options,
    card: Option<CardPrompt>,
    record_tokens: Option<usize>,
    context: Option<usize>,
    timestamp: u64,
    on_progress: OnProgress,
}

/// A dataset that was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct WrittenDataset {
    /// The open file, to be proved.
    pub file: PovFile,
    /// The prepared dialogues, including those held out for measurement.
    pub prepared: Prepared,
    /// Items that packing dropped or cut, and recordings that were dropped or repaired; [`Prepared::report`] has those of dialogues.
    pub report: Report,
}

impl<'a> FilesToDataset<'a> {
    /// Datasets for a base model, from one contributor's dialogues.
    #[must_use]
    pub fn new(model: &'a ModelCounter, contributor: Contributor) -> Self {
        let options = Options { contributor: contributor.name.clone(), ..Options::default() };
        let on_progress: OnProgress = Arc::new(|_| ControlFlow::Continue(()));
        Self { model, contributor, options, card: None, record_tokens: None, context: None, timestamp: 0, on_progress }
    }

    /// The character, if files name people: its words are learnt, everybody else's are context.
    #[must_use]
    pub fn for_character(mut self, name: impl Into<String>) -> Self {
        self.options.character = Some(name.into());
        self
    }

    /// The character's interlocutor, if files name people.
    #[must_use]
    pub fn with_user(mut self, name: impl Into<String>) -> Self {
        self.options.user = Some(name.into());
        self
    }

    /// Packs dialogues as they go on from a published card: see [`DatasetBuilder::behind`].
    #[must_use]
    pub fn behind(mut self, card: CardPrompt) -> Self {
        self.card = Some(card);
        self
    }

    /// The longest record, in tokens: see [`DatasetBuilder::record_tokens`].
    #[must_use]
    pub fn record_tokens(mut self, most: usize) -> Self {
        self.record_tokens = Some(most);
        self
    }

    /// The tokens that the base model reads at once: see [`DatasetBuilder::within`].
    #[must_use]
    pub fn within(mut self, context: usize) -> Self {
        self.context = Some(context);
        self
    }

    /// The creation time, in seconds since 1970; 0 if it is not set.
    #[must_use]
    pub fn made_at(mut self, timestamp: u64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// Receives progress; `Break` stops the work.
    #[must_use]
    pub fn on_progress(
        mut self,
        on_progress: impl Fn(DatasetProgress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_progress = Arc::new(on_progress);
        self
    }

    /// Reads the files and writes the dataset.
    ///
    /// # Errors
    /// [`DatasetError`]; no file is left behind. Stopped work gives [`PrepareError::Cancelled`].
    pub fn write(self, files: &[PathBuf], out: &Path) -> Result<WrittenDataset, DatasetError> {
        let Self { model, contributor, options, card, record_tokens, context, timestamp, on_progress } = self;
        let told = on_progress.clone();
        let mut preparation = Preparation::new(Settings::default())?.on_progress(Box::new(move |progress| {
            let stage = if progress.stage == PrepareStage::Reading { "reading" } else { "splitting" };
            told(DatasetProgress { stage, done: progress.dialogues, total: 0 })
        }));
        // Replacing a file that is read would cost somebody the only copy.
        let is_read = |input: &&PathBuf| matches!((input.canonicalize(), out.canonicalize()), (Ok(one), Ok(other)) if one == other);
        if let Some(input) = files.iter().find(is_read) {
            let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "is one of the files to read");
            return Err(DatasetError::File { path: input.clone(), source });
        }
        let (mut recordings, mut heard) = (Vec::new(), Report::default());
        for path in files {
            let failed = |source| DatasetError::File { path: path.clone(), source };
            if is_voice_manifest(path).map_err(|e| failed(std::io::Error::other(e)))? {
                let (read, report) = read_folder(path).map_err(|e| failed(std::io::Error::other(e)))?;
                recordings.extend(read);
                report.notes.into_iter().for_each(|note| heard.add(note));
                continue;
            }
            let file = File::open(path).map_err(|source| DatasetError::File { path: path.clone(), source })?;
            preparation.add(&path.display().to_string(), file, &options)?;
        }
        let prepared = preparation.finish()?;
        for recording in &mut recordings {
            recording.take.contributor.clone_from(&contributor.name);
        }

        let (mut done, total) = (0, prepared.statistics().kept.saturating_sub(prepared.statistics().held_out));
        let dialogues = prepared.train()?.map(|dialogue| {
            done += 1;
            match on_progress(DatasetProgress { stage: "writing", done, total }) {
                // Whatever contributor the files name, here all dialogues are of one contributor.
                ControlFlow::Continue(()) => Ok(Dialogue { contributor: contributor.name.clone(), ..dialogue? }),
                ControlFlow::Break(()) => Err(PrepareError::Cancelled { dialogues: done }),
            }
        });
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let mut builder = DatasetBuilder::new(model.tokenizer(), model.template())
            .with_contributors(vec![contributor.clone()])
            .with_recordings(&recordings)
            .made_at(timestamp);
        if let Some(card) = &card {
            builder = builder.behind(card);
        }
        if let Some(most) = record_tokens {
            builder = builder.record_tokens(most);
        }
        if let Some(context) = context {
            builder = builder.within(context);
        }
        let (_, mut report) = builder.write(out, dialogues, threads)?;
        heard.notes.into_iter().for_each(|note| report.add(note));
        Ok(WrittenDataset { file: PovFile::open(out)?, prepared, report })
    }
}

impl std::fmt::Debug for FilesToDataset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FilesToDataset {{ contributor: {:?}, options: {:?} }}", self.contributor.name, self.options)
    }
}
