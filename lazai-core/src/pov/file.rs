//! Private parts of any size: looked into without loading tensors, read record by record.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata};
use zeroize::Zeroizing;

use super::manifest::{MANIFEST_KEY, MAX_CLIPS, bad, data_hasher, hash_head};
use super::{
    Clip, MAX_CLIP_FRAMES, MAX_CONTRIBUTORS, MAX_FILE_RECORDS, MAX_HEADER_BYTES, MAX_RECORD_TOKENS, Manifest, PovError,
    Record,
};
use crate::id::Digest;

/// The tensors of a file, by name, with their element types and number of dimensions: the order in which they are hashed.
pub(super) const TENSORS: [(&str, Dtype, usize); 7] = [
    ("text.contributor", Dtype::U8, 1),
    ("text.loss_mask", Dtype::U8, 1),
    ("text.offsets", Dtype::U32, 1),
    ("text.salt_seed", Dtype::U8, 1),
    ("text.token_ids", Dtype::U32, 1),
    ("voice.log_mel", Dtype::F32, 2),
    ("voice.offsets", Dtype::U32, 1),
];
pub(super) const OWNERS: usize = 0;
pub(super) const MASK: usize = 1;
pub(super) const TEXT_OFFSETS: usize = 2;
pub(super) const SALT_SEED: usize = 3;
pub(super) const TOKENS: usize = 4;
pub(super) const MEL: usize = 5;
pub(super) const VOICE_OFFSETS: usize = 6;

/// A private part on disk: its header is read and checked, its tensors are not.
///
/// Nothing here needs memory that grows with the file: the header is at most 16 MiB, and records come one by one.
#[derive(Debug, Clone)]
pub struct PovFile {
    path: PathBuf,
    manifest: Manifest,
    sections: [Section; TENSORS.len()],
    bytes: u64,
}

/// The place of a tensor's bytes.
#[derive(Debug, Clone, Default)]
struct Section {
    shape: Vec<usize>,
    start: u64,
    length: u64,
}

