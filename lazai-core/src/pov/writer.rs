//! Writing private parts of any size in constant memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use zeroize::Zeroizing;

use super::file::{MASK, MEL, OWNERS, SALT_SEED, TENSORS, TEXT_OFFSETS, TOKENS, VOICE_OFFSETS};
use super::manifest::{MANIFEST_KEY, MAX_CLIPS, data_hasher, hash_head};
use super::{Clip, Contributor, MAX_CONTRIBUTORS, MAX_FILE_RECORDS, MAX_HEADER_BYTES, Manifest, PovError, Record};
use crate::digest::canonical_json;
use crate::file::{folder_of, make_private_folder, sync_folder};
use crate::id::Digest;

/// Writes a private part record by record; equal content and seed give the same bytes as
/// [`Dataset::to_bytes`](super::Dataset::to_bytes).
///
/// Tensors grow in temporary files beside the target, which are removed in any case; the target appears whole, on
/// [`finish`](Self::finish), or not at all. On Unix, the target (0600) and the folders made for it (0700) are for the
/// process's own user alone.
pub struct Writer {
    path: PathBuf,
    manifest: Manifest,
    tensors: Vec<BufWriter<File>>,
    lengths: [u64; TENSORS.len()],
    records: u64,
    tokens: u32,
    frames: u32,
}

