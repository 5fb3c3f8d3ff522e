//! The private part: a safetensors file under a canonical manifest.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use zeroize::Zeroizing;

use super::manifest::{MANIFEST_KEY, MAX_CLIPS, Manifest, Speech, bad, data_hasher, hash_head};
use super::{Contributor, MAX_CONTRIBUTORS, MAX_PRIVATE_BYTES, MAX_RECORDS, PovError};
use crate::digest::{DomainHasher, canonical_json};
use crate::id::Digest;

/// One dialogue as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Index into the manifest's contributors.
    pub contributor: u8,
    /// Token ids, 1 to [`MAX_RECORD_TOKENS`](super::MAX_RECORD_TOKENS).
    pub tokens: Vec<u32>,
    /// The tokens that the character says, and that are learnt; as long as `tokens`.
    pub loss_mask: Vec<bool>,
}

/// One recording of the character's voice.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Log-mel frames, row-major `[frames, 80]`.
    pub log_mel: Vec<f32>,
    /// The text, and its speaker.
    pub speech: Speech,
}

/// A dataset in memory, checked: every rule of the format holds.
pub struct Dataset {
    manifest: Manifest,
    records: Vec<Record>,
    clips: Vec<Clip>,
    salt_seed: Zeroizing<[u8; 32]>,
}

