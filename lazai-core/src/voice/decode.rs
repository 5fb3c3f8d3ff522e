//! Decoding and resampling.

use std::io::Cursor;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::{
    AudioFormat, MAX_RECORDING_BYTES, MAX_RECORDING_SAMPLES, MAX_RECORDING_SECONDS, SAMPLE_RATE_HZ, VoiceError,
};
use crate::report::excerpt;

/// Sample rates that are believed.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// Pictures in tags are not looked at.
const MAX_TAG_BYTES: usize = 1 << 20;

/// A decoded recording: 16 kHz, mono.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Samples between -1 and 1.
    pub samples: Vec<f32>,
    /// What the file was.
    pub format: AudioFormat,
    /// Samples per second in the file.
    pub source_rate_hz: u32,
    /// Channels in the file; their mean was taken.
    pub source_channels: usize,
    /// Length in the file, in samples of one channel.
    pub source_samples: usize,
    /// Packets that could not be decoded, and were left out.
    pub damaged_packets: usize,
}

impl Audio {
    /// Decodes a WAV, FLAC, MP3 or Ogg Vorbis file, mixes it down, and resamples it to [`SAMPLE_RATE_HZ`].
    ///
    /// # Errors
    /// [`VoiceError`]; limits hold before memory of that size is taken.
    pub fn decode(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, VoiceError> {
        let length = bytes.as_ref().len();
        if length > MAX_RECORDING_BYTES {
            return Err(VoiceError::TooLarge { what: "bytes", found: length, max: MAX_RECORDING_BYTES });
        }
        let format = AudioFormat::detect(bytes.as_ref()).ok_or_else(|| VoiceError::Unsupported {
            reason: format!("it begins with {:02x?}", &bytes.as_ref()[..length.min(8)]),
        })?;
        // The decoders are strangers' code on strangers' bytes: should one panic, the file is what is refused.
        let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decode(bytes, format)));
        decoded.unwrap_or_else(|_| Err(VoiceError::Malformed { reason: "the decoder gave up".into() }))
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.source_samples as f64 / f64::from(self.source_rate_hz)
    }
}

fn decode(bytes: impl AsRef<[u8]> + Send + Sync + 'static, format: AudioFormat) -> Result<Audio, VoiceError> {
    // Programs that write to a pipe do not know the length yet, and write this one.
    let endless = format == AudioFormat::Wav && bytes.as_ref().get(4..8) == Some(&[0xFF; 4]);
    let mut hint = Hint::new();
    hint.with_extension(format.as_str());
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let limit = Limit::Maximum(MAX_TAG_BYTES);
    let tags = MetadataOptions::default().limit_tag_bytes(limit).limit_visual_bytes(limit);
    let mut reader = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), tags)
        .map_err(|e| malformed(&e))?;
    let unsupported = |reason: &str| VoiceError::Unsupported { reason: reason.into() };
    let track = reader.default_track(TrackType::Audio).ok_or_else(|| unsupported("no audio track"))?;
    let track_id = track.id;
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(|| unsupported("no audio codec"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|e| unsupported(&e.to_string()))?;
    let mut mono = Mono::default();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == track_id => mono.add(&mut *decoder, &packet)?,
            Ok(Some(_)) => {}
            Ok(None) => break,
            // A file that ends in the middle of a packet, or is damaged from here on.
            Err(_) => {
                mono.damaged_packets += usize::from(!endless);
                break;
            }
        }
    }
    if mono.samples.is_empty() {
        return Err(VoiceError::Malformed { reason: "no audio could be decoded".into() });
    }
    drop::<Box<dyn FormatReader>>(reader);
    Ok(Audio {
        format,
        source_rate_hz: mono.rate_hz,
        source_channels: mono.channels,
        source_samples: mono.samples.len(),
        damaged_packets: mono.damaged_packets,
        samples: resample(mono.samples, mono.rate_hz)?,
    })
}

fn malformed(error: &Error) -> VoiceError {
    VoiceError::Malformed { reason: excerpt(&error.to_string(), 200) }
}

/// The mean of all channels, packet by packet.
#[derive(Default)]
struct Mono {
    samples: Vec<f32>,
    rate_hz: u32,
    channels: usize,
    damaged_packets: usize,
    interleaved: Vec<f32>,
}

impl Mono {
    fn add(
        &mut self,
        decoder: &mut dyn AudioDecoder,
        packet: &symphonia::core::packet::Packet,
    ) -> Result<(), VoiceError> {
        let buffer = match decoder.decode(packet) {
            Ok(buffer) => buffer,
            Err(Error::ResetRequired) => {
                decoder.reset();
                self.damaged_packets += 1;
                return Ok(());
            }
            Err(_) => {
                self.damaged_packets += 1;
                return Ok(());
            }
        };
        let (rate_hz, channels) = (buffer.spec().rate(), buffer.num_planes());
        if buffer.frames() == 0 || channels == 0 {
            return Ok(());
        }
        if !RATES_HZ.contains(&rate_hz) {
            let reason = format!("{rate_hz} Hz, expected {} to {}", RATES_HZ.start(), RATES_HZ.end());
            return Err(VoiceError::Unsupported { reason });
        }
        if self.rate_hz == 0 {
            (self.rate_hz, self.channels) = (rate_hz, channels);
        }
        if (rate_hz, channels) != (self.rate_hz, self.channels) {
            return Err(VoiceError::Unsupported { reason: "rate or channels change in the middle".into() });
        }
        let found = self.samples.len() + buffer.frames();
        let max = MAX_RECORDING_SAMPLES.min(rate_hz as usize * MAX_RECORDING_SECONDS);
        if found > max {
            return Err(VoiceError::TooLarge { what: "samples", found, max });
        }
        self.interleaved.resize(buffer.samples_interleaved(), 0.0);
        buffer.copy_to_slice_interleaved(&mut self.interleaved);
        let mean = |frame: &[f32]| {
            let mean = frame.iter().sum::<f32>() / channels as f32;
            // Files of floats may hold anything.
            if mean.is_finite() { mean.clamp(-1.0, 1.0) } else { 0.0 }
        };
        self.samples.extend(self.interleaved.chunks_exact(channels).map(mean));
        Ok(())
    }
}

fn resample(samples: Vec<f32>, rate_hz: u32) -> Result<Vec<f32>, VoiceError> {
    if rate_hz == SAMPLE_RATE_HZ {
        return Ok(samples);
    }
    let failed = |e: &dyn std::fmt::Display| VoiceError::Malformed { reason: format!("resampling: {e}") };
    let (from, to) = (rate_hz as usize, SAMPLE_RATE_HZ as usize);
    let mut resampler = Fft::<f32>::new(from, to, 4_096, 1, FixedSync::Input).map_err(|e| failed(&e))?;
    let input = InterleavedSlice::new(&samples, 1, samples.len()).map_err(|e| failed(&e))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|e| failed(&e))?;
    Ok(output.take_data())
}
