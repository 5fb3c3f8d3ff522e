//! The manifest of a private part, and the rules that hold for each of its parts.

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::{Clip, Contributor, MAX_CLIP_FRAMES, MAX_RECORD_TOKENS, PovError, Record};
use crate::digest::DomainHasher;
use crate::id::Digest;
use crate::report::excerpt;

const FORMAT: &str = "lazai.pov.private.v1";
pub(super) const MANIFEST_KEY: &str = "lazai.pov";
pub(super) const MAX_CLIPS: usize = 4096;

/// Starts the hash over all tensors of a file, which are added in the order of their names.
pub(super) fn data_hasher() -> DomainHasher {
    DomainHasher::new("lazai.pov.data.v1")
}

/// Hashes the head of a tensor's bytes: name, type and each dimension.
pub(super) fn hash_head(hasher: DomainHasher, name: &str, dtype: Dtype, shape: &[usize]) -> DomainHasher {
    let hasher = hasher.part(name.as_bytes()).part(format!("{dtype:?}").as_bytes());
    shape.iter().fold(hasher, |hasher, &dimension| hasher.part(&(dimension as u64).to_le_bytes()))
}

/// A clip's transcript alignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// Index into the manifest's contributors.
    pub contributor: u8,
    /// The words.
    pub transcript: String,
    /// SPDX identifier of the speaker's licence for this recording.
    pub licence: String,
    /// The speaker's consent, in words.
    pub consent: String,
    /// The record that contains the words, if one does.
    pub record: Option<u32>,
}

/// The parameters of a spectrogram, pinned in every manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelSpec {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Samples per frame, and length of its Fourier transform.
    pub window_samples: u32,
    /// Samples from frame to frame.
    pub hop_samples: u32,
    /// Mel bands per frame.
    pub bands: u32,
}

impl MelSpec {
    /// Whisper's parameters, the only ones of this version.
    pub const WHISPER: Self = Self { sample_rate_hz: 16_000, window_samples: 400, hop_samples: 160, bands: 80 };
}

/// The manifest of a private part: the fields of LazAI's POV message, and how to read the tensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// Digest of all tensors: name, type, shape and bytes.
    pub data_hash: Digest,
    /// The kind of data.
    pub data_tag: String,
    /// Element types of the tensors.
    pub data_type: String,
    /// Bytes of all tensors together.
    pub data_size: u64,
    /// When it was packed, seconds since 1970 (UTC).
    pub timestamp: u64,
    /// Digest of the tokenizer that made the token ids.
    pub tokenizer_digest: Digest,
    /// Every token id is below this.
    pub vocab_size: u32,
    /// Parameters of the spectrograms.
    pub mel: MelSpec,
    /// The contributors of the material.
    pub contributors: Vec<Contributor>,
    /// One entry per clip, in order.
    pub clips: Vec<Speech>,
    /// The system message that the records go on from: their tokens begin behind it. Without one they are whole dialogues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
}

impl Manifest {
    /// A manifest whose clips, hash and size are not known yet.
    pub(super) fn new(
        contributors: Vec<Contributor>,
        tokenizer_digest: Digest,
        vocab_size: u32,
        timestamp: u64,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            data_hash: Digest::ZERO,
            data_tag: "dataset/dialogue+voice".into(),
            data_type: "u32,u8,f32".into(),
            data_size: 0,
            timestamp,
            tokenizer_digest,
            vocab_size,
            mel: MelSpec::WHISPER,
            contributors,
            clips: Vec::new(),
            system: None,
        }
    }

    /// Reads the manifest that a file's header carries.
    pub(super) fn parse(manifest: Option<&String>) -> Result<Self, String> {
        let manifest = manifest.ok_or_else(|| format!("no metadata {MANIFEST_KEY:?}"))?;
        let manifest: Self = serde_json::from_str(manifest).map_err(|e| e.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!("format is {:?}, expected {FORMAT:?}", excerpt(&manifest.format, 40)));
        }
        if manifest.mel != MelSpec::WHISPER {
            return Err("another spectrogram than this version knows".into());
        }
        Ok(manifest)
    }

    /// Every rule of a single record.
    pub(super) fn check_record(&self, index: usize, record: &Record) -> Result<(), PovError> {
        self.check_contributor("record", index, record.contributor)?;
        let tokens = record.tokens.len();
        if tokens == 0 {
            return Err(PovError::Empty { what: format!("record {index}") });
        }
        if tokens > MAX_RECORD_TOKENS {
            return Err(PovError::RecordTooLong { record: index, tokens });
        }
        if record.loss_mask.len() != tokens {
            return Err(bad("text.loss_mask", format!("record {index}: expected {tokens} values")));
        }
        let vocab_size = self.vocab_size;
        match record.tokens.iter().position(|&t| t >= vocab_size) {
            None => Ok(()),
            Some(position) => Err(PovError::TokenOutsideVocabulary {
                record: index,
                position,
                token: record.tokens[position],
                vocab_size,
            }),
        }
    }

    /// Every rule of a single clip, in a dataset of some records.
    pub(super) fn check_clip(&self, index: usize, clip: &Clip, records: u64) -> Result<(), PovError> {
        self.check_contributor("clip", index, clip.speech.contributor)?;
        if clip.log_mel.is_empty() || clip.log_mel.iter().any(|x| !x.is_finite()) {
            return Err(bad("voice.log_mel", format!("clip {index} is empty or not finite")));
        }
        if !clip.log_mel.len().is_multiple_of(self.mel.bands as usize) {
            return Err(bad("voice.log_mel", format!("clip {index} does not end with a whole frame")));
        }
        let frames = clip.log_mel.len() / self.mel.bands as usize;
        if frames > MAX_CLIP_FRAMES {
            return Err(PovError::TooMany { what: "frames of a clip", found: frames, max: MAX_CLIP_FRAMES });
        }
        if clip.speech.record.is_some_and(|r| u64::from(r) >= records) {
            return Err(bad("voice.log_mel", format!("clip {index} names a record that is not there")));
        }
        Ok(())
    }

    /// That contributors are not too many and named once.
    pub(super) fn check_contributors(&self, max: usize) -> Result<(), PovError> {
        let contributors = &self.contributors;
        if contributors.is_empty() {
            return Err(PovError::Empty { what: "contributors".into() });
        }
        if contributors.len() > max {
            return Err(PovError::TooMany { what: "contributors", found: contributors.len(), max });
        }
        for (i, contributor) in contributors.iter().enumerate() {
            if contributors[..i].iter().any(|c| c.address == contributor.address) {
                return Err(PovError::DuplicateContributor { address: contributor.address });
            }
        }
        Ok(())
    }

    fn check_contributor(&self, what: &'static str, index: usize, contributor: u8) -> Result<(), PovError> {
        let (contributor, contributors) = (usize::from(contributor), self.contributors.len());
        if contributor < contributors {
            Ok(())
        } else {
            Err(PovError::UnknownContributor { what, index, contributor, contributors })
        }
    }
}

pub(super) fn bad(tensor: &'static str, reason: String) -> PovError {
    PovError::BadTensor { tensor, reason }
}
