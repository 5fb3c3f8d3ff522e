//! Packed weights in a file: laid out once on a machine, and mapped by every engine that serves the model.
//!
//! ```text
//! lazaipw1 | header length, u64 | SHA-256 of the header | header, JSON | zeros up to 4096 | panels, each matrix at a multiple of 64
//! ```
//!
//! The file's name is a digest of the model's digest, the format of its weights and the layout's version. What is checked: when the
//! file is written, the digest of its panels, through the map. At each start, the header by its digest, the file's length, and that its
//! matrices are those of the model; the panels are not read. A file that fails is laid out anew, in memory if it cannot be written.
//! Files are replaced whole and never changed: who shortens one that is mapped kills the processes that read it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::digest::{DomainHasher, sha256_reader};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::model::Model;
use super::weights::{Form, Packed};
use crate::base::{BaseModel, WeightFormat};
use crate::device::Compute;
use crate::error::Result;

const MAGIC: &[u8; 8] = b"lazaipw1";
const PREFIX: usize = 8 + 8 + 32;
/// Panels begin at a multiple of this.
const PAGE: usize = 4_096;
/// Longest header that is read.
const MAX_HEADER_BYTES: usize = 16 << 20;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Of what, and how: see [`key`].
    key: Digest,
    /// In the order of [`Model::packed`].
    matrices: Vec<Matrix>,
    /// Bytes of the panels.
    bytes: u64,
    /// SHA-256 of the panels.
    sha256: Digest,
}

/// A matrix of a file: the bytes of its panels follow those of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) form: Form,
}

/// A part of a mapped file.
#[derive(Clone)]
pub(super) struct Mapped {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Mapped {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

/// Opens a model whose packed weights are in a folder; lays them out there if they are not.
///
/// # Errors
/// As [`BaseModel::open`].
pub(super) fn open(path: &Path, format: WeightFormat, folder: &Path) -> Result<(BaseModel, Model)> {
    let mut base = BaseModel::open_without_matrices(path, &Compute::cpu(), format)?;
    let key = key(base.digest(), format);
    let place = folder.join(format!("{key}.weights"));
    match read(&place, key).map_err(|e| e.to_string()).and_then(|file| model(&mut base, &file)) {
        Ok(model) => return Ok((base, model)),
        Err(reason) if place.exists() => {
            tracing::warn!(file = %place.display(), %reason, "packed weights are laid out anew");
        }
        Err(_) => {}
    }
    let mut base = BaseModel::open(path, &Compute::cpu(), format)?;
    let mut model = Model::take(&mut base)?;
    match write(&model, folder, &place, key) {
        Ok(file) => file.give(&mut model),
        Err(error) => {
            tracing::warn!(file = %place.display(), %error, "packed weights stay in memory: they could not be written");
        }
    }
    Ok((base, model))
}

/// The digest that names a file of packed weights.
fn key(base: Digest, format: WeightFormat) -> Digest {
    DomainHasher::new("lazai.packed-weights.v1").part(base.as_bytes()).part(format!("{format:?}").as_bytes()).finish()
}

fn model(base: &mut BaseModel, file: &PackedFile) -> std::result::Result<Model, String> {
    let mut parts = file.parts().into_iter();
    let model = Model::mapped(base, &mut parts).map_err(|e| e.to_string())?;
    match parts.next() {
        None => Ok(model),
        Some(_) => Err("the file holds more matrices than the model".into()),
    }
}

/// A mapped file whose header was checked.
struct PackedFile {
    map: Arc<Mmap>,
    /// The matrices, and where their panels are in the map.
    matrices: Vec<(Matrix, Range<usize>)>,
}

impl PackedFile {
    fn parts(&self) -> Vec<Packed> {
        let mapped = |range: &Range<usize>| Mapped { map: self.map.clone(), range: range.clone() };
        self.matrices.iter().map(|(matrix, range)| Packed::mapped(*matrix, mapped(range))).collect()
    }