impl PovFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`PovError`]: I/O, or a header that breaks the format.
    pub fn open(path: &Path) -> Result<Self, PovError> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let malformed =
            |reason: String| PovError::Malformed { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), reason };
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| malformed("cut off in the header's length".into()))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            return Err(malformed(format!("a header of {length} bytes exceeds the limit of {MAX_HEADER_BYTES}")));
        }
        if bytes < 8 + length {
            return Err(malformed(format!("a header of {length} bytes, but {} are left", bytes - 8)));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header)?;
        let header: Metadata = serde_json::from_slice(&header).map_err(|e| malformed(e.to_string()))?;
        let data_start = 8 + length;
        if data_start.checked_add(header.data_len() as u64) != Some(bytes) {
            return Err(malformed(format!(
                "the tensors take {} bytes, {} are there",
                header.data_len(),
                bytes - data_start
            )));
        }
        let manifest = header.metadata().as_ref().and_then(|m| m.get(MANIFEST_KEY));
        let manifest = Manifest::parse(manifest).map_err(malformed)?;
        if header.tensors().len() != TENSORS.len() {
            return Err(malformed(format!("{} tensors, expected {}", header.tensors().len(), TENSORS.len())));
        }
        let mut sections: [Section; TENSORS.len()] = Default::default();
        for (section, (name, dtype, dimensions)) in sections.iter_mut().zip(TENSORS) {
            let info = header.info(name).ok_or_else(|| bad(name, "missing".into()))?;
            if info.dtype != dtype || info.shape.len() != dimensions {
                return Err(bad(name, format!("expected {dtype:?} of {dimensions} dimensions")));
            }
            let (start, end) = info.data_offsets;
            *section =
                Section { shape: info.shape.clone(), start: data_start + start as u64, length: (end - start) as u64 };
        }
        let file = Self { path: path.into(), manifest, sections, bytes };
        file.check_shapes()?;
        Ok(file)
    }

    fn check_shapes(&self) -> Result<(), PovError> {
        let count = |tensor: usize| self.sections[tensor].shape[0] as u64;
        let expect = |tensor: usize, expected: u64| match count(tensor) {
            found if found == expected => Ok(()),
            found => Err(bad(TENSORS[tensor].0, format!("expected {expected} values, found {found}"))),
        };
        expect(SALT_SEED, 32)?;
        expect(MASK, count(TOKENS))?;
        expect(TEXT_OFFSETS, self.records() + 1)?;
        expect(VOICE_OFFSETS, self.manifest.clips.len() as u64 + 1)?;
        let bands = self.manifest.mel.bands as usize;
        if self.sections[MEL].shape[1] != bands {
            return Err(bad(TENSORS[MEL].0, format!("expected {bands} bands")));
        }
        if self.records() > MAX_FILE_RECORDS {
            let (found, max) = (self.sections[OWNERS].shape[0], MAX_FILE_RECORDS as usize);
            return Err(PovError::TooMany { what: "records", found, max });
        }
        if self.manifest.clips.len() > MAX_CLIPS {
            return Err(PovError::TooMany { what: "clips", found: self.manifest.clips.len(), max: MAX_CLIPS });
        }
        self.manifest.check_contributors(MAX_CONTRIBUTORS)
    }

    /// The file's manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.sections[OWNERS].shape[0] as u64
    }

    /// Tokens of all records together.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.sections[TOKENS].shape[0] as u64
    }

    /// Voice frames of all clips together.
    #[must_use]
    pub fn vocal_frames(&self) -> u64 {
        self.sections[MEL].shape[0] as u64
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Compares the tensors with the manifest's `data_hash`, and every record and clip with the rules of the format.
    ///
    /// # Errors
    /// [`PovError`].
    pub fn verify(&self) -> Result<(), PovError> {
        let mut hasher = data_hasher();
        for (section, (name, dtype, _)) in self.sections.iter().zip(TENSORS) {
            hasher = hash_head(hasher, name, dtype, &section.shape);
            hasher = hasher.part_from(section.length, self.open_section(section)?)?;
        }
        let (found, expected) = (hasher.finish(), self.manifest.data_hash);
        if found != expected {
            return Err(PovError::WrongDigest { expected, found });
        }
        for record in self.iter_records()? {
            record?;
        }
        for clip in self.iter_clips()? {
            clip?;
        }
        Ok(())
    }

    /// The records, one by one, each checked.
    ///
    /// # Errors
    /// [`PovError::Io`].
    pub fn iter_records(&self) -> Result<Records<'_>, PovError> {
        Ok(Records {
            file: self,
            next: 0,
            offsets: Offsets::new(self, TEXT_OFFSETS, self.tokens())?,
            owners: self.stream(OWNERS)?,
            tokens: self.stream(TOKENS)?,
            mask: self.stream(MASK)?,
        })
    }

    /// The clips, one by one, each checked.
    ///
    /// # Errors
    /// [`PovError::Io`].
    pub fn iter_clips(&self) -> Result<Clips<'_>, PovError> {
        let offsets = Offsets::new(self, VOICE_OFFSETS, self.vocal_frames())?;
        Ok(Clips { file: self, next: 0, offsets, mel: self.stream(MEL)? })
    }

    /// The salts of the records' leaves in a commitment, and of the recordings' digest.
    ///
    /// # Errors
    /// [`PovError::Io`].
    pub fn salts(&self) -> Result<Salts, PovError> {
        let mut seed = Zeroizing::new([0; 32]);
        self.stream(SALT_SEED)?.read_exact(&mut *seed)?;
        Ok(Salts(seed))
    }

    fn stream(&self, tensor: usize) -> Result<Stream, PovError> {
        self.open_section(&self.sections[tensor])
    }

    fn open_section(&self, section: &Section) -> Result<Stream, PovError> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(section.start))?;
        Ok(BufReader::with_capacity(64 << 10, file.take(section.length)))
    }
}

/// The salts of a file's records and recordings.
pub struct Salts(Zeroizing<[u8; 32]>);

impl Salts {
    /// The salt of a record: without it, a guess at a record could be tested against the public root.
    #[must_use]
    pub fn salt(&self, record: u64) -> Digest {
        super::private::salt(&self.0, record)
    }

    /// The salt of the recordings' digest: without it, a holder of a recording could find out whether it is among them.
    #[must_use]
    pub fn voice_salt(&self) -> Digest {
        super::private::voice_salt(&self.0)
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts { .. }")
    }
}