impl Dataset {
    /// Packs records and clips, with a fresh seed for the salts of the commitment.
    ///
    /// # Errors
    /// [`PovError`] if a rule of the format is broken.
    pub fn new(
        contributors: Vec<Contributor>,
        tokenizer_digest: Digest,
        vocab_size: u32,
        timestamp: u64,
        records: Vec<Record>,
        clips: Vec<Clip>,
    ) -> Result<Self, PovError> {
        let mut salt_seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *salt_seed)
            .map_err(|_| PovError::Empty { what: "randomness of the operating system".into() })?;
        let mut manifest = Manifest::new(contributors, tokenizer_digest, vocab_size, timestamp);
        manifest.clips = clips.iter().map(|c| c.speech.clone()).collect();
        let mut dataset = Self { manifest, records, clips, salt_seed };
        dataset.check()?;
        let tensors = dataset.tensors();
        dataset.manifest.data_hash = data_hash(&tensors);
        dataset.manifest.data_size = tensors.iter().map(|t| t.bytes.len() as u64).sum();
        Ok(dataset)
    }

    /// Notes the system message that the records go on from.
    #[must_use]
    pub fn behind(mut self, system: Option<String>) -> Self {
        self.manifest.system = system;
        self
    }

    /// The dataset's manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The dialogues.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The recordings.
    #[must_use]
    pub fn clips(&self) -> &[Clip] {
        &self.clips
    }

    /// The salt of a record's leaf: without it, a guess at a record could be tested against the public root.
    #[must_use]
    pub fn salt(&self, record: usize) -> Digest {
        salt(&self.salt_seed, record as u64)
    }

    /// The salt of the recordings' digest: without it, a holder of a recording could find out whether it is among them.
    #[must_use]
    pub fn voice_salt(&self) -> Digest {
        voice_salt(&self.salt_seed)
    }

    /// Tokens of all records together.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.records.iter().map(|r| r.tokens.len() as u64).sum()
    }

    /// Voice frames of all clips together.
    #[must_use]
    pub fn vocal_frames(&self) -> u64 {
        self.clips.iter().map(|c| (c.log_mel.len() / self.manifest.mel.bands as usize) as u64).sum()
    }

    /// The safetensors file; equal datasets give equal bytes.
    ///
    /// # Errors
    /// [`PovError::Malformed`] if the file would exceed [`MAX_PRIVATE_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, PovError> {
        let malformed = |reason: String| PovError::Malformed { bytes: 0, reason };
        let manifest = canonical_json(&self.manifest).map_err(|e| malformed(e.to_string()))?;
        let manifest = String::from_utf8(manifest).map_err(|e| malformed(e.to_string()))?;
        let tensors = self.tensors();
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|t| TensorView::new(t.dtype, t.shape.clone(), &t.bytes).map(|view| (t.name, view)))
            .collect();
        let views = views.map_err(|e| malformed(e.to_string()))?;
        let metadata = Some(HashMap::from([(MANIFEST_KEY.to_owned(), manifest)]));
        let bytes = safetensors::serialize(views, metadata).map_err(|e| malformed(e.to_string()))?;
        if bytes.len() > MAX_PRIVATE_BYTES {
            return Err(PovError::TooMany { what: "bytes", found: bytes.len(), max: MAX_PRIVATE_BYTES });
        }
        Ok(bytes)
    }

    /// Reads and checks a safetensors file.
    ///
    /// # Errors
    /// [`PovError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PovError> {
        let malformed = |reason: String| PovError::Malformed { bytes: bytes.len(), reason };
        if bytes.len() > MAX_PRIVATE_BYTES {
            return Err(PovError::TooMany { what: "bytes", found: bytes.len(), max: MAX_PRIVATE_BYTES });
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| malformed(e.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| malformed(e.to_string()))?;
        let manifest = header.metadata().as_ref().and_then(|m| m.get(MANIFEST_KEY));
        let manifest = Manifest::parse(manifest).map_err(malformed)?;
        let expected = manifest.data_hash;
        let dataset = Self::from_tensors(manifest, &file)?;
        let found = data_hash(&dataset.tensors());
        if found != expected {
            return Err(PovError::WrongDigest { expected, found });
        }
        if dataset.to_bytes()? != bytes {
            return Err(malformed("not in canonical form".into()));
        }
        Ok(dataset)
    }

    fn from_tensors(manifest: Manifest, file: &SafeTensors<'_>) -> Result<Self, PovError> {
        let token_ids = read_u32(file, "text.token_ids")?;
        let mask = read_u8(file, "text.loss_mask")?;
        let owners = read_u8(file, "text.contributor")?;
        let seed = read_u8(file, "text.salt_seed")?;
        let mel = read_f32(file, "voice.log_mel")?;
        let bands = manifest.mel.bands as usize;
        if mask.len() != token_ids.len() || mask.iter().any(|&m| m > 1) {
            return Err(bad("text.loss_mask", format!("expected {} values of 0 or 1", token_ids.len())));
        }
        let spans = read_spans(file, "text.offsets", token_ids.len())?;
        if owners.len() != spans.len() {
            return Err(bad("text.contributor", format!("expected {} values, found {}", spans.len(), owners.len())));
        }
        let records = spans.iter().zip(owners).map(|(&(start, end), &contributor)| Record {
            contributor,
            tokens: token_ids[start..end].to_vec(),
            loss_mask: mask[start..end].iter().map(|&m| m == 1).collect(),
        });
        let records = records.collect();
        let spans = read_spans(file, "voice.offsets", mel.len() / bands)?;
        if spans.len() != manifest.clips.len() || mel.len() % bands != 0 {
            return Err(bad(
                "voice.offsets",
                format!("expected {} clips, found {}", manifest.clips.len(), spans.len()),
            ));
        }
        let clips = spans.iter().zip(&manifest.clips);
        let clips = clips
            .map(|(&(start, end), speech)| Clip {
                log_mel: mel[start * bands..end * bands].to_vec(),
                speech: speech.clone(),
            })
            .collect();
        let salt_seed = <[u8; 32]>::try_from(seed)
            .map_err(|_| bad("text.salt_seed", format!("expected 32 bytes, found {}", seed.len())))?;
        let dataset = Self { manifest, records, clips, salt_seed: Zeroizing::new(salt_seed) };
        dataset.check()?;
        Ok(dataset)
    }

    /// Every rule that holds for a dataset, wherever it came from.
    fn check(&self) -> Result<(), PovError> {
        for (what, found, max) in [("records", self.records.len(), MAX_RECORDS), ("clips", self.clips.len(), MAX_CLIPS)]
        {
            if found > max {
                return Err(PovError::TooMany { what, found, max });
            }
        }
        if self.records.is_empty() {
            return Err(PovError::Empty { what: "records".into() });
        }
        self.manifest.check_contributors(MAX_CONTRIBUTORS)?;
        for (index, record) in self.records.iter().enumerate() {
            self.manifest.check_record(index, record)?;
        }
        for (index, clip) in self.clips.iter().enumerate() {
            self.manifest.check_clip(index, clip, self.records.len() as u64)?;
        }
        Ok(())
    }

    fn tensors(&self) -> Vec<Tensor> {
        let bands = self.manifest.mel.bands as usize;
        let tokens: Vec<u32> = self.records.iter().flat_map(|r| r.tokens.iter().copied()).collect();
        let mask: Vec<u8> = self.records.iter().flat_map(|r| r.loss_mask.iter().map(|&m| m.into())).collect();
        let owners: Vec<u8> = self.records.iter().map(|r| r.contributor).collect();
        let mel: Vec<f32> = self.clips.iter().flat_map(|c| c.log_mel.iter().copied()).collect();
        let u32s = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let frames = mel.len() / bands;
        let mel_bytes = mel.iter().flat_map(|v| v.to_le_bytes()).collect();
        let text_offsets = offsets(self.records.iter().map(|r| r.tokens.len()));
        let voice_offsets = offsets(self.clips.iter().map(|c| c.log_mel.len() / bands));
        let tensor = |name, dtype, shape, bytes| Tensor { name, dtype, shape, bytes };
        vec![
            tensor("text.contributor", Dtype::U8, vec![owners.len()], owners),
            tensor("text.loss_mask", Dtype::U8, vec![mask.len()], mask),
            tensor("text.offsets", Dtype::U32, vec![text_offsets.len()], u32s(&text_offsets)),
            tensor("text.salt_seed", Dtype::U8, vec![32], self.salt_seed.to_vec()),
            tensor("text.token_ids", Dtype::U32, vec![tokens.len()], u32s(&tokens)),
            tensor("voice.log_mel", Dtype::F32, vec![frames, bands], mel_bytes),
            tensor("voice.offsets", Dtype::U32, vec![voice_offsets.len()], u32s(&voice_offsets)),
        ]
    }
}

