//! Voice: recordings as people have them, turned into log-mel spectrograms with Whisper's parameters.
//!
//! [`Audio::decode`] reads WAV, FLAC, MP3 and Ogg Vorbis of any rate and number of channels (feature `audio`) into
//! 16 kHz mono; [`trim_silence`] cuts the ends; [`LogMel`] computes the spectrogram; [`read_manifest`] says what is
//! spoken, by whom, and on which terms.

#[cfg(feature = "audio")]
mod decode;
mod manifest;
mod mel;
mod silence;

#[cfg(feature = "audio")]
pub use decode::Audio;
#[cfg(feature = "audio")]
pub use manifest::read_folder;
pub use manifest::{ManifestError, Recording, Take, read_manifest};
pub use mel::{LogMel, MelSpec, log_mel};
pub use silence::trim_silence;

use thiserror::Error;

/// Largest recording that is read: 256 MiB.
pub const MAX_RECORDING_BYTES: usize = 256 << 20;
/// Longest recording that is read: half an hour, and 2^26 samples of one channel.
pub const MAX_RECORDING_SECONDS: usize = 1_800;
/// Most samples of one channel that are read: 2^26, 23 minutes at 48 kHz.
pub const MAX_RECORDING_SAMPLES: usize = 1 << 26;
/// Samples per second of everything behind [`Audio::decode`].
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// The kind of an audio file, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioFormat {
    /// RIFF WAVE.
    Wav,
    /// FLAC.
    Flac,
    /// MPEG audio, layer III.
    Mp3,
    /// Ogg.
    Ogg,
}

impl AudioFormat {
    /// Looks at the first bytes of a file.
    ///
    /// ```
    /// use lazai_core::voice::AudioFormat;
    /// assert_eq!(AudioFormat::detect(b"fLaC\0\0\0\x22"), Some(AudioFormat::Flac));
    /// assert_eq!(AudioFormat::detect(b"{}"), None);
    /// ```
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            // Frame sync, then layer III.
            [0xFF, second, ..] if second & 0xE6 == 0xE2 => Some(Self::Mp3),
            _ => None,
        }
    }

    /// A short name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
        }
    }
}

/// Why a recording could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoiceError {
    /// Nothing could be decoded, or nothing is to be heard.
    #[error("the recording is silent")]
    Silent,
    /// Damaged.
    #[error("not a readable recording: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
    /// More than [`MAX_RECORDING_BYTES`], [`MAX_RECORDING_SAMPLES`] or [`MAX_RECORDING_SECONDS`].
    #[error("a recording of more than {found} {what} exceeds the limit of {max}")]
    TooLarge {
        /// Bytes or samples.
        what: &'static str,
        /// How many there are, or were read.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// Shorter than one window.
    #[error("recording of {samples} samples is shorter than one window of {window}")]
    TooShort {
        /// How many samples it has.
        samples: usize,
        /// How many one window needs.
        window: usize,
    },
    /// Another format than the known ones.
    #[error("not a WAV, FLAC, MP3 or Ogg Vorbis file: {reason}")]
    Unsupported {
        /// What was found.
        reason: String,
    },
}

impl VoiceError {
    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Silent => "voice.silent",
            Self::Malformed { .. } => "voice.malformed",
            Self::TooLarge { .. } => "voice.too_large",
            Self::TooShort { .. } => "voice.too_short",
            Self::Unsupported { .. } => "voice.unsupported",
        }
    }
}
