//! Dialogues on disk between the steps.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::sketch::{HASHES, Sketch};
use super::{PrepareError, temporary};
use crate::message::Dialogue;

/// File, line, digest, signature.
const INDEX_BYTES: usize = 8 + 8 + 16 + HASHES * 4;

/// A dialogue, and its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub file: usize,
    pub line: u64,
    pub dialogue: Dialogue,
}

impl Entry {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, PrepareError> {
        serde_json::from_slice(bytes).map_err(|e| PrepareError::Io { reason: e.to_string() })
    }
}

/// Dialogues one after another, and an index of equal entries. Both vanish with it.
#[derive(Debug)]
pub(super) struct Spool {
    dialogues: BufWriter<NamedTempFile>,
    index: BufWriter<NamedTempFile>,
    count: u64,
}

impl Spool {
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, PrepareError> {
        let file = || Ok::<_, PrepareError>(BufWriter::with_capacity(256 << 10, temporary(folder)?));
        Ok(Self { dialogues: file()?, index: file()?, count: 0 })
    }

    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Adds a dialogue, and returns its number.
    pub(super) fn write(&mut self, entry: &Entry, sketch: &Sketch) -> Result<u64, PrepareError> {
        let bytes = serde_json::to_vec(entry).map_err(|e| PrepareError::Io { reason: e.to_string() })?;
        self.dialogues.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.dialogues.write_all(&bytes)?;
        self.index.write_all(&(entry.file as u64).to_le_bytes())?;
        self.index.write_all(&entry.line.to_le_bytes())?;
        self.index.write_all(&sketch.digest)?;
        for hash in sketch.signature {
            self.index.write_all(&hash.to_le_bytes())?;
        }
        self.count += 1;
        Ok(self.count - 1)
    }

    /// Everything that was written, for reading at any place.
    pub(super) fn reader(&mut self) -> Result<IndexReader, PrepareError> {
        self.dialogues.flush()?;
        self.index.flush()?;
        Ok(IndexReader { file: self.index.get_ref().reopen()? })
    }

    /// The entries in order, as bytes for [`Entry::decode`]. Only after [`reader`](Self::reader) was called.
    pub(super) fn entries(&self) -> Result<impl Iterator<Item = Result<Vec<u8>, PrepareError>>, PrepareError> {
        let mut file = BufReader::with_capacity(256 << 10, self.dialogues.get_ref().reopen()?);
        Ok((0..self.count).map(move |_| {
            let mut length = [0; 8];
            file.read_exact(&mut length)?;
            // Written by this process a moment ago.
            let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        }))
    }

    /// The digests in order.
    pub(super) fn digests(&self) -> Result<impl Iterator<Item = Result<[u8; 16], PrepareError>>, PrepareError> {
        let mut file = BufReader::with_capacity(256 << 10, self.index.get_ref().reopen()?);
        Ok((0..self.count).map(move |_| {
            let mut entry = [0; INDEX_BYTES];
            file.read_exact(&mut entry)?;
            Ok(*entry[16..].first_chunk().unwrap_or(&[0; 16]))
        }))
    }
}

/// Reads single entries of the index.
pub(super) struct IndexReader {
    file: File,
}

impl IndexReader {
    fn entry(&mut self, number: u64) -> Result<[u8; INDEX_BYTES], PrepareError> {
        self.file.seek(SeekFrom::Start(number * INDEX_BYTES as u64))?;
        let mut entry = [0; INDEX_BYTES];
        self.file.read_exact(&mut entry)?;
        Ok(entry)
    }

    pub(super) fn sketch(&mut self, number: u64) -> Result<Sketch, PrepareError> {
        let entry = self.entry(number)?;
        let (digest, hashes) = entry[16..].split_first_chunk().unwrap_or((&[0; 16], &[]));
        let mut signature = [0; HASHES];
        for (hash, bytes) in signature.iter_mut().zip(hashes.as_chunks::<4>().0) {
            *hash = u32::from_le_bytes(*bytes);
        }
        Ok(Sketch { digest: *digest, signature })
    }

    /// File and line.
    pub(super) fn origin(&mut self, number: u64) -> Result<(usize, u64), PrepareError> {
        let entry = self.entry(number)?;
        let field = |i: usize| u64::from_le_bytes(*entry[i..].first_chunk().unwrap_or(&[0; 8]));
        Ok((field(0) as usize, field(8)))
    }
}