    /// Puts the file's panels in place of the same ones in memory.
    fn give(&self, model: &mut Model) {
        for (packed, part) in model.packed_mut().into_iter().zip(self.parts()) {
            *packed = part;
        }
    }
}

fn bad(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

fn read(place: &Path, key: Digest) -> io::Result<PackedFile> {
    let (file, header) = checked(place)?;
    if header.key != key { Err(bad("the file is of another model")) } else { Ok(file) }
}

/// Maps a file, and checks its header and its length.
fn checked(place: &Path) -> io::Result<(PackedFile, Header)> {
    let map = map(&File::open(place)?)?;
    let prefix = map.first_chunk::<PREFIX>().ok_or_else(|| bad("the file ends within its head"))?;
    let (magic, rest) = prefix.split_at(MAGIC.len());
    let (length, digest) = rest.split_at(8);
    let length = u64::from_le_bytes(length.try_into().map_err(bad)?);
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_HEADER_BYTES && magic == MAGIC);
    let length = length.ok_or_else(|| bad("the file holds no packed weights"))?;
    let header = map.get(PREFIX..PREFIX + length).ok_or_else(|| bad("the file ends within its head"))?;
    if sha256_reader(header)?.as_bytes() != digest {
        return Err(bad("the file's head is damaged"));
    }
    let header: Header = serde_json::from_slice(header).map_err(bad)?;
    let begin = (PREFIX + length).next_multiple_of(PAGE);
    let (mut at, mut matrices) = (begin, Vec::with_capacity(header.matrices.len()));
    for &matrix in &header.matrices {
        let bytes = matrix.form.bytes(matrix.rows, matrix.columns).ok_or_else(|| bad("a matrix of no known form"))?;
        let end = at.checked_add(bytes).ok_or_else(|| bad("a matrix of no size"))?;
        matrices.push((matrix, at..end));
        at = end;
    }
    if at != map.len() || (at - begin) as u64 != header.bytes {
        return Err(bad(format!("the file has {} bytes, not {at}", map.len())));
    }
    Ok((PackedFile { map: Arc::new(map), matrices }, header))
}

/// Writes a model's panels into a file, and checks them there.
fn write(model: &Model, folder: &Path, place: &PathBuf, key: Digest) -> io::Result<PackedFile> {
    std::fs::create_dir_all(folder)?;
    let all = model.packed();
    let panels = Panels { all: &all, at: 0 };
    let matrices = all.iter().map(|packed| packed.matrix()).collect();
    let bytes = all.iter().map(|packed| packed.bytes() as u64).sum();
    let header = Header { key, matrices, bytes, sha256: sha256_reader(panels)? };
    let json = serde_json::to_vec(&header)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = io::BufWriter::with_capacity(1 << 20, file);
    out.write_all(MAGIC)?;
    out.write_all(&(json.len() as u64).to_le_bytes())?;
    out.write_all(sha256_reader(&*json)?.as_bytes())?;
    out.write_all(&json)?;
    let head = PREFIX + json.len();
    out.write_all(&vec![0; head.next_multiple_of(PAGE) - head])?;
    for packed in &all {
        out.write_all(packed.panels_bytes())?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    let (file, written) = checked(place)?;
    let begin = file.matrices.first().map_or(file.map.len(), |(_, range)| range.start);
    if written != header || sha256_reader(&file.map[begin..])? != header.sha256 {
        std::fs::remove_file(place)?;
        return Err(bad("the file is not what was written"));
    }
    Ok(file)
}

/// The panels of all matrices, as one row of bytes.
struct Panels<'m> {
    all: &'m [&'m Packed],
    at: usize,
}

impl io::Read for Panels<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some((first, rest)) = self.all.split_first() {
            let left = &first.panels_bytes()[self.at..];
            if left.is_empty() {
                (self.all, self.at) = (rest, 0);
                continue;
            }
            let count = left.len().min(out.len());
            out[..count].copy_from_slice(&left[..count]);
            self.at += count;
            return Ok(count);
        }
        Ok(0)
    }
}

#[allow(unsafe_code, reason = "memory that is a file")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapped file must not change. Ours are written under another name, renamed when they are whole, and never written
    // again; that nobody else writes to the folder is asked of its keeper, as for the model's own file.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