type Stream = BufReader<std::io::Take<File>>;

/// Running sums that increase from 0 to a total.
#[derive(Debug)]
struct Offsets {
    tensor: &'static str,
    values: Stream,
    last: u32,
    total: u64,
}

impl Offsets {
    fn new(file: &PovFile, tensor: usize, total: u64) -> Result<Self, PovError> {
        let mut offsets = Self { tensor: TENSORS[tensor].0, values: file.stream(tensor)?, last: 0, total };
        if read_u32(&mut offsets.values)? == 0 { Ok(offsets) } else { Err(offsets.wrong()) }
    }

    fn wrong(&self) -> PovError {
        bad(self.tensor, format!("expected offsets increasing from 0 to {}", self.total))
    }

    /// Length of the next item, of at most `max`.
    fn next_length(&mut self, max: u64) -> Result<usize, PovError> {
        let end = read_u32(&mut self.values)?;
        match end.checked_sub(self.last) {
            Some(length) if u64::from(end) <= self.total && u64::from(length) <= max => {
                self.last = end;
                Ok(length as usize)
            }
            _ => Err(self.wrong()),
        }
    }

    fn finish(&self) -> Result<(), PovError> {
        if u64::from(self.last) == self.total { Ok(()) } else { Err(self.wrong()) }
    }
}

fn read_u32(stream: &mut Stream) -> Result<u32, PovError> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_words(stream: &mut Stream, count: usize) -> Result<Vec<[u8; 4]>, PovError> {
    let mut bytes = vec![0; count * 4];
    stream.read_exact(&mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.to_vec())
}

/// Reads the records of a file.
#[derive(Debug)]
pub struct Records<'a> {
    file: &'a PovFile,
    next: u64,
    offsets: Offsets,
    owners: Stream,
    tokens: Stream,
    mask: Stream,
}

impl Records<'_> {
    fn read(&mut self) -> Result<Record, PovError> {
        // One more than allowed, so that a record that is too long says so itself.
        let length = self.offsets.next_length(MAX_RECORD_TOKENS as u64 + 1)?;
        let mut owner = [0];
        self.owners.read_exact(&mut owner)?;
        let mut mask = vec![0; length];
        self.mask.read_exact(&mut mask)?;
        if mask.iter().any(|&m| m > 1) {
            return Err(bad("text.loss_mask", "expected values of 0 or 1".into()));
        }
        let record = Record {
            contributor: owner[0],
            tokens: read_words(&mut self.tokens, length)?.into_iter().map(u32::from_le_bytes).collect(),
            loss_mask: mask.into_iter().map(|m| m == 1).collect(),
        };
        let index = usize::try_from(self.next).unwrap_or(usize::MAX);
        self.file.manifest.check_record(index, &record)?;
        self.next += 1;
        if self.next == self.file.records() {
            self.offsets.finish()?;
        }
        Ok(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, PovError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.file.records()).then(|| {
            let record = self.read();
            if record.is_err() {
                self.next = u64::MAX;
            }
            record
        })
    }
}

/// Reads the clips of a file.
#[derive(Debug)]
pub struct Clips<'a> {
    file: &'a PovFile,
    next: usize,
    offsets: Offsets,
    mel: Stream,
}

impl Clips<'_> {
    fn read(&mut self) -> Result<Clip, PovError> {
        let frames = self.offsets.next_length(MAX_CLIP_FRAMES as u64)?;
        let values = read_words(&mut self.mel, frames * self.file.manifest.mel.bands as usize)?;
        let clip = Clip {
            log_mel: values.into_iter().map(f32::from_le_bytes).collect(),
            speech: self.file.manifest.clips[self.next].clone(),
        };
        self.file.manifest.check_clip(self.next, &clip, self.file.records())?;
        self.next += 1;
        if self.next == self.file.manifest.clips.len() {
            self.offsets.finish()?;
        }
        Ok(clip)
    }
}

impl Iterator for Clips<'_> {
    type Item = Result<Clip, PovError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.file.manifest.clips.len()).then(|| {
            let clip = self.read();
            if clip.is_err() {
                self.next = usize::MAX;
            }
            clip
        })
    }
}