impl Writer {
    /// Starts a file, with a fresh seed for the salts of the commitment.
    ///
    /// # Errors
    /// [`PovError`]: I/O, or contributors that break the format.
    pub fn create(
        path: &Path,
        contributors: Vec<Contributor>,
        tokenizer_digest: Digest,
        vocab_size: u32,
        timestamp: u64,
    ) -> Result<Self, PovError> {
        let manifest = Manifest::new(contributors, tokenizer_digest, vocab_size, timestamp);
        manifest.check_contributors(MAX_CONTRIBUTORS)?;
        let folder = folder_of(path);
        make_private_folder(folder)?;
        let tensors = TENSORS.iter().map(|_| Ok(BufWriter::new(tempfile::tempfile_in(folder)?)));
        let tensors = tensors.collect::<std::io::Result<Vec<_>>>()?;
        let lengths = [0; TENSORS.len()];
        let mut writer = Self { path: path.into(), manifest, tensors, lengths, records: 0, tokens: 0, frames: 0 };
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|_| PovError::Empty { what: "randomness of the operating system".into() })?;
        writer.write(SALT_SEED, &*seed)?;
        writer.write(TEXT_OFFSETS, &0u32.to_le_bytes())?;
        writer.write(VOICE_OFFSETS, &0u32.to_le_bytes())?;
        Ok(writer)
    }

    /// Notes the system message that the records go on from.
    #[must_use]
    pub fn behind(mut self, system: Option<String>) -> Self {
        self.manifest.system = system;
        self
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`PovError`]: I/O, or a record that breaks the format.
    pub fn record(&mut self, record: &Record) -> Result<(), PovError> {
        let index = usize::try_from(self.records).unwrap_or(usize::MAX);
        self.manifest.check_record(index, record)?;
        let too_many = |what| PovError::TooMany { what, found: index, max: MAX_FILE_RECORDS as usize };
        if self.records == MAX_FILE_RECORDS {
            return Err(too_many("records"));
        }
        let end = u32::try_from(record.tokens.len()).ok().and_then(|n| self.tokens.checked_add(n));
        self.tokens = end.ok_or_else(|| too_many("tokens"))?;
        self.records += 1;
        self.write(OWNERS, &[record.contributor])?;
        self.write(TOKENS, &record.tokens.iter().flat_map(|t| t.to_le_bytes()).collect::<Vec<_>>())?;
        self.write(MASK, &record.loss_mask.iter().map(|&m| m.into()).collect::<Vec<u8>>())?;
        self.write(TEXT_OFFSETS, &self.tokens.to_le_bytes())
    }

    /// Adds a clip; the record that it names must be written already.
    ///
    /// # Errors
    /// [`PovError`]: I/O, or a clip that breaks the format.
    pub fn clip(&mut self, clip: &Clip) -> Result<(), PovError> {
        let index = self.manifest.clips.len();
        self.manifest.check_clip(index, clip, self.records)?;
        if index == MAX_CLIPS {
            return Err(PovError::TooMany { what: "clips", found: index + 1, max: MAX_CLIPS });
        }
        let frames = u32::try_from(clip.log_mel.len() / self.manifest.mel.bands as usize).ok();
        let end = frames.and_then(|frames| self.frames.checked_add(frames));
        self.frames = end.ok_or(PovError::TooMany { what: "frames", found: usize::MAX, max: u32::MAX as usize })?;
        self.manifest.clips.push(clip.speech.clone());
        self.write(MEL, &clip.log_mel.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())?;
        self.write(VOICE_OFFSETS, &self.frames.to_le_bytes())
    }

    fn write(&mut self, tensor: usize, bytes: &[u8]) -> Result<(), PovError> {
        self.tensors[tensor].write_all(bytes)?;
        self.lengths[tensor] += bytes.len() as u64;
        Ok(())
    }

    /// Puts the file together.
    ///
    /// # Errors
    /// [`PovError`]: I/O, or a file without records.
    pub fn finish(mut self) -> Result<Manifest, PovError> {
        if self.records == 0 {
            return Err(PovError::Empty { what: "records".into() });
        }
        let shapes = self.shapes();
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for tensor in self.tensors.drain(..) {
            tensors.push(tensor.into_inner().map_err(|e| PovError::Io { reason: e.to_string() })?);
        }
        let mut hasher = data_hasher();
        for (i, (name, dtype, _)) in TENSORS.into_iter().enumerate() {
            hasher = hash_head(hasher, name, dtype, &shapes[i]);
            tensors[i].seek(SeekFrom::Start(0))?;
            hasher = hasher.part_from(self.lengths[i], &tensors[i])?;
        }
        self.manifest.data_hash = hasher.finish();
        self.manifest.data_size = self.lengths.iter().sum();

        // The order of the safetensors format: widest type first, then by name.
        let mut order: Vec<usize> = (0..TENSORS.len()).collect();
        order.sort_by(|&a, &b| TENSORS[b].1.cmp(&TENSORS[a].1).then(TENSORS[a].0.cmp(TENSORS[b].0)));
        // Temporary files are their owner's alone.
        let mut target = tempfile::NamedTempFile::new_in(folder_of(&self.path))?;
        let mut out = BufWriter::new(target.as_file_mut());
        out.write_all(&self.header(&order, &shapes)?)?;
        for &i in &order {
            tensors[i].seek(SeekFrom::Start(0))?;
            std::io::copy(&mut (&tensors[i]).take(self.lengths[i]), &mut out)?;
        }
        out.flush()?;
        drop(out);
        target.as_file().sync_all()?;
        target.persist(&self.path).map_err(|e| PovError::from(e.error))?;
        sync_folder(folder_of(&self.path))?;
        Ok(self.manifest)
    }

    fn shapes(&self) -> Vec<Vec<usize>> {
        let size = |i: usize| if TENSORS[i].1 == safetensors::Dtype::U8 { 1 } else { 4 };
        let count = |i: usize| usize::try_from(self.lengths[i]).unwrap_or(usize::MAX) / size(i);
        let shape =
            |i| if i == MEL { vec![self.frames as usize, self.manifest.mel.bands as usize] } else { vec![count(i)] };
        (0..TENSORS.len()).map(shape).collect()
    }

    fn header(&self, order: &[usize], shapes: &[Vec<usize>]) -> Result<Vec<u8>, PovError> {
        let malformed = |reason: String| PovError::Malformed { bytes: 0, reason };
        let manifest = canonical_json(&self.manifest).map_err(|e| malformed(e.to_string()))?;
        let manifest = String::from_utf8(manifest).map_err(|e| malformed(e.to_string()))?;
        let mut start = 0;
        let infos = order.iter().map(|&i| {
            let end = start + usize::try_from(self.lengths[i]).unwrap_or(usize::MAX);
            let info = TensorInfo { dtype: TENSORS[i].1, shape: shapes[i].clone(), data_offsets: (start, end) };
            start = end;
            (TENSORS[i].0.to_owned(), info)
        });
        let metadata = Some(HashMap::from([(MANIFEST_KEY.to_owned(), manifest)]));
        let header = Metadata::new(metadata, infos.collect()).map_err(|e| malformed(e.to_string()))?;
        let mut header = serde_json::to_vec(&header).map_err(|e| malformed(e.to_string()))?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let length = header.len() as u64;
        if length > MAX_HEADER_BYTES {
            let (found, max) = (header.len(), MAX_HEADER_BYTES as usize);
            return Err(PovError::TooMany { what: "bytes of the header", found, max });
        }
        Ok([&length.to_le_bytes()[..], &header].concat())
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer {{ path: {:?}, records: {}, tokens: {} }}", self.path, self.records, self.tokens)
    }
}
