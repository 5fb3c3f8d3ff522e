//! Memory that the user owns: what was said before, sealed to the user's key, and recalled into prompts.
//!
//! A [`Memory`] is a list of entries in a file of the user's, or in bytes. Before a message is sent, what fits it is recalled within a
//! budget of tokens, and stands as a note before the user's words, in the user's own message: the request's digest covers it, the
//! receipt counts it, and a consumer recounts it as any other words. Nodes see the recalled lines as part of a request and keep no memory.
//! Nothing is remembered unless it is asked for: [`Remembering`] is what a conversation is told to do.
//!
//! | module | holds |
//! |---|---|
//! | `entry` | one thing that is remembered |
//! | `words`, `index` | finding entries by their words (BM25) |
//! | `meaning` | finding them by meaning, with a model |
//! | `note` | what is recalled, and its place in a prompt |
//! | `sealed`, `file` | the sealed log, and the file that processes share |
//! | `recall` | choosing what fits a budget |
//! | `talk` | remembering and recalling around a conversation, and summing up |

mod entry;
mod error;
mod file;
mod index;
mod meaning;
mod note;
mod recall;
mod sealed;
mod talk;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use entry::{Author, Entry, EntryId, Turn};
pub use error::MemoryError;
use index::Index;
pub use meaning::Meaning;
use meaning::Meanings;
pub(crate) use note::date;
pub use note::{Recall, Recalled, has_note, without_note};
pub use recall::Query;
use sealed::Log;
pub use sealed::{MEMORY_MAGIC, MemoryKey};
pub use talk::Remembering;

/// Most bytes of an entry's text: 16 KiB.
pub const MAX_TEXT_BYTES: usize = 16 << 10;
/// Most bytes of a memory: 64 MiB. One that would outgrow them forgets its oldest quarter, but for what is pinned.
pub const MAX_BYTES: u64 = 64 << 20;

/// The number of last entries among which a turn that is told again is looked for.
const RECENT: usize = 16;

/// What was said before, sealed to its owner's key. Clones are one memory; processes may share its file.
///
/// # Example
/// ```
/// use lazai::memory::{Memory, MemoryKey, Query};
///
/// let memory = Memory::new(MemoryKey::from_bytes(&[7; 32]));
/// memory.note("My sister Clara lives in Lyon.", 1_772_323_200)?;
/// let recall = memory.recall(&Query::new("Where does my sister live?", 64))?;
/// assert_eq!(recall.lines[0].line, "- 2026-03-01 Note: My sister Clara lives in Lyon.");
///
/// let sealed = memory.to_bytes()?;
/// assert!(!sealed.windows(5).any(|bytes| bytes == b"Clara"));
/// # Ok::<(), lazai::memory::MemoryError>(())
/// ```
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    key: MemoryKey,
    path: Option<PathBuf>,
    most_bytes: u64,
    state: Mutex<State>,
    /// Locked while the state is, never before it.
    meanings: Mutex<Option<Meanings>>,
}

#[derive(Default)]
struct State {
    /// The log on disk; `None` without one.
    log: Option<Log>,
    entries: Vec<Entry>,
    index: Index,
}

impl Memory {
    /// An empty memory in this process; [`to_bytes`](Self::to_bytes) seals it.
    #[must_use]
    pub fn new(key: MemoryKey) -> Self {
        Self::of(key, None, State::default())
    }

    /// A memory out of the bytes of [`to_bytes`](Self::to_bytes), or of a file.
    ///
    /// # Errors
    /// [`MemoryError::OtherKey`], [`MemoryError::NotMemory`], [`MemoryError::Damaged`], [`MemoryError::TooLarge`].
    pub fn from_bytes(bytes: &[u8], key: MemoryKey) -> Result<Self, MemoryError> {
        check_size("a memory", bytes.len() as u64, MAX_BYTES)?;
        let mut log = Log::open(bytes, &key)?;
        let entries = log.read(&bytes[sealed::HEADER_BYTES..])?;
        Ok(Self::of(key, None, State { entries, ..State::default() }))
    }

    /// The memory in a file, which the first entry makes. Each entry is on disk once the call that adds it returns. Processes may share
    /// the file, on one machine.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), and [`MemoryError::File`].
    pub fn open(path: impl Into<PathBuf>, key: MemoryKey) -> Result<Self, MemoryError> {
        let memory = Self::of(key, Some(path.into()), State::default());
        memory.with(|_| Ok(()))?;
        Ok(memory)
    }

    fn of(key: MemoryKey, path: Option<PathBuf>, state: State) -> Self {
        Self(Arc::new(Inner { key, path, most_bytes: MAX_BYTES, state: Mutex::new(state), meanings: Mutex::default() }))
    }

    /// Finds what is recalled by its meaning, too, with a model on this device, from now on. The vectors of what is remembered are made when
    /// something is recalled (the first time, of everything), and kept in a file beside the memory's, with `.meaning` after its name, sealed
    /// to the same key. All that is forgotten or changed is gone from it, too.
    pub fn find_by_meaning(&self, model: Arc<dyn Meaning>) {
        *self.meanings() = Some(Meanings::open(model, self.path(), self.0.key.clone()));
    }

