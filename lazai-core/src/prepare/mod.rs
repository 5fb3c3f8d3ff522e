//! Turns any amount of dialogue into a training set: normalised, without duplicates, split, measured.
//!
//! Memory does not grow with the input: parsed dialogues wait on disk, duplicates are found by sorting there, and the
//! held-out part is bounded. Results depend on the input and the seed, not on the number of threads.
//!
//! ```
//! use lazai_core::dialogue::Options;
//! use lazai_core::prepare::{Preparation, Settings};
//!
//! let chats = r#"{"messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "A voice in a tower."}]}
//! {"messages": [{"role": "user", "content": "Who  are you?"}, {"role": "assistant", "content": "A voice in a tower."}]}"#;
//! let mut preparation = Preparation::new(Settings::default())?;
//! preparation.add("chats.jsonl", chats.as_bytes(), &Options::default())?;
//! let prepared = preparation.finish()?;
//! assert_eq!(prepared.train()?.count(), 1);
//! assert_eq!(prepared.report().notes[0].reason, "the same as chats.jsonl, line 1");
//! assert_eq!(prepared.quality().duplication.get(), 5_000);
//! # Ok::<(), lazai_core::prepare::PrepareError>(())
//! ```

mod duplicates;
mod normalise;
mod plot;
mod quality;
mod sketch;
mod sorter;
mod split;
mod spool;

pub use normalise::normalise;
pub use quality::{Histogram, Quality, Statistics};

use std::collections::HashSet;
use std::io::Read;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::dialogue::{Dialogue, DialogueError, OneCharacter, Options, Parsed, Raw, RawReader};
use crate::money::BasisPoints;
use crate::parallel;
use crate::report::{Action, Note, Report};
use duplicates::Duplicates;
use sketch::{Sketch, Sketcher};
use spool::{Entry, Spool};

/// Records that are parsed together, and the bytes after which fewer are.
const BATCH_RECORDS: usize = 1_024;
const BATCH_BYTES: usize = 4 << 20;

/// Settings of preparation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From which similarity of their words (Jaccard, of groups of three) two dialogues count as one.
    pub near_duplicate: BasisPoints,
    /// The part of the dialogues that is held out for measuring.
    pub held_out: BasisPoints,
    /// The most dialogues that are held out.
    pub max_held_out: usize,
    /// Chooses which ones.
    pub seed: u64,
    /// The number of threads that parse.
    pub threads: NonZeroUsize,
    /// The folder for temporary files, about three times as large as the text; the system's folder by default.
    pub folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            near_duplicate: BasisPoints::new(8_500).unwrap_or(BasisPoints::WHOLE),
            held_out: BasisPoints::new(500).unwrap_or(BasisPoints::WHOLE),
            max_held_out: 500,
            seed: 0,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            folder: None,
        }
    }
}

/// Why nothing was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The caller asked to stop.
    #[error("cancelled after {dialogues} dialogues")]
    Cancelled {
        /// The number read.
        dialogues: u64,
    },
    /// A file is no file of dialogues.
    #[error("{file}: {source}")]
    Dialogue {
        /// The file's name, as the caller gave it.
        file: String,
        /// Why.
        source: DialogueError,
    },
    /// The disk failed.
    #[error("temporary files: {reason}")]
    Io {
        /// The operating system's error.
        reason: String,
    },
    /// No dialogue is left.
    #[error("no usable dialogue: {dropped} dropped")]
    NothingLeft {
        /// The number dropped.
        dropped: u64,
    },
}

impl From<std::io::Error> for PrepareError {
    fn from(error: std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}

/// Progress of a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepareProgress {
    /// The current stage.
    pub stage: PrepareStage,
    /// Dialogues so far in this stage.
    pub dialogues: u64,
}

/// The stages of a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareStage {
    /// Reading, parsing, normalising.
    Reading,
    /// Looking for held-out dialogues whose words the others do not share.
    Splitting,
}

