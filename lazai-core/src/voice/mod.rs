//! Voice: recordings in common formats, turned into log-mel spectrograms with Whisper's parameters.
//!
//! [`Audio::read`] decodes a recording of any rate and number of channels (feature `audio`) into 16 kHz mono;
//! [`trim_silence`] cuts the ends; [`LogMel`] computes the spectrogram; [`read_manifest`] reads transcripts, speakers and
//! terms.
//!
//! | read | refused by name |
//! |---|---|
//! | WAV, RF64, BW64: PCM of 8 to 32 bits, floats, A-law, mu-law | WAV with ADPCM, GSM or another codec; RIFX, Wave64 |
//! | FLAC, alone or in Ogg | Apple Lossless, WavPack, Monkey's Audio, AIFF, CAF, AU, DSD |
//! | MP3 | MPEG audio of layer II, Musepack, WMA |
//! | AAC-LC in MP4 (`.m4a`) and in ADTS frames (`.aac`) | other AAC, MP4 with other codecs or without sound |
//! | Ogg Vorbis; Ogg Opus of one or two channels | Ogg Speex, Opus of more channels, WebM, AMR |
//!
//! Files are read as they are found:
//!
//! - ID3v2 and APE tags and zero bytes in front of the sound are stepped over, whatever pictures they hold, and so are ID3v1,
//!   APE and ID3v2 tags behind it. Bytes between a tag and the first of several MP3 frames in a row are left out.
//! - A WAV file's length fields need not agree with the file: the samples reach as far as it does. Corrections are in
//!   [`Audio::notes`].
//! - Damaged packets are left out and noted; a recording of which more than [`MAX_DAMAGED_SHARE`] are is refused.

#[cfg(feature = "audio")]
mod codec;
#[cfg(feature = "audio")]
mod decode;
mod format;
mod manifest;
#[cfg(feature = "audio")]
mod mel;
#[cfg(feature = "audio")]
mod resample;
mod silence;
#[cfg(feature = "audio")]
mod source;
pub(crate) mod terms;
#[cfg(feature = "audio")]
mod wav;

#[cfg(feature = "audio")]
pub use decode::Audio;
pub use format::AudioFormat;
pub(crate) use format::other as other_format;
pub(crate) use manifest::names_recordings;
#[cfg(feature = "audio")]
pub use manifest::read_folder;
pub use manifest::{ManifestError, Recording, Take, read_manifest};
#[cfg(feature = "audio")]
pub use mel::{LogMel, log_mel};
pub use silence::trim_silence;

pub use crate::pov::MelSpec;

use thiserror::Error;

/// Largest recording that is read: 256 MiB.
pub const MAX_RECORDING_BYTES: usize = 256 << 20;
/// Longest recording that is read: half an hour.
pub const MAX_RECORDING_SECONDS: usize = 1_800;
/// The share of packets that may be damaged: one in ten. A file with more is no recording any more, or is of another kind.
/// Two packets are forgiven in any recording.
pub const MAX_DAMAGED_SHARE: f64 = 0.1;
/// Samples per second of everything behind [`Audio::decode`].
pub const SAMPLE_RATE_HZ: u32 = MelSpec::WHISPER.sample_rate_hz;

/// Why a recording could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoiceError {
    /// More than [`MAX_DAMAGED_SHARE`] of the packets could not be decoded.
    #[error("{damaged} of {packets} packets are damaged, expected at most one in ten")]
    Damaged {
        /// Packets that could not be decoded.
        damaged: usize,
        /// All packets.
        packets: usize,
    },
    /// The file could not be read.
    #[error("{reason}")]
    Io {
        /// The operating system's error.
        reason: String,
    },
    /// Nothing could be decoded, or nothing is to be heard.
    #[error("the recording is silent")]
    Silent,
    /// Damaged.
    #[error("not a readable recording: {reason}")]
    Malformed {
        /// The decoder's message.
        reason: String,
    },
    /// More than [`MAX_RECORDING_BYTES`] or [`MAX_RECORDING_SECONDS`].
    #[error("a recording of more than {found} {what} exceeds the limit of {max}")]
    TooLarge {
        /// Bytes or samples.
        what: &'static str,
        /// The number there is, or that was read.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// Shorter than one window.
    #[error("recording of {samples} samples is shorter than one window of {window}")]
    TooShort {
        /// Its number of samples.
        samples: usize,
        /// The number that one window needs.
        window: usize,
    },
    /// Another format than the known ones.
    #[error("not a recording that is read: {reason}; WAV, FLAC, MP3, AAC (.m4a, .aac), Ogg Vorbis and Ogg Opus are")]
    Unsupported {
        /// The finding.
        reason: String,
    },
}

impl VoiceError {
    /// A stable name of the kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "voice.damaged",
            Self::Io { .. } => "io",
            Self::Silent => "voice.silent",
            Self::Malformed { .. } => "voice.malformed",
            Self::TooLarge { .. } => "voice.too_large",
            Self::TooShort { .. } => "voice.too_short",
            Self::Unsupported { .. } => "voice.unsupported",
        }
    }
}

impl From<std::io::Error> for VoiceError {
    fn from(error: std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}