    /// The file; `None` for a memory in this process.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The entries, the oldest first.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn entries(&self) -> Result<Vec<Entry>, MemoryError> {
        self.with(|state| Ok(state.entries.clone()))
    }

    /// Adds a note of the user's own.
    ///
    /// # Errors
    /// [`MemoryError::Empty`], [`MemoryError::TooLarge`], and as [`open`](Self::open).
    pub fn note(&self, text: &str, at_s: u64) -> Result<EntryId, MemoryError> {
        let text = checked(text)?;
        let id = EntryId::random()?;
        self.add(vec![Entry { id, at_s, author: Author::Note, text, turn: None, pinned: false, edited: false }])?;
        Ok(id)
    }

    /// Changes an entry's words; the old ones are gone from the file once this returns.
    ///
    /// # Errors
    /// [`MemoryError::UnknownEntry`], [`MemoryError::Empty`], [`MemoryError::TooLarge`], and as [`open`](Self::open).
    pub fn edit(&self, id: EntryId, text: &str) -> Result<(), MemoryError> {
        let text = checked(text)?;
        self.change(id, |entry| (entry.text, entry.edited) = (text, true))
    }

    /// Has an entry in every prompt, as far as the budget reaches, or no longer.
    ///
    /// # Errors
    /// [`MemoryError::UnknownEntry`], and as [`open`](Self::open).
    pub fn pin(&self, id: EntryId, pinned: bool) -> Result<(), MemoryError> {
        self.change(id, |entry| entry.pinned = pinned)
    }

    /// Forgets entries: they are gone from the file once this returns. Copies of the file still have them. All or none: an unknown entry
    /// is an error.
    ///
    /// # Errors
    /// [`MemoryError::UnknownEntry`], and as [`open`](Self::open).
    pub fn forget(&self, ids: &[EntryId]) -> Result<(), MemoryError> {
        self.rewrite(|entries| {
            let unknown = ids.iter().find(|id| !entries.iter().any(|entry| entry.id == **id));
            if let Some(id) = unknown {
                return Err(MemoryError::UnknownEntry { id: id.to_string() });
            }
            entries.retain(|entry| !ids.contains(&entry.id));
            Ok(())
        })
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn forget_all(&self) -> Result<(), MemoryError> {
        self.rewrite(|entries| {
            entries.clear();
            Ok(())
        })
    }

    /// The entries in clear, as JSON, one a line: to be kept elsewhere, or brought to another device.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn export(&self) -> Result<String, MemoryError> {
        // Numbers and texts always have a form in JSON.
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
        self.with(|state| Ok(state.entries.iter().map(line).collect()))
    }

    /// Adds the entries of an [`export`](Self::export) whose numbers are not here yet; returns how many. A wrong line adds none.
    ///
    /// # Errors
    /// [`MemoryError::Malformed`], [`MemoryError::TooLarge`], and as [`open`](Self::open).
    pub fn import(&self, lines: &str) -> Result<u64, MemoryError> {
        check_size("an import", lines.len() as u64, MAX_BYTES)?;
        let mut brought = Vec::new();
        for (line, number) in lines.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
            let malformed = |reason: String| MemoryError::Malformed { line: number, reason };
            let entry: Entry = serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
            checked(&entry.text).map_err(|error| malformed(error.to_string()))?;
            brought.push(entry);
        }
        self.rewrite(|entries| {
            let before = entries.len();
            let mut known: std::collections::HashSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
            entries.extend(brought.into_iter().filter(|entry| known.insert(entry.id)));
            // Of several devices: what was said first stands first.
            entries.sort_by_key(|entry| entry.at_s);
            Ok((entries.len() - before) as u64)
        })
    }

    /// The memory, sealed anew: for a store, a page's storage, or another device of the same key.
    ///
    /// # Errors
    /// [`MemoryError::Seal`], and as [`open`](Self::open).
    pub fn to_bytes(&self) -> Result<Vec<u8>, MemoryError> {
        self.with(|state| Ok(file::sealed(&self.0.key, &state.entries)?.1))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the memory as it is now: other processes may have added to its file.
    fn with<T>(&self, look: impl FnOnce(&mut State) -> Result<T, MemoryError>) -> Result<T, MemoryError> {
        let mut state = self.state();
        if let Some(path) = self.path() {
            file::refresh(path, &self.0.key, &mut state)?;
        }
        look(&mut state)
    }

    /// Adds entries; they are on disk once this returns. Words of a turn that is there already are left out, and a question
    /// that is asked again.
    fn add(&self, mut entries: Vec<Entry>) -> Result<(), MemoryError> {
        let _alone = self.path().map(file::alone).transpose()?;
        self.with(|state| {
            let asked = state.entries.iter().rfind(|entry| entry.author == Author::User);
            let is_known = |entry: &Entry| {
                let is_again = |known: &Entry| known.author == entry.author && known.turn == entry.turn;
                let is_asked_again =
                    asked.is_some_and(|asked| asked.author == entry.author && asked.text == entry.text);
                entry.turn.is_some() && (is_asked_again || state.entries.iter().rev().take(RECENT).any(is_again))
            };
            entries.retain(|entry| !is_known(entry));
            if entries.is_empty() {
                return Ok(());
            }
            let wrote = match self.path() {
                Some(path) => file::append(path, &self.0, state, &entries)?,
                None => true,
            };
            state.entries.append(&mut entries);
            if !wrote {
                forget_oldest(&mut state.entries);
                return self.replace(state);
            }
            Ok(())
        })
    }

    fn change(&self, id: EntryId, change: impl FnOnce(&mut Entry)) -> Result<(), MemoryError> {
        self.rewrite(|entries| {
            let found = entries.iter_mut().find(|entry| entry.id == id);
            change(found.ok_or_else(|| MemoryError::UnknownEntry { id: id.to_string() })?);
            Ok(())
        })
    }

    /// Changes the entries, and writes the file anew: with another data key, and nothing in it of what is no longer there.
    fn rewrite<T>(&self, change: impl FnOnce(&mut Vec<Entry>) -> Result<T, MemoryError>) -> Result<T, MemoryError> {
        let _alone = self.path().map(file::alone).transpose()?;
        self.with(|state| {
            let mut entries = state.entries.clone();
            let changed = change(&mut entries)?;
            let mut next = State { entries, ..State::default() };
            self.replace(&mut next)?;
            *state = next;
            Ok(changed)
        })
    }

    fn replace(&self, state: &mut State) -> Result<(), MemoryError> {
        state.index = Index::default();
        if let Some(path) = self.path() {
            // First what tells of words that go: it can be made again.
            file::remove(&meaning::beside(path))?;
            state.log = Some(file::replace(path, &self.0.key, &state.entries, self.0.most_bytes)?);
        }
        match &mut *self.meanings() {
            Some(meanings) => {
                state.bring_up_to_date();
                meanings.keep_only(&state.passages())
            }
            None => Ok(()),
        }
    }

    fn meanings(&self) -> MutexGuard<'_, Option<Meanings>> {
        self.0.meanings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory {{ path: {:?}, entries: {} }}", self.path(), self.state().entries.len())
    }
}

