//! Decoding, packet by packet.

use std::io::{Cursor, Read, Seek, SeekFrom};

use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::codec::{Codec, mp4_reason, mp4_sound};
use super::resample::Resampler;
use super::source::Source;
use super::{AudioFormat, MAX_DAMAGED_SHARE, MAX_RECORDING_BYTES, MAX_RECORDING_SECONDS, VoiceError};
use crate::report::{Action, Note, Report, excerpt};

/// Sample rates that are believed.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// Pictures inside FLAC, Ogg and MP4 are not looked at.
const MAX_TAG_BYTES: usize = 1 << 20;
/// The number of damaged packets that are forgiven in any recording: at its cut, and at its end.
const FORGIVEN_PACKETS: usize = 2;

/// Samples beyond this are no sound between -1 and 1: decoders overshoot by less.
const LOUD: f32 = 2.0;
/// Share of such samples beyond which all are of another scale.
const MAX_LOUD_SHARE: f64 = 0.1;

/// Whole packets that encoders add to fill up the last one: more of them behind the end that a header gives are another
/// recording, appended to the first.
const PADDING_PACKETS: usize = 2;

/// A decoded recording: 16 kHz, mono.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Samples between -1 and 1.
    pub samples: Vec<f32>,
    /// The file's format.
    pub format: AudioFormat,
    /// Samples per second in the file; for Opus 48,000, whatever was recorded.
    pub source_rate_hz: u32,
    /// Channels in the file; their mean was taken.
    pub source_channels: usize,
    /// Length in the file, in samples of one channel.
    pub source_samples: usize,
    /// Packets that could not be decoded, and were left out.
    pub damaged_packets: usize,
    /// Notes on data left out or repaired.
    pub notes: Vec<Note>,
}

impl Audio {
    /// Decodes a recording in memory; as [`Audio::read`].
    ///
    /// # Errors
    /// [`VoiceError`].
    pub fn decode(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, VoiceError> {
        Self::read(Cursor::new(bytes))
    }

    /// Decodes a recording, mixes it down, and resamples it to [`SAMPLE_RATE_HZ`](super::SAMPLE_RATE_HZ), packet by packet:
    /// beyond the samples that it gives, memory does not grow with the recording.
    ///
    /// The [module](super) lists the formats that are read and the faults that are forgiven.
    ///
    /// # Errors
    /// [`VoiceError`]; limits hold before memory of that size is taken.
    pub fn read(mut file: impl Read + Seek + Send + Sync + 'static) -> Result<Self, VoiceError> {
        let length = file.seek(SeekFrom::End(0))?;
        if length > MAX_RECORDING_BYTES as u64 {
            let found = usize::try_from(length).unwrap_or(usize::MAX);
            return Err(VoiceError::TooLarge { what: "bytes", found, max: MAX_RECORDING_BYTES });
        }
        let mut report = Report::default();
        let (source, format) = Source::open(file, length, &mut report)?;
        // The decoders are third-party code on untrusted bytes: if one panics, the file is refused.
        let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decode(source, format, report)));
        decoded.unwrap_or_else(|_| Err(VoiceError::Malformed { reason: "the decoder gave up".into() }))
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.source_samples as f64 / f64::from(self.source_rate_hz)
    }
}

fn decode<S>(mut source: Source<S>, format: AudioFormat, mut report: Report) -> Result<Audio, VoiceError>
where
    S: Read + Seek + Send + Sync + 'static,
{
    let malformed = |reason: String| VoiceError::Malformed { reason: excerpt(&reason, 200) };
    let mut sound = None;
    if format == AudioFormat::M4a {
        let length = source.seek(SeekFrom::End(0))?;
        sound = mp4_sound(&mut source, length)?;
        source.seek(SeekFrom::Start(0))?;
    }
    let mut hint = Hint::new();
    hint.with_extension(format.as_str());
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let limit = Limit::Maximum(MAX_TAG_BYTES);
    let tags = MetadataOptions::default().limit_tag_bytes(limit).limit_visual_bytes(limit);
    let mut reader = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), tags)
        .map_err(|e| malformed(e.to_string()))?;
    let unsupported = |reason: String| match format {
        AudioFormat::M4a => mp4_reason(sound, &reason),
        _ => VoiceError::Unsupported { reason: excerpt(&reason, 200) },
    };
    let (mut track_id, mut codec) = track(&*reader).map_err(unsupported)?;
    let mut mono = Mono::default();
    let mut behind = 0;
    loop {
        match reader.next_packet() {
            Ok(Some(mut packet)) if packet.track_id == track_id => {
                if packet.trim_end > Duration::ZERO && packet.trim_end >= packet.dur {
                    behind += 1;
                    if behind > PADDING_PACKETS {
                        packet.trim_end = Duration::ZERO;
                    }
                }
                mono.add(&mut codec, &packet)?;
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            // Recordings that were put one after another.
            Err(Error::ResetRequired) => (track_id, codec) = track(&*reader).map_err(&malformed)?,
            // A file that ends in the middle of a packet, or is damaged from here on.
            Err(_) => {
                mono.packets += 1;
                mono.damaged_packets += 1;
                break;
            }
        }
    }
    if behind > PADDING_PACKETS {
        let reason = format!("{} packets behind the end that its header gives, taken", behind - PADDING_PACKETS);
        report.note(Action::Repaired, "the sound", reason);
    }
    let (damaged, packets) = (mono.damaged_packets, mono.packets);
    let Some(resampler) = mono.resampler.take() else {
        return Err(VoiceError::Malformed { reason: "no audio could be decoded".into() });
    };
    mono.check(resampler.taken(), &mut report)?;
    if damaged > FORGIVEN_PACKETS && damaged as f64 > packets as f64 * MAX_DAMAGED_SHARE {
        return Err(VoiceError::Damaged { damaged, packets });
    }
    if damaged > 0 {
        report.note(Action::Dropped, "the sound", format!("{damaged} damaged packets"));
    }
    Ok(Audio {
        format,
        source_rate_hz: mono.rate_hz,
        source_channels: mono.channels,
        source_samples: resampler.taken(),
        damaged_packets: damaged,
        samples: resampler.finish()?,
        notes: report.notes,
    })
}