/// Told how far it is; says whether to go on.
pub type OnProgress = Box<dyn FnMut(PrepareProgress) -> ControlFlow<()>>;

/// A training set being prepared.
pub struct Preparation {
    settings: Settings,
    sketcher: Sketcher,
    spool: Spool,
    duplicates: Duplicates,
    report: Report,
    statistics: Statistics,
    files: Vec<String>,
    on_progress: Option<OnProgress>,
}

/// A file that vanishes when it is dropped; until then, its owner's alone.
fn temporary(folder: Option<&Path>) -> std::io::Result<NamedTempFile> {
    folder.map_or_else(NamedTempFile::new, NamedTempFile::new_in)
}

/// A thread's result for a record.
struct Worked {
    parsed: Parsed,
    entry: Option<(Entry, Sketch)>,
}

impl Preparation {
    /// Starts, with empty temporary files.
    ///
    /// # Errors
    /// [`PrepareError::Io`].
    pub fn new(settings: Settings) -> Result<Self, PrepareError> {
        Ok(Self {
            sketcher: Sketcher::new(),
            spool: Spool::new(settings.folder.as_deref())?,
            duplicates: Duplicates::new(&settings),
            settings,
            report: Report::default(),
            statistics: Statistics::default(),
            files: Vec::new(),
            on_progress: None,
        })
    }

    /// The same, telling how far it is.
    #[must_use]
    pub fn on_progress(mut self, on_progress: OnProgress) -> Self {
        self.on_progress = Some(on_progress);
        self
    }