/// The salt of a record under a seed.
pub(super) fn salt(seed: &[u8; 32], record: u64) -> Digest {
    DomainHasher::new("lazai.salt.v1").part(seed).part(&record.to_le_bytes()).finish()
}

/// The salt of the recordings under a seed.
pub(super) fn voice_salt(seed: &[u8; 32]) -> Digest {
    DomainHasher::new("lazai.voice.salt.v1").part(seed).finish()
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (records, clips) = (self.records.len(), self.clips.len());
        write!(f, "Dataset {{ records: {records}, clips: {clips}, data_hash: {} }}", self.manifest.data_hash)
    }
}

struct Tensor {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Running sums from 0: where each item starts, and where the last one ends. Sizes are bounded by
/// [`MAX_PRIVATE_BYTES`], so they fit.
fn offsets(lengths: impl Iterator<Item = usize>) -> Vec<u32> {
    let ends = lengths.scan(0u32, |end, length| {
        *end = end.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

fn data_hash(tensors: &[Tensor]) -> Digest {
    let add = |hasher, t: &Tensor| hash_head(hasher, t.name, t.dtype, &t.shape).part(&t.bytes);
    tensors.iter().fold(data_hasher(), add).finish()
}

fn view<'a>(file: &SafeTensors<'a>, name: &'static str, dtype: Dtype) -> Result<&'a [u8], PovError> {
    let tensor = file.tensor(name).map_err(|_| bad(name, "missing".into()))?;
    if tensor.dtype() == dtype {
        Ok(tensor.data())
    } else {
        Err(bad(name, format!("expected {dtype:?}, found {:?}", tensor.dtype())))
    }
}

fn read_u8<'a>(file: &SafeTensors<'a>, name: &'static str) -> Result<&'a [u8], PovError> {
    view(file, name, Dtype::U8)
}

fn read_u32(file: &SafeTensors<'_>, name: &'static str) -> Result<Vec<u32>, PovError> {
    let bytes = view(file, name, Dtype::U32)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
}

fn read_f32(file: &SafeTensors<'_>, name: &'static str) -> Result<Vec<f32>, PovError> {
    let bytes = view(file, name, Dtype::F32)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

/// Offsets as spans: increasing from 0 to `total`.
fn read_spans(file: &SafeTensors<'_>, name: &'static str, total: usize) -> Result<Vec<(usize, usize)>, PovError> {
    let offsets = read_u32(file, name)?;
    let increasing = offsets.windows(2).all(|w| w[0] <= w[1]);
    let ends = (offsets.first().copied(), offsets.last().map(|&o| o as usize));
    if !increasing || ends != (Some(0), Some(total)) {
        return Err(bad(name, format!("expected offsets increasing from 0 to {total}")));
    }
    Ok(offsets.windows(2).map(|w| (w[0] as usize, w[1] as usize)).collect())
}
