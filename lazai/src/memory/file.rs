//! The file of a memory, which processes share: entries are appended, everything else writes it anew.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result as IoResult, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use lazai_core::file::{make_private_folder, write_privately};

use super::sealed::{HEADER_BYTES, Log, MemoryKey};
use super::{Entry, Inner, MAX_BYTES, MemoryError, State, check_size};

fn failed(path: &Path) -> impl Fn(std::io::Error) -> MemoryError + '_ {
    |source| MemoryError::File { path: path.to_owned(), source }
}

/// The right to write: no other process has it until this is dropped. A process that dies frees it.
pub(super) fn alone(path: &Path) -> Result<File, MemoryError> {
    // A file beside it: the memory itself is replaced.
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let take = || -> IoResult<File> {
        if let Some(folder) = lock.parent() {
            make_private_folder(folder)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock)?;
        file.lock()?;
        Ok(file)
    };
    take().map_err(failed(&lock))
}

/// Reads what other processes wrote since the last look.
pub(super) fn refresh(path: &Path, key: &MemoryKey, state: &mut State) -> Result<(), MemoryError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            *state = State::default();
            return Ok(());
        }
        Err(error) => return Err(failed(path)(error)),
    };
    let bytes = file.metadata().map_err(failed(path))?.len();
    check_size("a memory", bytes, MAX_BYTES)?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(failed(path))?;
    if let Some(log) = state.log.as_mut().filter(|log| log.header()[..] == header[..] && log.end() <= bytes) {
        let rest = rest(&mut file, log.end()).map_err(failed(path))?;
        state.entries.append(&mut log.read(&rest)?);
        return Ok(());
    }
    let mut log = Log::open(&header, key)?;
    let entries = log.read(&rest(&mut file, HEADER_BYTES as u64).map_err(failed(path))?)?;
    *state = State { log: Some(log), entries, ..State::default() };
    Ok(())
}

/// The bytes of a file from a place on. It may be growing.
fn rest(file: &mut File, from: u64) -> IoResult<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Appends entries, in place of a last one that was not written whole. Returns false if the file would grow too large: nothing is
/// written then.
pub(super) fn append(path: &Path, memory: &Inner, state: &mut State, entries: &[Entry]) -> Result<bool, MemoryError> {
    let Some(log) = &mut state.log else {
        state.log = Some(replace(path, &memory.key, entries, memory.most_bytes)?);
        return Ok(true);
    };
    let frames = log.frames(entries)?;
    if log.end() + frames.len() as u64 > memory.most_bytes {
        return Ok(false);
    }
    let write = || -> IoResult<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(log.end())?;
        file.seek(SeekFrom::Start(log.end()))?;
        file.write_all(&frames)?;
        file.sync_all()
    };
    write().map_err(failed(path))?;
    log.wrote(entries.len(), frames.len());
    Ok(true)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), MemoryError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

/// Writes the file anew.
pub(super) fn replace(path: &Path, key: &MemoryKey, entries: &[Entry], most: u64) -> Result<Log, MemoryError> {
    let (log, bytes) = sealed(key, entries)?;
    check_size("a memory", bytes.len() as u64, most)?;
    write_privately(path, &bytes).map_err(failed(path))?;
    Ok(log)
}

/// A log of some entries, and its bytes.
pub(super) fn sealed(key: &MemoryKey, entries: &[Entry]) -> Result<(Log, Vec<u8>), MemoryError> {
    let mut log = Log::new(key)?;
    let frames = log.frames(entries)?;
    log.wrote(entries.len(), frames.len());
    let bytes = [&log.header()[..], &frames].concat();
    Ok((log, bytes))
}