    /// Reads a file of dialogues of any known format; `name` is its name in the report.
    ///
    /// # Errors
    /// [`PrepareError`]; a preparation that failed is not used again.
    pub fn add(&mut self, name: &str, file: impl Read, options: &Options) -> Result<(), PrepareError> {
        let failed = |source| PrepareError::Dialogue { file: name.to_owned(), source };
        let mut reader = RawReader::new(file, options).map_err(failed)?;
        let file = self.files.len();
        self.files.push(name.to_owned());
        if let Some(note) = reader.note() {
            self.report.add(Note { place: name.to_owned(), ..note });
        }
        let (mut batch, mut bytes) = (Vec::with_capacity(BATCH_RECORDS), 0);
        let mut one = OneCharacter::default();
        loop {
            let raw = reader.next_raw().map_err(failed)?;
            let ended = raw.is_none();
            if let Some(raw) = raw {
                bytes += raw.bytes();
                batch.push(raw);
            }
            if ended || batch.len() == BATCH_RECORDS || bytes > BATCH_BYTES {
                self.work(file, std::mem::take(&mut batch), options, &mut one)?;
                bytes = 0;
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Parses a batch on all threads, and takes the results in order.
    fn work(
        &mut self,
        file: usize,
        batch: Vec<Raw>,
        options: &Options,
        one: &mut OneCharacter,
    ) -> Result<(), PrepareError> {
        self.statistics.records += batch.len() as u64;
        let sketcher = &self.sketcher;
        let worked = parallel::map(self.settings.threads, batch, |raw| work_on(raw, file, options, sketcher));
        for Worked { mut parsed, entry } in worked {
            for mut note in one.note(&mut parsed).into_iter().chain(parsed.notes) {
                note.place = format!("{}, {}", self.files[file], note.place);
                self.report.add(note);
            }
            if let Some((entry, sketch)) = entry {
                self.statistics.add(&entry.dialogue);
                let number = self.spool.write(&entry, &sketch)?;
                self.duplicates.add(number, &sketch)?;
            }
        }
        progress(&mut self.on_progress, PrepareStage::Reading, self.spool.len())
    }

    /// Removes duplicates, and holds a part out.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn finish(mut self) -> Result<Prepared, PrepareError> {
        let mut reader = self.spool.reader()?;
        let found = self.duplicates.find(&mut reader)?;
        for duplicate in &found.noted {
            let place = |origin: (usize, u64)| format!("{}, line {}", self.files[origin.0], origin.1);
            let kind = if duplicate.exact { "the same as" } else { "nearly the same as" };
            let (this, first) = (reader.origin(duplicate.number)?, reader.origin(duplicate.of)?);
            self.report.note(Action::Dropped, place(this), format!("{kind} {}", place(first)));
        }
        // Notes are bounded, counts are not.
        self.report.dropped += found.exact + found.near - found.noted.len() as u64;
        let kept = self.spool.len() - found.exact - found.near;
        if kept == 0 {
            return Err(PrepareError::NothingLeft { dropped: self.report.dropped });
        }
        self.statistics.exact_duplicates = found.exact;
        self.statistics.near_duplicates = found.near;
        let held_out = split::choose(&self.spool, &found.dropped, kept, &self.settings, &mut |dialogues| {
            progress(&mut self.on_progress, PrepareStage::Splitting, dialogues)
        })?;
        self.report.kept = kept;
        self.statistics.held_out = held_out.len() as u64;
        self.statistics.kept = kept;
        Ok(Prepared {
            spool: self.spool,
            dropped: found.dropped,
            held_out,
            report: self.report,
            statistics: self.statistics,
        })
    }
}

/// Informs the caller, who may stop it.
fn progress(tell: &mut Option<OnProgress>, stage: PrepareStage, dialogues: u64) -> Result<(), PrepareError> {
    match tell.as_mut().map(|tell| tell(PrepareProgress { stage, dialogues })) {
        Some(ControlFlow::Break(())) => Err(PrepareError::Cancelled { dialogues }),
        _ => Ok(()),
    }
}

fn work_on(raw: Raw, file: usize, options: &Options, sketcher: &Sketcher) -> Worked {
    let line = raw.line;
    let mut parsed = RawReader::<std::io::Empty>::parse(options, raw);
    let entry = parsed.dialogue.take().map(|mut dialogue| {
        for message in &mut dialogue.messages {
            message.content = normalise(&message.content);
        }
        let sketch = sketcher.sketch(&dialogue);
        (Entry { file, line, dialogue }, sketch)
    });
    Worked { parsed, entry }
}

/// A training set: on disk until it is dropped, read as often as needed.
#[derive(Debug)]
pub struct Prepared {
    spool: Spool,
    dropped: Bits,
    held_out: HashSet<u64>,
    report: Report,
    statistics: Statistics,
}

impl Prepared {
    /// The dialogues to train on, in the order of the input.
    ///
    /// # Errors
    /// [`PrepareError::Io`].
    pub fn train(&self) -> Result<impl Iterator<Item = Result<Dialogue, PrepareError>> + '_, PrepareError> {
        self.part(false)
    }

    /// The dialogues to measure on: none shares eight words in a row with a dialogue to train on.
    ///
    /// # Errors
    /// [`PrepareError::Io`].
    pub fn held_out(&self) -> Result<impl Iterator<Item = Result<Dialogue, PrepareError>> + '_, PrepareError> {
        self.part(true)
    }

    fn part(&self, held_out: bool) -> Result<impl Iterator<Item = Result<Dialogue, PrepareError>> + '_, PrepareError> {
        let numbered = (0u64..).zip(self.spool.entries()?);
        Ok(numbered.filter_map(move |(number, entry)| {
            let keep = !self.dropped.get(number) && self.held_out.contains(&number) == held_out;
            keep.then(|| entry.and_then(|bytes| Ok(Entry::decode(&bytes)?.dialogue)))
        }))
    }

    /// Notes on data dropped, merged or repaired, with the reasons.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Counts and lengths.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The score of the data.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.statistics.quality()
    }
}

/// A set of small numbers: one bit each.
#[derive(Debug, Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, number: u64) {
        let word = (number / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    fn get(&self, number: u64) -> bool {
        self.0.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn spools_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        for file in [super::temporary(None), super::temporary(Some(folder.path()))] {
            assert_eq!(file.unwrap().as_file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