/// Forgets the oldest quarter of what is not pinned.
fn forget_oldest(entries: &mut Vec<Entry>) {
    let mut left = entries.iter().filter(|entry| !entry.pinned).count().div_ceil(4);
    entries.retain(|entry| {
        let goes = !entry.pinned && left > 0;
        left -= usize::from(goes);
        !goes
    });
}

fn checked(text: &str) -> Result<String, MemoryError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(MemoryError::Empty);
    }
    check_size("an entry", text.len() as u64, MAX_TEXT_BYTES as u64)?;
    Ok(text.to_owned())
}

fn check_size(what: &'static str, bytes: u64, max: u64) -> Result<(), MemoryError> {
    if bytes > max { Err(MemoryError::TooLarge { what, bytes, max }) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A memory that is full forgets what is oldest, keeps what is pinned, and stays within its bytes.
    #[test]
    fn a_full_memory_forgets_its_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.lzm");
        let (key, path_of) = (MemoryKey::from_bytes(&[1; 32]), Some(path.clone()));
        let (state, meanings, most_bytes) = (Mutex::default(), Mutex::default(), 20_000);
        let memory = Memory(Arc::new(Inner { key, path: path_of, most_bytes, state, meanings }));
        let first = memory.note("the first", 0).unwrap();
        memory.pin(first, true).unwrap();
        let mut ids = Vec::new();
        for number in 0..300 {
            ids.push(memory.note(&format!("note {number}"), number).unwrap());
            assert!(std::fs::metadata(&path).unwrap().len() <= most_bytes);
        }
        let kept: Vec<EntryId> = memory.entries().unwrap().iter().map(|entry| entry.id).collect();
        assert!(kept.len() > 30 && kept.len() < 150, "{}", kept.len());
        assert_eq!(kept[0], first);
        assert_eq!(kept[1..], ids[ids.len() + 1 - kept.len()..], "the newest stay");
    }

    #[test]
    fn what_is_empty_or_too_large_is_refused() {
        let memory = Memory::new(MemoryKey::from_bytes(&[1; 32]));
        assert!(matches!(memory.note(" \n", 0), Err(MemoryError::Empty)));
        let id = memory.note(&"\u{1}x".repeat(MAX_TEXT_BYTES / 2), 0).unwrap();
        assert!(matches!(memory.edit(id, &"x".repeat(MAX_TEXT_BYTES + 1)), Err(MemoryError::TooLarge { .. })));
        assert!(matches!(memory.edit(EntryId(1), "x"), Err(MemoryError::UnknownEntry { .. })));
        let bytes = memory.to_bytes().unwrap();
        let again = Memory::from_bytes(&bytes, MemoryKey::from_bytes(&[1; 32])).unwrap();
        assert_eq!(again.entries().unwrap(), memory.entries().unwrap());
    }
}