/// The track of sound in a file, and its decoder.
fn track(reader: &dyn FormatReader) -> Result<(u32, Codec), String> {
    let track = reader.default_track(TrackType::Audio).ok_or("no audio track")?;
    let params = track.codec_params.as_ref().and_then(|params| params.audio()).ok_or("no audio codec")?;
    Ok((track.id, Codec::new(params)?))
}

/// The mean of all channels, packet by packet.
#[derive(Default)]
struct Mono {
    /// `None` before the first sample.
    resampler: Option<Resampler>,
    rate_hz: u32,
    channels: usize,
    packets: usize,
    damaged_packets: usize,
    /// Samples beyond [`LOUD`], and those that are no finite number.
    loud: usize,
    missing: usize,
    interleaved: Vec<f32>,
}

impl Mono {
    fn add(&mut self, codec: &mut Codec, packet: &Packet) -> Result<(), VoiceError> {
        self.packets += 1;
        let Some(decoded) = codec.decode(packet, &mut self.interleaved) else {
            self.damaged_packets += 1;
            return Ok(());
        };
        let (rate_hz, channels) = (decoded.rate_hz, decoded.channels);
        if self.interleaved.is_empty() || channels == 0 {
            return Ok(());
        }
        if !RATES_HZ.contains(&rate_hz) {
            let reason = format!("{rate_hz} Hz, expected {} to {}", RATES_HZ.start(), RATES_HZ.end());
            return Err(VoiceError::Unsupported { reason });
        }
        let resampler = match &mut self.resampler {
            Some(resampler) => resampler,
            none => {
                (self.rate_hz, self.channels) = (rate_hz, channels);
                none.insert(Resampler::new(rate_hz)?)
            }
        };
        if (rate_hz, channels) != (self.rate_hz, self.channels) {
            return Err(VoiceError::Unsupported { reason: "rate or channels change in the middle".into() });
        }
        let found = resampler.taken() + self.interleaved.len() / channels;
        let max = rate_hz as usize * MAX_RECORDING_SECONDS;
        if found > max {
            return Err(VoiceError::TooLarge { what: "samples", found, max });
        }
        let (mut loud, mut missing) = (0, 0);
        let added = resampler.add(self.interleaved.chunks_exact(channels).map(|frame| {
            let mean = frame.iter().sum::<f32>() / channels as f32;
            // Files of floats may hold anything.
            loud += usize::from(mean.abs() > LOUD);
            missing += usize::from(!mean.is_finite());
            if mean.is_finite() { mean.clamp(-1.0, 1.0) } else { 0.0 }
        }));
        self.loud += loud;
        self.missing += missing;
        added
    }

    /// Notes samples that are no sound.
    ///
    /// # Errors
    /// [`VoiceError::Unsupported`] where so many are too large that they are of another scale.
    fn check(&self, samples: usize, report: &mut Report) -> Result<(), VoiceError> {
        if self.loud as f64 > samples as f64 * MAX_LOUD_SHARE {
            let reason = format!("{} of {samples} samples are beyond -{LOUD} and {LOUD}, expected -1 to 1", self.loud);
            return Err(VoiceError::Unsupported { reason });
        }
        if self.loud > 0 {
            let reason = format!("{} samples far beyond -1 and 1, cut down to these", self.loud);
            report.note(Action::Repaired, "the sound", reason);
        }
        if self.missing > 0 {
            let reason = format!("{} samples that are no numbers, taken as silence", self.missing);
            report.note(Action::Repaired, "the sound", reason);
        }
        Ok(())
    }
}
